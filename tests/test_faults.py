"""A database that would lose what it acknowledged is refused on every way in; one that fails says what to do, and heals."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import create_engine, event
from sqlalchemy.orm import Session

from api import create_app, create_schema
from bench.contender import TENANT, actor_of, library
from workflow import Actor, Engine
from workflow.errors import StoreError
from workflow.migrations import upgrade
from workflow.store.durable import wal_is_sound
from workflow.store.schema import PREFIX
from workflow.store.work import prepare_sqlite

OFFICE = actor_of(1)
DATA = {"title": "t", "unit": "u1"}


@contextmanager
def hosts(url: str, *settings: str) -> Iterator[Database]:
    """A host's own SQLAlchemy engine, whose connections are made with these statements."""
    database = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    if database.dialect.name == "sqlite":
        prepare_sqlite(database)  # what Engine.connect does, before the host undoes it

    @event.listens_for(database, "connect")
    def _connect(driver, _record) -> None:
        for setting in settings:
            driver.execute(setting)
        driver.commit()

    yield database
    database.dispose()


def settle(url: str) -> str:
    """A database with our tables, one person and nothing else."""
    engine = Engine(url, library())
    engine.create_schema()
    engine.grant(OFFICE.person, "deputy", TENANT)
    engine.database.dispose()
    return url


@pytest.fixture
def made(database_url: str) -> str:
    return settle(database_url)


def in_the_hosts_transaction(engine: Engine) -> None:
    with Session(engine.database) as session:
        session.connection()
        engine.start("w1", OFFICE, DATA, tenant=TENANT, session=session)


WAYS: dict[str, Callable[[Engine], object]] = {
    "upgrade": lambda engine: upgrade(engine.database, PREFIX),
    "create_schema": Engine.create_schema,
    "publish": lambda engine: engine.publish(Actor(person="set-up")),
    "grant": lambda engine: engine.grant("wu", "deputy", TENANT),
    "start": lambda engine: engine.start("w1", OFFICE, DATA, tenant=TENANT),
    "tick": Engine.tick,
    "host": in_the_hosts_transaction,
}


@pytest.mark.parametrize("way", WAYS)
def test_what_would_lose_acknowledged_actions_is_refused_on_every_way_in(made: str, way: str) -> None:
    weak = "synchronous_commit" if made.startswith("postgresql") else "synchronous"
    setting = "set synchronous_commit = off" if weak == "synchronous_commit" else "pragma synchronous = off"
    with hosts(made, setting) as database:
        engine = Engine(database, library())
        with pytest.raises(StoreError, match=f"{weak}.*can lose"):
            WAYS[way](engine)
        with pytest.raises(StoreError, match="can lose"):  # and again
            WAYS[way](engine)
    with hosts(made) as database:
        WAYS[way](Engine(database, library()))


@pytest.mark.parametrize("mode", ["off", "memory"])
def test_a_file_that_a_crash_would_spoil_is_refused(sqlite_url: str, mode: str) -> None:
    with hosts(sqlite_url, f"pragma journal_mode = {mode}") as database:
        engine = Engine(database, library())
        for way in (engine.create_schema, engine.store.check):
            with pytest.raises(StoreError, match=f"journal_mode = {mode}.*truncate"):
                way()


def test_a_commit_that_is_an_unsynced_deletion_is_refused(sqlite_url: str) -> None:
    refused = pytest.raises(StoreError, match=r"journal_mode = delete, synchronous = FULL.*truncate")
    with hosts(sqlite_url, "pragma journal_mode = delete") as database, refused:
        Engine(database, library()).create_schema()
    with hosts(sqlite_url, "pragma journal_mode = delete", "pragma synchronous = extra") as database:
        Engine(database, library()).create_schema()


