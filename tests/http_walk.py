"""One suggestion of a small city over HTTP, from its proposal to its end, with a "no" of every kind: what is recorded here stands
as the examples in the description of the service.

    python -m tests.http_walk      writes api/examples.json and docs/openapi.json anew
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask, Request, Response, request_started
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from api import Accounts, Caller, Folder, Jobs, Sessions, create_app, create_schema
from api.openapi import EXAMPLES, describe, examples
from api.store import Shelf
from api.table import ROUTES
from api.uploads import Uploads
from definitions.doors import code_of
from definitions.letters.paper import Paper
from definitions.papers import Papers
from workflow import Actor, Conflict, Engine, load_definitions
from workflow.errors import StoreError, Text
from workflow.library import Library
from workflow.model import Bond, Party
from workflow.outbox import Contact, Receipt
from workflow.testing import FrozenClock, memory_engine

HERE = Path(__file__).parent
FOLDER = HERE / "data" / "http"
DESCRIPTION = HERE.parent / "docs" / "openapi.json"
TENANT = "hubei/xianning"
TODAY = date(2026, 3, 2)
OPERATOR = "he.jun"
INTAKE = "svc.qr"
NARROW = "svc.narrow"
"""comes with a token that is good for nothing"""
NONCE, RECEIPT = f"69a4e110.{'0' * 32}.{'0' * 64}", "a2" * 13
"""in examples, in the place of those that were drawn"""
SHELF = tempfile.TemporaryDirectory(prefix="documents-")
LETTER = {"sha256": "a" * 64, "size": 48213, "media_type": "application/pdf", "name": "答复函.pdf"}
PDF = b"%PDF-1.7\n1 0 obj << >> endobj\n%%EOF\n"
PROPOSAL = {"title": "关于增设零工驿站的建议", "body": "在商圈建设驿站", "signers": ["d.chen", "d.zhou"]}
START = {"kind": "suggestion", "tenant": TENANT, "data": PROPOSAL}
PERSONS = {
    "li.wei": ("office", None), "he.jun": ("office", None), "wang.fang": ("unit_clerk", "housing"),
    "wu.hao": ("unit_head", "housing"), "qian.min": ("unit_clerk", "roads"),
}  # fmt: skip


@cache
def city() -> Library:
    return load_definitions(FOLDER)


STATION = Party(id="station.12", kind="station", name="温泉街道联络站", tenant=TENANT)
CHEN = Party(
    id="d.chen", kind="deputy", name="陈静", tenant=TENANT, attributes={"electing_unit": "温泉选区"},
    personal={"phone": "13800000000"}, bonds=(Bond(bond="station", to="station.12"),),
)  # fmt: skip


def register(engine: Engine) -> None:
    """A deputy and her station."""
    for party in (STATION, CHEN):
        engine.parties.put([party], by=Actor(person="li.wei"), trusted=True)


def staff(engine: Engine) -> Engine:
    for person, (role, unit) in PERSONS.items():
        engine.grant(person, role, TENANT, unit=unit)
    engine.grant(INTAKE, "qr_intake", TENANT)
    return engine


def forget(engine: Engine) -> None:
    """Drop the service's own tables, which the test before left there."""
    tables = Shelf(engine).tables
    with engine.database.begin() as connection:
        tables.metadata.drop_all(connection)
        connection.execute(text(f"drop table if exists {tables.prefix}version"))


def opened(url: str, clock: FrozenClock, library: Library | None = None) -> Iterator[Engine]:
    """The city on a database that has the schema already."""
    engine = Engine(url, library or city(), clock=clock)
    engine.publish(Actor(person="set-up"))
    forget(engine)
    yield staff(engine)
    engine.database.dispose()


@pytest.fixture
def city_engine(ready_url: str, clock: FrozenClock) -> Iterator[Engine]:
    """The engine of the city on each database."""
    yield from opened(ready_url, clock)


