"""A calendar that is put in force is kept: every process counts by it, and no file has to be replaced."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from workflow import Actor, Engine
from workflow.calendars import Calendar
from workflow.dues import falling_due, turning_red
from workflow.errors import NotFound, NotPermitted
from workflow.model import SYSTEM
from workflow.recalculation import count_by
from workflow.testing import FrozenClock

from .console import Desk, said
from .lifecycle import DOCUMENT, Office

LI = Actor(person="li")
YEAR = {"source": "国办发明电", "off": "元旦 1月1日至3日", "makeup": "1月9日"}


def longer(engine: Engine) -> Calendar:
    """The calendar in use with one more year."""
    used = engine.laws.calendar
    year = used.horizon.year + 1
    first = date(year, 1, 1)
    return replace(
        used,
        version=f"cn-{year}",
        horizon=date(year, 12, 31),
        off={**used.off, first: "元旦"},
        sources=("x",),
    )


def beside(office: Office) -> Engine:
    """Another process on the same database."""
    clock = FrozenClock(office.clock.now())
    return Engine(office.engine.database, office.engine.library, clock=clock)


def test_every_process_goes_by_the_calendar_that_was_put_in_force(office: Office) -> None:
    before, running = office.engine.laws.calendar, beside(office)
    running.calendars.look()
    calendar = longer(office.engine)
    count_by(office.engine, calendar, LI)
    assert office.engine.laws.calendar == calendar
    running.calendars.look()
    assert running.laws.calendar == before  # it has looked within the minute
    running.clock.advance(minutes=1)  # type: ignore[attr-defined]
    running.calendars.look()
    assert running.laws.calendar == calendar
    assert dict(running.laws.calendar.off) == dict(calendar.off)


def test_a_process_that_begins_goes_by_it_from_its_first_event_on(office: Office) -> None:
    calendar = longer(office.engine)
    count_by(office.engine, calendar, LI)
    case, begun = office.filed("dep1"), beside(office)
    begun.fire(case.id, "withdraw", Actor(person="dep1"), {"withdrawal_letter": DOCUMENT})
    assert begun.laws.calendar == calendar
    assert beside(office).health().calendar_horizon == calendar.horizon


@pytest.mark.parametrize("ask", ["explain", "due", "turning red"])
def test_a_process_that_only_reads_goes_by_it_from_its_first_question_on(office: Office, ask: str) -> None:
    case = office.assigned().id
    count_by(office.engine, longer(office.engine), LI)
    begun = beside(office)
    asked = {
        "explain": lambda: begun.explain(case, "reply"),
        "due": lambda: falling_due(begun),
        "turning red": lambda: turning_red(begun, 3),
    }
    asked[ask]()
    assert begun.laws.calendar == office.engine.laws.calendar


def test_a_file_that_reaches_as_far_takes_its_place(office: Office) -> None:
    calendar = longer(office.engine)
    count_by(office.engine, calendar, LI)
    file = replace(calendar, version="cn-file", sources=("file",))
    library = replace(office.engine.library, calendars={calendar.name: file})
    restarted = Engine(office.engine.database, library, clock=office.clock)
    restarted.calendars.look()
    assert restarted.laws.calendar == file


def test_a_person_puts_it_in_force_and_only_the_places_own(office: Office) -> None:
    calendar = longer(office.engine)
    with pytest.raises(NotPermitted):
        count_by(office.engine, calendar, Actor(person=SYSTEM))
    with pytest.raises(NotFound):
        count_by(office.engine, replace(calendar, name="other"), LI)


def test_on_the_page_putting_it_in_force_is_all(desk: Desk) -> None:
    engine, he = desk.office.engine, desk("he")
    horizon = engine.laws.calendar.horizon
    he.get("/calendar")
    he.fill("/calendar", **YEAR, act="preview")
    token = he.page.partition('name="csrf_token" value="')[2].partition('"')[0]
    done = he.post("/calendar", {**YEAR, "act": "apply", "csrf_token": token})
    assert done.status_code == 200, said(he.page)
    assert f"{horizon.year + 1} 年的放假安排已启用" in said(he.page)
    assert engine.laws.calendar.horizon.year == horizon.year + 1
    he.get("/calendar")
    assert f"{horizon.year + 2} 年" in said(he.page)
