"""How the parts of a case ended, beside the form of a step that depends on it: what the deputies said, when something is
assigned a second time because of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workflow import Case
from workflow.definition import Definition, Event
from workflow.errors import Text

from .cases import Datum, data_of
from .names import parties_in
from .screens import Look

__all__ = ["Branch", "branches"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One part: what it is, whose, how it stands, and what was given in it."""

    case: Case
    title: Text
    state: Text
    data: Sequence[Datum]
    asked: bool
    """whether it is one of those because of which the step can be taken"""


def branches(look: Look, case: Case, definition: Definition, event: Event) -> list[Branch]:
    """The parts whose states the conditions of this event ask about, as far as the reader may know of them; those that are asked
    about first.
    """
    guards = (event.when, *(move.when for move in event.moves))
    names = {name.partition(".")[::2] for guard in guards if guard is not None for name in guard.names}
    slots = {slot for slot, part in names if part and slot in definition.children}
    if not slots or case.root != case.id:
        return []
    parts, told = [], look.engine.library.console.named_by
    for one in look.engine.children(case.id, actor=look.actor):
        law = look.engine.laws.pinned(one.definition).definition
        if one.slot in slots and any((one.slot, state) in names for state in law.states):
            parts.append((one, law))
    look.names.learn(id_ for one, law in parts for id_ in (one.party or "", *parties_in(law, one.data)))
    found = [
        Branch(
            case=one, title=definition.children[one.slot or ""].title, state=law.states[one.state].title,
            data=data_of(look, law, one.id, {name: v for name, v in one.data.items() if name not in told}),
            asked=(one.slot, one.state) in names,
        )
        for one, law in parts
    ]  # fmt: skip
    return sorted(found, key=lambda branch: not branch.asked)
