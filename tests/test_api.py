"""The HTTP entrance: what each address answers, every kind of problem, and a host's own application around the blueprint."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from marshmallow import Schema, ValidationError, fields, validate, validates_schema
from werkzeug.test import TestResponse

from api import Tokens, create_app, create_blueprint, create_schema, nobody
from api.bodies import fieldwise
from api.problems import TITLES, invalid_fields, respond
from api.schemas import NAME, Day, Fieldwise, Fire, Numeral, Start, Whole
from api.store import Shelf
from tests.lifecycle import execute, statements
from tests.test_cli import call
from workflow import Actor, Conflict, Engine
from workflow.errors import StoreError, Text
from workflow.library import Library
from workflow.store.errors import translate
from workflow.testing import FrozenClock

ROOT = Path(__file__).parents[1]
TENANT = "hubei/xianning"
TOKENS = {"li.wei": "t-office", "wang.fang": "t-clerk", "sun.qi": "t-stranger"}
PROPOSAL = {
    "title": "零工驿站",
    "body": "在楼宇、商圈建设驿站",
    "first_signer": "d.chen",
    "signers": ["d.chen"],
    "publication_wish": "full",
}
START = {"kind": "suggestion", "tenant": TENANT, "data": PROPOSAL}


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(date(2026, 3, 2))


def made(url: str, library: Library, clock: FrozenClock) -> Engine:
    engine = Engine(url, library, clock=clock)
    engine.create_schema()
    engine.grant("li.wei", "deputy_affairs", TENANT)
    engine.grant("wang.fang", "unit_clerk", TENANT, unit="housing")
    return engine


@pytest.fixture
def engine(sqlite_url: str, library: Library, clock: FrozenClock) -> Iterator[Engine]:
    engine = made(sqlite_url, library, clock)
    yield engine
    engine.database.dispose()


def tokens() -> Tokens:
    return Tokens({hashlib.sha256(token.encode()).hexdigest(): person for person, token in TOKENS.items()})


class Caller:
    """A client of one person."""

    def __init__(self, client: FlaskClient, person: str | None = "li.wei") -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {TOKENS[person]}"} if person else {}

    def get(self, address: str, **headers: str) -> TestResponse:
        return self.client.get(address, headers=self.headers | _named(headers))

    def post(
        self, address: str, body: Any = None, raw: bytes | str | None = None, **headers: str
    ) -> TestResponse:
        sent = {"Content-Type": "application/json"} | self.headers | _named(headers)
        data = json.dumps({} if body is None else body) if raw is None else raw
        return self.client.post(address, data=data, headers=sent)

    def fire(self, case: dict[str, Any], event: str, data: dict[str, Any], **headers: str) -> TestResponse:
        headers.setdefault("if_match", f'"{case["revision"]}"')
        return self.post(f"/v1/cases/{case['id']}/events/{event}", {"data": data}, **headers)


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-").title(): value for name, value in headers.items()}


@pytest.fixture
def client(engine: Engine) -> FlaskClient:
    return create_app(engine, tokens()).test_client()


@pytest.fixture
def office(client: FlaskClient) -> Caller:
    return Caller(client)


@pytest.fixture
def case(office: Caller) -> dict[str, Any]:
    return office.post("/v1/cases", START).json


ACCEPT = {"congress": "六届", "session": "五次"}
ASSIGN = {"assignment_mode": "sole", "lead_unit": "housing"}


def problem(response: TestResponse, status: int, code: str) -> dict[str, Any]:
    """The body of a problem, checked for its form."""
    body = json.loads(response.data)
    assert (response.status_code, body["code"]) == (status, code), body
    assert response.mimetype == "application/problem+json"
    assert body["status"] == status
    assert body["type"] == f"urn:tibandu:problem:{code.replace('_', '-')}"
    assert body["title"]
    assert body["detail"] in (body["texts"]["zh"], body["texts"]["en"])
    assert "Traceback" not in response.text
    return body


# --- the plain way


def test_start_look_fire_and_history(office: Caller) -> None:
    started = office.post("/v1/cases", START)
    assert started.status_code == 201
    case = started.json
    assert (case["state"], case["revision"], started.headers["ETag"]) == ("filed", 1, '"1"')
    seen = office.get(started.headers["Location"])
    assert seen.json == case

    done = office.fire(case, "accept", ACCEPT)
    assert (done.status_code, done.json["state"], done.headers["ETag"]) == (200, "accepted", '"2"')
    entries = office.get(f"/v1/cases/{case['id']}/history").json["entries"]
    assert [(e["seq"], e["event"], e["actor"]) for e in entries] == [
        (1, "start", "li.wei"),
        (2, "accept", "li.wei"),
    ]
    assert entries[0]["data"]["title"] == PROPOSAL["title"]


def test_the_same_on_both_databases(database_url: str, library: Library, clock: FrozenClock) -> None:
    engine = made(database_url, library, clock)
    office = Caller(create_app(engine, tokens()).test_client())
    case = office.post("/v1/cases", START, idempotency_key="k1").json
    assert office.post("/v1/cases", START, idempotency_key="k1").json["id"] == case["id"]
    assert office.fire(case, "accept", ACCEPT).status_code == 200
    problem(office.fire(case, "accept", ACCEPT), 412, "stale")
    problem(office.get("/v1/cases/none"), 404, "not_found")
    engine.database.dispose()


def test_permitted_says_why_not(office: Caller, client: FlaskClient, case: dict[str, Any]) -> None:
    found = office.get(f"/v1/cases/{case['id']}/permitted").json
    events = {event["event"]: event for event in found["events"]}
    assert events["accept"]["allowed"]
    assert events["accept"]["form"] == ["congress", "session"]
    assert not events["issue_reply"]["allowed"]
    assert all(reason["texts"]["zh"] and reason["texts"]["en"] for reason in events["issue_reply"]["reasons"])
    assert found["revision"] == case["revision"]


def test_a_revision_that_is_known_is_not_sent_again(office: Caller, case: dict[str, Any]) -> None:
    assert office.get(f"/v1/cases/{case['id']}", if_none_match='"1"').status_code == 304
    assert office.get(f"/v1/cases/{case['id']}", if_none_match='"7"').status_code == 200


def test_backdating_takes_a_reason(office: Caller, case: dict[str, Any], clock: FrozenClock) -> None:
    case = office.fire(case, "accept", ACCEPT).json
    clock.advance(days=2)
    address = f"/v1/cases/{case['id']}/events/assign"
    body = {"data": ASSIGN, "effective_on": "2026-03-02"}
    refused = problem(office.post(address, body, if_match='"2"'), 422, "form_invalid")
    assert refused["errors"][0]["pointer"] == "/reason"
    done = office.post(address, body | {"reason": "补记"}, if_match='"2"')
    assert {c["name"]: c["anchor_on"] for c in done.json["clocks"]}["reply"] == "2026-03-02"


def test_one_chooses_among_his_grants(office: Caller, case: dict[str, Any]) -> None:
    address = f"/v1/cases/{case['id']}/events/accept"
    problem(
        office.post(address, {"data": ACCEPT, "role": "unit_clerk"}, if_match='"1"'), 403, "not_permitted"
    )
    assert office.post(address, {"data": ACCEPT, "role": "deputy_affairs"}, if_match='"1"').status_code == 200


# --- retries


def test_a_key_gives_the_stored_answer(office: Caller, case: dict[str, Any]) -> None:
    first = office.fire(case, "accept", ACCEPT, idempotency_key='"abc-1"')
    again = office.fire(case, "accept", ACCEPT, idempotency_key="abc-1")
    assert (again.status_code, again.json, again.headers["ETag"]) == (200, first.json, first.headers["ETag"])
    assert len(office.get(f"/v1/cases/{case['id']}/history").json["entries"]) == 2


def test_a_key_for_something_else_is_refused(office: Caller) -> None:
    office.post("/v1/cases", START, idempotency_key="k")
    other = START | {"data": PROPOSAL | {"title": "别的"}}
    problem(office.post("/v1/cases", other, idempotency_key="k"), 422, "key_reused")


@pytest.mark.parametrize("key", ["", "a b", "x" * 201, 'a"b'])
def test_a_key_must_be_plain(office: Caller, key: str) -> None:
    problem(office.post("/v1/cases", START, idempotency_key=key), 400, "bad_request")


def test_story_G04_of_two_who_saw_the_same_one_is_told(office: Caller, case: dict[str, Any]) -> None:
    assert office.fire(case, "accept", ACCEPT).status_code == 200
    body = problem(late := office.fire(case, "accept", ACCEPT), 412, "stale")
    assert (body["revision"], late.headers["ETag"]) == (2, '"2"')


def test_the_revision_is_required(office: Caller, case: dict[str, Any]) -> None:
    problem(office.post(f"/v1/cases/{case['id']}/events/accept", {"data": ACCEPT}), 428, "revision_required")


@pytest.mark.parametrize("etag", ["1", 'W/"1"', '"1", "2"', '"x"', "*"])
def test_the_revision_is_one_etag(office: Caller, case: dict[str, Any], etag: str) -> None:
    problem(office.fire(case, "accept", ACCEPT, if_match=etag), 400, "bad_request")


# --- who


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic dDpv", "Bearer ", "t-office"])
def test_without_proof_nobody_is_served(client: FlaskClient, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    for address in ("/v1/cases/x", "/v1/cases/x/permitted", "/v1/cases/x/history"):
        response = client.get(address, headers=headers)
        problem(response, 401, "unauthenticated")
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
    for address in ("/v1/cases", "/v1/cases/x/events/accept"):
        problem(client.post(address, json={}, headers=headers), 401, "unauthenticated")


def test_without_configuration_nobody_is_anybody(engine: Engine) -> None:
    client = create_app(engine, nobody).test_client()
    problem(client.get("/v1/cases/x", headers={"Authorization": "Bearer t-office"}), 401, "unauthenticated")
    assert client.get("/v1/health").status_code == 200


def test_a_foreign_case_is_as_if_there_were_none(client: FlaskClient, case: dict[str, Any]) -> None:
    stranger = Caller(client, "sun.qi")
    told = []
    for id_ in (case["id"], "no-such-case"):
        answers = [stranger.get(f"/v1/cases/{id_}{tail}") for tail in ("", "/permitted", "/history")]
        told += [problem(answer, 404, "not_found") for answer in answers]
        told.append(problem(stranger.fire(case | {"id": id_}, "accept", ACCEPT), 404, "not_found"))
    assert all(body == told[0] for body in told)


def test_a_person_without_the_right_is_refused(
    client: FlaskClient, office: Caller, case: dict[str, Any]
) -> None:
    problem(Caller(client, "sun.qi").post("/v1/cases", START), 403, "not_permitted")
    case = office.fire(office.fire(case, "accept", ACCEPT).json, "assign", ASSIGN).json
    unit = Caller(client, "wang.fang")
    body = problem(unit.fire(unit.get(f"/v1/cases/{case['id']}").json, "withdraw", {}), 403, "not_permitted")
    assert body["errors"][0]["code"] == "role"


def test_nobody_over_http_is_the_system_or_an_import(office: Caller, case: dict[str, Any]) -> None:
    for extra in ({"imported": True}, {"id": "x"}, {"actor": "system"}, {"on_behalf_of": "x"}):
        body = problem(office.post("/v1/cases", START | extra), 422, "form_invalid")
        assert body["errors"][0] | {"texts": 0, "detail": 0} == {
            "code": "form.unknown", "pointer": f"/{next(iter(extra))}", "texts": 0, "detail": 0,
        }  # fmt: skip
    problem(office.fire(case, "urge_acceptance", {}), 403, "not_permitted")


# --- the other kinds of no


def test_not_in_this_state(office: Caller, case: dict[str, Any]) -> None:
    case = office.fire(case, "accept", ACCEPT).json
    problem(office.fire(case, "accept", ACCEPT), 409, "not_in_state")


def test_a_condition_is_not_met(office: Caller, case: dict[str, Any]) -> None:
    case = office.fire(case, "accept", ACCEPT).json
    body = problem(office.fire(case, "assign", ASSIGN | {"assignment_mode": "separate"}), 409, "guard_failed")
    assert body["errors"]


def test_a_date_is_not_allowed(office: Caller, case: dict[str, Any]) -> None:
    address = f"/v1/cases/{case['id']}/events/accept"
    body = {"data": ACCEPT, "effective_on": "2026-03-03"}
    problem(office.post(address, body, if_match='"1"'), 409, "deadline_refused")


def test_every_field_is_told_at_once(office: Caller) -> None:
    data = {"title": "", "first_signer": 7, "signers": ["a", "a"], "publication_wish": "loud", "nothing": 1}
    body = problem(office.post("/v1/cases", START | {"data": data}), 422, "form_invalid")
    pointers = {error["pointer"]: error["code"] for error in body["errors"]}
    assert pointers == {
        "/data/title": "form.blank",
        "/data/body": "form.required",
        "/data/first_signer": "form.invalid",
        "/data/signers/1": "form.repeated",
        "/data/publication_wish": "form.code",
        "/data/nothing": "form.unknown",
    }


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"kind": None}, "/kind", "form.null"),
        ({"kind": "Suggestion"}, "/kind", "form.invalid"),
        ({"kind": "no_such_kind"}, "/kind", "form.unknown"),
        ({"tenant": "a//b"}, "/tenant", "form.invalid"),
        ({"tenant": "x" * 201}, "/tenant", "form.invalid"),
        ({"data": []}, "/data", "form.invalid"),
        ({"effective_on": "20260302"}, "/effective_on", "form.invalid"),
        ({"effective_on": "2026-02-30"}, "/effective_on", "form.invalid"),
        ({"effective_on": 5}, "/effective_on", "form.invalid"),
        ({"reason": ""}, "/reason", "form.invalid"),
        ({"a/b~c": 1}, "/a~1b~0c", "form.unknown"),
    ],
)
def test_the_request_itself_is_checked(
    office: Caller, change: dict[str, Any], pointer: str, code: str
) -> None:
    body = problem(office.post("/v1/cases", START | change), 422, "form_invalid")
    assert [(e["pointer"], e["code"]) for e in body["errors"]] == [(pointer, code)]


def test_missing_keys_are_named(office: Caller) -> None:
    body = problem(office.post("/v1/cases", {}), 422, "form_invalid")
    assert {e["pointer"] for e in body["errors"]} == {"/kind", "/tenant"}


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"[]", b"null", b'"x"', b"{'a': 1}", b'{"a": NaN}', b'{"a": Infinity}', b'{"a": 1e999}',
        b'{"a": 1, "a": 2}', b'\xef\xbb\xbf{"a": 1}', b'{"a": "\xff"}', '{"a": 1}'.encode("utf-16"),
        b'{"data": {"title": "\\ud800"}}', b'{"data": {"\\u0000": 1}}', b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": ' + b"[" * 33 + b"]" * 33 + b"}", b"[" * 200_000, b'{"a": ' * 100_000,
    ],
    ids=range(19),
)  # fmt: skip
def test_what_is_no_json_object_is_refused(office: Caller, raw: bytes) -> None:
    problem(office.post("/v1/cases", raw=raw), 400, "bad_request")


def test_what_only_looks_unfit_is_read(office: Caller) -> None:
    """A pair of surrogates as JSON writes it is one character, a backslash before `u0000` is four more; brackets in a text nest
    nothing.
    """
    title = "😀 \\u0000 \\ud800 " + "[{" * 40
    raw = json.dumps(START | {"data": PROPOSAL | {"title": title}}).encode()
    assert b"\\ud83d\\ude00" in raw
    answer = office.post("/v1/cases", raw=raw)
    assert (answer.status_code, answer.json["data"]["title"]) == (201, title)


def test_thirty_two_levels_are_read(office: Caller) -> None:
    deep: Any = 1
    for _ in range(30):
        deep = [deep]
    problem(office.post("/v1/cases", START | {"data": {"title": deep}}), 422, "form_invalid")


@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=gbk", ""]
)
def test_only_json_is_read(office: Caller, media: str) -> None:
    problem(office.post("/v1/cases", START, content_type=media), 415, "not_json")


def test_a_body_has_its_limit(office: Caller) -> None:
    big = START | {"data": PROPOSAL | {"body": "x" * (1 << 20)}}
    problem(office.post("/v1/cases", big), 413, "too_large")


@pytest.mark.parametrize("id_", ["a%00b", "x" * 41, "..", "a'b", "%F0%9F%98%80"])
def test_strange_ids_are_not_found(office: Caller, id_: str) -> None:
    problem(office.get(f"/v1/cases/{id_}/history"), 404, "not_found")


def test_unknown_events_and_addresses(office: Caller, case: dict[str, Any]) -> None:
    problem(office.fire(case, "no_such_event", {}), 404, "not_found")
    problem(office.get("/v1/nothing"), 404, "not_found")
    refused = office.post("/v1/worklist")
    problem(refused, 405, "method_not_allowed")
    assert "GET" in refused.headers["Allow"]


@pytest.mark.parametrize(
    ("asked", "given"), [("en", "en"), ("zh-CN,en;q=0.5", "zh"), ("fr", "zh"), (None, "zh")]
)
def test_problems_speak_the_language_asked_for(client: FlaskClient, asked: str | None, given: str) -> None:
    response = client.get("/v1/cases/x", headers={"Accept-Language": asked} if asked else {})
    body = problem(response, 401, "unauthenticated")
    assert (body["detail"], response.headers["Content-Language"]) == (body["texts"][given], given)


# --- what breaks inside


class Broken:
    """An engine that fails in a chosen way."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getattr__(self, name: str):
        def fail(*_: object, **__: object) -> None:
            raise self.error

        return fail


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RuntimeError("secret inside"), 500, "internal"),
        (StoreError(Text("库", "store")), 503, "unavailable"),
        (Conflict(Text("忙", "busy")), 409, "conflict"),
    ],
)
def test_a_break_inside_is_logged_and_not_told(error: Exception, status: int, code: str, caplog) -> None:
    app = create_app(Broken(error), lambda _: Actor(person="li.wei"))  # type: ignore[arg-type]
    response = app.test_client().get("/v1/cases/abc")
    problem(response, status, code)
    assert "secret" not in response.text
    assert bool([r for r in caplog.records if r.exc_info]) == (status >= 500)


