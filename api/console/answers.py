"""Who has answered, of all who were asked, and what was late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workflow import Case
from workflow.errors import Text

from .screens import Look
from .sentence import late_by


def answers(
    look: Look, case: Case, children: Sequence[Mapping[str, Any]]
) -> list[tuple[Text, int, list[str]]]:
    """Of each slot with a part for every unit or person: its title, how many were asked, and who has not answered.

    Who has answered has no deadline running, and was not left behind by one that lapsed.
    """
    definition, found = look.engine.laws.pinned(case.definition).definition, []
    for slot in definition.children.values():
        own = [child["case"] for child in children if child["case"].slot == slot.name] if slot.join else []
        latest = {child.party: child for child in own}
        asked = [latest[party] for party in case.relations.get(slot.one_per or "", ()) if party in latest]
        missing = [one for one in asked if not _answered(look, one)]
        if asked:
            found.append((slot.title, len(asked), look.names.of(str(one.party) for one in missing)))
    return found


def _answered(look: Look, child: Case) -> bool:
    state = look.engine.laws.pinned(child.definition).definition.states[child.state]
    return (
        state.decided
        if child.closed
        else bool(child.clocks) and not any(clock.running for clock in child.clocks)
    )


def was_late(case: Case) -> Text | None:
    """By how much the case was late with what it stopped last; None when it was in time."""
    stopped = [clock for clock in case.clocks if clock.stopped_on is not None]
    last = max(stopped, key=lambda clock: (clock.stopped_on, clock.due_on), default=None)
    return late_by(last) if last else None
