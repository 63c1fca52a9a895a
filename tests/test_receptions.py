"""The 15th for all stations: which day, whose word holds, started once, moved with a notice, never an invitation to the past."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from definitions import receptions
from definitions.receptions import Station, case_id, days_of, months_from
from workflow import Actor, Conflict, Engine, Refused
from workflow.calendars import Calendar
from workflow.cli import main
from workflow.commands.context import Context
from workflow.errors import FormInvalid
from workflow.library import Library
from workflow.model import Bond, Party
from workflow.outbox import Contact
from workflow.testing import FrozenClock
from workflow.verify import verify

from .lifecycle import PLACE, TENANT, Office

LI, KEEPER, CLERK = Actor(person="li"), Actor(person="keeper"), Actor(person="clerk")
YEAR = months_from("2027-01", 12)
CONGRESS = {"level": "city", "congress": "六届"}


@pytest.fixture
def city(office: Office) -> Office:
    """A congress with a home and two stations; three deputies are bound to the first."""
    office.clock.set(date(2026, 12, 1))
    engine = office.engine
    put(engine, Party(id="xn", kind="congress", name="咸宁市人大", tenant=TENANT, attributes=CONGRESS))
    put(engine, Party(id="h1", kind="home", name="永安之家", tenant=TENANT, parent="xn"))
    for number in (1, 2):
        put(engine, Party(
            id=f"s{number}", kind="station", name=f"第{number}联络站", tenant=TENANT, parent="h1" if number == 1 else "xn",
            attributes={"place": "永安街道", "hours": "8:30–11:30"},
        ))  # fmt: skip
    for name in ("d1", "d2", "d3"):
        put(engine, Party(
            id=name, kind="deputy", name=name, tenant=TENANT, parent="xn", attributes={"congress": "六届"},
            bonds=(Bond(bond="station", to="s1"),),
        ))  # fmt: skip
    engine.grant("keeper", "station_keeper", TENANT, unit="s1")
    engine.grant("clerk", "station_clerk", TENANT, unit="s1")
    return office


def put(engine: Engine, party: Party) -> None:
    (done,) = engine.parties.put([party], by=Actor(person="set-up"), trusted=True)
    assert not done.reasons, done


def change(engine: Engine, party: str, **attributes: Any) -> None:
    engine.parties.change(party, by=Actor(person="set-up"), trusted=True, attributes=attributes)


def held(engine: Engine, unit: str, month: str) -> str:
    (station,) = receptions.stations(engine, ids=[unit])
    (on,) = days_of(engine, station, [month])
    return f"{on.on}{'?' if on.provisional else ''}"


def cases(engine: Engine, unit: str = "s1") -> dict[str, Any]:
    return {str(case.data["month"]): case for case in engine.search(kind="reception_day", unit=unit)}


# --- which day


def test_the_nearest_word_holds(city: Office) -> None:
    """The place's rule, then the congress, then the home, then the station; a day set for a month holds before any policy."""
    engine = city.engine
    assert held(engine, "s1", "2026-11") == "2026-11-15"  # a Sunday: Xianning holds it all the same
    change(engine, "xn", reception_policy="next_working_day")
    assert (held(engine, "s1", "2026-11"), held(engine, "s2", "2026-11")) == ("2026-11-16", "2026-11-16")
    change(engine, "h1", reception_policy="previous_working_day")
    assert (held(engine, "s1", "2026-11"), held(engine, "s2", "2026-11")) == ("2026-11-13", "2026-11-16")
    change(engine, "s1", reception_policy="fixed")
    assert held(engine, "s1", "2026-11") == "2026-11-15"
    change(engine, "xn", reception_days="2026-11=2026-11-18 2027-02=2027-02-22")
    assert {held(engine, unit, "2026-11") for unit in ("s1", "s2")} == {"2026-11-18"}
    change(engine, "s2", reception_days="2026-11=2026-11-19")
    assert (held(engine, "s1", "2026-11"), held(engine, "s2", "2026-11")) == ("2026-11-18", "2026-11-19")
    assert held(engine, "s2", "2027-02") == "2027-02-22"


def test_what_no_notice_covers_is_provisional(city: Office) -> None:
    engine = city.engine
    assert held(engine, "s1", "2027-02") == "2027-02-15"  # the 15th is the 15th, whatever the notice will say
    change(engine, "s1", reception_policy="next_working_day")
    assert held(engine, "s1", "2027-02") == "2027-02-15?"
    change(engine, "s1", reception_policy="manual")
    assert held(engine, "s1", "2026-12") == "2026-12-15?"


