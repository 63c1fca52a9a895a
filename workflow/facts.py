"""What a guard may ask about a case, name by name (docs/language.md §5). Pure reading; a missing value is None: unknown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from .deadlines import RuleBook, RuleNotFound
from .definition import Codes, Definition, Slot
from .family import Family, Linked, Record
from .vocabulary import EARLIER, ENDED, FIELD_FACTS

Facts = Mapping[str, object]
NOWHERE = ("", "", False, "")


class View(NamedTuple):
    """One case seen on one civil date, with the definitions that explain it."""

    record: Record
    family: Family
    definition: Definition
    root_definition: Definition
    child_definitions: Mapping[str, Definition]
    codes: Mapping[str, Codes]
    book: RuleBook
    day: date
    data: Mapping[str, Any]
    imported: bool = False
    """an old record: what it does not have is unknown, and not known to be missing"""
    linked: Linked = {}  # noqa: RUF012 - a tuple's

    def facts(self, names: frozenset[str]) -> dict[str, object]:
        """The values of just these names."""
        return {name: self._fact(name.split(".")) for name in names}

    def _at_root(self) -> View:
        root = self.family.root
        return View(
            root, self.family, self.root_definition, self.root_definition, self.child_definitions,
            self.codes, self.book, self.day, root.data, self.imported, self.linked,
        )  # fmt: skip

    def _fact(self, parts: list[str]) -> object:
        head = parts[0]
        if head == "root":
            return self._at_root()._fact(parts[1:])
        if head == "rule":
            return self._switch(parts[1])
        if head == "clock":
            return self._clock(parts[1], parts[2])
        if head == "round":
            return self.record.rounds.get(parts[1], 0)
        if head == EARLIER:
            return self._earlier() == parts[1]
        if head in self.definition.children:
            return self._slot(self.definition.children[head], parts[1])
        if head in self.definition.relations:
            return self._relation(self.record.relations.get(head, ()), parts[1:])
        value = self.data.get(head)
        return value if len(parts) == 1 else self._of_field(head, value, parts[1])

    @staticmethod
    def _relation(parties: tuple[str, ...], question: list[str]) -> object:
        if not question:
            return len(parties)
        if question == ["parties"]:
            return parties
        return parties[0] if parties else None

    def _of_field(self, name: str, value: Any, question: str) -> object:
        if question not in FIELD_FACTS:
            of = self.definition.fields[name].of
            return self._meaning(name, value, question) if of is None else self._link(of, value, question)
        if value is None and self.imported:
            return None
        if question == "count":
            return len(value or ())
        return value is not None and value != []

    def _link(self, of: str, case: Any, question: str) -> object:
        """Of a case that is not there, or is of another kind or tenant, nothing is known. That it has ended says nothing of the
        day of an old record.
        """
        kind, state, closed, tenant = self.linked.get(case, NOWHERE) if isinstance(case, str) else NOWHERE
        if kind != of or tenant != self.record.tenant:
            return None
        if question == ENDED:
            return None if closed and self.imported else closed
        return state == question

    def _earlier(self) -> str | None:
        """The state of the last other child that the same party has in the slots that this one's follows."""
        slot, me = self.root_definition.children.get(self.record.slot or ""), self.record
        followed = slot.follows if slot is not None else ()
        children = self.family.records.values()
        found = [c.state for c in children if c.slot in followed and c.party == me.party and c.id != me.id]
        return found[-1] if found else None

    def _switch(self, name: str) -> object:
        try:
            return self.book.switch(name, self.day)
        except RuleNotFound:
            return None

    def _clock(self, name: str, question: str) -> object:
        clock = self.record.clocks.get(name)
        if clock is None:
            return False
        if question == "running":
            return clock.running
        late = clock.running and self.day.isoformat() > clock.due_on
        return late and clock.ledger.suspended_on is None

    def _meaning(self, name: str, value: Any, meaning: str) -> object:
        field = self.definition.fields[name]
        if value is None or field.codes is None:
            return None
        values = self.codes[field.codes].values
        if isinstance(value, list):
            return any(values[v].meanings.get(meaning) for v in value if v in values)
        return values[value].meanings.get(meaning) if value in values else None

    def _slot(self, slot: Slot, question: str) -> object:
        children = self.family.in_slot(slot.name)
        done = self._done(slot)
        if question == "total":
            return len(children)
        if question == "open":
            return sum(not child.closed for child in children)
        if question == "done":
            return sum(child.state in done for child in children)
        if question == "joined":
            return self.joined(slot)
        return sum(child.state == question for child in children)

    def _done(self, slot: Slot) -> frozenset[str]:
        if slot.done:
            return frozenset(slot.done)
        states = self.child_definitions[slot.definition].states
        return frozenset(name for name, state in states.items() if state.end)

    def joined(self, slot: Slot) -> bool:
        """Whether what the slot's `join` asks for is there: all, any, or as many as a rule says; or its clock has run out."""
        if slot.or_after and self._clock(slot.or_after, "expired"):
            return True
        children = self.family.in_slot(slot.name)
        done = self._done(slot)
        ready = sum(child.state in done for child in children)
        if slot.join == "any":
            return ready > 0
        if slot.join in (None, "all"):
            return ready == len(children)
        wanted = self.book.rule(slot.join, self.day).value
        return isinstance(wanted, int) and ready >= wanted
