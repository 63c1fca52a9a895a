"""Acting by a link on both databases: only the office issues it, looking consumes nothing, changeable until tallied, never a unit's."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api import create_app, create_schema
from api.security_log import SecurityLog
from workflow import Actor, Engine
from workflow.outbox import Contact
from workflow.testing import FrozenClock

from . import http_walk as city
from .lifecycle import Office, count

LI = "li.wei"


@pytest.fixture
def survey(client: city.Client) -> str:
    return client.surveys(client.evaluating()["id"])["d.chen"]


def code(answer: Any) -> tuple[int, str | None]:
    return answer.status_code, json.loads(answer.data).get("code")


def test_looking_consumes_nothing_and_the_answer_may_change_until_it_is_tallied(
    city_engine: Engine, client: city.Client, survey: str
) -> None:
    link = client.link(survey)
    lines = count(city_engine, "history")
    for _ in range(3):
        seen = client("", "GET", link)
        assert (seen.status_code, seen.headers["Cache-Control"]) == (200, "no-store")
        assert [(offer["event"], offer["allowed"]) for offer in seen.json["events"]] == [("answer", True)]
        assert seen.json["given"] == {}
    assert count(city_engine, "history") == lines
    assert code(client("", "POST", link, {"data": {"level": "dissatisfied"}})) == (409, "guard_failed")
    assert client("", "POST", link, {"data": {"level": "satisfied"}}).json["given"] == {"level": "satisfied"}
    changed = {"level": "dissatisfied", "reasons": "没有建"}
    assert client("", "POST", link, {"data": changed}).json["given"] == changed
    history = client(LI, "GET", f"/v1/cases/{survey}/history").json["entries"]
    assert [(e["event"], e["actor"]) for e in history] == [
        ("start", LI),
        ("issue_link", LI),
        ("answer", "d.chen"),
        ("answer", "d.chen"),
    ]
    client.fire(LI, client(LI, "GET", f"/v1/cases/{survey}").json, "tally")
    assert code(client("", "POST", link, {"data": {"level": "satisfied"}})) == (409, "not_in_state")
    assert client("", "GET", link).json["events"][0]["allowed"] is False


def test_only_the_office_issues_a_link_and_only_its_hash_is_kept(
    city_engine: Engine, client: city.Client, survey: str
) -> None:
    body = {"events": ["answer"], "subject": "d.chen", "until": "2026-04-30"}
    for unit in ("wang.fang", "wu.hao", "qian.min"):
        assert client(unit, "POST", f"/v1/cases/{survey}/invitations", body).status_code == 404
    made = client(LI, "POST", f"/v1/cases/{survey}/invitations", body)
    assert (made.status_code, made.headers["Cache-Control"], len(made.json["token"])) == (201, "no-store", 64)
    assert count(city_engine, "invitation", "token_hash = :t", t=made.json["token"]) == 0
    assert count(city_engine, "invitation") == 1
    assert (
        client(LI, "POST", f"/v1/cases/{survey}/invitations", {**body, "events": ["none"]}).status_code == 422
    )


def test_a_link_that_is_sent_is_told_nobody_else(
    city_engine: Engine, client: city.Client, survey: str
) -> None:
    """And a new one ends the old."""
    body = {"events": ["answer"], "subject": "d.chen", "until": "2026-04-30", "send": True}
    where, link = f"/v1/cases/{survey}/invitations", client.link(survey)
    for no_truth in (0, 1, "true", "yes"):
        wrong = client(LI, "POST", where, {**body, "send": no_truth})
        assert (wrong.status_code, wrong.json["errors"][0]["pointer"]) == (422, "/send"), no_truth
    told = client(LI, "POST", where, body).json
    assert (told["channels"], told["replaced"], len(told["token"])) == ([], 1, 64)
    assert client("", "GET", link).status_code == 404
    city_engine.alerts.set_contacts("d.chen", [Contact(channel="sms", address="13800000000")])
    sent = client(LI, "POST", where, body)
    assert (sent.status_code, sent.json["channels"], sent.json["replaced"]) == (201, ["sms"], 1)
    assert (sent.json["token"], sent.json["address"], sent.headers.get("Location")) == (None, None, None)
    standing = client(LI, "GET", where).json["invitations"]
    assert [one["channels"] for one in standing if one["revoked_at"] is None] == [["sms"]]


def test_a_unit_is_answered_as_if_there_were_no_link(client: city.Client, survey: str) -> None:
    link = client.link(survey)
    nothing = client("", "GET", "/v1/invitations/" + "0" * 64)
    for unit in ("wang.fang", "wu.hao"):
        for answer in (
            client(unit, "GET", link),
            client(unit, "POST", link, {"data": {"level": "satisfied"}}),
        ):
            assert (answer.status_code, answer.data) == (404, nothing.data)


def test_nobody_who_is_signed_in_answers_for_a_deputy_whatever_his_role(
    city_engine: Engine, client: city.Client, survey: str
) -> None:
    """Invariant 1: not the office that issued it either. (Every role there is: test_stories_deputy.py.)"""
    link = client.link(survey)
    nothing, lines = client("", "GET", "/v1/invitations/" + "0" * 64), count(city_engine, "history")
    for who in city.PERSONS:
        for answer in (client(who, "GET", link), client(who, "POST", link, {"data": {"level": "satisfied"}})):
            assert (answer.status_code, answer.data) == (404, nothing.data), who
    assert count(city_engine, "history") == lines
    assert client("", "POST", link, {"data": {"level": "satisfied"}}).status_code == 200
    noted = [
        e for e in SecurityLog(city_engine).entries(kind="denied") if e.detail.startswith("another's link")
    ]
    assert LI in {entry.person for entry in noted}
    (mine,) = SecurityLog(city_engine).entries(kind="link")
    assert (mine.person, mine.detail.partition(" by ")[0]) == ("d.chen", f"answer in {survey}")
    last = client(LI, "GET", f"/v1/cases/{survey}/history").json["entries"][-1]
    assert (last["event"], last["by_link"]) == ("answer", True)
    (standing,) = client(LI, "GET", f"/v1/cases/{survey}/invitations").json["invitations"]
    assert last["data"]["@invitation"] == standing["id"]


def test_a_link_ends_with_its_day_and_is_for_its_case(
    client: city.Client, clock: FrozenClock, survey: str
) -> None:
    link = client.link(survey)
    clock.set(city.date(2026, 4, 30))
    assert client("", "GET", link).status_code == 200
    assert client("", "POST", link, {"event": "tally"}).status_code == 403
    clock.set(city.date(2026, 5, 1))
    assert client("", "GET", link).status_code == 404
    assert client("", "POST", link, {"data": {"level": "satisfied"}}).status_code == 404


def test_guessing_is_ended_by_the_hour(client: city.Client, clock: FrozenClock, survey: str) -> None:
    link = client.link(survey)
    told = [client("", "GET", f"/v1/invitations/{n:064x}").status_code for n in range(22)]
    assert told == [404] * 20 + [429] * 2
    refused = client("", "GET", f"/v1/invitations/{0:064x}")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3600")
    assert client("", "GET", link).status_code == 200, "who shares the address has a link that is good"
    clock.advance(hours=1)
    assert client("", "GET", f"/v1/invitations/{0:064x}").status_code == 404


def test_an_event_that_there_is_not_is_a_fault_of_the_body(client: city.Client, survey: str) -> None:
    body = {"events": ["answer", "jump"], "subject": "d.chen", "until": "2026-04-30"}
    answer = client(LI, "POST", f"/v1/cases/{survey}/invitations", body)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/events/1")


def test_a_network_of_ipv6_is_one_guesser(client: city.Client) -> None:
    def guess(address: str) -> int:
        asked = client.client.get("/v1/invitations/" + "0" * 64, environ_base={"REMOTE_ADDR": address})
        return asked.status_code

    assert [guess(f"2001:db8:0:1::{n:x}") for n in range(21)] == [404] * 20 + [429]
    assert guess("2001:db8:0:1:ffff::9") == 429
    assert guess("2001:db8:0:2::1") == 404
    assert [guess("::ffff:192.0.2.7"), *(guess("192.0.2.7") for _ in range(20))] == [404] * 20 + [429]
    assert guess("192.0.2.8") == 404


def test_a_key_gives_the_same_answer(city_engine: Engine, client: city.Client, survey: str) -> None:
    link = client.link(survey)
    sent = [client("", "POST", link, {"data": {"level": "satisfied"}}, idempotency_key="a") for _ in range(2)]
    assert sent[0].data == sent[1].data
    assert count(city_engine, "history", "case_id = :c and event = 'answer'", c=survey) == 1


@pytest.mark.parametrize("named", [{}, {"event": "answer"}], ids=["chosen", "named"])
def test_a_key_gives_the_same_answer_by_a_link_for_two_events_as_they_are_shipped(
    office: Office, named: dict[str, str]
) -> None:
    """After `answer` the link is for `correct`: the key is looked at before that choice, also when it is tallied meanwhile."""
    create_schema(office.engine)
    ask = city.Client(create_app(office.engine, lambda asking: None))
    survey = office.child(office.evaluating(), "surveys", "dep1")
    issued = office.engine.issue(
        survey.id, ["answer", "correct"], "dep1", until=city.date(2026, 12, 31), by=Actor(person="sun")
    )
    link, body = f"/v1/invitations/{issued.token}", {"data": {"level": "satisfied"}, **named}
    first = ask("", "POST", link, body, idempotency_key="q1")
    assert (first.status_code, first.json["given"], first.headers["Cache-Control"]) == (
        200,
        {"level": "satisfied"},
        "no-store",
    )
    other = {"data": {"level": "dissatisfied", "reasons": "未建"}}
    assert code(ask("", "POST", link, other, idempotency_key="q1")) == (422, "key_reused")
    assert ask("", "POST", link, other, idempotency_key="q2").json["given"]["level"] == "dissatisfied"
    assert ask("", "POST", link, body, idempotency_key="q1").data == first.data, (
        "what was answered, not what is"
    )
    office.fire(survey.id, "tally", "sun")
    again = ask("", "POST", link, body, idempotency_key="q1")
    assert (again.status_code, again.data, again.headers["Cache-Control"]) == (200, first.data, "no-store")
    events = [line.event for line in office.engine.history(survey.id) if line.event in ("answer", "correct")]
    assert events == ["answer", "correct"]


def test_twenty_of_the_same_key_at_once_are_one_answer(office: Office) -> None:
    create_schema(office.engine)
    app = create_app(office.engine, lambda asking: None)
    survey = office.child(office.evaluating(), "surveys", "dep1")
    issued = office.engine.issue(
        survey.id, ["answer", "correct"], "dep1", until=city.date(2026, 12, 31), by=Actor(person="sun")
    )
    link, body = f"/v1/invitations/{issued.token}", {"data": {"level": "satisfied"}}

    def send(_: int) -> tuple[int, bytes]:
        answer = city.Client(app)("", "POST", link, body, idempotency_key="q1")
        return answer.status_code, answer.data

    with ThreadPoolExecutor(8) as pool:
        told = set(pool.map(send, range(20)))
    assert len(told) == 1 and next(iter(told))[0] == 200
    assert (
        count(office.engine, "history", "case_id = :c and event in ('answer', 'correct')", c=survey.id) == 1
    )


def test_twenty_answers_at_once_are_one_current_answer_with_its_history(
    city_engine: Engine, client: city.Client, survey: str
) -> None:
    link = client.link(survey)

    def send(n: int) -> int:
        level = {"level": "satisfied"} if n % 2 else {"level": "dissatisfied", "reasons": f"第{n}次"}
        return city.Client(client.app)("", "POST", link, {"data": level}).status_code

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(send, range(20)))
    done = told.count(200)
    assert set(told) <= {200, 409} and done >= 1
    lines = client(LI, "GET", f"/v1/cases/{survey}/history").json["entries"]
    answers = [line["data"] for line in lines if line["event"] == "answer"]
    assert len(answers) == done
    now = client(LI, "GET", f"/v1/cases/{survey}").json["data"]
    assert now["level"] == answers[-1]["level"]


def test_paper_is_entered_by_two_with_the_scan(client: city.Client, survey: str) -> None:
    case = client(LI, "GET", f"/v1/cases/{survey}").json
    without = client.fire(LI, case, "record_paper", paper_level="satisfied")
    assert code(without) == (422, "form_invalid")
    case = client.fire(LI, case, "record_paper", paper_level="satisfied", paper_scan=city.LETTER).json
    assert "level" not in case["data"], "of one clerk alone it counts for nothing"
    assert code(client.fire(LI, case, "check_paper", level="satisfied")) == (403, "not_permitted")
    assert code(client.fire("he.jun", case, "check_paper")) == (422, "form_invalid")
    other = client.fire("he.jun", case, "check_paper", level="dissatisfied", reasons="未实地办理")
    assert code(other) == (409, "guard_failed")
    case = client.fire("he.jun", case, "reject_paper", paper_fault="扫描件不清").json
    assert case["state"] == "issued" and "level" not in case["data"]
    case = client.fire(LI, case, "record_paper", paper_level="satisfied", paper_scan=city.LETTER).json
    case = client.fire("he.jun", case, "check_paper", level="satisfied").json
    assert (case["state"], case["data"]["level"]) == ("returned", "satisfied")


def test_the_deputys_own_answer_goes_before_a_paper_form_of_one_clerk(
    client: city.Client, survey: str
) -> None:
    link, case = client.link(survey), client(LI, "GET", f"/v1/cases/{survey}").json
    paper = {"paper_level": "satisfied", "paper_scan": city.LETTER}
    case = client.fire(LI, case, "record_paper", **paper).json
    own = {"level": "dissatisfied", "reasons": "未实地办理"}
    assert client("", "POST", link, {"data": own}).json["given"] == own
    case = client(LI, "GET", f"/v1/cases/{survey}").json
    assert (case["state"], case["data"]["level"]) == ("returned", "dissatisfied")
    assert code(client.fire("he.jun", case, "check_paper", level="satisfied")) == (409, "not_in_state")


def test_the_office_sees_its_links_and_takes_one_back(client: city.Client, survey: str) -> None:
    link, links = client.link(survey), f"/v1/cases/{survey}/invitations"
    client("", "POST", link, {"data": {"level": "satisfied"}})
    (standing,) = client(LI, "GET", links).json["invitations"]
    assert (standing["subject"], standing["issued_by"], standing["revoked_at"]) == ("d.chen", LI, None)
    assert standing["used_at"] and standing["id"] not in link
    address = f"{links}/{standing['id']}"
    for unit in ("wang.fang", "wu.hao", "qian.min"):
        assert client(unit, "GET", links).status_code == client(unit, "DELETE", address).status_code == 404
    elsewhere = client(LI, "DELETE", f"/v1/cases/{client.started()['id']}/invitations/{standing['id']}")
    assert elsewhere.status_code == 404 and client("", "GET", link).status_code == 200
    assert [client(LI, "DELETE", address).status_code for _ in range(2)] == [204, 204]
    assert client("", "GET", link).status_code == 404
    assert client(LI, "GET", links).json["invitations"][0]["revoked_at"]
