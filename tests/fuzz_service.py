"""The service that is fuzzed: the shipped definitions with everything and everybody of tests/leaks.py, on SQLite or PostgreSQL.

It is asked with one token that makes nobody in particular of who comes with it: who it is is drawn from the request, so that one
sent again is asked by the same person, and from the same address. What somebody made he goes on with himself, and looks for it himself
where he made it; an event or a new case comes half the time from the role that it belongs to; all else is asked by anybody, of this
congress or another.
"""

from __future__ import annotations

import io
import json
import logging
import re
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from zlib import crc32

from werkzeug.serving import make_server

from api.uploads import Uploads
from workflow.testing import FrozenClock, stopwatch

from . import postgres
from .leaks import INTAKE, OPERATOR, World
from .lifecycle import (
    CONTACT,
    DOCUMENT,
    DRAFT,
    GRANTS,
    REPLY,
    SECOND_REPLY,
    SESSION,
    SUGGESTION,
    TENANT,
    TODAY,
    set_up,
    shipped,
)  # fmt: skip

ANYBODY = "anybody"
"""the token"""
DATABASES = ("sqlite", "postgresql")
EVERY = 100
"""requests after which somebody ticks: a service that nobody ticks for is not ready"""
BENEATH = "/v1/cases/"
"""what stands beneath a case is told only to whoever may see the case"""
LOOKED_AT = 1 << 16
"""bytes of a body that are looked at for whom it is from"""
OPINION = {
    "station_unit": "st1", "received_on": "2026-03-02", "intake": "visit", "receivers": ["dep1"], "subject": "路灯",
    "opinion_text": "路灯不亮",
}  # fmt: skip
DRAFTED = {name: SUGGESTION[name] for name in SUGGESTION if name != "signers"}
START: Mapping[str, Mapping[str, object]] = {
    who: {"kind": kind, "tenant": TENANT, "data": data}
    for who, kind, data in (
        ("li", "suggestion", SUGGESTION), ("dep1", "suggestion_draft", DRAFTED), ("keep", "opinion", OPINION),
    )
}  # fmt: skip
"""who starts what"""
WAY: Sequence[tuple[str, str, Mapping[str, object]]] = (
    ("accept_in_session", "li", SESSION), ("assign", "li", {"assignment_mode": "sole", "lead_unit": "water"}),
    ("sign_in", "wang", {}), ("first_contact", "wang", CONTACT),
    ("submit_for_signoff", "wang", DRAFT), ("issue_reply", "wu", REPLY), ("open_evaluation", "sun", {}),
    ("second_assign", "sun", {"deputy_reasons": "没有建"}), ("reply_again", "wu", SECOND_REPLY),
)  # fmt: skip
"""(event, who fires it, with what): a walk takes whichever its case is ready for"""


class GoingClock(FrozenClock):
    """Goes on from 09:00 of a day: of one that stood while the database's went on, a tick would hold back (docs/scheduler.md)."""

    def __init__(self, start: date) -> None:
        super().__init__(start)
        self._began = stopwatch()

    def now(self) -> datetime:
        """As long after that as it has been there, UTC."""
        return super().now() + timedelta(seconds=stopwatch() - self._began)


