"""A pointer of a "no" leads into the body that was sent: of each kind of body one that was wrong. (That it does so in every other
answer of the tests is held by `http_walk.Client`.)
"""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from workflow.testing import memory_engine

from . import http_walk as city

LI, LONG = "li.wei", "字" * 61
DUE = {"effective_on": "2030-01-01"}


@pytest.fixture(scope="module")
def ask() -> Any:
    engine = city.staff(memory_engine(city.city(), city.FrozenClock(city.TODAY)))
    city.register(engine)
    yield city.Client(city.served(engine))
    engine.database.dispose()


def places(answer: TestResponse) -> list[str | None]:
    assert answer.status_code in (403, 409, 422), answer.json
    return [error.get("pointer") for error in answer.json["errors"]]


def started(ask: city.Client, data: dict[str, Any] | None = None, **more: Any) -> list[str | None]:
    return places(ask(LI, "POST", "/v1/cases", city.START | more | {"data": city.PROPOSAL | (data or {})}))


def test_what_is_said_beside_the_form_is_beside_it(ask: city.Client) -> None:
    assert started(ask, **DUE) == ["/effective_on"]
    assert started(ask, reason="a\x07") == ["/reason"]
    assert started(ask, tenant="hubei//x") == ["/tenant"]
    assert started(ask, unit="\u202ehousing") == ["/unit"]


@pytest.mark.parametrize("tenant", ["hubei/wuhan", "hubei", "nowhere"])
def test_who_has_the_role_elsewhere_is_told_where(ask: city.Client, tenant: str) -> None:
    """His own grants and nobody else's; who has none is told who may."""
    answer = ask(LI, "POST", "/v1/cases", city.START | {"tenant": tenant})
    assert (answer.status_code, places(answer)) == (403, ["/tenant"])
    said = answer.json["texts"]["en"]
    assert said.endswith(f"but not in {tenant}: you hold it in {city.TENANT}"), said
    assert city.TENANT in answer.json["texts"]["zh"]
    none = ask("wang.fang", "POST", "/v1/cases", city.START | {"tenant": tenant})
    assert (none.status_code, places(none)) == (403, [None])
    assert none.json["texts"]["en"] == "'start' is for: office of the standing committee"


def test_what_is_in_the_form_is_in_the_form(ask: city.Client) -> None:
    assert started(ask, {"title": ""}) == ["/data/title"]
    assert started(ask, {"signers": ["d.chen", 7]}) == ["/data/signers/1"]
    assert started(ask, {"signers": [7, "d.chen", "a\u202eb", "d.zhou"]}) == [
        "/data/signers/0",
        "/data/signers/2",
    ]
    assert started(ask, {"signers": ["d.chen", "d.zhou", "d.chen", "d.chen"]}) == [
        "/data/signers/2",
        "/data/signers/3",
    ]
    assert started(ask, {"more": 1}) == ["/data/more"]
    body = city.START | {"data": {"title": "甲"}}
    assert "/data/signers" in places(ask(LI, "POST", "/v1/cases", body)), "one that was left out"


def test_every_wrong_entry_is_pointed_at_up_to_a_bound(ask: city.Client) -> None:
    every = started(ask, {"signers": [*range(50)], "title": ""})
    assert {*every} == {"/data/title", *(f"/data/signers/{place}" for place in range(20))} and len(
        every
    ) == 21
    assert len(started(ask, {f"more{number}": 1 for number in range(500)})) == 100
    told = ask(
        LI, "POST", "/v1/cases", city.START | {"data": city.PROPOSAL | {"signers": ["d.chen", 7]}}
    ).json
    assert told["errors"][0]["texts"] == {
        "zh": "提出代表第 2 项：类型不对",
        "en": "signers, entry 2, has the wrong type",
    }
    read = ask(LI, "POST", "/v1/inbox/read", {"keys": [1, "k", 3]})
    assert places(read) == ["/keys/0", "/keys/2"]
    assert len(places(ask(LI, "POST", "/v1/inbox/read", {"keys": [1] * 5000}))) == 100


def test_a_condition_points_at_nothing_that_is_no_field_of_the_form(ask: city.Client) -> None:
    case = ask.evaluating()
    assert places(ask.fire(LI, case, "conclude")) == [None]


def test_a_body_without_a_form_has_its_own_names(ask: city.Client) -> None:
    lend = {"to": "wang.fang", "until": "2026-03-29"}

    def lent(**more: str) -> list[str | None]:
        return places(ask("wu.hao", "POST", "/v1/delegations", lend | more))

    assert lent(first="2026-03-01") == ["/first"]
    assert lent(until="2026-03-01") == ["/until"]
    assert lent(to="wu.hao") == lent(to="qian.min") == ["/to"]
    assert lent(reason="a\x07") == ["/reason"]
    glass = {"case": ask.started()["id"], "role": "office", "hours": 4, "reason": " "}
    assert places(ask(city.OPERATOR, "POST", "/v1/break-glass", glass)) == ["/reason"]
    glass |= {"reason": "急", "role": "none"}
    assert places(ask(city.OPERATOR, "POST", "/v1/break-glass", glass)) == ["/role"]


def test_what_a_voter_fills_in_at_the_door_is_called_as_he_was_asked(ask: city.Client) -> None:
    plate = f"/v1/public/stations/{city.DOOR}"

    def left(**more: str) -> list[str | None]:
        given = {"nonce": ask("", "GET", plate).json["nonce"], "subject": "路灯", "text": "不亮", **more}
        return places(ask("", "POST", f"{plate}/opinions", given))

    assert left(subject="\u202e路灯") == ["/subject"]
    assert left(contact="1\x07") == ["/contact"]
    assert left(name="甲\x07") == ["/name"]
    assert left(text=" ") == ["/text"]


def test_a_row_of_a_batch_has_pointers_of_its_own(ask: city.Client) -> None:
    row = {"kind": "suggestion", "tenant": city.TENANT, "data": city.PROPOSAL | {"signers": [7]}}
    told = ask(LI, "POST", "/v1/batches", {"rows": [row | {"data": city.PROPOSAL}, row, row | DUE]}).json[
        "rows"
    ]
    assert [one["problem"] and [e["pointer"] for e in one["problem"]["errors"]] for one in told] == [
        None,
        ["/data/signers/0"],
        ["/effective_on"],
    ]  # fmt: skip
