"""A clock that stands still is silent and not overdue; afterwards its day has moved on by the days it stood still."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from workflow import Actor, Case, Engine, recalculation
from workflow.dues import falling_due

from .lifecycle import TENANT, Office, count
from .test_cli import contradictions


def opened(office: Office) -> Case:
    return office.engine.start("pause", Actor(person="li"), {"title": "甲"}, tenant=TENANT)


def test_it_is_silent_while_it_stands_still(small_office: Office) -> None:
    office = small_office
    case = opened(office)
    assert office.due(case, "answer") == "2026-03-12"
    office.clock.set(date(2026, 3, 5))
    assert office.ticks() == [("answer", -7, None)]
    office.fire(case, "suspend", "li")
    told = count(office.engine, "outbox")
    assert falling_due(office.engine) == []
    office.clock.set(date(2026, 4, 30))
    assert office.ticks() == []
    assert count(office.engine, "outbox") == told
    assert office.engine.health().oldest_due is None


def test_its_day_moves_on_and_what_lies_behind_does_not_ring_again(small_office: Office) -> None:
    """Ten days stood still: 2026-03-12 becomes 2026-03-22."""
    office = small_office
    case = opened(office)
    office.clock.set(date(2026, 3, 5))
    office.ticks()
    office.fire(case, "suspend", "li")
    office.clock.set(date(2026, 3, 15))
    office.fire(case, "resume", "li")
    assert office.due(case, "answer") == "2026-03-22"
    assert office.ticks() == [("answer", -7, None)]  # of the new day, today
    office.clock.set(date(2026, 3, 23))
    assert office.ticks() == [
        ("answer", -3, None),
        ("answer", -1, None),
        ("answer", 0, None),
        ("answer", 1, "urge"),
    ]
    assert contradictions(office.engine) == []


def test_it_may_stand_still_again_but_not_when_it_is_over(small_office: Office) -> None:
    office = small_office
    case = opened(office)
    for day in (3, 5):
        office.clock.set(date(2026, 3, day))
        office.fire(case, "suspend", "li")
        office.clock.set(date(2026, 3, day + 1))
        office.fire(case, "resume", "li")
    assert office.due(case, "answer") == "2026-03-14"
    office.clock.set(date(2026, 3, 15))
    assert office.reasons(case, "suspend", "li") == {"deadline.over"}


def test_the_end_of_the_case_stops_it(small_office: Office) -> None:
    office = small_office
    case = opened(office)
    office.fire(case, "suspend", "li")
    office.fire(case, "resume", "li")
    office.fire(case, "close", "li")
    office.clock.advance(days=100)
    assert office.ticks() == []
    assert office.due(case, "answer") is None


def test_story_A06_what_stands_still_is_not_moved_by_a_notice(small_office: Office) -> None:
    """Two alike, one of them suspended: the notice names the other with its days, and writes one line, in its history alone."""
    office = small_office
    running, still = (office.fire(opened(office), "work", "li") for _ in range(2))
    office.clock.set(date(2026, 3, 5))
    office.fire(still, "suspend", "li")
    old = office.engine.laws.calendar
    new = replace(old, version="later", off={**old.off, **{date(2026, 3, day): "演习" for day in (10, 11)}})
    before = {case.id: len(office.engine.history(case.id)) for case in (running, still)}
    moved = recalculation.preview(office.engine, new)
    assert [(one.case, one.due_on, one.new_due_on) for one in moved] == [
        (running.id, "2026-03-12", "2026-03-16")
    ]
    list(recalculation.apply(office.engine, new, Actor(person="li")))
    written = {case.id: len(office.engine.history(case.id)) - before[case.id] for case in (running, still)}
    assert written == {running.id: 1, still.id: 0}
    assert office.engine.history(running.id)[-1].event == recalculation.EVENT
    library = office.engine.library
    calendars = {**library.calendars, new.name: new}
    after = Office(
        Engine(office.engine.database, replace(library, calendars=calendars), clock=office.clock),
        office.clock,
    )
    office.clock.set(date(2026, 3, 6))
    after.fire(still, "resume", "li")
    assert after.due(still, "working") == "2026-03-17", (
        "what it is on going on, by the notice and the day it stood still"
    )
    assert contradictions(after.engine) == []
