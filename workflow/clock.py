"""The only now() in the project. Instants are UTC; civil dates are those of Asia/Shanghai."""

from __future__ import annotations

import re
import time
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Shanghai")
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
"""days that may be given: rules count years before and after them, and Python's dates end with the year 9999"""
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


class Clock(Protocol):
    """What the engine asks for the time; inject another one to replay, test or simulate."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only ever run on, whatever is done to the wall clock; see vigil.py."""
        return time.monotonic()


def day_of(text: str) -> date:
    """A civil date that somebody gives, `2026-03-15` and no other way. Raises ValueError, also for a day that nobody can mean."""
    if not _DAY.fullmatch(text) or not can_be(day := date.fromisoformat(text)):
        raise ValueError(f"no day: {text[:40]!r}")
    return day


def can_be(day: date) -> bool:
    """Whether that day may be given."""
    return FIRST_DAY <= day <= LAST_DAY


def civil_date(instant: datetime) -> date:
    """The date on the wall in Asia/Shanghai at that instant, whatever the zone of the host."""
    for first, beyond, day in _latest:
        if instant.tzinfo is UTC and first <= instant < beyond:
            return day
    return _civil_date(instant)


_latest: list[tuple[datetime, datetime, date]] = []
"""the last day that was asked for, with the instants between which it lies: one event asks several times, all of a day alike"""


@lru_cache(maxsize=256)
def _civil_date(instant: datetime) -> date:
    day = instant.astimezone(ZONE).date()
    if date.min < day < date.max:
        _latest[:] = [(start_of_day(day), start_of_day(day + timedelta(days=1)), day)]
    return day


def start_of_day(day: date) -> datetime:
    """The instant, in UTC, at which that civil date begins in Asia/Shanghai."""
    return datetime(day.year, day.month, day.day, tzinfo=ZONE).astimezone(UTC)
