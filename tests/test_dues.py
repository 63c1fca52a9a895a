"""What falls due and with whom it is; what turns red next; the same as a calendar with stable UIDs."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from icalendar import Calendar

from definitions import receptions
from workflow import Actor, Engine
from workflow.cli import main
from workflow.commands.context import Context
from workflow.dues import apart, falling_due, ical, turning_red, within_working_days
from workflow.library import Library
from workflow.model import Party
from workflow.parties import Parties
from workflow.testing import FrozenClock

from .lifecycle import EXTENSION, PLACE, TENANT, TODAY, Office


@pytest.fixture
def busy(office: Office) -> Office:
    """Two suggestions with the water bureau, one of them with the roads as co-unit; one that nobody has assigned."""
    office.assigned("dep1")
    office.handling("dep2", co=("roads",))
    office.accepted("dep1")
    return office


def test_by_due_day_with_whom_it_is(busy: Office) -> None:
    found = falling_due(busy.engine)
    assert [due.due_on for due in found] == sorted(due.due_on for due in found)
    sign_in = next(due for due in found if due.clock == "sign_in" and due.kind == "suggestion")
    assert (sign_in.due_on, sign_in.days, sign_in.working_days) == (date(2026, 3, 9), 7, 5)
    assert (sign_in.units, sign_in.persons, sign_in.offices) == (("water",), ("wang",), ())
    assigning = next(due for due in found if due.clock == "assignment_after_session")
    assert (assigning.units, assigning.offices) == ((), ("deputy_affairs", "session_secretariat"))
    assert assigning.persons == ("li", "liu")


def test_overdue_is_negative_and_first(busy: Office) -> None:
    busy.clock.set(date(2026, 3, 12))
    assert falling_due(busy.engine)[0].due_on == date(
        2026, 2, 9
    )  # to be assigned thirty days after the session
    late = next(due for due in falling_due(busy.engine) if due.clock == "sign_in")
    assert (late.due_on, late.days, late.working_days) == (date(2026, 3, 9), -3, -3)


def test_what_was_only_imported_and_is_over_stands_apart(busy: Office) -> None:
    """Nobody knows what came of it; once somebody acts in it here, it is overdue like any other."""
    engine = busy.engine
    before = falling_due(engine)
    old = busy.imported(), busy.imported(2019)
    running = {one.id: sum(clock.running for clock in engine.case(one.id).clocks) for one in old}
    assert falling_due(engine) == before
    assert (apart(engine), apart(engine, unit="water")) == (sum(running.values()),) * 2
    assert apart(engine, unit="roads") == 0
    assert apart(engine, until=date(2019, 12, 31)) == running[old[1].id]
    assert apart(engine, actor=Actor(person="wang")) == sum(running.values())
    assert apart(engine, actor=Actor(person="feng")) == 0
    busy.fire(old[0], "sign_in", "wang")
    late = {due.case for due in falling_due(engine) if due.days < 0}
    assert (old[0].id in late, old[1].id in late) == (True, False)
    assert apart(engine) == running[old[1].id]


@pytest.mark.usefixtures("quick")
def test_the_command_says_how_many_stand_apart(busy: Office) -> None:
    assert "beside these" not in call(busy, "due")[1]
    busy.imported()
    count = apart(busy.engine)
    for more in ((), ("--by", "unit"), ("--unit", "water")):
        said = call(busy, "due", *more)[1].splitlines()
        assert said[-1].startswith(
            f"beside these, {count} deadline(s) are over in cases that were only imported"
        )
    assert "beside these" not in call(busy, "due", "--unit", "roads")[1]
    url = busy.engine.database.url.render_as_string(hide_password=False)
    out, err = io.StringIO(), io.StringIO()
    assert main(["--database", url, "--lang", "en", "--place", PLACE, "--json", "due"], out, err) == 0
    assert all(row["days"] >= -30 for row in json.loads(out.getvalue())) and "beside these" in err.getvalue()


def test_of_a_unit_and_of_a_person(busy: Office) -> None:
    engine = busy.engine
    assert {due.units for due in falling_due(engine, unit="roads")} == {("roads",)}
    assert {due.kind for due in falling_due(engine, unit="roads")} == {"co_handling"}
    assert all("zhao" in due.persons for due in falling_due(engine, person="zhao"))
    assert falling_due(engine, unit="nobody") == []
    assert len(falling_due(engine, limit=2)) == 2


def test_within_working_days(busy: Office) -> None:
    """The weekend and the holiday count for nothing."""
    engine = busy.engine
    assert within_working_days(engine, 5) == date(2026, 3, 9)
    busy.clock.set(date(2026, 9, 30))
    assert within_working_days(engine, 1) == date(2026, 10, 8)


def test_who_asks_sees_his_own(busy: Office) -> None:
    engine = busy.engine
    every = {due.case for due in falling_due(engine)}
    water = {due.case for due in falling_due(engine, actor=Actor(person="wang"))}
    assert water < every
    assert falling_due(engine, actor=Actor(person="feng")) == []  # of the parks, in no case


def test_pages_are_read_to_the_end(busy: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    every = falling_due(busy.engine)
    monkeypatch.setattr("workflow.dues.PAGE", 2)
    assert falling_due(busy.engine) == every


# --- the forecast


def test_what_turns_red_in_the_next_working_days(busy: Office) -> None:
    """What is due on Monday is red on Tuesday; what is due on a Saturday is red on Monday."""
    found = {one.day: {due.clock for due in one.dues} for one in turning_red(busy.engine, 8)}
    assert list(found) == [date(2026, 3, day) for day in (3, 4, 5, 6, 9, 10, 11, 12)]
    assert "sign_in" in found[date(2026, 3, 10)]  # due on the 9th
    assert not found[date(2026, 3, 9)] & {"sign_in"}
    assert "return_window" in found[date(2026, 3, 12)]  # due on the 11th
    every = sum(len(one.dues) for one in turning_red(busy.engine, 8))
    assert every == len([due for due in falling_due(busy.engine, until=date(2026, 3, 11)) if due.days >= 0])
    busy.clock.set(date(2026, 3, 12))
    assert {due.days for one in turning_red(busy.engine, 30) for due in one.dues} <= set(
        range(60)
    )  # what is red is not told


# --- a calendar


def events(content: bytes) -> dict[str, Any]:
    calendar = Calendar.from_ical(content)
    return {str(event["uid"]): event for event in calendar.walk("VEVENT")}


def test_a_units_calendar(busy: Office) -> None:
    found = events(ical(busy.engine, unit="water"))
    assert len([e for e in found.values() if "status" not in e]) == len(
        falling_due(busy.engine, unit="water")
    )
    reply = next(event for uid, event in found.items() if ".reply@" in uid)
    assert (reply["dtstart"].dt, reply["dtend"].dt) == (date(2026, 6, 2), date(2026, 6, 3))
    assert str(reply["summary"]).endswith("答复期限")
    assert (int(reply["sequence"]), "status" in reply) == (0, False)
    assert "快递员" not in ical(busy.engine, unit="water").decode()  # no title leaves the house
    english = events(ical(busy.engine, unit="water", language="en"))
    assert any(str(event["summary"]).endswith(" reply") for event in english.values())


def test_a_moved_day_keeps_its_uid_and_counts_its_moves(office: Office) -> None:
    case = office.handling()
    uid = f"{case.id}.reply@tibandu"
    before = events(ical(office.engine, unit="water"))[uid]
    office.fire(case, "request_extension", "wang", **EXTENSION)
    assert int(events(ical(office.engine, unit="water"))[uid]["sequence"]) == 0
    office.fire(office.child(case, "extensions"), "grant", "li", granted_until="2026-08-01")
    after = events(ical(office.engine, unit="water"))[uid]
    assert (int(before["sequence"]), int(after["sequence"])) == (0, 1)
    assert after["dtstart"].dt == date(2026, 8, 1)


def test_what_is_gone_is_cancelled_for_a_month(office: Office) -> None:
    case = office.handling()
    found = events(ical(office.engine))
    contact = found[f"{case.id}.first_contact@tibandu"]
    assert (str(contact["status"]), int(contact["sequence"])) == ("CANCELLED", 1)
    office.clock.set(date(2026, 6, 1))
    assert f"{case.id}.first_contact@tibandu" not in events(ical(office.engine))


def test_an_old_record_puts_no_past_day_into_a_calendar(office: Office) -> None:
    """Nobody knows whether it was kept, and no timer was armed for it; a day that is still to come is told like any other."""
    engine, old = office.engine, office.imported()
    for found in (
        ical(engine),
        ical(engine, actor=Actor(person="wang"), unit="water"),
        ical(engine, person="wang"),
    ):
        assert not [uid for uid in events(found) if uid.startswith(old.id)]
    reply = next(clock for clock in engine.case(old.id).clocks if clock.name == "reply" and clock.running)
    office.clock.set(reply.due_on)
    (uid,) = [uid for uid in events(ical(engine, unit="water")) if uid.startswith(f"{old.id}.reply")]
    office.clock.advance(days=1)
    assert uid not in events(ical(engine, unit="water"))
    office.fire(old, "sign_in", "wang")
    assert uid in events(ical(engine, unit="water")), "somebody has it in his hands here"


def test_a_persons_and_a_stations_calendar(office: Office) -> None:
    engine = office.engine
    engine.grant("keeper", "station_keeper", TENANT, unit="s1")
    station = receptions.Station(unit="s1", tenant=TENANT)
    (case,) = receptions.start(engine, receptions.plan(engine, [station], ["2026-04"]), Actor(person="li"))
    for found in (events(ical(engine, unit="s1")), events(ical(engine, person="keeper"))):
        day = found[f"{case.id}.day@tibandu"]
        assert day["dtstart"].dt == date(2026, 4, 15)
        assert str(day["summary"]).endswith("代表接待选民日")
        assert found[f"{case.id}.notice@tibandu"]["dtstart"].dt == date(2026, 4, 12)
    assert events(ical(engine, person="somebody")) == {}


# --- the command


@pytest.fixture
def quick(library: Library, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(Context, "library", library)
    monkeypatch.setattr("workflow.engine.SystemClock", lambda: FrozenClock(TODAY))
    return


def call(office: Office, *arguments: str) -> tuple[int, str]:
    url = office.engine.database.url.render_as_string(hide_password=False)
    out = io.StringIO()
    return main(["--database", url, "--lang", "en", "--place", PLACE, *arguments], out, out), out.getvalue()


@pytest.mark.usefixtures("quick")
def test_units_and_persons_are_called_by_their_names(busy: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the register has them, in one question; JSON keeps the ids; and the command understands what it prints."""
    li = Actor(person="li")
    named = [("water", "unit", "市水利局"), ("roads", "unit", "市公路局"), ("dep1", "staff", "陈一")]
    for id_, kind, name in named:
        busy.engine.parties.add(Party(id=id_, kind=kind, name=name, tenant=TENANT), by=li, trusted=True)
    said = call(busy, "due")[1]
    assert "市水利局" in said and "市公路局" in said and not re.search(r"\b(water|roads)\b", said)
    asked = list[int]()
    find = Parties.find
    monkeypatch.setattr(Parties, "find", lambda *a, **k: asked.append(1) or find(*a, **k))
    grouped = call(busy, "due", "--by", "unit")[1]
    assert "市水利局 (water): " in grouped and len(asked) == 1
    assert call(busy, "due", "--unit", "市公路局") == call(busy, "due", "--unit", "roads")
    assert ["water"] in [row["holder"] for row in json.loads(call(busy, "due", "--json", "--limit", "9")[1])]
    assert "市水利局" in call(busy, "due", "--red", "8")[1]