@pytest.fixture
def client(city_engine: Engine) -> Client:
    """Its service, and somebody who asks."""
    return Client(served(city_engine))


def served(engine: Engine) -> Flask:
    """The whole service of the city."""
    create_schema(engine)
    for person in PERSONS:
        Uploads(engine).note(person, LETTER["sha256"], 1)  # type: ignore[arg-type]
    app = create_app(
        engine,
        Sessions(engine, bearer),
        operators=[OPERATOR],
        documents=Folder(Path(SHELF.name)),
        public=["deputy"],
        papers=papers(engine),
        intake=INTAKE,
        allow=[ipaddress.ip_network("127.0.0.0/8")],
    )
    app.extensions["engine"] = engine
    return app


def papers(engine: Engine) -> Papers:
    return Papers(engine, templates())


@cache
def templates() -> Path:
    """The city's own letter of assignment: its definitions know fewer words than ours."""
    folder = Path(SHELF.name) / "letters"
    folder.mkdir()
    paper = Paper("assignment")
    paper.title("交办函")
    paper.text("{{ letter.to }}：{{ root.data.title }} {{ root.data.body }}")
    (folder / "assignment.docx").write_bytes(paper.content())
    return folder


def bearer(asking: Request) -> Actor | Caller | None:
    """Who says the name of one of them is believed: for tests alone."""
    scheme, _, name = asking.headers.get("Authorization", "").partition(" ")
    if name == NARROW:
        return Caller(Actor(person="li.wei"), frozenset())
    return Actor(person=name) if scheme == "Bearer" and name in PERSONS else None


CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "潜山下的零工驿站2026"


def enter(client: FlaskClient, engine: Engine, person: str) -> None:
    """Somebody signs in with a browser, by an account that he has used before."""
    accounts = Accounts(engine, CHEAP)
    if accounts.get(person) is None:
        made = accounts.add(person, by="set-up")
        accounts.change(person, made or "", PASSWORD)
    with client.application.test_request_context():
        response = Response()
        Sessions(engine).open(accounts.get(person) or person)(response)
    name, _, value = response.headers["Set-Cookie"].partition(";")[0].partition("=")
    client.set_cookie(name, value)


ROUTE = {route.name: route for route in ROUTES}


