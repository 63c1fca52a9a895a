"""Whatever dies, whenever: what was acknowledged is there exactly once, what was not once or not at all, nothing is by halves.

`make crash` does the same at length (KILLS, SEED). docs/reliability.md says what is promised.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.crash import points, story
from tests.crash.check import Content, violations
from workflow.engine import Engine
from workflow.testing import FrozenClock, memory_engine

KILLS = int(os.environ.get("KILLS") or 200)
SEED = int(os.environ.get("SEED") or random.randrange(10**6))
ROOT = Path(__file__).parents[1]
SHARED_MEMORY = Path("/dev/shm")


def outside(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a module in a process with one thread, so that it may fork, and without coverage, which would slow its children."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)], cwd=ROOT, env=environment, text=True, capture_output=True, check=False
    )  # fmt: skip


@pytest.mark.timeout(60 + KILLS)
def test_killed_at_random(url: str, tmp_path: Path) -> None:
    done = outside("tests.crash.run", url, tmp_path, KILLS, SEED)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 violations" in done.stdout


@pytest.fixture
def url(request: pytest.FixtureRequest, database_url: str) -> Iterator[str]:
    """The SQLite file in memory where there is such a folder: processes die here, the power stays on."""
    if not database_url.startswith("sqlite") or not SHARED_MEMORY.is_dir():
        yield database_url
        return
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as folder:
        yield f"sqlite:///{folder}/tibandu.db"


def test_an_exception_at_every_statement(url: str) -> None:
    bench = points.Bench(url)
    try:
        assert list(points.run(bench, points._raise)) == []
    finally:
        bench.close()


def test_killed_at_every_statement_and_some_lines(url: str) -> None:
    every = 211
    done = outside("tests.crash.points", url, every, SEED % every)
    assert done.returncode == 0, done.stdout + done.stderr


# --- effects


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = memory_engine(story.library(), FrozenClock(story.DAY), place=story.PLACE)
    story.settle(engine)
    yield engine
    engine.database.dispose()


def tell(engine: Engine, until: int) -> str:
    """A suggestion along the first events of the story; its id."""
    case = engine.start("suggestion", story.OFFICE, story.suggestion(), tenant=story.TENANT, key="start")
    for number, (slot, event, who) in enumerate(story.STORY[:until]):
        target = [child for child in engine.children(case.id) if child.slot == slot][-1] if slot else case
        engine.fire(target.id, event, who, story.data_of(target.kind, event), key=str(number))
    return case.id


def test_an_extended_clock_alerts_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rung before another due day is another message."""
    case = tell(engine, 7)
    clock = engine.clock
    assert isinstance(clock, FrozenClock)
    clock.set(date(2026, 5, 4))  # thirty days before 2 June: the first reminder
    engine.tick()
    extension = next(child for child in engine.children(case) if child.slot == "extensions")
    engine.fire(extension.id, "grant", story.OFFICE, story.data_of("extension", "grant"), key="grant")
    clock.set(date(2026, 6, 2))  # thirty days before 1 July
    engine.tick()
    rows = Content(engine).outbox.values()
    told = [json.loads(row.body) for row in rows if row.case_id == case and row.topic == "clock.reply"]
    assert {(body["due_on"], body["rung"]) for body in told} >= {("2026-06-02", -30), ("2026-07-01", -30)}


# --- the checks themselves: a breach that is planted is found


BREACHES: dict[str, str] = {
    "a message is lost": "delete from tibandu_outbox where key = (select min(key) from tibandu_outbox where topic = 'assign')",
    "a message too many": "insert into tibandu_outbox select key || 'x', case_id, seq, topic, recipient, body, state, created_at"
    " from tibandu_outbox where topic = 'assign' limit 1",
    "an alert is lost": "delete from tibandu_outbox where topic = 'clock.reply'",
    "a line is lost": "delete from tibandu_history where event = 'sign_in'",
    "the last line is lost": "delete from tibandu_history where id = (select max(id) from tibandu_history)",
    "a line is changed": "update tibandu_history set actor = 'nobody' where event = 'assign'",
    "a value is swapped": "update tibandu_disclosure set body = replace(body, '代表', '委员')",
    "a disclosure is lost": "delete from tibandu_disclosure where seq = 2",
    "a clock row is lost": "delete from tibandu_clock where name = 'reply'",
    "a clock row is old": "update tibandu_clock set due_on = '2026-01-01' where name = 'reply'",
    "a relation row is lost": "delete from tibandu_relation where relation = 'lead'",
    "a relation row too many": "insert into tibandu_relation (case_id, relation, party) select id, 'co', 'unit-7' from tibandu_cases",
    "a key is lost": "delete from tibandu_answer where key like '%\n3'",
    "a key points nowhere": "update tibandu_answer set answer = replace(answer, '\"seq\": 2', '\"seq\": 200')",
    "a step is lost": "update tibandu_cases set revision = revision - 1 where id = root_id",
    "a step is counted twice": "update tibandu_cases set revision = revision + 1 where id = root_id",
    "a state is old": "update tibandu_cases set state = 'filed' where id = root_id",
    "a head is old": "update tibandu_cases set head = substr(head, 2) || 'x' where id = root_id",
    "a number is skipped": "update tibandu_series set last = last + 1",
    "a closed case is open": "update tibandu_cases set closed = 1 - closed where slot = 'co_opinions'",
    "a due day is old": "update tibandu_cases set due_on = '2020-01-01' where id = root_id",
}


@pytest.mark.parametrize("name", BREACHES)
def test_a_planted_breach_is_found(engine: Engine, name: str) -> None:
    tell(engine, 7)
    assert isinstance(engine.clock, FrozenClock)
    engine.clock.advance(days=70)
    while engine.tick():
        pass
    assert violations(engine) == []
    with engine.database.begin() as connection:
        for trigger in (
            connection.execute(text("select name from sqlite_master where type = 'trigger'")).scalars().all()
        ):
            connection.execute(text(f"drop trigger {trigger}"))
        assert connection.exec_driver_sql(BREACHES[name]).rowcount
    assert violations(engine) != []


def test_a_line_acknowledged_but_not_there_is_found(engine: Engine) -> None:
    """The comparison of the SIGKILL run, by hand."""
    from tests.crash.run import compared

    case = tell(engine, 1)
    content = Content(engine)
    acts = [
        {"key": "office\nstart", "event": "start", "case": case, "seq": 1, "who": "office"},
        {"key": "office\n0", "event": "accept_in_session", "case": case, "seq": 2, "who": "office"},
    ]
    assert list(compared(content, acts, outside=0)) == []
    assert list(compared(content, acts[:1], outside=0)) != []  # done, never acknowledged
    assert list(compared(content, [*acts, acts[0]], outside=0)) != []  # acknowledged twice
    assert (
        list(compared(content, [*acts, {**acts[0], "key": "office\n7"}], outside=0)) != []
    )  # acknowledged, not there
    assert list(compared(content, [acts[0], {"key": "office\n0", "refused": ["x"]}], outside=0)) != []
    assert list(compared(content, [acts[0], {**acts[1], "event": "decline"}], outside=0)) != []
