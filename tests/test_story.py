"""One suggestion crosses all three entrances, and a year of a station's reception days opens by itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from api import create_app
from definitions.receptions import Station, case_id, ensure_reception_days, reception_on
from scheduler import TickWaker
from workflow import Actor, Engine, Refused
from workflow.library import Library
from workflow.recurrence import Recurrence, occurrences
from workflow.testing import FrozenClock, memory_engine

ROOT = Path(__file__).parents[1]
TENANT = "hubei/xianning"
OFFICE, CLERK = Actor(person="li.wei"), Actor(person="wang.fang")
PROPOSAL = {
    "title": "零工驿站",
    "body": "在楼宇、商圈建设驿站",
    "first_signer": "d.chen",
    "signers": ["d.chen"],
    "publication_wish": "full",
}


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(date(2026, 3, 2))


@pytest.fixture
def engine(database_url: str, library: Library, clock: FrozenClock) -> Iterator[Engine]:
    engine = Engine(database_url, library, clock=clock)
    engine.create_schema()
    engine.grant("li.wei", "deputy_affairs", TENANT)
    engine.grant("wang.fang", "unit_clerk", TENANT, unit="housing")
    yield engine
    engine.database.dispose()


def the_person_in_a_header(app_request) -> Actor | None:
    """As a host behind its own gateway would do it."""
    person = app_request.headers.get("X-Person")
    return Actor(person=person) if person else None


def post(app: Flask, address: str, person: str, etag: str, **body: object):
    headers = {"X-Person": person, "If-Match": etag}
    return app.test_client().post(address, json=body, headers=headers)


def wake_until(waker: TickWaker, done) -> None:
    """Let the scheduler's own thread do it."""
    waker.start()
    try:
        until = time.monotonic() + 20
        while not done() and time.monotonic() < until:
            time.sleep(0.02)
    finally:
        waker.stop()


def test_one_story_crosses_all_three_entrances(engine: Engine, clock: FrozenClock) -> None:
    # Embedded: the host's row and the case commit together.
    with engine.database.begin() as connection:
        connection.execute(text("create table petition (title varchar(80), case_id varchar(40))"))
        case = engine.start("suggestion", OFFICE, PROPOSAL, tenant=TENANT, session=connection)
        connection.execute(text("insert into petition values ('零工驿站', :id)"), {"id": case.id})

    # HTTP: accepted and assigned by the office; the unit signs in; the office may not do that.
    app = create_app(engine, the_person_in_a_header)
    address = f"/v1/cases/{case.id}"
    seen = app.test_client().get(address, headers={"X-Person": "li.wei"})
    assert (seen.status_code, seen.json["state"]) == (200, "filed")
    accepted = post(
        app,
        f"{address}/events/accept",
        "li.wei",
        seen.headers["ETag"],
        data={"congress": "六届", "session": "五次"},
    )
    assert (accepted.status_code, accepted.json["number"]) == (200, "闭会第001号")
    assigned = post(
        app,
        f"{address}/events/assign",
        "li.wei",
        accepted.headers["ETag"],
        data={"assignment_mode": "sole", "lead_unit": "housing"},
    )
    due = {clock["name"]: clock["due_on"] for clock in assigned.json["clocks"] if clock["running"]}
    assert due["reply"] == "2026-06-02"
    refused = post(app, f"{address}/events/sign_in", "li.wei", assigned.headers["ETag"], data={})
    assert (refused.status_code, refused.json["code"]) == (403, "not_permitted")

    # Scheduled: ninety-three days later nobody has replied; the scheduler may say so, and nothing more.
    clock.set(date(2026, 6, 3))
    waker = TickWaker(engine, seconds=0.1)
    wake_until(waker, lambda: "reply_overdue" in [line.event for line in engine.history(case.id)])
    lines = engine.history(case.id)
    overdue = [line for line in lines if line.event == "reply_overdue"]
    assert [(line.actor, line.automatic, line.effective_on) for line in overdue] == [
        ("system", "notice", "2026-06-03")
    ]
    assert overdue[0].from_state == overdue[0].to_state

    # And every entrance sees the same, to the line.
    told = app.test_client().get(f"{address}/history", headers={"X-Person": "li.wei"}).json["entries"]
    assert [entry["hash"] for entry in told] == [line.hash for line in lines]
    with engine.database.connect() as connection:
        assert connection.execute(text("select case_id from petition")).scalar_one() == case.id
    engine.case_at(case.id, clock.now())
    assert engine.tick() == []


# --- one station's year

