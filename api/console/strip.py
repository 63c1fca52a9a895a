"""The calendar of a deadline: every day from the first to the last in rows of weeks, with a letter for what it is, never a colour
alone; and in words what was passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

from workflow.days import Day
from workflow.errors import Text

__all__ = ["LETTERS", "WEEKDAYS", "Cell", "Strip", "Week", "strip"]

WEEKDAYS = tuple(
    Text(zh, en) for zh, en in zip("一二三四五六日", ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"), strict=True)
)
LETTERS = {
    "first": (Text("起", "S"), Text("起算日，不计入", "the first day, not counted")),
    "due": (Text("满", "D"), Text("期满日", "the last day")),
    "still": (Text("停", "P"), Text("期限中止", "the clock stood still")),
    "made_up": (Text("班", "W"), Text("调休上班", "a weekend day that is worked")),
    "holiday": (Text("节", "H"), Text("法定节假日", "a public holiday")),
    "weekend": (Text("休", "O"), Text("周末", "a weekend")),
    "open": (Text("？", "?"), Text("放假安排尚未公布", "no holiday notice covers it yet")),
}
"""what a day is -> its letter and what that means; the first that fits is written"""


@dataclass(frozen=True, slots=True)
class Cell:
    """One day as it is written (the first of a month with its month), what it is (a key of LETTERS, or nothing), and which
    working day.
    """

    day: str
    is_: str
    number: int | None

    @property
    def letter(self) -> Text:
        """What is written beside the number."""
        return LETTERS[self.is_][0] if self.is_ else Text("", "")


@dataclass(frozen=True, slots=True)
class Week:
    """Monday to Sunday; None where the deadline has not begun, or is over. `month`: of its first day; `again`: as above it."""

    month: str
    again: bool
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, slots=True)
class Strip:
    """The whole calendar, the letters it uses, and the days off in words."""

    weeks: tuple[Week, ...]
    letters: tuple[tuple[Text, Text], ...]
    passed: tuple[Text, ...]


def strip(days: Sequence[Day]) -> Strip | None:
    """The calendar of these days, or None when there are none to show."""
    if not days:
        return None
    weeks = tuple(_weeks(days))
    used = {cell.is_ for week in weeks for cell in week.cells if cell}
    letters = tuple(meaning for name, meaning in LETTERS.items() if name in used)
    return Strip(weeks, letters, tuple(_passed(days)))


def _weeks(days: Sequence[Day]) -> Iterator[Week]:
    before = ""
    for _, group in groupby(days, key=lambda day: day.on - timedelta(days=day.on.weekday())):
        week = list(group)
        cells: list[Cell | None] = [None] * 7
        for day in week:
            written = f"{day.on.month}/1" if day.on.day == 1 else str(day.on.day)
            cells[day.on.weekday()] = Cell(written, _what(day), day.number)
        month = f"{week[0].on:%Y-%m}"
        yield Week(month, month == before, tuple(cells))
        before = month


def _what(day: Day) -> str:
    """What is said of a day that is several things: the first of LETTERS."""
    found = {
        "first": day.mark == "first", "due": day.mark == "due", "still": day.still, "made_up": day.made_up,
        "holiday": day.holiday, "weekend": day.off is not None,
        "open": day.provisional,
    }  # fmt: skip
    return next((name for name, holds in found.items() if holds), "")


def _passed(days: Sequence[Day]) -> Iterator[Text]:
    """Holidays with their days, days worked at a weekend, days on which the clock stood still; plain weekends are counted."""
    weekends = sum(day.off is not None and not day.holiday for day in days)
    if weekends:
        yield Text(f"周末 {weekends} 天", f"{weekends} weekend day(s)")
    for off, group in groupby(days, key=lambda day: day.off if day.holiday else None):
        if off is not None:
            yield _stretch(list(group), off)
    for made_up, group in groupby(days, key=lambda day: day.made_up):
        if made_up:
            yield _stretch(list(group), LETTERS["made_up"][1])
    for still, group in groupby(days, key=lambda day: day.still):
        if still:
            yield _stretch(list(group), LETTERS["still"][1])


def _stretch(days: Sequence[Day], why: Text) -> Text:
    first, last = days[0].on, days[-1].on
    if first == last:
        return Text(f"{why.zh}：{first}", f"{why.en}: {first}")
    return Text(
        f"{why.zh}：{first} 至 {last}，{len(days)} 天", f"{why.en}: {first} to {last}, {len(days)} days"
    )
