"""The State Council's notice of next year's days off, as somebody types it from the paper: lines of a holiday and its days.

    元旦 1月1日至3日
    春节 2027-02-05 至 2027-02-12

and the weekend days that are worked. It is judged by the calendar's own reader and added to the calendar in use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from workflow.calendars import Calendar, CalendarFault
from workflow.errors import FormInvalid, Reason

_DAY = re.compile(r"(?:(\d{4})\s*[-年./]\s*)?(?:(\d{1,2})\s*[-月./]\s*)?(\d{1,2})\s*日?")
_TO = re.compile(r"\s*(?:至|到|～|~|—|–|\.\.)\s*")
_BETWEEN = re.compile(r"[、，,;；\s]+")
MOST = 10_000
"""letters of a notice"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One year's notice, as typed."""

    year: int
    source: str
    """its number, day and place of publication"""
    off: str
    makeup: str

    def section(self) -> dict[str, Any]:
        """The year's section of a calendar file. Raises FormInvalid with every line that cannot be read."""
        wrong: list[Reason] = []
        off = {}
        for line in filter(None, map(str.strip, self.off[:MOST].splitlines())):
            name, _, days = line.replace("：", " ").replace(":", " ").replace("\u3000", " ").partition(" ")
            found = self._range(days)
            if isinstance(found, Reason) or found is None:
                wrong.append(found or _unread(line))
            elif name in off:
                wrong.append(_reason("off", f"“{name}”写了两次", f"{name!r} stands there twice"))
            else:
                off[name] = found
        makeup = []
        for word in filter(None, _BETWEEN.split(self.makeup[:MOST])):
            day = self._day(word, None)
            if day is None:
                wrong.append(
                    _reason(
                        "makeup",
                        f"没有这个日期：{word}；写法如：1月3日",
                        f"no such date: {word}; write 1月3日",
                    )
                )
            else:
                makeup.append(day.isoformat())
        if not self.off.strip():
            wrong.append(_reason("off", "请填写各节日的放假日期", "give the days off"))
        if not self.source.strip():
            wrong.append(_reason("source", "请填写通知文号或来源", "name the notice"))
        if wrong:
            raise FormInvalid(wrong)
        return {"source": self.source.strip(), "off": off, "makeup": makeup}

    def added_to(self, used: Calendar) -> Calendar:
        """The calendar in use with this year. Raises FormInvalid."""
        data = _alone(used.name, self.year, self.section())
        try:
            new = Calendar.from_data(data)
        except CalendarFault as error:
            raise FormInvalid(
                [Reason(code="form.calendar", text=one.text, field="off") for one in (error, *error.others)]
            ) from None
        return replace(
            used, version=new.version, horizon=new.horizon, off={**used.off, **new.off}, makeup=used.makeup | new.makeup,
            sources=(*used.sources, self.source.strip()),
        )  # fmt: skip

    def _range(self, text: str) -> str | Reason | None:
        """From when until when; None for what is no range, and a reason for one that cannot be."""
        first, *rest = _TO.split(text.strip(), maxsplit=1)
        start = self._day(first, None)
        end = self._day(rest[0], start) if rest and start else start
        if start is None or end is None:
            return None
        if end < start:
            zh, en = f"止日 {end} 早于起日 {start}", f"{end} comes before {start}"
            return _reason("off", f"{text.strip()}：{zh}", f"{text.strip()}: {en}")
        return start.isoformat() if end == start else f"{start.isoformat()}..{end.isoformat()}"

    def _day(self, text: str, after: date | None) -> date | None:
        """A day as it is written in a notice; month and year go on from the day before the 至."""
        found = _DAY.fullmatch(text.strip())
        if found is None or (found[2] is None and after is None):
            return None
        month = int(found[2] or (after.month if after else 0))
        year = int(found[1] or (after.year if after else self.year))
        try:
            return date(year, month, int(found[3]))
        except ValueError:
            return None


def written(new: Calendar, section: Mapping[str, Any]) -> str:
    """What has to stand in the calendar file of the definitions, as YAML."""
    lines = [f"version: {new.version}", f"horizon: {new.horizon}", "years:", f"  {new.horizon.year}:"]
    lines += [f"    source: {_quoted(str(section['source']))}", "    off:"]
    lines += [f"      {_quoted(name)}: {days}" for name, days in section["off"].items()]
    return "\n".join([*lines, f"    makeup: [{', '.join(section['makeup'])}]", ""])


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _alone(name: str, year: int, section: Mapping[str, Any]) -> dict[str, object]:
    """A calendar file of that year only; its first holiday may begin in the December before."""
    before = {"source": "-", "off": {}, "makeup": []}
    return {
        "calendar": name, "version": f"{name}-{year}", "first": f"{year - 1}-12-01", "horizon": f"{year}-12-31",
        "years": {str(year - 1): before, str(year): dict(section)},
    }  # fmt: skip


def _unread(line: str) -> Reason:
    """Also of a day that no month has."""
    zh = f"看不懂这一行：{line}；写法如：春节 2月5日至11日，日期须是真有的"
    return _reason(
        "off", zh, f"this line cannot be read: {line}; write 春节 2月5日至11日, with days that there are"
    )


def _reason(field: str, zh: str, en: str) -> Reason:
    return Reason.of("form.calendar", zh, en, field)
