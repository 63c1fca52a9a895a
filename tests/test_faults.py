"""A database that would lose what it acknowledged is refused on every way in; one that fails says what to do, and heals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import create_engine, event
from sqlalchemy.orm import Session

from bench.contender import TENANT, actor_of, library
from workflow import Actor, Engine
from workflow.errors import StoreError
from workflow.migrations import upgrade
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


@pytest.fixture
def made(database_url: str) -> str:
    """A database with our tables, one person and nothing else."""
    engine = Engine(database_url, library())
    engine.create_schema()
    engine.grant(OFFICE.person, "deputy", TENANT)
    engine.database.dispose()
    return database_url


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


@pytest.mark.parametrize("mode", ["delete", "truncate", "persist", "wal"])
def test_the_other_journal_modes_are_taken(
    sqlite_url: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workflow.store.durable.wal_is_sound", lambda ask: True)
    with hosts(sqlite_url, f"pragma journal_mode = {mode}") as database:
        Engine(database, library()).create_schema()
        monkeypatch.setattr("workflow.store.durable.wal_is_sound", lambda ask: False)
        database.dispose()
        if mode == "wal":
            with pytest.raises(StoreError, match=r"journal_mode = wal \(SQLite < 3\.51\.3\)"):
                Engine(database, library()).create_schema()


def test_a_database_in_memory_has_no_file_to_spoil() -> None:
    engine = Engine("sqlite://", library())
    engine.create_schema()
    engine.database.dispose()
