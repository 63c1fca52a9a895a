"""The 15th and other days that return."""

from __future__ import annotations

import pickle
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from workflow.calendars import Calendar
from workflow.deadlines import Rule
from workflow.errors import Text
from workflow.recurrence import Policy, Recurrence, before_session, occurrences

ROOT = Path(__file__).parent.parent
CN = Calendar.from_data(
    yaml.load((ROOT / "definitions/calendars/cn.yaml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
)
XIANNING = Recurrence(id="xianning")
DAY = timedelta(days=1)
POLICIES = st.sampled_from(["fixed", "next_working_day", "previous_working_day", "manual"])


def d(text: str) -> date:
    return date.fromisoformat(text)


def held(recurrence: Recurrence, month: str, calendar: Calendar = CN) -> date:
    first = d(f"{month}-01")
    (found,) = (
        o for o in occurrences(recurrence, first - 31 * DAY, first + 62 * DAY, calendar) if o.month == month
    )
    return found.on


def test_xianning_holds_it_on_the_15th_whatever_day_that_is() -> None:
    found = occurrences(XIANNING, d("2024-01-01"), d("2026-12-31"), CN)
    assert len(found) == 36
    assert {o.on.day for o in found} == {15}
    assert all(o.on == o.nominal and not o.provisional and o.policy == "fixed" for o in found)


@pytest.mark.parametrize(
    ("policy", "month", "on"),
    [
        ("next_working_day", "2024-02", "2024-02-18"),  # a Sunday, worked
        ("next_working_day", "2024-09", "2024-09-18"),
        ("next_working_day", "2026-02", "2026-02-24"),
        ("next_working_day", "2026-01", "2026-01-15"),
        ("previous_working_day", "2026-02", "2026-02-14"),  # a Saturday, worked
        ("fixed", "2026-02", "2026-02-15"),
        ("manual", "2026-02", "2026-02-15"),
    ],
)
def test_golden_days(policy: Policy, month: str, on: str) -> None:
    assert held(Recurrence(id="r", policy=policy), month) == d(on)


def test_the_15ths_that_are_not_working_days() -> None:
    """Measured in domain.md, section 5."""
    found = occurrences(XIANNING, d("2024-01-01"), d("2026-12-31"), CN)
    off = [o.month for o in found if not CN.is_working_day(o.on)]
    assert off == [
        "2024-02", "2024-06", "2024-09", "2024-12", "2025-02", "2025-03", "2025-06", "2025-11",
        "2026-02", "2026-03", "2026-08", "2026-11",
    ]  # fmt: skip


def test_day_31_is_the_last_day_of_shorter_months() -> None:
    last = Recurrence(id="r", day=31)
    found = occurrences(last, d("2024-01-01"), d("2024-06-30"), CN)
    assert [o.on.day for o in found] == [31, 29, 31, 30, 31, 30]


def test_a_day_that_slips_into_the_next_month_is_found_there() -> None:
    """2026-01-31 is a Saturday; the next working day is in February."""
    slipping = Recurrence(id="r", day=31, policy="next_working_day")
    assert occurrences(slipping, d("2026-01-01"), d("2026-01-31"), CN) == ()
    (found,) = occurrences(slipping, d("2026-02-01"), d("2026-02-10"), CN)
    assert (found.month, found.on) == ("2026-01", d("2026-02-02"))


def test_a_span_that_ends_before_it_starts_holds_nothing() -> None:
    assert occurrences(XIANNING, d("2026-05-01"), d("2026-04-01"), CN) == ()
    assert len(occurrences(XIANNING, d("2026-05-15"), d("2026-05-15"), CN)) == 1
    assert occurrences(XIANNING, d("2026-05-16"), d("2026-06-14"), CN) == ()


# -- overrides


def test_an_office_sets_the_day_of_one_month() -> None:
    set_by_office = Recurrence(id="r", policy="manual", overrides={"2026-02": d("2026-02-12")})
    found = occurrences(set_by_office, d("2026-02-01"), d("2026-03-31"), CN)
    assert [(o.on, o.nominal, o.provisional) for o in found] == [
        (d("2026-02-12"), d("2026-02-15"), False),
        (d("2026-03-15"), d("2026-03-15"), True),  # not set yet: never silently certain
    ]


def test_an_office_may_move_a_day_into_the_next_month() -> None:
    moved = Recurrence(id="r", overrides={"2026-02": d("2026-03-02")})
    assert [o.month for o in occurrences(moved, d("2026-03-01"), d("2026-03-31"), CN)] == [
        "2026-02",
        "2026-03",
    ]
    assert occurrences(moved, d("2026-02-01"), d("2026-02-28"), CN) == ()


def test_a_station_overrides_its_congress_only_in_what_it_sets() -> None:
    congress = Recurrence(id="city", overrides={"2026-02": d("2026-02-12"), "2026-05": d("2026-05-18")})
    station = congress.with_override("s1", policy="next_working_day", overrides={"2026-05": d("2026-05-20")})
    assert (station.id, station.day, congress.policy) == ("s1", 15, "fixed")
    assert held(station, "2026-02") == d("2026-02-12")
    assert held(station, "2026-05") == d("2026-05-20")
    assert held(station, "2026-08") == d("2026-08-17")
    assert held(congress, "2026-05") == d("2026-05-18")
    assert held(congress.with_override("s2", day=8), "2026-03") == d("2026-03-08")


@pytest.mark.parametrize(
    "wrong",
    [
        {"day": 0},
        {"day": 32},
        {"overrides": {"2026-2": date(2026, 2, 1)}},
        {"overrides": {"2026-13": date(2026, 12, 1)}},
        {"overrides": {"2026-02": date(2025, 2, 12)}},
        {"overrides": {"2026-02": date(2026, 4, 1)}},
    ],
)
def test_impossible_recurrences_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="r:"):
        Recurrence(id="r", **wrong)


def test_a_recurrence_is_a_value() -> None:
    mine = Recurrence(id="r", overrides={"2026-02": d("2026-02-12")})
    assert pickle.loads(pickle.dumps(mine)) == mine
    assert hash(mine) == hash(pickle.loads(pickle.dumps(mine)))
    with pytest.raises(TypeError):
        mine.overrides["2026-03"] = d("2026-03-01")  # type: ignore[index]


# -- provisional


@pytest.mark.parametrize(
    ("policy", "provisional"),
    [("fixed", False), ("next_working_day", True), ("previous_working_day", True), ("manual", True)],
)
def test_beyond_the_horizon_what_depends_on_the_calendar_is_provisional(
    policy: Policy, provisional: bool
) -> None:
    (found,) = occurrences(Recurrence(id="r", policy=policy), d("2027-01-01"), d("2027-01-31"), CN)
    assert found.provisional is provisional


def test_a_day_found_by_crossing_the_horizon_is_provisional() -> None:
    """2026-02-15 to 02-23 is the holiday: a calendar that ends on the 20th guesses the 23rd."""
    short = Calendar(
        name="cn", version="x", first=CN.first, horizon=d("2026-02-20"),
        off={day: name for day, name in CN.off.items() if day <= d("2026-02-20")}, makeup=CN.makeup,
    )  # fmt: skip
    (found,) = occurrences(
        Recurrence(id="r", policy="next_working_day"), d("2026-02-01"), d("2026-02-28"), short
    )
    assert (found.on, found.provisional) == (d("2026-02-23"), True)
    (before,) = occurrences(
        Recurrence(id="r", policy="previous_working_day"), d("2026-02-01"), d("2026-02-28"), short
    )
    assert not before.provisional


# -- properties


@given(POLICIES, st.integers(1, 31), st.dates(date(2013, 1, 1), date(2030, 1, 1)), st.integers(0, 40))
def test_once_a_month_and_neighbouring_spans_miss_and_repeat_nothing(
    policy: Policy, day: int, start: date, months: int
) -> None:
    recurrence, end = Recurrence(id="r", day=day, policy=policy), start + timedelta(days=31 * months)
    middle = start + (end - start) / 2
    whole = occurrences(recurrence, start, end, CN)
    parts = (*occurrences(recurrence, start, middle, CN), *occurrences(recurrence, middle + DAY, end, CN))
    assert whole == parts
    assert len({o.month for o in whole}) == len(whole)
    assert all(start <= o.on <= end for o in whole)
    if policy.endswith("working_day"):
        assert all(CN.is_working_day(o.on) for o in whole)


# -- cost

LOOKED: list[date] = []


class Counting(Calendar):
    """A calendar that counts how often it is asked whether a day is worked."""

    __slots__ = ()

    def is_working_day(self, day: date) -> bool:
        LOOKED.append(day)
        return Calendar.is_working_day(self, day)


COUNTING = Counting(
    name="cn", version="x", first=CN.first, horizon=CN.horizon, off=CN.off, makeup=CN.makeup, names=CN.names
)


@pytest.mark.parametrize(("policy", "most"), [("fixed", 0), ("manual", 0), ("next_working_day", 3)])
def test_441_stations_for_36_months_cost_a_few_look_ups_each(policy: Policy, most: int) -> None:
    congress, stations = Recurrence(id="city", policy=policy), 441
    LOOKED.clear()
    for number in range(stations):
        station = congress.with_override(f"s{number}")
        assert len(occurrences(station, d("2024-01-01"), d("2026-12-31"), COUNTING)) == 36
    assert len(LOOKED) <= most * stations * 36
    if policy == "next_working_day":
        assert LOOKED


# -- before a session


def reminder(**more: Any) -> Rule:
    return Rule(
        id="D01", title=Text("会前提醒", "reminder"), unit="month", value=1, direction="before", **more
    )


@pytest.mark.parametrize(
    ("session", "on"),
    [("2026-01-03", "2025-12-03"), ("2026-03-31", "2026-02-28"), ("2024-03-30", "2024-02-29")],
)
def test_the_reminder_is_a_month_before_and_moves_with_the_session(session: str, on: str) -> None:
    assert before_session(d(session), reminder(), CN).on == d(on)


def test_a_reminder_may_be_rolled_to_the_working_day_before() -> None:
    found = before_session(d("2026-03-20"), reminder(roll="previous_working_day"), CN)
    assert (found.raw, found.on) == (d("2026-02-20"), d("2026-02-14"))
    assert [skip.day.day for skip in found.skipped] == [15, 16, 17, 18, 19, 20]


def test_a_rule_that_runs_on_is_no_reminder() -> None:
    onward = Rule(id="D11", title=Text("答复", "reply"), unit="month", value=3)
    with pytest.raises(ValueError, match="backwards"):
        before_session(d("2026-01-03"), onward, CN)
