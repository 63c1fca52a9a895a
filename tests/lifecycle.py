"""An office that walks suggestions through the real definitions: `filed → accepted → assigned → handling → … → archived`.

    library       the shipped definitions                  small       the definitions of tests/data/lifecycles
    clock         stands at 2026-03-02 09:00 in Xianning   ready_url   a database with the schema of the shipped definitions
    office        an Office on `ready_url`                 small_office the same for the small definitions

A walk is named after the state it ends in: `office.replied()` is a case that has a reply.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import event as hook
from sqlalchemy import text

from workflow import Actor, Case, Engine, NotFound, Refused, load_definitions
from workflow.library import Library
from workflow.model import Fired, PartialDate
from workflow.random import SeededRandom
from workflow.store import postgresql
from workflow.store.prepared import PreparedCursor
from workflow.store.schema import PREFIX, Tables
from workflow.testing import FrozenClock

from .postgres import Server

HERE = Path(__file__).parent
FOLDER = HERE.parent / "definitions"
SMALL = HERE / "data" / "lifecycles"
PLACE = "hubei-xianning"
TENANT = "hb/xianning"
TODAY = date(2026, 3, 2)
MOST_SWEEPS = 50

DOCUMENT = {"sha256": "a" * 64, "size": 1, "media_type": "application/pdf", "name": "函.pdf"}
SUGGESTION = {
    "title": "关于增设快递员驿站的建议", "body": "建驿站", "first_signer": "dep1", "signers": ["dep1", "dep2"],
    "publication_wish": "full",
}  # fmt: skip
SESSION = {
    "congress": "六届", "session": "五次", "closing_on": "2026-01-10", "out_of_session_reason": "大会期间提出，会后受理",
}  # fmt: skip
CONTACT = {"contact_on": "2026-03-02", "contact_way": "site_visit", "contact_record": "见面"}
DRAFT = {"reply_draft": DOCUMENT, "reply_class": "HB-XIANNING:A", "publication": "full"}
REPLY = {
    "reply_letter": DOCUMENT, "reply_number": "咸水函〔2026〕1号", "sealed": True, "reply_class": "HB-XIANNING:A",
    "publication": "full", "recipients": ["dep1", "dep2"], "copies_to": ["gov"], "delivered_on": "2026-03-02",
}  # fmt: skip
SECOND_REPLY = {
    "second_reply_letter": DOCUMENT, "second_reply_number": "咸水函〔2026〕2号", "second_reply_class": "HB-XIANNING:A",
    "answers_to_reasons": "逐条答复", "sealed": True, "publication": "full", "recipients": ["dep1"], "copies_to": ["gov"],
    "delivered_on": "2026-03-02",
}  # fmt: skip
EXTENSION = {
    "extension_ground": ["difficult"],
    "extension_explanation": "须跨年施工",
    "wanted_until": "2026-08-01",
}

GRANTS = {
    "li": ("deputy_affairs", None), "liu": ("deputy_affairs", None), "sun": ("sc_office", None), "song": ("sc_office", None),
    "he": ("sc_office_head", None), "chair": ("council_of_chairpersons", None), "gov": ("gov_office", None),
    "wang": ("unit_clerk", "water"), "wu": ("unit_head", "water"), "qian": ("unit_clerk", "roads"),
    "zhao": ("unit_head", "roads"), "feng": ("unit_clerk", "parks"), "chen": ("unit_head", "parks"),
    "dep1": ("deputy", None), "dep2": ("deputy", None),
}  # fmt: skip


def codes_of(error: BaseException | None) -> set[str]:
    """The codes of a refusal; of one that is told as "no such case", of what is behind it."""
    refusal = error.__cause__ if isinstance(error, NotFound) else error
    assert isinstance(refusal, Refused), refusal
    return {reason.code for reason in refusal.reasons}


def until_quiet(engine: Engine) -> Iterator[Fired]:
    """Everything that fires now, sweep by sweep; fails where the sweeps would never end."""
    for _ in range(MOST_SWEEPS):
        if not (fired := engine.tick()):
            return
        yield from fired
    pytest.fail(f"after {MOST_SWEEPS} sweeps there is still something to fire")


class Office:
    """The persons of a city, each with a grant, and the walks they take a case through."""

    def __init__(self, engine: Engine, clock: FrozenClock) -> None:
        self.engine = engine
        self.clock = clock

    def staff(self) -> Office:
        """Give everybody his grant."""
        for person, (role, unit) in GRANTS.items():
            self.engine.grant(person, role, TENANT, unit=unit)
        return self

    def fire(self, case: str | Case, event: str, who: str, /, **data: Any) -> Case:
        """One event by one person."""
        return self.engine.fire(case if isinstance(case, str) else case.id, event, Actor(person=who), data)

    def reasons(self, case: str | Case, event: str, who: str, /, **data: Any) -> set[str]:
        """The codes of the refusal, also of one that is not told to who may not know of the case; fails when there is none."""
        with pytest.raises((Refused, NotFound)) as refusal:
            self.fire(case, event, who, **data)
        return codes_of(refusal.value)

    def now(self, case: str | Case) -> Case:
        """The case as it stands."""
        return self.engine.case(case if isinstance(case, str) else case.id)

    def child(self, case: Case, slot: str, party: str | None = None, index: int = -1) -> Case:
        """The latest child in a slot."""
        found = [c for c in self.engine.children(case.id) if c.slot == slot and party in (None, c.party)]
        return found[index]

    def pressed(self, case: Case, supervisor: str) -> Case:
        """The supervision of a case in hand by one leader, as far as it is pressed."""
        self.fire(
            case, "propose_supervision", "li", supervision_kind="coordinating", supervision_reason="集中反映"
        )
        found = self.child(case, "supervisions")
        self.fire(found, "assign_supervisor", "li", supervisors=[supervisor])
        self.fire(found, "plan", "li", plan="每月调度")
        return self.fire(found, "start_pressing", "li", charged_person="wu", leader_post="main")

    def due(self, case: Case, clock: str) -> str | None:
        """The due day of a running clock of the case as it stands."""
        return next((str(c.due_on) for c in self.now(case).clocks if c.name == clock and c.running), None)

    def ticks(self) -> list[tuple[str, int, str | None]]:
        """Everything that fires now: (clock, rung, event)."""
        return [(f.clock, f.rung, f.event) for f in until_quiet(self.engine)]

    # -- walks

    def filed(self, *signers: str, tenant: str = TENANT, **more: Any) -> Case:
        signers = signers or ("dep1", "dep2")
        data = {**SUGGESTION, "signers": list(signers), "first_signer": signers[0], **more}
        return self.engine.start("suggestion", Actor(person="li"), data, tenant=tenant)

    def accepted(self, *signers: str, **more: Any) -> Case:
        return self.fire(self.filed(*signers, **more), "accept_in_session", "li", **SESSION)

    def assigned(self, *signers: str, co: tuple[str, ...] = (), **more: Any) -> Case:
        mode = "lead_and_co" if co else "sole"
        case = self.accepted(*signers, **more)
        return self.fire(case, "assign", "li", assignment_mode=mode, lead_unit="water", co_units=list(co))

    def imported(self, year: int = 2020, **more: Any) -> Case:
        """A record of an old time: assigned to the water bureau, says a source that tells no more."""
        engine, li, on = self.engine, Actor(person="li"), PartialDate(year=year, month=4, day=7)
        data = {**SUGGESTION, "signers": ["dep1"], "first_signer": "dep1", **more}
        old = engine.start("suggestion", li, data, tenant=TENANT, imported=True, effective_on=on)
        engine.fire(old.id, "accept_in_session", li, SESSION, imported=True, effective_on=on)
        sole = {"assignment_mode": "sole", "lead_unit": "water"}
        return engine.fire(old.id, "assign", li, sole, imported=True, effective_on=on)

    def handling(self, *signers: str, co: tuple[str, ...] = (), **more: Any) -> Case:
        case = self.fire(self.assigned(*signers, co=co, **more), "sign_in", "wang")
        return self.fire(case, "first_contact", "wang", **CONTACT)

    def signing_off(self, *signers: str, **more: Any) -> Case:
        return self.fire(self.handling(*signers, **more), "submit_for_signoff", "wang", **DRAFT)

    def replied(self, *signers: str, **more: Any) -> Case:
        return self.fire(self.signing_off(*signers, **more), "issue_reply", "wu", **REPLY)

    def evaluating(self, *signers: str, **more: Any) -> Case:
        return self.fire(self.replied(*signers, **more), "open_evaluation", "sun")

    def evaluate(self, case: Case, slot: str, levels: Mapping[str, str]) -> Case:
        """Every deputy answers, the office tallies; the root as it stands then."""
        for deputy, level in levels.items():
            survey = self.child(case, slot, deputy)
            self.fire(survey, "answer", deputy, level=level, reasons="因为")
            self.fire(survey, "tally", "sun")
        return self.now(case)

    def evaluated(self, level: str = "satisfied") -> Case:
        return self.evaluate(self.evaluating(), "surveys", {"dep1": "satisfied", "dep2": level})

    def second_assigned(self, level: str = "dissatisfied") -> Case:
        return self.fire(self.evaluated(level), "second_assign", "sun", deputy_reasons="没有建")

    def re_evaluating(self, level: str = "dissatisfied") -> Case:
        return self.evaluate_again(self.evaluated(level))

    def evaluate_again(self, case: Case) -> Case:
        """From the first survey, assigned a second time and answered, to the second survey."""
        self.fire(case, "second_assign", "sun", deputy_reasons="没有建")
        again = self.child(case, "second_assignments")
        self.fire(again, "meet_deputy", "wu", contact_on="2026-03-02", contact_record="见面")
        self.fire(
            again, "submit_for_signoff", "wang", second_reply_draft=DOCUMENT, second_reply_class="HB-XIANNING:A",
            answers_to_reasons="逐条", publication="full",
        )  # fmt: skip
        self.fire(again, "reply_again", "wu", **SECOND_REPLY)
        return self.fire(case, "open_second_evaluation", "sun")

    def re_evaluated(self, first: str, second: str) -> Case:
        case = self.re_evaluating(first)
        return self.evaluate(case, "second_surveys", {"dep1": "satisfied", "dep2": second})


# --- counting what goes over the wire


@contextmanager
def statements(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every statement the drivers are given, in order, whoever gives it."""
    seen: list[str] = []
    if database.dialect.name == "postgresql":
        with database.connect():
            pass  # so that one waits in the pool: what a new one is told first is not counted
        with monkeypatch.context() as patched:
            for kind in (psycopg.Cursor, PreparedCursor):
                patched.setattr(kind, "execute", _seen(seen, kind.execute))
            patched.setattr(PreparedCursor, "send", _seen(seen, PreparedCursor.send))
            yield seen
        return

    def trace(driver: sqlite3.Connection, *_: object) -> None:
        # A pragma is what a new connection is told, or asked whether it keeps what it acknowledges: not counted here either.
        driver.set_trace_callback(lambda said: said.startswith(("--", "pragma")) or seen.append(said))

    database.dispose()  # so that every connection is a new one and traced
    hook.listen(database, "connect", trace)
    yield seen
    hook.remove(database, "connect", trace)
    database.dispose()


