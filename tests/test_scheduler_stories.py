"""Stories of users that the scheduler answers for: F (keeper), G (developer of an app), H (operator), A6 and E10."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from icalendar import Calendar as ICalendar
from sqlalchemy import select

from definitions import receptions
from workflow import Actor, Engine, recalculation
from workflow.calendars import Calendar
from workflow.dues import ical
from workflow.health import troubles
from workflow.library import Library
from workflow.outbox import Contact
from workflow.testing import FrozenClock, memory_engine, walk

from .lifecycle import EXTENSION, PLACE, SESSION, SUGGESTION, TENANT, Office, count
from .test_receptions import city

__all__ = ["city"]  # a fixture


def queued(engine: Engine, topic: str) -> list[dict[str, Any]]:
    o = engine.store.tables.outbox
    with engine.store.connection() as connection:
        rows = connection.execute(select(o.c.body).where(o.c.topic == topic, o.c.state == "queued")).scalars()
        return [json.loads(body) for body in rows]


def test_story_G06_move_the_clock_in_a_test(library: Library) -> None:
    """An app's own test: no server, no sleep; on that day exactly the reminders that are due fire."""
    clock = FrozenClock(date(2026, 3, 2))
    engine = memory_engine(library, clock, place=PLACE)
    engine.grant("li", "deputy_affairs", TENANT)
    li = Actor(person="li")
    case = engine.start("suggestion", li, SUGGESTION, tenant=TENANT)
    case = walk(engine, case, [
        ("accept_in_session", li, {**SESSION, "closing_on": "2026-02-27"}),
        ("assign", li, {"assignment_mode": "sole", "lead_unit": "water"}),
    ])  # fmt: skip
    for day in range(1, 86):
        clock.set(date(2026, 3, 2) + timedelta(days=day))
        while engine.tick():
            pass
    clock.set(date(2026, 5, 30))  # three days before 2026-06-02
    fired = {(one.clock, one.rung) for page in iter(engine.tick, []) for one in page}
    assert ("reply", -3) in fired
    assert {clock_ for clock_, rung in fired if rung == -3} == {"reply"}
    clock.set(date(2026, 6, 3))
    fired = {(one.clock, one.rung, one.event) for page in iter(engine.tick, []) for one in page}
    assert ("reply", 1, "reply_overdue") in fired
    assert engine.tick() == []
    engine.database.dispose()


def test_story_F01_the_next_reception_day(city: Office) -> None:
    """15 November 2026 is a Sunday: fixed says the 15th, the next working day is the 16th."""
    (station,) = receptions.stations(city.engine, ids=["s1"])
    for policy, day in (("fixed", 15), ("next_working_day", 16)):
        (on,) = receptions.days_of(city.engine, replace(station, policy=policy), ["2026-11"])
        assert (on.on, on.provisional) == (date(2026, 11, day), False)


def test_story_F02_three_days_before_once_also_after_the_server_was_down(city: Office) -> None:
    engine = city.engine
    (station,) = receptions.stations(engine, ids=["s1"])
    (case,) = receptions.start(engine, receptions.plan(engine, [station], ["2026-12"]), Actor(person="li"))
    city.fire(case, "roster", "keeper", deputies=["d1"])
    city.clock.set(date(2026, 12, 13))  # down on the 12th
    city.ticks()
    assert [body["on"] for body in queued(engine, "clock.notice") if body["rung"] == 0] == []
    (told,) = queued(engine, "clock.notice")  # the highest rung only
    assert (told["case"], told["rung"], told["due_on"]) == (case.id, 1, "2026-12-12")
    assert city.ticks() == []


def test_story_A06_a_notice_is_imported(office: Office, library: Library) -> None:
    """The preview says which days move and by how much; applying writes one line in each history; twice changes nothing."""
    office.clock.set(date(2026, 11, 16))
    case = office.assigned()
    office.replied()  # its reply clock has stopped: no notice moves it
    before = office.due(case, "reply")
    old = library.calendars["cn"]
    new = Calendar(
        name=old.name, version="cn-2027", first=old.first, horizon=date(2027, 12, 31),
        off={**old.off, **{date(2027, 2, day): "春节" for day in range(5, 22)}}, makeup=old.makeup, names=old.names,
        sources=old.sources,
    )  # fmt: skip
    (reply,) = [c for c in recalculation.preview(office.engine, new) if c.clock == "reply"]
    assert (reply.due_on, reply.new_due_on, reply.moves) == (before, "2027-02-22", True)
    assert (reply.case, reply.number) == (case.id, "第001号")
    assert (date.fromisoformat(reply.new_due_on) - date.fromisoformat(reply.due_on)).days == 6
    lines = len(office.engine.history(case.id))
    done = list(recalculation.apply(office.engine, new, Actor(person="li")))
    assert {c.case for c in done} == {case.id}
    assert [line.event for line in office.engine.history(case.id)][lines:] == ["recalculate"]
    anew = Engine(
        office.engine.database,
        replace(library, calendars={**library.calendars, "cn": new}),
        place=PLACE,
        clock=office.clock,
    )
    assert list(recalculation.apply(anew, new, Actor(person="li"))) == []
    (uid,) = [
        e
        for e in ICalendar.from_ical(ical(anew)).walk("VEVENT")
        if str(e["uid"]) == f"{case.id}.reply@tibandu"
    ]
    assert (uid["dtstart"].dt, int(uid["sequence"])) == (date(2027, 2, 22), 1)


