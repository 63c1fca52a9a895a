"""Moving running cases over HTTP: judged first, then done, a result for each case; who may, and what nobody is told."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Request
from werkzeug.test import TestResponse

import api.batches
import api.jobs
from api import Jobs, create_app
from workflow import Actor, Engine, load_definitions
from workflow.testing import FrozenClock
from workflow.verify import verify

from . import http_walk as city

ADDRESS = "/v1/definitions/suggestion/migrations"
LI, ROOT, ELSEWHERE = "li.wei", "ops.root", "li.wuhan"
RENAMED = "migration: suggestion\nfrom: 901\nto: 902\nstates: {filed: entered}\n"


@dataclass
class Town:
    """The city before and after its definition was edited, and its service."""

    before: Engine
    after: Engine
    client: city.Client

    def ask(self, body: dict[str, Any], who: str = LI, query: str = "", **headers: str) -> TestResponse:
        return self.client(who, "POST", ADDRESS + query, {"to": 902, **body}, **headers)

    def started(self) -> str:
        return self.before.start("suggestion", Actor(person=LI), city.PROPOSAL, tenant=city.TENANT).id

    def version(self, case: str) -> int:
        """Under which it runs."""
        return self.after.laws.pinned(self.after.case(case).definition).definition.version


def _known(asking: Request) -> Any:
    name = asking.headers.get("Authorization", "").removeprefix("Bearer ")
    return Actor(person=name) if name in (ROOT, ELSEWHERE) else city.bearer(asking)


@pytest.fixture
def town(ready_url: str, tmp_path: Path) -> Iterator[Town]:
    clock = FrozenClock(city.TODAY)
    for engine in city.opened(ready_url, clock):
        shutil.copytree(city.FOLDER, tmp_path / "edited")
        path = tmp_path / "edited" / "suggestion.yaml"
        text = path.read_text("utf-8").replace("version: 901", "version: 902").replace("filed", "entered")
        path.write_text(text, "utf-8")
        after = Engine(engine.database, load_definitions(tmp_path / "edited"), clock=clock)
        after.publish(Actor(person="set-up"))
        city.served(engine)
        yield Town(engine, after, city.Client(create_app(after, _known, operators=[ROOT, city.OPERATOR])))


def rows(answer: TestResponse) -> list[tuple[Any, Any, Any]]:
    assert answer.status_code == 200, answer.text
    return [
        (row["case"], row["state"], row["problem"] and row["problem"]["errors"][0]["code"])
        for row in answer.json["rows"]
    ]


def test_story_G10_cases_are_judged_and_then_moved(town: Town) -> None:
    first, second = sorted((town.started(), town.started()))
    blocked = town.ask({}, query="?dry_run=1")
    assert rows(blocked) == [(first, "filed", "state"), (second, "filed", "state")]
    assert (blocked.json["id"], blocked.json["refused"]) == (None, 2)
    problem = blocked.json["rows"][0]["problem"]
    assert (problem["code"], problem["status"]) == ("stays", 409)
    assert rows(town.ask({"map": RENAMED}, query="?dry_run=1")) == [
        (first, "entered", None), (second, "entered", None),
    ]  # fmt: skip
    assert town.version(first) == 901, "nothing is written"
    assert rows(town.ask({"map": RENAMED, "cases": [first]})) == [(first, "entered", None)]
    assert (town.version(first), town.version(second)) == (902, 901)
    assert rows(town.ask({"map": RENAMED, "state": "filed"})) == [(second, "entered", None)]
    assert rows(town.ask({"map": RENAMED})) == []
    assert town.after.history(first)[-1].actor == LI
    assert not verify(town.after.store).faults
    accepted = town.client(
        LI, "POST", f"/v1/cases/{first}/events/accept", {"data": {"session": "五次"}}, if_match='"2"'
    )
    assert accepted.json["state"] == "accepted", accepted.text


def test_many_are_a_job_that_goes_on_where_a_worker_died(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (api.batches, api.jobs):
        monkeypatch.setattr(module, "AT_ONCE", 2)
    cases = sorted(town.started() for _ in range(3))
    accepted = town.ask({"map": RENAMED}, idempotency_key="k")
    assert (accepted.status_code, accepted.json["total"], accepted.json["done"]) == (202, 3, 0)
    jobs, address = Jobs(town.after), accepted.headers["Location"]
    with monkeypatch.context() as death:
        death.setattr(Jobs, "_note", lambda *_: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(MemoryError):
            jobs.advance()
    assert [town.version(case) for case in cases] == [902, 902, 901]
    progress = []
    while jobs.advance():
        progress.append(town.client(LI, "GET", address).json["done"])
    assert progress == [2, 3]
    told = town.client(LI, "GET", address).json
    assert [(row["case"], row["state"], row["problem"]) for row in told["rows"]] == [
        (case, "entered", None) for case in cases
    ]
    assert [len(town.after.history(case)) for case in cases] == [2, 2, 2], "a line each"
    again = town.ask({"map": RENAMED}, idempotency_key="k")
    assert (again.status_code, again.json["id"]) == (200, told["id"]) or again.json["done"] == 3
    assert town.ask({"map": RENAMED, "state": "filed"}, idempotency_key="k").status_code == 422


def test_who_moves_none_is_told_so(town: Town) -> None:
    case = town.started()
    for query in ("", "?dry_run=1"):
        refused = town.ask({"map": RENAMED}, "wang.fang", query)
        assert refused.status_code == 403
        assert {error["code"] for error in refused.json["errors"]} == {"unit", "role"}
    assert town.version(case) == 901


def test_an_operator_moves_and_is_told_of_no_case_by_name(town: Town) -> None:
    case = town.started()
    assert rows(town.ask({"map": RENAMED}, ROOT, "?dry_run=1")) == [(None, "entered", None)]
    assert town.ask({"map": RENAMED, "cases": [case]}, ROOT).status_code == 404
    assert rows(town.ask({"map": RENAMED}, ROOT)) == [(None, "entered", None)]
    assert town.version(case) == 902 and town.after.history(case)[-1].actor == ROOT


@pytest.mark.parametrize("ready_url", ["sqlite"], indirect=True)
def test_an_overseer_elsewhere_is_told_of_none_and_moves_none(town: Town) -> None:
    case = town.started()
    town.before.grant(ELSEWHERE, "office", "hubei/wuhan")
    asked = town.ask({"map": RENAMED, "cases": [case]}, ELSEWHERE)
    none = town.ask({"map": RENAMED, "cases": ["none"]}, ELSEWHERE)
    assert (asked.status_code, asked.data) == (404, none.data)
    assert rows(town.ask({"map": RENAMED}, ELSEWHERE)) == []
    assert town.version(case) == 901


@pytest.mark.parametrize("ready_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("body", "pointer", "said"),
    [
        ({"to": 7}, "/to", "version 7"),
        ({"state": "fild"}, "/state", "did you mean"),
        ({"map": "migration: suggestion\nfrom: 901\nto: 902\nstates: {fild: entered}\n"}, "/map", "line 4, column 10"),
        ({"map": "migration: survey\nfrom: 1\nto: 902\n"}, "/map", "about survey"),
        ({"map": "[" * 1000}, "/map", "line 1"),
        ({"to": "two"}, "/to", "whole number"),
        ({"cases": []}, "/cases", "length"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_where(town: Town, body: dict[str, Any], pointer: str, said: str) -> None:
    answer = town.ask(body)
    assert answer.status_code == 422
    error = answer.json["errors"][0]
    assert error["pointer"] == pointer and said in error["texts"]["en"]
