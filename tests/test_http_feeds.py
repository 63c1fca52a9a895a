"""Due days as a calendar over HTTP: the address is the secret, taken back or made anew at once, and tells what its owner may know."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from flask import Request
from flask.testing import FlaskClient
from icalendar import Calendar

from api import Accounts, create_app, create_schema
from definitions import receptions
from workflow import Actor
from workflow.model import Party

from .http_walk import forget
from .lifecycle import TENANT, Office
from .test_dues import EXTENSION, events


class Reader:
    """Somebody with a browser and a calendar program."""

    def __init__(self, client: FlaskClient, person: str) -> None:
        self._client = client
        self._head = {"Authorization": f"Bearer {person}"}

    def ask(self, method: str, address: str, body: Any = None) -> Any:
        return self._client.open(address, method=method, json=body, headers=self._head)

    def open(self, **body: str) -> dict[str, Any]:
        answer = self.ask("POST", "/v1/feeds", body)
        assert answer.status_code == 201, answer.text
        return answer.json

    def events(self, address: str) -> dict[str, Any]:
        answer = self._client.get(address)  # a calendar program says nobody's name
        assert (answer.status_code, answer.mimetype) == (200, "text/calendar")
        assert answer.headers["Cache-Control"] == "no-store"
        return events(answer.data)


@pytest.fixture
def service(office: Office) -> FlaskClient:
    def bearer(request: Request) -> Actor | None:
        name = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return Actor(person=name) if name else None

    forget(office.engine)
    create_schema(office.engine)
    return create_app(office.engine, bearer).test_client()


def test_a_deputys_own_calendar(office: Office, service: FlaskClient) -> None:
    """E10: the deadline moves: the same UID, SEQUENCE + 1; the address is revoked: 404."""
    case = office.handling("dep1")
    office.handling("dep2")
    deputy = Reader(service, "dep1")
    feed = deputy.open(of="me")
    before = deputy.events(feed["address"])
    uid = f"{case.id}.reply@tibandu"
    assert {name.partition(".")[0] for name in before} == {case.id}
    assert (before[uid]["dtstart"].dt, before[uid]["sequence"]) == (date(2026, 6, 2), 0)
    assert str(before[uid]["summary"]) == f"{case.number} 答复期限"
    office.fire(case, "request_extension", "wang", **EXTENSION)
    office.fire(office.child(case, "extensions"), "grant", "li", granted_until="2026-08-01")
    after = deputy.events(feed["address"])
    assert (after[uid]["dtstart"].dt, after[uid]["sequence"]) == (date(2026, 8, 1), 1)
    assert deputy.ask("DELETE", f"/v1/feeds/{feed['id']}").status_code == 204
    gone, never = (service.get(address) for address in (feed["address"], "/v1/ical/" + "0" * 64))
    assert (gone.status_code, gone.data) == (404, never.data)


def test_another_address_ends_the_first(office: Office, service: FlaskClient) -> None:
    deputy = Reader(service, "dep1")
    feed = deputy.open(of="me", language="en")
    again = deputy.ask("POST", f"/v1/feeds/{feed['id']}/renew").json
    assert again["id"] == feed["id"] and again["address"] != feed["address"]
    assert [service.get(one["address"]).status_code for one in (feed, again)] == [404, 200]
    listed = deputy.ask("GET", "/v1/feeds").json["feeds"]
    assert [one["id"] for one in listed] == [feed["id"]] and "address" not in listed[0]
    assert listed[0]["used_on"] == "2026-03-02"
    token = again["address"].rpartition("/")[2]
    with office.engine.database.connect() as connection:
        kept = connection.exec_driver_sql("select * from tibanduapi_feed").fetchall()
    assert token not in str(kept)


def test_what_was_taken_back_is_not_renewed(service: FlaskClient) -> None:
    deputy = Reader(service, "dep1")
    feed = deputy.open(of="me")
    assert deputy.ask("DELETE", f"/v1/feeds/{feed['id']}").status_code == 204
    assert deputy.ask("POST", f"/v1/feeds/{feed['id']}/renew").status_code == 404
    assert deputy.ask("GET", "/v1/feeds").json["feeds"][0]["revoked_at"]


def test_nobody_elses(office: Office, service: FlaskClient) -> None:
    feed = Reader(service, "dep1").open(of="me")
    other = Reader(service, "dep2")
    assert other.ask("GET", "/v1/feeds").json == {"feeds": []}
    for method, address in (("DELETE", f"/v1/feeds/{feed['id']}"), ("POST", f"/v1/feeds/{feed['id']}/renew")):
        assert other.ask(method, address).status_code == 404
    assert service.get(feed["address"]).status_code == 200


def test_a_unit_and_a_station_as_far_as_its_owner_may_know(office: Office, service: FlaskClient) -> None:
    case = office.handling("dep1")
    water = Reader(service, "wang").open(of="unit", unit="water")
    assert f"{case.id}.reply@tibandu" in Reader(service, "").events(water["address"])
    unknown, foreign = (
        Reader(service, "nobody").ask("POST", "/v1/feeds", {"of": "unit", "unit": unit})
        for unit in ("0" * 80, "water")
    )
    assert (unknown.status_code, unknown.json["errors"][0]["pointer"]) == (422, "/unit")
    told = [{**answer.json, "instance": ""} for answer in (unknown, foreign)]
    assert told[0] == told[1], "who may not know of it is told the same as of none"
    assert Reader(service, "li").ask("POST", "/v1/feeds", {"of": "unit", "unit": "0" * 80}).status_code == 422
    for person in ("dep1", "li"):  # may know of the case, so of its day
        feed = Reader(service, person).open(of="unit", unit="water")
        assert f"{case.id}.reply@tibandu" in Reader(service, "").events(feed["address"])
    assert "快递员" not in service.get(water["address"]).text


def test_what_a_person_may_know_no_longer_leaves_his_calendar(office: Office, service: FlaskClient) -> None:
    case = office.handling("dep1")
    feed = Reader(service, "wang").open(of="unit", unit="water")
    assert f"{case.id}.reply@tibandu" in Reader(service, "").events(feed["address"])
    office.engine.sync_grants("wang", [], by="set-up")
    assert Reader(service, "").events(feed["address"]) == {}


def test_at_most_so_many_and_no_guessing(office: Office, service: FlaskClient) -> None:
    deputy = Reader(service, "dep1")
    with ThreadPoolExecutor(8) as pool:  # at once too
        app = service.application
        told = pool.map(
            lambda _: Reader(app.test_client(), "dep1").ask("POST", "/v1/feeds", {"of": "me"}).status_code,
            range(24),
        )
    assert Counter(told) == {201: 20, 409: 4}
    for more in ({}, {"unit": "wa\u202eter"}):
        assert deputy.ask("POST", "/v1/feeds", {"of": "unit"} | more).status_code == 422
    guessed = [service.get(f"/v1/ical/{n:064x}").status_code for n in range(21)]
    assert guessed == [404] * 20 + [429]


def test_a_station_has_its_days(office: Office, service: FlaskClient) -> None:
    engine = office.engine
    engine.parties.put(
        [Party(id="s1", kind="station", name="永安站", tenant=TENANT)], by=Actor(person="x"), trusted=True
    )
    engine.grant("keeper", "station_keeper", TENANT, unit="s1")
    station = receptions.Station(unit="s1", tenant=TENANT)
    (day,) = receptions.start(engine, receptions.plan(engine, [station], ["2026-04"]), Actor(person="li"))
    feed = Reader(service, "keeper").open(of="unit", unit="s1")
    calendar = Calendar.from_ical(service.get(feed["address"]).data)
    days = {str(event["uid"]): event["dtstart"].dt for event in calendar.walk("VEVENT")}
    assert days[f"{day.id}.day@tibandu"] == date(2026, 4, 15)


def test_a_locked_account_has_no_calendar(office: Office, service: FlaskClient) -> None:
    accounts = Accounts(office.engine)
    accounts.add("dep1", by="command")
    feed = Reader(service, "dep1").open(of="me")
    assert service.get(feed["address"]).status_code == 200
    accounts.lock("dep1", by="li")
    assert service.get(feed["address"]).status_code == 404
    accounts.unlock("dep1", by="li")
    assert service.get(feed["address"]).status_code == 200
