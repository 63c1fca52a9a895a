"""The performance record (履职档案) of a deputy, filled from what the engine already knows: 代表法(2025) 第58条.

Nothing is entered for it. A case belongs to it because the deputy stands in one of its relations of persons (proposed, asked
for an evaluation, received an opinion, came to a reception day, took part), so a new definition joins without code. What is
told is what happened, with its state; invited and took part are two things. Nobody is scored, counted into points or ranked.
What is wrong in it is mended where it was recorded, by the objection and correction of that case.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from workflow import Actor, Case, Engine, NotFound
from workflow.errors import Text
from workflow.model import Party

__all__ = ["Deed", "PerformanceRecord", "performance_record"]

PAGE = 500
BEFORE_ALL = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One case in which the deputy stands."""

    kind: str
    what: Text
    """what kind of case it is"""
    stands: tuple[Text, ...]
    """as what he stands in it"""
    on: str
    """the day it is about, else the day it was opened; as far as it is known (2025, 2025-04, 2025-04-09), or empty"""
    number: str | None
    title: str | None
    state: Text
    case: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceRecord:
    """All of it, by kind and day. `party`: the deputy's entry in the register, if there is one."""

    person: str
    party: Party | None
    deeds: tuple[Deed, ...]

    def sections(self) -> dict[str, list[Deed]]:
        """kind -> its deeds."""
        found: dict[str, list[Deed]] = {}
        for deed in self.deeds:
            found.setdefault(deed.kind, []).append(deed)
        return found


def performance_record(
    engine: Engine, person: str, *, actor: Actor | None = None, since: date | None = None, until: date | None = None
) -> PerformanceRecord:  # fmt: skip
    """The record of that person, as far as `actor` may know of its cases; from and until civil days, both inclusive.

    A case whose day is not known is left out when a day is asked for.
    """
    deeds = [
        deed for case in _cases(engine, person, actor) if (deed := _deed(engine, case, person)) is not None
    ]
    first, last = (str(day) if day else None for day in (since, until))
    chosen = [d for d in deeds if _within(d.on, first, last)]
    chosen.sort(key=lambda d: (d.kind, d.on, d.case))
    return PerformanceRecord(person=person, party=_party(engine, person, actor), deeds=tuple(chosen))


def _cases(engine: Engine, person: str, actor: Actor | None) -> Iterator[Case]:
    after: str | None = None
    while page := engine.search(unit=person, actor=actor, after=after, limit=PAGE):
        yield from page
        after = page[-1].id


def _deed(engine: Engine, case: Case, person: str) -> Deed | None:
    """None when he stands only in the root of the case."""
    definition = engine.laws.pinned(case.definition).definition
    stands = tuple(
        relation.title
        for relation in definition.relations.values()
        if relation.of == "person" and person in case.relations.get(relation.name, ())
    )
    if not stands:
        return None
    asked = [definition.fields[name] for name in definition.start.fields if case.data.get(name)]
    days = [case.data[f.name] for f in asked if f.type == "date"]
    texts = [case.data[f.name] for f in asked if f.type == "text"]
    return Deed(
        kind=case.kind, what=definition.title, stands=stands, on=days[0] if days else case.opened_on or BEFORE_ALL,
        number=case.number, title=texts[0] if texts else None, state=definition.states[case.state].title, case=case.id,
    )  # fmt: skip


def _within(on: str, first: str | None, last: str | None) -> bool:
    if first is None and last is None:
        return True
    return bool(on) and (first is None or on >= first[: len(on)]) and (last is None or on <= last)


def _party(engine: Engine, person: str, actor: Actor | None) -> Party | None:
    try:
        return engine.parties.get(person, actor=actor)
    except NotFound:
        return None