class Client:
    """Asks as somebody and remembers the first answer of every kind."""

    def __init__(self, app: Flask) -> None:
        self.client: FlaskClient = app.test_client()
        self.app = app
        self.found: dict[str, Any] = {}
        self._asked = ""

    def __call__(
        self, who: str, method: str, address: str, body: Any = None, data: bytes | None = None,
        form: dict[str, str] | None = None, **headers: str,
    ) -> TestResponse:  # fmt: skip
        sent = {name.replace("_", "-").title(): value for name, value in headers.items()}
        if who:
            sent["Authorization"] = f"Bearer {who}"
        data = form if form is not None else data  # type: ignore[assignment]
        more: dict[str, Any] = {"data": data} if data is not None else {} if body is None else {"json": body}
        with request_started.connected_to(self._remember, self.app):
            answer = self.client.open(address, method=method, headers=sent, **more)
        self._keep(answer, body or form)
        return answer

    def _remember(self, _app: Flask, **_: Any) -> None:
        from flask import request

        self._asked = (request.endpoint or "").rpartition(".")[2]

    def _keep(self, answer: TestResponse, body: Any) -> None:
        if answer.mimetype == "application/problem+json":
            shown = json.loads(answer.data)
            lost = [
                at
                for one in shown.get("errors", ())
                if (at := one.get("pointer")) and not self._leads(body, at)
            ]
            assert not lost, f"{self._asked}: {lost} lead nowhere in {body}"
            self.found.setdefault(f"problem.{shown['code']}", shown)
            return
        if answer.mimetype == "application/json":
            self.found.setdefault(f"{self._asked}.{answer.status_code}", json.loads(answer.data))
        elif answer.data and b"\0" not in answer.data:
            self.found.setdefault(f"{self._asked}.{answer.status_code}", answer.text[:400])
        if answer.status_code < 400 and body is not None:
            self.found.setdefault(f"{self._asked}.request", body)

    def _leads(self, body: Any, place: str) -> bool:
        """Whether a pointer leads to what was sent, or names a member that was left out and that there is."""
        *parents, last = place.removeprefix("/").split("/")
        for part in parents:
            body = body[int(part)] if isinstance(body, list) and part.isdigit() else body.get(part, {})
        if isinstance(body, list):
            return last.isdigit() and int(last) < len(body)
        if last in body or not parents:
            route = ROUTE[self._asked]
            return last in body or (route.body is not None and last in route.body().fields)
        if parents == ["calendar"]:
            return last in CALENDAR
        known = self.app.extensions["engine"].library.definitions.values()
        return parents == ["data"] and any(last in kind.fields for kind in known)

    def fire(self, who: str, case: dict[str, Any], event: str, _query: str = "", **data: Any) -> TestResponse:
        """An event on the case as it was seen."""
        return self(
            who,
            "POST",
            f"/v1/cases/{case['id']}/events/{event}{_query}",
            {"data": data},
            if_match=f'"{case["revision"]}"',
        )

    def started(self, **data: Any) -> dict[str, Any]:
        """A suggestion that has just been entered."""
        case: dict[str, Any] = self("li.wei", "POST", "/v1/cases", START | {"data": PROPOSAL | data}).json
        return case

    def handling(self, unit: str = "housing", session: str = "五次", **data: Any) -> dict[str, Any]:
        """One that a unit has in its hands."""
        case = self.fire("li.wei", self.started(**data), "accept", session=session).json
        return self.fire("li.wei", case, "assign", lead_unit=unit).json

    def evaluating(self, **data: Any) -> dict[str, Any]:
        """One whose signers are asked; as it is now."""
        case = self.fire("wu.hao", self.handling(**data), "reply", reply_letter=LETTER, promised=False).json
        return self.fire("li.wei", case, "ask").json

    def surveys(self, case: str) -> dict[str, str]:
        """Deputy -> his survey."""
        children = self("li.wei", "GET", f"/v1/cases/{case}?include=children").json["children"]
        return {child["party"]: child["id"] for child in children}

    def link(self, survey: str, subject: str = "d.chen") -> str:
        """The address of a new link by which he answers."""
        body = {"events": ["answer"], "subject": subject, "until": "2026-04-30"}
        return str(self("li.wei", "POST", f"/v1/cases/{survey}/invitations", body).json["address"])


