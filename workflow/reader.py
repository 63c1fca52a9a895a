"""What is asked of an engine: a case, lists of cases, the lines of a case, a case as it was, how a deadline comes about.

Nothing here writes. With `actor` an answer holds what that person may know of, and nothing else (sight.py, visibility.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from . import visibility
from .calendarkeeper import CalendarKeeper
from .call import check_id, no_case, no_id
from .clock import civil_date
from .deadlines import Explanation, explain
from .decision import only
from .errors import NotFound, Text
from .given import check_are_texts, check_days, check_limit, check_number, wrong_kind
from .laws import Laws
from .likeness import likest, sketched
from .model import Actor, Case, Grant, HistoryEntry, Kept, Similar, Untold
from .showing import entry, fold, view
from .sight import Seen, Sight
from .store.retained import Retentions
from .store.sql import Store
from .store.untold import due_on
from .store.work import Host
from .visibility import Viewer

__all__ = ["SIMILAR", "Reader"]

SIMILAR = 0.4
"""the score from which cases are thought to be about the same matter; measured in tests/test_similar.py"""
TOGETHER = 500
"""keys or ids in one question"""


class Reader:
    """The questions of an engine; `Engine` is one."""

    def __init__(
        self, store: Store, laws: Laws, sight: Sight, calendars: CalendarKeeper, now: Callable[[], datetime]
    ) -> None:
        self.store = store
        self.laws = laws
        self.sight = sight
        self.calendars = calendars
        self._now = now

    def case(self, case: str, *, actor: Actor | None = None, session: Host | None = None) -> Case:
        """The case as it stands; with `actor`, only if that person may know of it. Raises NotFound."""
        return self.show(self._one(case, actor, session))

    def children(self, case: str, *, actor: Actor | None = None, session: Host | None = None) -> list[Case]:
        """The children of a root case, oldest first, as far as that person may know of them."""
        if not isinstance(case, str):
            raise no_id(case)
        with self.store.connection(session) as connection:
            found = self.sight.look(connection, self.store.questions.children(case), actor)
        return [self.show(one) for one in found]

    def as_unit_sees(self, case: str, unit: str, *, session: Host | None = None) -> Case:
        """The case without what is kept from whoever acts for that unit: for what is written to it. Raises NotFound."""
        record = self._one(case, None, session).record
        root = record if record.id == record.root else self._one(record.root, None, session).record
        grant = Grant(id="", person="", role="", scope=record.tenant, unit=unit)
        viewer = Viewer("", [grant], civil_date(self._now()))
        return self.show(Seen(record, self.sight.hidden(record, root, viewer)))

    def search(
        self, *, actor: Actor | None = None, kind: str | None = None, state: str | None = None, tenant: str | None = None,
        number: str | None = None, unit: str | None = None, closed: bool | None = None, due_before: date | None = None,
        after: str | None = None, limit: int = 100, session: Host | None = None,
    ) -> list[Case]:  # fmt: skip
        """Cases by id, at most `limit`; `after` is the last id of the page before. `unit`: stands in any relation to it, and
        not in one that is hidden from that person: who asks for a name learns no more than who reads. Raises NotFound for a
        kind, or a state, that no version of any definition here has.
        """
        check_limit(limit)
        check_days(due_before=due_before)
        texts = {
            "kind": kind, "state": state, "tenant": tenant, "number": number, "unit": unit, "after": after,
        }  # fmt: skip
        check_are_texts(**{name: given for name, given in texts.items() if given is not None})
        self._check_known(kind, state, session)
        found: list[Seen] = []
        with self.store.connection(session) as connection:
            untold: tuple[Untold, ...] = ()
            if due_before is not None and actor is not None:
                untold = self.sight.untold(connection, self.sight.reader(connection, actor))
            due = None if due_before is None else due_on(self.store, untold) < due_before.isoformat()
            while True:
                wanted = limit - len(found)
                query = self.store.questions.search(
                    kind=kind, state=state, tenant=tenant, number=number, unit=unit, closed=closed, due=due,
                    after=after, limit=wanted,
                )  # fmt: skip
                page = self.sight.look(connection, query, actor, "open" if closed is False else "all")
                found += [one for one in page if not one.hides(unit)]
                if len(page) < wanted or len(found) == limit:
                    return [self.show(one) for one in found]
                after = page[-1].record.id

    def unique_cases(
        self, kind: str, wanted: Collection[tuple[str, Mapping[str, Any]]], *, actor: Actor | None = None,
        session: Host | None = None,
    ) -> list[Case]:  # fmt: skip
        """Of a kind of which a tenant has one case with certain values (`once`), those of these (tenant, values), whoever started
        them. Some hundred are asked for at a time. Raises NotFound for a kind that there is not.
        """
        start = self.laws.latest(kind).definition.start
        keys = sorted({only(kind, tenant, start, data) for tenant, data in wanted})
        found: list[Case] = []
        with self.store.connection(session) as connection:
            for first in range(0, len(keys), TOGETHER):
                query = self.store.questions.keyed(keys[first : first + TOGETHER])
                found += [self.show(one) for one in self.sight.look(connection, query, actor)]
        return found

    def worklist(
        self, actor: Actor, *, limit: int = 100, after: tuple[str | None, str] | None = None, session: Host | None = None
    ) -> list[Case]:  # fmt: skip
        """Open cases in a state whose holder this person is, the earliest due first; `after`: due day and id of the last one of
        the page before.
        """
        check_limit(limit)
        with self.store.connection(session) as connection:
            waiting = self.sight.waiting(self.sight.reader(connection, actor))
            query = self.store.questions.by_due_day(limit, after).where(waiting)
            found = self.sight.look(connection, query, actor, "open")
        return [self.show(one) for one in found]

    def similar(
        self, case: str, *, actor: Actor | None = None, limit: int = 5, at_least: float = SIMILAR, session: Host | None = None
    ) -> list[Similar]:  # fmt: skip
        """Cases of the same kind and tenant that are likely about the same matter, the most alike first, as far as that person
        may know of them, by the texts that he is shown. Nothing for a definition that does not say by which texts (`similar`).
        Raises NotFound.
        """
        check_limit(limit)
        own = self.show(self._one(case, actor, session))
        with self.store.connection(session) as connection:
            near = likest(self.store, self.laws, connection, [own])[own.id]
            found = self.sight.cases(connection, near.cases, actor)
        known = {seen.record.id: self.show(seen) for seen in found}
        best = near.best(sketched(self.laws, known.values()), at_least)[:limit]
        return [Similar(case=known[id_], score=score) for id_, score in best]

    def history(
        self, case: str, *, actor: Actor | None = None, after: int = 0, limit: int | None = None,
        session: Host | None = None,
    ) -> list[HistoryEntry]:  # fmt: skip
        """The lines of a case in order, with what was given and is not erased: all, or at most `limit` after line `after`.

        Raises NotFound.
        """
        check_id(case)
        if limit is not None:
            check_limit(limit)
        check_number(after=after)
        seen = None if actor is None else self._one(case, actor, session)
        if seen is None or not seen.hidden:
            return self._lines(case, session, after, limit)
        # All of them: who stood in a hidden relation before is hidden too, and a page is full though lines are left out.
        lines = [
            line for line in visibility.of_lines(self._lines(case, session), seen.hidden) if line.seq > after
        ]
        return lines[:limit]

    def _lines(
        self, case: str, session: Host | None, after: int = 0, limit: int | None = None
    ) -> list[HistoryEntry]:
        with self.store.connection(session) as connection:
            found = self.store.history(connection, case, after=after, limit=limit)
        if not found and after == 0:
            raise no_case(case)
        return [entry(row, body) for row, body in found]

    def case_at(
        self, case: str, moment: datetime | int, *, actor: Actor | None = None, session: Host | None = None
    ) -> Case:
        """The case as it was at an instant (aware), or after its line `seq`; of its clocks the outer limit and
        whether they are provisional are today's. What is hidden from `actor` is what is hidden from him today. Raises NotFound
        before its start and after its last line.
        """
        check_id(case)
        if not isinstance(moment, int) and getattr(moment, "tzinfo", None) is None:
            raise wrong_kind(
                "moment",
                moment,
                "带时区的时刻或行号",
                "an instant with its zone (aware), or the number of a line",
            )
        seen = self._one(case, actor, session)
        lines = self._lines(case, session)
        if isinstance(moment, int):
            told = visibility.numbered(lines, seen.hidden)
            if moment > len(told):
                raise _beyond(case, moment, len(told))
            moment = told[moment - 1] if moment > 0 else 0
        # Where the clock was set back a line bears an earlier instant than the one before it, on which it rests all the same.
        last = moment if isinstance(moment, int) else max(
            (line.seq for line in lines if line.recorded_at <= moment), default=0
        )  # fmt: skip
        until = [line for line in lines if line.seq <= last]
        later = [line for line in lines if line.seq > last]
        if not until:
            raise _not_yet(case, civil_date(lines[0].recorded_at))
        law = self.laws.pinned(until[-1].definition).definition
        found = fold(view(self.laws, seen.record), until, later, law)
        return found if seen.hidden is None else visibility.of_case(found, seen.hidden.then(until))

    def explain(
        self, case: str, clock: str, *, actor: Actor | None = None, session: Host | None = None
    ) -> Explanation:
        """How the due day of a clock comes about: every skipped day, the sentence, the source. Raises NotFound."""
        if session is None:
            self.calendars.look()
        else:  # within a host's transaction what it saw first holds
            self.calendars.before(session)
        seen = self._one(case, actor, session)
        clocks = {name: one for name, one in seen.record.clocks.items() if seen.tells(name)}
        if clock not in clocks:
            raise NotFound.among(Text("时钟", "clock"), clock, clocks)
        ledger = clocks[clock].ledger
        if seen.hidden is not None:
            ledger = visibility.of_ledger(ledger, seen.hidden)
        definition = self.laws.pinned(seen.record.definition).definition
        titles = {event.name: event.title for event in definition.events.values()}
        found = explain(ledger, self.laws.book_of(ledger), self.laws.calendar, titles)
        declared = definition.clocks.get(clock)
        why = declared.why(ledger.rule) if declared is not None else None
        if why is None:
            return found
        chosen = Text(f"适用规则 {ledger.rule}：{why.zh}", f"rule {ledger.rule} applies: {why.en}")
        return replace(found, lines=(chosen, *found.lines))

    def kept(self, case: str, *, actor: Actor | None = None, session: Host | None = None) -> list[Kept]:
        """What rules of the place will erase of a case, the first first: nothing before its family has ended, nothing that nobody
        said or that this person may not know. Raises NotFound.
        """
        seen = self._one(case, actor, session)
        shown, law = self.show(seen), self.laws.pinned(seen.record.definition)
        with self.store.connection(session) as connection:
            waiting = Retentions(self.store).of(connection, case) if law.kept else []
        titles = {rule.id: rule.title for rule in self.laws.book.rules}
        found = [
            Kept(
                tuple(name for name in law.kept.get(one.rule, ()) if name in shown.data), one.rule,
                titles.get(one.rule, Text(one.rule, one.rule)), one.until,
            )
            for one in waiting
        ]  # fmt: skip
        return [one for one in found if one.fields]

    # -- the small parts

    def _check_known(self, kind: str | None, state: str | None, session: Host | None) -> None:
        """Whether there is, or was in a published version, such a kind, and one with such a state. Raises NotFound."""
        wrong = self._unknown(kind, state)
        if wrong is not None:  # unless another node has published it
            with self.store.connection(session) as connection:
                self.sight.learn(connection)
            wrong = self._unknown(kind, state)
        if wrong is not None:
            raise wrong

    def _unknown(self, kind: str | None, state: str | None) -> NotFound | None:
        if kind is None and state is None:
            return None
        known = [law.definition for law in self.laws.known()]
        if kind is not None and kind not in (names := sorted({one.name for one in known})):
            return NotFound.among(Text("定义", "definition"), kind, names)
        states = {name for one in known if kind in (None, one.name) for name in one.states}
        if state is None or state in states:
            return None
        return NotFound.among(Text("状态", "state"), state, sorted(states))

    def _one(self, case: str, actor: Actor | None, session: Host | None) -> Seen:
        """The case, if that person may know of it. Raises NotFound, the same for what is not his and for what is not there."""
        check_id(case)
        with self.store.connection(session) as connection:
            found = self.sight.cases(connection, [case], actor)
        if not found:
            raise no_case(case)
        return found[0]

    def show(self, seen: Seen) -> Case:
        """What was found, as it is shown to who asked."""
        case = view(self.laws, seen.record)
        return case if seen.hidden is None else visibility.of_case(case, seen.hidden)

    def _veiled(self, case: Case, actor: Actor | None, session: Host | None) -> Case:
        """The case as that person would see it, though he might not find it any more."""
        if actor is None:
            return case
        with self.store.connection(session) as connection:
            family = self.store.family(connection, case.root)
            viewer = self.sight.viewer(connection, actor)
        if family is None:
            return case
        veil = self.sight.hidden(family.records[case.id], family.root, viewer)
        until = (
            [line for line in self._lines(case.id, session) if line.seq <= case.seq] if veil.events else []
        )
        return visibility.of_case(case, veil.then(until))


def _not_yet(case: str, day: date) -> NotFound:
    zh, en = (
        f"案件 {case} 自 {day} 起才有（履历第 1 行）",
        f"the case {case!r} begins on {day} (line 1 of its history)",
    )
    return NotFound(Text(zh, en))


def _beyond(case: str, line: int, last: int) -> NotFound:
    zh, en = (
        f"没有第 {line} 行：案件 {case} 的履历到第 {last} 行",
        f"no line {line}: the history of {case!r} ends with line {last}",
    )
    return NotFound(Text(zh, en))
