"""Connections that wait between two steps: closed when the engine is, never one that broke, never with a lock, none of a host's."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError

from bench.contender import TENANT, actor_of, library, open_engine
from workflow import Engine
from workflow.errors import WorkflowError
from workflow.store.spare import MOST
from workflow.store.work import prepare_sqlite

OFFICE = actor_of(1)


def settle(engine: Engine) -> str:
    """One case of the benchmark's lifecycle, in draft."""
    engine.create_schema()
    engine.grant(OFFICE.person, "deputy", TENANT)
    return engine.start("w1", OFFICE, {"title": "t", "unit": "u1"}, tenant=TENANT).id


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    opened = open_engine(database_url)
    yield opened
    opened.database.dispose()


def waiting(engine: Engine) -> list:
    return [one._driver for one in engine.store._spares._waiting]


def broken(driver) -> bool:
    try:
        driver.execute("select 1")
    except (psycopg.Error, sqlite3.Error):
        return True
    return False


def test_a_step_takes_what_waits_and_the_pool_lends_nothing(engine: Engine) -> None:
    case = settle(engine)
    before = waiting(engine)
    engine.fire(case, "submit", OFFICE, {"opinion": "o"})
    assert len(before) == 1 and waiting(engine) == before
    assert engine.database.pool.checkedout() == 0  # type: ignore[attr-defined]


def together(engine: Engine, count: int) -> None:
    """So many steps at once."""
    works = [engine.store.work() for _ in range(count)]
    for work in works:
        work.__enter__()
    for work in works:
        work.__exit__(None, None, None)


def test_a_crowd_opens_nothing_anew(engine: Engine) -> None:
    """More at once than may wait: the rest are the pool's, and none of ours is closed to make room for them."""
    settle(engine)
    together(engine, MOST + 2)
    before = waiting(engine)
    together(engine, MOST + 2)
    assert len(before) == MOST
    assert {id(driver) for driver in waiting(engine)} == {id(driver) for driver in before}


def test_disposing_closes_them(engine: Engine) -> None:
    settle(engine)
    (driver,) = waiting(engine)
    engine.database.dispose()
    assert broken(driver) and not waiting(engine)


FORKING = """
import os, sys
from tests.test_spare import OFFICE, TENANT, settle
from bench.contender import open_engine
engine = open_engine(sys.argv[1])
cases = [settle(engine)] + [engine.start("w1", OFFICE, {"title": "t", "unit": "u1"}, tenant=TENANT).id for _ in range(2)]
assert engine.store._spares._waiting
children = []
for case in cases[1:]:
    child = os.fork()
    if not child:
        states = [engine.case(case).state, *(engine.fire(case, "submit", OFFICE, {"opinion": "o"}).state for _ in "1")]
        os._exit(states != ["draft", "review"])
    children.append(child)
ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
assert ended == [0, 0], ended
assert engine.fire(cases[0], "submit", OFFICE, {"opinion": "o"}).state == "review"
assert [engine.case(case).state for case in cases] == ["review"] * 3
"""


PRELOADED = """
import os, sys
from api import create_app, create_schema
from tests.test_spare import OFFICE, settle
from bench.contender import open_engine
engine = open_engine(sys.argv[1])
case = settle(engine)
create_schema(engine)
client = create_app(engine, lambda _: OFFICE).test_client()
asked = lambda: client.get(f"/v1/cases/{case}").status_code
assert asked() == 200 and engine.store._spares._waiting
children = []
for _ in range(2):
    child = os.fork()
    if not child:
        os._exit([asked() for _ in range(3)] != [200] * 3)
    children.append(child)
assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]
assert asked() == 200
"""


def test_a_service_that_was_loaded_before_the_fork_answers_in_every_worker(database_url: str) -> None:
    """gunicorn --preload: docs/http.md promises it."""
    run = subprocess.run(
        [sys.executable, "-c", PRELOADED, database_url], check=False, capture_output=True, text=True
    )
    assert (run.returncode, run.stderr) == (0, "")


def test_after_a_fork_they_are_the_parents(database_url: str) -> None:
    """The children ask on connections of their own, and what they end leaves his alone."""
    run = subprocess.run(
        [sys.executable, "-c", FORKING, database_url], check=False, capture_output=True, text=True
    )
    assert (run.returncode, run.stderr) == (0, "")


def test_of_several_connections_that_broke_one_call_learns(postgres_url: str) -> None:
    engine = open_engine(postgres_url)
    case = settle(engine)
    together(engine, 3)
    assert len(waiting(engine)) == 3
    pids = [driver.info.backend_pid for driver in waiting(engine)]
    with psycopg.connect(postgres_url, autocommit=True) as other:
        for pid in pids:
            other.execute("select pg_terminate_backend(%s, 5000)", (pid,))
    with pytest.raises((psycopg.Error, SQLAlchemyError, WorkflowError)):
        engine.fire(case, "submit", OFFICE, {"opinion": "o"})
    assert not waiting(engine)
    engine.database.dispose()  # what the pool itself keeps is dead too
    assert engine.fire(case, "submit", OFFICE, {"opinion": "o"}).state == "review"
    engine.database.dispose()


def test_no_lock_waits_with_them(tmp_path) -> None:
    file = tmp_path / "w.db"
    engine = open_engine(f"sqlite:///{file}")
    settle(engine)
    with engine.store.work() as work:
        work.cursor.execute("select * from tibandu_grant union all select * from tibandu_grant")
        work.cursor.fetchone()
    assert waiting(engine)
    with sqlite3.connect(file, timeout=0) as other:
        other.execute("begin exclusive")
    other.close()
    engine.database.dispose()


def test_a_hosts_own_pool_keeps_its_connections(tmp_path) -> None:
    database = create_engine(f"sqlite:///{tmp_path / 'w.db'}", connect_args={"check_same_thread": False})
    prepare_sqlite(database)
    engine = Engine(database, library())
    settle(engine)
    assert not waiting(engine)
    database.dispose()
