"""What becomes of a running case when it moves to another version of its definition, and what stands against it. Pure.

Authoritative are the two versions and the case as read; states and clocks of the same name are the same thing, others only if a
file says so. Nothing is guessed: what has no counterpart is an obstacle, and the case stays. Whether its family still fits
together afterwards is family_fit.py's. Why so: docs/decisions/0026.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from . import memo, timers
from .definition import Definition, Holder
from .errors import Reason
from .family import ClockState, Record
from .guards import Guard
from .history import MIGRATE, canonical
from .laws import Law, Laws

__all__ = ["Plan", "Renaming", "asks_anew", "counted_anew"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Renaming:
    """What a file says of two versions: the new name of states and clocks, and which running clocks are stopped."""

    states: Mapping[str, str] = field(default_factory=dict)
    clocks: Mapping[str, str] = field(default_factory=dict)
    stops: tuple[str, ...] = ()

    @property
    def hash(self) -> str | None:
        """SHA-256 over it; None when it says nothing."""
        said = {"clocks": dict(self.clocks), "states": dict(self.states), "stops": sorted(self.stops)}
        return hashlib.sha256(canonical(said).encode()).hexdigest() if any(said.values()) else None


@dataclass(frozen=True, slots=True)
class Plan:
    """The way from one published version of a definition to another."""

    old: Definition
    new: Definition
    renaming: Renaming = field(default_factory=Renaming)

    def state(self, name: str) -> str:
        """What a state is called in the new version, if it has it at all."""
        return self.renaming.states.get(name, name)

    def moved(self, record: Record, today: date) -> Record:
        """The case under the new version, its lines as they are."""
        clocks = dict(self._clocks(record, today))
        same = list(clocks.items()) == list(record.clocks.items())
        return record._replace(
            definition=self.new.hash, state=self.state(record.state), clocks=record.clocks if same else clocks
        )

    def stopped(self, record: Record) -> list[str]:
        """The clocks of the case that run and are stopped."""
        return [name for name in self.renaming.stops if name in record.clocks and record.clocks[name].running]

    def renamed(self, record: Record) -> dict[str, str]:
        """Old -> new name of the clocks of the case that get another."""
        return {name: new for name in record.clocks if (new := self.renaming.clocks.get(name, name)) != name}

    def said(self, record: Record) -> dict[str, Any]:
        """What the line of the move says of it."""
        return {
            "from": self.old.hash, "to": self.new.hash, "map": self.renaming.hash,
            "clocks": self.renamed(record), "stopped": self.stopped(record),
        }  # fmt: skip

    def obstacles(self, record: Record, laws: Laws) -> Iterator[Reason]:
        """Why the case, looked at by itself, cannot move."""
        yield from self._against_state(record)
        yield from self._against_fields(record)
        yield from self._against_relations(record)
        yield from self._against_clocks(record, laws)
        yield from self._against_hiding(record)
        yield from self._against_seeing(laws)

    def uninvited(self, events: Iterable[str]) -> Iterator[Reason]:
        """Somebody holds a link to do what the new version does not have."""
        for name in sorted(set(events) - self.new.events.keys()):
            yield Reason.of(
                "invitation",
                f"有人受邀办理 {name}，新版没有此事件",
                f"somebody is invited to {name!r}, which the new version does not have",
                name,
            )

    # -- the parts

    def _clocks(self, record: Record, today: date) -> Iterator[tuple[str, ClockState]]:
        stopped = self.stopped(record)
        for name, clock in record.clocks.items():
            new = self.renaming.clocks.get(name, name)
            if name in stopped:
                yield name, timers.stop(clock, today, MIGRATE)
            else:
                yield new, clock if new == name else replace(clock)  # what it keeps of itself names it

    def _against_state(self, record: Record) -> Iterator[Reason]:
        name = self.state(record.state)
        old, new = self.old.states[record.state], self.new.states.get(name)
        if new is None:
            yield Reason.of(
                "state", f"新版没有状态 {name}", f"the new version has no state {name!r}", record.state
            )
        elif new.end:
            yield Reason.of(
                "end", f"{name} 是终结状态，迁移不办结", f"{name} is an end: a move ends no case", name
            )
        elif new.decided and not old.decided:
            yield Reason.of(
                "decided", f"{name} 只能由人决定到达", f"{name} is reached by a person's decision only", name
            )

    def _against_fields(self, record: Record) -> Iterator[Reason]:
        for name, value in record.data.items():
            old, new = self.old.fields.get(name), self.new.fields.get(name)
            if value in (None, []):
                continue
            if new is None:
                yield Reason.of(
                    "field",
                    f"新版没有字段 {name}，而它有值",
                    f"the new version has no field {name!r}, and it has a value",
                    name,
                )
            elif old is not None and (old.type, old.codes, old.of) != (new.type, new.codes, new.of):
                yield Reason.of(
                    "field_type",
                    f"字段 {name} 的类型已变，而它有值",
                    f"the field {name!r} is of another type now, and it has a value",
                    name,
                )

    def _against_relations(self, record: Record) -> Iterator[Reason]:
        for name, parties in record.relations.items():
            old, new = self.old.relations.get(name), self.new.relations.get(name)
            if not parties:
                continue
            if new is None or (old is not None and old.of != new.of):
                yield Reason.of(
                    "relation",
                    f"新版没有这样的关系 {name}，而其中有人",
                    f"the new version has no such relation {name!r}, and somebody stands in it",
                    name,
                )
            elif new.one and len(parties) > 1:
                yield Reason.of(
                    "relation_one", f"关系 {name} 只能有一方", f"the relation {name!r} is for one only", name
                )

    def _against_clocks(self, record: Record, laws: Laws) -> Iterator[Reason]:
        there = Counter(self.renaming.clocks.get(name, name) for name in record.clocks)
        stopped = self.stopped(record)
        for name, clock in record.clocks.items():
            new = self.renaming.clocks.get(name, name)
            if there[new] > 1 and new != name:
                yield Reason.of("clock_twice", f"已有时钟 {new}", f"there is a clock {new!r} already", name)
            if not clock.running:
                continue
            if name in stopped:
                yield from _unstoppable(name, clock, laws)
            elif new not in self.new.clocks:
                yield Reason.of(
                    "clock",
                    f"新版没有时钟 {new}，而它在走",
                    f"the new version has no clock {new!r}, and it runs",
                    name,
                )

    def _against_hiding(self, record: Record) -> Iterator[Reason]:
        there = {*record.data, *record.relations, *record.rounds, *record.clocks}
        lost = {name for _, name, *_ in _hidden(self.old) - _hidden(self.new)}
        for name in sorted(lost & there):
            yield Reason.of(
                "hides",
                f"新版不再同样隐藏 {name}",
                f"the new version no longer hides {name!r} in the same way",
                name,
            )

    def _against_seeing(self, laws: Laws) -> Iterator[Reason]:
        """Without a `seen_by`, whoever oversees or stands in it sees it."""
        was, now = set(self.old.seen_by), set(self.new.seen_by)
        strangers = {h for h in now if h.relation is None and not laws.library.oversees(str(h.role))}
        more = now - was if was else strangers
        if more or (was and not now):
            names = ", ".join(sorted(map(str, more))) or None
            yield Reason.of(
                "seen_by",
                f"新版可见的人更多：{names or '未限定'}",
                f"the new version lets more see it: {names or 'it names nobody'}",
                names,
            )


def _unstoppable(name: str, clock: ClockState, laws: Laws) -> Iterator[Reason]:
    book, ledger = laws.book_of(clock.ledger), clock.ledger
    rule = book.rule(ledger.rule, ledger.anchor)
    outer = book.outer(rule, ledger.anchor)
    if rule.statutory or (outer is not None and outer.statutory):
        yield Reason.of(
            "clock_statutory",
            f"法定期限 {name} 不得由迁移停止",
            f"{name!r} is a statutory clock: a move never stops it",
            name,
        )


def _hidden(
    definition: Definition,
) -> set[tuple[str, str, frozenset[Holder], frozenset[Holder], Guard | None]]:
    """What is hidden, with from whom and when: the same name hidden from others, or at other times, is not hidden the same."""
    return {
        (kind, name, frozenset(hide.from_), frozenset(hide.seen_by), hide.when)
        for hide in definition.hides
        for kind, names in (
            ("field", hide.fields),
            ("relation", hide.relations),
            ("event", hide.events),
            ("clock", hide.clocks),
        )
        for name in names
    }


def asks_anew(old: Law, new: Law, record: Record) -> bool:
    """Whether the new version asks something of what has happened that the case does not remember."""
    asked = (new.watched - old.watched) | (_per_unit(new.definition) - _per_unit(old.definition))
    return not asked.isdisjoint(record.rounds)


def counted_anew(new: Law, record: Record, lines: Iterable[Any]) -> Record:
    """The case with what the new version asks of its past: who fired an event last, and how often it happened for each unit."""
    rounds, last_by = Counter[str](), dict[str, str]()
    per_unit = _per_unit(new.definition)
    for line in lines:
        if line.event in per_unit and line.unit is not None:
            rounds[memo.per(line.event, line.unit)] += 1
        if line.event in new.watched:
            last_by[line.event] = memo.both(line.actor, line.on_behalf_of)
    return record._replace(rounds={**record.rounds, **rounds}, last_by={**record.last_by, **last_by})


def _per_unit(definition: Definition) -> set[str]:
    return {e.name for e in definition.events.values() if e.round is not None and e.round.per}
