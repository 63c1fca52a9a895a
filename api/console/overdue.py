"""What is over its day in others' hands: with whom, by how long. Those whose screen it is (definitions/console.yaml) look after
all of their congress; everybody else is told of the families in which he, or his unit, stands: a supervisor of his key items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workflow.errors import Text
from workflow.overview import After, Filter, Sitting, find, today
from workflow.overview import Page as Found

from ..paging import case_asked, next_address
from .lists import LIMIT, heads_of, rows
from .screens import Look, Page, Screen

COLUMNS = ("number", "title", "state", "holder", "due_on")
TITLE = Text("他人超期", "Overdue with others")
FIRST = 5
"""shown on the first page"""


def wanted(look: Look) -> Filter:
    """The cases, records of old times among them."""
    return Filter(elsewhere=True, due_before=today(look.engine), families=not look.held_for("overdue"))


@dataclass(frozen=True, slots=True)
class Late:
    """How many are late, whether there may be more, and the ids of those that are over their day the longest."""

    number: int
    more: bool
    first: Sequence[str]


def late(look: Look, sitting: Sitting, own: int, most: int) -> Late:
    """What the first page tells of it; `own`: how many that are late wait for the reader himself."""
    asked = wanted(look).but(recorded=False)
    if asked.families:
        found = sitting.soonest(asked, most)
        return Late(len(found), len(found) >= most, found[:FIRST])
    everywhere = Filter(closed=False, due_before=asked.due_before, recorded=False)  # a sum that is at hand
    number = sitting.counts([everywhere])[0] - own
    return Late(number, more=False, first=sitting.soonest(asked, FIRST) if number else [])


def overdue(look: Look) -> Page:
    """All of them, in pages; records of old times, of which nobody knows what came, apart, in pages of their own (`recorded`)."""
    after, apart = case_asked(), look.request.args.get("recorded") == "1"
    known = None if apart else _found(look, recorded=False, limit=LIMIT, after=after)
    old = (
        _found(look, recorded=True, limit=LIMIT if apart else FIRST, after=after)
        if apart or not after
        else None
    )
    place = old.next if apart and old else known.next if known else None
    return Page("overdue.html", {
        "title": TITLE, "heads": heads_of(COLUMNS), "rows": rows(look, known.cases, COLUMNS) if known else [],
        "old": rows(look, old.cases, COLUMNS) if old else [], "more": bool(old and old.next and not apart),
        "next": next_address(place) if place else None,
    })  # fmt: skip


def _found(look: Look, *, recorded: bool, limit: int, after: After | None = None) -> Found:
    """A page of those that are late, or of the records of old times."""
    asked = wanted(look).but(recorded=recorded)
    return find(look.engine, look.actor, asked, sort="due_on", after=after, limit=limit)


OVERDUE = (Screen(path="/overdue", name="overdue", view=overdue, menu=TITLE, of_roles=True),)
