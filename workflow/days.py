"""Every day of a deadline: which were counted, which were not and why. What a calendar of it is drawn from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from .calendars import DAY, Calendar
from .errors import Text
from .ledger import Ledger
from .periods import Due

__all__ = ["Day", "days"]

MOST = 400
"""a longer stretch is told in sentences only"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One civil day between the day a deadline counts from and the day it is due, both included."""

    on: date
    mark: Literal["first", "due", ""] = ""
    off: Text | None = None
    """why nobody works"""
    holiday: bool = False
    """off, and not only because it is a weekend"""
    made_up: bool = False
    """a Saturday or Sunday that is worked (调休上班)"""
    still: bool = False
    """the clock stood still"""
    number: int | None = None
    """which working day it is, in a period of working days"""
    provisional: bool = False
    """no notice covers it yet"""


def days(ledger: Ledger, now: Due, calendar: Calendar) -> tuple[Day, ...]:
    """In the order of the calendar; none for a stretch of more than MOST days."""
    first, last = sorted((now.counted_from, now.on))
    if (last - first).days > MOST:
        return ()
    numbers = {day: number for number, day in enumerate(now.counted, 1)}
    still = {day for stretch in _still(ledger, last) for day in _between(*stretch)}
    return tuple(_day(day, now, calendar, day in still, numbers.get(day)) for day in _between(first, last))


def _day(day: date, now: Due, calendar: Calendar, still: bool, number: int | None) -> Day:
    return Day(
        on=day, mark="due" if day == now.on else "first" if day == now.counted_from else "",
        off=None if calendar.is_working_day(day) else calendar.why_off(day), made_up=day in calendar.makeup,
        holiday=day in calendar.off,
        still=still, number=number, provisional=calendar.is_provisional(day),
    )  # fmt: skip


def _still(ledger: Ledger, last: date) -> Iterator[tuple[date, date]]:
    """(first, last) of each stretch of days in which the clock stood still."""
    since: date | None = None
    for entry in ledger.entries:
        if entry.kind == "suspend":
            since = entry.on
        elif entry.kind in ("resume", "reset") and since is not None:
            yield since, entry.on - DAY
            since = None
    if since is not None:
        yield since, last


def _between(first: date, last: date) -> Iterator[date]:
    day = first
    while day <= last:
        yield day
        day += DAY
