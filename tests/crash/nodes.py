"""Three nodes on one PostgreSQL, each ticking and delivering, one of them killed again and again, over thousands of timers.

    supervisor ──fork──> node 0, 1, 2     tick, address, deliver: by the local backend or by procrastinate with its worker
                         a channel that writes each letter into a file, one write and one fsync

All timers have run out when the nodes begin. In the end nobody is killed, leases are declared over (that stands for ten
minutes), one node works until nothing is left, and what is in the database is compared with what one case, alone and
undisturbed, comes to. `python -m tests.crash.nodes URL FOLDER KILLS SEED CASES BACKEND SECONDS`
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from tests.crash import story
from tests.crash.check import violations
from tests.crash.delivery import File, backend
from tests.postgres import server
from workflow.addressing import stamp
from workflow.engine import Engine
from workflow.outbox import Contact
from workflow.testing import FrozenClock, memory_engine

NODES = 3
CLOCKS = 4
"""a case of the story has fewer"""
AHEAD = timedelta(days=100)
Told = Counter[tuple[str, int, str]]
"""(topic, rung, state) of the messages of a case's clocks"""


@dataclass(slots=True)
class Report:
    """What came of it."""

    seed: int
    way: str
    kills: int = 0
    cases: int = 0
    timers: int = 0
    letters: int = 0
    twice: int = 0
    left_to_the_paused: int = 0
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.way}: {NODES} nodes, {self.kills} SIGKILLs in {self.seconds:.0f} s, seed {self.seed}: {self.cases} cases,"
            f" {self.timers} timers, {self.letters} letters ({self.twice} of them twice, under their own key),"
            f" {len(self.violations)} violations" + "".join(f"\n  ! {one}" for one in self.violations[:20])
        )


def wait_until(true: Callable[[], bool], what: str) -> None:
    """Until it is so; TimeoutError when it is not within a minute."""
    until = time.monotonic() + 60
    while not true():
        if time.monotonic() > until:
            raise TimeoutError(f"not within a minute: {what}")
        time.sleep(0.01)


class Nodes:
    """One run."""

    def __init__(self, url: str, folder: Path, seed: int, cases: int, way: str) -> None:
        self.folder = folder
        self.page = 100
        self.clock = FrozenClock(story.DAY)
        self.engine = Engine(url, story.library(), place=story.PLACE, clock=self.clock)
        self.engine.create_schema()
        story.settle(self.engine)
        self.engine.alerts.set_contacts("office", [Contact(channel="file", address="x")])
        self.report = Report(seed, way, cases=cases)
        self._random = random.Random(seed)
        self._pids: dict[int, int] = {}
        for _ in range(cases):
            self.engine.start("suggestion", story.OFFICE, story.suggestion(), tenant=story.TENANT)
        backend(way, self.engine, [File(folder)])  # its tables
        self.engine.database.dispose()
        self.clock.advance(days=AHEAD.days)

    def go(self, kills: int, seconds: float) -> Report:
        """Kill that often, each after at most so many seconds; then let all come to an end, and compare."""
        began = time.monotonic()
        try:
            for node in range(NODES):
                self._fork(node)
            for _ in range(kills):
                time.sleep(self._random.uniform(0, seconds))
                node = self._random.randrange(NODES)
                self._kill(node)
                self._fork(node)
        finally:
            for node in list(self._pids):
                self._kill(node)
        self._finish()
        self.report.seconds = time.monotonic() - began
        self._compare()
        return self.report

    def pause(self, times: int) -> Report:
        """Stop a node in the middle of its work that often, as a machine put to sleep; the others must go on to the end of theirs
        while it stands still; then let it go on. Nobody is killed before all is done.
        """
        self.page = 3
        try:
            for node in range(NODES):
                self._fork(node)
            for _ in range(times):
                at_work = self._due()
                wait_until(lambda least=at_work: self._due() < least or not least, "a node fires")
                node = self._random.randrange(NODES)
                os.kill(self._pids[node], signal.SIGSTOP)
                # What it holds in an open transaction, a page, is stepped over and waits for it.
                wait_until(lambda: self._due() <= self.page * CLOCKS, "the others go on")
                self.report.left_to_the_paused = max(self.report.left_to_the_paused, self._due())
                os.kill(self._pids[node], signal.SIGCONT)
            wait_until(lambda: not self._due(), "all is done")
        finally:
            for node in list(self._pids):
                self._kill(node)
        self._finish()
        self._compare()
        return self.report

    def _due(self) -> int:
        """Timers that have run out and were not fired."""
        query = text("select count(*) from tibandu_clock where next_at <= :now")
        with self.engine.database.connect() as connection:
            found = int(connection.execute(query, {"now": stamp(self.clock.now())}).scalar_one())
        self.engine.database.dispose()  # the next fork inherits no connection
        return found

    def _fork(self, node: int) -> None:
        pid = os.fork()
        if pid:
            self._pids[node] = pid
            return
        try:
            self.engine.database.dispose(close=False)
            self._run()
        except BaseException:  # noqa: BLE001 - whatever it was, the parent reads it
            (self.folder / f"fault-{os.getpid()}").write_text(traceback.format_exc())
        finally:
            os._exit(70)

    def _run(self) -> None:
        """A node: all day long."""
        node = backend(self.report.way, self.engine, [File(self.folder)])
        node.start()
        while True:
            fired = self.engine.tick(self.page)
            if not node.deliver(200) and not fired:
                time.sleep(0.01)

    def _kill(self, node: int) -> None:
        pid = self._pids.pop(node)
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status):
            self.report.kills += 1
        else:
            self.report.violations.append(
                f"node {node} ended by itself with {os.waitstatus_to_exitcode(status)}"
            )

    def _finish(self) -> None:
        """Nobody is killed any more; leases are over."""
        with self.engine.database.begin() as connection:
            connection.execute(text("update tibandu_delivery set leased_until = null"))
        node = backend("local", self.engine, [File(self.folder)])
        while self.engine.tick(100) or node.deliver():
            pass

    def _compare(self) -> None:
        report = self.report
        report.violations += [fault.read_text() for fault in sorted(self.folder.glob("fault-*"))]
        report.violations += violations(self.engine, unkeyed=report.cases)
        events, told = expected()
        store = self.engine.store
        with store.connection() as connection:
            lines, messages, rungs = dict[str, list[str]](), dict[str, Told](), set[str]()
            for row in connection.execute(store.tables.history.select().order_by(store.tables.history.c.id)):
                lines.setdefault(row.case_id, []).append(row.event)
            for row in connection.execute(store.tables.outbox.select()):
                if row.topic.startswith("clock."):
                    rungs.add(row.key.rpartition(":")[0])
                    rung = json.loads(row.body)["rung"]
                    state = "superseded" if row.state == "superseded" else "sent"
                    messages.setdefault(row.case_id, Counter())[row.topic, rung, state] += 1
            # What is late waits for the next digest: not left behind, but not due.
            due = "channel = 'file' and (next_at is null or next_at <= :now)"
            query = text(f"select state, count(*) from tibandu_delivery where {due} group by state")
            left = connection.execute(query, {"now": stamp(self.clock.now())})
            states = {row[0]: row[1] for row in left}
        report.timers = len(rungs)
        if len(lines) != report.cases:
            report.violations.append(f"{len(lines)} cases of {report.cases}")
        report.violations += [
            f"{c}: {Counter(f)} instead of {events}" for c, f in lines.items() if Counter(f) != events
        ]
        report.violations += [
            f"{c}: rang {messages.get(c)} instead of {told}" for c in lines if messages.get(c) != told
        ]
        self._letters(states)

    def _letters(self, states: dict[str, int]) -> None:
        """Every letter arrived; twice only what a killed node had in its hands."""
        report, arrived = self.report, Counter(File(self.folder).arrived())
        report.letters, report.twice = len(arrived), sum(count - 1 for count in arrived.values())
        with self.engine.database.connect() as connection:
            keys = connection.execute(
                text("select key from tibandu_delivery where channel = 'file' and state = 'confirmed'")
            )
            confirmed = set(keys.scalars())
        if set(states) - {"confirmed", "superseded"}:
            report.violations.append(f"letters left: {states}")
        report.violations += [
            f"letter {key} is confirmed and never arrived" for key in confirmed - set(arrived)
        ]
        if report.twice > report.kills:
            report.violations.append(f"{report.twice} letters twice after {report.kills} kills")


