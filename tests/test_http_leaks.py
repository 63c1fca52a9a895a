"""Every route × every role × a case that is not theirs: nobody is told that it exists. Derived from the table of routes, so that a
route added tomorrow is asked too. Canaries stand in the case's texts, number, parties and ids. A small city on PostgreSQL;
tests/test_http_matrix.py asks the shipped definitions, on both databases.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from api import Jobs, create_app
from api.openapi import EXAMPLES
from api.routes import Route
from api.table import ROUTES
from workflow import Engine
from workflow.testing import FrozenClock

from . import http_walk as city

CANARY = "金丝雀一二三"
FOREIGN = {  # person -> why the case is none of his
    "far.office": ("office", None, "hubei/huangshi"),
    "near.office": ("office", None, "hubei/xianning/town"),
    "qian.min": ("unit_clerk", "roads", city.TENANT),
    "other.head": ("unit_head", "roads", city.TENANT),
    "nobody": None,
}
BARRED = ("wang.fang", "wu.hao")
"""members of the unit that is evaluated: for them there is no survey"""


class Town:
    """A case with canaries, its survey and a batch, seen by persons whom it is none of the business of."""

    def __init__(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        for person, held in FOREIGN.items():
            if held is not None:
                engine.grant(person, held[0], held[2], unit=held[1])
        monkeypatch.setattr(city, "PERSONS", {**city.PERSONS, **dict.fromkeys(FOREIGN)})
        self.client = client = city.Client(city.served(engine))
        li = "li.wei"
        case = client.evaluating(session=CANARY, title=CANARY, body=CANARY, signers=[CANARY])
        self.case, self.number = case["id"], case["number"]
        self.survey = client.surveys(self.case)[CANARY]
        rows = [{"case": self.case, "event": "accept"}]
        self.batch = client(li, "POST", "/v1/batches", {"rows": rows}, idempotency_key="canary").json["id"]
        self.pack = client(li, "POST", "/v1/letters", {"cases": [self.case]}).json["id"]
        while Jobs(engine, city.papers(engine)).advance():
            pass
        engine.alerts.address()
        self.bodies = json.loads(EXAMPLES.read_text("utf-8"))

    def ask(self, route: Route, who: str, case: str, batch: str) -> TestResponse:
        """The route, asked as well as it can be asked about that case."""
        address = route.path
        values = {"id": case, "batch": batch, "event": "accept", "moment": "2026-03-02", "name": "reply", "kind": "suggestion",
                  "letter": "assignment", "token": "0" * 64, "sha256": "a" * 64, "invitation": "0" * 64, "code": city.DOOR,
                  "ledger": "ledger", "receipt": "a" * 26, "view": "surveys"}  # fmt: skip
        for name, value in values.items():
            address = address.replace(f"<{name}>", value)
        if route.name == "case":
            address += "?include=permitted,children,overlays,documents,history"
        if route.name == "batch_letters":
            address = address.replace(self.batch, self.pack)
        if route.name == "letters_of":
            address += f"?cases={case}"
        body = self.bodies.get(f"{route.name}.request") if route.body is not None else None
        if route.name == "batch":
            body = {"rows": [{"case": case, "event": "accept", "data": {"session": "x"}}]}
        if route.name == "letters_job":
            body = {"cases": [case]}
        headers = {"if_match": '"1"'} if route.conditional else {}
        return self.client(who, route.method, address, body, **headers)


@pytest.fixture
def town(ready_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    for engine in city.opened(ready_url, FrozenClock(city.TODAY)):
        yield Town(engine, monkeypatch)


ON_POSTGRESQL = pytest.mark.parametrize("ready_url", ["postgresql"], indirect=True)


@ON_POSTGRESQL
def test_no_route_tells_anybody_of_a_foreign_case(town: Town) -> None:
    leaks, cells = [], 0
    for route in ROUTES:
        for who in FOREIGN:
            answer = town.ask(route, who, town.case, town.batch)
            cells += 1
            leaks += [f"{route.name} tells {who}: {secret}" for secret in secrets(town, answer)]
            if "<id>" in route.path or "<batch>" in route.path:
                nothing = town.ask(route, who, "none", "none")
                if (answer.status_code, answer.data) != (nothing.status_code, nothing.data):
                    leaks.append(f"{route.name} answers {who} otherwise than for a case that is not there")
    assert not leaks
    assert cells == len(ROUTES) * len(FOREIGN)


@ON_POSTGRESQL
def test_an_operator_has_no_right_to_any_case(town: Town) -> None:
    """Who looks after the service holds no role by that: asked of a case, or of all, he is told of none."""
    engine = town.client.app.extensions["engine"]
    town.client = city.Client(
        create_app(engine, city.bearer, operators=["nobody"], papers=city.papers(engine))
    )
    leaks = []
    for route in ROUTES:
        if route.permission in ("person", "case", "event"):
            answer = town.ask(route, "nobody", town.case, town.batch)
            leaks += [f"{route.name}: {secret}" for secret in secrets(town, answer)]
            if "<id>" in route.path:
                nothing = town.ask(route, "nobody", "none", "none")
                if (answer.status_code, answer.data) != (nothing.status_code, nothing.data):
                    leaks.append(route.name)
    assert not leaks
    assert town.client("nobody", "GET", "/v1/tokens").status_code == 200, "he is one"


def secrets(town: Town, answer: TestResponse) -> list[str]:
    if answer.status_code == 400:
        return []
    text = readable(answer.data)
    if answer.is_json and answer.status_code < 400:
        text = json.dumps(answer.json, ensure_ascii=False)
    known: list[Any] = [CANARY, town.case, town.survey, town.batch, town.pack]
    return [secret for secret in known if secret in text]


def readable(data: bytes) -> str:
    """A body as text; of a file that packs others, what is in it."""
    if not data.startswith(b"PK"):
        return data.decode("utf-8", "replace")
    with zipfile.ZipFile(io.BytesIO(data)) as pack:
        return "".join(name + readable(pack.read(name)) for name in pack.namelist())


@ON_POSTGRESQL
def test_no_route_tells_the_unit_of_its_evaluation(town: Town) -> None:
    leaks = []
    for route in ROUTES:
        for who in BARRED:
            if "<id>" in route.path:
                answer, nothing = (
                    town.ask(route, who, town.survey, "none"),
                    town.ask(route, who, "none", "none"),
                )
                if (answer.status_code, answer.data) != (nothing.status_code, nothing.data):
                    leaks.append(f"{route.name} answers {who} otherwise than for a survey that is not there")
            else:
                answer = town.ask(route, who, town.survey, "none")
            if town.survey in readable(answer.data):
                leaks.append(f"{route.name} tells {who} of the survey")
    assert not leaks


def test_a_hash_gives_nothing(town: Town) -> None:
    """Whoever has learnt the hash of a foreign case's document cannot name it in a case of his own and read it there."""
    secret = b"%PDF-1.7 " + CANARY.encode()
    kept = town.client("wu.hao", "POST", "/v1/documents?name=a.pdf", data=secret).json
    case = town.client.fire("wu.hao", town.client.handling(), "reply", reply_letter=kept, promised=False).json
    read = town.client("wu.hao", "GET", f"/v1/cases/{case['id']}/documents/{kept['sha256']}")
    assert read.data == secret
    read.close()
    for who, letter in (("other.head", kept), ("other.head", kept | {"sha256": "0" * 64})):
        mine = town.client.handling("roads")
        answer = town.client.fire(who, mine, "reply", reply_letter=letter, promised=False)
        assert (answer.status_code, answer.json["errors"][0]["code"]) == (422, "document.unknown")
        assert (
            town.client(who, "GET", f"/v1/cases/{mine['id']}/documents/{kept['sha256']}").status_code == 404
        )


@ON_POSTGRESQL
def test_who_may_know_is_told(town: Town) -> None:
    """The matrix would be worth nothing if its questions found nothing for anybody."""
    told = {
        route.name for route in ROUTES if secrets(town, town.ask(route, "li.wei", town.case, town.batch))
    }  # fmt: skip
    assert {
        "case",
        "search",
        "view",
        "events",
        "export_cases",
        "history",
        "permitted",
        "clock",
        "case_at",
        "batch_job",
        "letters",
        "letter",
        "letters_of",
        "batch_letters",
    } <= told
    assert "inbox" in {r.name for r in ROUTES if secrets(town, town.ask(r, "wang.fang", town.case, "none"))}