@pytest.mark.usefixtures("quick")
def test_the_command(busy: Office, tmp_path: Path) -> None:
    code, said = call(busy, "due", "--within", "5wd")
    assert (code, "2026-03-09  7d (5 wd)" in said, "2026-03-11" in said) == (0, True, False)
    assert "2026-03-11" in call(busy, "due", "--within", "9d")[1]
    code, said = call(busy, "due", "--by", "unit", "--within", "10wd")
    assert (code, "water: " in said, "deputy affairs commission: " in said) == (0, True, True)
    assert "deputy affairs commission, secretariat of the session" in call(busy, "due")[1]
    assert "deputy_affairs" not in said + call(busy, "due")[1] + call(busy, "due", "--red", "5")[1]
    assert "代表工作委员会、大会秘书处" in call(busy, "--lang", "zh", "due")[1]
    assert "deputy_affairs" in json.loads(call(busy, "--json", "due", "--by", "unit")[1])
    grouped = json.loads(call(busy, "--json", "due", "--by", "person")[1])
    assert {"wang", "li", "qian"} <= set(grouped)
    assert "deputy's suggestion: " in call(busy, "due", "--by", "kind")[1]
    code, said = call(busy, "due", "--red", "6")
    assert (code, "2026-03-10: " in said, len(said.splitlines()) > 6) == (0, True, True)
    assert [row["day"] for row in json.loads(call(busy, "--json", "due", "--red", "2")[1])] == [
        "2026-03-03",
        "2026-03-04",
    ]
    code, said = call(busy, "due", "--unit", "water", "--ical", str(tmp_path / "water.ics"))
    assert (code, said) == (
        0,
        f"{tmp_path / 'water.ics'}: {len(events((tmp_path / 'water.ics').read_bytes()))} date(s)\n",
    )
    assert call(busy, "due", "--ical", str(tmp_path / "no" / "x.ics"))[0] == 2
    assert "nothing is due" in call(busy, "due", "--unit", "nobody")[1]
    assert call(busy, "due", "--within", "soon")[0] == 2


def test_without_the_library_it_says_what_to_install(
    office: Office, monkeypatch: pytest.MonkeyPatch, quick: None, tmp_path: Path
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "icalendar", None)
    code, said = call(office, "due", "--ical", str(tmp_path / "x.ics"))
    assert (code, "tibandu[documents]" in said) == (2, True)
    assert isinstance(office.engine, Engine)
