"""Keeps the calendars that were put in force here, so that every process counts by them without a file being replaced.

Authoritative is the row. A process goes by it from its first event on, and, where another process puts one in force meanwhile,
from the first tick or request a minute later. What lies in the folder holds again as soon as it reaches as far.
What can fail: a process that has not looked yet begins a clock by the old calendar; that clock is provisional, and is derived
again like any other when the notice is applied once more.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from datetime import date, datetime, timedelta

from .calendars import Calendar
from .errors import NotFound, Text
from .laws import Laws
from .store.sql import Store
from .store.work import Host

__all__ = ["CalendarKeeper"]

AGAIN = timedelta(minutes=1)
"""how old what a process knows of it may be"""


class CalendarKeeper:
    """One per engine."""

    def __init__(self, store: Store, laws: Laws, now: Callable[[], datetime]) -> None:
        self._store = store
        self._laws = laws
        self._now = now
        self._looked: datetime | None = None

    def keep(self, calendar: Calendar, by: str) -> None:
        """From now on the place counts by this calendar, in this process and in every other."""
        content = _content(calendar)
        with self._store.connection(write=True) as connection:
            self._store.keep_calendar(connection, calendar.version, content, self._now().isoformat(), by)
        self._adopt(calendar)

    def before(self, host: Host | None) -> None:
        """Called before events are fired: go by what was put in force before this process began."""
        if self._looked is None:
            self._look(host)

    def look(self) -> None:
        """Go by what another process has put in force meanwhile; a short question, and none within a minute of the last."""
        if self._looked is None or not timedelta() <= self._now() - self._looked < AGAIN:
            self._look(None)

    def _look(self, host: Host | None) -> None:
        if host is not None:  # refused before SQLAlchemy begins for our question what the host has not begun
            with self._store.work(host):
                pass
        self._looked = self._now()
        with self._store.connection(host) as connection:
            found = self._store.calendars(connection)
        for content in found:
            self._adopt(_restored(content))

    def _adopt(self, calendar: Calendar) -> None:
        used = self._laws.calendar
        if calendar.name == used.name and calendar.horizon > used.horizon:
            self._laws.count_by(calendar)


def _content(calendar: Calendar) -> str:
    data = {field.name: getattr(calendar, field.name) for field in fields(calendar)}
    data |= {
        "first": calendar.first.isoformat(), "horizon": calendar.horizon.isoformat(), "names": dict(calendar.names),
        "off": {day.isoformat(): name for day, name in sorted(calendar.off.items())},
        "makeup": sorted(day.isoformat() for day in calendar.makeup),
    }  # fmt: skip
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _restored(content: str) -> Calendar:
    """The inverse. Raises NotFound for anything it did not write."""
    try:
        data = json.loads(content)
        return Calendar(**data | {
            "first": date.fromisoformat(data["first"]), "horizon": date.fromisoformat(data["horizon"]),
            "off": {date.fromisoformat(day): name for day, name in data["off"].items()},
            "makeup": frozenset(map(date.fromisoformat, data["makeup"])), "sources": tuple(data["sources"]),
        })  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        words = Text("存储的日历无法读取", f"the stored calendar cannot be read: {type(error).__name__}")
        raise NotFound(words) from error
