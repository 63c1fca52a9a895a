"""Death at every point of an act: before and after each statement, and at each line the engine runs.

A point is named for what is about to happen or has just happened: `before read`, `after write`, `before commit` … The operation
is first done whole, to see its points; then a fresh case for each point dies there, by an exception or with its process.
Afterwards the store must be whole, and the same act sent again must be there exactly once.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path
from types import FrameType
from typing import Any
from unittest.mock import patch

from sqlalchemy import event, text

import workflow
from tests.crash import story
from tests.crash.check import Content, violations
from workflow.engine import Engine
from workflow.model import Case, Request
from workflow.store import work
from workflow.testing import FrozenClock

NAMES = {
    "select": "read", "with": "write", "insert": "write", "update": "write", "delete": "write", "begin": "begin",
    "commit": "commit", "rollback": "rollback", "savepoint": "savepoint", "release": "release",
}  # fmt: skip
TRACED = (
    "engine.py",
    "firing.py",
    "sweep.py",
    "memory.py",
    "work.py",
    "sql.py",
    "sqlite.py",
    "postgresql.py",
)


class Died(BaseException):
    """What a test lets happen at a point. No `Exception`: nobody may take it for a fault he can go on from."""


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _raise() -> None:
    raise Died


@dataclass(slots=True)
class Faults:
    """Counts the points that are passed, and dies at one of them."""

    at: int = -1
    die: Callable[[], None] = _raise
    passed: list[str] | None = None

    def reach(self, point: str) -> None:
        """Pass a point, or die there."""
        if self.passed is None:
            return
        self.passed.append(point)
        if len(self.passed) - 1 == self.at:
            self.passed = None
            self.die()

    def watch(self, at: int, die: Callable[[], None]) -> list[str]:
        """From now on; the list that the points go into."""
        self.at, self.die, self.passed = at, die, []
        return self.passed

    def statement(self, run: Callable[..., Any], sql: Any, *arguments: Any, **more: Any) -> Any:
        """Run one statement between two points."""
        if self.passed is None:
            return run(sql, *arguments, **more)
        said = (sql.decode() if isinstance(sql, bytes) else str(sql)).lower()
        name = NAMES.get(said.split(None, 1)[0], "setting")
        if name == "read" and "for update" in said:
            name = "lock"
        self.reach(f"before {name}")
        result = run(sql, *arguments, **more)
        self.reach(f"after {name}")
        return result


class Watched:
    """A cursor whose statements are points."""

    def __init__(self, cursor: Any, faults: Faults) -> None:
        self._cursor = cursor
        self._faults = faults
        if hasattr(cursor, "send"):
            self.send = self._send

    def _send(self, *arguments: Any, **more: Any) -> Any:
        return self._faults.statement(self._cursor.send, *arguments, **more)

    def execute(self, *arguments: Any, **more: Any) -> Any:
        return self._faults.statement(self._cursor.execute, *arguments, **more)

    def executemany(self, *arguments: Any, **more: Any) -> Any:
        return self._faults.statement(self._cursor.executemany, *arguments, **more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


# --- the operations


@dataclass(frozen=True, slots=True)
class Operation:
    """Something done to a fresh case: how to come to it, how to do it, how it shows that it was done (how often)."""

    name: str
    prepare: Callable[[Bench], Any]
    act: Callable[[Engine, Any, str], object]
    done: Callable[[Content, Any, str], int]
    points: frozenset[str]
    """what must be among its points, on either database"""
    times: int = 1


class Bench:
    """A database, an engine that prepares, and one that dies; they share no memory."""

    def __init__(self, url: str) -> None:
        self.faults = Faults()
        self.url = url
        make = work._cursor
        self._patch = patch.object(work, "_cursor", lambda *a, **more: Watched(make(*a, **more), self.faults))
        self._patch.start()
        self.clock = FrozenClock(story.DAY)
        self.maker = Engine(url, story.library(), place=story.PLACE, clock=self.clock)
        self.maker.create_schema()
        story.settle(self.maker)
        self.unkeyed = 0
        with self.maker.database.begin() as connection:
            connection.execute(text("create table host_note (note varchar(80) primary key)"))

    @cached_property
    def _victim(self) -> Engine:
        database = Engine.connect(self.url)
        event.listen(database, "commit", lambda connection: self.faults.reach("before host commit"))
        return Engine(database, story.library(), place=story.PLACE, clock=self.clock)

    def victim(self) -> Engine:
        """The engine that dies: with nothing in its memory, its first connection made."""
        memory: Any = self._victim._memory
        for remembered in vars(memory).values():
            if hasattr(remembered, "clear"):
                remembered.clear()
        self._victim._sweep._beaten = None
        self._victim.database.connect().close()
        return self._victim

    def close(self) -> None:
        """Give everything back."""
        self._patch.stop()
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connections, so that a fork shares none."""
        self.maker.database.dispose()
        self._victim.database.dispose()

    def case(self, *events: int) -> Case:
        """A suggestion taken along the first steps of the story."""
        case = self.maker.start("suggestion", story.OFFICE, story.suggestion(), tenant=story.TENANT)
        self.unkeyed += 1
        for slot, name, who in story.STORY[: events[0] if events else 0]:
            target = self.child(case, slot) if slot else case
            self.maker.fire(target.id, name, who, story.data_of(target.kind, name))
            self.unkeyed += 1
        return case

    def child(self, case: Case, slot: str) -> Case:
        """The youngest child in a slot."""
        return [child for child in self.maker.children(case.id) if child.slot == slot][-1]