def _seen(seen: list[str], execute: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, query, *a, **k: (seen.append(str(query)), execute(self, query, *a, **k))[1]


def count(engine: Engine, table: str, where: str = "1 = 1", **values: Any) -> int:
    """How many rows there are."""
    query = text(f"select count(*) from {engine.store.prefix}{table} where {where}")
    with engine.database.connect() as connection:
        return int(connection.execute(query, values).scalar_one())


def execute(engine: Engine, *queries: str) -> None:
    """Change the database behind the engine's back. `{p}` is the prefix."""
    with engine.database.begin() as connection:
        for query in queries:
            connection.execute(text(query.replace("{p}", engine.store.prefix)))


def drop_triggers(engine: Engine) -> None:
    """Take the database's own guard away."""
    p = engine.store.prefix
    if engine.database.dialect.name == "sqlite":
        execute(engine, f"drop trigger {p}history_separation", f"drop trigger {p}history_decision")
    else:
        execute(engine, f"drop trigger {p}history_separation on {p}history")


# --- fixtures


@cache
def shipped(place: str | None = None) -> Library:
    """The shipped definitions, read once per process; who tests the reading itself calls `load_definitions`."""
    return load_definitions(FOLDER, place=place)


@pytest.fixture(scope="session")
def library() -> Library:
    """The shipped definitions."""
    return shipped()


@pytest.fixture(scope="session")
def small() -> Library:
    """Definitions that use what the shipped ones do not."""
    return load_definitions(SMALL)


@pytest.fixture
def clock() -> FrozenClock:
    """Stands still at 09:00 of 2026-03-02, a Monday."""
    return FrozenClock(TODAY)


def set_up(url: str, library: Library) -> None:
    """The schema, the definitions published, the persons with their grants."""
    database = Engine.connect(url)
    Office(engine := Engine(database, library, place=PLACE), FrozenClock(TODAY))
    engine.create_schema()
    Office(engine, FrozenClock(TODAY)).staff()
    database.dispose()


@pytest.fixture(scope="session")
def ready_file(tmp_path_factory: pytest.TempPathFactory, library: Library) -> Path:
    """A file to copy: the schema on SQLite."""
    path = tmp_path_factory.mktemp("ready") / "ready.db"
    set_up(f"sqlite:///{path}", library)
    return path


@pytest.fixture(scope="session")
def ready_database(postgres_server: Server, library: Library) -> Iterator[str]:
    """The same on PostgreSQL, one for all tests of this process, put back before each: a new one would cost a second."""
    name = postgres_server.create()
    set_up(postgres_server.database(name), library)
    with psycopg.connect(postgres_server.database(name), autocommit=True) as connection:
        for table in KEPT:
            connection.execute(f"create table kept_{table} as select * from {PREFIX}{table}")
    yield name
    postgres_server.drop(name)


KEPT = ("grant", "definition", "event_policy", "rulebook")


@cache
def _tables() -> tuple[str, ...]:
    """The names of all tables: what describes them takes longer to make than they take to be emptied."""
    return tuple(table.name for table in Tables(PREFIX).metadata.sorted_tables)


def as_new(connection: psycopg.Connection) -> None:
    """Throw out whoever is left of a failed test, empty past their triggers the tables that are not as they were, put the
    guards back.
    """
    connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )
    with connection.transaction():
        connection.execute("set local session_replication_role = replica")
        connection.execute("drop table if exists petition")
        if touched := _touched(connection):
            connection.execute(f"truncate {', '.join(touched)} cascade")
        connection.execute(
            "select setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false) from pg_sequences"
            f" where last_value is not null and starts_with(sequencename, '{PREFIX}')"  # the service's rows stay
        )
        for table in KEPT:
            empty = f"not exists (table {PREFIX}{table})"
            connection.execute(f"insert into {PREFIX}{table} select * from kept_{table} where {empty}")
        for statement in postgresql.protection(PREFIX):
            connection.execute(statement)