def test_every_declared_problem_can_be_written() -> None:
    from api.problems import Problem

    app = Flask("empty")
    with app.test_request_context():
        for code, (status, title) in TITLES.items():
            assert respond(Problem(code, title)).status_code == status


def test_health(engine: Engine, caplog) -> None:
    ages: list[float | None] = [None, 12.34, 301.0]
    client = create_app(engine, nobody, age=lambda: ages.pop(0)).test_client()
    told = [client.get("/v1/health") for _ in range(3)]
    assert [(r.status_code, r.json["status"], r.json["last_tick_age"]) for r in told] == [
        (200, "ok", None),
        (200, "ok", 12.3),
        (503, "stale", 301.0),
    ]
    body = told[0].json
    assert (body["oldest_due_age"], body["dead_letters"], body["nodes"], body["held"]) == (None, 0, 0, False)
    assert (
        body["calendar_horizon"] == engine.health().calendar_horizon.isoformat()
        and abs(body["clock_skew"]) > 0
    )
    broken = create_app(Broken(RuntimeError("x")), nobody).test_client().get("/v1/health")  # type: ignore[arg-type]
    assert (broken.status_code, broken.json["status"]) == (503, "store")


def test_live_asks_for_nothing_and_ready_for_everything(engine: Engine, clock: FrozenClock) -> None:
    """The database, its tables and the scheduler, each missing in turn; without a login, without a word of any case."""
    create_schema(engine)
    client = create_app(engine, nobody).test_client()
    before = client.get("/healthz/ready")
    assert (before.status_code, before.json) == (
        503, {"status": "not_ready", "store": True, "schema": True, "scheduler": False},
    )  # fmt: skip
    engine.tick()
    after = client.get("/healthz/ready")
    assert (after.status_code, set(after.json.values())) == (200, {"ready", True})
    execute(engine, f"drop table {Shelf(engine).tables.prefix}upload")
    clock.advance(seconds=60)
    old = client.get("/healthz/ready")
    assert (old.status_code, old.json["store"], old.json["schema"], old.json["scheduler"]) == (
        503,
        True,
        False,
        False,
    )
    broken = create_app(Broken(RuntimeError("x")), nobody).test_client()  # type: ignore[arg-type]
    assert broken.get("/healthz/ready").json == {
        "status": "not_ready", "store": False, "schema": False, "scheduler": False,
    }  # fmt: skip
    assert (broken.get("/healthz/live").status_code, broken.get("/healthz/live").json) == (
        200,
        {"status": "live"},
    )