def walk(client: Client, engine: Engine, clock: FrozenClock) -> None:
    """The whole way; every route is asked, every answer given once."""
    li = "li.wei"
    client(li, "POST", "/v1/cases?dry_run=1", START)
    case = client(li, "POST", "/v1/cases", START, idempotency_key="import-2026-001").json
    address = f"/v1/cases/{case['id']}"
    case = client.fire(li, case, "accept", session="五次").json
    client.fire(li, case, "assign", "?dry_run=1", lead_unit="housing")
    case = client.fire(li, case, "assign", lead_unit="housing").json
    clock.advance(days=20)
    engine.alerts.address()
    _calendar(client)
    _moves(client, engine)
    _webhook(client)
    case = client.fire("wu.hao", case, "reply", reply_letter=LETTER, promised=False).json
    client(li, "GET", f"{address}?include=clocks,permitted,children,overlays,documents,history")
    client(li, "GET", f"{address}/permitted")
    client(li, "GET", f"{address}/history?limit=2")
    client(li, "GET", f"{address}/at/2026-03-02")
    client(li, "GET", f"{address}/clocks/reply")
    client(li, "GET", f"{address}/letters")
    client(li, "GET", "/v1/posters.zip?station=none")
    client(li, "GET", "/v1/ledgers")
    table = "ref,title,body,signers\n001,关于增设零工驿站充电桩的建议,在驿站设充电桩,d.chen\n".encode()
    where = "/v1/imports/suggestion{}?name=suggestions.csv&tenant=hubei/xianning"
    client(li, "GET", "/v1/imports/suggestion/form")
    client(li, "POST", where.format("/preview"), data=table.replace(b"d.chen", b"d.none"))
    client(li, "POST", where.format("/faults"), data=table.replace(b"d.chen", b"d.none"))
    client(li, "POST", where.format(""), data=table)
    client(li, "GET", "/v1/ledgers/ledger")
    client(li, "GET", "/v1/ledgers/ledger/rows")
    client(li, "GET", "/v1/reports")
    client(li, "GET", "/v1/reports/year")
    client(li, "GET", "/v1/reports/yearly?year=2026")
    client(li, "GET", "/v1/reports/performance?party=d.chen")
    client(li, "GET", f"{address}/letters/assignment?to=housing")
    client(li, "GET", f"/v1/letters.zip?cases={case['id']}&letters=assignment")
    pack = client(li, "POST", "/v1/letters", {"cases": [case["id"]], "letters": ["assignment"]}).json
    made = f"/v1/batches/{pack['id']}/letters.zip"
    client(li, "GET", made)
    while Jobs(engine, papers(engine)).advance():
        pass
    client(li, "GET", made)
    client.started(body="在商圈建设驿站,供骑手休息")
    client(li, "GET", f"{address}/similar")
    client(li, "GET", "/v1/cases?kind=suggestion&sort=due_on", prefer="count=exact")
    client(li, "GET", "/v1/worklist")
    client(li, "GET", "/v1/views")
    client(li, "GET", "/v1/views/in_progress?limit=1")
    body = {"name": "住建局 逾期", "filter": {"kind": "suggestion", "party": "housing", "over": "target"}}
    kept = client(li, "POST", "/v1/filters", body).json
    client(li, "GET", "/v1/filters")
    client(li, "DELETE", f"/v1/filters/{kept['id']}")
    client("", "GET", "/v1/health")
    client(li, "POST", f"{address}/events/ask", {}, if_match=f'"{case["revision"]}"', prefer="return=minimal")
    _round_about(client)
    _many(client)
    client(li, "POST", "/v1/documents?name=答复函.pdf", data=PDF)
    client(li, "POST", "/v1/documents?name=答复函.pdf", data=b"#!/bin/sh")
    _by_link(client, address)
    _lent(client)
    _present(client, engine)
    _refusals(client, address, case)
    _given_up(client, engine)
    _in_parts(client)
    client("", "GET", "/healthz/live")
    client("", "GET", "/healthz/ready")
    engine.tick()
    client("", "GET", "/healthz/ready")


def _given_up(client: Client, engine: Engine) -> None:
    """A letter that nobody takes, and once more."""
    engine.alerts.set_contacts("wang.fang", [Contact(channel="mail", address="wang.fang@example.cn")])
    told = client.handling(session="七次")
    while engine.alerts.address():
        pass
    client("wang.fang", "GET", f"/v1/cases/{told['id']}/alerts")
    for letter in engine.alerts.claim("mail", 1):
        engine.alerts.complete(letter, Receipt(state="failed", answer="550 no such user", permanent=True))
    client(OPERATOR, "GET", "/v1/alerts/dead")
    client(OPERATOR, "POST", "/v1/alerts/redeliver", {"keys": []})


def _in_parts(client: Client) -> None:
    """A letter of reply, of which a part is asked for, and one that it has not."""
    kept = client("wu.hao", "POST", "/v1/documents?name=答复函.pdf", data=PDF).json
    case = client.fire(
        "wu.hao", client.handling(session="八次"), "reply", reply_letter=kept, promised=False
    ).json
    for part in ("bytes=0-3", "bytes=1048576-"):
        client("li.wei", "GET", f"/v1/cases/{case['id']}/documents/{kept['sha256']}", range=part).close()


