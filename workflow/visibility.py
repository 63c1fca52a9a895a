"""What of a case a person may see: THE projection behind every answer that names a person. Pure.

A definition says what it `hides`: fields, the lines of events, clocks, and relations with whoever stands in them. Who stands in a
hidden relation is hidden wherever he is named: in relations, in fields of persons and units, as the party of a child, as the
actor of a line. What is not known (a guard over a missing value) is hidden. Whole cases are the filter's matter
(store/questions.py); `seers` gives it what a definition says with `seen_by`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from .authorization import permit
from .definition import Definition, Hide
from .facts import View
from .family import Family, Record
from .laws import Law, Laws
from .ledger import Ledger
from .model import SHOWN, Actor, Case, Grant, HistoryEntry, Untold
from .worklist import ByRelation, ByRole, places

__all__ = ["Hidden", "Viewer", "hidden", "of_case", "of_ledger", "of_lines", "seers", "untold"]

_NAMING = ("unit", "units", "person", "persons")


@dataclass(frozen=True, slots=True)
class Viewer:
    """A person who looks, on a civil day."""

    person: str
    grants: Sequence[Grant]
    """all of them: who was in a unit yesterday is not neutral"""
    day: date

    def held(self) -> list[Grant]:
        """The grants that hold today."""
        return [grant for grant in self.grants if grant.covers(grant.scope, self.day)]

    def stands(self, parties: Iterable[str]) -> bool:
        """Whether he, or a unit that he is or was in, is among them."""
        mine = {self.person, *(grant.unit for grant in self.grants)}
        return not mine.isdisjoint(parties)


@dataclass(frozen=True, slots=True)
class Hidden:
    """What of one case is kept from one person."""

    definition: Definition
    fields: frozenset[str]
    relations: frozenset[str]
    events: frozenset[str]
    parties: Mapping[str, str]
    """who is hidden, and the relation in which he stands"""
    clocks: frozenset[str] = frozenset()
    unseen: int = 0
    """how many lines that makes, in the case as it stands"""

    def __bool__(self) -> bool:
        return bool(self.fields or self.relations or self.events or self.parties or self.clocks)

    def told(self, clock: str) -> bool:
        """Whether that deadline is told."""
        return clock not in self.clocks

    def revision(self, case: Case | Record) -> int:
        """The one that is shown. Where lines may be hidden it changes with what is seen, and only then; it is never one that
        the case has, so nobody finds that one by trying.
        """
        return SHOWN + case.seq - self.unseen if self.events else case.revision

    def then(self, lines: Iterable[HistoryEntry]) -> Hidden:
        """The same when these were all its lines."""
        return replace(self, unseen=sum(line.event in self.events for line in lines))


def hidden(laws: Laws, record: Record, root: Record, viewer: Viewer) -> Hidden:
    """What that person does not see of the record; the root's hidden parties are hidden in its children too."""
    found = list(_applying(laws, record, root, viewer))
    relations = frozenset(name for hide in found for name in hide.relations)
    parties = {party: name for name in sorted(relations) for party in record.relations.get(name, ())}
    if record.id != root.id:
        above = [name for hide in _applying(laws, root, root, viewer) for name in hide.relations]
        parties = {**{party: name for name in above for party in root.relations.get(name, ())}, **parties}
    parties.pop(viewer.person, None)  # nobody is hidden from himself
    events = frozenset(name for hide in found for name in hide.events)
    clocks = frozenset(name for hide in found for name in hide.clocks)
    return Hidden(
        definition=laws.pinned(record.definition).definition,
        fields=frozenset(name for hide in found for name in hide.fields),
        relations=relations,
        events=events,
        parties=parties,
        clocks=clocks & record.clocks.keys(),
        unseen=sum(record.rounds.get(name, 0) for name in events),
    )


def perhaps(laws: Laws, viewer: Viewer) -> tuple[frozenset[str], frozenset[str]]:
    """Relations and events that may be hidden from him in one case or another: what he asks of many cases at once is not told by
    them. Who stands in no unit and holds each role that sees is kept from nothing.
    """
    roles, relations, events = {grant.role for grant in viewer.held()}, set[str](), set[str]()
    inside = any(grant.unit is not None for grant in viewer.grants)
    for law in laws.known():
        for hide in law.definition.hides:
            sees = not hide.seen_by or any(h.relation is None and h.role in roles for h in hide.seen_by)
            if inside or not sees:
                relations |= set(hide.relations)
                events |= set(hide.events)
    return frozenset(relations), frozenset(events)


def untold(laws: Laws, viewer: Viewer) -> Iterator[Untold]:
    """Deadlines that may be kept from him, and in which cases (`when` is not asked): questions about many leave them out."""
    roles = {grant.role for grant in viewer.held()}
    units = {grant.unit for grant in viewer.grants if grant.unit is not None}
    parties = (viewer.person, *sorted(units))
    for law in laws.known():
        for hide in law.definition.hides:
            sees = any(holder.relation is None and holder.role in roles for holder in hide.seen_by)
            relations = tuple(from_.relation for from_ in hide.from_ if from_.relation is not None)
            if hide.clocks and not sees and (units or _of_persons(law.definition, relations)):
                yield Untold(law.definition.hash, hide.clocks, relations, parties)


def _of_persons(definition: Definition, relations: Sequence[str]) -> bool:
    """Whether who is in no unit may stand in one of them, or need stand in none."""
    found = [definition.relations.get(name) for name in relations]
    return not found or any(relation is None or relation.of != "unit" for relation in found)


