"""The date law: how periods end, what may move the end, and how it is explained."""

from __future__ import annotations

import doctest
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from workflow.calendars import Calendar, PartialDate, add_months
from workflow.deadlines import (
    Due,
    Ledger,
    Rule,
    RuleBook,
    RuleFault,
    RuleNotFound,
    Rung,
    due,
    explain,
    overdue_ladder,
    rungs,
    timeliness,
)
from workflow.errors import DeadlineRefused, NotFound, Text

ROOT = Path(__file__).parent.parent
CN = Calendar.from_data(
    yaml.load((ROOT / "definitions/calendars/cn.yaml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
)
DAY = timedelta(days=1)


def d(text: str) -> date:
    return date.fromisoformat(text)


def rule(id: str, zh: str, en: str, **more: Any) -> Rule:
    return Rule(id=id, title=Text(zh, en), **more)


OLD, NEW = d("2015-08-29"), d("2025-03-11")
REPLY: dict[str, Any] = {
    "unit": "month", "value": 3, "limit": (3, "month"), "roll": "next_working_day", "outer": "D12",
    "statutory": True, "anchor": "assign", "warn": (30, 15, 7, 3, 1),
}  # fmt: skip
OUTER: dict[str, Any] = {
    "unit": "month", "value": 6, "limit": (6, "month"), "statutory": True, "anchor": "assign",
}  # fmt: skip
BOOK = RuleBook(
    place="咸宁",
    rules=(
        rule("D11", "答复", "reply", **REPLY, source="代表法(2025) 第51条", valid_from=NEW),
        rule(
            "D11",
            "答复",
            "reply",
            **REPLY,
            source="代表法(2015) 第42条",
            valid_from=OLD,
            valid_until=NEW - DAY,
        ),
        rule("D12", "答复最迟期限", "outer limit of the reply", **OUTER, source="代表法 第51条"),
        rule("D01", "会前提醒", "reminder", unit="month", value=1, direction="before", source="S0"),
        rule("D06", "退办申请", "return request", unit="working_day", value=7, warn=(3, 1, 9), source="P19"),
        rule("D08", "首次沟通", "first contact", unit="calendar_day", value=20, source="H9"),
        rule(
            "D17", "二次答复", "second reply", unit="month", value=1, roll="next_working_day", source="H5 27"
        ),
        rule("D22", "年度小结", "summary of the year", unit="date", value="09-30", source="H5 20"),
        rule("D33", "整改", "correction", unit="month", value=2, outer="D12", source="x"),
        rule("reminders", "催办次数", "reminders", unit="times", value=2),
        rule("joint_survey", "联名征询", "joint survey", unit="switch", value="each_signer", valid_from=NEW),
    ),
)


def due_of(id: str, anchor: date, calendar: Calendar = CN) -> Due:
    return Ledger.start(id, anchor, calendar).due(BOOK, calendar)


# -- golden dates: domain.md table (a), users.md appendix A, design.md §5


@pytest.mark.parametrize(
    ("id", "anchor", "raw", "on"),
    [
        ("D11", "2025-11-30", "2026-02-28", "2026-02-28"),  # a Saturday, worked
        ("D11", "2025-12-31", "2026-03-31", "2026-03-31"),
        ("D11", "2025-07-02", "2025-10-02", "2025-10-09"),
        ("D11", "2025-11-17", "2026-02-17", "2026-02-24"),
        ("D11", "2026-07-01", "2026-10-01", "2026-10-08"),
        ("D12", "2026-04-01", "2026-10-01", "2026-10-01"),  # the outer limit never rolls
        ("D01", "2026-01-03", "2025-12-03", "2025-12-03"),
        ("D01", "2026-03-31", "2026-02-28", "2026-02-28"),
        ("D06", "2026-09-28", "2026-10-13", "2026-10-13"),
        ("D08", "2026-02-01", "2026-02-21", "2026-02-21"),  # roll is none: a holiday stands
        ("D17", "2026-01-31", "2026-02-28", "2026-02-28"),
        ("D17", "2024-01-31", "2024-02-29", "2024-02-29"),
        ("D22", "2026-01-01", "2026-09-30", "2026-09-30"),
        ("D22", "2026-09-30", "2026-09-30", "2026-09-30"),
        ("D22", "2026-10-01", "2027-09-30", "2027-09-30"),
    ],
)
def test_golden_dates(id: str, anchor: str, raw: str, on: str) -> None:
    found = due_of(id, d(anchor))
    assert (found.raw, found.on) == (d(raw), d(on))


@pytest.mark.parametrize(
    ("start", "number", "end"),
    [
        ("2026-02-13", 5, "2026-02-27"),
        ("2025-09-26", 5, "2025-10-10"),
        ("2025-09-26", 10, "2025-10-16"),
        ("2026-01-20", 20, "2026-02-24"),
    ],
)
def test_golden_working_days(start: str, number: int, end: str) -> None:
    counted = due(replace(BOOK.rule("D06", NEW), value=number), d(start), CN)
    assert counted.on == d(end)
    assert len(counted.counted) == number


def test_a_date_before_an_event_is_the_last_one_before_it() -> None:
    before = replace(BOOK.rule("D22", NEW), direction="before")
    assert due(before, d("2026-09-29"), CN).on == d("2025-09-30")
    assert due(before, d("2026-09-30"), CN).on == d("2026-09-30")
    leap = replace(BOOK.rule("D22", NEW), value="02-29")
    assert due(leap, d("2025-01-01"), CN).on == d("2025-02-28")


# -- the outer limit


def test_a_target_rolls_up_to_the_outer_limit_and_no_further() -> None:
    """Six months asked, outer limit six months: the last day is a holiday, and stays."""
    six = replace(BOOK.rule("D33", NEW), value=6, roll="next_working_day")
    found = due(six, d("2026-04-01"), CN, BOOK.rule("D12", NEW))
    assert (found.on, found.outer_on, found.skipped, found.provisional) == (
        d("2026-10-01"),
        d("2026-10-01"),
        (),
        False,
    )


def test_rolling_stops_at_an_outer_limit_that_lies_within_the_holiday() -> None:
    days = rule("x", "甲", "x", unit="calendar_day", value=184, roll="next_working_day", outer="D12")
    limit = rule("D12", "乙", "y", unit="calendar_day", value=186)
    found = due(days, d("2026-04-01"), CN, limit)
    assert (found.raw, found.on) == (d("2026-10-02"), d("2026-10-04"))
    assert [skip.day for skip in found.skipped] == [d("2026-10-02"), d("2026-10-03")]


def test_a_statutory_rule_without_an_outer_limit_is_its_own() -> None:
    own = replace(BOOK.rule("D17", NEW), statutory=True)
    assert due(own, d("2026-09-01"), CN).on == d("2026-10-01")
    assert due(replace(own, statutory=False), d("2026-09-01"), CN).on == d("2026-10-08")
    assert due(replace(own, statutory=False, limit=(1, "month")), d("2026-09-01"), CN).on == d("2026-10-01")


def test_the_outer_limit_must_be_given_and_be_the_right_one() -> None:
    reply = BOOK.rule("D11", NEW)
    for outer in (None, BOOK.rule("D17", NEW)):
        with pytest.raises(ValueError, match="outer limit"):
            due(reply, NEW, CN, outer)


# -- rules


@pytest.mark.parametrize(
    "wrong",
    [
        {"unit": "month", "value": 4, "limit": (3, "month")},
        {"unit": "calendar_day", "value": 90, "limit": (3, "month")},
        {"unit": "month", "value": "3"},
        {"unit": "month", "value": True},
        {"unit": "month", "value": -1},
        {"unit": "working_day", "value": 10**9},
        {"unit": "times", "value": "often"},
        {"unit": "date", "value": "02-30"},
        {"unit": "date", "value": 930},
        {"unit": "month", "value": 1, "warn": (-1,)},
        {"unit": "switch", "value": True, "outer": "D12"},
        {"unit": "month", "value": 1, "outer": "D12", "direction": "before"},
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(RuleFault) as caught:
        rule("D99", "甲", "x", **wrong)
    assert caught.value.rule == "D99"
    assert caught.value.text.zh
    assert caught.value.text.en


@pytest.mark.parametrize(("id", "value"), [("D11", 4), ("D12", 7)])
def test_nobody_configures_the_statutory_periods_longer(id: str, value: int) -> None:
    with pytest.raises(RuleFault, match="limit"):
        replace(BOOK.rule(id, NEW), value=value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"valid_from": d("2020-01-01")}, "overlap"),
        ({"id": "D98", "outer": "D97"}, "no rule D97"),
        ({"id": "D98", "outer": "D22"}, "no period"),
        ({"id": "D98", "outer": "D01"}, "no period"),
        ({"id": "D98", "outer": "D17"}, "longer"),
        ({"id": "D98", "outer": "D98"}, "no rule D98"),
    ],
)
def test_a_book_that_contradicts_itself_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RuleFault, match=sentence):
        RuleBook(place="x", rules=(*BOOK.rules, replace(BOOK.rule("D11", NEW), **change)))