STATION = Station(unit="yongan-01", tenant=f"{TENANT}/yongan", hours="8:30–11:30", place="永安街道联络站")
KEEPER = Actor(person="zhao.min")


@pytest.fixture
def station(engine: Engine, clock: FrozenClock) -> Engine:
    clock.set(date(2026, 12, 1))
    engine.grant("zhao.min", "station_keeper", TENANT, unit="yongan-01")
    engine.grant("qian.lei", "station_clerk", TENANT, unit="yongan-01")
    return engine


def states(engine: Engine) -> dict[str, str]:
    cases = engine.search(kind="reception_day")
    return {str(case.data["month"]): case.state for case in cases}


def test_a_years_reception_days_open_on_the_fifteenths(station: Engine, clock: FrozenClock) -> None:
    cases = ensure_reception_days(station, STATION, 2027, KEEPER)
    assert [case.data["reception_on"] for case in cases] == [f"2027-{m:02}-15" for m in range(1, 13)]
    for case in cases[:11]:
        station.fire(case.id, "roster", KEEPER, {"deputies": ["d.chen"]})
    waker = TickWaker(station)
    for month in range(1, 13):
        day, name = date(2027, month, 15), f"2027-{month:02}"
        clock.set(day - timedelta(days=1))
        waker.tick()
        assert states(station)[name] in ("rostered", "dated")
        clock.set(day)
        waker.tick()
        assert states(station)[name] == ("open" if month < 12 else "unheld")
    opened = [line for line in station.history(case_id("yongan-01", "2027-05")) if line.event == "open_day"]
    assert [(line.automatic, line.effective_on) for line in opened] == [("notice", "2027-05-15")]


def test_asking_again_starts_nothing(station: Engine) -> None:
    first = ensure_reception_days(station, STATION, 2027, KEEPER)
    station.fire(first[0].id, "roster", KEEPER, {"deputies": ["d.chen"]})
    again = ensure_reception_days(station, STATION, 2027, OFFICE)
    assert [case.id for case in again] == [case.id for case in first]
    assert len(station.search(kind="reception_day")) == 12
    assert again[0].state == "rostered"


def test_what_is_past_is_not_started(station: Engine, clock: FrozenClock) -> None:
    clock.set(date(2027, 9, 15))
    cases = ensure_reception_days(station, STATION, 2027, KEEPER)
    assert [case.data["month"] for case in cases] == ["2027-10", "2027-11", "2027-12"]


def test_a_stranger_starts_none(station: Engine) -> None:
    with pytest.raises(Refused):
        ensure_reception_days(station, STATION, 2027, CLERK)


@pytest.mark.parametrize("policy", ["fixed", "next_working_day", "previous_working_day", "manual"])
def test_the_days_are_those_of_the_date_law(library: Library, policy: str) -> None:
    engine = memory_engine(library)
    recurrence = Recurrence(id="reception", day=15, policy=policy)  # type: ignore[arg-type]
    for year in (2024, 2025, 2026, 2027):
        law = occurrences(recurrence, date(year, 1, 1), date(year + 1, 1, 14), engine.laws.calendar)
        wanted = {o.month: (o.on, o.provisional) for o in law if o.month.startswith(str(year))}
        assert {f"{year}-{m:02}": reception_on(engine, year, m, policy) for m in range(1, 13)} == wanted
    engine.database.dispose()


def test_the_places_own_policy_is_fixed(library: Library) -> None:
    engine = memory_engine(library)
    assert reception_on(engine, 2026, 2) == (
        date(2026, 2, 15),
        False,
    )  # in the spring festival, and all the same
    with pytest.raises(ValueError, match="none of fixed"):
        reception_on(engine, 2026, 2, "sometimes")
    engine.database.dispose()


# --- the manual


def test_the_examples_of_the_embedding_manual_run_as_printed(tmp_path: Path) -> None:
    manual = (ROOT / "docs/embedding.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", manual, re.DOTALL)
    script = tmp_path / "host.py"
    script.write_text("\n".join([*blocks, "engine.database.dispose()"]), "utf-8")
    (tmp_path / "definitions").symlink_to(ROOT / "definitions")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    refused, batch, stored, lent, answered, kept, token = done.stdout.splitlines()
    assert batch.startswith("['accepted', 'filed', ") and "is required" in batch
    assert stored == "the stored answer: accepted 2"
    assert lent == "[('wu.hao', 'li.wei', 'deputy_affairs')]"
    assert "('form.required', 'session'," in refused
    assert answered == "200 accepted"
    assert re.fullmatch(r"201 \['\w{20}', '\w{20}'\]", kept), "both cases are in the list that was kept"
    assert token.startswith("422 ") and "90" in token
