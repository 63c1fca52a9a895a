"""The sweep: 1,000 timers that are due among ten thousand, a hundred thousand, a million that are not.

Each due timer is a full event of the engine: decided, chained, its clock moved, its message written. Beside it the same by hand
in SQL, step by step, one transaction for each timer: read the timer and its case, chain a line, write case, timer and message.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import text

from workflow.engine import Engine
from workflow.loader import load_definitions
from workflow.model import Actor
from workflow.testing import FrozenClock

from .seed import analysed
from .target import Targets

DUE = 1_000
PAGE = 100
SIZES = (10_000, 100_000)
LARGE = 1_000_000
FIRST = date(2026, 3, 2)
RUN_OUT = date(2026, 6, 1)
"""ninety days later: the clocks run out on this day"""
BODY = "关于增设快递员驿站的建议"


def measure(targets: Targets, rounds: int, *, large: bool) -> Iterator[tuple[str, int, float, float, float]]:
    """(database, open timers, seconds of the engine, seconds by hand, seconds of an idle tick), medians over the rounds."""
    for kind in ("postgresql", "sqlite"):
        for size in (*SIZES, *([LARGE] if large else [])):
            found = [_round(targets, kind, size) for _ in range(rounds)]
            engine, hand, idle = (statistics.median(column) for column in zip(*found, strict=True))
            yield kind, size, engine, hand, idle


def _round(targets: Targets, kind: str, size: int) -> tuple[float, float, float]:
    if kind == "sqlite":
        file = targets.folder / "sweep.db"
        for ending in ("", "-journal", "-wal", "-shm"):
            file.with_name(file.name + ending).unlink(missing_ok=True)
        engine = _filled(f"sqlite:///{file}", size)
        hand = lambda: _by_hand_sqlite(file)
        try:
            return _timed(engine, hand)
        finally:
            file.unlink()
    name = targets.postgres.create()
    try:
        url = targets.postgres.database(name)
        return _timed(_filled(url, size), lambda: _by_hand_postgresql(url))
    finally:
        targets.postgres.drop(name)


def _timed(engine: Engine, by_hand: Callable[[], float]) -> tuple[float, float, float]:
    start, fired = time.perf_counter(), 0
    while page := engine.tick(PAGE):
        fired += len(page)
    took = time.perf_counter() - start
    if fired != DUE:
        raise RuntimeError(f"{fired} timers fired, not {DUE}")
    start = time.perf_counter()
    for _ in range(20):
        engine.tick(PAGE)
    idle = (time.perf_counter() - start) / 20
    engine.database.dispose()
    return took, by_hand(), idle


def _filled(url: str, size: int) -> Engine:
    """Cases whose clock runs out today, and `size` clocks of next year; the same for the work by hand."""
    clock = FrozenClock(FIRST)
    engine = Engine(url, load_definitions(Path(__file__).parent / "due"), clock=clock)
    engine.create_schema()
    engine.grant("o", "office", "xn")
    with engine.database.begin() as connection:
        for number in range(DUE):
            data = {"title": f"{BODY}{number}", "unit": f"u{number % 40}"}
            engine.start("waiting", Actor(person="o"), data, tenant="xn", session=connection)
    clock.set(date(2026, 5, 31))
    while engine.tick():
        pass
    clock.set(RUN_OUT)
    with engine.database.begin() as connection:
        for statement in _more(engine.store.is_sqlite, size):
            connection.execute(text(statement))
    analysed(engine)
    return engine


def _more(lite: bool, size: int) -> Iterator[str]:
    numbers = (
        f"with recursive g(n) as (select 1 union all select n + 1 from g where n < {size})"
        if lite
        else f"with g(n) as (select generate_series(1, {size}))"
    )
    some = f"with recursive g(n) as (select 1 union all select n + 1 from g where n < {DUE})" if lite else (
        f"with g(n) as (select generate_series(1, {DUE}))"
    )  # fmt: skip
    name = "printf('f%019d', n)" if lite else "'f' || lpad(n::text, 19, '0')"
    live = "printf('h%019d', n)" if lite else "'h' || lpad(n::text, 19, '0')"
    at = (
        "'2027-' || "
        + ("printf('%02d', 1 + n % 12)" if lite else "lpad((1 + n % 12)::text, 2, '0')")
        + " || '-14T16:00:00+00:00'"
    )
    no, yes = ("0", "1") if lite else ("false", "true")
    yield (
        "insert into tibandu_clock(case_id, name, rule, anchor_on, due_on, provisional, running, next_rung, next_at)"
        f" {numbers} select {name}, 'reply', 'W90', '2026-03-02', '2027-01-01', {no}, {yes}, 0, {at} from g"
    )
    yield "create table hand_case (id varchar(40) primary key, state varchar(40), seq int, head varchar(64), data text)"
    yield "create table hand_timer (case_id varchar(40) primary key, next_at varchar(25))"
    yield "create index hand_due on hand_timer (next_at, case_id) where next_at is not null"
    kind = "integer primary key" if lite else "bigint generated always as identity primary key"
    yield (
        f"create table hand_history (id {kind}, case_id varchar(40), seq int, at varchar(32), event varchar(40),"
        " body text, prev varchar(64), hash varchar(64), unique (case_id, seq))"
    )
    yield (
        "create table hand_outbox (key varchar(160) primary key, recipient varchar(200), body text,"
        " state varchar(12), at varchar(32))"
    )
    yield f"insert into hand_case {some} select {live}, 'assigned', 1, 'x', '{json.dumps({'title': BODY})}' from g"
    yield f"insert into hand_timer {some} select {live}, '2026-05-31T16:00:00+00:00' from g"
    yield f"insert into hand_timer {numbers} select {name}, {at} from g"


# --- by hand


def _by_hand_postgresql(url: str) -> float:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("vacuum analyze")
        cursor = connection.cursor()
        return _by_hand(cursor, "%s", "begin", " for update")


def _by_hand_sqlite(file: Path) -> float:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("pragma journal_mode = truncate").fetchone()
        connection.execute("pragma synchronous = full")
        return _by_hand(connection.cursor(), "?", "begin immediate", "")


def _by_hand(cursor: Any, mark: str, begin: str, lock: str) -> float:
    now = "2026-06-01T01:00:00+00:00"

    def run(sql: str, *values: Any) -> Any:
        return cursor.execute(sql.replace("?", mark), values)

    start = time.perf_counter()
    due = run(
        "select case_id from hand_timer where next_at is not null and next_at <= ? order by next_at, case_id",
        now,
    ).fetchall()
    for (case,) in due:
        cursor.execute(begin)
        _, seq, head, data = run(
            f"select state, seq, head, data from hand_case where id = ?{lock}", case
        ).fetchone()
        run("select next_at from hand_timer where case_id = ?" + lock, case).fetchone()
        body = json.dumps({"event": "urge", "data": json.loads(data)}, ensure_ascii=False, sort_keys=True)
        line = hashlib.sha256(f"{case}\n{seq + 1}\n{now}\n{body}\n{head}".encode()).hexdigest()
        run(
            "insert into hand_history(case_id, seq, at, event, body, prev, hash) values (?, ?, ?, 'urge', ?, ?, ?)",
            case, seq + 1, now, body, head, line,
        )  # fmt: skip
        run("update hand_case set state = 'urged', seq = ?, head = ? where id = ?", seq + 1, line, case)
        run("update hand_timer set next_at = ? where case_id = ?", "2026-06-02T16:00:00+00:00", case)
        run(
            "insert into hand_outbox values (?, ?, ?, 'queued', ?)",
            f"{case}:{seq + 1}:0",
            "role:unit@u1",
            body,
            now,
        )
        cursor.execute("commit")
    if len(due) != DUE:
        raise RuntimeError(f"{len(due)} by hand, not {DUE}")
    return time.perf_counter() - start
