"""Service tokens: told once, kept as a hash, good for what they say until their day; and hosts with blueprints of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Blueprint, Flask
from werkzeug.test import TestResponse

from api import StoredTokens, create_app, create_blueprint
from api.acting import acted
from api.store import Shelf
from workflow import Actor, Engine
from workflow.model import Party
from workflow.testing import FrozenClock

from . import http_walk as city

BODY = {"account": "svc.oa", "name": "办公系统", "scopes": ["cases:read"], "expires_on": "2026-12-31"}

OFFICE = {"tenant": city.TENANT, "body": "office"}


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(city.TODAY)


@pytest.fixture
def engine(ready_url: str, clock: FrozenClock) -> Iterator[Engine]:
    for engine in city.opened(ready_url, clock):
        Shelf(engine).create_schema()
        engine.grant("svc.oa", "office", city.TENANT)
        yield engine


@pytest.fixture
def client(engine: Engine) -> city.Client:
    return city.Client(create_app(engine, StoredTokens(engine, city.bearer), operators=[city.OPERATOR]))


def issued(client: city.Client, **more: Any) -> dict[str, Any]:
    answer = client(city.OPERATOR, "POST", "/v1/tokens", BODY | more)
    assert answer.status_code == 201, answer.text
    return answer.json


def code(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, json.loads(answer.data)["code"]


def test_told_once_and_kept_as_a_hash(engine: Engine, client: city.Client) -> None:
    answer = client(city.OPERATOR, "POST", "/v1/tokens", BODY)
    token = answer.json["token"]
    assert (answer.headers["Cache-Control"], len(token), token[:4]) == ("no-store", 68, "tbd_")
    with Shelf(engine).connection() as connection:
        stored = connection.exec_driver_sql("select * from tibanduapi_token").all()
    assert token not in str(stored)
    assert token not in client(city.OPERATOR, "GET", "/v1/tokens").text


def test_good_for_what_it_says_and_no_more(client: city.Client) -> None:
    token = issued(client)["token"]
    assert client(token, "GET", "/v1/cases").status_code == 200
    refused = client(token, "POST", "/v1/cases", city.START)
    assert code(refused) == (403, "not_permitted")
    assert json.loads(refused.data)["errors"][0]["code"] == "scope"
    assert code(client(token, "GET", "/v1/tokens")) == (403, "not_permitted")
    writer = issued(client, scopes=["cases:read", "cases:write"])["token"]
    case = client(writer, "POST", "/v1/cases", city.START).json
    assert client(writer, "GET", f"/v1/cases/{case['id']}/history").json["entries"][0]["actor"] == "svc.oa"


def test_its_rights_are_those_of_its_account(engine: Engine, client: city.Client) -> None:
    case = client("li.wei", "POST", "/v1/cases", city.START).json
    stranger = issued(client, account="svc.none")["token"]
    assert client(stranger, "GET", f"/v1/cases/{case['id']}").status_code == 404
    assert client(stranger, "GET", "/v1/cases").json["cases"] == []


@pytest.mark.parametrize("account", ["li.wei", "system", "svc.", "svc.A", "svc.a b"])
def test_it_lends_nobody_a_persons_rights(client: city.Client, account: str) -> None:
    assert code(client(city.OPERATOR, "POST", "/v1/tokens", BODY | {"account": account})) == (
        422,
        "form_invalid",
    )


def test_scopes_are_known_ones_and_never_the_operators(client: city.Client) -> None:
    for scopes in (["operate"], ["everything"], []):
        assert client(city.OPERATOR, "POST", "/v1/tokens", BODY | {"scopes": scopes}).status_code == 422
    assert code(client("li.wei", "POST", "/v1/tokens", BODY)) == (403, "not_permitted")


def test_none_is_issued_that_has_ended_already(client: city.Client) -> None:
    past = client(city.OPERATOR, "POST", "/v1/tokens", BODY | {"expires_on": "2026-03-01"})
    assert code(past) == (422, "form_invalid") and "2026-03-02" in past.text
    assert issued(client, expires_on="2026-03-02")["token"], "today is good"


def test_it_ends_with_its_day_or_when_it_is_revoked(client: city.Client, clock: FrozenClock) -> None:
    first, second = issued(client), issued(client, expires_on="2026-03-03")
    clock.set(city.date(2026, 3, 3))
    assert client(second["token"], "GET", "/v1/cases").status_code == 200
    clock.set(city.date(2026, 3, 4))
    assert code(client(second["token"], "GET", "/v1/cases")) == (401, "unauthenticated")
    assert client(first["token"], "GET", "/v1/cases").status_code == 200
    for _ in range(2):
        assert client(city.OPERATOR, "DELETE", f"/v1/tokens/{first['id']}").status_code == 204
    assert code(client(first["token"], "GET", "/v1/cases")) == (401, "unauthenticated")
    assert code(client(city.OPERATOR, "DELETE", "/v1/tokens/none")) == (404, "not_found")
    listed = {token["id"]: token for token in client(city.OPERATOR, "GET", "/v1/tokens").json["tokens"]}
    assert listed[first["id"]]["revoked_at"] and listed[second["id"]]["used_on"] == "2026-03-03"


@pytest.mark.parametrize("token", ["tbd_", "tbd_" + "0" * 64, "tbd_\u00e9", "tbd_" + "x" * 5000])
def test_a_guess_is_nobody(client: city.Client, token: str) -> None:
    assert client(token.encode().decode("latin-1"), "GET", "/v1/cases").status_code == 401


# --- for persons


def test_it_acts_as_the_person_whom_its_system_names(engine: Engine, client: city.Client) -> None:
    token = issued(client, scopes=["cases:read", "cases:write", "act_as"], **OFFICE)
    case = client(token["token"], "POST", "/v1/cases", city.START, x_acting_user="li.wei").json
    seen = client(token["token"], "GET", f"/v1/cases/{case['id']}/history", x_acting_user="li.wei").json
    assert [line["actor"] for line in seen["entries"]] == ["li.wei"]
    client(token["token"], "POST", f"/v1/cases/{case['id']}/events/accept", {"data": {"session": "五次"}},
           if_match=f'"{case["revision"]}"', x_acting_user="he.jun")  # fmt: skip
    notes = [(n.person, n.account, n.token, n.route, n.case) for n in acted(engine)]
    mine = ("svc.oa", token["id"])
    assert set(notes) == {("he.jun", *mine, "fire", case["id"]), ("li.wei", *mine, "start", None)}
    assert [n.route for n in acted(engine, case=case["id"])] == ["fire"]
    assert acted(engine, person="nobody") == []


def test_what_it_may_is_what_that_person_may(client: city.Client) -> None:
    scopes = ["cases:read", "cases:write", "act_as"]
    roads, housing = (issued(client, scopes=scopes, unit=unit)["token"] for unit in ("roads", "housing"))
    case = client("li.wei", "POST", "/v1/cases", city.START).json
    assert client(roads, "GET", f"/v1/cases/{case['id']}", x_acting_user="qian.min").status_code == 404
    refused = client(housing, "POST", "/v1/cases", city.START, x_acting_user="wang.fang")
    assert code(refused) == (403, "not_permitted")


@pytest.mark.parametrize("named", ["wang.fang", "abroad", "other"])
def test_without_a_unit_it_stands_for_one_body_of_one_congress(
    engine: Engine, client: city.Client, named: str
) -> None:
    engine.grant("abroad", "office", "hubei/wuhan")
    engine.grant("other", "qr_intake", city.TENANT)
    token = issued(client, scopes=["cases:read", "act_as"], **OFFICE)["token"]
    assert reason(client(token, "GET", "/v1/cases", x_acting_user=named)) == (403, "acting_user")
    assert client(token, "GET", "/v1/cases", x_acting_user="li.wei").status_code == 200


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"expires_on": "2026-03-01"}, "/expires_on"),
        ({"expires_on": "2027-03-04"}, "/expires_on"),
        ({"expires_on": "9999-12-31"}, "/expires_on"),
        ({"unit": "no-such-unit"}, "/unit"),
        ({"unit": "left"}, "/unit"),
        ({"unit": "hou\u202esing"}, "/unit"),
        ({"name": "办公\u202e系统"}, "/name"),
        ({"name": "办公\n系统"}, "/name"),
        ({"scopes": ["act_as"]}, "/scopes"),
        ({"scopes": ["act_as"], "tenant": city.TENANT}, "/scopes"),
        ({"scopes": ["act_as"], "unit": "housing", "tenant": city.TENANT, "body": "office"}, "/scopes"),
        ({"scopes": ["act_as"], "tenant": city.TENANT, "body": "nobody"}, "/body"),
        ({"scopes": ["act_as"], "tenant": city.TENANT + "x", "body": "office"}, "/tenant"),
    ],
)
def test_a_token_nobody_should_have_is_not_issued(
    engine: Engine, client: city.Client, more: dict[str, Any], where: str
) -> None:
    engine.grant("gone", "unit_clerk", city.TENANT, unit="left", valid_from=city.date(2026, 1, 1),
                 valid_until=city.date(2026, 3, 1))  # fmt: skip
    answer = client(city.OPERATOR, "POST", "/v1/tokens", BODY | more)
    (error,) = json.loads(answer.data)["errors"]
    assert (answer.status_code, error["pointer"]) == (422, where)
    assert error["texts"]["zh"] and error["texts"]["en"]
    assert client(city.OPERATOR, "GET", "/v1/tokens").json["tokens"] == []


def test_its_longest_life_is_set_and_its_unit_registered_or_manned(engine: Engine) -> None:
    engine.parties.put(
        [Party(id="water", kind="unit", name="水利局", tenant=city.TENANT)],
        by=Actor(person="li.wei"),
        trusted=True,
    )
    client = city.Client(create_app(engine, city.bearer, operators=[city.OPERATOR], token_days=1))
    for day, told in (("2026-03-02", 201), ("2026-03-03", 201), ("2026-03-04", 422)):
        assert client(city.OPERATOR, "POST", "/v1/tokens", BODY | {"expires_on": day}).status_code == told
    for unit in ("water", "housing"):
        more = {"expires_on": "2026-03-03", "unit": unit}
        assert client(city.OPERATOR, "POST", "/v1/tokens", BODY | more).json["unit"] == unit


def reason(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, json.loads(answer.data)["errors"][0]["code"]


@pytest.mark.parametrize(
    "named", [None, "", "who.is.not.there", "qian.min", "svc.oa", "%ff", "%00", "x" * 500]
)
def test_it_names_a_member_of_its_unit_or_is_refused(client: city.Client, named: str | None) -> None:
    token = issued(client, scopes=["cases:read", "act_as"], unit="housing")["token"]
    headers = {} if named is None else {"x_acting_user": named}
    assert reason(client(token, "GET", "/v1/cases", **headers)) == (403, "acting_user")
    assert client(token, "GET", "/v1/cases", x_acting_user="wang.fang").status_code == 200


def test_who_has_left_is_named_no_more(engine: Engine, client: city.Client, clock: FrozenClock) -> None:
    engine.grant("zhao.lei", "unit_clerk", city.TENANT, unit="housing", valid_until=city.date(2026, 3, 3))
    token = issued(client, scopes=["cases:read", "act_as"], unit="housing")["token"]
    assert client(token, "GET", "/v1/cases", x_acting_user="zhao.lei").status_code == 200
    clock.set(city.date(2026, 3, 4))
    assert reason(client(token, "GET", "/v1/cases", x_acting_user="zhao.lei")) == (403, "acting_user")


def test_nobody_else_names_anybody(client: city.Client) -> None:
    token = issued(client)["token"]
    for who in (token, "li.wei"):
        assert reason(client(who, "GET", "/v1/cases", x_acting_user="li.wei")) == (403, "act_as")


# --- a host of its own


def test_beside_other_blueprints_and_error_handlers(engine: Engine) -> None:
    app = Flask("host")
    other = Blueprint("tickets", __name__)

    @other.get("/broken")
    def broken() -> str:
        raise LookupError

    other.register_error_handler(LookupError, lambda _: ("the tickets' own", 418))
    app.register_error_handler(404, lambda _: ("the host's own page", 404))
    app.register_error_handler(Exception, lambda _: ("the host's own fault", 500))
    app.register_blueprint(other, url_prefix="/tickets")
    app.register_blueprint(create_blueprint(engine, city.bearer), url_prefix="/people/congress")
    client = city.Client(app)
    for _ in range(3):
        client("li.wei", "POST", "/people/congress/v1/cases", city.START)
    page = client("li.wei", "GET", "/people/congress/v1/cases?limit=2").json
    assert page["next"].startswith("/people/congress/v1/cases?")
    assert len(client("li.wei", "GET", page["next"]).json["cases"]) == 1
    event = client("li.wei", "GET", "/people/congress/v1/events").json["events"][0]
    assert client("li.wei", "GET", event["dataref"]).status_code == 200
    assert client("li.wei", "GET", "/people/congress/v1/docs").status_code == 200
    assert code(client("li.wei", "GET", "/people/congress/v1/cases/none")) == (404, "not_found")
    assert code(client("", "GET", "/people/congress/v1/cases")) == (401, "unauthenticated")
    assert (client("", "GET", "/tickets/broken").status_code, client("", "GET", "/nowhere").text) == (
        418, "the host's own page",
    )  # fmt: skip


def test_two_engines_in_one_host(engine: Engine) -> None:
    app = Flask("host")
    for name in ("one", "two"):
        app.register_blueprint(create_blueprint(engine, city.bearer, name=name), url_prefix=f"/{name}")
    client = city.Client(app)
    made = client("li.wei", "POST", "/two/v1/cases", city.START)
    assert made.headers["Location"].startswith("/two/v1/cases/")
    assert client("li.wei", "GET", made.headers["Location"]).status_code == 200