def _fire(name: str) -> Callable[[Engine, Case, str], object]:
    who = next(who for _, event_, who in story.STORY if event_ == name)
    return lambda engine, case, key: engine.fire(case.id, name, who, story.data_of(case.kind, name), key=key)


def _times(name: str) -> Callable[[Content, Case, str], int]:
    return lambda content, case, key: sum(line.event == name for line in content.lines[case.id])


def _answered(content: Content, case: Any, key: str) -> int:
    return sum(stored.endswith(f"\n{key}") for stored in content.answers)


def _rows(engine: Engine, case: Case, key: str) -> object:
    rows = [
        Request(
            case=case.id, event="record_source", actor=story.OFFICE, data={"source_note": "一"}, key=f"{key}a"
        ),
        Request(case=case.id, event="withdraw", actor=story.OFFICE),
        Request(
            case=case.id, event="record_source", actor=story.OFFICE, data={"source_note": "二"}, key=f"{key}b"
        ),
    ]
    outcomes = engine.batch(rows)
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]
    return outcomes


def _hosted(engine: Engine, case: Case, key: str) -> object:
    with engine.database.begin() as connection:
        connection.execute(text("delete from host_note where note = :note"), {"note": key})
        connection.execute(text("insert into host_note values (:note)"), {"note": key})
        return engine.fire(
            case.id, "record_source", story.OFFICE, {"source_note": "一"}, key=key, session=connection
        )


def _start(engine: Engine, case: Any, key: str) -> object:
    return engine.start("suggestion", story.OFFICE, story.suggestion(), tenant=story.TENANT, key=key)


def _tick(engine: Engine, case: Any, key: str) -> object:
    while engine.tick():
        pass
    return None


def _waiting(bench: Bench) -> Case:
    bench.clock.set(story.DAY + timedelta(days=15))
    while bench.maker.tick():  # what other cases left behind
        pass
    bench.clock.set(story.DAY)
    case = bench.case(3)
    bench.clock.set(story.DAY + timedelta(days=15))
    return case


READ_WRITE = frozenset({"before read", "after read", "before write", "after write"})
COMMITTED = READ_WRITE | {"before commit", "after commit"}
OPERATIONS = (
    Operation("start", lambda bench: None, _start, _answered, READ_WRITE),
    Operation("assign", lambda bench: bench.case(2), _fire("assign"), _times("assign"), READ_WRITE),
    Operation("number", lambda bench: bench.case(), _fire("accept_in_session"), _times("accept_in_session"), COMMITTED),
    Operation(
        "extension", lambda bench: bench.child(bench.case(7), "extensions"), _fire("grant"), _times("grant"), READ_WRITE,
    ),
    Operation("tick", _waiting, _tick, _times("close_return_window"), READ_WRITE),
    Operation("batch", lambda bench: bench.case(1), _rows, _times("record_source"),
              COMMITTED | {"before savepoint", "after release"}, times=2),
    Operation("host", lambda bench: bench.case(1), _hosted, _times("record_source"),
              READ_WRITE | {"before savepoint", "after release", "before host commit"}),
)  # fmt: skip


# --- dying


def statements(bench: Bench, operation: Operation, die: Callable[[], None] | None) -> Iterator[str]:
    """Die at every point of the operation; the breaches. `die` None: with the process."""
    # Once unwatched: what only the first of its kind writes in a database would be missed by those that come after it.
    operation.act(bench.victim(), operation.prepare(bench), f"{operation.name}-first")
    victim, subject = bench.victim(), operation.prepare(bench)
    points = bench.faults.watch(-1, _raise)
    operation.act(victim, subject, f"{operation.name}-whole")
    seen = list(points)
    bench.faults.passed = None
    for missing in sorted(operation.points - set(seen)):
        yield f"{operation.name} never came to the point '{missing}'"
    for index, point in enumerate(seen):
        key = f"{operation.name}-{index}"
        subject = operation.prepare(bench)
        if die is None:
            bench.hang_up()
            fate = dying(partial(_at, bench, operation, subject, key, index))
        else:
            fate = _in_process(bench, operation, subject, key, index)
        where = f"{operation.name}, {point} (point {index})"
        if fate is not None:
            yield f"{where}: {fate}"
        yield from (f"{where}: {one}" for one in afterwards(bench, operation, subject, key))
    yield from violations(bench.maker, unkeyed=None if operation.name == "start" else bench.unkeyed)