def _present(client: Client, engine: Engine) -> None:
    """Who is signed in at two browsers ends one; an operator ends what is left."""
    browser = client.app.test_client()
    enter(browser, engine, "qian.min")
    client("qian.min", "GET", "/v1/sessions")
    client("qian.min", "DELETE", f"/v1/sessions/{Sessions(engine).listed('qian.min')[0].id}")
    client(OPERATOR, "DELETE", "/v1/persons/qian.min/sessions")


def _lent(client: Client) -> None:
    """The head of the unit is away; her clerk acts in her place."""
    body = {"to": "wang.fang", "first": "2026-03-22", "until": "2026-03-29", "reason": "出差"}
    lent = client("wu.hao", "POST", "/v1/delegations", body).json["delegations"]
    client("wu.hao", "GET", "/v1/delegations")
    client("wu.hao", "DELETE", f"/v1/delegations/{lent[0]['id']}")


CALENDAR = {
    "calendar": "cn", "version": "cn-2027", "first": "2026-01-01", "horizon": "2027-12-31",
    "names": {"元旦": "New Year's Day", "国庆节": "National Day"},
    "years": {
        "2026": {"notice": "国办发明电〔2025〕7号", "published": "2025-11-04",
                 "off": {"元旦": "2026-01-01", "国庆节": "2026-10-01..2026-10-07"}, "makeup": []},
        "2027": {"notice": "国办发明电〔2026〕9号", "published": "2026-11-03", "off": {"元旦": "2027-01-01..2027-01-03"},
                 "makeup": []},
    },
}  # fmt: skip


def _webhook(client: Client) -> None:
    """Another system is told: registered, tried, paused, given another secret, ended."""
    body = {"url": "https://oa.example.cn/hooks/tibandu", "account": "svc.oa", "kinds": ["suggestion"]}
    hook = client(OPERATOR, "POST", "/v1/subscriptions", body).json
    address = f"/v1/subscriptions/{hook['id']}"
    client(OPERATOR, "GET", "/v1/subscriptions")
    for act in ("test", "pause", "resume", "secret"):
        client(OPERATOR, "POST", f"{address}/{act}")
    client(OPERATOR, "GET", address)
    client(OPERATOR, "DELETE", address)


