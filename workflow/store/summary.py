"""How many cases there are of each sort, kept so that nobody has to count them all: `summary`, derived from the cases.

Events do not know of it. Whoever needs it brings it up to date first: the lines of history since the last time say which cases
are to be counted anew; what they counted as is taken off and what they are is added. A line that is looked at twice does no
harm, since each counted case says of which of its lines that was. Ids of lines are given before the commit: on PostgreSQL a
line may become visible behind others, so what has been looked at ends where every transaction of an earlier look has ended.
What a case counts as also changes with the day: it says when (`turns_on`).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    true,
    update,
)

from ..history import RESERVED
from .filters import recorded
from .rows import dumps
from .sql import Store

__all__ = ["Key", "Summing", "Terms"]

PAGE = 500
"""cases counted in one transaction"""
WHOLE_DAY = len("2026-03-02")


class Key(NamedTuple):
    """What a case counts as. `day` is a month for what comes and goes, a year for answers, a due day for what is due."""

    measure: str
    kind: str
    day: str = ""
    root: bool = False
    tenant: str = ""
    unit: str = ""
    slot: str = ""
    state: str = ""
    days: int = 0
    late: bool = False
    recorded: bool = False
    """all that is known of it was imported"""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is counted: by which relations units stand, which rules are the law's own, when a case of a kind is answered."""

    units: Collection[str]
    statutory: Collection[str]
    answers: Mapping[str, tuple[Sequence[str], Sequence[str]]]
    """kind -> (clocks, events)"""
    finishing: Mapping[str, Sequence[str]]
    """kind -> the states in which its cases are finished"""

    @property
    def digest(self) -> str:
        """A hash of it: counted by other terms, all is to be counted anew."""
        said = [
            sorted(self.units),
            sorted(self.statutory),
            sorted((k, list(c), list(e)) for k, (c, e) in self.answers.items()),
            sorted((kind, list(states)) for kind, states in self.finishing.items()),
        ]
        return hashlib.sha256(dumps(said).encode()).hexdigest()


class _Mark(NamedTuple):
    """The last line there is; the number of the next transaction and of the first one that has not ended."""

    last: int
    next: int
    oldest: int

    @property
    def quiet(self) -> bool:
        """Nobody is writing: every line up to the last is to be seen."""
        return self.next == self.oldest


@dataclass(slots=True)
class _Found:
    """One case as it is looked at."""

    row: Any
    units: set[str]
    clocks: list[Any]
    done: dict[str, str]
    """year -> the last day on which it was answered in it"""
    finished: bool = False
    finished_on: str | None = None
    recorded: bool = False


