"""The description is what the table says, what is committed and what is served; each of its answers has been given once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from flask import Blueprint, Flask
from jsonschema import Draft202012Validator
from markupsafe import escape
from openapi_spec_validator import validate
from werkzeug.test import TestResponse

from api import calendars, create_app, create_blueprint, migrate
from api.dispatch import register
from api.leads import LEADS
from api.limits import Counter, Limit
from api.nonces import Nonces
from api.openapi import EXAMPLES, describe
from api.pace import Paced
from api.packs import ASKED
from api.problems import MEDIA_TYPE, TITLES, respond
from api.routes import KNOWN, PERMISSIONS, Desk, Reply, Route
from api.table import ROUTES
from workflow import Engine
from workflow.errors import StoreError, Text
from workflow.testing import FrozenClock, memory_engine

from . import http_walk as city

BY_NAME = {route.name: route for route in ROUTES}


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return describe(ROUTES)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    made = city.staff(memory_engine(city.city(), FrozenClock(city.TODAY)))
    yield made
    made.database.dispose()


# --- the table


def test_every_address_is_a_row_of_the_table(engine: Engine) -> None:
    rules = {
        (rule.rule, rule.endpoint.rpartition(".")[2])
        for rule in create_app(engine, city.bearer).url_map.iter_rules()
    }
    assert rules == {(route.path, route.name) for route in ROUTES}


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: r.name)
def test_every_route_declares_who_may(route: Route) -> None:
    assert route.permission in PERMISSIONS
    assert bool(route.scope) == (route.permission in KNOWN), (
        "a token is allowed something, or nobody is asked"
    )
    harmless = route.method == "GET" or route.name.endswith("_preview")
    assert harmless == (route.audit == "none"), "what changes something leaves a trace"
    assert ("<id>" in route.path) or route.permission not in ("case", "event")
    assert route.text.zh and route.text.en


def test_who_may_is_asked_before_the_view_is_called(engine: Engine) -> None:
    """Of every route: without a proof, without an operator's right, of a case that is none of his."""
    called, asked = [], 0
    client = city.Client(city.served(engine))
    case = client.started()["id"]
    routes = tuple(
        replace(route, view=lambda _, name=route.name: called.append(name), looks=True) for route in ROUTES
    )
    blueprint = Blueprint("watched", __name__)
    register(
        Desk(
            engine=engine, identify=city.bearer, blueprint=blueprint, routes=routes, operators=[city.OPERATOR]
        )
    )
    blueprint.register_error_handler(Exception, respond)
    app = Flask("watched")
    app.register_blueprint(blueprint)
    watched = city.Client(app)
    for route in routes:
        address = re.sub("<[^>]+>", "x", route.path.replace("<id>", case))
        refused = {"": 401} if route.permission in KNOWN else {}
        refused |= {"li.wei": 403} if route.permission == "operator" else {}
        refused |= {"qian.min": 404} if route.permission in ("case", "event") else {}
        for who, status in refused.items():
            asked += 1
            assert watched(who, route.method, address, if_match='"1"').status_code == status, route.name
    assert (called, asked > len(ROUTES)) == ([], True)


# --- the description


def test_it_is_valid(described: dict[str, Any]) -> None:
    validate(described)


def test_it_is_committed(described: dict[str, Any]) -> None:
    assert json.loads(EXAMPLES.read_text("utf-8")) == city.recorded(), "python -m tests.http_walk"
    assert city.DESCRIPTION.read_text("utf-8") == city.shown(described), "python -m tests.http_walk"


def test_every_link_leads_somewhere(described: dict[str, Any]) -> None:
    """Its operation has those parameters, all that it requires of a header among them, and what it reads stands in the recorded
    answer.
    """
    asked = {one["operationId"]: one for _, one in operations(described)}
    for name, operation in asked.items():
        for answer in operation["responses"].values():
            for link in answer.get("links", {}).values():
                takes = asked[link["operationId"]]["parameters"]
                assert set(link["parameters"]) <= {one["name"] for one in takes}, (name, link)
                needed = {one["name"] for one in takes if one["in"] == "header" and one.get("required")}
                assert needed <= set(link["parameters"]), (name, link)
                shown = next(iter(answer["content"].values()))["example"]
                for place in link["parameters"].values():
                    for path in re.findall(r"\$response\.body#([^}]+)", place):
                        resolved(shown, path)
    assert {lead[0] for leads in LEADS.values() for lead in leads} <= set(asked)
    assert {route for route, _ in LEADS} <= set(asked)