def _moves(client: Client, engine: Engine) -> None:
    """To an earlier version of the same content, judged only."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
        path = Path(folder) / "suggestion.yaml"
        path.write_text(path.read_text("utf-8").replace("version: 901", "version: 900"), "utf-8")
        Engine(engine.database, load_definitions(Path(folder)), clock=engine.clock).publish(
            Actor(person="set-up")
        )
    address, body = (
        "/v1/definitions/suggestion/migrations?dry_run=1",
        {"to": 900, "map": "", "state": "handling"},
    )
    client(OPERATOR, "POST", address, body)
    client(OPERATOR, "POST", address, body, prefer="respond-async")


def _calendar(client: Client) -> None:
    """Due days as a calendar: opened, fetched, given another address, taken back."""
    feed = client("li.wei", "POST", "/v1/feeds", {"of": "unit", "unit": "housing"}).json
    client("", "GET", feed["address"])
    client("li.wei", "GET", "/v1/feeds")
    client("li.wei", "POST", f"/v1/feeds/{feed['id']}/renew")
    client("li.wei", "DELETE", f"/v1/feeds/{feed['id']}")


def _many(client: Client) -> None:
    """Rows: at once, and as a job."""
    rows = [{"kind": "suggestion", "tenant": TENANT, "data": PROPOSAL}, {"case": "none", "event": "accept"}]
    client("li.wei", "POST", "/v1/batches", {"rows": rows})
    job = client(
        "li.wei", "POST", "/v1/batches", {"rows": rows}, prefer="respond-async", idempotency_key="rows-1"
    )
    Jobs(client.app.extensions["engine"]).advance()
    client("li.wei", "GET", job.headers["Location"])


def _by_link(client: Client, address: str) -> None:
    """A deputy answers without an account."""
    survey = client.surveys(address.rpartition("/")[2])["d.chen"]
    link = client.link(survey)
    client("", "GET", link)
    client("", "POST", link, {"data": {"level": "satisfied"}})
    links = f"/v1/cases/{survey}/invitations"
    standing = client("li.wei", "GET", links).json["invitations"]
    client("li.wei", "DELETE", f"{links}/{standing[0]['id']}")


def _guess(client: Client) -> None:
    for _ in range(25):
        client("", "GET", "/v1/invitations/" + "0" * 64)


def _round_about(client: Client) -> None:
    """What is told of all cases, and of the law they follow."""
    li = "li.wei"
    for address in (
        "/v1/events?limit=2", "/v1/inbox?limit=1", "/v1/statistics?by=kind,unit", "/v1/exports/cases.csv?kind=suggestion",
        "/v1/definitions", "/v1/definitions/suggestion", "/v1/definitions/suggestion/diagram?language=en",
        "/v1/definitions/suggestion/picture?language=en",
        "/v1/definitions/suggestion/events/reply/form", "/v1/rules?on=2026-03-02", "/v1/calendar",
    ):  # fmt: skip
        client(li, "GET", address)
    client(li, "GET", "/v1/parties?kind=deputy")
    client(li, "GET", "/v1/parties/station.12")
    day = reception(client)
    client.fire(li, day, "roster", deputies=["d.chen"])
    client(li, "GET", "/v1/parties/station.12/receptions?months=2")
    client("", "GET", "/v1/public/parties?kind=deputy&code=d.chen")
    _at_the_door(client)
    body = {"account": "svc.oa", "name": "办公系统", "scopes": ["cases:read"], "expires_on": "2026-12-31"}
    token = client(OPERATOR, "POST", "/v1/tokens", body).json
    client(OPERATOR, "GET", "/v1/tokens")
    client(OPERATOR, "DELETE", f"/v1/tokens/{token['id']}")
    client(li, "POST", "/v1/inbox/read", {"keys": ["1kjp0y9m000000000000:1"]})
    client(li, "POST", "/v1/calendar/preview", {"calendar": CALENDAR})
    client(OPERATOR, "POST", "/v1/calendar/apply", {"calendar": CALENDAR})


def reception(client: Client) -> dict[str, Any]:
    """The station's day of this month."""
    data = {
        "station_unit": STATION.id,
        "month": "2026-03",
        "reception_on": "2026-03-15",
        "hours": "8:30–11:30",
    }
    body = {"kind": "reception_day", "tenant": TENANT, "data": data}
    case: dict[str, Any] = client("li.wei", "POST", "/v1/cases", body).json
    return case


DOOR = code_of(STATION.id)


def _at_the_door(client: Client) -> None:
    """A voter leaves an opinion, once by another program and once by the page."""
    plate = f"/v1/public/stations/{DOOR}"
    said = {"subject": "路灯不亮", "text": "温泉路有三盏路灯不亮", "contact": "13900000000"}
    given = {"nonce": client("", "GET", plate).json["nonce"], **said}
    left = client("", "POST", f"{plate}/opinions", given).json
    client("", "GET", left["address"])
    page = client("", "GET", f"/s/{DOOR}").text
    form = {"nonce": nonce_in(page), **said, "subject": "井盖松动"}
    receipt = client("", "POST", f"/s/{DOOR}", form=form).headers["Location"]
    client("", "GET", receipt)
    client("", "GET", "/find?who=陈静")