class Summing:
    """Brings the summary up to date. All it needs is read; nothing of a case is written."""

    def __init__(self, store: Store, terms: Terms, today: date, now: datetime) -> None:
        self._store = store
        self._t = store.tables
        self._terms = terms
        self._today = today.isoformat()
        self._now = now.isoformat()

    def current(self, connection: Connection) -> bool:
        """Whether nothing happened since it was brought up to date: one short question."""
        s, state = self._t.summed.c, self._t.summary_state
        turned = exists(select(1).where(s.turns_on < self._today))
        asked = select(state, self._last().label("last"), turned.label("turned"))
        found: Any = connection.execute(asked).one_or_none()
        if self._stale(found) or found.reached is not None:
            return False
        return bool(found.last == found.low and not found.turned)

    def advance(self, connection: Connection) -> bool:
        """Count a page of cases anew, in this transaction; whether that was all there was to count."""
        self._store.lock_name(connection, "summary")
        mark, state = self._looked(connection)
        if self._stale(state):
            state = self._begun(connection, mark)
        if state.reached is not None:
            return self._go_on(connection, state.reached)
        cases = self._changed(connection, state.low)
        self._count(connection, cases)
        if len(cases) < PAGE and (cases or mark.quiet or mark.oldest >= state.mark_at):
            self._remember(connection, state, mark)
        return len(cases) < PAGE

    def forget(self, connection: Connection) -> None:
        """All is counted anew the next time."""
        connection.execute(delete(self._t.summary_state))

    def contradictions(self, connection: Connection) -> Iterator[str]:
        """Every sort of case of which there are not as many as the summary says, and every case that is open and not in the list of
        those, or the other way round; to be asked when it is up to date.
        """
        s, counted, last = self._t.summary.c, Counter[str](), ""
        while cases := self._after(connection, last):
            for one in self._found(connection, cases):
                counted.update(map(_text, self._keys(one)))
            last = cases[-1]
        kept = {row.key: row.n for row in connection.execute(select(s.key, s.n).where(s.n != 0))}
        for key in sorted(counted.keys() | kept.keys()):
            if counted[key] != kept.get(key, 0):
                yield f"{key}: {kept.get(key, 0)} ({counted[key]})"
        c, said = self._t.cases.c, self._t.summed.c
        wrong = (
            select(c.id)
            .join_from(self._t.cases, self._t.summed, said.case_id == c.id)
            .where(said.open == c.closed)
        )
        yield from (f"{case}: open" for case in connection.execute(wrong.order_by(c.id)).scalars())

    # -- how far it is

    def _looked(self, connection: Connection) -> tuple[_Mark, Any]:
        """How far the history is, and how far it was counted (None: nothing was), in one question."""
        state, one = self._t.summary_state, select(literal(1).label("one")).subquery()
        snapshot: list[Any] = [] if self._store.is_sqlite else [
            literal_column(f"pg_snapshot_{end}(pg_current_snapshot())::text::bigint").label(name)
            for name, end in (("next", "xmax"), ("oldest", "xmin"))
        ]  # fmt: skip
        asked = select(self._last().label("last"), *snapshot, state).select_from(one.outerjoin(state, true()))
        found: Any = connection.execute(asked).one()
        # SQLite has one writer: ids become visible in their order
        mark = _Mark(found.last, *(0, 0) if self._store.is_sqlite else (found.next, found.oldest))
        return mark, None if found.id is None else found

    def _stale(self, state: Any) -> bool:
        return state is None or state.terms != self._terms.digest or state.day > self._today

    def _last(self) -> Any:
        return select(func.coalesce(func.max(self._t.history.c.id), 0)).scalar_subquery()

    def _begun(self, connection: Connection, mark: _Mark) -> Any:
        """All from the first case on; what happens from now on is seen by its line."""
        for table in (self._t.summary, self._t.summed, self._t.summary_state):
            connection.execute(delete(table))
        connection.execute(insert(self._t.summary_state).values(
            id=1, terms=self._terms.digest, day=self._today, low=mark.last if mark.quiet else 0, mark_id=mark.last,
            mark_at=mark.next, reached="", at=self._now,
        ))  # fmt: skip
        return connection.execute(select(self._t.summary_state)).one()

    def _remember(self, connection: Connection, state: Any, mark: _Mark) -> None:
        """Lines are done with up to a mark since which every transaction of its time has ended."""
        values: dict[str, Any] = {"day": self._today, "at": self._now}
        if mark.quiet:
            values["low"] = mark.last
        elif mark.oldest >= state.mark_at:
            values |= {"low": state.mark_id, "mark_id": mark.last, "mark_at": mark.next}
        connection.execute(update(self._t.summary_state).values(**values))

    def _go_on(self, connection: Connection, reached: str) -> bool:
        """A page of all cases; what happened to them meanwhile is for the next time."""
        cases = self._after(connection, reached)
        self._count(connection, cases)
        reached_ = cases[-1] if len(cases) == PAGE else None
        connection.execute(update(self._t.summary_state).values(reached=reached_))
        return False

    # -- which cases

    def _after(self, connection: Connection, last: str) -> list[str]:
        c = self._t.cases.c
        query = select(c.id).where(c.id > last).order_by(c.id).limit(PAGE)
        return list(connection.execute(query).scalars())

    def _changed(self, connection: Connection, low: int) -> list[str]:
        """A page of those to which something happened since, or which the day has turned into something else."""
        h, c, s = self._t.history, self._t.cases, self._t.summed
        happened = (
            select(h.c.case_id)
            .select_from(h.join(c, c.c.id == h.c.case_id).outerjoin(s, s.c.case_id == h.c.case_id))
            .where(h.c.id > low, or_(s.c.seq.is_(None), s.c.seq != c.c.seq))
        )
        query = happened.union(select(s.c.case_id).where(s.c.turns_on < self._today)).limit(PAGE)
        return list(connection.execute(query).scalars())

    # -- counting

    def _count(self, connection: Connection, cases: Sequence[str]) -> None:
        """Take off what these counted as, and add what they are."""
        if not cases:
            return
        s, change = self._t.summed, Counter[int]()
        gone = delete(s).where(s.c.case_id.in_(cases)).returning(s.c.counted)
        for counted in connection.execute(gone).scalars():
            change.subtract(json.loads(counted))
        found = [(one, self._keys(one)) for one in self._found(connection, cases)]
        ids = self._ids(connection, {key for _, keys in found for key in keys})
        for _, keys in found:
            change.update(ids[key] for key in keys)
        connection.execute(insert(s), [
            {
                "case_id": one.row.id, "seq": one.row.seq, "turns_on": self._turns(one), "number": one.row.number,
                "kind": one.row.kind, "state": one.row.state, "opened_on": one.row.opened_on,
                "concluded_on": one.finished_on, "due_on": None if one.row.closed else one.row.due_on, "open": not one.row.closed,
                "counted": json.dumps([ids[key] for key in keys]),
            } for one, keys in found
        ])  # fmt: skip
        rows = [{"of": id_, "by": by} for id_, by in sorted(change.items()) if by]
        if rows:
            n = self._t.summary.c.n
            add = (
                update(self._t.summary)
                .where(self._t.summary.c.id == bindparam("of"))
                .values(n=n + bindparam("by"))
            )
            connection.execute(add, rows)

    def _ids(self, connection: Connection, keys: Collection[Key]) -> dict[Key, int]:
        """Each sort's row, made where there is none."""
        texts = {_text(key): key for key in keys}
        found = self._known(connection, list(texts))
        new = sorted(texts.keys() - found.keys())
        if new:
            table = self._t.summary
            rows = [{"key": one, "n": 0, **texts[one]._asdict()} for one in new]
            made = connection.execute(insert(table).returning(table.c.key, table.c.id), rows)
            found |= {row.key: row.id for row in made}
        return {key: found[one] for one, key in texts.items()}

    def _known(self, connection: Connection, texts: Sequence[str]) -> dict[str, int]:
        s, found = self._t.summary.c, dict[str, int]()
        for start in range(0, len(texts), PAGE):
            query = select(s.key, s.id).where(s.key.in_(texts[start : start + PAGE]))
            found.update((row.key, row.id) for row in connection.execute(query))
        return found

    def _found(self, connection: Connection, cases: Sequence[str]) -> list[_Found]:
        c, r, k = (self._t.cases.c, self._t.relation.c, self._t.clock.c)
        query = select(
            c.id, c.root_id, c.kind, c.tenant, c.state, c.slot, c.opened_on, c.closed, c.due_on, c.seq, c.number,
        )  # fmt: skip
        found = {
            row.id: _Found(row, set(), [], {}) for row in connection.execute(query.where(c.id.in_(cases)))
        }
        held = select(r.case_id, r.party).where(
            r.case_id.in_(cases), r.relation.in_(sorted(self._terms.units))
        )
        for row in connection.execute(held):
            found[row.case_id].units.add(row.party)
        clocks = select(k.case_id, k.name, k.rule, k.anchor_on, k.due_on, k.outer_on, k.running)
        for clock in connection.execute(clocks.where(k.case_id.in_(cases))):
            found[clock.case_id].clocks.append(clock)
        self._answered(connection, found)
        self._finished(connection, found)
        self._recorded(connection, found)
        return list(found.values())

    def _recorded(self, connection: Connection, found: Mapping[str, _Found]) -> None:
        """Of which all that is known was imported."""
        c = self._t.cases.c
        query = select(c.id).where(c.id.in_(found), recorded(self._store, RESERVED))
        for id_ in connection.execute(query).scalars():
            found[id_].recorded = True

    def _finished(self, connection: Connection, found: Mapping[str, _Found]) -> None:
        """Which are finished, and since when: by the first line after all that led elsewhere."""
        h, finishing = self._t.history.c, self._terms.finishing
        there = {id_: one for id_, one in found.items() if one.row.state in finishing.get(one.row.kind, ())}
        query = select(h.case_id, h.to_state, h.effective_on).where(h.case_id.in_(there))
        for id_, state, day in connection.execute(query.order_by(h.case_id, h.seq)):
            one, finished = there[id_], state in finishing[there[id_].row.kind]
            if finished != one.finished:
                one.finished, one.finished_on = finished, day if finished else None

    def _answered(self, connection: Connection, found: Mapping[str, _Found]) -> None:
        h, asked = self._t.history.c, self._terms.answers
        cases = [id_ for id_, one in found.items() if one.row.kind in asked]
        events = {event for _, events in asked.values() for event in events}
        if not cases or not events:
            return
        query = select(h.case_id, h.event, h.effective_on).where(
            h.case_id.in_(cases), h.event.in_(sorted(events)), func.length(h.effective_on) == WHOLE_DAY
        )
        for case, event, day in connection.execute(query):
            one = found[case]
            if event in asked[one.row.kind][1]:
                one.done[day[:4]] = max(day, one.done.get(day[:4], ""))

    # -- what a case counts as

    def _keys(self, one: _Found) -> list[Key]:
        """Each sort once, whatever came of it twice."""
        row = one.row
        base = Key("", row.kind, root=row.id == row.root_id, tenant=row.tenant, recorded=one.recorded)
        stands = base._replace(slot=row.slot or "", state=row.state)
        found: list[Key] = []
        if row.opened_on:
            found.append(base._replace(measure="opened", day=row.opened_on[:7], slot=row.slot or ""))
        if not row.closed:
            found.append(stands._replace(measure="open"))
            found += [stands._replace(measure=name) for name, on in self._limits(one) if on < self._today]
        if one.finished_on:
            found.append(stands._replace(measure="concluded", day=one.finished_on[:7]))
        found += [
            base._replace(measure=key.measure, day=key.day, unit=unit)
            for key in found
            for unit in sorted(one.units)
            if key.measure in ("opened", "concluded") or not one.finished
        ]
        if not row.closed:
            found.append(stands._replace(measure="due", day=row.due_on or ""))
        return list(dict.fromkeys([*found, *self._took(one, base)]))

    def _limits(self, one: _Found) -> Iterator[tuple[str, str]]:
        """The day after which it is over its target, and over the law's own limit."""
        running = [clock for clock in one.clocks if clock.running]
        hard = [
            clock.outer_on or clock.due_on for clock in running if clock.outer_on or clock.rule in self._terms.statutory
        ]  # fmt: skip
        for name, days in (("over_target", [clock.due_on for clock in running]), ("over_statutory", hard)):
            if days:
                yield name, min(days)

    def _turns(self, one: _Found) -> str | None:
        if one.row.closed:
            return None
        return min((on for _, on in self._limits(one) if on >= self._today), default=None)

    def _took(self, one: _Found, base: Key) -> Iterator[Key]:
        clocks, _ = self._terms.answers.get(one.row.kind, ((), ()))
        for year, day in one.done.items():
            for clock in one.clocks:
                if clock.name in clocks and not clock.running:
                    days = (date.fromisoformat(day) - date.fromisoformat(clock.anchor_on)).days
                    yield base._replace(measure="took", day=year, days=days, late=day > clock.due_on)


def _text(key: Key) -> str:
    return dumps(list(key))
