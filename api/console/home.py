"""The first page of the day: what waits for the reader by its deadline, and the lists of his roles with their counts."""

from __future__ import annotations

from dataclasses import dataclass

from workflow.overview import Filter, find, tally, through, today
from workflow.view import View

from ..buckets import MOST, Bucket, buckets
from .lists import Row, heads_of, rows
from .screens import Look, Page, Screen

FIRST = 10
"""cases shown at once"""


@dataclass(frozen=True, slots=True)
class Count:
    """How many; from MOST on nobody counts further."""

    number: int

    def __str__(self) -> str:
        return f"{MOST}+" if self.number >= MOST else str(self.number)


def home(look: Look) -> Page:
    """Two questions, however many lists there are."""
    spans, own = buckets(look.engine), look.views
    mine = Filter(waiting=True)
    counts = tally(look.engine, look.actor, [*(b.of(mine) for b in spans), *map(through, own)], MOST)
    by_due: list[tuple[Bucket, Count]] = list(zip(spans, map(Count, counts), strict=False))
    by_view: list[tuple[View, Count]] = list(zip(own, map(Count, counts[len(spans) :]), strict=True))
    page = find(look.engine, look.actor, mine, sort="due_on", limit=FIRST)
    columns = ("kind", "number", "title", "state", "due_on")
    found: list[Row] = rows(look, page.cases, columns)
    return Page("home.html", {
        "day": today(look.engine), "buckets": by_due, "views": by_view, "rows": found, "heads": heads_of(columns),
        "more": page.next is not None,
    })  # fmt: skip


HOME = (Screen(path="/", name="home", view=home),)
