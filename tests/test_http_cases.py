"""Cases over HTTP on both databases: whole in one call, found page by page, as they were, why that day, tried and done."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import FrameType, SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from marshmallow import fields
from werkzeug.test import EnvironBuilder, run_wsgi_app

from api import create_app
from api.routes import Route
from api.schemas import Flag, Numeral, Truth, Whole
from api.table import ROUTES
from bench import service as bench
from workflow import Actor, Engine
from workflow.testing import FrozenClock

from . import http_walk as city
from .lifecycle import count, statements

LI = "li.wei"
START_ROW = {"kind": "suggestion", "tenant": city.TENANT, "data": city.PROPOSAL}


EVERYTHING = "?include=clocks,permitted,children,overlays,documents,history"


def test_a_case_whole(client: city.Client) -> None:
    case = client.evaluating()
    whole = client(LI, "GET", f"/v1/cases/{case['id']}{EVERYTHING}").json
    assert {name: whole[name] for name in case} == case
    assert sorted((c["kind"], c["party"]) for c in whole["children"]) == [
        ("survey", "d.chen"),
        ("survey", "d.zhou"),
    ]
    assert whole["overlays"] == []
    assert [(d["field"], d["name"]) for d in whole["documents"]] == [("reply_letter", "答复函.pdf")]
    assert [e["event"] for e in whole["history"]["entries"]] == ["start", "accept", "assign", "reply", "ask"]
    assert {e["event"]: e["allowed"] for e in whole["permitted"]}["conclude"] is False
    assert whole["clocks"][0]["zone"] == "Asia/Shanghai"
    assert client(LI, "GET", f"/v1/cases/{case['id']}?include=everything").status_code == 400


def test_a_unit_sees_no_evaluation_in_a_whole_case(client: city.Client) -> None:
    case = client.evaluating()
    seen = client("wang.fang", "GET", f"/v1/cases/{case['id']}?include=children,overlays").json
    assert seen["children"] == []
    (survey, _) = client(LI, "GET", f"/v1/cases/{case['id']}?include=children").json["children"]
    assert client("wang.fang", "GET", f"/v1/cases/{survey['id']}").status_code == 404


def test_a_case_costs_as_many_queries_whatever_its_history(
    city_engine: Engine, client: city.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = client.handling()
    address = f"/v1/cases/{case['id']}{EVERYTHING}"
    costs = []
    for _ in range(2):
        client(LI, "GET", address)
        with statements(city_engine.database, monkeypatch) as seen:
            assert client(LI, "GET", address).status_code == 200
        costs.append(len([s for s in seen if s.lstrip().lower().startswith(("select", "with"))]))
        if len(costs) < 2:
            case = client.fire("wang.fang", case, "send_back", return_reason="不属本单位").json
            case = client.fire(LI, case, "assign", lead_unit="housing").json
    assert costs[0] == costs[1] <= 14


def test_an_event_reads_nothing_before_the_engine_does(
    city_engine: Engine, client: city.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a case just written nothing is read at all; somebody who may not know of it is told of none."""
    case = client.handling()
    client.fire("wang.fang", client.handling(), "send_back", return_reason="她的身份已被记住")
    with statements(city_engine.database, monkeypatch) as seen:
        done = client.fire("wang.fang", case, "send_back", return_reason="不属本单位")
    assert done.status_code == 200
    assert [s for s in seen if s.lstrip().lower().startswith("select") and "_cases" in s] == []
    foreign = client.fire("qian.min", done.json, "accept")
    none = client.fire("qian.min", {"id": "none", "revision": 1}, "accept")
    assert (foreign.status_code, foreign.data) == (none.status_code, none.data) == (404, none.data)


def test_found_page_by_page(client: city.Client) -> None:
    made = [client.started()["id"] for _ in range(7)]
    seen: list[str] = []
    address: str | None = "/v1/cases?kind=suggestion&limit=3"
    pages = 0
    while address is not None:
        answer = client(LI, "GET", address, prefer="count=exact")
        body = answer.json
        seen += [case["id"] for case in body["cases"]]
        assert body["count"] == 7
        assert answer.headers.get("Link") == (f'<{body["next"]}>; rel="next"' if body["next"] else None)
        address, pages = body["next"], pages + 1
    assert (seen, pages) == (sorted(made), 3)
    backwards = client(LI, "GET", "/v1/cases?sort=-id").json["cases"]
    assert [case["id"] for case in backwards] == sorted(made, reverse=True)