class Anybody:
    """In front of the service: gives every request its person, and counts the requests and how they were answered."""

    def __init__(self, app: WSGIApplication, people: Sequence[str], tick: Callable[[], object]) -> None:
        self._app = app
        self._people = people
        self._tick = tick
        self._given: dict[str, str] = {}
        self._made_at: dict[str, str] = {}
        self._lock = threading.Lock()
        self._enough: tuple[int, Callable[[], None]] | None = None
        self.answers: Counter[str] = Counter()
        self.asked_by: Counter[str] = Counter()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = _body(environ)
        asked = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}?{environ.get('QUERY_STRING')}"
        chance = crc32(asked.encode("utf-8", "replace") + body)
        environ["REMOTE_ADDR"] = f"10.{chance >> 16 & 255}.{chance >> 8 & 255}.{chance & 255}"
        token = environ.pop("HTTP_AUTHORIZATION", None)
        who = self._drawn(environ, body, chance) if token == f"Bearer {ANYBODY}" else ""
        if token is not None:  # any other token is nobody's, as one that was made up is
            environ["HTTP_AUTHORIZATION"] = f"Bearer {who}"
        if self.sent % EVERY == 0:
            self._tick()
        told: list[str] = []

        def started(status: str, headers: list[tuple[str, str]], *more: Any) -> Callable[[bytes], object]:
            told.append(status[:3])
            return start_response(status, headers, *more)

        answer = self._app(environ, started)
        self._count(told[-1], who)
        return self._given_to(who, environ["PATH_INFO"], answer) if told[-1] == "201" else answer

    def _given_to(self, who: str, address: str, answer: Iterable[bytes]) -> list[bytes]:
        """What was made is his who made it: another may not know of the case beneath which it stands."""
        self._made_at[address] = who
        with closing(answer) if hasattr(answer, "close") else nullcontext():
            said = b"".join(answer)
        if made := json.loads(said).get("id"):
            self._given[made] = who
        return [said]

    def _count(self, status: str, who: str) -> None:
        with self._lock:
            self.answers[status] += 1
            self.asked_by[who] += 1
            if self._enough is not None and self.sent >= self._enough[0]:
                do, self._enough = self._enough[1], None
                do()

    @property
    def sent(self) -> int:
        """How many requests there were."""
        return self.answers.total()

    def after(self, requests: int, do: Callable[[], None]) -> None:
        """Do that once, when so many more have been answered."""
        with self._lock:
            self._enough = (self.sent + requests, do)

    def _drawn(self, environ: WSGIEnvironment, body: bytes, chance: int) -> str:
        address = environ["PATH_INFO"]
        given = next((self._given[part] for part in address.split("/") if part in self._given), None)
        if environ["REQUEST_METHOD"] == "GET" and address.startswith(BENEATH):
            given = self._made_at.get(address, given)
        rightly = _whose(address, body) or given
        if rightly and (given or chance % 2):
            return rightly
        return self._people[chance // 2 % len(self._people)]


def _body(environ: WSGIEnvironment) -> bytes:
    """What was sent, still there for the service; nothing of what is long or has no length."""
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > LOOKED_AT:
        return b""
    body: bytes = environ["wsgi.input"].read(int(length))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _whose(address: str, body: bytes) -> str | None:
    """Who sends that when all goes well."""
    if event := re.search("/events/([a-z_]+)$", address):
        return next((who for name, who, _ in WAY if name == event[1]), None)
    if address == "/v1/cases":
        return next((who for who, sent in START.items() if f'"{sent["kind"]}"'.encode() in body), None)
    return None


class Service:
    """Where it is, what is in it, and who was in front of it."""

    def __init__(self, address: str, world: World, anybody: Anybody) -> None:
        self.address = address
        self.world = world
        self.anybody = anybody

    def known(self) -> dict[str, list[str]]:
        """Parameter of an address -> values that are something there."""
        found: dict[str, set[str]] = {}
        for thing in self.world.things:
            for name, value in thing.values.items():
                if value:
                    found.setdefault(name, set()).add(value)
        library = self.world.engine.library
        found["kind"] = set(library.definitions)
        found.setdefault("event", set()).update(name for name, _, _ in WAY)
        found["code"] = {self.world.code}
        found["party"] = {"dep1", "water", "st1"}
        found["person"] = {"li", "wang"}
        found["sha256"] = {file["sha256"] for file in self.world.files.values()} | {str(DOCUMENT["sha256"])}
        return {name: sorted(values) for name, values in found.items()}


@contextmanager
def service(folder: Path, url: str) -> Iterator[Service]:
    """It listens on a port of this machine for the time of the block. `url`: a database that `set_up` has been at."""
    world = World(url, folder, shipped(), GoingClock(TODAY))
    for who in ("wang", "wu", "li"):
        Uploads(world.engine).note(who, str(DOCUMENT["sha256"]), 1)
    people = sorted(
        {*GRANTS, *(who.name for who in world.people), "pros", "chief", "keep", "far.li", OPERATOR, INTAKE}
        - {""}
    )
    anybody = Anybody(world.app, people, world.engine.tick)
    with listening(anybody) as address:
        yield Service(address, world, anybody)
    world.engine.database.dispose()


@contextmanager
def listening(app: WSGIApplication) -> Iterator[str]:
    """The address of an application that listens on this machine."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@contextmanager
def databases(folder: Path) -> Iterator[Callable[[str], str]]:
    """Makes a new database of either kind, with the schema, the definitions and the persons."""
    file = folder / "ready.db"
    servers: list[postgres.Server] = []

    def made(kind: str) -> str:
        if kind == "sqlite":
            if not file.exists():
                set_up(f"sqlite:///{file}", shipped())
            new = Path(tempfile.mkdtemp(dir=folder)) / "fuzz.db"
            shutil.copy(file, new)
            return f"sqlite:///{new}"
        if not servers:
            servers.append(postgres.Server(running.enter_context(postgres.server())))
        template = servers[0].template("fuzz", lambda url: set_up(url, shipped()))
        return servers[0].database(servers[0].create(template))

    with ExitStack() as running:
        yield made
        for server in servers:
            server.close()