def _at(bench: Bench, operation: Operation, subject: Any, key: str, index: int) -> None:
    victim = bench.victim()
    bench.faults.watch(index, _kill)
    operation.act(victim, subject, key)


def _in_process(bench: Bench, operation: Operation, subject: Any, key: str, index: int) -> str | None:
    victim = bench.victim()
    bench.faults.watch(index, _raise)
    try:
        operation.act(victim, subject, key)
    except Died:
        fate = None
    else:
        fate = "did not die"
    bench.faults.passed = None
    if victim.database.pool.checkedout():  # type: ignore[attr-defined]
        fate = "left a connection checked out"
    # The same engine goes on: nothing of the death may cling to its connection or its memory.
    for breach in afterwards(bench, operation, subject, key, victim):
        fate = f"the engine it happened in: {breach}"
    return fate


def dying(act: Callable[[], None]) -> str | None:
    """Run it in a child that shall be killed by its own hand."""
    pid = os.fork()
    if not pid:
        try:
            act()
        finally:
            os._exit(70)
    _, status = os.waitpid(pid, 0)
    return (
        None if os.WIFSIGNALED(status) else f"did not die but ended with {os.waitstatus_to_exitcode(status)}"
    )


PATIENCE = 10.0
"""seconds: a tick passes over a case that the dead one's session still holds, until the server has noticed its death"""


def afterwards(
    bench: Bench, operation: Operation, subject: Any, key: str, engine: Engine | None = None
) -> Iterator[str]:
    """Once or not at all; sent again, exactly once."""
    engine = engine or bench.maker
    root = None if subject is None else subject.root
    for sent_again in (False, True):
        if sent_again:
            operation.act(engine, subject, key)
        content = Content(engine, root)
        times = operation.done(content, subject, key)
        until = time.monotonic() + PATIENCE
        while sent_again and not times and operation.name == "tick" and time.monotonic() < until:
            time.sleep(0.05)
            operation.act(engine, subject, key)
            content = Content(engine, root)
            times = operation.done(content, subject, key)
        if times != operation.times and (sent_again or times != 0):
            yield f"{'sent again, ' if sent_again else ''}done {times} times"
        if root is not None:
            yield from violations(engine, content, unkeyed=None)
        if operation.name == "host":
            yield from host_notes(engine, key, times > 0)


def host_notes(engine: Engine, key: str, done: bool) -> Iterator[str]:
    """What the host wrote in its own table stands or falls with the act."""
    with engine.database.connect() as connection:
        found = connection.execute(
            text("select count(*) from host_note where note = :note"), {"note": key}
        ).scalar()
    if found != done:
        yield f"the host's row ({found}) and the act ({done}) parted"


def every_line(bench: Bench, names: Sequence[str], every: int, first: int) -> Iterator[str]:
    """Kill the process at each line (of `every` one) that the engine's files run; the breaches. The last is the count."""
    home, killed = str(Path(workflow.__file__).parent), 0
    for operation in OPERATIONS:
        if operation.name not in names:
            continue
        at = first
        while True:
            subject, key = operation.prepare(bench), f"{operation.name}-line-{at}"
            bench.hang_up()
            fate = dying(partial(_at_line, bench, operation, subject, key, at, home))
            if fate is not None:
                break  # came to its end before that many lines
            killed += 1
            yield from (
                f"{operation.name}, line {at}: {one}" for one in afterwards(bench, operation, subject, key)
            )
            at += every
    yield from violations(bench.maker, unkeyed=None)
    yield f"= {killed}"


def _at_line(bench: Bench, operation: Operation, subject: Any, key: str, at: int, home: str) -> None:
    victim, left = bench.victim(), at

    def line(frame: FrameType, what: str, argument: Any) -> Any:
        nonlocal left
        if what == "line":
            left -= 1
            if left < 0:
                _kill()
        return line

    def call(frame: FrameType, what: str, argument: Any) -> Any:
        file = frame.f_code.co_filename
        return line if file.startswith(home) and file.endswith(TRACED) else None

    sys.settrace(call)
    operation.act(victim, subject, key)


def run(bench: Bench, die: Callable[[], None] | None) -> Iterator[str]:
    """Die at every statement of every operation; the breaches."""
    for operation in OPERATIONS:
        bench.clock.set(story.DAY)
        yield from statements(bench, operation, die)


def main(arguments: list[str]) -> int:
    """`python -m tests.crash.points URL [every [first]]`: die with the process at every statement and every so many lines."""
    bench, breaches, count = Bench(arguments[0]), 0, ""
    every, first = (int(word) for word in (*arguments[1:], "0", "0")[:2])
    for breach in run(bench, None):
        print(breach)
        breaches += 1
    for breach in every_line(bench, ("assign", "number", "tick"), every, first) if every else ():
        if breach.startswith("= "):
            count = breach[2:]
            continue
        print(breach)
        breaches += 1
    bench.close()
    print(f"{bench.maker.database.dialect.name}: {count or 'no'} lines, {breaches} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
