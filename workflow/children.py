"""What an event does to the children of its family: opens and ends them, and lets the root go on when what it waits for is there.

A child opens, ends and reports by events of its own law, so this part and decision.py call each other: `apply` is the one event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from .act import Cause
from .definition import Event, Slot
from .draft import Draft
from .family import Record
from .laws import Law
from .random import new_id
from .relations import place
from .running import runs

__all__ = ["Apply", "Children"]

Apply = Callable[[Law, Event, Record, dict[str, Any], Cause], None]
"""One event in one case, with all that follows from it. Raises Refused."""


class Children:
    """The children of one draft's family."""

    __slots__ = ("_apply", "_cause", "_draft")

    def __init__(self, draft: Draft, apply: Apply) -> None:
        self._draft = draft
        self._apply = apply
        self._cause: Cause = "import" if draft.act.imported else "join"

    def follow(self, law: Law, event: Event, case: str, data: Mapping[str, Any]) -> None:
        """What the event, which has just happened in that case, brings about in others of the family."""
        for slot, ending in event.ends.items():
            self._end(law.definition.children[slot], ending)
        for opened in event.opens:
            self._open(law.definition.children[opened], case, event)
        if event.raises:
            self._raise(event.raises, self._draft.records[case], data)

    def satisfy(self, law: Law, event: Event, case: str) -> None:
        """Joins that the event in that case has completed: the root's event follows in the same step."""
        record = self._draft.records[case]
        if record.slot is not None:
            self._satisfy_of(record)
        elif event.opens or event.ends:
            self.satisfy_own(law, case)

    def satisfy_own(self, law: Law, case: str) -> None:
        """Every join of a root that is complete by now."""
        for slot in law.definition.children.values():
            self._satisfy_slot(law, slot, self._draft.records[case])

    # -- opening and ending

    def _open(self, slot: Slot, case: str, event: Event) -> None:
        parent, family = self._draft.records[case], self._draft.family
        if slot.one_per is None:
            # Whoever would have opened a second one by himself was refused.
            if (
                not slot.one_open
                or self._draft.act.imported
                or runs(self._draft, slot, None, parent.data) is None
            ):
                self._open_child(slot, parent, None)
            return
        busy = {child.party for child in family.in_slot(slot.name) if not child.closed}
        if slot.one_per in event.relates and slot.one_per not in event.unrelates:
            # Units that are added: those that have done their part are not asked again.
            busy.update(child.party for child in family.in_slot(slot.name))
        for party in parent.relations.get(slot.one_per, ()):
            if party not in busy:
                self._open_child(slot, parent, party)

    def _open_child(self, slot: Slot, parent: Record, party: str | None) -> None:
        draft = self._draft
        law = draft.laws.latest(slot.definition)
        data = {name: parent.data[name] for name in slot.carries if name in parent.data}
        blank = Record(
            id=new_id(draft.source, draft.act.now), root=draft.family.root_id, kind=law.definition.name,
            definition=law.definition.hash, tenant=parent.tenant, state="", slot=slot.name, party=party,
        )  # fmt: skip
        if party is not None and slot.as_ is not None:
            blank = place(draft, blank, {slot.as_: (party,)})
        draft.begin(blank)
        self._apply(law, law.definition.start, blank, data, self._cause)

    def _end(self, slot: Slot, event: str) -> None:
        for child in self._draft.family.in_slot(slot.name):
            law = self._draft.law(child)
            if not child.closed and law.lifecycle.leads_on(child.state, event):
                self._apply(law, law.event(event), child, {}, self._cause)

    # -- the root goes on

    def _raise(self, event: str, child: Record, data: Mapping[str, Any]) -> None:
        """The root's event that a child's event raises."""
        # What a child asked for counts from the day the child was opened: 延期 must be asked by the due day.
        opened = child.opened_on
        self._draft.asked_on = date.fromisoformat(opened) if opened and len(opened) == 10 else None
        self._join(self._draft.family.root, event, {**child.data, **data})
        self._draft.asked_on = None

    def _join(self, root: Record, event: str, data: Mapping[str, Any]) -> None:
        law = self._draft.law(root)
        rule = law.event(event)
        carried = {name: data[name] for name in rule.fields if name in data}
        self._apply(law, rule, root, carried, self._cause)

    def _satisfy_of(self, child: Record) -> None:
        root = self._draft.family.root
        law = self._draft.law(root)
        slot = law.definition.children.get(child.slot or "")
        if slot is not None:
            self._satisfy_slot(law, slot, root)

    def _satisfy_slot(self, law: Law, slot: Slot, root: Record) -> None:
        if (
            slot.then is None
            or not self._draft.family.in_slot(slot.name)
            or not law.lifecycle.leads_on(root.state, slot.then)
        ):
            return
        if self._draft.view(law, root, root.data).joined(slot):
            self._join(root, slot.then, {})