def test_story_E10_a_deadline_moves_in_the_calendar(office: Office) -> None:
    case = office.handling()
    office.fire(case, "request_extension", "wang", **EXTENSION)
    office.fire(office.child(case, "extensions"), "grant", "li", granted_until="2026-08-01")
    found = {str(e["uid"]): e for e in ICalendar.from_ical(ical(office.engine, person="wang")).walk("VEVENT")}
    reply = found[f"{case.id}.reply@tibandu"]
    assert (reply["dtstart"].dt, int(reply["sequence"])) == (date(2026, 8, 1), 1)


def test_story_H03_doctor_says_what_is_missing(office: Office) -> None:
    office.clock.set(date(2026, 11, 2))
    office.assigned()
    office.clock.advance(days=30)
    said = {trouble.code for trouble in troubles(office.engine.health())}
    assert {"next_year", "no_channel", "skew", "late", "undelivered", "silent"} <= said


def test_story_H05_down_for_three_days(office: Office) -> None:
    """What was missed comes in one digest for each person; the notices keep their true days."""
    engine = office.engine
    engine.alerts.set_contacts("wang", [Contact(channel="mail", address="w@example.org")])
    case = office.assigned()
    while office.clock.now().date() < date(2026, 3, 9):
        office.clock.advance(days=1)
        office.ticks()
    while engine.alerts.address():
        pass
    for letter in engine.alerts.claim("mail", 100):
        engine.alerts.drop(letter)
    office.clock.set(date(2026, 3, 13))
    office.ticks()
    days = {line.event: line.effective_on for line in engine.history(case.id)}
    assert (days["urge_sign_in"], days["close_return_window"]) == ("2026-03-10", "2026-03-12")
    assert all(
        line.recorded_at.date() == date(2026, 3, 13)
        for line in engine.history(case.id)
        if line.event == "urge_sign_in"
    )
    while engine.alerts.address():
        pass
    office.clock.advance(days=4)
    letters = [letter for letter in engine.alerts.claim("mail", 100) if letter.holder == "wang"]
    assert [letter.is_digest for letter in letters] == [True]
    assert count(engine, "journal", "kind = 'caught_up'") >= 1


def test_the_reminder_before_a_session_moves_with_it(office: Office) -> None:
    """One month before the opening day, derived, and again when the standing committee moves the session."""
    engine = office.engine
    office.clock.set(date(2026, 11, 2))
    said = {
        "congress": "六届", "session": "六次", "opening_on": "2027-01-10", "eve_on": "2027-01-09", "deputies": ["dep1", "dep2"],
        "reminder": "请结合视察调研准备建议",
    }  # fmt: skip
    case = engine.start("prep_campaign", Actor(person="li"), said, tenant=TENANT)
    assert office.due(case, "reminder") == "2026-12-09"
    office.fire(
        case, "reschedule", "sun", opening_on="2027-01-20", eve_on="2027-01-19", session_decision="常委会决定"
    )
    assert office.due(case, "reminder") == "2026-12-19"
    office.clock.set(date(2026, 12, 10))
    office.ticks()
    assert office.now(case).state == "scheduled"
    office.clock.set(date(2026, 12, 20))
    office.ticks()
    assert office.now(case).state == "reminded"
    assert {body["event"] for body in queued(engine, "remind")} == {"remind"}


@pytest.mark.parametrize(
    "kind", ["suggestion", "reception_day", "evaluation", "prep_campaign", "opinion", "commitment"]
)
def test_a_timer_goes_no_further_than_urging_and_lapses(library: Library, kind: str) -> None:
    """What a clock may fire is a notice or a declared lapse with a source; it ends in no decided state."""
    definition = library.definitions[kind]
    for clock in definition.clocks.values():
        if clock.missed is None:
            continue
        event = definition.events[clock.missed]
        assert event.automatic in ("notice", "lapse")
        assert event.source
        assert not any(definition.states[move.to].decided for move in event.moves if move.to)