def test_who_follows_the_link_of_what_is_permitted_fires_it(
    engine: Engine, described: dict[str, Any]
) -> None:
    """With the revision that he was shown there: nobody is asked for one that he was not told."""
    client = city.Client(city.served(engine))
    case = client("li.wei", "POST", "/v1/cases", city.START).json["id"]
    shown = client("li.wei", "GET", f"/v1/cases/{case}/permitted").json
    operation = described["paths"]["/v1/cases/{id}/permitted"]["get"]
    given = operation["responses"]["200"]["links"]["fire"]["parameters"]
    values = {
        name: re.sub(r"\{?\$response\.body#([^}]+)\}?", lambda found: str(resolved(shown, found[1])), place)
        for name, place in given.items()
    }
    assert (values["id"], values["event"]) == (case, shown["events"][0]["event"])
    address = f"/v1/cases/{case}/events/accept"
    answer = client("li.wei", "POST", address, {"data": {"session": "五次"}}, if_match=values["If-Match"])
    assert answer.status_code == 200


def resolved(shown: Any, path: str) -> Any:
    """What stands at a JSON pointer; None where a list is empty. Raises KeyError for a name that is not there."""
    for part in path.strip("/").split("/"):
        if shown is None or shown == []:
            return None
        shown = shown[int(part)] if isinstance(shown, list) else shown[part]
    return shown


