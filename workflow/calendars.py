"""Working days of a place, as versioned data with a horizon.

A calendar knows three things: which days are off and why, which weekend days are worked
(调休上班), and the stretch of days `first`…`horizon` for which an authority has published both.
Outside that stretch Saturdays and Sundays are the only days off we can name, and that is a guess:
every answer that touched such a day is *provisional* and the caller must say so. The State Council
sets the shifts year by year (全国年节及纪念日放假办法 2024, art. 7).

Everything here is pure: no file, no network, no present day.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from types import MappingProxyType

from .errors import Text
from .model import PartialDate

__all__ = [
    "Calendar",
    "CalendarFault",
    "DayCount",
    "PartialDate",
    "add_months",
    "changes",
    "days_from",
]

DAY = timedelta(days=1)
SATURDAY = 5
MONTHS = 12
LONGEST = 31
"""More days off in a row than this are a slip of the pen."""


class CalendarFault(ValueError):
    """A calendar file cannot be used: `path` is the key at fault, `others` the remaining faults."""

    def __init__(self, path: str, text: Text, others: tuple[CalendarFault, ...] = ()) -> None:
        super().__init__(f"{path}: {text}")
        self.path = path
        self.text = text
        self.others = others


def days_from(day: date, step: int = 1) -> Iterator[date]:
    """The days after that day, without it; with `step=-1` the days before it."""
    while True:
        day += step * DAY
        yield day


def add_months(anchor: date, months: int) -> date:
    """The corresponding day that many months on (or back), clamped to the month's end.

    民法典 art. 202. Always from the anchor: adding one month twice to 01-31 would lose three days.
    """
    year, month = divmod(anchor.year * MONTHS + anchor.month - 1 + months, MONTHS)
    month += 1
    return date(year, month, min(anchor.day, monthrange(year, month)[1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCount:
    """Working days counted one by one: where the count ended, and what it stepped on and over."""

    end: date
    counted: tuple[date, ...]
    skipped: tuple[date, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The working days of one place in one published version."""

    name: str
    version: str
    first: date
    horizon: date
    off: Mapping[date, str] = field(hash=False)
    """Day off -> the name of its holiday; plain weekends need no entry."""
    makeup: frozenset[date]
    """Saturdays and Sundays that are worked."""
    names: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Holiday name -> its English."""
    sources: tuple[str, ...] = ()
    """The notices this version was made from."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "off", MappingProxyType(dict(self.off)))
        object.__setattr__(self, "names", MappingProxyType(dict(self.names)))

    def __reduce__(self) -> tuple[partial[Calendar], tuple[()]]:
        own = {name: getattr(self, name) for name in self.__slots__}
        return partial(Calendar, **own | {"off": dict(self.off), "names": dict(self.names)}), ()

    @classmethod
    def from_data(cls, data: Mapping[str, object]) -> Calendar:
        """The calendar of a parsed `calendar:` file. Raises CalendarFault, with all its faults."""
        return _Reader().read(data)

    def is_working_day(self, day: date) -> bool:
        """Whether people work on that day; beyond the horizon, whether it is Monday to Friday."""
        return day in self.makeup or (day.weekday() < SATURDAY and day not in self.off)

    def is_provisional(self, day: date) -> bool:
        """Whether no notice covers that day, so that what we say of it is a guess."""
        return not self.first <= day <= self.horizon

    def why_off(self, day: date) -> Text:
        """Why nobody works on that day: its holiday, or the weekend. ValueError on a working day."""
        if self.is_working_day(day):
            raise ValueError(f"{day} is a working day")
        holiday = self.off.get(day)
        if holiday is not None:
            return Text(holiday, self.names.get(holiday, holiday))
        return Text("周末", "weekend")

    def count_working_days(self, anchor: date, number: int) -> DayCount:
        """Count that many working days on from the anchor, or back when negative.

        The first day is not counted (民法典 art. 201); zero days end on the anchor itself.
        """
        counted: list[date] = []
        skipped: list[date] = []
        days = days_from(anchor, 1 if number > 0 else -1)
        while len(counted) < abs(number):
            day = next(days)
            (counted if self.is_working_day(day) else skipped).append(day)
        end = counted[-1] if counted else anchor
        return DayCount(end=end, counted=tuple(counted), skipped=tuple(skipped))

    def add_working_days(self, anchor: date, number: int) -> date:
        """The day that many working days after the anchor, or before it when negative."""
        return self.count_working_days(anchor, number).end

    def next_working_day(self, day: date) -> date:
        """That day if it is worked, else the first working day after it."""
        return self._nearest(day, 1)

    def previous_working_day(self, day: date) -> date:
        """That day if it is worked, else the last working day before it."""
        return self._nearest(day, -1)

    def working_days_between(self, start: date, end: date) -> int:
        """How many working days lie after `start` up to and with `end`; negative if `end` is earlier."""
        if end < start:
            return -self.working_days_between(end, start)
        days = (start + DAY * step for step in range(1, (end - start).days + 1))
        return sum(map(self.is_working_day, days))

    def _nearest(self, day: date, step: int) -> date:
        while not self.is_working_day(day):
            day += step * DAY
        return day


def changes(old: Calendar, new: Calendar) -> list[date]:
    """The days that are worked in one calendar and off in the other, in order.

    A day that was guessed right is no change, though it stops being provisional.
    """
    named = {*old.off, *old.makeup, *new.off, *new.makeup}
    return sorted(day for day in named if old.is_working_day(day) != new.is_working_day(day))


