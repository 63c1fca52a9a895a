"""The schema comes and goes beside a host's own, under any prefix, and is what the model says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine as Database
from sqlalchemy import inspect, text

from workflow import Actor, Engine
from workflow.library import Library
from workflow.migrations import downgrade, upgrade
from workflow.store.schema import Tables

from .lifecycle import TENANT, Office


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Engine.connect(database_url)
    yield made
    made.dispose()


def differences(database: Database, prefix: str) -> list[object]:
    with database.connect() as connection:
        options = {
            "include_name": lambda name, kind, _: kind != "table" or name.startswith(prefix),
            "compare_type": True,
        }
        context = MigrationContext.configure(
            connection, opts={**options, "version_table": f"{prefix}version"}
        )
        return compare_metadata(context, Tables(prefix).metadata)


def test_story_H08_up_twice_and_down_beside_a_host(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(text("create table alembic_version (version_num varchar(32) primary key)"))
        connection.execute(text("insert into alembic_version values ('host-7')"))
        connection.execute(text("create table cases (id text primary key)"))
    for _ in range(2):
        upgrade(database, "tibandu_")
    assert differences(database, "tibandu_") == []
    downgrade(database, "tibandu_")
    with database.connect() as connection:
        assert connection.execute(text("select version_num from alembic_version")).scalar() == "host-7"
    assert set(inspect(database).get_table_names()) <= {"alembic_version", "cases", "tibandu_version"}
    upgrade(database, "tibandu_")
    assert differences(database, "tibandu_") == []


def test_two_prefixes_in_one_database(database: Database, small: Library, clock) -> None:
    engines = [Engine(database, small, prefix=prefix, clock=clock) for prefix in ("one_", "two_")]
    for engine in engines:
        engine.create_schema()
        Office(engine, clock).staff()
        assert differences(database, engine.store.prefix) == []
    first, second = engines
    case = first.start("ask_all", Actor(person="li"), {"units": ["water"]}, tenant=TENANT)
    assert (len(first.search()), len(second.search())) == (2, 0)
    downgrade(database, "two_")
    assert first.fire(case.id, "close", Actor(person="li")).state == "done"