@pytest.mark.parametrize("day", ["2017-03-01", "2025-03-10"])
def test_an_old_case_cites_the_old_law(day: str) -> None:
    assert BOOK.rule("D11", d(day)).source == "代表法(2015) 第42条"
    assert due_of("D11", d(day)).source == "代表法(2015) 第42条"


def test_a_new_case_cites_the_new_law() -> None:
    assert BOOK.rule("D11", NEW).source == "代表法(2025) 第51条"


def test_a_rule_that_was_not_in_force_is_not_found() -> None:
    for name, day in (("D11", OLD - DAY), ("D99", NEW)):
        with pytest.raises(RuleNotFound, match=name):
            BOOK.rule(name, day)
    assert issubclass(RuleNotFound, NotFound)


def test_switches() -> None:
    assert BOOK.switch("joint_survey", NEW) == "each_signer"
    for name, day in (("D11", NEW), ("joint_survey", OLD), ("unheard_of", NEW)):
        with pytest.raises(RuleNotFound):
            BOOK.switch(name, day)


@pytest.mark.parametrize("id", ["reminders", "joint_survey"])
def test_what_has_no_length_has_no_due_day(id: str) -> None:
    with pytest.raises(ValueError, match="not a period"):
        due_of(id, NEW)


# -- provisional


