"""What one event costs, counted in statements and rows, never in time (time is `make bench`'s: docs/performance.md)."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import patch

import pytest
from sqlalchemy import func, select

from bench.contender import LIVE, actor_of, open_engine
from bench.seed import fill
from bench.w1def import actor_for
from workflow import Engine, Refused, memory
from workflow.model import Request
from workflow.store import work
from workflow.store.sql import SLICE

CASES = 24


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """The benchmark's lifecycle with a few drafts."""
    fill(database_url, CASES, background=0)
    opened = open_engine(database_url)
    yield opened
    opened.database.dispose()


class Statements:
    """What the hot path sends, by first word."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self._make = work._cursor

    def __enter__(self) -> list[str]:
        self._patch = patch.object(
            work, "_cursor", lambda *given, **more: _Counted(self._make(*given, **more), self.sent)
        )
        self._patch.start()
        return self.sent

    def __exit__(self, *_: object) -> None:
        self._patch.stop()


class _Counted:
    def __init__(self, cursor, sent: list[str]) -> None:
        self._cursor, self._sent = cursor, sent
        if hasattr(cursor, "send"):
            self.send = self._send

    def _send(self, sql: str, *given):
        self._sent.append(sql.split(maxsplit=1)[0])
        return self._cursor.send(sql, *given)

    def execute(self, sql: str, *given):
        self._sent.append(sql.split(maxsplit=1)[0])
        return self._cursor.execute(sql, *given)

    def executemany(self, sql: str, *given):
        self._sent.append(sql.split(maxsplit=1)[0])
        return self._cursor.executemany(sql, *given)

    def __getattr__(self, name: str):
        return getattr(self._cursor, name)


@pytest.fixture
def sent(engine: Engine) -> Iterator[list[str]]:
    engine.database.dispose()  # a pooled connection keeps the cursor it was given
    with Statements() as found:
        yield found


def fire(engine: Engine, number: int, event: str, **more):
    return engine.fire(
        LIVE.format(number), event, actor_of(actor_for(number, event)), {"opinion": "同意"}, **more
    )


WRITE = {
    "postgresql": ["with"],
    "sqlite": ["begin", "update", "insert", "insert", "insert", "insert", "commit"],
}
"""the case, its line, what the line discloses, the clocks, the message"""


def write(engine: Engine) -> list[str]:
    return WRITE[engine.database.dialect.name]


def test_a_case_seen_for_the_first_time_is_one_read_and_one_write(engine: Engine, sent: list[str]) -> None:
    fire(engine, 1, "submit")
    assert sent == ["select", *write(engine)]


def test_a_case_just_written_is_not_read_again(engine: Engine, sent: list[str]) -> None:
    for event in ("submit", "approve", "assign"):
        fire(engine, 1, event)
    fire(engine, 11, "submit")
    del sent[:]
    fire(engine, 11, "approve", revision=2)  # by the same two persons, so their grants are remembered
    fire(engine, 11, "assign")
    assert sent == write(engine) * 2


def test_a_case_that_is_busy_is_not_the_first_to_be_forgotten(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "SIZE", 2)
    for number, event in ((1, "submit"), (2, "submit"), (1, "approve"), (3, "submit")):
        fire(engine, number, event)
    with patch.object(engine.store, "read", side_effect=AssertionError("the case is remembered")):
        fire(engine, 1, "assign")


def test_of_a_person_not_met_before_only_the_grants_are_read(engine: Engine, sent: list[str]) -> None:
    for event in ("submit", "approve"):
        fire(engine, 1, event)
    del sent[:]
    with patch.object(engine.store, "read", side_effect=AssertionError("the case is remembered")):
        fire(engine, 1, "assign")
    assert sent == ["select", *write(engine)]


def test_a_no_is_read_and_writes_nothing(engine: Engine, sent: list[str]) -> None:
    fire(engine, 1, "submit")
    fire(engine, 2, "submit")
    del sent[:]
    with pytest.raises(Refused):
        fire(engine, 2, "submit")
    assert sent == ["select"]


def test_what_is_permitted_is_one_read(engine: Engine, sent: list[str]) -> None:
    engine.permitted(LIVE.format(1), actor_of(actor_for(1, "submit")))
    assert sent == ["select"]


@pytest.mark.parametrize("number", [2, 12])
def test_what_is_permitted_in_many_is_two_reads(engine: Engine, sent: list[str], number: int) -> None:
    """Of the cases and of who asks, however many they are."""
    cases, actor = [LIVE.format(one + 1) for one in range(number)], actor_of(actor_for(1, "submit"))
    found = engine.permitted_in(cases, actor)
    assert sent == ["select", "select"]
    assert [*found] == cases


def test_who_comes_second_reads_once_more(engine: Engine, sent: list[str]) -> None:
    for event in ("submit", "approve", "assign", "accept", "handle"):
        fire(engine, 1, event)
    case, actor = LIVE.format(1), actor_of(11)
    engine.fire(case, "remark", actor, {"remark": "一"})
    other = open_engine(engine.database.url.render_as_string(hide_password=False))
    other.fire(case, "remark", actor, {"remark": "二"})
    other.database.dispose()
    del sent[:]
    engine.fire(case, "remark", actor, {"remark": "三"})
    missed = ["begin", "update", "rollback"] if engine.store.is_sqlite else ["with"]
    without_clocks = [word for n, word in enumerate(write(engine)) if n != 5]
    assert sent == [*missed, "select", *without_clocks]


@pytest.mark.parametrize("size", [3, CASES])
def test_a_batch_costs_as_many_statements_however_long_it_is(
    engine: Engine, sent: list[str], size: int
) -> None:
    """On PostgreSQL its rows go in slices, a statement each."""
    # The families locked, those read that are not remembered as they are locked, the persons' grants read.
    for event, read in (("submit", 3), ("approve", 2)):
        rows = [
            Request(
                case=LIVE.format(n),
                event=event,
                actor=actor_of(actor_for(n, event)),
                data={"opinion": "同意"},
            )
            for n in range(1, size + 1)
        ]
        assert all(outcome.error is None for outcome in engine.batch(rows))
        written = write(engine)[1:-1] if engine.store.is_sqlite else ["with"] * -(-size // SLICE)
        assert sent == ["begin", *["select"] * read, "savepoint", *written, "release", "commit"]
        del sent[:]


def test_a_batch_trusts_no_memory_that_is_behind(engine: Engine) -> None:
    """Remembered at one revision, locked at another: read anew, and decided on what is there."""
    fire(engine, 1, "submit")
    fire(engine, 2, "submit")
    other = open_engine(engine.database.url.render_as_string(hide_password=False))
    fire(other, 1, "approve")
    other.database.dispose()
    rows = [
        Request(
            case=LIVE.format(n),
            event="assign",
            actor=actor_of(actor_for(n, "assign")),
            data={"opinion": "同意"},
        )
        for n in (1, 2)
    ]
    outcomes = engine.batch(rows)
    assert outcomes[0].case and outcomes[0].case.state == "assigned"
    assert isinstance(outcomes[1].error, Refused)


def rows(engine: Engine) -> dict[str, int]:
    prefix = engine.store.prefix
    with engine.database.connect() as connection:
        return {
            name.removeprefix(prefix): connection.execute(
                select(func.count()).select_from(table)
            ).scalar_one()
            for name, table in engine.store.tables.metadata.tables.items()
        }


def test_the_rows_an_event_adds(engine: Engine) -> None:
    before = rows(engine)
    fire(engine, 1, "submit")
    fire(engine, 1, "approve", key="k")
    after = rows(engine)
    added = {name: count - before[name] for name, count in after.items() if count != before[name]}
    # two clocks were started, and the first is stopped in its own row
    assert added == {"history": 2, "disclosure": 2, "outbox": 2, "clock": 2, "answer": 1}
