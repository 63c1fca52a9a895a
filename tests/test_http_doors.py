"""At a station's door, on both databases, with the shipped definitions: its days, who receives, a box for opinions, a receipt."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api import create_app, create_schema, doors
from api.identity import nobody
from api.limits import Counter
from definitions import receptions
from definitions.doors import code_of
from workflow import Actor
from workflow.call import Call
from workflow.model import Bond, Party

from .http_walk import forget, nonce_in
from .lifecycle import TENANT, Office
from .test_erasure import guessed

VOTER = {"subject": "路灯不亮", "text": "温泉路三盏路灯不亮", "name": "王大妈", "contact": "13900000000"}
DOOR = f"/s/{code_of('s1')}"
PLATE = f"/v1/public/stations/{code_of('s1')}"


@pytest.fixture
def station(office: Office) -> Office:
    """A station with two deputies, one of them on duty on the next 15th."""
    engine = office.engine
    attributes = {"place": "温泉街道 12 号", "hours": "8:30–11:30"}
    put(office, Party(id="s1", kind="station", name="温泉站", tenant=TENANT, attributes=attributes))
    for name in ("dep1", "dep2"):
        bonds = (Bond(bond="station", to="s1"),)
        deputy = Party(id=name, kind="deputy", name=f"代表{name}", tenant=TENANT, bonds=bonds)
        put(office, replace(deputy, attributes={"congress": "六届"}))
    engine.grant("keeper", "station_keeper", TENANT, unit="s1")
    engine.grant("svc.qr", "qr_intake", TENANT)
    plan = receptions.plan(engine, [receptions.Station(unit="s1", tenant=TENANT)], ["2026-03"])
    (day,) = receptions.start(engine, plan, Actor(person="keeper"))
    office.fire(day, "roster", "keeper", deputies=["dep1"])
    forget(engine)
    create_schema(engine)
    return office


def put(office: Office, party: Party) -> None:
    (done,) = office.engine.parties.put([party], by=Actor(person="set-up"), trusted=True)
    assert not done.reasons, done


@pytest.fixture
def app(station: Office) -> Flask:
    return create_app(station.engine, nobody, public=["deputy"], intake="svc.qr")


@pytest.fixture
def voter(app: Flask) -> FlaskClient:
    return app.test_client()


def leave(voter: FlaskClient, **more: str) -> TestResponse:
    nonce = nonce_in(voter.get(DOOR).text)
    return voter.post(DOOR, data={"nonce": nonce, "website": "", **VOTER, **more})


def opinions(office: Office) -> list[Any]:
    return office.engine.search(kind="opinion")


def test_the_page_says_what_the_plate_says(voter: FlaskClient) -> None:
    page = voter.get(DOOR)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    for words in (
        "温泉站",
        "2026年3月15日（星期日）",
        "8:30–11:30",
        "温泉街道 12 号",
        "接待代表：代表dep1",
        "2026年4月15日",
    ):
        assert words in page.text
    assert "代表dep2" not in page.text
    assert "<script" not in page.text and "unsafe" not in page.headers["Content-Security-Policy"]
    plate = voter.get(PLATE).json
    assert plate["days"][0]["deputies"] == ["代表dep1"] and plate["successor"] is None
    assert "dep1" not in [plate["name"], plate["code"]]


def test_an_opinion_goes_to_the_station_and_who_is_on_duty(station: Office, voter: FlaskClient) -> None:
    answer = leave(voter)
    assert answer.status_code == 303
    (case,) = opinions(station)
    assert (case.state, case.data["intake"], case.data["received_on"]) == ("registered", "qr", "2026-03-02")
    assert (case.relations["station"], case.relations["receiver"]) == (("s1",), ("dep1",))
    (line,) = station.engine.history(case.id)
    assert (line.actor, line.role) == ("svc.qr", "qr_intake")
    page = voter.get(answer.headers["Location"])
    assert "已登记" in page.text and "2026年3月2日" in page.text
    for secret in (*VOTER.values(), case.id, "svc.qr"):
        assert secret not in page.text


def test_when_his_days_are_over_nothing_is_left_to_guess_the_voters_number_by(
    station: Office, voter: FlaskClient
) -> None:
    leave(voter)
    (case,) = opinions(station)
    sent = Call("start", Actor(person="svc.qr"), dict(case.data), kind="opinion", tenant=TENANT)
    assert guessed(station.engine, sent)
    station.engine.grant("clerk", "station_clerk", TENANT, unit="s1")
    station.fire(case, "answer_on_spot", "clerk", explanation="已说明")
    station.fire(case, "tell_deputy", "clerk", deputy_told_on="2026-03-02")
    station.fire(case, "tell_voter", "clerk", voter_told_on="2026-03-02")
    station.fire(case, "close", "keeper", closing_note="已办")
    (kept,) = station.engine.kept(case.id)
    station.clock.set(kept.until + timedelta(days=1))
    assert "erase" in [event for _, _, event in station.ticks()]
    assert "voter_contact" not in station.engine.case(case.id).data
    assert not guessed(station.engine, sent)


def test_who_the_voter_is_stays_with_the_station_and_the_deputy(station: Office, voter: FlaskClient) -> None:
    leave(voter)
    (case,) = opinions(station)
    engine = station.engine
    for person in ("keeper", "dep1"):
        assert engine.case(case.id, actor=Actor(person=person)).data["voter_contact"] == VOTER["contact"]
    office = engine.case(case.id, actor=Actor(person="li"))
    assert "voter_contact" not in office.data and "voter_name" not in office.data
    seen = engine.search(kind="opinion", actor=Actor(person="svc.qr"))
    assert seen == [], "the account that took it in does not see it"


def test_his_receipt_follows_it_and_says_no_more_than_where_it_stands(
    station: Office, voter: FlaskClient
) -> None:
    address = leave(voter).headers["Location"]
    (case,) = opinions(station)
    station.clock.set(date(2026, 3, 9))
    station.fire(case, "answer_on_spot", "keeper", explanation="已联系路灯所")
    page = voter.get(address).text
    assert "已答复" in page and "2026年3月9日" in page and "路灯所" not in page
    receipt = address.rpartition("/")[2]
    told = voter.get(f"/v1/public/opinions/{receipt}").json
    assert told == {"state": {"zh": "已答复", "en": "answered"}, "since": "2026-03-09", "closed": False}
    typed = voter.get(f"{DOOR}?receipt={receipt[:13].upper()}-{receipt[13:]}")
    assert (typed.status_code, typed.headers["Location"]) == (303, address)
    for guess in ("a" * 26, "x", "%00"):
        assert voter.get(f"{DOOR}/{guess}").status_code == 404


def test_sent_twice_it_is_one(station: Office, voter: FlaskClient, app: Flask) -> None:
    station.clock.advance(hours=8)
    nonce = voter.get(PLATE).json["nonce"]
    body = {"nonce": nonce, "subject": "路灯", "text": "不亮"}

    def send(_: int) -> tuple[int, str]:
        answer = app.test_client().post(f"{PLATE}/opinions", json=body)
        return answer.status_code, answer.json.get("receipt", answer.json.get("code"))

    with ThreadPoolExecutor(4) as pool:
        told = set(pool.map(send, range(4)))
    assert len({receipt for status, receipt in told if status == 201}) == 1
    assert send(0)[0] == 201
    station.clock.advance(hours=10)
    assert send(0)[0] == 201, "on the next day too"
    assert len(opinions(station)) == 1


def test_another_opinion_with_a_used_form_is_refused_and_nothing_is_lost(
    station: Office, voter: FlaskClient
) -> None:
    """Back, changed, sent again: the first stands, the second is in the form still, and one press sends it as a new one."""
    nonce = nonce_in(voter.get(DOOR).text)
    first = voter.post(DOOR, data={"nonce": nonce, **VOTER}).headers["Location"]
    second = {"subject": "井盖松动", "text": "温泉路口井盖响", "name": "李大爷", "contact": "13800000000"}
    page = voter.post(DOOR, data={"nonce": nonce, **second})
    assert page.status_code == 409
    for words in (*second.values(), "还没有提交", 'lang="en"', "作为新的意见提交"):
        assert words in page.text
    assert page.text.index("<form") < page.text.index("接待日</h2>"), "what is to be done is seen first"
    assert not any(secret in page.text for secret in (*VOTER.values(), first.rpartition("/")[2]))
    told = voter.post(f"{PLATE}/opinions", json={"nonce": nonce, **second})
    assert (told.status_code, told.json["code"]) == (422, "key_reused")
    assert "nonce" in told.json["texts"]["zh"] and "nonce" in told.json["texts"]["en"]
    assert [case.data["subject"] for case in opinions(station)] == [VOTER["subject"]]
    sent = voter.post(DOOR, data={"nonce": nonce_in(page.text), **second})
    assert sent.status_code == 303 and sent.headers["Location"] != first
    assert voter.post(DOOR, data={"nonce": nonce, **VOTER}).headers["Location"] == first
    assert {case.data["opinion_text"] for case in opinions(station)} == {VOTER["text"], second["text"]}


def test_of_two_opinions_sent_at_once_with_one_form_one_is_registered(
    station: Office, voter: FlaskClient, app: Flask
) -> None:
    nonce = voter.get(PLATE).json["nonce"]

    def send(number: int) -> int:
        body = {"nonce": nonce, "subject": f"第{number}件", "text": "路灯"}
        return app.test_client().post(f"{PLATE}/opinions", json=body).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(send, range(4))) == [201, 422, 422, 422]
    assert len(opinions(station)) == 1


def test_a_form_too_old_keeps_what_was_written(station: Office, voter: FlaskClient) -> None:
    nonce = nonce_in(voter.get(DOOR).text)
    station.clock.advance(hours=13)
    page = voter.post(DOOR, data={"nonce": nonce, **VOTER})
    assert page.status_code == 409 and VOTER["text"] in page.text and "打开太久" in page.text
    assert voter.post(DOOR, data={"nonce": nonce_in(page.text), **VOTER}).status_code == 303


def test_what_is_missing_is_told_beside_its_field_and_nothing_is_lost(voter: FlaskClient) -> None:
    answer = leave(voter, subject="", text="门前道路积水<script>")
    assert answer.status_code == 422
    assert "请填写" in answer.text and "门前道路积水&lt;script&gt;" in answer.text
    assert leave(voter, text="长" * 2001).status_code == 422
    assert leave(voter, text="x" * (70 << 10)).status_code == 413


def test_programs_and_foreign_forms_leave_nothing(station: Office, voter: FlaskClient) -> None:
    assert leave(voter, website="http://spam").status_code == 303
    nowhere = voter.post(f"/s/{code_of('s0')}", data={"nonce": "", "website": "http://spam", **VOTER})
    assert nowhere.status_code == 404, "a program is not sent on to a door that is not there either"
    other = nonce_in(voter.get(DOOR).text)
    for nonce in ("", "a.b.c", other[:-1] + ("0" if other[-1] != "0" else "1"), "é.1"):
        assert voter.post(DOOR, data={"nonce": nonce, **VOTER}).status_code in (409, 422)
    put(station, Party(id="s2", kind="station", name="永安站", tenant=TENANT))
    assert voter.post(f"/s/{code_of('s2')}", data={"nonce": other, **VOTER}).status_code == 409
    station.clock.advance(hours=13)
    assert voter.post(DOOR, data={"nonce": other, **VOTER}).status_code == 409
    assert opinions(station) == []


def test_an_address_leaves_five_in_an_hour_at_a_station(station: Office, voter: FlaskClient) -> None:
    assert [leave(voter, text="\u202e").status_code for _ in range(6)] == [422] * 6, (
        "what is refused is no opinion"
    )
    assert [leave(voter, subject=f"第{n}件").status_code for n in range(5)] == [303] * 5
    page = leave(voter, text="第六件的内容")
    assert page.status_code == 429 and int(page.headers["Retry-After"]) <= 3600
    assert "第六件的内容" in page.text and "稍后再按" in page.text
    assert len(opinions(station)) == 5
    put(station, Party(id="s2", kind="station", name="永安站", tenant=TENANT))
    there = f"/s/{code_of('s2')}"
    assert voter.post(there, data={"nonce": nonce_in(voter.get(there).text), **VOTER}).status_code == 303
    station.clock.advance(hours=1, seconds=1)
    assert leave(voter).status_code == 303


def test_beside_each_other_no_more_than_five_get_through(
    station: Office, voter: FlaskClient, app: Flask
) -> None:
    nonces = [voter.get(PLATE).json["nonce"] for _ in range(8)]

    def send(nonce: str) -> int:
        body = {"nonce": nonce, "subject": "路灯", "text": "不亮"}
        return app.test_client().post(f"{PLATE}/opinions", json=body).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(send, nonces)) == [201] * 5 + [429] * 3
    assert len(opinions(station)) == 5


def test_a_station_takes_two_hundred_in_an_hour_from_whomever(station: Office, voter: FlaskClient) -> None:
    Counter(station.engine).count(doors.BY_STATION, code_of("s1"), 199)

    def send(address: str) -> int:
        body = {"nonce": nonce_in(voter.get(DOOR).text), **VOTER}
        return voter.post(DOOR, data=body, environ_base={"REMOTE_ADDR": address}).status_code

    assert [send("10.0.0.1"), send("10.0.0.2")] == [303, 429]
    station.clock.advance(hours=1, seconds=1)
    assert send("10.0.0.2") == 303


def test_who_is_refused_sixty_times_waits(station: Office, voter: FlaskClient) -> None:
    stale = {"nonce": "a.b.c", **VOTER}
    assert voter.post(DOOR, data=stale).status_code == 409
    Counter(station.engine).count(doors.REFUSED, f"127.0.0.1\n{code_of('s1')}", 58)
    assert [voter.post(DOOR, data=stale).status_code for _ in range(2)] == [409, 429]
    assert leave(voter).status_code == 429
    assert opinions(station) == []


def test_with_nobody_on_duty_the_station_alone_receives(station: Office, voter: FlaskClient) -> None:
    put(station, Party(id="s2", kind="station", name="永安站", tenant=TENANT))
    there = f"/s/{code_of('s2')}"
    page = voter.get(there).text
    assert "目前没有代表排班" in page
    assert voter.post(there, data={"nonce": nonce_in(page), **VOTER}).status_code == 303
    (case,) = opinions(station)
    assert (case.relations["station"], case.relations["receiver"]) == (("s2",), ())


def test_a_station_that_was_merged_shows_its_successor(station: Office, voter: FlaskClient) -> None:
    """F10: what was said stays where it was said."""
    address = leave(voter).headers["Location"]
    nonce = nonce_in(voter.get(DOOR).text)
    for new, old in (("s2", "s1"), ("s3", "s2")):
        put(station, Party(id=new, kind="station", name=f"新站{new}", tenant=TENANT))
        station.engine.parties.change(
            old, by=Actor(person="x"), reason="撤并", trusted=True, status="ended",
            bonds=(Bond(bond="successor", to=new),),
        )  # fmt: skip
    page = voter.get(DOOR).text
    assert "本站已撤并" in page and "新站s3" in page and f"/s/{code_of('s3')}" in page
    assert "<textarea" not in page
    assert voter.get(PLATE).json["successor"] == code_of("s3")
    assert voter.post(DOOR, data={"nonce": nonce, **VOTER}).status_code == 404
    assert voter.get(address).status_code == 200


def test_without_an_account_for_it_no_opinion_is_taken(station: Office) -> None:
    voter = create_app(station.engine, nobody).test_client()
    assert "<textarea" not in voter.get(DOOR).text
    body = {"nonce": "x", "subject": "a", "text": "b"}
    assert voter.post(f"{PLATE}/opinions", json=body).status_code == 404


def test_codes_are_opaque_and_guessing_is_stopped(voter: FlaskClient) -> None:
    assert re.fullmatch("[a-z2-7]{12}", code_of("温泉站")) and code_of("s1") != code_of("s2")
    assert [voter.get(f"/s/{n:a>12}").status_code for n in range(21)] == [404] * 20 + [429]
    assert voter.get(DOOR).status_code == 200, "a voter behind the same address has the code of a station"
    assert voter.get(f"{DOOR}/{'b' * 26}").status_code == 404, "receipts are counted apart"
    assert voter.get(PLATE).status_code == 200


def test_a_deputy_is_found_on_a_page(voter: FlaskClient) -> None:
    assert voter.get("/find").status_code == 200
    for who in ("代表dep1", "dep1"):
        page = voter.get("/find", query_string={"who": who})
        assert page.status_code == 200 and DOOR in page.text and "温泉站" in page.text
    none = voter.get("/find", query_string={"who": "<b>无此人"})
    assert none.status_code == 404 and "查无此人" in none.text and "<b>" not in none.text
