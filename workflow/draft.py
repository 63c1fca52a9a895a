"""A step while it is being decided: the working copy of a family, and what the parts of a decision have put into it so far.

Authoritative is the family as read at one revision; nothing here is written before the writing statement has compared it.
A draft belongs to one decision of one thread and is thrown away with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from .act import Act
from .authorization import Permit, barred_units
from .definition import Event
from .facts import View
from .family import Family, Record, Step
from .laws import Law, Laws, dated
from .random import RandomSource
from .retention import held, retained

if TYPE_CHECKING:
    from .forms import Form


class Draft:
    """What every part of a decision reads and changes."""

    __slots__ = (
        "act", "asked_on", "ended", "family", "laws", "permit", "records", "revision", "source", "step",
    )  # fmt: skip

    def __init__(self, laws: Laws, family: Family, act: Act, source: RandomSource) -> None:
        self.laws = laws
        self.act = act
        self.source = source
        self.records = dict(family.records)
        self.family = Family(self.records, family.root_id)
        self.ended = bool(family.records) and family.ended
        """before the step"""
        expected = family.root.revision if family.records else None
        self.revision = 1 if expected is None else expected + 1
        """the root's revision after the step"""
        who = "" if act.imported else act.actor.person
        self.step = Step(self.family, expected, person=who, grants=act.grants)
        self.permit: Permit | None = None
        """under which the outer event is done"""
        self.asked_on: date | None = None
        """the day from which what a child asks of its root counts, while it does"""

    @property
    def on_behalf_of(self) -> str | None:
        """For whom it is done: named by the actor, or whose role it is that was lent to him."""
        return self.act.actor.on_behalf_of or (self.permit.on_behalf_of if self.permit else None)

    def law(self, record: Record) -> Law:
        """The law the record is pinned to. Raises NotFound."""
        return self.laws.pinned(record.definition)

    def root_of(self, record: Record) -> Record:
        """The family's root; of a case that only begins, the case itself."""
        return self.records.get(self.family.root_id, record)

    def view(self, law: Law, record: Record, data: Mapping[str, Any]) -> View:
        """What guards may ask."""
        root = self.root_of(record)
        return View(
            record, self.family, law.definition, self.law(root).definition,
            self.laws.definitions, self.laws.codes, self.laws.book, self.act.day, data, self.act.imported,
            self.act.linked,
        )  # fmt: skip

    def form(self, law: Law, event: Event) -> Form:
        """The event's form on the act's day: with the code sets of the place, unless it is an old record."""
        return law.form(event, None if self.act.imported else self.laws.choice(self.act.day))

    def begin(self, record: Record) -> None:
        """A case that is new in this step."""
        self.step.new |= {record.id}
        self.records[record.id] = record

    def put(self, record: Record) -> None:
        """The record as it will be."""
        self.records[record.id] = record
        self.step.changed[record.id] = None

    def finish(self) -> Step:
        """Seal the step: the root's revision counts it, units barred by it are listed."""
        root = self.family.root
        if root.revision != self.revision:
            self.put(root._replace(revision=self.revision))
        if self.family.ended is not self.ended:
            self.step.past = not self.ended
            self._keep()
        for id_ in (*self.step.new, *self.step.changed):
            self.records[id_] = dated(self.laws, self.family, self.records[id_])
        self._bar()
        return self.step

    def _keep(self) -> None:
        """What rules of the place keep of it: armed by its end, and no longer when it is open again."""
        laws, family = self.laws, self.family
        self.step.kept = [*(retained(laws, family, self.act) if family.ended else ())]
        self.step.open_again = [*(() if family.ended else held(laws, family))]

    def _bar(self) -> None:
        """Rows for the database's own guard: which units may never write into which case's history."""
        step = self.step
        changed = {case for case, _, _ in step.relations_added}
        for record in self.records.values():
            definition = self.law(record).definition
            if definition.barred and (record.id in step.new or self.family.root_id in changed):
                units = barred_units(definition, record, self.family.root)
                step.barred = [*step.barred, *((record.id, unit) for unit in sorted(units))]