@pytest.mark.parametrize(
    ("id", "anchor", "provisional"),
    [
        ("D11", "2026-09-30", False),  # 12-30, a working day before the horizon
        ("D11", "2026-10-01", True),
        ("D12", "2026-10-01", False),  # months that never roll ask no calendar
        ("D17", "2026-11-30", False),
        ("D17", "2026-12-01", True),
        ("D06", "2026-12-21", False),
        ("D06", "2026-12-25", True),
        ("D08", "2026-12-31", False),
        ("D11", "2015-09-01", False),
    ],
)
def test_a_day_past_the_horizon_is_provisional(id: str, anchor: str, provisional: bool) -> None:
    assert due_of(id, d(anchor)).provisional is provisional


def test_what_ends_on_its_outer_limit_asks_no_calendar() -> None:
    rolling, limit = replace(BOOK.rule("D33", NEW), value=6, roll="next_working_day"), BOOK.rule("D12", NEW)
    assert not due(rolling, d("2026-10-01"), CN, limit).provisional
    assert due(replace(rolling, value=5), d("2026-10-01"), CN, limit).provisional


def test_rolling_across_the_horizon_is_provisional() -> None:
    short = replace(CN, horizon=d("2026-10-03"))
    assert due_of("D17", d("2026-09-02"), short).provisional
    assert not due_of("D17", d("2026-09-02")).provisional


def test_before_the_first_day_of_the_calendar_all_is_provisional() -> None:
    assert due(BOOK.rule("D06", NEW), d("2011-05-05"), CN).provisional


# -- properties

ANCHORS = st.dates(date(2016, 1, 1), date(2026, 1, 1))
ROLLS = st.sampled_from(["none", "next_working_day", "previous_working_day"])
PERIOD_RULES = st.builds(
    lambda unit, value, roll, direction: rule(
        "R", "甲", "x", unit=unit, value=value, roll=roll, direction=direction
    ),
    st.sampled_from(["month", "calendar_day", "working_day"]),
    st.integers(0, 40),
    ROLLS,
    st.sampled_from(["after", "before"]),
)


@given(PERIOD_RULES, ANCHORS)
def test_a_period_never_ends_on_the_wrong_side_of_its_anchor(period: Rule, anchor: date) -> None:
    found = due(period, anchor, CN)
    assert found.on >= anchor if period.direction == "after" else found.on <= anchor


@given(PERIOD_RULES, ANCHORS, st.integers(0, 60))
def test_a_later_anchor_never_gives_an_earlier_day(period: Rule, anchor: date, later: int) -> None:
    assert due(period, anchor, CN).on <= due(period, anchor + later * DAY, CN).on


@given(ANCHORS, ROLLS, st.integers(0, 6), st.sampled_from(["month", "calendar_day", "working_day"]))
def test_the_outer_limit_is_never_passed(anchor: date, roll: Any, value: int, unit: Any) -> None:
    period = rule(
        "R", "甲", "x", unit=unit, value=value * (1 if unit == "month" else 32), roll=roll, outer="D12"
    )
    found = due(period, anchor, CN, BOOK.rule("D12", NEW))
    assert found.on <= add_months(anchor, 6) == found.outer_on


@given(ANCHORS, st.integers(0, 12))
def test_months_are_counted_from_the_anchor_and_clamped(anchor: date, months: int) -> None:
    found = due(rule("R", "甲", "x", unit="month", value=months), anchor, CN)
    assert found.on == add_months(anchor, months)


@given(PERIOD_RULES, ANCHORS)
def test_the_skipped_days_are_off_and_the_end_is_worked_when_it_rolls(period: Rule, anchor: date) -> None:
    found = due(period, anchor, CN)
    assert not any(CN.is_working_day(skip.day) for skip in found.skipped)
    assert all(map(CN.is_working_day, found.counted))
    if period.unit == "working_day" and period.value:
        assert CN.is_working_day(found.on)


@given(PERIOD_RULES, st.dates(date(2027, 6, 1), date(2060, 1, 1)))
def test_beyond_the_horizon_nothing_is_silently_certain(period: Rule, anchor: date) -> None:
    asks_the_calendar = period.roll != "none" or period.unit == "working_day"
    if period.direction == "after" and period.value:
        assert due(period, anchor, CN).provisional is asks_the_calendar


# -- the ledger


def reply(anchor: str = "2026-04-01") -> Ledger:
    return Ledger.start("D11", d(anchor), CN)


def extend(ledger: Ledger, until: str, on: str, *, by: str = "li.wei", asked: str | None = None) -> Ledger:
    return ledger.extend(d(until), d(on), by, "涉及面广", BOOK, CN, asked_on=d(asked) if asked else None)


Change = Callable[[], Ledger]