def test_what_is_set_wrongly_is_refused(city: Office) -> None:
    change(city.engine, "s1", reception_days="2027-02:2027-02-10")
    with pytest.raises(ValueError, match="is not MONTH=DAY"):
        receptions.stations(city.engine)
    with pytest.raises(ValueError, match="too far"):
        receptions.set_day(city.engine, "s2", "2027-02", date(2027, 9, 1), LI)
    with pytest.raises(ValueError, match="no station and no congress"):
        receptions.set_day(city.engine, "d1", "2027-02", date(2027, 2, 10), LI)
    with pytest.raises(ValueError, match="no running station s9"):
        receptions.stations(city.engine, ids=["s2", "s9"])


def test_441_stations_in_36_months(office: Office) -> None:
    """`make bench` has the seconds; here it is counted that nothing is asked of the database for each."""
    which = [
        Station(
            unit=f"s{n}", tenant=TENANT, policy=("fixed", "next_working_day", "previous_working_day")[n % 3]
        )
        for n in range(441)
    ]
    months = months_from("2026-01", 36)
    found = Counter(on.month for station in which for on in days_of(office.engine, station, months))
    assert (len(found), set(found.values())) == (36, {441})


# --- started once


def test_a_year_for_all_stations(city: Office) -> None:
    engine = city.engine
    planned = receptions.plan(engine, receptions.stations(engine, TENANT), YEAR)
    begun = receptions.start(engine, planned, LI)
    assert len(begun) == 36  # the home and two stations
    assert {case.data["reception_on"] for case in begun} == {f"{month}-15" for month in YEAR}
    assert (begun[0].state, begun[0].tenant) == ("dated", TENANT)
    assert cases(engine)["2027-03"].data["place"] == "永安街道"
    again = receptions.plan(engine, receptions.stations(engine, TENANT), YEAR)
    assert receptions.start(engine, again, LI) == []
    assert sorted(case.id for case in receptions.start(engine, planned, LI)) == sorted(
        case.id for case in begun
    )
    assert len(engine.search(kind="reception_day", limit=100)) == 36


HAND = {"station_unit": "s1", "month": "2027-03", "reception_on": "2027-03-16"}


def test_one_day_a_station_and_month_whoever_starts_it(city: Office) -> None:
    """By hand under another id it is a second one: refused by the engine, tried first too; and the plan finds what is there."""
    engine = city.engine
    by_hand = engine.start("reception_day", LI, HAND, tenant=TENANT)
    for tried in (True, False):
        with pytest.raises(Refused, match="such a case already") as refusal:
            engine.start(
                "reception_day", LI, {**HAND, "reception_on": "2027-03-15"}, tenant=TENANT, dry_run=tried
            )
        assert {reason.code for reason in refusal.value.reasons} == {"once"}
    for month in ("2027-3", "2027年3月", " 2027-03", "2027-13", "２０２７-03"):
        with pytest.raises(FormInvalid) as refusal:
            engine.start("reception_day", LI, {**HAND, "month": month}, tenant=TENANT)
        assert {reason.field for reason in refusal.value.reasons} == {"month"}, month
    stations = receptions.stations(engine, ids=["s1"])
    begun = receptions.start(engine, receptions.plan(engine, stations, YEAR), LI)
    assert len(begun) == 11 and cases(engine)["2027-03"].id == by_hand.id
    engine.start(
        "reception_day", LI, {**HAND, "month": "2028-03", "reception_on": "2028-03-15"}, tenant=TENANT
    )
    engine.start("reception_day", LI, {**HAND, "station_unit": "s2"}, tenant=TENANT)
    # Another congress's day is its own: it blocks nobody here, and nobody here blocks it.
    engine.grant("far", "station_clerk", "hb/elsewhere", unit="s1")
    engine.start("reception_day", Actor(person="far", unit="s1"), HAND, tenant="hb/elsewhere")
    assert verify(engine.store).sound


