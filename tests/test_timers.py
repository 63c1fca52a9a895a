"""The scheduler reminds, urges and lets lapse: each rung once, whatever the clock and however many nodes do."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow import Engine
from workflow.clock import civil_date, start_of_day
from workflow.family import ClockState, Record
from workflow.ledger import Ledger
from workflow.timers import turn

from .lifecycle import EXTENSION, PLACE, Office, count, execute, until_quiet


def fired(office: Office, clock: str, *engines: Engine) -> list[tuple[int, str | None]]:
    found = []
    for engine in engines or (office.engine,):
        found += [(f.rung, f.event) for f in until_quiet(engine) if f.clock == clock]
    return found


def test_the_whole_ladder(office: Office, other: Engine) -> None:
    """Two nodes tick by turns every day, this one twice: each rung comes once, `reply_overdue` once."""
    case = office.assigned()
    seen = []
    for day in range(120):
        seen += fired(
            office, "reply", *((office.engine, other, office.engine) if day % 2 else (other, office.engine))
        )
        office.clock.advance(days=1)
    assert seen == [
        (-30, None), (-15, None), (-7, None), (-3, None), (-1, None), (0, None), (1, "reply_overdue"), (3, None), (7, None),
        (14, None), (21, None),
    ]  # fmt: skip
    events = [line.event for line in office.engine.history(case.id)]
    assert events.count("reply_overdue") == 1
    assert office.now(case).state == "signed_in"  # by lapse; nothing is decided


def test_after_an_outage_only_the_highest_is_sent(office: Office) -> None:
    case = office.assigned()
    office.clock.set(date(2026, 5, 31))
    assert fired(office, "reply") == [(-30, None), (-15, None), (-7, None), (-3, None)]
    rungs = "topic = 'clock.reply' and case_id = :id and state = :state"
    assert count(office.engine, "outbox", rungs, id=case.id, state="superseded") == 3
    assert count(office.engine, "outbox", rungs, id=case.id, state="queued") == 1
    office.clock.set(date(2026, 6, 30))
    line = office.engine
    assert (1, "reply_overdue") in fired(office, "reply")
    (overdue,) = [entry for entry in line.history(case.id) if entry.event == "reply_overdue"]
    assert (overdue.effective_on, overdue.recorded_at.date()) == ("2026-06-03", date(2026, 6, 30))


def test_a_clock_that_jumps_back_fires_nothing_twice(office: Office) -> None:
    office.assigned()
    office.clock.set(date(2026, 6, 10))
    assert fired(office, "reply")
    lines, messages = count(office.engine, "history"), count(office.engine, "outbox")
    for back in (date(2026, 6, 2), date(2026, 3, 1), date(2025, 1, 1), date(2026, 6, 10)):
        office.clock.set(back)
        assert office.ticks() == []
    assert (count(office.engine, "history"), count(office.engine, "outbox")) == (lines, messages)


def test_a_stopped_clock_is_silent(office: Office) -> None:
    office.replied()
    office.clock.advance(days=900)
    names = {clock for clock, _, _ in office.ticks()}
    assert names == {"publication", "survey"}


def test_the_ladder_starts_again_after_an_extension(office: Office) -> None:
    """The reminder seven days before comes for the old day and for the new one."""
    case = office.handling()
    office.clock.set(date(2026, 5, 26))
    assert fired(office, "reply")[-1] == (-7, None)
    office.fire(case, "request_extension", "wang", **EXTENSION)
    office.fire(office.child(case, "extensions"), "grant", "li", granted_until="2026-08-01")
    assert office.due(case, "reply") == "2026-08-01"
    office.clock.set(date(2026, 7, 25))
    assert fired(office, "reply") == [(-30, None), (-15, None), (-7, None)]
    seven = "topic = 'clock.reply' and state = 'queued' and body like '%\"rung\":-7%'"
    assert count(office.engine, "outbox", seven) == 2


def test_silence_ends_as_not_returned(office: Office) -> None:
    """Two reminders, then a lapse; the office settles, the system never concludes."""
    case = office.evaluating()
    for _ in range(80):
        office.clock.advance(days=1)
        office.ticks()
    survey = office.child(case, "surveys", "dep1")
    assert [line.event for line in office.engine.history(survey.id)] == [
        "start",
        "remind",
        "remind_again",
        "lapse",
    ]
    assert survey.state == "not_returned"
    assert office.now(case).state == "evaluated"
    office.clock.advance(days=700)
    office.ticks()
    assert office.now(case).state == "evaluated"
    assert office.fire(case, "settle", "sun").state == "concluded"


def test_one_broken_case_holds_up_no_other(office: Office, library, caplog) -> None:
    first, second = office.assigned(), office.assigned()
    execute(office.engine, f"update {{p}}cases set definition = '{'0' * 64}' where id = '{first.id}'")
    office.clock.advance(days=60)
    fresh = Engine(office.engine.database, library, place=PLACE, clock=office.clock)
    assert fired(office, "sign_in", fresh)
    assert {e.event for e in office.engine.history(second.id)} >= {"urge_sign_in"}
    assert first.id in caplog.text


def test_a_page_of_broken_cases_is_stepped_over(office: Office, library, caplog) -> None:
    broken = [office.assigned() for _ in range(2)]
    for case in broken:
        execute(office.engine, f"update {{p}}cases set definition = '{'0' * 64}' where id = '{case.id}'")
    whole = office.assigned()
    office.clock.advance(days=60)
    fresh = Engine(office.engine.database, library, place=PLACE, clock=office.clock)
    assert {f.case for f in fresh.tick(1)} == {whole.id}


def test_a_tick_is_bounded(office: Office) -> None:
    for _ in range(3):
        office.filed("dep1")
    office.clock.advance(days=30)
    assert {f.case for f in office.engine.tick(1)} < {c.id for c in office.engine.search()}


@pytest.mark.parametrize("ids", [("a", "b", "c"), ("c", "b", "a")])
def test_what_runs_out_at_midnight_goes_before_what_the_new_day_reminds_of(ids: tuple[str, str, str]) -> None:
    """A part before its whole, whatever ids chance gave them."""
    root, part, other = ids
    day = "2026-05-31T16:00:00+00:00"

    def record(id: str, **clocks: ClockState) -> Record:
        slot = {root: None, part: "evaluations", other: "handlings"}[id]
        return Record(id, root, "k", "d", "t", "s", slot=slot, clocks=clocks)

    records = (
        record(root, reminder=waiting(14, day), reply=waiting(1, day)),
        record(part, survey=waiting(1, day)),
        record(other, reply=waiting(-3, day), early=waiting(7, "2026-05-30T16:00:00+00:00")),
    )
    timers = sorted((turn(one, clock), one.id, clock) for one in records for clock in one.clocks)
    assert [(case, clock) for _, case, clock in timers] == [
        (other, "early"), (part, "survey"), (root, "reply"), (other, "reply"), (root, "reminder"),
    ]  # fmt: skip


def waiting(rung: int, at: str) -> ClockState:
    ledger = Ledger(rule="D11", anchor=date(2026, 3, 1), calendar="", lines=())
    return ClockState(
        ledger=ledger, round=1, due_on="2026-05-30", outer_on=None, provisional=False, running=True, next_rung=rung, next_at=at
    )  # fmt: skip


SHANGHAI = ZoneInfo("Asia/Shanghai")


@given(
    st.lists(st.integers(315_532_800, 4_102_444_800), max_size=5),
    st.integers(-1, 1),
)
def test_the_day_of_an_instant_is_that_of_shanghai_whatever_was_asked_before(
    seconds_of_1970: list[int], seconds: int
) -> None:
    instants = [datetime.fromtimestamp(one, UTC) for one in seconds_of_1970]
    # Each with the edge of its day, in turn: what was remembered for one must not be said of the other.
    edges = [
        start_of_day(instant.astimezone(SHANGHAI).date()) + timedelta(seconds=seconds) for instant in instants
    ]
    for instant in [one for pair in zip(instants, edges, strict=True) for one in pair]:
        assert civil_date(instant) == instant.astimezone(SHANGHAI).date()
        elsewhere = instant.astimezone(ZoneInfo("America/New_York"))
        assert civil_date(elsewhere) == civil_date(instant)
