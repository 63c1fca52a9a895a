"""Saved views over HTTP: those of one's roles, through the one filter, with their columns and counts; also in a host's own app."""

from __future__ import annotations

from typing import Any

from flask import Flask

from api import create_blueprint
from api.saved import keep
from workflow import Engine
from workflow.testing import FrozenClock

from . import http_walk as city

LI = "li.wei"


def view(client: city.Client, who: str, name: str, query: str = "") -> Any:
    return client(who, "GET", f"/v1/views/{name}{query}").json


def test_each_is_told_the_views_of_his_roles(client: city.Client) -> None:
    client.handling()
    mine = {one["name"]: one for one in client(LI, "GET", "/v1/views").json["views"]}
    assert list(mine) == ["in_progress", "surveys"]
    assert (mine["in_progress"]["count"], mine["surveys"]["count"]) == (1, 0)
    assert [one["name"] for one in client("wang.fang", "GET", "/v1/views").json["views"]] == ["surveys"]
    assert client("wang.fang", "GET", "/v1/views/in_progress").status_code == 404
    assert client(LI, "GET", mine["in_progress"]["address"]).status_code == 200


def test_a_row_has_a_cell_for_every_column(client: city.Client) -> None:
    case = client.handling()
    found = view(client, LI, "in_progress")
    columns = {column["name"]: column["type"] for column in found["columns"]}
    assert columns == {"number": "text", "title": "text", "state": "state", "holder": "holders", "signer": "parties",
                       "session": "text", "due_on": "date"}  # fmt: skip
    (row,) = found["rows"]
    assert row["case"]["id"] == case["id"]
    assert row["cells"] == {
        "number": "第001号", "title": city.PROPOSAL["title"], "state": "handling", "signer": ["d.chen", "d.zhou"],
        "session": "五次", "due_on": "2026-06-02",
        "holder": [{"parties": ["housing"], "as": {"zh": "主办单位", "en": "lead unit"}}],
    }  # fmt: skip
    assert found["acts"] == [{"event": "assign", "title": {"zh": "交办", "en": "assign"}}]


def test_buckets_add_up_and_each_can_be_opened(client: city.Client, clock: FrozenClock) -> None:
    late = client.handling()
    clock.advance(days=100)
    client.handling("roads")
    client.started()
    found = view(client, LI, "in_progress")
    counts = {bucket["name"]: bucket["count"] for bucket in found["buckets"]}
    assert counts == {"today": 0, "overdue": 1, "unknown": 0, "soon": 0, "near": 0, "later": 1, "undated": 1}
    assert sum(counts.values()) == found["count"] == len(found["rows"])
    assert found["rows"][0]["case"]["id"] == late["id"], "the earliest due first"
    for name, number in counts.items():
        assert len(view(client, LI, "in_progress", f"?due={name}")["rows"]) == number


def test_pages_filters_and_another_order(client: city.Client) -> None:
    cases = [client.handling(unit)["id"] for unit in ("housing", "roads", "housing")]
    seen, address = [], "/v1/views/in_progress?limit=2&sort=-id"
    while address:
        answer = client(LI, "GET", address)
        seen += [row["case"]["id"] for row in answer.json["rows"]]
        assert answer.headers.get("Link") == (
            f'<{answer.json["next"]}>; rel="next"' if answer.json["next"] else None
        )
        address = answer.json["next"]
    assert seen == sorted(cases, reverse=True)
    ours = view(client, LI, "in_progress", "?party=housing")
    assert (ours["count"], {row["case"]["id"] for row in ours["rows"]}) == (2, {cases[0], cases[2]})
    assert view(client, LI, "in_progress", "?opened_from=2026-03-03")["count"] == 0
    assert client(LI, "GET", "/v1/views/in_progress?due=never").status_code == 400


def test_a_view_shows_no_more_than_the_filter_lets(client: city.Client) -> None:
    """The unit has the list of surveys by its role, and of its own survey not even the count."""
    client.evaluating()
    assert view(client, LI, "surveys")["count"] == 2
    for who in ("wang.fang", "wu.hao"):
        found = view(client, who, "surveys")
        assert (found["count"], found["rows"], sum(b["count"] for b in found["buckets"])) == (0, [], 0)
    assert view(client, "wu.hao", "in_progress")["count"] == 1
    client.handling("roads")
    assert view(client, "wu.hao", "in_progress")["count"] == 1, "another unit's case"


