"""The first page of the day: what waits for the reader by its deadline, what is over it in others' hands, and the lists of his
roles with their counts; for who looks after the service first of all what is to be seen to there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from workflow.health import Trouble
from workflow.overview import Filter, Sitting, cases_of, through, today
from workflow.view import View

from ..buckets import Bucket, buckets
from ..saved import kept
from ..upkeep import looked
from . import overdue
from .lists import OF_ANY_KIND, heads_of, lists_of
from .screens import Look, Page, Screen

MOST = 200
"""where only the cases can tell, counts stop here: more than fits a page, and the first page stays quick"""
FIRST = 10
"""cases shown at once"""


@dataclass(frozen=True, slots=True)
class Count:
    """How many; `more`: at least so many."""

    number: int
    more: bool = False

    def __str__(self) -> str:
        return f"{self.number}+" if self.more else str(self.number)


def home(look: Look) -> Page:
    """A few questions, however many lists there are."""
    spans, own = buckets(look.engine), look.views
    with Sitting.of(look.engine, look.actor) as sitting:
        agenda = sitting.agenda(Filter(waiting=True), FIRST + 1)
        numbers = sitting.numbers([*map(through, own)], MOST)
        due, old = agenda.due, agenda.unknown
        own_late = sum(number for day, number in due.items() if day is not None and day < today(look.engine))
        late = overdue.late(look, sitting, own_late - old, MOST)
    by_due: list[tuple[Bucket, Count]] = [(span, Count(_within(span, due, old))) for span in spans]
    by_view: list[tuple[View, Count]] = [
        (view, Count(number, more)) for view, (number, more) in zip(own, numbers, strict=True)
    ]
    first = agenda.first[:FIRST]
    known = cases_of(look.engine, look.actor, [*first, *late.first])
    found, late_rows = lists_of(look, *(
        ([known[id_] for id_ in ids if id_ in known], columns)
        for ids, columns in ((first, OF_ANY_KIND), (late.first, overdue.COLUMNS))
    ))  # fmt: skip
    return Page("home.html", {
        "day": today(look.engine), "buckets": by_due, "views": by_view, "rows": found, "heads": heads_of(OF_ANY_KIND),
        "findings": _findings(look), "saved": kept(look.engine, look.actor.person),
        "more": len(agenda.first) > FIRST, "elsewhere": Count(late.number, late.more), "late_heads": heads_of(overdue.COLUMNS),
        "late_rows": late_rows,
    })  # fmt: skip


def _findings(look: Look) -> list[Trouble] | None:
    """As the page of the system's health has them; None for who does not look after it."""
    operates = look.actor.person in look.desk.operators
    return looked(look.desk) if operates else None


def _within(span: Bucket, due: Mapping[date | None, int], old: int) -> int:
    """How many are in the bucket, `old` of those that are late being records of old times."""
    if span.recorded:
        return old
    return sum(number for day, number in due.items() if span.holds(day)) - (
        old if span.recorded is False else 0
    )


HOME = (Screen(path="/", name="home", view=home),)