def test_the_earliest_due_first_and_those_without_a_date_last(
    client: city.Client, clock: FrozenClock
) -> None:
    without = [client.started()["id"] for _ in range(2)]
    due = []
    for _ in range(3):
        clock.advance(days=1)
        due.append(client.handling()["id"])
    seen, address = [], "/v1/cases?sort=due_on&limit=2"
    while address:
        body = client(LI, "GET", address).json
        seen += [case["id"] for case in body["cases"]]
        address = body["next"]
    assert seen == due + sorted(without)


def test_a_worklist_by_the_page(client: city.Client, clock: FrozenClock) -> None:
    due = []
    for _ in range(3):
        clock.advance(days=1)
        due.append(client.handling()["id"])
    seen, address = [], "/v1/worklist?limit=2"
    while address:
        answer = client("wang.fang", "GET", address)
        body = answer.json
        seen += [case["id"] for case in body["cases"]]
        address = body["next"]
        assert answer.headers.get("Link") == (f'<{address}>; rel="next"' if address else None)
    assert seen == due
    assert client("qian.min", "GET", "/v1/worklist").json == {"cases": [], "next": None}


def test_filters(client: city.Client) -> None:
    filed, mine = client.started(), client.handling()
    other = client.handling("roads")

    def found(query: str, who: str = LI) -> list[str]:
        answer = client(who, "GET", f"/v1/cases?{query}")
        assert answer.status_code == 200, answer.text
        return sorted(case["id"] for case in answer.json["cases"])

    assert found("state=filed") == [filed["id"]]
    assert found("party=housing&relation=lead") == [mine["id"]]
    assert found("party=housing&relation=signer") == []
    assert found("number=第002号") == [other["id"]]
    assert found("due_before=2026-06-03") == sorted([mine["id"], other["id"]])
    assert found("due_from=2026-06-03") == []
    assert found("opened_from=2026-03-02&opened_before=2026-03-03") == sorted(
        [filed["id"], mine["id"], other["id"]]
    )
    assert found("closed=true") == []
    assert found("tenant=hubei") == sorted([filed["id"], mine["id"], other["id"]])
    assert found("tenant=hube") == []
    assert found("states=filed,handling&roots=1") == sorted([filed["id"], mine["id"], other["id"]])
    assert found("over=target") == found("slots=surveys") == found("concluded_from=2026-01-01") == []
    assert found("definition=" + mine["definition"]) == sorted([filed["id"], mine["id"], other["id"]])
    answered = client.fire("wu.hao", mine, "reply", reply_letter=city.LETTER, promised=False)
    assert answered.status_code == 200
    assert found("clocks=reply&events=reply&at_most=30&late=false") == [mine["id"]]
    assert found("clocks=reply&events=reply&late=true") == []
    # what a unit may know of is the same in every way of asking
    assert found("", "wang.fang") == [mine["id"]]
    assert found("party=roads", "wang.fang") == []


WRONG = (
    "limit=0", "limit=201", "limit=x", "sort=name", "closed=maybe", "due_from=tomorrow", "relation=lead", "page=2",
    "kind=a&kind=b", "state=%00", "cursor=x", "cursor=W251bGwsICJ4Il0=", "tenant=a//b", "kind=Suggestion",
    "late=true", "clocks=reply", "events=reply", "over=everything", "definition=1",
)  # fmt: skip


def test_a_wrong_question_is_refused(client: city.Client) -> None:
    for query in WRONG:
        answer = client(LI, "GET", f"/v1/cases?{query}")
        assert (answer.status_code, json.loads(answer.data)["code"]) == (400, "bad_request"), query
    named = json.loads(client(LI, "GET", "/v1/cases?limit=0&page=2").data)["errors"]
    assert {error["parameter"]: error["code"] for error in named} == {
        "limit": "parameter.invalid", "page": "parameter.unknown",
    }  # fmt: skip