def test_one_day_though_two_come_at_once(city: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the engine's question gone the database alone holds it, on both."""
    engine = city.engine
    first = engine.start("reception_day", LI, HAND, tenant=TENANT)
    monkeypatch.setattr("workflow.firing.Firing._refuse_second", lambda *_: None)
    with pytest.raises(Conflict):
        engine.start("reception_day", LI, HAND, tenant=TENANT)
    assert [case.id for case in engine.search(kind="reception_day", unit="s1")] == [first.id]


def test_what_is_past_and_who_may_not(city: Office) -> None:
    engine = city.engine
    city.clock.set(date(2027, 9, 15))
    planned = receptions.plan(engine, receptions.stations(engine, ids=["s1"]), YEAR)
    with pytest.raises(Refused):
        receptions.start(engine, planned, Actor(person="wang"))
    assert [case.data["month"] for case in receptions.start(engine, planned, LI)] == [
        "2027-10",
        "2027-11",
        "2027-12",
    ]


def test_a_closed_station_gets_none(city: Office) -> None:
    engine = city.engine
    engine.parties.change("s2", by=Actor(person="set-up"), trusted=True, status="ended", reason="撤并")
    assert [station.unit for station in receptions.stations(engine)] == ["h1", "s1"]


# --- moved


def with_notice(engine: Engine, library: Library, off: dict[date, str]) -> Engine:
    """The same database, the library with a calendar whose notice covers 2027."""
    old = library.calendars["cn"]
    new = Calendar(
        name=old.name, version="cn-2027", first=old.first, horizon=date(2027, 12, 31), off={**old.off, **off},
        makeup=old.makeup, names=old.names, sources=old.sources,
    )  # fmt: skip
    renewed = replace(library, calendars={**library.calendars, "cn": new})
    return Engine(engine.database, renewed, place=PLACE, clock=engine.clock)


def test_a_notice_moves_what_it_should_and_settles_the_rest(city: Office, library: Library) -> None:
    engine = city.engine
    change(engine, "s1", reception_policy="next_working_day")
    (station,) = receptions.stations(engine, ids=["s1"])
    receptions.start(engine, receptions.plan(engine, [station], YEAR), LI)
    february = cases(engine)["2027-02"]
    assert (february.data["reception_on"], february.data["provisional"]) == ("2027-02-15", True)
    engine.fire(february.id, "roster", KEEPER, {"deputies": ["d1"]})
    anew = with_notice(engine, library, {date(2027, 2, day): "春节" for day in range(5, 18)})
    planned = receptions.plan(anew, [station], YEAR)
    assert {one.on.month for one in planned if one.moves} == set(YEAR)
    receptions.move(anew, planned, LI, "国务院放假通知")
    found = cases(anew)
    assert found["2027-02"].data["reception_on"] == "2027-02-18"
    assert found["2027-02"].state == "dated"  # to be rostered and announced again
    assert {case.data.get("provisional") for case in found.values()} == {False}
    assert [line.event for line in anew.history(found["2027-03"].id)] == ["start", "settle_day"]
    events = [line.event for line in anew.history(february.id)]
    assert events == ["start", "roster", "postpone", "set_new_day"]
    due = {clock.name: clock.due_on for clock in found["2027-02"].clocks if clock.running}
    assert due["opening"] == date(2027, 2, 17)
    assert not [one for one in receptions.plan(anew, [station], YEAR) if one.moves]
    assert receptions.move(anew, receptions.plan(anew, [station], YEAR), LI, "again") == []


def test_a_day_that_is_open_or_over_does_not_move(city: Office) -> None:
    engine = city.engine
    (station,) = receptions.stations(engine, ids=["s1"])
    receptions.start(engine, receptions.plan(engine, [station], ["2026-12"]), LI)
    city.clock.set(date(2026, 12, 15))
    city.ticks()
    receptions.set_day(engine, "s1", "2026-12", date(2026, 12, 20), LI)
    (station,) = receptions.stations(engine, ids=["s1"])
    (one,) = receptions.plan(engine, [station], ["2026-12"])
    assert (one.case.state if one.case else None, one.on.on, one.moves) == (
        "unheld",
        date(2026, 12, 20),
        False,
    )


# --- who comes


def test_the_roster_of_a_station(city: Office) -> None:
    engine = city.engine
    (station,) = receptions.stations(engine, ids=["s1"])
    receptions.start(engine, receptions.plan(engine, [station], YEAR), LI)
    found = receptions.roster_of(engine, station, YEAR, leave={"d1": [date(2027, 1, 15)]})
    assert (found.short, "d1" in found.days[date(2027, 1, 15)]) == ({}, False)
    entered = receptions.enter_roster(engine, station, found, KEEPER)
    assert len(entered) == 12
    assert {case.state for case in entered} == {"rostered"}
    assert engine.case(case_id("s1", "2027-01")).relations["on_duty"] == found.days[date(2027, 1, 15)]
    assert receptions.enter_roster(engine, station, found, KEEPER) == []


# --- the day itself, and an outage over several


def outbox(engine: Engine, case: str) -> list[Any]:
    o = engine.store.tables.outbox
    with engine.store.connection() as connection:
        return list(
            connection.execute(select(o).where(o.c.case_id == case).order_by(o.c.created_at, o.c.key))
        )


def test_the_keeper_has_his_task_on_the_twelfth(city: Office) -> None:
    """Three days before, once, also when the server was down that morning."""
    engine = city.engine
    (station,) = receptions.stations(engine, ids=["s1"])
    (case,) = receptions.start(engine, receptions.plan(engine, [station], ["2027-01"]), LI)
    city.fire(case, "roster", "keeper", deputies=["d1"])
    city.clock.set(date(2027, 1, 11))
    city.ticks()
    before = len(outbox(engine, case.id))
    city.clock.set(date(2027, 1, 12))
    fired = {clock for clock, _, _ in city.ticks()}
    assert {"notice", "announcement"} <= fired
    told = outbox(engine, case.id)[before:]
    assert {(row.topic, row.state, row.recipient) for row in told} == {
        ("clock.notice", "queued", "role:station_clerk@s1"),
        ("clock.announcement", "queued", "role:station_clerk@s1"),
    }
    city.clock.advance(hours=3)
    assert city.ticks() == []


def test_deputies_are_told_though_the_keeper_forgets(city: Office) -> None:
    """Who is on duty hears of it from the system when nobody has notified him in time, and never after the day."""
    engine = city.engine
    (station,) = receptions.stations(engine, ids=["s1"])
    soon, later = receptions.start(engine, receptions.plan(engine, [station], ["2027-01", "2027-02"]), LI)
    for case in (soon, later):
        city.fire(case, "roster", "keeper", deputies=["d1"])
    city.clock.set(date(2027, 1, 13))
    city.ticks()
    city.clock.set(date(2027, 3, 1))  # down from then on
    city.ticks()

    def told(case: str) -> list[str]:
        rows = outbox(engine, case)
        return [row.topic for row in rows if row.recipient == "party:d1" and row.state == "queued"]

    assert told(soon.id) == ["urge_notice"] and told(later.id) == []


def test_notice_announcement_day_and_report(city: Office) -> None:
    engine = city.engine
    (station,) = receptions.stations(engine, ids=["s1"])
    (case,) = receptions.start(engine, receptions.plan(engine, [station], ["2027-01"]), LI)
    city.fire(case, "roster", "keeper", deputies=["d1", "d2"])
    city.clock.set(date(2027, 1, 12))
    city.fire(case, "notify", "clerk", hours="8:30–11:30", place="永安街道")
    told = [row for row in outbox(engine, case.id) if row.topic == "notify"]
    assert [(row.recipient, row.state) for row in told] == [("party:d1", "queued"), ("party:d2", "queued")]
    city.fire(case, "announce", "clerk", announcement="公告", announced_at="公告栏")
    city.clock.set(date(2027, 1, 15))
    city.ticks()
    assert city.now(case).state == "open"
    city.fire(case, "close", "clerk", visitors=0, opinions=0)
    city.fire(case, "report", "keeper", summary="无来访")
    assert city.now(case).state == "reported"


@pytest.mark.parametrize(("down", "up", "missed"), [
    (date(2027, 1, 10), date(2027, 3, 21), ["2027-01-15", "2027-02-15", "2027-03-15"]),
    (date(2027, 1, 15), date(2027, 3, 26), ["2027-02-15", "2027-03-15"]),
])  # fmt: skip
def test_seventy_days_down(city: Office, down: date, up: date, missed: list[str]) -> None:
    """One record for each missed date, nobody called to a day that is over, at most one digest for each person."""
    engine = city.engine
    for person in ("keeper", "clerk", "d1", "d2"):
        engine.alerts.set_contacts(person, [Contact(channel="mail", address=f"{person}@example.org")])
    (station,) = receptions.stations(engine, ids=["s1"])
    begun = receptions.start(engine, receptions.plan(engine, [station], YEAR), LI)
    for case in begun:
        city.fire(case, "roster", "keeper", deputies=["d1", "d2"])
    while city.clock.now().date() < down:
        city.clock.advance(days=1)
        city.ticks()
    while engine.alerts.address():
        pass
    for letter in engine.alerts.claim("mail", 1000):
        engine.alerts.drop(letter)
    city.clock.set(up)
    city.ticks()
    opened = [
        (line.effective_on, line.automatic)
        for case in begun
        for line in engine.history(case.id)
        if line.event == "open_day" and line.recorded_at.date() == up
    ]
    assert opened == [(day, "notice") for day in missed]
    late = [
        row for case in begun for row in outbox(engine, case.id) if row.created_at.startswith(up.isoformat())
    ]
    assert [row for row in late if row.recipient.startswith("party:") and row.state == "queued"] == []
    for row in late:
        body = json.loads(row.body)
        if row.state == "queued" and row.topic == "open_day":
            assert (body["late"], body["on"] in missed) == (True, True)
        if row.state == "queued" and row.topic.startswith("clock."):
            assert (
                body["clock"] not in ("roster", "notice", "announcement", "opening")
                or body["due_on"] >= up.isoformat()
            )
    while engine.alerts.address():
        pass
    city.clock.advance(days=4)  # past the next 08:30 of a working day
    letters = engine.alerts.claim("mail", 1000)
    by_person = Counter(letter.holder for letter in letters if letter.is_digest)
    assert set(by_person.values()) <= {1}
    told = {line.topic for letter in letters if letter.holder in ("d1", "d2") for line in letter.lines}
    assert not told & {"open_day", "urge_notice"}
    assert by_person["keeper"] == 1


# --- the command


def call(city: Office, *arguments: str) -> tuple[int, str, str]:
    url = city.engine.database.url.render_as_string(hide_password=False)
    out, err = io.StringIO(), io.StringIO()
    code = main(["--database", url, "--lang", "en", "--place", PLACE, *arguments], out, err)
    return code, out.getvalue(), err.getvalue()


@pytest.fixture
def quick(library: Library, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(Context, "library", library)
    monkeypatch.setattr("workflow.engine.SystemClock", lambda: FrozenClock(date(2026, 12, 1)))
    return


@pytest.mark.usefixtures("quick")
def test_the_command(city: Office, tmp_path: Path) -> None:
    plan = ("receptions", "plan", "--from", "2027-01", "--months", "3")
    code, out, _ = call(city, *plan)
    assert (code, len(out.splitlines()), "2027-02-15" in out) == (0, 10, True)
    code, out, _ = call(city, *plan, "--by", "li")
    assert (code, "9 reception day(s) started" in out, "dated" in out) == (0, True, True)
    assert "0 reception day(s) started" in call(city, *plan, "--by", "li")[1]
    assert call(city, "receptions", "set", "xn", "2027-02", "2027-02-22", "--by", "sun")[0] == 0
    code, out, _ = call(city, "receptions", "move", "--from", "2027-01", "--months", "3")
    assert (code, out.count("2027-02-22"), out.count("2027-02-15")) == (0, 3, 3)
    assert "3 reception day(s)" in call(city, "receptions", "move", "--from", "2027-01", "--by", "li")[1]
    assert (
        "no reception day has to move"
        in call(city, "receptions", "move", "--from", "2027-01", "--by", "li")[1]
    )
    leave = tmp_path / "leave.csv"
    leave.write_text("d1,2027-01-15\n", "utf-8")
    roster = ("receptions", "roster", "--from", "2027-01", "--station", "s1", "--leave", str(leave))
    code, out, err = call(city, *roster, "--by", "keeper")
    assert (code, err, out.splitlines()[1].endswith("d1")) == (0, "", False)
    assert cases(city.engine)["2027-01"].state == "rostered"
    leave.write_text("d1,soon\n", "utf-8")
    assert call(city, *roster)[0] == 2
    code, _, err = call(city, "receptions", "plan", "--station", "s9")
    assert (code, "no running station s9" in err) == (2, True)
    for first in ("soon", "2027-13", "2027-1", "1899-01"):
        assert call(city, "receptions", "plan", "--from", first)[0] == 2
    assert call(city, "receptions", "set", "d1", "2027-02", "2027-02-22", "--by", "li")[0] == 2
