"""A calendar that is put in force is kept: every process counts by it, and no file has to be replaced."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import event as hook

from workflow import Actor, Engine
from workflow.calendars import Calendar
from workflow.dues import falling_due, turning_red
from workflow.errors import NotFound, NotPermitted
from workflow.model import SYSTEM
from workflow.recalculation import EVENT, apply, count_by, preview, preview_rules
from workflow.testing import FrozenClock
from workflow.verify import verify

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


def corrected(engine: Engine, day: date) -> Calendar:
    """The calendar in use with one more day off, which reaches no further."""
    used = engine.laws.calendar
    return replace(used, version=f"{used.version}-{day}", off={**used.off, day: "更正"})


def in_force(engine: Engine, calendar: Calendar) -> list[tuple[str, str, str, str]]:
    """Previewed, then applied, which is the same: case, clock, old day, new day."""
    shown = preview(engine, calendar)
    done = list(apply(engine, calendar, LI))
    assert {(one.case, one.clock, one.new_due_on) for one in done} == {
        (one.case, one.clock, one.new_due_on) for one in shown
    }
    count_by(engine, calendar, LI)
    return [(one.case, one.clock, one.due_on, one.new_due_on) for one in shown if one.moves]


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


def test_a_notice_moves_what_ends_on_a_december_day_it_settles_otherwise(office: Office) -> None:
    """31 December was a working day, so that clock was certain; its day, its reminders and why are one afterwards."""
    engine = office.engine
    office.clock.set(date(2026, 12, 24))
    case = office.assigned()
    (clock,) = [one for one in office.now(case).clocks if one.name == "sign_in"]
    assert (str(clock.due_on), clock.provisional) == ("2026-12-31", False)
    notice = longer(engine)
    notice = replace(notice, off={**notice.off, date(2026, 12, 31): "元旦"})
    moved = in_force(engine, notice)
    assert (case.id, "sign_in", "2026-12-31", "2027-01-04") in moved
    assert office.due(case, "sign_in") == "2027-01-04"
    assert "2027-01-04" in engine.explain(case.id, "sign_in").sentence.en
    (line,) = [line for line in engine.history(case.id) if line.event == EVENT]
    assert line.data["@calendar"]["was"]["sign_in"] == "2026-12-31"
    assert [found.case for found in falling_due(engine) if str(found.due_on) == "2026-12-31"] == []
    fired = {}
    for day in (date(2027, 1, 1), date(2027, 1, 4), date(2027, 1, 5)):
        office.clock.set(day)
        fired[day.day] = [rung for name, rung, _ in office.ticks() if name == "sign_in" and rung >= 0]
    assert fired == {1: [], 4: [0], 5: [1]}
    assert in_force(engine, notice) == []
    assert verify(engine.store).sound


def test_a_notice_moves_the_reminder_of_a_day_that_stays(office: Office) -> None:
    """A Friday off and a Saturday of work before the due day: it stays, and one working day before it is the Saturday now."""
    engine, case = office.engine, office.assigned()
    used = engine.laws.calendar
    friday, saturday = date(2026, 3, 6), date(2026, 3, 7)
    notice = replace(
        used, version="cn-more", off={**used.off, friday: "调休"}, makeup={*used.makeup, saturday}
    )
    due = office.due(case, "sign_in")
    (found,) = [one for one in preview(engine, notice) if (one.case, one.clock) == (case.id, "sign_in")]
    assert (found.due_on, found.new_due_on, found.moves, found.reminded) == (due, due, False, True)
    assert not [one for one in in_force(engine, notice) if one[1] == "sign_in"]
    (line,) = [line for line in engine.history(case.id) if line.event == EVENT]
    assert line.data["@calendar"]["was"]["sign_in"] == due
    fired = {}
    for day in (friday, saturday):
        office.clock.set(day)
        fired[day] = [rung for name, rung, _ in office.ticks() if name == "sign_in"]
    assert fired == {friday: [], saturday: [-1]}
    assert preview(engine, notice) == []
    assert verify(engine.store).sound


def test_a_corrected_notice_that_reaches_no_further_is_adopted(office: Office) -> None:
    engine, first = office.engine, office.engine.laws.calendar
    case = office.assigned()
    behind, restarted = beside(office), beside(office)
    behind.calendars.look()
    was, notice = office.due(case, "sign_in"), corrected(engine, date(2026, 3, 4))
    assert was is not None
    assert (case.id, "sign_in", was, "2026-03-10") in in_force(engine, notice)
    assert engine.laws.calendar == notice
    restarted.calendars.look()
    behind.clock.advance(minutes=1)  # type: ignore[attr-defined]
    behind.calendars.look()
    assert restarted.laws.calendar == behind.laws.calendar == notice
    again = corrected(engine, date(2026, 3, 5))
    assert (case.id, "sign_in", "2026-03-10", "2026-03-11") in in_force(engine, again)
    assert beside_now(office).laws.calendar == again
    back = replace(first, version="cn-back")
    assert (case.id, "sign_in", "2026-03-11", was) in in_force(engine, back)
    assert beside_now(office).laws.calendar == engine.laws.calendar == back
    assert verify(engine.store).sound


def beside_now(office: Office) -> Engine:
    """Another process that has just looked."""
    office.clock.advance(minutes=1)
    found = beside(office)
    found.calendars.look()
    return found


def test_a_clock_begun_meanwhile_by_the_old_one_is_found_when_it_is_applied_once_more(office: Office) -> None:
    late = Office(beside(office), office.clock)
    late.engine.calendars.look()
    notice = corrected(office.engine, date(2026, 3, 4))
    count_by(office.engine, notice, LI)
    case = late.assigned()
    assert late.due(case, "sign_in") == "2026-03-09"
    assert (case.id, "sign_in", "2026-03-09", "2026-03-10") in in_force(office.engine, notice)
    assert in_force(office.engine, notice) == []


def test_only_what_crosses_a_changed_day_is_read(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of clocks that end before the day, or begin after it, or have stopped, no case is read."""
    engine, read = office.engine, list[str]()
    office.fire(office.filed("dep1"), "withdraw", "dep1", withdrawal_letter=DOCUMENT)
    crossing = office.assigned()
    office.clock.set(date(2026, 3, 20))
    office.assigned()
    family = engine.store.family

    def counted(connection: Any, case: str) -> Any:
        read.append(case)
        return family(connection, case)

    monkeypatch.setattr(engine.store, "family", counted)
    found = preview(engine, corrected(engine, date(2026, 3, 6)))
    assert [(one.case, one.clock) for one in found if one.clock == "sign_in"] == [(crossing.id, "sign_in")]
    assert read == [crossing.id]
    del read[:]
    assert preview(engine, engine.laws.calendar) == []
    assert read == []


def test_the_clocks_that_run_are_found_by_an_index(office: Office) -> None:
    """Those that have stopped are many times as many, and none of them is looked at: by a notice, by other rules, by what is due."""
    engine, asked = office.engine, list[tuple[str, Any]]()
    office.assigned()

    def heard(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "FROM tibandu_clock" in statement and "ORDER BY tibandu_clock.due_on" in statement:
            asked.append((statement, parameters))

    hook.listen(engine.database, "before_cursor_execute", heard)
    preview(engine, corrected(engine, date(2026, 3, 6)))
    preview_rules(engine)
    falling_due(engine)
    hook.remove(engine.database, "before_cursor_execute", heard)
    assert len(asked) == 3
    with engine.database.connect() as connection:
        if not engine.store.is_sqlite:
            connection.exec_driver_sql("set local enable_seqscan = off")
        explain = "explain query plan " if engine.store.is_sqlite else "explain "
        for statement, parameters in asked:
            rows = connection.exec_driver_sql(explain + statement, parameters).all()
            plan = " ".join(str(column) for row in rows for column in row)
            assert "ix_tibandu_clock_running" in plan, plan


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