def _touched(connection: psycopg.Connection) -> list[str]:
    """The tables that hold other rows than they do in a new database."""
    kept = {PREFIX + table: f"kept_{table}" for table in KEPT}
    questions = (
        f"select '{name}' where exists ((table {name} except all table {kept[name]})"
        f" union all (table {kept[name]} except all table {name}))"
        if name in kept
        else f"select '{name}' where exists (table {name})"
        for name in _tables()
    )
    return [name for (name,) in connection.execute(" union all ".join(questions))]


@pytest.fixture(params=["sqlite", "postgresql"])
def ready_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind with the schema, the shipped definitions and the persons."""
    yield from ready(request, tmp_path)


def ready(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """One of the kind that is the fixture's parameter."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("ready_file"), tmp_path / "ready.db")
        yield f"sqlite:///{tmp_path / 'ready.db'}"
        return
    server, name = request.getfixturevalue("postgres_server"), request.getfixturevalue("ready_database")
    with psycopg.connect(server.database(name), autocommit=True) as connection:
        as_new(connection)
    yield server.database(name)
    until = time.monotonic() + 3
    while (left := server.connections(name)) and time.monotonic() < until:
        time.sleep(0.01)
    assert not left, f"{left} connection(s) to PostgreSQL left open"


@pytest.fixture
def office(ready_url: str, library: Library, clock: FrozenClock) -> Iterator[Office]:
    """The office of Xianning on each database."""
    database = Engine.connect(ready_url)
    yield Office(Engine(database, library, place=PLACE, clock=clock, random=SeededRandom(7)), clock)
    database.dispose()


@pytest.fixture
def other(office: Office, library: Library, clock: FrozenClock) -> Iterator[Engine]:
    """A second node: another engine on the same database, with a memory of its own."""
    database = Engine.connect(office.engine.database.url.render_as_string(hide_password=False))
    yield Engine(database, library, place=PLACE, clock=clock)
    database.dispose()


@pytest.fixture
def small_office(ready_url: str, small: Library, clock: FrozenClock) -> Iterator[Office]:
    """The same persons on the small definitions."""
    database = Engine.connect(ready_url)
    engine = Engine(database, small, clock=clock, random=SeededRandom(7))
    engine.publish(Actor(person="set-up"))
    yield Office(engine, clock)
    database.dispose()


@pytest.fixture
def sqlite_office(ready_file: Path, tmp_path: Path, library: Library, clock: FrozenClock) -> Iterator[Office]:
    """The office on SQLite alone, for what no database ever sees."""
    shutil.copy(ready_file, tmp_path / "one.db")
    database = Engine.connect(f"sqlite:///{tmp_path / 'one.db'}")
    yield Office(Engine(database, library, place=PLACE, clock=clock), clock)
    database.dispose()