def nonce_in(page: str) -> str:
    """The nonce of a page's form."""
    found = re.search(r'name="nonce" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def _refusals(client: Client, address: str, case: dict[str, Any]) -> None:
    li = "li.wei"
    client("", "GET", address)
    client(li, "GET", "/v1/cases/none")
    client("wang.fang", "POST", "/v1/cases", START)
    client(li, "DELETE", address)
    client(li, "POST", "/v1/cases", data=b"{", content_type="application/json")
    client(li, "POST", "/v1/cases", data=b"a=1", content_type="text/plain")
    client(
        li, "POST", "/v1/cases", data=b'{"a":"' + b"x" * (1 << 20) + b'"}', content_type="application/json"
    )
    client(li, "POST", "/v1/cases", START | {"data": {"title": ""}})
    client(
        li,
        "POST",
        "/v1/cases",
        START | {"data": PROPOSAL | {"title": "别的"}},
        idempotency_key="import-2026-001",
    )
    client(li, "POST", f"{address}/events/conclude", {"data": {}})
    client.fire(li, case, "conclude")
    now = client(li, "GET", address).json
    client.fire(li, now, "conclude")
    client.fire(li, now, "accept", session="五次")
    client(li, "POST", "/v1/cases", START | {"effective_on": "2030-01-01"})
    _guess(client)
    case_id = address.rpartition("/")[2]
    broken = {"case": case_id, "role": "office", "hours": 4, "reason": "经办人突发疾病,今日到期"}
    client(OPERATOR, "POST", "/v1/break-glass", broken)
    enter(client.client, client.app.extensions["engine"], li)
    client("", "POST", "/v1/cases", START)


class Broken:
    """An engine that fails in a chosen way."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getattr__(self, name: str) -> Callable[..., None]:
        def fail(*_: object, **__: object) -> None:
            raise self.error

        return fail


def breaks(client: Client) -> None:
    """What cannot be provoked from outside."""
    for error in (RuntimeError("inside"), StoreError(Text("库不可用", "the store is not available")),
                  Conflict(Text("他人一再先行一步，请重试", "somebody kept being first; try again"))):  # fmt: skip
        broken = Client(create_app(Broken(error), bearer))  # type: ignore[arg-type]
        broken("li.wei", "GET", "/v1/cases/abc")
        if isinstance(error, RuntimeError):
            broken("", "GET", "/v1/health")
        client.found |= broken.found


def recorded() -> dict[str, Any]:
    """The examples, made anew."""
    clock = FrozenClock(TODAY)
    engine = staff(memory_engine(city(), clock))
    register(engine)
    client = Client(served(engine))
    walk(client, engine, clock)
    breaks(client)
    engine.database.dispose()
    return settled(dict(sorted(client.found.items())))


def settled(found: dict[str, Any]) -> dict[str, Any]:
    """Ids and hashes in the order in which they appear: an example does not change because a salt was drawn earlier. The walk's
    clock stands still and the database's does not: what lies between them is no example.
    """
    seen: dict[str, str] = {}

    def ours(match: re.Match[str]) -> str:
        text = match[0]
        made = (
            f"1kjp0y9m{len(seen):012}"
            if len(text) == 20
            else hashlib.sha256(str(len(seen)).encode()).hexdigest()
        )
        return seen.setdefault(text, made)

    text = re.sub(
        r"\b(1k[jm][0-9a-z]{17}|(?!a{64})[0-9a-f]{64})\b", ours, json.dumps(found, ensure_ascii=False)
    )
    text = re.sub(r"\b[0-9a-f]{8}\.[0-9a-f]{32}\.[0-9a-f]{64}\b", NONCE, text)
    text = re.sub(r"whsec_[A-Za-z0-9+/=]+", "whsec_" + "A" * 43 + "=", text)
    text = re.sub(r'"clock_skew": -?[0-9.]+', '"clock_skew": 0.0', text)
    settled: dict[str, Any] = json.loads(text)
    return settled


def shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    EXAMPLES.write_text(shown(recorded()), encoding="utf-8")
    examples.cache_clear()
    DESCRIPTION.write_text(shown(describe(ROUTES)), encoding="utf-8")
