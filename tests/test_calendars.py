"""Working days: the notices day by day, the horizon, counting, and the faults of a calendar file."""

from __future__ import annotations

import ast
import csv
import pickle
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import holidays
import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from workflow.calendars import Calendar, CalendarFault, PartialDate, add_months, changes

ROOT = Path(__file__).parent.parent
DATA: dict[str, Any] = yaml.load(
    (ROOT / "definitions/calendars/cn.yaml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader
)
CN = Calendar.from_data(DATA)
NOTICES = list(
    csv.DictReader((ROOT / "definitions/calendars/notice_days.csv").read_text(encoding="utf-8").splitlines())
)
DAY = timedelta(days=1)
KNOWN = st.dates(date(2012, 6, 1), date(2026, 6, 1))


def days(first: date, last: date) -> Iterator[date]:
    return (first + step * DAY for step in range((last - first).days + 1))


# -- the facts


def test_the_notices_are_all_there() -> None:
    assert len(NOTICES) == 180
    assert {row["date"][:4] for row in NOTICES} == {"2022", "2023", "2024", "2025", "2026"}


@pytest.mark.parametrize("row", NOTICES, ids=lambda row: row["date"])
def test_every_day_of_the_notices(row: dict[str, str]) -> None:
    day = date.fromisoformat(row["date"])
    assert "一二三四五六日"[day.weekday()] == row["weekday"]
    assert CN.is_working_day(day) is (row["kind"] == "makeup_workday")
    if row["kind"] == "off":
        assert CN.why_off(day).zh == row["name"]
    else:
        assert day in CN.makeup


def test_no_other_day_of_2022_to_2026_is_off_or_worked() -> None:
    off = {date.fromisoformat(row["date"]) for row in NOTICES if row["kind"] == "off"}
    makeup = {date.fromisoformat(row["date"]) for row in NOTICES if row["kind"] != "off"}
    assert {day for day in CN.off if day >= date(2022, 1, 1)} == off
    assert {day for day in CN.makeup if day >= date(2022, 1, 1)} == makeup


def test_agrees_with_the_package_holidays_on_every_day() -> None:
    china = holidays.country_holidays("CN", years=range(2012, 2027))
    differing = [
        day for day in days(CN.first, CN.horizon) if CN.is_working_day(day) != china.is_working_day(day)
    ]
    assert differing == []


def test_every_year_cites_something_and_every_holiday_has_its_english() -> None:
    assert all(CN.sources)
    assert len(CN.sources) == 15
    assert set(CN.off.values()) == set(CN.names)
    assert {entry["confidence"] for entry in DATA["years"].values()} == set(DATA["confidence"])


# -- asking


def test_why_off_in_both_languages() -> None:
    assert (CN.why_off(date(2026, 10, 1)).zh, CN.why_off(date(2026, 10, 1)).en) == ("国庆节", "National Day")
    assert CN.why_off(date(2026, 11, 1)).en == "weekend"
    with pytest.raises(ValueError, match="working day"):
        CN.why_off(date(2026, 10, 10))


@pytest.mark.parametrize(
    ("anchor", "number", "expected"),
    [
        ("2026-02-13", 5, "2026-02-27"),
        ("2025-09-26", 5, "2025-10-10"),
        ("2025-09-26", 10, "2025-10-16"),
        ("2026-01-20", 20, "2026-02-24"),
        ("2026-02-06", 10, "2026-02-27"),
        ("2026-09-28", 7, "2026-10-13"),
        ("2026-09-28", 0, "2026-09-28"),
        ("2026-10-13", -7, "2026-09-28"),
    ],
)
def test_golden_counts(anchor: str, number: int, expected: str) -> None:
    assert CN.add_working_days(date.fromisoformat(anchor), number) == date.fromisoformat(expected)


def test_a_count_shows_what_it_stepped_on_and_over() -> None:
    count = CN.count_working_days(date(2026, 9, 28), 7)
    assert count.counted[4] == date(2026, 10, 10)
    assert count.skipped == (*days(date(2026, 10, 1), date(2026, 10, 7)), date(2026, 10, 11))


def test_next_and_previous_working_day() -> None:
    assert CN.next_working_day(date(2024, 2, 15)) == date(2024, 2, 18)  # a Sunday, worked
    assert CN.previous_working_day(date(2026, 2, 15)) == date(2026, 2, 14)  # a Saturday, worked
    assert CN.next_working_day(date(2026, 10, 10)) == date(2026, 10, 10)
    assert CN.previous_working_day(date(2026, 10, 10)) == date(2026, 10, 10)


# -- the horizon


def test_beyond_the_horizon_and_before_the_first_day_all_is_provisional() -> None:
    assert not CN.is_provisional(CN.horizon)
    assert not CN.is_provisional(CN.first)
    assert CN.is_provisional(CN.horizon + DAY)
    assert CN.is_provisional(CN.first - DAY)


@given(st.dates(date(2027, 1, 1), date(2099, 1, 1)))
def test_beyond_the_horizon_only_weekends_are_named(day: date) -> None:
    assert CN.is_provisional(day)
    assert CN.is_working_day(day) is (day.weekday() < 5)


# -- properties


@given(KNOWN, st.integers(-120, 120))
def test_counting_there_and_back(anchor: date, number: int) -> None:
    start = CN.next_working_day(anchor)
    assert CN.add_working_days(CN.add_working_days(start, number), -number) == start


@given(KNOWN, st.integers(0, 120))
def test_a_count_ends_as_many_working_days_later_as_was_asked(anchor: date, number: int) -> None:
    end = CN.add_working_days(anchor, number)
    assert sum(CN.is_working_day(day) for day in days(anchor + DAY, end)) == number
    assert CN.working_days_between(anchor, end) == number
    assert CN.working_days_between(end, anchor) == -number


@given(KNOWN, KNOWN, st.integers(-60, 60).filter(bool))
def test_counting_keeps_the_order_of_anchors(one: date, other: date, number: int) -> None:
    first, last = sorted((one, other))
    assert CN.add_working_days(first, number) <= CN.add_working_days(last, number)


@given(KNOWN)
def test_nearest_working_days(day: date) -> None:
    after, before = CN.next_working_day(day), CN.previous_working_day(day)
    assert before <= day <= after
    assert CN.is_working_day(before)
    assert CN.is_working_day(after)
    assert not any(
        CN.is_working_day(between) for between in days(before + DAY, after - DAY) if between != day
    )


# -- months and partial dates


@given(st.dates(date(1950, 1, 1), date(2100, 1, 1)), st.integers(-240, 240))
def test_months_keep_the_day_or_clamp_to_the_end(anchor: date, months: int) -> None:
    found = add_months(anchor, months)
    assert (found.year * 12 + found.month) - (anchor.year * 12 + anchor.month) == months
    clamped = found.day < anchor.day and (found + DAY).month != found.month
    assert found.day == anchor.day or clamped


def test_partial_dates() -> None:
    assert PartialDate.parse("2024-02").latest() == date(2024, 2, 29)
    assert PartialDate.parse("2024").earliest() == date(2024, 1, 1)
    assert PartialDate.parse("2024").latest() == date(2024, 12, 31)
    day = PartialDate.parse("2024-02-09")
    assert day.earliest() == day.latest() == date(2024, 2, 9)


@pytest.mark.parametrize(
    "text", ["", "24", "2024-13", "2024-02-30", "2024/02", "2024-2", "2024-02-01-01", "二〇二四"]
)
def test_what_is_no_partial_date(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        PartialDate.parse(text)


def test_a_day_without_a_month_is_no_date() -> None:
    with pytest.raises(ValueError, match="month"):
        PartialDate(year=2024, day=1)


@given(st.dates())
def test_partial_dates_read_what_they_write(day: date) -> None:
    for parts in ({}, {"month": day.month}, {"month": day.month, "day": day.day}):
        partial = PartialDate(year=day.year, **parts)
        assert PartialDate.parse(str(partial)) == partial
        assert partial.earliest() <= day <= partial.latest()


# -- versions


def next_version() -> dict[str, Any]:
    data = deepcopy(DATA)
    data |= {"version": "cn-2027", "horizon": "2027-12-31"}
    data["years"]["2027"] = {
        "notice": "x",
        "off": {"元旦": "2027-01-01..2027-01-03"},
        "makeup": ["2027-02-06"],
    }
    return data


def test_changes_are_the_days_that_differ_and_no_others() -> None:
    new = Calendar.from_data(next_version())
    assert changes(CN, new) == [date(2027, 1, 1), date(2027, 2, 6)]  # 01-02 and 01-03 were weekend anyway
    assert changes(new, CN) == changes(CN, new)
    assert changes(CN, CN) == []


def test_a_calendar_is_a_value() -> None:
    again = Calendar.from_data(DATA)
    assert (CN, hash(CN)) == (again, hash(again))
    assert Calendar.from_data(next_version()) != CN
    with pytest.raises(TypeError):
        CN.off[date(2026, 1, 5)] = "x"  # type: ignore[index]


def test_a_calendar_can_go_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(CN)) == CN
    assert deepcopy(CN) == CN


# -- faults


def broken(change: str, value: object) -> dict[str, Any]:
    """The data of cn.yaml with one thing put in another's place."""
    data = deepcopy(DATA)
    *way, last = change.split("/")
    place = data
    for key in way:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return data


@pytest.mark.parametrize(
    ("change", "value", "path"),
    [
        ("version", None, "version"),
        ("calendar", None, "calendar"),
        ("years", None, "years"),
        ("first", "2012-1-1", "first"),
        ("horizon", "2026-13-01", "horizon"),
        ("horizon", "2011-01-01", "horizon"),
        ("horzion", "2026-12-31", "horzion"),
        ("years", ["2026"], "years"),
        ("years/2025", None, "years.2025"),
        ("years/2025/offf", {}, "years.2025.offf"),
        ("years/2015/source", None, "years.2015.source"),
        ("years/2025/off", "国庆节", "years.2025.off"),
        ("years/2025/off/国庆节、中秋节", "2025-10-08..2025-10-01", "years.2025.off.国庆节、中秋节"),
        ("years/2025/off/国庆节、中秋节", "2025-10-01..2025-12-08", "years.2025.off.国庆节、中秋节"),
        ("years/2025/off/国庆节、中秋节", "2025-10-01..x", "years.2025.off.国庆节、中秋节"),
        ("years/2025/off/加", "2025-10-01", "years.2025.off.加"),
        ("years/2025/off/加", "9999-12-31", "years"),
        ("years/2025/makeup", "2025-01-26", "years.2025.makeup"),
        ("years/2025/makeup", ["2025-01-24"], "years.2025.makeup[0]"),
        ("years/2025/makeup", ["2025-01-26", "2025-01-26"], "years.2025.makeup[1]"),
        ("years/2025/makeup", [["x"]], "years.2025.makeup[0]"),
        ("years/2025/makeup", ["2025-10-05"], "years"),
        ("names", "x", "names"),
    ],
)
def test_a_fault_names_its_key_in_both_languages(change: str, value: object, path: str) -> None:
    with pytest.raises(CalendarFault) as caught:
        Calendar.from_data(broken(change, value))
    assert caught.value.path == path
    assert caught.value.text.zh
    assert caught.value.text.en
    assert caught.value.others == ()


def test_all_faults_come_at_once() -> None:
    data = broken("version", None)
    data["years"]["2025"]["makeup"] = ["2025-01-24", "never"]
    with pytest.raises(CalendarFault) as caught:
        Calendar.from_data(data)
    paths = [caught.value.path, *(fault.path for fault in caught.value.others)]
    assert paths == ["version", "years.2025.makeup[0]", "years.2025.makeup[1]"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=12)
    | st.sampled_from(["2025-01-01", "0001-01-01"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.sampled_from([*DATA, "years/2025", "years/2025/off", "years/2025/makeup", "years/2025/off/元旦"]), JSON
)
def test_whatever_stands_in_a_calendar_it_is_read_or_refused(change: str, value: object) -> None:
    assume(value is not None)
    with suppress(CalendarFault):  # and nothing else
        Calendar.from_data(broken(change, value))


# -- purity


@pytest.mark.parametrize("name", ["calendars", "periods", "ledger", "days", "deadlines", "recurrence"])
def test_the_date_law_asks_nobody_for_the_time(name: str) -> None:
    tree = ast.parse((ROOT / f"workflow/{name}.py").read_text(encoding="utf-8"))
    called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not called & {"now", "today", "utcnow", "time", "environ", "open"}
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    ours = {"calendars", "days", "errors", "ledger", "model", "periods"}
    standard = {
        "__future__",
        "calendar",
        "collections.abc",
        "dataclasses",
        "datetime",
        "functools",
        "itertools",
        "types",
        "typing",
    }
    assert imported <= ours | standard
