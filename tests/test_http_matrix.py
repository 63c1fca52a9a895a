"""Every address of the service and of its console × everything that is somebody else's × everybody: nobody is told that it exists.

On the shipped definitions, with every role they know, of this congress and of another. What is asked for by an address is answered
like what is not there, byte for byte; what is listed, found, counted or sent has no word of it. ASKED says how each address is
asked: one that has no row there fails.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from werkzeug.test import TestResponse

from api import Folder
from scheduler.subscriptions import event_of
from workflow import access
from workflow.library import Library
from workflow.subscriptions import Subscriptions, channel_of
from workflow.testing import FrozenClock

from .leaks import FAR, NONE, OPERATOR, Person, Thing, World, asker, service
from .lifecycle import TENANT, TODAY, Office, set_up

Body = Mapping[str, Any]
NOTHING = {
    "id": "1zzzzzzzzzzzzzzzzzzz", "number": "第999号", "title": "关于别处桥梁的建议", "sha256": "f" * 64,
    "token": "0" * 64, "invitation": "0" * 64, "batch": "0" * 32,
    "filter": "1zzzzzzzzzzzzzzzzzzz", "pack": "1zzzzzzzzzzzzzzzzzzz", "feed": "1zzzzzzzzzzzzzzzzzzz",
    "grant_id": "1zzzzzzzzzzzzzzzzzzz", "session": "1zzzzzzzzzzzzzzzzzzz", "subscription": "1zzzzzzzzzzzzzzzzzzz",
}  # fmt: skip
"""what is asked for in its place"""


class Form(dict[str, Any]):
    """A body as a page sends it."""


START = {
    "kind": "suggestion_draft",
    "tenant": TENANT,
    "data": {"title": "x", "body": "x", "publication_wish": "full"},
}
CASE = "/v1/cases/{id}"
DOCUMENT = {"sha256": "{sha256}", "size": 1, "media_type": "application/pdf", "name": "x.pdf"}
ROW = {"case": "{id}", "event": "{event}", "data": {}}
LISTS = ["suggestion", "procuratorate_conversion", "evaluation", "opinion", "suggestion_draft"]

BOARD = Form({"row": "{id}", "{id}.assignment_mode": "sole", "{id}.lead_unit": "roads"})

ASKED: dict[str, list[tuple[str, Body | None]]] = {
    # --- the service: one case
    "tibandu.case": [(f"{CASE}?include=clocks,permitted,children,overlays,documents,history", None)],
    "tibandu.permitted": [(f"{CASE}/permitted", None)],
    "tibandu.history": [(f"{CASE}/history?limit=200", None)],
    "tibandu.case_alerts": [(f"{CASE}/alerts?limit=200", None)],
    "tibandu.case_at": [(f"{CASE}/at/2026-03-02", None), (f"{CASE}/at/3", None)],
    "tibandu.clock": [(f"{CASE}/clocks/reply", None)],
    "tibandu.similar": [(f"{CASE}/similar", None)],
    "tibandu.letters": [(f"{CASE}/letters", None)],
    "tibandu.letter": [(f"{CASE}/letters/assignment?to=water", None)],
    "tibandu.document": [(f"{CASE}/documents/{{sha256}}", None)],
    "tibandu.invitations": [(f"{CASE}/invitations", None)],
    "tibandu.invite": [(f"{CASE}/invitations", {"events": ["answer"], "subject": "dep1", "until": "2026-04-30"})],
    "tibandu.invitation_revoke": [(f"{CASE}/invitations/{{invitation}}", None)],
    "tibandu.fire": [(f"{CASE}/events/{{event}}?dry_run=1", {"data": {}}), (f"{CASE}/events/{{event}}", {"data": {}})],
    # --- the service: many
    "tibandu.start": [("/v1/cases?dry_run=1", START | {"data": {**START["data"], "arises_from": "{id}", "attachments": [DOCUMENT]}})],
    "tibandu.search": [("/v1/cases?limit=200", None), ("/v1/cases?number={number}", None), ("/v1/cases?party=water&limit=200", None)],
    "tibandu.worklist": [("/v1/worklist?limit=200", None)],
    "tibandu.views": [("/v1/views", None)],
    "tibandu.view": [("/v1/views/{view}?limit=200", None)],
    "tibandu.filters": [("/v1/filters", None)],
    "tibandu.filter_keep": [("/v1/filters", {"name": "x", "view": "in_progress", "filter": {"party": "water"}})],
    "tibandu.filter_drop": [("/v1/filters/{filter}", None)],
    "tibandu.batch": [("/v1/batches", {"rows": [ROW]})],
    "tibandu.batch_job": [("/v1/batches/{batch}", None)],
    "tibandu.batch_letters": [("/v1/batches/{batch}/letters.zip", None)],
    "tibandu.letters_job": [("/v1/letters", {"cases": ["{id}"]})],
    "tibandu.letters_of": [("/v1/letters.zip?cases={id}", None)],
    "tibandu.events": [("/v1/events?limit=1000", None)],
    "tibandu.inbox": [("/v1/inbox?limit=200", None)],
    "tibandu.inbox_read": [("/v1/inbox/read", {"keys": ["{id}:1:0"]})],
    "tibandu.statistics": [("/v1/statistics?by=kind,state,tenant,month,unit", None)],
    "tibandu.export_cases": [("/v1/exports/cases.csv", None), ("/v1/exports/cases.csv?kind=opinion", None)],
    "tibandu.ledgers": [("/v1/ledgers", None)],
    "tibandu.ledger": [(f"/v1/ledgers/{name}", None) for name in ("ledger", "register", "yearly?year=2026")],
    "tibandu.ledger_rows": [(f"/v1/ledgers/{name}/rows", None) for name in ("ledger", "register", "surveys")]
    + [("/v1/ledgers/yearly/rows?year=2026&unit=water", None)],
    "tibandu.reports": [("/v1/reports", None)],
    "tibandu.report_year": [("/v1/reports/year?year=2026", None)],
    "tibandu.report_yearly": [("/v1/reports/yearly?year=2026", None)],
    "tibandu.report_performance": [("/v1/reports/performance?party=dep1", None)],
    "tibandu.migrate": [("/v1/definitions/suggestion/migrations?dry_run=1", {"to": 1, "cases": ["{id}"]}),
                        ("/v1/definitions/evaluation/migrations?dry_run=1", {"to": 1})],
    "tibandu.upload": [("/v1/documents?name=x.pdf", None)],
    "tibandu.import_form": [("/v1/imports/suggestion/form", None)],
    "tibandu.import": [("/v1/imports/suggestion?name=x.csv&tenant=hb/xianning", None)],
    "tibandu.import_preview": [("/v1/imports/suggestion/preview?name=x.csv&tenant=hb/xianning", None)],
    "tibandu.import_faults_preview": [("/v1/imports/suggestion/faults?name=x.csv&tenant=hb/xianning", None)],
    "tibandu.posters": [("/v1/posters.zip", None)],
    # --- the service: what belongs to somebody
    "tibandu.invitation": [("/v1/invitations/{token}", None)],
    "tibandu.invitation_answer": [("/v1/invitations/{token}", {"data": {"level": "satisfied"}})],
    "tibandu.feed_open": [("/v1/feeds", {"of": "me"}), ("/v1/feeds", {"of": "unit", "unit": "water"})],
    "tibandu.feeds": [("/v1/feeds", None)],
    "tibandu.feed_fetch": [("/v1/ical/{own_feed}", None), ("/v1/ical/{unit_feed}", None)],
    "tibandu.feed_renew": [("/v1/feeds/{feed}/renew", None)],
    "tibandu.feed_revoke": [("/v1/feeds/{feed}", None)],
    "tibandu.delegate": [("/v1/delegations", {"to": "liu", "until": "2026-03-09"})],
    "tibandu.delegations": [("/v1/delegations", None)],
    "tibandu.delegation_end": [("/v1/delegations/{grant_id}", None)],
    "tibandu.sessions": [("/v1/sessions", None)],
    "tibandu.session_end": [("/v1/sessions/{session}", None)],
    "tibandu.sessions_end": [("/v1/persons/li/sessions", None)],
    "tibandu.subscribe": [("/v1/subscriptions", {"url": "https://oa.example.cn/x", "account": "li"})],
    "tibandu.subscriptions": [("/v1/subscriptions", None)],
    "tibandu.subscription": [("/v1/subscriptions/{subscription}", None)],
    "tibandu.unsubscribe": [("/v1/subscriptions/{subscription}", None)],
    **{f"tibandu.subscription_{act}": [(f"/v1/subscriptions/{{subscription}}/{act}", None)]
       for act in ("pause", "resume", "secret", "test")},
    "tibandu.tokens": [("/v1/tokens", None)],
    "tibandu.token_issue": [("/v1/tokens", {"account": "svc.x", "name": "x", "scopes": ["cases:read"], "expires_on": "2026-12-31"})],
    "tibandu.token_revoke": [("/v1/tokens/1zzzzzzzzzzzzzzzzzzz", None)],
    "tibandu.break_glass": [("/v1/break-glass", {"case": "{id}", "role": "sc_office", "hours": 1, "reason": "看一看"})],
    # --- the service: of no case
    "tibandu.definitions": [("/v1/definitions", None)],
    "tibandu.definition": [(f"/v1/definitions/{kind}", None) for kind in LISTS],
    "tibandu.diagram": [("/v1/definitions/suggestion/diagram", None)],
    "tibandu.picture": [("/v1/definitions/suggestion/picture", None)],
    "tibandu.form": [("/v1/definitions/suggestion/events/assign/form", None)],
    "tibandu.rules": [("/v1/rules", None)],
    "tibandu.calendar": [("/v1/calendar", None)],
    "tibandu.calendar_preview": [("/v1/calendar/preview", {"calendar": {}})],
    "tibandu.calendar_apply": [("/v1/calendar/apply", {"calendar": {}})],
    "tibandu.parties": [("/v1/parties?limit=200", None)],
    "tibandu.party": [("/v1/parties/dep1", None), ("/v1/parties/st1", None)],
    "tibandu.receptions": [("/v1/parties/st1/receptions?months=2", None)],
    "tibandu.public_parties": [("/v1/public/parties?kind=deputy&name=陈静", None)],
    "tibandu.public_station": [("/v1/public/stations/{code}", None)],
    "tibandu.public_leave": [("/v1/public/stations/{code}/opinions", {"nonce": "x", "subject": "x", "text": "x"})],
    "tibandu.public_opinion": [("/v1/public/opinions/" + "a" * 26, None)],
    "tibandu.door": [("/s/{code}", None)],
    "tibandu.door_leave": [("/s/{code}", Form(nonce="x", subject="x", text="x"))],
    "tibandu.door_receipt": [("/s/{code}/" + "a" * 26, None)],
    "tibandu.find": [("/find?who=陈静", None)],
    "tibandu.health": [("/v1/health", None)],
    "tibandu.alerts_dead": [("/v1/alerts/dead", None)],
    "tibandu.alerts_redeliver": [("/v1/alerts/redeliver", {"keys": []})],
    "tibandu.live": [("/healthz/live", None)],
    "tibandu.ready": [("/healthz/ready", None)],
    "tibandu.openapi": [("/v1/openapi.json", None)],
    "tibandu.docs": [("/v1/docs", None)],
    # --- the console: one case
    "console.case": [("/cases/{id}", None)],
    "console.history": [("/cases/{id}/history", None)],
    "console.clock": [("/cases/{id}/clocks/reply", None)],
    "console.document": [("/cases/{id}/documents/{sha256}", None)],
    "console.event": [("/cases/{id}/do/{event}", None)],
    "console.event_done": [("/cases/{id}/do/{event}", Form(revision="1"))],
    "console.letters": [("/cases/{id}/letters", None)],
    "console.picture": [("/cases/{id}/picture", None)],
    "console.invites": [("/cases/{id}/links", None)],
    "console.invites_issue": [("/cases/{id}/links", Form(who="{id}/dep1", until="2026-04-30"))],
    "console.invites_print": [("/cases/{id}/links/print", Form(print="{id}/dep1", until="2026-04-30"))],
    "console.invites_revoke": [("/cases/{id}/links/revoke", Form(invitation="{invitation}"))],
    # --- the console: many
    "console.home": [("/", None)],
    "console.overdue": [("/overdue", None)],
    "console.filter_saved": [("/filters", Form(name="x", to="/waiting"))],
    "console.filter_dropped": [("/filters/{filter}/drop", Form())],
    "console.waiting": [("/waiting", None)],
    "console.list": [("/views/{view}", None)],
    "console.many": [("/views/{view}/many?event={act}&case={id}", None)],
    "console.many_done": [("/views/{view}/many", Form(event="{act}", case="{id}", key="k"))],
    "console.board": [("/views/{view}/board", BOARD), ("/views/to_assign/board", BOARD)],
    "console.board_done": [("/views/to_assign/board/done", Form(BOARD, **{"event.{id}": "assign"}, key="k"))],
    "console.mailing": [("/views/{view}/links", Form(case="{id}", until="2026-04-30"))],
    "console.search": [("/search?q={number}", None), ("/search?q={title}", None), ("/search?q={id}", None)],
    "console.found": [(f"/found?kind={kind}", None) for kind in LISTS] + [("/found?party=water", None)],
    "console.statistics": [("/statistics", None)],
    "console.wall": [("/wall", None)],
    "console.areas": [("/areas", None)],
    "console.sheets": [("/sheets", None)],
    "console.sheets_feed": [("/sheets", Form(unit="water"))],
    "console.sheets_end": [("/sheets/{feed}/end", Form())],
    "console.pack_begun": [("/letters", Form(case="{id}", key="k"))],
    "console.pack": [("/letters/{batch}", None)],
    "console.messages": [("/messages", None)],
    "console.messages_read": [("/messages", Form(key="{id}:1:0"))],
    "console.messages_ways": [("/messages/ways", Form())],
    "console.start": [("/start/suggestion", None), ("/start/suggestion_draft?arises_from={id}", None)],
    "console.started": [("/start/suggestion_draft", Form(title="x", body="x", arises_from="{id}"))],
    "console.import": [("/import/suggestion", None)],
    "console.imports": [("/import", None)],
    "console.import_judged": [("/import/suggestion", Form(tenant=TENANT))],
    # --- the console: what belongs to somebody, and what tells of no case
    "console.link": [("/i/{token}", None)],
    "console.link_done": [("/i/{token}", Form(level="satisfied"))],
    "console.link_letter": [("/i/{token}/documents/{sha256}", None)],
    "console.lending": [("/lending", None)],
    "console.lent": [("/lending", Form(to="liu", until="2026-03-09"))],
    "console.lending_end": [("/lending/{grant_id}/end", Form())],
    "console.presence": [("/sessions", None)],
    "console.presence_ended": [("/sessions", Form(session="{session}", password="x"))],
    "console.register": [("/parties", None)],
    "console.party": [("/parties/dep1", None), ("/parties/water", None)],
    "console.stations": [("/stations", None)],
    "console.station": [("/stations/st1", None)],
    "console.lifecycles": [("/lifecycles", None)],
    "console.lifecycle": [(f"/lifecycles/{kind}", None) for kind in LISTS],
    "console.calendar": [("/calendar", None)],
    "console.calendar_judged": [("/calendar", Form())],
    "console.operation": [("/operation", None)],
    "console.redeliver": [("/operation", Form())],
    "console.service_tokens": [("/service-tokens", None)],
    "console.service_token_made": [("/service-tokens", Form(account="svc.x", name="x", scopes="cases:read", expires_on="2026-12-31"))],
    "console.service_token_revoked": [("/service-tokens/1zzzzzzzzzzzzzzzzzzz/revoke", Form())],
    "console.security": [("/security", None)],
    "console.feed_taken": [("/security/feeds/1zzzzzzzzzzzzzzzzzzz/end", Form())],
    "console.sessions_ended": [("/security", Form(person="li"))],
    "console.setup": [("/setup", None)],
    "console.setup_posted": [("/setup", Form())],
    "console.first": [("/first", None)],
    "console.first_made": [("/first", Form())],
    "console.sign_in": [("/sign-in", None)],
    "console.signed_in": [("/sign-in", Form(person="", password=""))],
    "console.code": [("/sign-in/code", Form())],
    "console.sign_out": [("/sign-out", Form())],
    "console.password": [("/password", None)],
    "console.password_changed": [("/password", Form())],
    "console.second": [("/second-factor", None)],
    "console.second_made": [("/second-factor", Form())],
    "console.language": [("/language/zh", Form())],
    "console.static": [("/static/console.css", None)],
}  # fmt: skip
STILL = (
    "tibandu.definitions", "tibandu.definition", "tibandu.diagram", "tibandu.picture", "tibandu.form", "tibandu.rules",
    "tibandu.calendar", "tibandu.calendar_preview", "tibandu.calendar_apply", "tibandu.import_form", "tibandu.import",
    "tibandu.import_preview", "tibandu.import_faults_preview", "tibandu.ledgers", "tibandu.reports", "tibandu.upload",
    "console.lifecycle", "console.lifecycles", "console.static", "console.import", "console.calendar", "console.first_made",
    "tibandu.openapi", "tibandu.docs", "console.signed_in", "tibandu.letters_of",
)  # fmt: skip
"""what tells of no case, or takes its time: in the sample not everybody asks"""
TOLD = {
    *(f"console.{one}" for one in ("case", "clock", "found", "history", "invites", "letters", "messages", "party", "picture", "search")),
    *(f"tibandu.{one}" for one in ("case", "case_at", "clock", "events", "export_cases", "history", "inbox", "ledger", "ledger_rows",
                                   "letter", "letters", "permitted", "report_performance", "search")),
}  # fmt: skip
"""where who may know of a case reads of it"""
Question = tuple[str, str, Body | None, Mapping[str, str]]
_HOLE = re.compile(r"\{(\w+)\}")
_DRAWN = re.compile(r'name="key" value="[^"]*"|"created_at":"[^"]*"|Retry-After: \d+')
"""what is drawn anew for every answer"""


class Asking:
    """One person who asks for everything, or (`turn`) in a part of the ways, others in the others."""

    def __init__(self, world: World, who: Person, turn: int | None = None) -> None:
        self.world, self.who, self.turn = world, who, turn
        self.foreign = [thing for thing in world.things if not thing.knows(who)]
        self.marks = {mark: thing.name for thing in self.foreign for mark in thing.marks}
        self.leaks: list[str] = []
        self.cells = 0
        self.own = self._own()
        self.views = self._dealt(
            [one["name"] for one in self._json("GET", "/v1/views").get("views", [])] or ["in_progress"]
        )

    def _own(self) -> dict[str, str]:
        """His calendars, and what is public."""
        found = {"code": self.world.code, "act": "assign"}
        for name, body in (("own_feed", {"of": "me"}), ("unit_feed", {"of": "unit", "unit": "water"})):
            found[name] = (
                self._json("POST", "/v1/feeds", body).get("address", "").rpartition("/")[2] or "0" * 64
            )
        return found

    def _dealt(self, several: Sequence[Any]) -> Sequence[Any]:
        """All of them, or that whose turn it is."""
        return several if self.turn is None or not several else [several[self.turn // 2 % len(several)]]

    def _json(self, method: str, address: str, body: Body | None = None) -> dict[str, Any]:
        answer = self.ask(method, address, body)
        return answer.json if answer.is_json and isinstance(answer.json, dict) else {}

    def ask(self, method: str, address: str, body: Body | None) -> TestResponse:
        """One question."""
        more: dict[str, Any] = (
            {} if body is None else {"data": body} if isinstance(body, Form) else {"json": body}
        )
        headers = {**asker(self.who.name), "If-Match": '"1"', "Origin": "http://localhost"}
        here = {"REMOTE_ADDR": self.world.address(self.who)}
        return self.world.client.open(address, method=method, headers=headers, environ_base=here, **more)

    def of(self, endpoint: str, method: str) -> None:
        """Everything that this address can be asked."""
        if self.turn is not None:
            self.turn += 1
            often = 12 if endpoint in STILL else 4 if self.who.scope == FAR else 2
            if self.world.engine.database.dialect.name == "postgresql":
                often *= 2  # each question is dearer there
            if self.turn % often:
                return
        for address, body in ASKED[endpoint]:
            holes = {*_HOLE.findall(f"{address} {body}")} - {*self.own, "view"}
            for view in self.views if "{view}" in f"{address}" else [""]:
                own = {**self.own, "view": view}
                self._ask(endpoint, method, _with(address, own), _deep(body, own), holes)
            if method == "GET" and "id" in holes:
                self._near(endpoint, address)

    def _ask(self, endpoint: str, method: str, address: str, body: Body | None, holes: set[str]) -> None:
        if not holes:
            self.looked(endpoint, self.ask(method, address, body), {})
            return
        things = [one for one in self.foreign if all(one.values.get(hole, NONE) != NONE for hole in holes)]
        for thing in self._dealt(things):
            values = {hole: thing.values[hole] for hole in holes}
            if endpoint == "console.search" and "number" not in holes:  # other words find other things
                self.looked(endpoint, self.ask(method, _with(address, values), body), values)
                continue
            self.compared(
                endpoint,
                thing,
                *((method, _with(address, v), _deep(body, v), v) for v in (values, _nothing(values))),
            )

    def _near(self, endpoint: str, address: str) -> None:
        """What he may know of tells him nothing of what he may not."""
        things = [
            one
            for one in self.world.things
            if one.name in ("water", "conversion", "opinion") and one.knows(self.who)
        ]
        for thing in self._dealt(things):
            values = {
                **NOTHING,
                **self.own,
                "view": self.views[0],
                **{hole: v for hole, v in thing.values.items() if v != NONE},
            }
            self.looked(endpoint, self.ask("GET", _with(address, values), None), thing.values)

    def looked(self, endpoint: str, answer: TestResponse, given: Mapping[str, str]) -> str:
        """The answer as a text; a mark in it that was not in the question is a leak."""
        self.cells += 1
        text = readable(answer)
        assert answer.status_code != 500, (endpoint, self.who, text)
        for mark, name in self.marks.items():
            if mark in text and not any(mark in asked for asked in given.values()):
                self.leaks.append(f"{endpoint} tells {self.who.name} of {name}: {mark}")
        return text

    def told(self, answer: TestResponse) -> bool:
        """Whether a mark is in it."""
        text = readable(answer)
        return any(mark in text for mark in self.marks)

    def compared(self, endpoint: str, thing: Thing, asked: Question, instead: Question) -> None:
        """About what is somebody else's, and about what is not there."""
        told, none = ((answer.status_code, _without(self.looked(endpoint, answer, one[3]), one[3]))
                      for one in (asked, instead) for answer in [self.ask(*one[:3])])  # fmt: skip
        if told != none:
            self.leaks.append(
                f"{endpoint} answers {self.who.name} about {thing.name} {asked[1:3]}: {told} and not {none}"
            )