def _applying(laws: Laws, record: Record, root: Record, viewer: Viewer) -> Iterable[Hide]:
    law = laws.pinned(record.definition)
    return (hide for hide in law.definition.hides if _applies(laws, law, hide, record, root, viewer))


def _applies(laws: Laws, law: Law, hide: Hide, record: Record, root: Record, viewer: Viewer) -> bool:
    if not _concerns(hide, record, root, viewer):
        return False
    if hide.when is not None:
        top = laws.pinned(root.definition).definition
        family = Family({root.id: root, record.id: record}, root.id)
        view = View(
            record, family, law.definition, top, laws.definitions, laws.codes, laws.book, viewer.day, record.data
        )  # fmt: skip
        return hide.when.answer(view.facts(hide.when.names)) is not False
    return True


def _concerns(hide: Hide, record: Record, root: Record, viewer: Viewer) -> bool:
    """Whether it hides from that person, wherever it applies."""
    if hide.seen_by:
        return (
            permit(hide.seen_by, Actor(person=viewer.person), viewer.grants, record, root, viewer.day) is None
        )
    return any(
        viewer.stands((root if from_.of_root else record).relations.get(from_.relation or "", ()))
        for from_ in hide.from_
    )


def of_case(case: Case, veil: Hidden) -> Case:
    """The case without what is hidden."""
    if not veil:
        return case
    relations = {
        name: tuple(party for party in parties if party not in veil.parties)
        for name, parties in case.relations.items()
        if name not in veil.relations
    }
    kept = (veil.fields & case.data.keys()) | (veil.relations & case.relations.keys())
    if veil.clocks:
        case = _without_clocks(case, veil)
    return case._replace(
        seq=case.seq - veil.unseen, revision=veil.revision(case),
        data=_data(case.data, veil), relations=relations, hidden=tuple(sorted(kept)),
        party=None if case.party in veil.parties else case.party,
    )  # fmt: skip


def _without_clocks(case: Case, veil: Hidden) -> Case:
    """The case with the deadlines that are told; the day by which lists order it is that of one of these, or none."""
    told = tuple(clock for clock in case.clocks if veil.told(clock.name))
    days = [clock.due_on.isoformat() for clock in told if clock.running]
    kept = case.due_on if case.due_on in days else min(days, default=None)
    return case._replace(clocks=told, due_on=kept if case.due_on is not None else None)


def of_lines(lines: Sequence[HistoryEntry], veil: Hidden) -> list[HistoryEntry]:
    """The lines without what is hidden. Where lines may be hidden the others are numbered without a gap and have no hash, whether
    or not any is: a chain with a line left out would tell it.
    """
    if not veil:
        return list(lines)
    before = {
        party: name for name in veil.relations for line in lines for party in line.data.get(f"@{name}", ())
    }
    known = replace(veil, parties={**before, **veil.parties})
    shown = [_of_line(line, known) for line in lines if line.event not in veil.events]
    return [replace(line, seq=n, hash="") for n, line in enumerate(shown, 1)] if veil.events else shown


def numbered(lines: Sequence[HistoryEntry], veil: Hidden | None) -> list[int]:
    """The lines that are shown, in the order of the numbers under which they are."""
    return [line.seq for line in lines if veil is None or line.event not in veil.events]


def _of_line(line: HistoryEntry, veil: Hidden) -> HistoryEntry:
    gone = {*veil.fields, *(f"@{name}" for name in veil.relations)}
    said = {name: value for name, value in line.data.items() if name not in _deadlines(veil)}
    return replace(
        line, data=_data(said, veil), erased=tuple(name for name in line.erased if name not in gone),
        hidden=tuple(sorted(gone & line.data.keys())), actor=_masked(line.actor, veil) or "",
        on_behalf_of=_masked(line.on_behalf_of, veil),
    )  # fmt: skip


def _deadlines(veil: Hidden) -> set[str]:
    """What lines say of clocks that are not told, by name."""
    return {f"@clock.{name}" for name in veil.clocks}


def _masked(person: str | None, veil: Hidden) -> str | None:
    """`the signer` for who stands in a hidden relation."""
    return f"the {veil.parties[person]}" if person is not None and person in veil.parties else person


def _data(data: Mapping[str, Any], veil: Hidden) -> dict[str, Any]:
    found = {}
    for name, value in data.items():
        if name in veil.fields or name.removeprefix("@") in veil.relations:
            continue
        field = veil.definition.fields.get(name)  # none: of another version, and then it may name anybody
        naming = field is None or field.type in _NAMING
        if naming and isinstance(value, list):
            found[name] = [one for one in value if one not in veil.parties]
        elif not (naming and isinstance(value, str) and value in veil.parties):
            found[name] = value
    return found


def of_ledger(ledger: Ledger, veil: Hidden) -> Ledger:
    """The ledger without the names of who is hidden."""
    entries = (e._replace(by="") if e.by in veil.parties else e for e in ledger.entries)
    return replace(ledger, lines=tuple(entries))


def seers(
    laws: Iterable[Law], person: str, held: Sequence[Grant]
) -> tuple[list[str], list[ByRole], list[ByRelation]]:
    """The definitions that say who sees their cases, and where this person is one of those: rows of worklist.py, in any state."""
    limited, by_role, by_relation = list[str](), list[ByRole](), list[ByRelation]()
    for law in laws:
        if law.definition.seen_by:
            limited.append(law.definition.hash)
            roles, relations = places(law.definition.seen_by, law.definition.hash, None, person, held)
            by_role += roles
            by_relation += relations
    return limited, by_role, by_relation