def expected() -> tuple[Counter[str], Told]:
    """What one case comes to, alone and undisturbed."""
    clock = FrozenClock(story.DAY)
    engine = memory_engine(story.library(), clock, place=story.PLACE)
    story.settle(engine)
    case = engine.start("suggestion", story.OFFICE, story.suggestion(), tenant=story.TENANT)
    clock.advance(days=AHEAD.days)
    while engine.tick():
        pass
    told: Told = Counter()
    with engine.store.connection() as connection:
        for row in connection.execute(engine.store.tables.outbox.select()):
            if row.topic.startswith("clock."):
                state = "superseded" if row.state == "superseded" else "sent"
                told[row.topic, json.loads(row.body)["rung"], state] += 1
    events = Counter(line.event for line in engine.history(case.id))
    engine.database.dispose()
    return events, told


def main(arguments: list[str]) -> int:
    """One run in a process of its own, or (without arguments) both ways over 10,000 timers; 1 if anything was violated."""
    if not arguments:
        return at_length()
    if arguments[0] == "pause":
        return asleep(*arguments[1:])
    url, folder, kills, seed, cases, way, seconds = arguments
    run = Nodes(url, Path(folder), int(seed), int(cases), way)
    try:
        report = run.go(int(kills), float(seconds))
    finally:
        run.engine.database.dispose()
    print(report, flush=True)
    return 1 if report.violations else 0


def asleep(url: str, folder: str, seed: str, cases: str) -> int:
    """Nodes that are stopped and go on instead of being killed."""
    run = Nodes(url, Path(folder), int(seed), int(cases), "local")
    try:
        report = run.pause(1)
    finally:
        run.engine.database.dispose()
    print(report, f"left to the one asleep: {report.left_to_the_paused}", flush=True)
    return 1 if report.violations else 0


def at_length() -> int:
    """`make nodes`. Environment: KILLS, SEED, CASES (36 timers each), SECONDS (the longest between two kills)."""
    settings = {"KILLS": "60", "SEED": str(random.randrange(10**6)), "CASES": "280", "SECONDS": "4"}
    kills, seed, cases, seconds = (os.environ.get(name) or value for name, value in settings.items())
    wrong = 0
    with server() as postgres:
        for way in ("local", "procrastinate"):
            with tempfile.TemporaryDirectory() as folder, fresh(postgres, f"nodes_{way}") as url:
                command = [
                    sys.executable,
                    "-m",
                    "tests.crash.nodes",
                    url,
                    folder,
                    kills,
                    seed,
                    cases,
                    way,
                    seconds,
                ]
                wrong += subprocess.run(command, check=False).returncode
    return 1 if wrong else 0


@contextmanager
def fresh(postgres: str, name: str) -> Iterator[str]:
    """A database of that name while it is needed."""
    admin = create_engine(
        make_url(postgres).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(text(f"create database {name}"))
    yield make_url(postgres).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"drop database {name} with (force)"))
    admin.dispose()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