def test_an_event_costs_less_beside_the_engine_than_a_bare_endpoint_does(
    city_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls of Python and C, the engine's own and the database apart: the bare one reads JSON, checks it and answers."""
    monkeypatch.setattr(bench.limit, "Pg1", lambda _: SimpleNamespace(w1=lambda *_: None))
    ours = create_app(city_engine, lambda asking: Actor(person=asking.headers["Authorization"]))
    client, said = city.Client(city.served(city_engine)), {"data": {"session": "五次"}}
    given = {
        "version": 1,
        "actor": 1,
        "doc_no": "1",
        "event": "x",
        "opinion": "x",
        "round": 1,
        "satisfaction": "yes",
    }
    for _ in range(2):  # the first is the warming up
        path = f"/v1/cases/{client.started()['id']}/events/accept"
        spent = _calls(ours, path, said, {"Authorization": LI, "If-Match": '"1"'})
        compared = _calls(bench.bare(""), "/cases/7/events/x", given, {})
    assert spent < 0.69 * compared


def _calls(app: Flask, path: str, said: Any, headers: dict[str, str]) -> int:
    environ = EnvironBuilder(path, method="POST", json=said, headers=headers).get_environ()
    calls, within = 0, 0

    def count_one(frame: FrameType, event: str, _: object) -> None:
        nonlocal calls, within
        engine = frame.f_code is Engine.fire.__code__
        within += engine * ((event == "call") - (event == "return"))
        calls += not within and event in ("call", "c_call")

    sys.setprofile(count_one)
    try:
        _, status, _ = run_wsgi_app(app, environ)
    finally:
        sys.setprofile(None)
    assert status == "200 OK"
    return calls


@pytest.mark.parametrize("ready_url", ["sqlite"], indirect=True)
def test_an_address_and_a_body_have_one_spelling(client: city.Client) -> None:
    """Neither two slashes, nor bytes that are no text, nor a body that somebody else would have to unpack first."""
    for address in ("/v1//cases", "/v1/cases//", "/v1/cases/"):
        for method in ("GET", "POST"):
            answer = client(LI, method, address)
            assert (answer.status_code, json.loads(answer.data)["code"]) == (404, "not_found"), address
    for query in ("number=%ff", "%c3%28=1", "number=%ed%a0%80"):
        answer = client(LI, "GET", f"/v1/cases?{query}")
        assert (answer.status_code, json.loads(answer.data)["code"]) == (400, "bad_request"), query
    assert client(LI, "GET", "/v1/cases?number=%e5%8f%b7+1").status_code == 200
    for how, status in (("gzip", 415), ("br", 415), ("identity", 201)):
        answer = client(LI, "POST", "/v1/cases", START_ROW, content_encoding=how)
        assert answer.status_code == status, how


def test_a_number_is_written_in_one_way(client: city.Client) -> None:
    """As a date is: `int` reads the digits of every script, blanks and underscores too."""
    for query in (
        "limit=%EF%BC%91%EF%BC%90",
        "limit=1_0",
        "limit=%2010",
        "limit=010",
        "limit=-0",
        "limit=%2B10",
        "limit=10.0",
        "limit=" + "1" * 5000,
    ):
        answer = client(LI, "GET", f"/v1/cases?{query}")
        said = json.loads(answer.data)
        assert (answer.status_code, said["errors"][0]["parameter"]) == (400, "limit"), query
        assert "must be a whole number in digits alone, like 7" in said["texts"]["en"], query
    assert client(LI, "GET", "/v1/cases?limit=10").status_code == 200
    wide = "%EF%BC%91%EF%BC%90"
    for address in (f"/v1/events?after={wide}", f"/v1/cases?at_most={wide}&clocks=reply&events=reply"):
        assert client(LI, "GET", address).status_code == 400, address
    case = client.started()["id"]
    assert client(LI, "GET", f"/v1/cases/{case}/at/1").status_code == 200
    assert client(LI, "GET", f"/v1/cases/{case}/at/01").status_code == 400
    # a kept filter holds the parameters of an address, which are texts and read as they are there
    kept = {"name": "长的", "filter": {"clocks": "reply", "events": "reply", "at_most": "１０"}}
    answer = client(LI, "POST", "/v1/filters", kept)
    assert (answer.status_code, json.loads(answer.data)["errors"][0]["pointer"]) == (422, "/filter/at_most")
    kept["filter"]["at_most"] = "10"  # type: ignore[index]
    assert client(LI, "POST", "/v1/filters", kept).status_code == 201
    assert client.fire(LI, {"id": case, "revision": "01"}, "accept").status_code == 400


@pytest.mark.parametrize("ready_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("wrong", ["10", "１０", " 7 ", "+7", 7.0, 7.5, True, 10**30])
def test_a_number_of_a_body_is_one_of_json(client: city.Client, wrong: Any) -> None:
    row = {"case": client.started()["id"], "event": "accept", "data": {"session": "五次"}, "revision": wrong}
    broken = {"case": row["case"], "role": "office", "hours": wrong, "reason": "急"}
    for address, body, place in (
        ("/v1/batches", {"rows": [row]}, "/rows/0/revision"),
        ("/v1/definitions/suggestion/migrations", {"to": wrong}, "/to"),
        ("/v1/break-glass", broken, "/hours"),
        ("/v1/subscriptions", {"url": "https://127.0.0.1/", "after": wrong}, "/after"),
    ):
        answer = client(city.OPERATOR, "POST", address, body)
        (said,) = json.loads(answer.data)["errors"]
        assert (answer.status_code, said["pointer"]) == (422, place), address


def _leaves(field: Any) -> Iterator[Any]:
    """Every field within a field."""
    yield field
    inner = field.schema.fields.values() if isinstance(field, fields.Nested) else []
    held = [getattr(field, name, None) for name in ("inner", "key_field", "value_field")]
    for one in (*inner, *(one for one in held if one is not None)):
        yield from _leaves(one)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_no_route_reads_a_number_or_a_truth_otherwise(route: Route) -> None:
    """marshmallow's own read them from texts in digits of every script, which a body of JSON does not need."""
    for schema, own in ((route.body, (Whole, Truth)), (route.query, (Numeral, Flag))):
        for field in schema().load_fields.values() if schema else ():
            for leaf in _leaves(field):
                assert not isinstance(leaf, (fields.Number, fields.Boolean)) or isinstance(leaf, own), leaf


def test_a_cursor_belongs_to_its_question(client: city.Client) -> None:
    for _ in range(3):
        client.started()
    following = client(LI, "GET", "/v1/cases?limit=1").json["next"]
    assert client(LI, "GET", following + "&state=filed").status_code == 400
    assert client(LI, "GET", following.replace("limit=1", "limit=2")).status_code == 200


def placed(place: object, path: str) -> str:
    """The address of a page that begins there, as whoever knows how a cursor is written makes it."""
    mark = hashlib.sha256(json.dumps([path, []]).encode()).hexdigest()[:16]
    cursor = base64.urlsafe_b64encode(json.dumps([place, mark]).encode()).decode()
    return f"{path}?cursor={cursor}"


CASES_PLACES = (
    None, [], {}, "x", 1, [None], [None, 1], [None, ""], [None, "x" * 500], [None, "\x00"], [None, "\ud800"], ["x", "y"],
    ["2026-02-30", "x"], ["20260302", "x"], ["\ud800", "x"], ["2026-03-02", "x", "y"],
)  # fmt: skip
INBOX_PLACES = (
    None, "x", ["x", "y"], ["2026-03-02T00:00:00", "y"], ["2026-03-02\ud80000:00:00+00:00", "y"],
    ["2026-03-02T00:00:00+00:00", ""], ["2026-03-02T00:00:00+00:00", "y" * 500], ["2026-03-02T00:00:00+00:00", "\ud800"],
    ["2026-03-02T00:00:00+00:00", "\x00"],
)  # fmt: skip
PLACES = {
    "history": (None, -5, True, False, 1.0, 2**31, 2**53, 2**70, "1", [1], {}),
    "parties": (None, 1, [], "", "x" * 500, "\x00", "\ud800"),
    "cases": CASES_PLACES, "worklist": CASES_PLACES, "views/in_progress": CASES_PLACES,
    "inbox": INBOX_PLACES, "alerts": INBOX_PLACES,
}  # fmt: skip
GOOD_PLACES = {
    "history": (0, 1, 2**31 - 1), "parties": ("roads",), "cases": ([None, "x"],), "worklist": (["2026-03-02", "x"],),
    "inbox": (["2026-03-02T00:00:00.000000+00:00", "y"],),
}  # fmt: skip


def test_a_place_that_a_list_has_not_is_refused(client: city.Client) -> None:
    """Nobody was given such a cursor, but whoever knows how one is written can write it."""
    case = client.handling()
    of_case = {name: f"/v1/cases/{case['id']}/{name}" for name in ("history", "alerts")}
    for name, places in PLACES.items():
        for place in places:
            answer = client(LI, "GET", placed(place, of_case.get(name, f"/v1/{name}")))
            assert (answer.status_code, answer.mimetype) == (400, "application/problem+json"), (name, place)
            errors = json.loads(answer.data)["errors"]
            assert [one["parameter"] for one in errors] == ["cursor"], (name, place)
    for name, good in GOOD_PLACES.items():
        for place in good:
            assert client(LI, "GET", placed(place, of_case.get(name, f"/v1/{name}"))).status_code == 200, name


def test_a_history_by_the_page(client: city.Client) -> None:
    case = client.evaluating()
    seen, address = [], f"/v1/cases/{case['id']}/history?limit=2"
    while address:
        body = client(LI, "GET", address).json
        assert len(body["entries"]) <= 2
        seen += [entry["seq"] for entry in body["entries"]]
        address = body["next"]
    assert seen == [1, 2, 3, 4, 5]


def test_as_it_was(client: city.Client, clock: FrozenClock) -> None:
    case = client.fire(LI, client.started(), "accept", session="五次").json
    clock.advance(days=1)
    client.fire(LI, case, "assign", lead_unit="housing")

    def state(moment: str) -> str | int:
        answer = client(LI, "GET", f"/v1/cases/{case['id']}/at/{moment}")
        return answer.json["state"] if answer.status_code == 200 else answer.status_code

    assert state("2026-03-02") == "accepted"
    assert state("2026-03-03") == "handling"
    assert state("2026-03-01") == 404
    assert state("1") == "filed"
    assert state("2026-03-03T00:59:00Z") == "accepted"
    assert state("2026-03-03T09:00:00+08:00") == "handling"
    assert state("2026-03-03T09:00:00") == 400
    assert state("2026-02-30") == 400


def test_a_moment_that_a_case_has_not_is_told_which_it_has(client: city.Client) -> None:
    case = client.fire(LI, client.started(), "accept", session="五次").json

    def told(moment: str, who: str = LI) -> tuple[int, str]:
        answer = client(who, "GET", f"/v1/cases/{case['id']}/at/{moment}")
        return answer.status_code, json.loads(answer.data).get("texts", {}).get("en", "")

    begins = (404, f"the case '{case['id']}' begins on 2026-03-02 (line 1 of its history)")
    assert told("0") == told("2026-03-01") == told("2026-03-02T00:00:00+08:00") == begins
    assert told("2")[0] == 200
    assert told("3") == (404, f"no line 3: the history of '{case['id']}' ends with line 2")
    assert told("1000") == (404, f"no line 1000: the history of '{case['id']}' ends with line 2")
    # who may not know of it is told nothing of that
    assert told("0", "qian.min") == told("1000", "qian.min") == told("1", "qian.min")


def test_why_that_day(client: city.Client) -> None:
    case = client.handling()
    why = client(LI, "GET", f"/v1/cases/{case['id']}/clocks/reply").json
    assert why["clock"]["due_on"] == "2026-06-02"
    assert why["sentence"]["zh"] and why["sentence"]["en"] and why["lines"]
    assert why["source"] == "代表法(2025) 第51条"
    assert client(LI, "GET", f"/v1/cases/{case['id']}/clocks/none").status_code == 404


def test_what_is_permitted_is_never_said_to_be_current(city_engine: Engine, client: city.Client) -> None:
    """It changes with the grants and the day, the revision does not."""
    case = client.handling()
    address, seen = f"/v1/cases/{case['id']}", f'"{case["revision"]}"'
    assert client("wang.fang", "GET", address, if_none_match=seen).status_code == 304

    def reply(**headers: str) -> bool:
        answer = client("wang.fang", "GET", f"{address}?include=permitted", **headers)
        assert (answer.status_code, "ETag" in answer.headers) == (200, False)
        return next(one["allowed"] for one in answer.json["permitted"] if one["event"] == "reply")

    assert not reply()
    city_engine.grant("wang.fang", "unit_head", city.TENANT, unit="housing")
    assert reply(if_none_match=seen)


def test_a_trial_writes_nothing(city_engine: Engine, client: city.Client) -> None:
    case = client.started()
    lines = count(city_engine, "history")
    would = client.fire(LI, case, "accept", "?dry_run=1", session="五次")
    assert (would.status_code, would.json["state"], would.json["revision"]) == (200, "accepted", 2)
    assert "ETag" not in would.headers
    assert client.fire(LI, case, "accept", "?dry_run=true").status_code == 422
    stale = client.fire(LI, case | {"revision": 9}, "accept", "?dry_run=1", session="五次")
    assert (stale.status_code, stale.headers["ETag"]) == (412, '"1"'), "as it would be if it were done"
    assert client.fire("wang.fang", case, "accept", "?dry_run=1", session="五次").status_code == 404
    assert client(LI, "POST", "/v1/cases?dry_run=1", city.START, idempotency_key="k").status_code == 200
    assert count(city_engine, "history") == lines
    assert client(LI, "POST", "/v1/cases", city.START, idempotency_key="k").status_code == 201


def test_without_a_body_if_so_preferred(client: city.Client) -> None:
    new = client(LI, "POST", "/v1/cases", city.START, prefer="return=minimal")
    assert (new.status_code, new.data, new.headers["Preference-Applied"]) == (201, b"", "return=minimal")
    assert "Content-Type" not in new.headers, "of nothing"
    case = client(LI, "GET", new.headers["Location"]).json
    done = client(
        LI, "POST", f"/v1/cases/{case['id']}/events/accept", {"data": {"session": "五次"}}, if_match='"1"',
        prefer="respond-async, return=minimal",
    )  # fmt: skip
    assert (done.status_code, done.data, done.headers["ETag"]) == (204, b"", '"2"')


@pytest.mark.parametrize(
    "said", ["count=exact", 'count="exact"', "Count=Exact; x", 'a, b="c,d" , COUNT = exact;q']
)
def test_a_preference_is_read_as_it_may_be_written(client: city.Client, said: str) -> None:
    assert client(LI, "GET", "/v1/cases", prefer=said).json["count"] == 0
    for other in ("count", "count=rough", "x; count=exact", 'x="count=exact"'):
        assert "count" not in client(LI, "GET", "/v1/cases", prefer=other).json, other
    assert (
        client(LI, "POST", "/v1/batches", {"rows": [START_ROW]}, prefer='Respond-Async; wait="1"').status_code
        == 202
    )
    assert (
        client(LI, "POST", "/v1/batches", {"rows": [START_ROW]}, prefer="x=respond-async").status_code == 200
    )


def test_the_second_page_of_a_history_begins_where_the_first_ended(
    client: city.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of the lines that come with the case."""
    monkeypatch.setattr("api.cases.HISTORY", 2)
    case = client.handling()
    first = client(LI, "GET", f"/v1/cases/{case['id']}?include=clocks,history").json["history"]
    assert [line["seq"] for line in first["entries"]] == [1, 2]
    second = client(LI, "GET", first["next"])
    assert (second.status_code, second.json["entries"][0]["seq"], second.json["next"]) == (200, 3, None)


def test_story_G05_a_key_gives_the_same_bytes_however_often(client: city.Client, clock: FrozenClock) -> None:
    first = client(LI, "POST", "/v1/cases", city.START, idempotency_key="k1")
    case = client.fire(LI, first.json, "accept", session="五次").json
    body = {"data": {"lead_unit": "housing"}}
    address = f"/v1/cases/{case['id']}/events/assign"
    done = client(LI, "POST", address, body, if_match='"2"', idempotency_key="k2")
    client.fire("wang.fang", done.json, "send_back", return_reason="不属本单位")
    clock.advance(days=40)
    for answer, again in (
        (first, client(LI, "POST", "/v1/cases", city.START, idempotency_key="k1")),
        (done, client(LI, "POST", address, body, if_match='"2"', idempotency_key='"k2"')),
    ):
        assert (again.status_code, again.data) == (answer.status_code, answer.data)
        for name in ("ETag", "Location", "Content-Type"):
            assert again.headers.get(name) == answer.headers.get(name)
    assert client("he.jun", "POST", "/v1/cases", city.START, idempotency_key="k1").json["id"] != case["id"]


def test_twenty_at_once_are_one(city_engine: Engine, client: city.Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        app = client.app
        answers = list(
            pool.map(
                lambda _: city.Client(app)(LI, "POST", "/v1/cases", city.START, idempotency_key="same"),
                range(20),
            )
        )
    assert {(a.status_code, a.data) for a in answers} == {(201, answers[0].data)}
    assert count(city_engine, "cases") == 1


def test_likely_the_same_matter_as_far_as_one_may_know(client: city.Client) -> None:
    first = client.handling(body="在商圈建设零工驿站,供骑手和零工休息")
    second = client.started(body="在商圈建设零工驿站,供零工和骑手休息")
    client.started(title="关于整治河道的建议", body="清理浮萍")
    (near,) = client(LI, "GET", f"/v1/cases/{second['id']}/similar").json["similar"]
    assert near["case"]["id"] == first["id"] and 0.5 < near["score"] < 1
    assert client("wang.fang", "GET", f"/v1/cases/{second['id']}/similar").status_code == 404
    assert client("wang.fang", "GET", f"/v1/cases/{first['id']}/similar").json == {"similar": []}


def test_a_key_is_honoured_or_refused_and_never_passed_over(client: city.Client) -> None:
    """Whoever sends one may send the request again: two delegations, another link in the place of one just told."""
    for route in ROUTES:
        if route.method != "POST" or route.keyed or "<" in route.path:
            continue
        answer = client(city.OPERATOR, "POST", route.path, {}, idempotency_key="k")
        assert (answer.status_code, answer.json["code"]) == (400, "bad_request"), route.name
        assert "Idempotency-Key" in answer.json["detail"], route.name
    assert client(LI, "GET", "/v1/definitions", idempotency_key="k").status_code == 200, (
        "reading changes nothing"
    )
    survey = client.surveys(client.evaluating()["id"])["d.chen"]
    link = client.link(survey)
    body = {"events": ["answer"], "subject": "d.chen", "until": "2026-04-30"}
    again = client(LI, "POST", f"/v1/cases/{survey}/invitations", body, idempotency_key="k")
    assert again.status_code == 400 and client("", "GET", link).status_code == 200


def test_a_key_in_another_role_is_another_request(client: city.Client) -> None:
    one = client(LI, "POST", "/v1/cases", city.START, idempotency_key="k")
    for more in ({"role": "office"}, {"unit": "housing"}, {"reason": "补记"}):
        other = client(LI, "POST", "/v1/cases", city.START | more, idempotency_key="k")
        assert (other.status_code, other.json["code"]) == (422, "key_reused"), more
    rehearsed = client(
        LI, "POST", "/v1/cases?dry_run=1", city.START | {"reason": "补记"}, idempotency_key="k"
    )
    assert rehearsed.status_code == 422
    assert client(LI, "POST", "/v1/cases", city.START, idempotency_key="k").data == one.data