def codes(refusal: pytest.ExceptionInfo[DeadlineRefused]) -> list[str]:
    for reason in refusal.value.reasons:
        assert "{day}" not in str(reason.text)
        assert "None" not in str(reason.text)
    return [reason.code.removeprefix("deadline.") for reason in refusal.value.reasons]


def test_a_clock_runs_until_it_is_stopped() -> None:
    ledger = reply()
    assert (ledger.running, ledger.stopped_on, ledger.calendar) == (True, None, "cn-2026")
    stopped = ledger.stop(d("2026-06-01"), "issue_reply")
    assert (stopped.running, stopped.stopped_on) == (False, d("2026-06-01"))
    assert ledger.running  # a ledger is a value


def test_a_stopped_clock_stops_extends_and_suspends_no_more() -> None:
    stopped = Ledger.start("D17", d("2026-04-01"), CN).stop(d("2026-04-03"))
    changes: list[Change] = [
        lambda: stopped.stop(d("2026-04-05")),
        lambda: extend(stopped, "2026-06-01", "2026-04-05"),
        lambda: stopped.suspend(d("2026-04-05"), "x", BOOK, CN),
    ]
    for change in changes:
        with pytest.raises(DeadlineRefused) as refused:
            change()
        assert codes(refused) == ["stopped"]


def test_nothing_happens_before_the_clock_starts() -> None:
    changes: list[Change] = [lambda: reply().stop(d("2026-03-31")), lambda: reply().reset(d("2026-03-31"))]
    for change in changes:
        with pytest.raises(DeadlineRefused) as refused:
            change()
        assert codes(refused) == ["too_early"]


def test_an_extension_asked_in_time_may_be_granted_later_and_then_clears() -> None:
    asked_on_the_last_day = extend(reply(), "2026-09-01", "2026-07-09", asked="2026-07-01")
    found = asked_on_the_last_day.due(BOOK, CN)
    assert (reply().due(BOOK, CN).on, found.on, found.extended) == (d("2026-07-01"), d("2026-09-01"), True)


def test_an_extension_goes_to_the_outer_limit_and_not_a_day_further() -> None:
    assert extend(reply(), "2026-10-01", "2026-06-01").due(BOOK, CN).on == d("2026-10-01")
    with pytest.raises(DeadlineRefused) as refused:
        extend(reply(), "2026-10-02", "2026-06-01")
    assert codes(refused) == ["past_outer"]
    assert "2026-10-01" in refused.value.reasons[0].text.zh


def test_a_second_extension_still_counts_from_the_anchor() -> None:
    once = extend(reply(), "2026-08-01", "2026-06-01")
    assert extend(once, "2026-10-01", "2026-07-31").due(BOOK, CN).on == d("2026-10-01")
    with pytest.raises(DeadlineRefused) as refused:
        extend(once, "2026-10-09", "2026-07-31")
    assert codes(refused) == ["past_outer"]


@pytest.mark.parametrize(
    ("until", "on", "asked", "by", "expected"),
    [
        ("2026-09-01", "2026-07-02", None, "li.wei", ["asked_late"]),
        ("2026-09-01", "2026-07-09", "2026-07-02", "li.wei", ["asked_late"]),
        ("2026-09-01", "2026-06-01", None, "", ["nobody"]),
        ("2026-07-01", "2026-06-01", None, "li.wei", ["not_later"]),
        ("2026-07-08", "2026-07-09", "2026-07-01", "li.wei", ["not_later"]),
        ("2026-09-01", "2026-06-01", "2026-06-02", "li.wei", ["granted_before_asked"]),
        ("2026-09-01", "2026-06-01", "2026-03-31", "li.wei", ["too_early"]),
        ("2026-10-02", "2026-07-09", "2026-07-02", "", ["nobody", "asked_late", "past_outer"]),
    ],
)
def test_an_extension_is_refused_with_every_reason(
    until: str, on: str, asked: str | None, by: str, expected: list[str]
) -> None:
    with pytest.raises(DeadlineRefused) as refused:
        extend(reply(), until, on, by=by, asked=asked)
    assert codes(refused) == expected


def test_a_granted_day_stands_even_on_a_holiday() -> None:
    second = Ledger.start("D17", d("2026-09-01"), CN)
    assert extend(second, "2026-10-25", "2026-09-02").due(BOOK, CN).on == d("2026-10-25")


def test_a_reset_counts_anew_but_not_past_the_outer_limit_of_the_anchor() -> None:
    """Another unit gets its own three months; the deputy's six months go on."""
    moved = extend(reply(), "2026-09-01", "2026-06-01").reset(d("2026-06-15"), "改派")
    assert (moved.counted_from, moved.due(BOOK, CN).on) == (d("2026-06-15"), d("2026-09-15"))
    again = moved.reset(d("2026-08-20"))
    assert again.due(BOOK, CN).on == d("2026-10-01")
    assert again.due(BOOK, CN).counted_from == d("2026-08-20")