@pytest.mark.parametrize("mode", ["truncate", "persist", "wal"])
def test_the_other_journal_modes_are_taken(
    sqlite_url: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workflow.store.durable.wal_is_sound", lambda driver: True)
    with hosts(sqlite_url, f"pragma journal_mode = {mode}") as database:
        Engine(database, library()).create_schema()
        monkeypatch.setattr("workflow.store.durable.wal_is_sound", lambda driver: False)
        database.dispose()
        if mode == "wal":
            with pytest.raises(StoreError, match=r"journal_mode = wal \(SQLite < 3\.51\.3\)"):
                Engine(database, library()).create_schema()


@pytest.mark.parametrize(("version", "sound"), [((3, 51, 2), False), ((3, 51, 3), True), ((3, 52, 0), True)])
def test_the_version_of_sqlite_is_asked_only_of_a_driver_with_a_library_of_its_own(
    version: tuple[int, int, int], sound: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Driver:
        def execute(self, _: str) -> Driver:
            return self

        def fetchone(self) -> tuple[str]:
            return (".".join(map(str, version)),)

    assert wal_is_sound(Driver()) == sound
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    asked = list[str]()
    with closing(sqlite3.connect(":memory:")) as driver:
        driver.set_trace_callback(asked.append)
        assert (wal_is_sound(driver), asked) == (sound, [])


def test_a_database_in_memory_has_no_file_to_spoil() -> None:
    engine = Engine("sqlite://", library())
    engine.create_schema()
    engine.database.dispose()


# --- a database that fails


class Faulty:
    """An engine and its service, whose database can be made to fail for a while."""

    def __init__(self, url: str) -> None:
        self.engine = Engine(url, library())
        create_schema(self.engine)
        self.client = create_app(self.engine, lambda _request: OFFICE).test_client()
        self.pages: int | None = None
        if self.engine.store.is_sqlite:
            event.listen(self.engine.database, "connect", self._narrow)

    def _narrow(self, driver: Any, _record: Any) -> None:
        if self.pages is not None:
            driver.execute(f"pragma max_page_count = {self.pages}")

    def full(self, how_full: bool) -> None:
        with self.engine.database.connect() as connection:
            pages = connection.exec_driver_sql("pragma page_count").scalar_one()
        self.pages = pages if how_full else None
        self.engine.database.dispose()

    def server(self, sql: str) -> None:
        """As the one who runs the server."""
        url = self.engine.database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.format(database=self.engine.database.url.database))

    def hang_up(self) -> None:
        """Every connection of the engine is ended by the server."""
        self.server(
            "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()"
        )

    def start(self, key: str) -> str:
        return self.engine.start("w1", OFFICE, {**DATA, "title": "长" * 500}, tenant=TENANT, key=key).id

    def post(self, key: str) -> Any:
        return self.client.post(
            "/v1/cases", json={"kind": "w1", "tenant": TENANT, "data": {**DATA, "title": "长" * 500}}, headers={"Idempotency-Key": key}
        )  # fmt: skip


def until_it_fails(act: Callable[[str], Any], times: int = 60) -> tuple[str, StoreError]:
    """The key that was not acknowledged, and what was said."""
    for n in range(times):
        try:
            act(f"k{n}")
        except StoreError as error:
            return f"k{n}", error
    raise AssertionError("nothing failed")


def is_unavailable(answer: Any, word: str) -> None:
    assert (answer.status_code, answer.json["code"]) == (503, "unavailable"), answer.text
    assert word in answer.json["texts"]["en"] and "same idempotency key" in answer.json["texts"]["en"]
    assert "用同一幂等键" in answer.json["texts"]["zh"] and int(answer.headers["Retry-After"]) > 0


@pytest.fixture
def lite(sqlite_url: str) -> Iterator[Faulty]:
    settle(sqlite_url)
    found = Faulty(sqlite_url)
    yield found
    found.engine.database.dispose()


def test_a_full_disk_says_so_and_is_forgotten_when_there_is_room(lite: Faulty) -> None:
    lite.full(True)
    key, error = until_it_fails(lite.start)
    assert (error.which, error.again, type(error.__cause__).__name__) == ("full", True, "OperationalError")
    with Session(lite.engine.database) as session:
        session.connection()
        until_it_fails(lambda key: lite.engine.start("w1", OFFICE, {**DATA, "title": "长" * 3000}, tenant=TENANT, session=session))  # fmt: skip
    until_it_fails(lambda key: lite.engine.grant(key, "deputy", TENANT), 400)
    for n in range(60):
        if (answer := lite.post(f"h{n}")).status_code != 201:
            break
    is_unavailable(answer, "full")
    lite.full(False)
    assert lite.start(key) == lite.start(key)
    assert lite.post(f"h{n}").status_code == 201


def test_a_file_that_may_only_be_read_says_so(lite: Faulty) -> None:
    with lite.engine.database.connect() as connection:
        connection.exec_driver_sql("pragma query_only = on")
        connection.detach()  # the pool makes another
    event.listen(lite.engine.database, "connect", lambda driver, _: driver.execute("pragma query_only = on"))
    lite.engine.database.dispose()
    with pytest.raises(StoreError) as refused:
        lite.start("k")
    assert refused.value.which == "read_only"


@pytest.fixture
def served(postgres_url: str) -> Iterator[Faulty]:
    settle(postgres_url)
    found = Faulty(postgres_url)
    yield found
    found.engine.database.dispose()


def test_a_server_that_hangs_up_costs_one_call(served: Faulty) -> None:
    engine, case = served.engine, served.start("first")
    works = [engine.store.work() for _ in range(3)]
    for work in works:  # three that wait
        work.__enter__()
    for work in works:
        work.__exit__(None, None, None)
    asks: dict[str, Callable[[], object]] = {
        "start": lambda: served.start("k"), "fire": lambda: engine.fire(case, "submit", OFFICE, {"opinion": "o"}, key="f"),
        "tick": engine.tick, "permitted": lambda: engine.permitted(case, OFFICE), "case": lambda: engine.case(case),
        "search": engine.search, "grant": lambda: engine.grant("wu", "deputy", TENANT),
    }  # fmt: skip
    told = {}
    for name, ask in asks.items():
        served.hang_up()
        try:
            ask()  # on a connection that was made for it
        except StoreError as lost:
            told[name] = lost
        ask()
    assert {"start", "fire", "permitted"} <= told.keys()
    assert {(lost.which, lost.again) for lost in told.values()} == {("lost", True)}
    assert all(isinstance(lost.__cause__, psycopg.Error) for lost in told.values())
    assert len(engine.store._spares._waiting) <= 3


def test_over_http_too(served: Faulty) -> None:
    assert served.post("a").status_code == 201
    served.hang_up()
    is_unavailable(served.post("b"), "not there")
    assert served.post("b").status_code == served.post("b").status_code == 201
    served.hang_up()
    answers = [served.client.get("/v1/cases") for _ in range(2)]
    is_unavailable(answers[0], "not there")
    assert answers[1].status_code == 200


def test_a_host_whose_server_hangs_up(served: Faulty) -> None:
    with Session(served.engine.database) as session:
        session.connection()
        served.hang_up()
        with pytest.raises(StoreError) as lost:
            served.engine.start("w1", OFFICE, DATA, tenant=TENANT, session=session)
        assert lost.value.which == "lost"
        session.invalidate()


def test_a_server_that_only_reads(served: Faulty) -> None:
    served.server('alter database "{database}" set default_transaction_read_only = on')
    served.engine.database.dispose()
    for ask in (lambda: served.start("k"), lambda: served.engine.grant("wu", "deputy", TENANT)):
        with pytest.raises(StoreError) as refused:
            ask()
        assert (refused.value.which, refused.value.again) == ("read_only", True)
    is_unavailable(served.post("k"), "read-only")
    assert served.client.get("/v1/cases").status_code == 200
    url = served.engine.database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set default_transaction_read_only = off")
        connection.execute(
            f'alter database "{served.engine.database.url.database}" reset default_transaction_read_only'
        )
    served.engine.database.dispose()
    assert served.start("k") == served.start("k")


def test_a_server_that_is_not_there() -> None:
    engine = Engine("postgresql://nobody@127.0.0.1:1/none", library())
    for ask in (lambda: engine.case("x"), engine.tick, lambda: engine.fire("x", "submit", OFFICE)):
        with pytest.raises(StoreError) as lost:
            ask()
        assert lost.value.which == "lost"
