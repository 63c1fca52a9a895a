"""The calendar of a deadline, as whoever counts on his fingers would draw it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import yaml

from api.console.strip import strip
from workflow.calendars import Calendar
from workflow.deadlines import Ledger, Rule, RuleBook, explain
from workflow.errors import Text

CN = Calendar.from_data(
    yaml.load(
        (Path(__file__).parents[1] / "definitions/calendars/cn.yaml").read_text("utf-8"),
        Loader=yaml.BaseLoader,
    )
)


def drawn(unit: str, value: int, first: date):
    book = RuleBook(place="x", rules=(Rule(id="R", title=Text("期限", "time"), unit=unit, value=value),))
    return strip(explain(Ledger.start("R", first, CN), book, CN).days)


def test_a_return_window_over_the_national_day() -> None:
    found = drawn("working_day", 7, date(2026, 9, 28))
    rows = [
        " ".join(f"{cell.day}{cell.letter.zh}{cell.number or ''}" if cell else "·" for cell in week.cells)
        for week in found.weeks
    ]
    assert rows == [
        "28起 291 302 10/1节 2节 3节 4节",
        "5节 6节 7节 83 94 10班5 11休",
        "126 13满7 · · · · ·",
    ]
    assert [(week.month, week.again) for week in found.weeks] == [
        ("2026-09", False), ("2026-10", False), ("2026-10", True),
    ]  # fmt: skip
    assert [text.zh for text in found.passed] == [
        "周末 1 天", "国庆节：2026-10-01 至 2026-10-07，7 天", "调休上班：2026-10-10",
    ]  # fmt: skip
    assert [letter.zh for letter, _ in found.letters] == ["起", "满", "班", "节", "休"]


def test_half_a_year_and_what_nobody_knows_yet() -> None:
    assert len(drawn("month", 6, date(2026, 4, 1)).weeks) == 27
    assert {letter.zh for letter, _ in drawn("calendar_day", 3, date(2031, 3, 3)).letters} == {
        "起",
        "满",
        "？",
    }


def test_a_stretch_of_years_is_not_drawn() -> None:
    assert drawn("month", 60, date(2026, 4, 1)) is None