def test_a_new_round_has_its_own_outer_limit_unless_the_law_set_it() -> None:
    local = rule("L", "甲", "x", unit="month", value=1, outer="M")
    book = RuleBook(place="x", rules=(*BOOK.rules, local, rule("M", "乙", "y", unit="month", value=2)))
    running = Ledger.start("L", d("2026-01-05"), CN)
    again = running.stop(d("2026-01-20")).reset(d("2026-06-01"))
    assert (again.due(book, CN).on, again.due(book, CN).outer_on) == (d("2026-07-01"), d("2026-08-01"))
    moved = again.reset(d("2026-07-20"))  # another unit in the second round
    assert (moved.due(book, CN).on, moved.due(book, CN).anchor) == (d("2026-08-01"), d("2026-06-01"))
    assert running.reset(d("2026-02-20")).due(book, CN).on == d("2026-03-05")
    for name in ("D11", "D33"):
        law = Ledger.start(name, d("2026-01-05"), CN).stop(d("2026-05-20")).reset(d("2026-06-01"))
        assert law.due(book, CN).on == d("2026-07-05")


def test_the_book_answers_for_the_outer_limit_too() -> None:
    assert BOOK.due("D11", d("2025-07-02"), CN) == due_of("D11", d("2025-07-02"))


def test_a_reset_wakes_a_stopped_clock() -> None:
    again = Ledger.start("D17", d("2026-04-01"), CN).stop(d("2026-04-20")).reset(d("2026-05-06"))
    assert (again.running, again.due(BOOK, CN).on) == (True, d("2026-06-08"))


@pytest.mark.parametrize("id", ["D11", "D12", "D33"])
def test_statutory_clocks_cannot_be_suspended(id: str) -> None:
    with pytest.raises(DeadlineRefused) as refused:
        Ledger.start(id, d("2026-04-01"), CN).suspend(d("2026-04-02"), "x", BOOK, CN)
    assert codes(refused) == ["statutory"]


def test_other_clocks_stand_still_for_exactly_the_days_they_were_suspended() -> None:
    second = Ledger.start("D17", d("2026-03-02"), CN).suspend(d("2026-03-10"), "代表出差", BOOK, CN)
    assert (second.suspended_on, second.due(BOOK, CN).suspended) == (d("2026-03-10"), True)
    resumed = second.resume(d("2026-03-15"))
    found = resumed.due(BOOK, CN)
    assert (resumed.suspended_on, found.suspended) == (None, False)
    assert (found.raw, found.on) == (d("2026-04-07"), d("2026-04-07"))


def test_working_days_stand_still_by_working_days() -> None:
    """09-29 and 09-30 count, 10-08…10-10 stand still, 10-12 is the third day."""
    ledger = Ledger.start("D06", d("2026-09-28"), CN).suspend(d("2026-10-08"), "x", BOOK, CN)
    found = ledger.resume(d("2026-10-12")).due(BOOK, CN)
    assert len(found.counted) == 7
    assert found.counted[2] == d("2026-10-12")
    assert found.on == found.counted[-1] == d("2026-10-16")
    assert {str(skip.why.en) for skip in found.skipped} == {"National Day", "clock suspended", "weekend"}


def test_the_first_day_is_not_counted_so_nothing_is_lost_on_it() -> None:
    for name in ("D06", "D17"):
        ledger = Ledger.start(name, d("2026-03-02"), CN).suspend(d("2026-03-02"), "x", BOOK, CN)
        assert ledger.resume(d("2026-03-03")).due(BOOK, CN).on == due_of(name, d("2026-03-02")).on


def test_suspensions_that_make_no_sense_are_refused() -> None:
    second = Ledger.start("D17", d("2026-03-02"), CN)
    suspended = second.suspend(d("2026-03-10"), "x", BOOK, CN)
    changes: list[tuple[Change, list[str]]] = [
        (lambda: second.resume(d("2026-03-10")), ["not_suspended"]),
        (lambda: suspended.suspend(d("2026-03-11"), "x", BOOK, CN), ["suspended"]),
        (lambda: suspended.resume(d("2026-03-09")), ["too_early"]),
        (lambda: second.suspend(d("2026-04-03"), "x", BOOK, CN), ["over"]),
    ]
    for change, expected in changes:
        with pytest.raises(DeadlineRefused) as refused:
            change()
        assert codes(refused) == expected


@given(
    st.dates(date(2026, 3, 3), date(2026, 3, 20)), st.integers(0, 30), st.sampled_from(["D06", "D08", "D17"])
)
def test_a_suspension_never_shortens(since: date, length: int, id: str) -> None:
    anchor = d("2026-03-02")
    plain = due_of(id, anchor)
    if since > plain.on:
        return
    moved = (
        Ledger.start(id, anchor, CN).suspend(since, "x", BOOK, CN).resume(since + length * DAY).due(BOOK, CN)
    )
    assert moved.on >= plain.on
    assert len(moved.counted) == len(plain.counted)


