"""Our statements on a connection that others use too: prepared once, and again when somebody has taken them away."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import create_engine, event

from bench.contender import LIVE, actor_of, open_engine
from bench.seed import fill
from bench.w1def import actor_for
from workflow import Engine
from workflow.store import postgresql, prepared
from workflow.store.prepared import PreparedCursor
from workflow.store.work import CURSOR


@pytest.fixture
def connection(postgres_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def cursor(connection: psycopg.Connection) -> PreparedCursor:
    return PreparedCursor(connection)


def kept(connection: psycopg.Connection) -> int:
    row = connection.execute("select count(*) from pg_prepared_statements", prepare=False).fetchone()
    return row[0] if row else 0


def test_values_go_and_come_as_they_are(cursor: PreparedCursor) -> None:
    given = ("代表\n\t'\"\\", 7, True, None, -(2**40), False)
    cursor.execute("select $1::text, $2::int, $3::boolean, $4::text, $5::bigint, $6::boolean", given)
    assert cursor.rowcount == 1
    assert cursor.fetchone() == given


@pytest.mark.parametrize(
    ("values", "back"),
    [
        (["代表\n\t'\"\\", "", "NULL", None], ["代表\n\t'\"\\", "", "NULL", None]),
        ([""], [""]),
        ([None], [None]),
        ([None, ""], [None, ""]),
        ([True, False, 7], ["True", "False", "7"]),
    ],
)
def test_a_column_is_read_back_as_it_was_sent(
    cursor: PreparedCursor, values: list[str | None], back: list[str | None]
) -> None:
    column = postgresql.column(values)
    cursor.execute(postgresql.numbered(f"select unnest({postgresql.ARRAY})"), [column])
    assert [value for (value,) in cursor.fetchall()] == back


@pytest.mark.parametrize("character", [postgresql.BETWEEN, postgresql.NOTHING])
def test_what_would_not_be_read_back_is_not_sent_as_a_column(character: str) -> None:
    assert postgresql.column(["sound", f"un{character}sound"]) is None
    assert postgresql.column(["sound", None, character]) is None
    assert postgresql.column(["sound", None, "sound"]) is not None


def test_nothing_read_is_nothing(cursor: PreparedCursor) -> None:
    cursor.execute("select 1 where false")
    assert (cursor.rowcount, cursor.fetchone(), cursor.fetchall()) == (0, None, [])


def test_a_text_is_never_cut(cursor: PreparedCursor) -> None:
    """libpq ends a text at its first NUL."""
    with pytest.raises(psycopg.DataError):
        cursor.execute("select $1::text", ("yes\0no",))


def test_errors_are_the_drivers(cursor: PreparedCursor) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        cursor.execute("select 1 / $1::int", (0,))


def test_old_statements_make_room(
    cursor: PreparedCursor, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared, "MOST", 5)
    for number in range(20):
        cursor.execute(f"select {number}")
        assert cursor.fetchone() == (number,)
    assert kept(connection) <= 6
    cursor.execute("begin")
    cursor.execute("select 0")
    cursor.execute("commit")


def test_what_was_deallocated_is_prepared_again(
    cursor: PreparedCursor, connection: psycopg.Connection
) -> None:
    """psycopg deallocates everything after a rollback of its own; found out by a transaction before it has begun."""
    cursor.execute("select 1")
    connection.execute("deallocate all")
    cursor.execute("select 1")
    assert cursor.fetchone() == (1,)
    connection.execute("deallocate all")
    cursor.execute("begin")
    cursor.execute("select 1")
    cursor.execute("commit")
    assert cursor.fetchall() == []


@pytest.mark.parametrize("threshold", [0, 5, None])
def test_who_forbids_prepared_statements_gets_none(postgres_url: str, threshold: int | None) -> None:
    """A pooler between us and the server may not know them: then the host's engine says `prepare_threshold=None`."""
    fill(postgres_url, 1, background=0)
    _, _, rest = postgres_url.partition("://")
    database = create_engine(f"postgresql+psycopg://{rest}", connect_args={"prepare_threshold": threshold})
    taken: list[object] = []
    event.listen(database, "checkin", lambda _driver, record: taken.append(record.info.get(CURSOR)))
    opened = open_engine(postgres_url)
    engine = Engine(database, opened.library)
    engine.fire(LIVE.format(1), "submit", actor_of(actor_for(1, "submit")), {"opinion": "同意"})
    assert any(isinstance(one, PreparedCursor) for one in taken) == (threshold is not None)
    with database.connect() as connection:
        found = connection.exec_driver_sql(
            "select count(*) from pg_prepared_statements where name like 'tibandu%%'"
        ).scalar_one()
    assert (found > 0) == (threshold is not None)
    database.dispose()
    opened.database.dispose()


@pytest.mark.parametrize("ours", [True, False])
def test_the_hot_statements_of_a_hosts_transaction_are_prepared_on_connections_of_ours(
    postgres_url: str, ours: bool
) -> None:
    """And by nobody else's will on his own, where psycopg prepares what is asked for the fifth time."""
    fill(postgres_url, 1, background=0)
    _, _, rest = postgres_url.partition("://")
    opened = open_engine(postgres_url)
    database = opened.database if ours else create_engine(f"postgresql+psycopg://{rest}")
    engine = Engine(database, opened.library)
    with database.connect() as host:
        with host.begin():
            actor = actor_of(actor_for(1, "submit"))
            engine.fire(LIVE.format(1), "submit", actor, {"opinion": "同意"}, session=host)
        found = host.exec_driver_sql("select count(*) from pg_prepared_statements where name like '_pg3%%'")
        assert (found.scalar_one() > 0) == ours
    database.dispose()
    opened.database.dispose()