def test_they_are_served_in_a_hosts_own_application(city_engine: Engine) -> None:
    app = Flask("host")
    app.register_blueprint(create_blueprint(city_engine, city.bearer), url_prefix="/congress")
    asked = city.Client(app)
    (first, _) = asked(LI, "GET", "/congress/v1/views").json["views"]
    assert first["address"] == "/congress/v1/views/in_progress"
    assert asked(LI, "GET", first["address"]).json["rows"] == []


def filters(client: city.Client, who: str) -> list[Any]:
    found: list[Any] = client(who, "GET", "/v1/filters").json["filters"]
    return found


def test_a_kept_filter_finds_what_it_was_kept_for_and_is_nobody_elses(client: city.Client) -> None:
    case, other = client.handling(), client.handling("roads")
    asked = {"kind": "suggestion", "states": "handling,filed", "party": "housing", "closed": "false"}
    kept = client(LI, "POST", "/v1/filters", {"name": "住建 在办", "filter": asked})
    assert (kept.status_code, kept.json["filter"], kept.json["view"]) == (201, asked, None)
    narrow = client(
        LI, "POST", "/v1/filters", {"name": "道路", "view": "in_progress", "filter": {"party": "roads"}}
    ).json
    assert narrow["cases"] == "/v1/views/in_progress?party=roads"
    assert filters(client, LI) == sorted([kept.json, narrow], key=lambda one: str(one["name"]))
    assert filters(client, "wang.fang") == []
    (found,) = client(LI, "GET", kept.json["cases"]).json["cases"]
    (row,) = client(LI, "GET", narrow["cases"]).json["rows"]
    assert (found["id"], row["case"]["id"]) == (case["id"], other["id"])
    assert client("qian.min", "GET", kept.json["cases"]).json["cases"] == [], "an address opens nothing"
    again = client(LI, "POST", "/v1/filters", {"name": "道路", "filter": {"over": "target"}}).json
    assert len(filters(client, LI)) == 2, "the same name, the newer filter"
    assert client("wang.fang", "DELETE", f"/v1/filters/{again['id']}").status_code == 204
    assert again in filters(client, LI), "nobody else drops it"
    assert client(LI, "DELETE", f"/v1/filters/{again['id']}").status_code == 204
    assert filters(client, LI) == [kept.json]


def test_a_filter_that_could_not_be_asked_is_not_kept(client: city.Client) -> None:
    def wrong(**body: Any) -> list[str]:
        answer = client(LI, "POST", "/v1/filters", {"name": "x", **body})
        assert answer.status_code == 422
        return [error["pointer"] for error in answer.json["errors"]]

    assert wrong(filter={"due_before": "tomorrow", "nothing": "1"}) == [
        "/filter/due_before",
        "/filter/nothing",
    ]
    assert (
        wrong(filter={"cursor": "x"})
        == wrong(view="in_progress", filter={"cursor": "x"})
        == ["/filter/cursor"]
    )
    assert wrong(filter={"states": ",".join(["handling"] * 200)}) == ["/filter"]
    assert wrong(name="a\u202eb") == ["/name"]
    gone = client("wang.fang", "POST", "/v1/filters", {"name": "x", "view": "in_progress"})
    assert gone.status_code == 404 and "surveys" in gone.json["detail"], "only of one's own views"
    for number in range(30):
        assert client(LI, "POST", "/v1/filters", {"name": f"{number}"}).status_code == 201
    assert client(LI, "POST", "/v1/filters", {"name": "30"}).status_code == 409
    assert client(LI, "POST", "/v1/filters", {"name": "7", "filter": {"state": "filed"}}).status_code == 201


def test_what_the_console_keeps_is_told_here_too(client: city.Client) -> None:
    city.register(client.app.extensions["engine"])
    for name, address in {
        "a": "/found?kind=suggestion&over=target&closed=false&cursor=x", "b": "/views/in_progress?party=陈静&due=later&sort=",
        "c": "/waiting?due=today", "d": "/views/in_progress?says.session=五次", "e": "/found?unheard=1",
    }.items():  # fmt: skip
        keep(client.app.extensions["engine"], LI, name, address)
    told = {one["name"]: (one["view"], one["filter"], one["cases"]) for one in filters(client, LI)}
    assert told == {
        "a": (None, {"kind": "suggestion", "over": "target", "closed": "false"},
              "/v1/cases?kind=suggestion&closed=false&over=target"),
        "b": ("in_progress", {"party": "d.chen", "due": "later"}, "/v1/views/in_progress?due=later&party=d.chen"),
        "c": (None, None, None), "d": ("in_progress", None, None), "e": (None, None, None),
    }  # fmt: skip
