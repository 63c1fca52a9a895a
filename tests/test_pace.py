"""Requests a minute: by person and by address, on all nodes together, and without a write for each."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from api import create_app, create_schema
from api.limits import Limit
from api.pace import Paced
from workflow import Engine
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