def test_it_is_served(engine: Engine, described: dict[str, Any]) -> None:
    client = create_app(engine, city.bearer).test_client()
    answer = client.get("/v1/openapi.json")
    assert answer.json == described
    assert (
        client.get("/v1/openapi.json", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    )


def test_a_description_says_under_which_path_a_host_has_put_it(engine: Engine) -> None:
    host = Flask("host")
    host.register_blueprint(create_blueprint(engine, city.bearer), url_prefix="/congress")
    client = host.test_client()
    assert client.get("/congress/v1/openapi.json").json["servers"] == [{"url": "/congress"}]
    mounted = client.get("/congress/v1/openapi.json", base_url="http://localhost/city").json
    assert mounted["servers"] == [{"url": "/city/congress"}]


def test_what_is_honoured_is_described(described: dict[str, Any]) -> None:
    """Preferences where they are, and the headers by which one proves who he is."""
    asked = {one["operationId"]: one for _, one in operations(described)}
    said = {
        name: parameter["description"]
        for name, one in asked.items()
        for parameter in one["parameters"]
        if parameter["name"] == "Prefer"
    }
    assert said.keys() == {route.name for route in ROUTES if route.prefers}
    assert "count=exact" in said["search"] and "respond-async" in said["batch"]
    schemes = described["components"]["securitySchemes"]
    assert {schemes[name]["name"] for name in ("acting", "csrf")} == {"X-Acting-User", "X-CSRF-Token"}
    assert {"session": []} in asked["search"]["security"]
    assert {"session": [], "csrf": []} in asked["start"]["security"]


def operations(described: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in described["paths"].items():
        for method, operation in item.items():
            yield f"{method} {path}", operation


def test_every_answer_has_an_example_that_fits(described: dict[str, Any]) -> None:
    everything = {"$defs": described["components"]["schemas"]}
    for where, operation in operations(described):
        bodies = [(where, operation["requestBody"])] if "requestBody" in operation else []
        bodies += [(f"{where} {status}", answer) for status, answer in operation["responses"].items()]
        for place, body in bodies:
            for media, content in body.get("content", {}).items():
                shown = [content["example"]] if "example" in content else examples_of(described, content)
                assert shown, f"{place} {media} has no example"
                schema = json.loads(
                    json.dumps(content["schema"]).replace("#/components/schemas/", "#/$defs/")
                )
                schema |= json.loads(json.dumps(everything).replace("#/components/schemas/", "#/$defs/"))
                for example in shown:
                    faults = [error.message for error in Draft202012Validator(schema).iter_errors(example)]
                    assert not faults, f"{place}: {faults}"


def examples_of(described: Mapping[str, Any], content: Mapping[str, Any]) -> list[Any]:
    names = [reference["$ref"].rpartition("/")[2] for reference in content.get("examples", {}).values()]
    found = [described["components"]["examples"][name]["value"] for name in names]
    assert all(found), f"no example for one of {names}"
    return found


def test_the_page_needs_nothing_from_outside(engine: Engine) -> None:
    answer = create_app(engine, city.bearer).test_client().get("/v1/docs")
    page = answer.text
    assert answer.status_code == 200
    for route in ROUTES:
        assert f'id="{route.name}"' in page
    for code in TITLES:
        assert f'id="problem-{code}"' in page
    assert set(re.findall(r'(?:href|src|action)="([^#"][^"]*)"', page)) == {"openapi.json"}
    assert not [
        word for word in ("<script", "<img", "<link", "@import", "url(", "style=") if word in page.lower()
    ]
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy


def test_an_integrator_finds_his_way_on_the_page(engine: Engine, described: dict[str, Any]) -> None:
    """Every way on the page leads somewhere; each address says what it does, what stands in it, who may and what follows."""
    page = create_app(engine, city.bearer).test_client().get("/v1/docs").text
    anchors = set(re.findall(r'href="#([^"]+)"', page))
    assert anchors <= set(re.findall(r'id="([^"]+)"', page))
    assert {f"schema-{name}" for name in described["components"]["schemas"]} - anchors == set(), (
        "nothing stands alone"
    )
    contents = page.partition("<nav")[2].partition("</nav>")[0]
    for _, operation in operations(described):
        assert str(escape(operation["summary"])) in contents
        for one in operation["parameters"]:
            assert one["in"] != "path" or one["description"]
    for scheme in described["components"]["securitySchemes"].values():
        assert str(escape(scheme["description"].partition("`")[0])) in page
    assert "`" not in re.sub(r"<pre>.*?</pre>", "", page, flags=re.DOTALL)
    assert '<a href="#problem-stale"><code>stale</code></a>' in page


# --- every documented error is produced


CASES = [(route.name, code) for route in ROUTES for code in route.codes()]
PATHS = {
    "ledger": "ledger",
    "event": "accept",
    "moment": "2026-03-02",
    "name": "reply",
    "kind": "suggestion",
    "view": "in_progress",
    "sha256": "a" * 64,
}


@pytest.fixture(scope="module")
def app(engine: Engine) -> Flask:
    return city.served(engine)


@pytest.mark.parametrize(("name", "code"), CASES)
def test_story_G09_every_documented_error_is_produced(
    app: Flask, engine: Engine, name: str, code: str
) -> None:
    answer = Provoked(app, engine, BY_NAME[name]).answer(code)
    body = json.loads(answer.data)
    assert (answer.mimetype, answer.status_code, body["code"]) == (MEDIA_TYPE, TITLES[code][0], code)
    assert body["texts"]["zh"] and body["texts"]["en"] and body["title"]


class Provoked:
    """One route, asked so that it answers a given no."""

    def __init__(self, app: Flask, engine: Engine, route: Route) -> None:
        self.route = route
        self.engine = engine
        self.client = city.Client(app)
        self.case = self.client("li.wei", "POST", "/v1/cases", city.START).json
        self.body = json.loads(EXAMPLES.read_text("utf-8")).get(f"{route.name}.request")

    def answer(self, code: str) -> TestResponse:
        special = SPECIAL.get((self.route.name, code))
        if special is not None:
            return special(self)
        return getattr(self, f"_{code}")()

    def ask(
        self, who: str = city.OPERATOR, path: Mapping[str, str] | None = None, query: str = "", **more: Any
    ) -> TestResponse:
        address = self.route.path
        for part, value in ({"id": self.case["id"]} | PATHS | (path or {})).items():
            address = address.replace(f"<{part}>", value)
        if self.route.conditional:
            more.setdefault("if_match", f'"{self.case["revision"]}"')
        if self.route.name == "public_parties":
            query = query or "?kind=deputy&code=d.chen"
        if self.route.name == "posters" and path is not None:
            query = query or "?station=none"
        if self.route.name == "report_performance":
            query = query or "?party=d.chen"
        if self.route.name == "letters_of":
            query = query or f"?cases={(path or self.case)['id']}"
        if self.route.upload:
            sent = (
                ("?name=a.csv", b"id,name\n") if self.route.tag == "exchange" else ("?name=a.pdf", city.PDF)
            )
            query, more = query or sent[0], {"data": sent[1], **more}
        elif self.route.body is not None and "data" not in more:
            more.setdefault("body", self.body)
        return self.client(who, self.route.method, address + query, **more)

    def raw(self, data: bytes, media: str = "application/json") -> TestResponse:
        return self.ask(data=data, content_type=media)

    def failing(self, error: Exception) -> TestResponse:
        def fail(_: object) -> Reply:
            raise error

        self.client = city.Client(self.with_view(fail))
        return self.ask()

    def with_view(self, view: Any) -> Flask:
        blueprint = Blueprint("tibandu", __name__)
        routes = (replace(self.route, view=view),)
        register(
            Desk(
                engine=self.engine,
                identify=city.bearer,
                blueprint=blueprint,
                routes=routes,
                operators=frozenset([city.OPERATOR]),
            )
        )
        blueprint.register_error_handler(Exception, respond)
        app = Flask("broken")
        app.register_blueprint(blueprint)
        return app

    def _internal(self) -> TestResponse:
        return self.failing(RuntimeError("inside"))

    def _unavailable(self) -> TestResponse:
        return self.failing(StoreError(Text("库", "store")))

    def _conflict(self) -> TestResponse:
        """Whenever it is to be written, the row has another revision: somebody was first."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(self.engine.store), "write", lambda *_: False)
            return self.ask()

    def _too_many(self) -> TestResponse:
        """The second request of a minute, where one is allowed of a person, and of an address."""
        limits = (Limit(what=what, most=1, seconds=60) for what in ("one", "other"))
        once = Paced(self.engine, city.bearer, *limits)
        self.client = city.Client(create_app(self.engine, once, operators=[city.OPERATOR]))
        for who in (city.OPERATOR, ""):
            self.client(who, "GET", "/v1/definitions")
        return self.ask()

    def _unauthenticated(self) -> TestResponse:
        return self.ask(who="")

    def _csrf(self) -> TestResponse:
        city.enter(self.client.client, self.engine, city.OPERATOR)
        return self.ask(who="")

    def _not_found(self) -> TestResponse:
        return self.ask(
            path={
                "id": "none",
                "kind": "none",
                "batch": "none",
                "token": "none",
                "token_id": "none",
                "grant_id": "none",
                "ledger": "none",
                "party": "none",
                "view": "none",
            }
        )

    def _not_permitted(self) -> TestResponse:
        return self.ask(city.NARROW)

    def _bad_request(self) -> TestResponse:
        if self.route.query is not None:
            return self.ask(query="?nonsense=1")
        if self.route.method == "POST" and not self.route.keyed:
            return self.ask(idempotency_key="k")
        return self.ask(if_match="x") if self.route.conditional else self.raw(b"{")

    def _not_json(self) -> TestResponse:
        return self.raw(b"a=1", "text/plain")

    def _too_large(self) -> TestResponse:
        return self.raw(b'{"a":"' + b"x" * (1 << 20) + b'"}')

    def _media_refused(self) -> TestResponse:
        return self.ask(content_encoding="gzip")

    def _form_invalid(self) -> TestResponse:
        return self.ask(body={"nonsense": 1})

    def _revision_required(self) -> TestResponse:
        return self.ask(if_match="")

    def _stale(self) -> TestResponse:
        return self.ask(if_match='"999"')

    def _key_reused(self) -> TestResponse:
        key = f"k-{self.route.name}"
        assert self.ask(idempotency_key=key).status_code < 300
        other = {"rows": [*self.body["rows"]] * 2} if "rows" in self.body else dict(self.body, reason="别的")
        return self.ask(body=other, idempotency_key=key)


def _part_beyond_the_end(p: Provoked) -> TestResponse:
    kept = p.client("wu.hao", "POST", "/v1/documents?name=a.pdf", data=city.PDF).json
    p.case = p.client.fire("wu.hao", p.client.handling(), "reply", reply_letter=kept, promised=False).json
    return p.ask("li.wei", path={"sha256": kept["sha256"]}, range="bytes=1000000-")


def _guard_failed_fire(p: Provoked) -> TestResponse:
    p.case = p.client.evaluating()
    return p.client.fire("li.wei", p.case, "conclude")


def _invite_by_a_unit(p: Provoked) -> TestResponse:
    p.case = p.client.evaluating()
    return p.ask("wang.fang", body=dict(p.body, events=["conclude"]))


def by_link(
    p: Provoked, *bodies: dict[str, Any], tallied: bool = False, key: str | None = None
) -> TestResponse:
    """The last answer to these, sent by a link one after the other."""
    p.case = p.client.evaluating()
    survey = p.client.surveys(p.case["id"])["d.chen"]
    link = p.client.link(survey)
    for body in bodies[:-1]:
        p.client("", "POST", link, body, **({"idempotency_key": key} if key else {}))
    if tallied:
        p.client.fire("li.wei", p.client("li.wei", "GET", f"/v1/cases/{survey}").json, "tally")
    return p.client("", "POST", link, bodies[-1], **({"idempotency_key": key} if key else {}))


GOOD = {"data": {"level": "satisfied"}}
BAD = {"data": {"level": "dissatisfied"}}


def guessed(p: Provoked, address: str = "/v1/invitations/" + "0" * 64) -> TestResponse:
    """The last of many guesses, from an address of its own."""
    app = p.client.app
    client = app.test_client()
    ask = {
        "method": p.route.method,
        "json": (p.body or GOOD) if p.route.body else None,
        "environ_base": {"REMOTE_ADDR": p.route.name},
    }
    return [client.open(address, **ask) for _ in range(21)][-1]


def _door_with_a_stale_form(p: Provoked) -> TestResponse:
    city.register(p.engine)
    return p.ask(path={"code": city.DOOR})


def _another_opinion_with_a_used_form(p: Provoked) -> TestResponse:
    city.register(p.engine)
    body = p.body | {"nonce": Nonces(p.engine).make(f"opinion/{city.DOOR}")}
    assert p.ask(path={"code": city.DOOR}, body=body).status_code == 201
    return p.ask(path={"code": city.DOOR}, body=body | {"subject": "别的"})


def _too_often_at_the_door(p: Provoked) -> TestResponse:
    """Whoever guesses codes is stopped, whatever he asks then."""
    return guessed(p, p.route.path.replace("<code>", "a" * 12).replace("<receipt>", "a" * 26))


def _too_many_feeds(p: Provoked) -> TestResponse:
    return [p.ask() for _ in range(21)][-1]


def _own_case(p: Provoked, **more: Any) -> TestResponse:
    return p.ask(body={"cases": [p.case["id"]], **more.pop("body", {})}, **more)


def _too_many_letters(p: Provoked) -> TestResponse:
    for _ in range(ASKED.most):
        Counter(p.engine).count(ASKED, city.OPERATOR)
    answer = _own_case(p)
    Counter(p.engine).forget(ASKED, city.OPERATOR)  # one engine for all
    return answer


def _other_letters(p: Provoked) -> TestResponse:
    assert _own_case(p, idempotency_key="letters").status_code == 202
    return _own_case(p, body={"letters": ["assignment"]}, idempotency_key="letters")


def _pack_to_come(provoked: Provoked) -> TestResponse:
    """Accepted, and made by nobody yet."""
    job = provoked.client(city.OPERATOR, "POST", "/v1/letters", {"cases": [provoked.case["id"]]}).json
    return provoked.ask(path={"batch": job["id"]})


def _without_figures(provoked: Provoked) -> TestResponse:
    """By an engine whose library does not say of which cases figures are made."""
    library = replace(city.city(), console=replace(city.city().console, figures=None))
    engine = Engine(provoked.engine.database, library, clock=provoked.engine.clock)
    provoked.client = city.Client(create_app(engine, city.bearer))
    return provoked.ask()


def _used_up(limit: Limit) -> Callable[[Provoked], TestResponse]:
    """Asked once more often than is allowed within the hour."""

    def ask(provoked: Provoked) -> TestResponse:
        for _ in range(limit.most):
            Counter(provoked.engine).count(limit, city.OPERATOR)
        answer = provoked.ask()
        Counter(provoked.engine).forget(limit, city.OPERATOR)  # one engine for all
        return answer

    return ask


def _other_migration(provoked: Provoked) -> TestResponse:
    body = provoked.body | {"to": provoked.engine.library.definitions["suggestion"].version}
    assert provoked.ask(body=body, idempotency_key="moves").status_code == 200
    return provoked.ask(body=body | {"state": "filed"}, idempotency_key="moves")


def _another_was_first(p: Provoked) -> TestResponse:
    """A deputy answers, and somebody else is first whenever it is to be written."""
    p.case = p.client.evaluating()
    link = p.client.link(p.client.surveys(p.case["id"])["d.chen"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(p.engine.store), "write", lambda *_: False)
        return p.client("", "POST", link, GOOD)


def _too_many_filters(p: Provoked) -> TestResponse:
    return [p.ask(body={"name": f"{number}"}) for number in range(31)][-1]


SPECIAL = {
    ("filter_keep", "conflict"): _too_many_filters,
    ("filter_keep", "not_found"): lambda p: p.ask(body={"name": "x", "view": "none"}),
    ("calendar_apply", "conflict"): lambda p: p.ask(body=p.body | {"instead_of": "cn-1999"}),
    ("invitation_answer", "conflict"): _another_was_first,
    ("report_year", "not_found"): _without_figures,
    ("migrate", "too_many"): _used_up(migrate.ASKED),
    ("migrate", "key_reused"): _other_migration,
    ("batch_letters", "not_ready"): _pack_to_come,
    ("calendar_preview", "too_many"): _used_up(calendars.ASKED),
    ("letters_job", "too_many"): _too_many_letters,
    ("letters_job", "key_reused"): _other_letters,
    ("feed_open", "conflict"): _too_many_feeds,
    ("subscribe", "conflict"): _too_many_feeds,
    ("public_leave", "conflict"): _door_with_a_stale_form,
    ("public_leave", "key_reused"): _another_opinion_with_a_used_form,
    ("public_station", "too_many"): _too_often_at_the_door,
    ("public_leave", "too_many"): _too_often_at_the_door,
    ("public_opinion", "too_many"): _too_often_at_the_door,
    ("feed_fetch", "too_many"): lambda p: guessed(p, "/v1/ical/" + "0" * 64),
    ("break_glass", "not_found"): lambda p: p.ask(body=p.body | {"case": "none"}),
    ("start", "deadline_refused"): lambda p: p.ask(body=city.START | {"effective_on": "2030-01-01"}),
    ("case_at", "bad_request"): lambda p: p.ask(path={"moment": "yesterday"}),
    ("public_parties", "not_found"): lambda p: p.ask(query="?kind=deputy&code=none"),
    ("public_parties", "too_many"): lambda p: guessed(p, "/v1/public/parties?kind=deputy&code=none"),
    ("import", "too_large"): lambda p: p.ask(data=b"x" * ((4 << 20) + 1)),
    ("import_preview", "too_large"): lambda p: p.ask(data=b"x" * ((4 << 20) + 1)),
    ("import_faults_preview", "too_large"): lambda p: p.ask(data=b"x" * ((4 << 20) + 1)),
    ("upload", "media_refused"): lambda p: p.ask(data=b"#!/bin/sh"),
    ("document", "no_such_part"): _part_beyond_the_end,
    ("upload", "too_large"): lambda p: p.ask(data=b"%PDF" + b"x" * (32 << 20)),
    ("import_faults_preview", "media_refused"): lambda p: p.ask(query="?name=a.xlsx", data=b"no zip"),
    ("invite", "not_permitted"): _invite_by_a_unit,
    ("invitation", "too_many"): guessed,
    ("invitation_answer", "too_many"): guessed,
    ("invitation_answer", "not_permitted"): lambda p: by_link(p, {"event": "tally"}),
    ("invitation_answer", "not_in_state"): lambda p: by_link(p, GOOD, GOOD, tallied=True),
    ("invitation_answer", "guard_failed"): lambda p: by_link(p, BAD),
    ("invitation_answer", "key_reused"): lambda p: by_link(
        p, GOOD, {"data": {"level": "dissatisfied", "reasons": "a"}}, key="k"
    ),
    ("fire", "not_permitted"): lambda p: p.ask(path={"event": "urge"}, body={}),
    ("fire", "not_in_state"): lambda p: p.ask(path={"event": "conclude"}, body={}),
    ("fire", "guard_failed"): _guard_failed_fire,
    ("fire", "deadline_refused"): lambda p: p.ask(
        body={"data": {"session": "五次"}, "effective_on": "2030-01-01"}
    ),
}