def _nothing(values: Mapping[str, str]) -> dict[str, str]:
    return {hole: NOTHING.get(hole, value) for hole, value in values.items()}


def _with(text: str, values: Mapping[str, str]) -> str:
    return _HOLE.sub(lambda hole: values.get(hole[1], hole[0]), text)


def _deep(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        found = {_with(name, values): _deep(one, values) for name, one in value.items()}
        return Form(found) if isinstance(value, Form) else found
    if isinstance(value, list):
        return [_deep(one, values) for one in value]
    return _with(value, values) if isinstance(value, str) else value


def _without(text: str, values: Mapping[str, str]) -> str:
    for hole, value in values.items():
        if hole != "event":
            text = text.replace(value, f"<{hole}>").replace(quote(value), f"<{hole}>")
    return _DRAWN.sub("", text)


def readable(answer: TestResponse) -> str:
    """Headers and body as a text; of a file that packs others, what is in it."""
    headers = "".join(f"{name}: {value}\n" for name, value in answer.headers if name != "Content-Length")
    with answer:
        return headers + _readable(answer.data)


def _readable(data: bytes) -> str:
    if not data.startswith(b"PK"):
        return data.decode("utf-8", "replace")
    with zipfile.ZipFile(io.BytesIO(data)) as pack:
        return "".join(name + _readable(pack.read(name)) for name in pack.namelist())


ALL = os.environ.get("LEAKS") == "all"
"""everything is asked of everybody on both databases; else it is dealt out"""
PARTS = range(4)
DEALT = {"sqlite": PARTS[:3], "postgresql": PARTS[3:]}
"""which part of the persons asks on which database"""
Worlds = Callable[[str], World]


@pytest.fixture(scope="module")
def worlds(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, library: Library
) -> Iterator[Worlds]:
    """The city on each database, made when it is first asked for."""
    made: dict[str, World] = {}
    dropped: list[Callable[[], None]] = []

    def world(database: str) -> World:
        if database not in made:
            folder = tmp_path_factory.mktemp("leaks")
            if database == "sqlite":
                shutil.copy(request.getfixturevalue("ready_file"), folder / "leaks.db")
                url = f"sqlite:///{folder / 'leaks.db'}"
            else:
                server = request.getfixturevalue("postgres_server")
                url = server.database(name := server.create())
                dropped.append(lambda: server.drop(name))
                set_up(url, library)
            made[database] = World(url, folder, library, FrozenClock(TODAY))
        return made[database]

    yield world
    for one in made.values():
        one.engine.database.dispose()
    for drop in dropped:
        drop()


@pytest.fixture
def world(worlds: Worlds) -> World:
    """That on SQLite."""
    return worlds("sqlite")


def rows(world: World) -> list[tuple[str, str]]:
    """Every address there is, with its method."""
    rules = world.app.url_map.iter_rules()
    return sorted((rule.endpoint, next(iter(rule.methods - {"HEAD", "OPTIONS"}))) for rule in rules)


def test_every_address_has_a_row(world: World) -> None:
    assert {endpoint for endpoint, _ in rows(world)} == ASKED.keys()


@pytest.mark.parametrize(
    ("database", "part"), [(one, part) for one, some in DEALT.items() for part in (PARTS if ALL else some)]
)
@pytest.mark.parametrize("where", ["near", "far"])
def test_no_address_tells_anybody_of_what_is_somebody_elses(
    where: str, database: str, part: int, worlds: Worlds
) -> None:
    """`make leaks` asks everything of everybody on both databases; the tests deal it out: each address to every second role (of
    another congress every fourth), each with another thing; a quarter of the persons ask on PostgreSQL.
    """
    world = worlds(database)
    people = [who for who in world.people if (who.scope == FAR) == (where == "far")]
    leaks: list[str] = []
    for number, who in enumerate(people):
        if number % len(PARTS) == part:
            asking = Asking(world, who, None if ALL else number)
            for endpoint, method in rows(world):
                asking.of(endpoint, method)
            leaks += asking.leaks
    assert not leaks, "\n".join(leaks)


def test_no_subscriber_is_told_of_what_is_somebody_elses(world: World) -> None:
    """Every account's webhook: what it was sent from the first event on."""
    subscriptions = Subscriptions(world.engine)
    hooks = {
        who.name: subscriptions.add(who.name, "https://oa.example.cn/x", by="test", after=0)[0]
        for who in world.people
        if who.name
    }
    subscriptions.relay()
    leaks, sent = [], 0
    for who in world.people:
        if who.name:
            letters = world.engine.alerts.claim(channel_of(hooks[who.name].id), 500)
            text = json.dumps([event_of(letter) for letter in letters])
            sent += len(letters)
            leaks += [
                f"{who.name}: {thing.name}"
                for thing in world.things
                if not thing.knows(who)
                for mark in thing.marks
                if mark in text
            ]
    assert not leaks
    assert sent > 100


def test_who_may_know_is_told(world: World) -> None:
    """The matrix would be worth nothing if its questions found nothing for anybody."""
    told, water = set[str](), next(thing for thing in world.things if thing.name == "water")
    for name in ("near.deputy_affairs", "wang"):
        asking = Asking(world, next(who for who in world.people if who.name == name))
        asking.marks = dict.fromkeys(water.marks, "water")
        for endpoint in sorted(ASKED.keys() - {*STILL}):
            for address in [address for address, body in ASKED[endpoint] if body is None]:
                values = {
                    **NOTHING,
                    **asking.own,
                    **water.values,
                    "view": "in_progress" if name != "wang" else "inbox",
                }
                answer = asking.ask("GET", _with(address, values), None)
                told |= {endpoint} if answer.status_code < 300 and asking.told(answer) else set()
    assert told >= TOLD


# --- in an emergency


MANY = {
    "console.filter_saved",
    "tibandu.migrate",
    "tibandu.inbox_read",
    "console.messages_read",
    "tibandu.break_glass",
}
"""what names a case as no more than a place, and acts that leave lines of their own whatever comes of them"""


BLANK = ("console.search", "console.start")
"""an empty form, or a list that does not have it"""


def test_every_address_that_names_a_case_says_so_in_an_emergency(
    sqlite_office: Office, tmp_path: Path
) -> None:
    """Each asked for a case that was not opened before, by one who may know of it only by the role he took: whatever he is shown of
    it, its history has the line.
    """
    office, engine = sqlite_office, sqlite_office.engine
    app = service(engine, Folder(tmp_path / "documents"))
    client, asks = app.test_client(), {**asker(OPERATOR), "If-Match": '"1"', "Origin": "http://localhost"}
    access.break_glass(
        engine, office.filed().id, OPERATOR, "deputy_affairs", hours=4, reason="经办人突发疾病"
    )
    silent, shown = [], set()
    for endpoint, method in sorted(
        (rule.endpoint, next(iter(rule.methods - {"HEAD", "OPTIONS"}))) for rule in app.url_map.iter_rules()
    ):
        if endpoint in MANY:
            continue
        for address, body in ASKED[endpoint]:
            if "{id}" not in f"{address} {body}":
                continue
            case = office.accepted()
            values = {
                **NOTHING,
                "id": case.id,
                "event": "assign",
                "act": "assign",
                "view": "to_assign",
                "code": "x",
            }
            given = _deep(body, values)
            if isinstance(body, Form):
                given |= {f"revision.{case.id}": str(case.revision)}
            more = {} if body is None else {"data": given} if isinstance(body, Form) else {"json": given}
            answer = client.open(_with(address, values), method=method, headers=asks, **more)
            text = readable(answer)
            told = case.data["title"] in text or (answer.status_code < 300 and endpoint not in BLANK)
            told |= endpoint == "tibandu.fire" and answer.status_code != 404  # a refusal says how it stands
            shown |= {endpoint} if told else set()
            if told and "break_glass" not in {line.event for line in engine.history(case.id)}:
                silent.append(f"{endpoint} {answer.status_code} {address}")
    assert not silent, "\n".join(silent)
    assert {
        "tibandu.case",
        "tibandu.fire",
        "tibandu.batch",
        "console.board",
        "console.board_done",
        "console.many",
        "console.many_done",
        "tibandu.letters_of",
        "tibandu.letters_job",
        "console.case",
        "console.event",
    } <= shown
