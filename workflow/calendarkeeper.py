"""Keeps the calendars that were put in force here, so that every process counts by them without a file being replaced.

Authoritative is the row. A process goes by it from its first event on, and, where another process puts one in force meanwhile,
from the first tick or request a minute later. A row names what it took the place of: a corrected notice that reaches no further
holds instead of those, and what else lies in the folder holds again as soon as it reaches as far.
What can fail: a process that has not looked yet begins a clock by the old calendar. A row also names the days it changed, so such
a clock is derived again like any other when the notice is applied once more.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from hashlib import sha256

from .calendars import Calendar, changes
from .errors import NotFound, Text
from .laws import Laws
from .store.sql import Store
from .store.work import Host

__all__ = ["CalendarKeeper"]

AGAIN = timedelta(minutes=1)
"""how old what a process knows of it may be"""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A calendar, and what was changed by putting it in force."""

    calendar: Calendar
    passed: frozenset[str] = frozenset()
    """the calendars it took the place of, by the hash of their content"""
    moved: frozenset[date] = frozenset()
    """the days a notice had settled and this one, or one before it, settled otherwise"""


class CalendarKeeper:
    """One per engine."""

    def __init__(self, store: Store, laws: Laws, now: Callable[[], datetime]) -> None:
        self._store = store
        self._laws = laws
        self._now = now
        self._looked: datetime | None = None
        self._kept: _Kept | None = None

    def keep(self, calendar: Calendar, by: str) -> None:
        """From now on the place counts by this calendar, here and in every process, unless the one in use reaches further."""
        used = self._used()
        passed = (used.passed | {_hash(used.calendar)}) - {_hash(calendar)}
        kept = _Kept(calendar, passed, self.moved_by(calendar))
        with self._store.connection(write=True) as connection:
            self._store.keep_calendar(
                connection, calendar.version, _content(kept), self._now().isoformat(), by
            )
        self._adopt([kept])

    def moved_by(self, calendar: Calendar) -> frozenset[date]:
        """The days that were settled and are otherwise by this calendar, or became so by those in force before: also a clock that
        is not provisional may rest on what they were. None for a calendar that reaches less far than the one in use.
        """
        used = self._used()
        if calendar.horizon < used.calendar.horizon:
            return frozenset()
        known = (day for day in changes(used.calendar, calendar) if not used.calendar.is_provisional(day))
        return used.moved | frozenset(known)

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
        self._adopt([_restored(content) for content in found])

    def _used(self) -> _Kept:
        """What the place counts by: kept here, or from the folder."""
        calendar = self._laws.calendar
        return self._kept if self._kept and self._kept.calendar == calendar else _Kept(calendar)

    def _adopt(self, found: list[_Kept]) -> None:
        """Go by the last of them that goes on from the one in use; in one step, for other threads count meanwhile."""
        used = before = self._used()
        for kept in found:
            if kept.calendar.name == used.calendar.name and _instead(kept, used.calendar):
                used = kept
        if used is not before:
            self._kept = used
            if used.calendar != before.calendar:
                self._laws.count_by(used.calendar)


def _instead(kept: _Kept, used: Calendar) -> bool:
    if kept.calendar.horizon != used.horizon:
        return kept.calendar.horizon > used.horizon
    return kept.calendar == used or _hash(used) in kept.passed


def _hash(calendar: Calendar) -> str:
    return sha256(json.dumps(_days(calendar), ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def _days(calendar: Calendar) -> dict[str, object]:
    data = {field.name: getattr(calendar, field.name) for field in fields(calendar)}
    data |= {
        "first": calendar.first.isoformat(), "horizon": calendar.horizon.isoformat(), "names": dict(calendar.names),
        "off": {day.isoformat(): name for day, name in sorted(calendar.off.items())},
        "makeup": sorted(day.isoformat() for day in calendar.makeup),
    }  # fmt: skip
    return data


def _content(kept: _Kept) -> str:
    data = _days(kept.calendar) | {
        "passed": sorted(kept.passed), "moved": sorted(day.isoformat() for day in kept.moved),
    }  # fmt: skip
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _restored(content: str) -> _Kept:
    """The inverse. Raises NotFound for anything it did not write."""
    try:
        data = json.loads(content)
        passed, moved = data.pop("passed"), data.pop("moved")
        calendar = Calendar(**data | {
            "first": date.fromisoformat(data["first"]), "horizon": date.fromisoformat(data["horizon"]),
            "off": {date.fromisoformat(day): name for day, name in data["off"].items()},
            "makeup": frozenset(map(date.fromisoformat, data["makeup"])), "sources": tuple(data["sources"]),
        })  # fmt: skip
        return _Kept(calendar, frozenset(passed), frozenset(map(date.fromisoformat, moved)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        words = Text("存储的日历无法读取", f"the stored calendar cannot be read: {type(error).__name__}")
        raise NotFound(words) from error
