"""Cases told apart by their nearest due day: today, over, soon, later, without; what was only imported, apart (`unknown`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from workflow import Engine
from workflow.errors import Text
from workflow.overview import Filter, today

MOST = 1000
"""counts stop here"""
FAR = date(9999, 12, 31)
UNKNOWN = Text("来源未载是否按期", "over, and not known whether in time")
SPANS = (3, 10)
"""working days ahead that have a bucket of their own"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Cases by their nearest due day: from a day (included) to before another."""

    name: str
    title: Text
    due_from: date | None = None
    due_before: date | None = None
    undated: bool = False
    recorded: bool | None = None
    """only imported, so that nobody knows whether the day was kept; or the others"""

    def of(self, asked: Filter) -> Filter:
        """The same cases, those due within the bucket."""
        if self.undated:
            return asked.but(undated=True)
        return asked.but(due_from=self.due_from, due_before=self.due_before, recorded=self.recorded)

    def holds(self, day: date | None, *, recorded: bool = False) -> bool:
        """Whether a case that is due on that day (None: on none) is in the bucket; `recorded`: it was only imported."""
        if day is None or self.undated:
            return day is None and self.undated
        return (
            self.recorded in (None, recorded)
            and (self.due_from is None or self.due_from <= day)
            and (self.due_before is None or day < self.due_before)
        )


def buckets(engine: Engine) -> list[Bucket]:
    """They do not overlap and leave nothing out, so that their counts add up."""
    day, calendar = today(engine), engine.laws.calendar
    three, ten = (calendar.add_working_days(day, span) + timedelta(days=1) for span in SPANS)
    tomorrow = day + timedelta(days=1)
    return [
        Bucket("today", Text("今日到期", "due today"), day, tomorrow),
        Bucket("overdue", Text("已超期", "overdue"), None, day, recorded=False),
        Bucket("unknown", UNKNOWN, None, day, recorded=True),
        Bucket("soon", Text(f"{SPANS[0]} 个工作日内", f"within {SPANS[0]} working days"), tomorrow, three),
        Bucket("near", Text(f"{SPANS[1]} 个工作日内", f"within {SPANS[1]} working days"), three, ten),
        Bucket("later", Text("更晚", "later"), ten, FAR),
        Bucket("undated", Text("无期限", "without a deadline"), undated=True),
    ]
