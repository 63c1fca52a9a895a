"""What is over its day in others' hands: with whom, by how long. Those whose screen it is (definitions/console.yaml) look after
all of their congress; everybody else is told of the families in which he, or his unit, stands: a supervisor of his key items.
"""

from __future__ import annotations

from workflow.errors import Text
from workflow.overview import Filter, Sitting, find, today

from ..paging import case_asked, next_address
from .lists import LIMIT, Row, heads_of, rows
from .screens import Look, Page, Screen

COLUMNS = ("number", "title", "state", "holder", "due_on")
TITLE = Text("他人超期", "Overdue with others")
FIRST = 5
"""shown on the first page"""


def wanted(look: Look) -> Filter:
    """The cases."""
    return Filter(elsewhere=True, due_before=today(look.engine), families=not look.held_for("overdue"))


def number(look: Look, sitting: Sitting, own: int, most: int) -> tuple[int, bool]:
    """How many, and whether there may be more; `own`: how many that are over their day wait for the reader himself."""
    asked = wanted(look)
    if asked.families:
        return sitting.numbers([asked], most)[0]
    everywhere = Filter(closed=False, due_before=asked.due_before)  # a sum that is at hand
    return sitting.counts([everywhere])[0] - own, False


def first(look: Look) -> list[Row]:
    """Those that are over their day the longest; records of old times, of which nobody knows what came, behind the others."""
    page = find(look.engine, look.actor, wanted(look), sort="due_on", limit=2 * FIRST)
    return sorted(rows(look, page.cases, COLUMNS), key=lambda row: row.unknown)[:FIRST]


def overdue(look: Look) -> Page:
    """All of them, in pages."""
    page = find(look.engine, look.actor, wanted(look), sort="due_on", after=case_asked(), limit=LIMIT)
    return Page("overdue.html", {
        "title": TITLE, "heads": heads_of(COLUMNS), "rows": rows(look, page.cases, COLUMNS),
        "next": next_address(page.next) if page.next else None,
    })  # fmt: skip


OVERDUE = (Screen(path="/overdue", name="overdue", view=overdue, menu=TITLE, of_roles=True),)
