"""The register over HTTP on both databases: nothing personal; who is sought by code or name is found without a login."""

from __future__ import annotations

import json

import pytest

from api import create_app
from workflow import Actor, Engine
from workflow.model import Party

from . import http_walk as city

PHONE = "13800000000"


@pytest.fixture
def engine(city_engine: Engine) -> Engine:
    city.register(city_engine)
    return city_engine


@pytest.fixture
def client(engine: Engine) -> city.Client:
    return city.Client(city.served(engine))


def test_listed_by_the_page_without_what_is_personal(client: city.Client) -> None:
    page = client("li.wei", "GET", "/v1/parties?limit=1")
    rest = client("li.wei", "GET", page.json["next"])
    found = page.json["parties"] + rest.json["parties"]
    assert [party["id"] for party in found] == ["d.chen", "station.12"]
    assert found[0]["attributes"] == {"electing_unit": "温泉选区"}
    assert [bond["to"] for bond in found[0]["bonds"]] == ["station.12"]
    assert PHONE not in page.text + rest.text
    assert client("li.wei", "GET", "/v1/parties?name=陈静").json["parties"] == [found[0]]
    assert client("li.wei", "GET", "/v1/parties/d.chen").json == found[0]


def test_another_congress_is_as_if_there_were_none(engine: Engine, client: city.Client) -> None:
    far = Party(id="d.far", kind="deputy", name="远", tenant="hubei/huangshi")
    engine.parties.put([far], by=Actor(person="x"), trusted=True)
    assert "d.far" not in client("li.wei", "GET", "/v1/parties").text
    answers = [client("li.wei", "GET", f"/v1/parties/{id_}") for id_ in ("d.far", "none")]
    assert [a.status_code for a in answers] == [404, 404] and answers[0].data == answers[1].data


def test_a_deputy_is_found_by_code_or_name_without_a_login(client: city.Client) -> None:
    plate = {"kind": "deputy", "name": "陈静", "tenant": city.TENANT, "stands_to": ["温泉街道联络站"]}
    for query in ("code=d.chen", "name=陈静"):
        assert client("", "GET", f"/v1/public/parties?kind=deputy&{query}").json == {"found": [plate]}
    for query in ("kind=deputy", "kind=deputy&code=a&name=b", "code=d.chen"):
        assert client("", "GET", f"/v1/public/parties?{query}").status_code == 400


def test_who_is_no_longer_in_office_and_kinds_that_are_not_public_are_not_found(
    engine: Engine, client: city.Client
) -> None:
    assert client("", "GET", "/v1/public/parties?kind=station&code=station.12").status_code == 404
    engine.parties.change("d.chen", by=Actor(person="x"), reason="辞职", trusted=True, status="ended")
    assert client("", "GET", "/v1/public/parties?kind=deputy&code=d.chen").status_code == 404
    closed = city.Client(create_app(engine, city.bearer))
    assert closed("", "GET", "/v1/public/parties?kind=deputy&code=d.chen").status_code == 404


def test_who_asks_on_and_on_is_stopped(client: city.Client) -> None:
    told = [client("", "GET", f"/v1/public/parties?kind=deputy&code=d.{n}").status_code for n in range(21)]
    assert told == [404] * 20 + [429]
    answer = client("", "GET", "/v1/public/parties?kind=deputy&code=d.chen")
    assert json.loads(answer.data)["code"] == "too_many"


def test_the_days_of_a_station_are_planned_and_as_their_cases_say(client: city.Client) -> None:
    days = "/v1/parties/station.12/receptions"
    case = city.reception(client)
    client.fire("li.wei", case, "roster", deputies=["d.chen"])
    march, april = client("li.wei", "GET", f"{days}?months=2").json["receptions"]
    assert (march["on"], march["case"], march["deputies"]) == ("2026-03-15", case["id"], ["d.chen"])
    assert march["state"]["zh"] == "代表已排班" and march["hours"] == "8:30–11:30"
    assert (april["on"], april["case"], april["state"]) == ("2026-04-15", None, None)
    beyond = client("li.wei", "GET", f"{days}?from=2027-01&months=1").json["receptions"]
    assert beyond[0]["provisional"] is False  # fixed on the 15th, whatever is a holiday
    unit = client("qian.min", "GET", f"{days}?months=1").json["receptions"]
    assert (unit[0]["on"], unit[0]["case"]) == ("2026-03-15", None), "the day is public, the case is not hers"
    assert client("li.wei", "GET", "/v1/parties/d.chen/receptions").status_code == 404
    assert client("li.wei", "GET", f"{days}?from=2026-13").status_code == 400