KEYS = frozenset({"calendar", "version", "title", "first", "horizon", "note", "names", "confidence", "years"})
NEEDED = ("calendar", "version", "first", "horizon", "years")
YEAR_KEYS = frozenset({"notice", "published", "source", "confidence", "note", "off", "makeup"})


class _Reader:
    """Turns plain data into a Calendar, gathering every fault before it gives up."""

    def __init__(self) -> None:
        self.faults: list[CalendarFault] = []
        self.off: dict[date, str] = {}
        self.makeup: set[date] = set()
        self.sources: list[str] = []

    def read(self, data: Mapping[str, object]) -> Calendar:
        """The calendar, or all the faults in one CalendarFault."""
        self._keys("", data, KEYS)
        for key in NEEDED:
            if key not in data:
                self._fault(key, "缺少此项", "this key is missing")
        first, horizon = self._day("first", data.get("first")), self._day("horizon", data.get("horizon"))
        years = self._mapping("years", data.get("years"))
        for year, entry in years.items():
            self._year(f"years.{year}", self._mapping(f"years.{year}", entry))
        names = {str(zh): str(en) for zh, en in self._mapping("names", data.get("names", {})).items()}
        if isinstance(data.get("years"), Mapping):
            self._whole(first, horizon, {str(year) for year in years})
        if self.faults:
            raise CalendarFault(self.faults[0].path, self.faults[0].text, tuple(self.faults[1:]))
        return Calendar(
            name=str(data["calendar"]),
            version=str(data["version"]),
            first=first,
            horizon=horizon,
            off=self.off,
            makeup=frozenset(self.makeup),
            names=names,
            sources=tuple(self.sources),
        )

    def _fault(self, path: str, zh: str, en: str) -> None:
        self.faults.append(CalendarFault(path, Text(zh, en)))

    def _keys(self, path: str, data: Mapping[str, object], known: frozenset[str]) -> None:
        for key in data:
            if str(key) not in known:
                where = f"{path}.{key}" if path else str(key)
                allowed = ", ".join(sorted(known))
                self._fault(where, f"不认识的项，可用：{allowed}", f"unknown key, allowed: {allowed}")

    def _mapping(self, path: str, value: object) -> Mapping[str, object]:
        if isinstance(value, Mapping):
            return value
        if value is not None:
            self._fault(path, "应为键值表", "a mapping is needed")
        return {}

    def _list(self, path: str, value: object) -> list[object]:
        if isinstance(value, list):
            return value
        self._fault(path, "应为列表", "a list is needed")
        return []

    def _day(self, path: str, value: object) -> date:
        """The date written there, or `date.min` when none is; the fault is then noted already."""
        try:
            if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", str(value)):
                return date.fromisoformat(str(value))
        except ValueError:
            pass
        if value is not None:
            self._fault(path, f"不是日期：{value}", f"not a date: {value}")
        return date.min

    def _year(self, path: str, entry: Mapping[str, object]) -> None:
        self._keys(path, entry, YEAR_KEYS)
        cited = [str(entry[key]) for key in ("notice", "published", "source") if entry.get(key)]
        if not cited:
            self._fault(f"{path}.source", "没有写明依据", "no notice and no source is named")
        self.sources.append(" ".join(cited))
        for holiday, ranges in self._mapping(f"{path}.off", entry.get("off", {})).items():
            self._holiday(f"{path}.off.{holiday}", str(holiday), ranges)
        for index, value in enumerate(self._list(f"{path}.makeup", entry.get("makeup", []))):
            self._makeup(f"{path}.makeup[{index}]", value)

    def _holiday(self, path: str, holiday: str, ranges: object) -> None:
        for written in ranges if isinstance(ranges, list) else [ranges]:
            start_text, _, end_text = str(written).partition("..")
            start = self._day(path, start_text)
            end = self._day(path, end_text) if end_text else start
            if date.min in (start, end):
                continue
            if not 0 <= (end - start).days < LONGEST:
                self._fault(path, f"起止日期不合理：{written}", f"not a plausible range: {written}")
                continue
            for step in range((end - start).days + 1):
                self._one_off(path, start + step * DAY, holiday)

    def _one_off(self, path: str, day: date, holiday: str) -> None:
        if day in self.off:
            self._fault(path, f"{day} 重复", f"{day} is listed twice")
        self.off[day] = holiday

    def _makeup(self, path: str, value: object) -> None:
        day = self._day(path, value)
        if day == date.min:
            return
        if day.weekday() < SATURDAY:
            self._fault(path, f"{day} 不是周末", f"{day} is not a weekend day")
        if day in self.makeup:
            self._fault(path, f"{day} 重复", f"{day} is listed twice")
        self.makeup.add(day)

    def _whole(self, first: date, horizon: date, years: set[str]) -> None:
        """A year inside the horizon without its notice would be a silent Monday-to-Friday guess."""
        if date.min in (first, horizon):
            return
        if horizon < first:
            self._fault("horizon", "早于 first", "lies before first")
            return
        for year in range(first.year, horizon.year + 1):
            if str(year) not in years:
                self._fault(f"years.{year}", "缺少这一年的放假通知", "no notice for this year")
        for day in sorted(self.makeup & self.off.keys()):
            self._fault("years", f"{day} 既放假又上班", f"{day} is both off and worked")
        for day in sorted(day for day in {*self.off, *self.makeup} if not first <= day <= horizon):
            self._fault("years", f"{day} 超出有效范围", f"{day} lies outside first…horizon")