def test_ready_looks_at_the_tables_once_a_minute_and_after_a_failure(
    engine: Engine, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_schema(engine)
    engine.tick()
    client = create_app(engine, nobody).test_client()

    def asked() -> int:
        with statements(engine.database, monkeypatch) as seen:
            client.get("/healthz/ready")
        return len(seen)

    first, second = asked(), asked()
    assert second < first / 2 and second == asked(), (first, second)
    clock.advance(seconds=59)
    assert asked() == second
    clock.advance(seconds=1)
    assert asked() >= first, "a table that is lost is noticed within the minute"
    execute(engine, f"drop table {engine.store.prefix}node")
    lost = client.get("/healthz/ready")
    assert (lost.status_code, lost.json["store"], lost.json["schema"]) == (503, True, False), (
        "and at once where it is needed"
    )
    assert asked() > second, "what was missing is looked for at each call"


def test_live_asks_the_database_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would hang with it, and a supervisor would kill what is well."""
    create_schema(engine)
    client = create_app(engine, nobody).test_client()
    with statements(engine.database, monkeypatch) as seen:
        assert client.get("/healthz/live").status_code == 200
    assert seen == []


@pytest.mark.parametrize(
    ("state", "word"), [("XX001", "pg_amcheck"), ("XX002", "REINDEX"), (None, "tibandu restore")]
)
def test_each_kind_of_damage_says_its_own_remedy(state: str | None, word: str) -> None:
    fault = sqlite3.DatabaseError("database disk image is malformed")
    if state is None:
        fault.sqlite_errorname = "SQLITE_CORRUPT"
    else:
        fault = psycopg.errors.lookup(state)("page verification failed")
    said = translate(fault, "tibandu_")
    assert isinstance(said, StoreError) and said.which == "damaged" and not said.again
    assert word in said.text.en and word in said.text.zh


def test_a_damaged_file_is_said_to_be_one(tmp_path: Path, small: Library) -> None:
    """503 with what to do, at the health, at a case and in the doctor; asked again it stays so."""
    path = tmp_path / "damaged.db"
    engine = Engine(f"sqlite:///{path}", small)
    engine.create_schema()
    create_schema(engine)
    engine.database.dispose()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(bytes(content))
    answer = create_app(engine, lambda _: Actor(person="li")).test_client().get("/v1/cases/abc")
    assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
    assert "tibandu restore" in answer.json["detail"] and "Retry-After" not in answer.headers
    assert create_app(engine, nobody).test_client().get("/healthz/ready").status_code == 503
    engine.database.dispose()
    said = call("--database", f"sqlite:///{path}", "doctor")
    assert said.code == 3
    assert "tibandu restore" in said.out + said.err


# --- in a host's own application


def test_the_blueprint_leaves_the_host_alone(engine: Engine) -> None:
    before = set(threading.enumerate())
    app = Flask("host")
    app.register_error_handler(404, lambda _: ("the host's own page", 404))

    @app.get("/petitions")
    def petitions() -> str:
        return "the host's own"

    app.register_blueprint(create_blueprint(engine, tokens()), url_prefix="/workflow")
    office = Caller(app.test_client())
    started = office.post("/workflow/v1/cases", START)
    assert started.status_code == 201
    assert started.headers["Location"].startswith("/workflow/v1/cases/")
    assert office.get(started.headers["Location"]).json["state"] == "filed"
    problem(office.get("/workflow/v1/cases/none"), 404, "not_found")
    assert office.get("/petitions").text == "the host's own"
    assert office.get("/nowhere").text == "the host's own page"
    assert set(threading.enumerate()) == before


def test_a_larger_limit_of_the_host_does_not_widen_ours(engine: Engine) -> None:
    app = Flask("host")
    app.config["MAX_CONTENT_LENGTH"] = 1 << 26
    app.register_blueprint(create_blueprint(engine, tokens(), name="other"))
    big = START | {"data": PROPOSAL | {"body": "x" * (1 << 20)}}
    problem(Caller(app.test_client()).post("/v1/cases", big), 413, "too_large")


# --- the token file


def test_a_token_file(tmp_path: Path) -> None:
    digest = hashlib.sha256(b"t-office").hexdigest()
    path = tmp_path / "tokens"
    path.write_text(f"# the office\n\n{digest}  li.wei  # until autumn\n", "utf-8")
    app = Flask("x")
    with app.test_request_context(headers={"Authorization": "bearer t-office"}) as context:
        assert Tokens.read(path)(context.request) == Actor(person="li.wei")


@pytest.mark.parametrize(
    "line", ["t-office li.wei", "0" * 64, "0" * 64 + " system", f"{'0' * 64} a\n{'0' * 64} b"]
)
def test_a_wrong_token_file_names_the_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "tokens"
    path.write_text(line, "utf-8")
    with pytest.raises(ValueError, match=r"tokens:[12]:"):
        Tokens.read(path)


# --- a body asked field by field


@pytest.mark.parametrize("schema", [Fire, Start])
@pytest.mark.parametrize(
    "body",
    [
        {}, {"data": {"a": 1}}, {"data": []}, {"data": None}, {"more": 1}, {"reason": ""}, {"reason": "x", "unit": 3},
        {"effective_on": "2026-03-15", "role": "Office"}, {"effective_on": "2026-3-15"},
        {"kind": "w1", "tenant": "xn"}, {"kind": "w1", "tenant": "xn/", "data": {}}, {"kind": None},
    ],
)  # fmt: skip
def test_a_body_asked_field_by_field_is_what_its_schema_loads(
    schema: type[Fieldwise], body: dict[str, Any]
) -> None:
    whole = schema()
    try:
        wanted = whole.load(body)
    except ValidationError:
        wanted = None
    assert fieldwise(whole, body) == wanted


def test_a_schema_with_something_to_say_of_the_whole_is_asked_as_a_whole() -> None:
    class Hooked(Fire):
        @validates_schema
        def _never(self, data: dict[str, Any], **_: Any) -> None:
            raise ValidationError("never")

    assert (Fire().fields_only, Hooked().fields_only) == (True, False)
    assert fieldwise(Hooked(), {}) is None


@pytest.mark.parametrize(
    ("schema", "given", "said"),
    [
        ({"a": fields.Str()}, {"a": 7}, ("须为文本", "must be a text")),
        ({"a": Whole()}, {"a": "7"}, ("须为 JSON 整数，如 7，不加引号", "must be a whole number of JSON like 7, without quotes")),
        ({"a": Numeral()}, {"a": "７"}, ("须为整数，只写数字，如 7", "must be a whole number in digits alone, like 7")),
        ({"a": fields.Int(validate=validate.Range(1, 5))}, {"a": 7}, ("须为 1 至 5", "must be 1 to 5")),
        ({"a": fields.Bool()}, {"a": "x"}, ("须为 true 或 false", "must be true or false")),
        ({"a": fields.Dict()}, {"a": 7}, ("须为 JSON 对象", "must be a JSON object")),
        ({"a": fields.List(fields.Str())}, {"a": 7}, ("须为 JSON 数组", "must be a JSON list")),
        ({"a": Day()}, {"a": "2026-13-01"}, ("须为日期，如 2026-03-15", "must be a date like 2026-03-15")),
        ({"a": fields.Str(validate=validate.OneOf(["b", "c"]))}, {"a": "d"}, ("须为其中之一：b, c", "must be one of: b, c")),
        ({"a": fields.Str(validate=validate.Length(2, 3))}, {"a": ""}, ("长度须为 2 至 3", "its length must be 2 to 3")),
        ({"a": fields.Str(validate=validate.Length(max=3))}, {"a": "dddd"}, ("至多 3 个", "must be 3 or shorter")),
        ({"a": fields.Str(validate=validate.Length(min=3))}, {"a": "d"}, ("至少 3 个", "must be 3 or longer")),
        ({"a": fields.Str(validate=NAME)}, {"a": "D"}, ("写法应如 sign_in", "must be written like sign_in")),
        ({"a": fields.Str()}, {"a": None}, ("不能为空", "must not be null")),
        ({"a": fields.Str(required=True)}, {}, ("必填", "is required")),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_value_says_what_would_be_right(
    schema: dict[str, Any], given: dict[str, Any], said: tuple[str, str]
) -> None:
    with pytest.raises(ValidationError) as wrong:
        Schema.from_dict(schema)().load(given)
    problem = invalid_fields(wrong.value.messages)
    assert problem.errors[0]["texts"] == {"zh": said[0], "en": said[1]}
    assert problem.text.en == f"the content is not valid: /a {said[1]}", "the sentence alone says it too"


def test_a_token_that_is_no_good_is_said_to_be_so(client: FlaskClient) -> None:
    for headers, word in (({}, "say who you are"), ({"Authorization": "Bearer none"}, "was revoked")):
        answer = client.get("/v1/cases", headers=headers)
        assert answer.status_code == 401 and word in answer.json["texts"]["en"]
        assert ("invalid_token" in answer.headers["WWW-Authenticate"]) == bool(headers)


def test_a_no_says_what_would_be_right(client: FlaskClient) -> None:
    for method, address, body, word in (
        ("GET", "/v1/casse", None, "/v1/docs"), ("POST", "/v1/cases", b'{"kind": 1, "kind": 2}', "twice: kind"),
        ("POST", "/v1/cases", b"x" * (1 << 21), "1 MiB"), ("PUT", "/v1/cases", None, "Allow"),
    ):  # fmt: skip
        headers = {"Authorization": "Bearer t-office", "Content-Type": "application/json"}
        answer = client.open(address, method=method, data=body, headers=headers)
        assert word in answer.json["texts"]["en"], answer.text