def test_a_new_calendar_moves_the_day() -> None:
    ledger = Ledger.start("D06", d("2026-12-28"), CN)
    first = ledger.due(BOOK, CN)
    off = {**CN.off, d("2027-01-01"): "元旦"}
    new = replace(CN, version="cn-2027", horizon=d("2027-12-31"), off=off)
    second = ledger.due(BOOK, new)
    assert (first.on, first.provisional, first.calendar) == (d("2027-01-06"), True, "cn-2026")
    assert (second.on, second.provisional, second.calendar) == (d("2027-01-07"), False, "cn-2027")


# -- the ledger as data


def walks() -> Iterator[Ledger]:
    second = Ledger.start("D17", d("2026-03-02"), CN, "second_assign", "li.wei")
    yield second
    yield second.suspend(d("2026-03-10"), "x", BOOK, CN, by="wang").resume(d("2026-03-12"))
    yield extend(reply(), "2026-09-01", "2026-07-09", asked="2026-07-01").stop(d("2026-08-08"), "issue_reply")
    yield reply().reset(d("2026-05-05"), "改派")


@pytest.mark.parametrize("ledger", list(walks()))
def test_a_ledger_goes_through_json_and_back(ledger: Ledger) -> None:
    again = Ledger.from_data(json.loads(json.dumps(ledger.to_data())))
    assert again == ledger
    assert again.due(BOOK, CN) == ledger.due(BOOK, CN)


