"""A batch on PostgreSQL goes in slices that are not waited for: all of them are undone together, and none is left under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from sqlalchemy import text

from bench.contender import LIVE, actor_of, open_engine
from bench.seed import fill
from bench.w1def import actor_for
from workflow import Engine
from workflow.errors import StoreError
from workflow.model import Outcome, Request
from workflow.store import sql
from workflow.store.prepared import PreparedCursor

CASES, IDLE = 6, psycopg.pq.TransactionStatus.IDLE


@pytest.fixture
def engine(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A few drafts, and slices of two."""
    fill(postgres_url, CASES, background=0)
    monkeypatch.setattr(sql, "SLICE", 2)
    opened = open_engine(postgres_url)
    yield opened
    opened.database.dispose()


def submit(engine: Engine) -> list[Outcome]:
    rows = [
        Request(
            case=LIVE.format(n), event="submit", actor=actor_of(actor_for(n, "submit")), data={"opinion": "同意"},
            key=f"k{n}",
        )
        for n in range(1, CASES + 1)
    ]  # fmt: skip
    return engine.batch(rows)


def at_decision(engine: Engine, number: int, do: Callable[[], object]) -> None:
    """Before that decision of the batch something happens."""
    decided, seen = engine._firing.decided, [0]

    def wrapped(*given):
        seen[0] += 1
        if seen[0] == number:
            do()
        return decided(*given)

    engine._firing.decided = wrapped  # type: ignore[method-assign]


def lines(engine: Engine) -> list[int]:
    with engine.database.connect() as connection:
        query = f"select seq from {engine.store.prefix}cases where id = root_id order by id"
        return list(connection.execute(text(query)).scalars())


def connection_of(engine: Engine) -> tuple[int, psycopg.pq.TransactionStatus]:
    with engine.store.work() as work:
        work.cursor.execute("select pg_backend_pid()")
        return work.cursor.fetchone()[0], work.cursor._connection.transaction_status


def interfere(engine: Engine, statement: str, **values: object) -> Callable[[], None]:
    def do() -> None:
        with engine.database.begin() as connection:
            connection.execute(text(statement.format(p=engine.store.prefix)), values)

    return do


@pytest.mark.parametrize("number", [1, 3, 6])
def test_what_breaks_between_two_slices_leaves_nothing_written_and_nothing_under_way(
    engine: Engine, number: int
) -> None:
    backend = connection_of(engine)

    def fault() -> None:
        raise MemoryError

    at_decision(engine, number, fault)
    with pytest.raises(MemoryError):
        submit(engine)
    assert lines(engine) == [1] * CASES
    assert connection_of(engine) == backend == (backend[0], IDLE)
    assert all(outcome.error is None for outcome in submit(engine))


def test_a_server_that_goes_between_two_slices_takes_the_batch_and_its_connection_along(
    engine: Engine,
) -> None:
    backend, _ = connection_of(engine)
    at_decision(engine, 3, interfere(engine, "select pg_terminate_backend(:one, 10000)", one=backend))
    with pytest.raises(StoreError) as raised:
        submit(engine)
    assert (raised.value.which, lines(engine)) == ("lost", [1] * CASES)
    assert connection_of(engine)[0] != backend
    assert all(outcome.error is None for outcome in submit(engine))


@pytest.mark.parametrize("number", [2, 4, 6])
def test_a_key_written_meanwhile_undoes_every_slice_and_each_row_gets_its_own_answer(
    engine: Engine, number: int
) -> None:
    """The database refuses the slice when the next is decided, or at the end."""
    row = (number + 1) // 2 * 2  # the last of the slice under way
    taken = interfere(
        engine, "insert into {p}answer(key, body_hash, answer, recorded_at) values (:key, 'x:y', '{{}}', '')",
        key=f"p{actor_for(row, 'submit')}\nk{row}",
    )  # fmt: skip
    at_decision(engine, number, taken)
    outcomes = submit(engine)
    assert [outcome.row for outcome in outcomes if outcome.error] == [row - 1]
    assert lines(engine) == [1 if n == row else 2 for n in range(1, CASES + 1)]


def test_a_grant_gone_meanwhile_undoes_every_slice(engine: Engine) -> None:
    """That slice writes less than it was to, and says no more."""
    gone = actor_of(actor_for(4, "submit")).person
    at_decision(engine, 2, interfere(engine, "delete from {p}grant where person = :person", person=gone))
    refused = {n for n in range(1, CASES + 1) if actor_of(actor_for(n, "submit")).person == gone}
    outcomes = submit(engine)
    assert {outcome.row + 1 for outcome in outcomes if outcome.error} == refused != set()
    assert lines(engine) == [1 if n in refused else 2 for n in range(1, CASES + 1)]


# --- the cursor


@pytest.fixture
def cursor(postgres_url: str) -> Iterator[PreparedCursor]:
    with psycopg.connect(postgres_url, autocommit=True) as opened:
        yield PreparedCursor(opened)


def test_what_was_sent_is_waited_for_by_whatever_comes_next(cursor: PreparedCursor) -> None:
    cursor.send("select generate_series(1, $1::int)", [3], 3)
    cursor.execute("select 7")
    assert cursor.fetchall() == [(7,)]
    cursor.send("select 1", [], 1)
    assert cursor.arrived()


def test_too_few_rows_are_told_once_whatever_is_sent_after_them(cursor: PreparedCursor) -> None:
    for rows in (2, 3, 2):
        cursor.send("select generate_series(1, $1::int)", [2], rows)
    assert not cursor.arrived()
    assert cursor.arrived()


def test_a_rollback_forgets_what_came_short(cursor: PreparedCursor) -> None:
    """Also when it was told by an error, not asked for."""
    cursor.execute("begin")
    cursor.send("select generate_series(1, $1::int)", [2], 3)
    cursor.send("select 1 / $1::int", [0], 1)
    with pytest.raises(psycopg.errors.DivisionByZero):
        cursor.arrived()
    cursor.execute("rollback")
    cursor.execute("begin")
    cursor.send("select 1", [], 1)
    assert cursor.arrived()
    cursor.execute("commit")


@pytest.mark.parametrize(
    "next_one",
    [
        lambda cursor: cursor.execute("select 1"),
        lambda cursor: cursor.execute("commit"),
        lambda cursor: cursor.send("select 1", [], 1),
        lambda cursor: cursor.arrived(),
    ],
    ids=["a statement", "the commit", "the next slice", "the question"],
)
def test_an_error_is_raised_by_what_comes_next_and_not_by_a_rollback(
    cursor: PreparedCursor, next_one: Callable[[PreparedCursor], object]
) -> None:
    fails = ("select 1 / $1::int", [0], 1)
    cursor.execute("begin")
    cursor.send(*fails)
    with pytest.raises(psycopg.errors.DivisionByZero):
        next_one(cursor)
    cursor.send(*fails)  # in a transaction that has failed
    cursor.execute("rollback")
    assert cursor._connection.transaction_status == IDLE
    assert cursor.arrived()


def test_much_more_than_a_socket_holds_is_sent(cursor: PreparedCursor) -> None:
    cursor.send("select length($1::text)", ["x" * 20_000_000], 1)
    assert cursor.arrived()
