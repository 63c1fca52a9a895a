"""Requests a minute: by person and by address, on all nodes together, and without a write for each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, Request
from flask.testing import FlaskClient
from sqlalchemy import event

from api import create_app, create_blueprint, create_schema
from api.limits import Limit
from api.pace import KNOWN, UNKNOWN, Paced
from api.problems import Problem
from api.sessions import Sessions
from api.tokens import StoredTokens
from workflow import Engine
from workflow.errors import NotPermitted, Reason, Text
from workflow.testing import FrozenClock

from . import http_walk as city


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(city.TODAY)


@pytest.fixture
def engine(ready_url: str, clock: FrozenClock) -> Iterator[Engine]:
    for engine in city.opened(ready_url, clock):
        create_schema(engine)
        yield engine


def node(engine: Engine, most: int, unknown: int = 300) -> FlaskClient:
    """One process of the service."""
    known, strangers = (
        Limit(what=what, most=n, seconds=60) for what, n in (("known", most), ("unknown", unknown))
    )
    return create_app(engine, Paced(engine, city.bearer, known, strangers)).test_client()


def told(client: FlaskClient, count: int, who: str = "li.wei", address: str = "192.0.2.1") -> list[int]:
    return [
        client.get("/v1/tokens", headers={"Authorization": f"Bearer {who}"}, environ_base={"REMOTE_ADDR": address}).status_code
        for _ in range(count)
    ]  # fmt: skip


def test_who_asks_too_often_waits_for_the_next_minute(engine: Engine, clock: FrozenClock) -> None:
    client = node(engine, 5)
    assert told(client, 7) == [403] * 5 + [429] * 2
    assert told(client, 1, "wang.fang") == [403]
    clock.advance(seconds=20)
    answer = client.get("/v1/cases", headers={"Authorization": "Bearer li.wei"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "40")
    assert json.loads(answer.data)["code"] == "too_many"
    clock.advance(seconds=40)
    assert told(client, 1) == [403]


def test_who_proves_nothing_is_counted_by_address(engine: Engine) -> None:
    client = node(engine, 5, unknown=3)
    assert told(client, 5, "nobody") == [401] * 3 + [429] * 2
    assert told(client, 1, "nobody", "192.0.2.2") == [401]
    assert told(client, 1) == [403]


def test_a_persons_name_made_up_is_counted_too(engine: Engine) -> None:
    """With a good token of another system, which then names nobody who is there."""
    client = city.Client(city.served(engine))
    body = {"account": "svc.oa", "unit": "housing", "name": "办公系统", "scopes": ["cases:read", "act_as"],
            "expires_on": str(city.TODAY)}  # fmt: skip
    token = client(city.OPERATOR, "POST", "/v1/tokens", body).json["token"]
    strangers = Limit(what="unknown", most=3, seconds=60)
    app = create_app(engine, Paced(engine, StoredTokens(engine), unknown=strangers)).test_client()
    answers = [
        app.get("/v1/cases", headers={"Authorization": f"Bearer {token}", "X-Acting-User": f"p{number}"})
        for number in range(5)
    ]
    assert [answer.status_code for answer in answers] == [403] * 3 + [429] * 2
    assert int(answers[-1].headers["Retry-After"]) in range(1, 61)


@pytest.mark.parametrize(
    "wrong",
    [Problem("csrf", Text("伪造", "forged")), NotPermitted([Reason.of("must_change", "改密", "change it")])],
)
def test_whatever_proof_is_refused_is_counted(engine: Engine, wrong: Exception) -> None:
    def refuses(_request: Request) -> None:
        raise wrong

    app = create_app(
        engine, Paced(engine, refuses, unknown=Limit(what="unknown", most=2, seconds=60))
    ).test_client()
    assert [app.get("/v1/cases").status_code for _ in range(4)] == [403] * 2 + [429] * 2


def test_where_nobody_has_to_say_who_he_is_the_address_is_counted(engine: Engine) -> None:
    client = node(engine, 600, unknown=2)
    paths = ("/v1/health", "/v1/openapi.json", "/v1/public/parties?kind=deputy&code=x", "/find")
    answers = [client.get(path) for path in paths]
    assert [answer.status_code for answer in answers[2:]] == [429] * 2, [one.status for one in answers]
    assert 429 not in {answer.status_code for answer in answers[:2]}
    assert client.get("/v1/openapi.json", environ_base={"REMOTE_ADDR": "192.0.2.2"}).status_code == 200
    assert told(client, 1) == [403], "who proves himself is counted by himself"


def test_the_console_counts_who_looks_at_its_open_pages_too(engine: Engine) -> None:
    sessions = Sessions(engine)
    paced = Paced(engine, sessions, unknown=Limit(what="unknown", most=2, seconds=60))
    client = create_app(engine, paced, sessions=sessions).test_client()
    paths = ("/sign-in", f"/i/{'0' * 64}", "/sign-in", f"/i/{'0' * 64}", "/password", "/second-factor")
    answers = [client.get(path) for path in paths]
    assert [answer.status_code for answer in answers][:2] == [200, 404]
    assert {answer.status_code for answer in answers[2:]} == {429}
    assert answers[2].headers["Content-Type"].startswith("text/html"), "a page says so"
    tried = client.post(
        "/sign-in", data={"person": "li.wei", "password": "x"}, headers={"Origin": "http://localhost"}
    )
    assert tried.status_code == 429, "no password is tried"
    with client.get("/static/console.css") as style:
        assert style.status_code == 200, "what every page is made of is not counted"
    assert client.get("/sign-in", environ_base={"REMOTE_ADDR": "192.0.2.2"}).status_code == 200


def test_a_supervisor_is_always_answered(engine: Engine) -> None:
    client = node(engine, 600, unknown=1)
    assert {client.get(f"/healthz/{which}").status_code for which in ("live", "ready") for _ in range(3)} <= {
        200,
        503,
    }


def test_the_pages_tell_the_pace_that_there_is() -> None:
    docs = Path(__file__).parents[1] / "docs"
    for page, words in (("http.md", "over {} requests a minute of one person or token, {} of an address"),
                        ("security.md", "{} a minute of a person or token, {} of an address")):  # fmt: skip
        assert words.format(KNOWN.most, UNKNOWN.most) in (docs / page).read_text("utf-8")
    assert (KNOWN.seconds, UNKNOWN.seconds) == (60, 60)


def test_nodes_count_together(engine: Engine) -> None:
    nodes = [node(engine, 20) for _ in range(3)]
    answers = [answer for _ in range(20) for client in nodes for answer in told(client, 1)]
    assert answers.count(403) in range(20, 24), "past the limit by a lot a node at most"


def test_a_request_costs_no_write(engine: Engine) -> None:
    writes: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "failure" in statement and not statement.lower().startswith("select"):
            writes.append(statement)

    event.listen(engine.database, "before_cursor_execute", note)
    told(node(engine, 600), 90)
    event.remove(engine.database, "before_cursor_execute", note)
    assert sum(statement.lower().startswith("insert") for statement in writes) == 3


def test_a_hosts_own_way_to_prove_a_person_has_a_pace_for_who_fails(engine: Engine) -> None:
    """Without a word of the host, and never against who does prove it. `strangers=None`: none."""
    client = create_app(engine, city.bearer).test_client()
    assert told(client, 301, "nobody") == [401] * 300 + [429]
    assert told(client, 1, "nobody", "192.0.2.2") == [401]
    assert told(client, 2) == [403] * 2
    free = create_app(engine, city.bearer, strangers=None).test_client()
    assert told(free, 2, "nobody") == [401] * 2, "also where the count is full"


def test_a_blueprint_in_a_hosts_application_has_it_too(engine: Engine) -> None:
    app = Flask("host")
    few = Limit(what="failed", most=2, seconds=60)
    app.register_blueprint(create_blueprint(engine, city.bearer, strangers=few))
    assert told(app.test_client(), 3, "nobody") == [401, 401, 429]