@pytest.mark.parametrize(
    "change",
    [
        {0: 2},
        {5: None},
        {5: [["pause", "2026-01-01"]]},
        {5: [["stop"]]},
        {5: [["stop", "2026-01-01", "", "", "", "", "x"]]},
        {5: [["stop", "soon"]]},
        {5: [{"kind": "stop", "on": "2026-01-01"}]},
        {2: "soon"},
        {1: None},
    ],
)
def test_what_is_no_ledger_is_refused(change: dict[int, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Ledger.from_data([change.get(place, said) for place, said in enumerate(reply().to_data())])


# -- in time or not


@pytest.mark.parametrize(
    ("answered", "today", "expected"),
    [
        ("2026-07-01", "2026-11-24", "in_time"),
        ("2026-07-02", "2026-11-24", "late"),
        (None, "2026-07-01", "running"),
        (None, "2026-07-02", "overdue"),
        ("2026-06", "2026-11-24", "in_time"),
        ("2026-07", "2026-11-24", "unknown"),
        ("2026-08", "2026-11-24", "late"),
        ("2026", "2026-11-24", "unknown"),
    ],
)
def test_timeliness(answered: str | None, today: str, expected: str) -> None:
    day = PartialDate.parse(answered) if answered else None
    assert timeliness(reply(), day, d(today), book=BOOK, calendar=CN) == expected


@pytest.mark.parametrize(
    ("anchor", "answered", "expected"),
    [
        ("2017-02", "2017-04-30", "in_time"),  # due between 05-02 and 05-31, whatever the day
        ("2017-02", "2017-05-15", "unknown"),
        ("2017-02", "2017-06-01", "late"),
        ("2017-02", None, "overdue"),
        ("2017", "2017-03", "in_time"),
        ("2017", "2019", "late"),
    ],
)
def test_timeliness_of_imprecise_old_records(anchor: str, answered: str | None, expected: str) -> None:
    found = timeliness(
        PartialDate.parse(anchor),
        PartialDate.parse(answered) if answered else None,
        d("2026-11-24"),
        book=BOOK,
        calendar=CN,
        rule="D11",
    )
    assert found == expected


def test_an_imprecise_anchor_with_nothing_answered_yet() -> None:
    for today, expected in (("2026-07-01", "running"), ("2026-07-15", "unknown"), ("2026-08-01", "overdue")):
        anchor = PartialDate.parse("2026-04")
        assert timeliness(anchor, None, d(today), book=BOOK, calendar=CN, rule="D11") == expected


def test_timeliness_of_a_plain_date_of_a_stopped_and_of_a_suspended_clock() -> None:
    today = d("2026-11-24")
    assert (
        timeliness(d("2026-04-01"), d("2026-07-01"), today, book=BOOK, calendar=CN, rule="D11") == "in_time"
    )
    assert timeliness(reply().stop(d("2026-07-03")), None, today, book=BOOK, calendar=CN) == "late"
    still = Ledger.start("D17", d("2026-03-02"), CN).suspend(d("2026-03-10"), "x", BOOK, CN)
    assert timeliness(still, None, today, book=BOOK, calendar=CN) == "running"
    assert timeliness(still.stop(d("2026-03-11")), None, today, book=BOOK, calendar=CN) == "in_time"
    assert still.stop(d("2026-03-11")).due(BOOK, CN).suspended


# -- warnings


def test_rungs_of_months_count_calendar_days() -> None:
    found = rungs(BOOK.rule("D11", NEW), d("2026-10-08"), d("2026-07-01"), CN)
    assert found == (
        Rung(days_before=30, on=d("2026-09-08")),
        Rung(days_before=15, on=d("2026-09-23")),
        Rung(days_before=7, on=d("2026-10-01")),
        Rung(days_before=3, on=d("2026-10-05")),
        Rung(days_before=1, on=d("2026-10-07")),
    )


def test_rungs_of_working_days_count_working_days_and_drop_what_is_too_early() -> None:
    found = rungs(BOOK.rule("D06", NEW), d("2026-10-13"), d("2026-09-28"), CN)
    assert found == (Rung(days_before=3, on=d("2026-10-09")), Rung(days_before=1, on=d("2026-10-12")))
    seven = replace(BOOK.rule("D06", NEW), warn=(7, 6))  # seven working days before is the anchor itself
    assert rungs(seven, d("2026-10-13"), d("2026-09-28"), CN) == (Rung(days_before=6, on=d("2026-09-29")),)


def test_after_the_due_day_the_ladder_goes_on_every_week() -> None:
    found = [(rung.days_before, rung.on.isoformat()) for rung in islice(overdue_ladder(d("2026-07-01")), 5)]
    assert found == [
        (-1, "2026-07-02"), (-3, "2026-07-04"), (-7, "2026-07-08"), (-14, "2026-07-15"), (-21, "2026-07-22"),
    ]  # fmt: skip


# -- explain


def test_explain_names_every_day_in_chinese_and_english() -> None:
    told = explain(Ledger.start("D06", d("2026-09-28"), CN), BOOK, CN)
    assert str(told) == (
        "退办申请：自 2026-09-28（周一）起 7 个工作日，期满日为 2026-10-13（周二）。\n"
        "2026-09-28（周一）为起算日，不计入\n"
        "第 1 个工作日 2026-09-29（周二）\n"
        "第 2 个工作日 2026-09-30（周三）\n"
        "跳过 2026-10-01（周四）至 2026-10-07（周三）：国庆节\n"
        "第 3 个工作日 2026-10-08（周四）\n"
        "第 4 个工作日 2026-10-09（周五）\n"
        "第 5 个工作日 2026-10-10（周六），调休上班\n"
        "跳过 2026-10-11（周日）：周末\n"
        "第 6 个工作日 2026-10-12（周一）\n"
        "第 7 个工作日 2026-10-13（周二）\n"
        "工作日历 cn-2026\n"
        "依据 P19\n"
        "\n"
        "return request: 7 working days from 2026-09-28 (Mon); due by 2026-10-13 (Tue).\n"
        "2026-09-28 (Mon) is the first day and is not counted\n"
        "working day 1: 2026-09-29 (Tue)\n"
        "working day 2: 2026-09-30 (Wed)\n"
        "skipped 2026-10-01 (Thu) to 2026-10-07 (Wed): National Day\n"
        "working day 3: 2026-10-08 (Thu)\n"
        "working day 4: 2026-10-09 (Fri)\n"
        "working day 5: 2026-10-10 (Sat), a working weekend day\n"
        "skipped 2026-10-11 (Sun): weekend\n"
        "working day 6: 2026-10-12 (Mon)\n"
        "working day 7: 2026-10-13 (Tue)\n"
        "calendar cn-2026\n"
        "source: P19"
    )


def test_explain_tells_the_history_of_an_extension_and_the_outer_limit() -> None:
    told = explain(extend(reply(), "2026-10-01", "2026-07-02", asked="2026-06-30"), BOOK, CN)
    assert told.sentence.zh == "答复：自 2026-04-01（周三）起 3 个月，准予延期，期满日为 2026-10-01（周四）。"
    assert [line.en for line in told.lines] == [
        "2026-04-01 (Wed) is the first day and is not counted",
        "2026-04-01 + 3 months = 2026-07-01 (Wed)",
        "2026-07-02 extended to 2026-10-01 (was 2026-07-01, asked on 2026-06-30) by li.wei: 涉及面广",
        "outer limit 2026-10-01 (Thu), counted from 2026-04-01, never rolled (代表法 第51条)",
        "calendar cn-2026",
        "source: 代表法(2025) 第51条",
    ]
    assert told.source == "代表法(2025) 第51条"


def test_explain_tells_clamping_rolling_suspension_and_that_a_day_is_provisional() -> None:
    clamped = Ledger.start("D17", d("2026-08-31"), CN).suspend(d("2026-09-10"), "出国", BOOK, CN)
    told = explain(clamped.resume(d("2026-09-12")), BOOK, CN)
    assert [line.zh for line in told.lines][1:-2] == [
        "2026-08-31 + 1 个月 = 2026-09-30（周三）（当月无对应日，取月末）",
        "2026-09-10 中止：出国",
        "2026-09-12 恢复",
        "加上中止的时间为 2026-10-02（周五）",
        "跳过 2026-10-02（周五）至 2026-10-07（周三）：国庆节",
        "期满日逢休息日，顺延至 2026-10-08（周四）",
    ]
    guess = explain(Ledger.start("D11", d("2026-10-01"), CN), BOOK, CN)
    assert "暂定" in guess.sentence.zh
    assert "provisionally" in guess.sentence.en
    assert any("provisional" in line.en for line in guess.lines)
    assert any("stands still" in line.en for line in explain(clamped, BOOK, CN).lines)


def test_explain_says_when_the_outer_limit_prevails_and_counts_backwards_and_dates() -> None:
    late = reply().reset(d("2026-08-20"))
    assert "the outer limit prevails" in [line.en for line in explain(late, BOOK, CN).lines]
    before = explain(Ledger.start("D01", d("2026-01-03"), CN), BOOK, CN)
    assert before.sentence.en == "reminder: 1 month before 2026-01-03 (Sat); due by 2025-12-03 (Wed)."
    assert before.lines[1].zh == "2026-01-03 - 1 个月 = 2025-12-03（周三）"
    dated = explain(Ledger.start("D22", d("2026-01-01"), CN), BOOK, CN)
    assert dated.lines[0].en == "09-30 of each year: 2026-09-30 (Wed)"


@given(PERIOD_RULES, ANCHORS)
def test_every_period_can_be_explained(period: Rule, anchor: date) -> None:
    told = explain(Ledger.start("R", anchor, CN), RuleBook(place="x", rules=(period,)), CN)
    found = due(period, anchor, CN)
    assert str(found.on) in told.sentence.zh
    assert str(found.on) in told.sentence.en
    assert all(line.zh and line.en for line in told.lines)
    assert len([line for line in told.lines if line.en.startswith("working day")]) == len(found.counted)


# -- the manual, and the zone of the host

BLOCKS = re.compile(r"```python\n(.*?)```", re.DOTALL)


def test_the_examples_of_the_manual_are_true() -> None:
    text = (ROOT / "docs/deadlines.md").read_text(encoding="utf-8")
    examples = "\n".join(BLOCKS.findall(text))
    test = doctest.DocTestParser().get_doctest(
        examples, {"CN": CN, "__name__": "manual"}, "deadlines.md", None, 0
    )
    told: list[str] = []
    failed, tried = doctest.DocTestRunner(verbose=False).run(test, out=told.append)
    assert tried > 10
    assert failed == 0, "".join(told)


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/Los_Angeles", "Pacific/Kiritimati"])
def test_the_zone_of_the_host_changes_nothing(zone: str) -> None:
    program = (
        "from datetime import date; from workflow.deadlines import *; from workflow.calendars import Calendar\n"
        "from workflow.errors import Text\n"
        "c = Calendar(name='c', version='1', first=date(2026, 1, 1), horizon=date(2026, 12, 31), off={}, makeup=frozenset())\n"
        "r = Rule(id='R', title=Text('a', 'b'), unit='working_day', value=7)\n"
        "print(explain(Ledger.start('R', date(2026, 3, 28), c), RuleBook(place='x', rules=(r,)), c))\n"
    )
    environment = {**os.environ, "TZ": zone, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, check=True, encoding="utf-8"
    )
    assert "due by 2026-04-07 (Tue)" in ran.stdout


# --- every day of it, to be drawn


def test_the_days_of_a_return_window_over_a_holiday() -> None:
    """7 working days from 2026-09-28: over the National Day, with a Saturday that is worked."""
    book = RuleBook(place="x", rules=(rule("D06", "退办期限", "return window", unit="working_day", value=7),))
    found = explain(Ledger.start("D06", d("2026-09-28"), CN), book, CN).days
    assert [(day.on.isoformat()[5:], day.mark) for day in (found[0], found[-1])] == [
        ("09-28", "first"),
        ("10-13", "due"),
    ]
    assert len(found) == 16
    assert [day.on.isoformat()[5:] for day in found if day.number] == [
        "09-29",
        "09-30",
        "10-08",
        "10-09",
        "10-10",
        "10-12",
        "10-13",
    ]
    assert {day.on.day for day in found if day.off and day.off.zh == "国庆节"} >= set(range(1, 8))
    assert [day.on.isoformat()[5:] for day in found if day.made_up] == ["10-10"]
    assert not any(day.provisional or day.still for day in found)


def test_the_days_in_which_a_clock_stood_still_and_those_nobody_knows_yet() -> None:
    book = RuleBook(place="x", rules=(rule("D", "期限", "time", unit="calendar_day", value=10),))
    ledger = (
        Ledger.start("D", d("2026-03-02"), CN)
        .suspend(d("2026-03-05"), "等材料", book, CN)
        .resume(d("2026-03-08"), "", "")
    )
    found = explain(ledger, book, CN).days
    assert [day.on.day for day in found if day.still] == [5, 6, 7] and found[-1].on == d("2026-03-15")
    late = explain(Ledger.start("D", d("2030-03-01"), CN), book, CN).days
    assert all(day.provisional for day in late)
    back = RuleBook(
        place="x", rules=(rule("B", "前", "before", unit="working_day", value=3, direction="before"),)
    )
    before = explain(Ledger.start("B", d("2026-03-12"), CN), back, CN).days
    assert (before[0].mark, before[-1].mark) == ("due", "first")


def test_a_stretch_of_years_is_told_in_words_only() -> None:
    book = RuleBook(place="x", rules=(rule("L", "长", "long", unit="month", value=60),))
    assert explain(Ledger.start("L", d("2026-03-02"), CN), book, CN).days == ()
