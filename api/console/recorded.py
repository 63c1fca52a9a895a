"""Records of old times that were only imported: what came of them nobody knows, so a day that is over makes none of them late."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from workflow import Case
from workflow.errors import Text
from workflow.overview import only_recorded, today

from .screens import Look
from .sentence import remaining

RECORDED = Text("只有来源记录", "only imported")
UNKNOWN = Text("已过（来源未载是否按期）", "over (the source does not say whether it was kept)")


def unknown(look: Look, cases: Iterable[Case], *, every: bool = False) -> set[str]:
    """Of those whose day is over the ids of those that were only imported; nothing is asked where none is over. `every`: any of
    their running deadlines, not only the one by which lists order them.
    """
    day = today(look.engine).isoformat()
    over = {
        case.id for case in cases
        if not case.closed
        and ((case.due_on or day) < day or (every and any(c.running and str(c.due_on) < day for c in case.clocks)))
    }  # fmt: skip
    return only_recorded(look.engine, look.actor, over)


def left(look: Look, due_on: date, *, recorded: bool) -> tuple[Text, bool]:
    """How long there is left, in words, and whether it is late. `recorded`: it was only imported."""
    day = today(look.engine)
    if recorded and due_on < day:
        return UNKNOWN, False
    return remaining(due_on, day, look.engine.laws.calendar), due_on < day
