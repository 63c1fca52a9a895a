"""SIGKILL at random moments, on a real database.

    supervisor ──fork──> client 0, client 1     the story, over and over; every act with its own idempotency key
               ──fork──> ticker                 fires the timers, its clock far ahead so that all have run out

Every 0–45 ms one of them is killed and another takes its place. A client writes each answer it got into its own log (one
write, fsync) before it goes on; who takes its place sends the act after the last logged one, with the same key, not knowing
whether it was done. In the end nobody is killed, everybody comes to an end, and the logs are compared with the store.
Children are forked with everything imported and compiled but no connection open, so they are at work within milliseconds.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from tests.crash import story
from tests.crash.check import Content, violations
from tests.crash.client import LENGTH, Client
from workflow.engine import Engine

CLIENTS = 2
LONGEST = 0.045
END_SECONDS = 120.0
AHEAD_DAYS = 100


Answer = TypeVar("Answer")


@dataclass(slots=True)
class Report:
    """What came of a run."""

    database: str
    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    acknowledged: int = 0
    refused: int = 0
    resent: int = 0
    found_done: int = 0
    timers: int = 0
    lines: int = 0
    cases: int = 0
    messages: int = 0
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        killed = ", ".join(f"{count} {what}" for what, count in sorted(self.kills.items()))
        return (
            f"{self.database}: {sum(self.kills.values())} SIGKILLs ({killed}) in {self.seconds:.1f} s, seed {self.seed}\n"
            f"  {self.acknowledged} acts acknowledged, {self.refused} refused, {self.resent} sent again after a kill"
            f" ({self.found_done} of them had been done), {self.timers} timers rung\n"
            f"  {self.cases} cases, {self.lines} lines of history, {self.messages} messages,"
            f" {len(self.violations)} violations" + "".join(f"\n  ! {one}" for one in self.violations[:20])
        )


class Run:
    """One run against one database, in a folder for the logs."""

    def __init__(self, url: str, folder: Path, seed: int) -> None:
        self.folder = folder
        self.engine = Engine(url, story.library(), place=story.PLACE, clock=story.Walking())
        self.ticking = Engine(
            self.engine.database, story.library(), place=story.PLACE, clock=story.Walking(AHEAD_DAYS)
        )
        self.engine.create_schema()
        story.settle(self.engine)
        self.shared = self.engine.start(
            "suggestion", story.OFFICE, story.suggestion(), tenant=story.TENANT
        ).id
        self.engine.database.dispose()
        self.report = Report(self.engine.database.dialect.name, seed)
        self._random = random.Random(seed)
        self._pids: dict[str, int] = {}

    # -- the supervisor

    def go(self, kills: int, progress: Callable[[], object] = lambda: None) -> Report:
        """Kill that often, let all come to their end, compare."""
        began = time.monotonic()
        roles = [*(f"client {n}" for n in range(CLIENTS)), "ticker"]
        try:
            for role in roles:
                self._fork(role)
            for _ in range(kills):
                time.sleep(self._random.uniform(0, LONGEST))
                self._strike(self._random.choice(roles))
                progress()
            (self.folder / "stop").touch()
            self._wait()
        finally:
            for role in list(self._pids):
                self._kill(role)
        self._compare()
        self.report.seconds = time.monotonic() - began
        return self.report

    def _strike(self, role: str) -> None:
        """Somebody dies, and another takes the place."""
        self._kill(role)
        self._fork(role)

    def _fork(self, role: str) -> None:
        pid = os.fork()
        if pid:
            self._pids[role] = pid
            return
        status = 70
        try:
            self.engine.database.dispose(close=False)
            if role == "ticker":
                self._tick()
            else:
                self._tell(int(role.removeprefix("client ")))
            status = 0
        except BaseException:  # noqa: BLE001 - whatever it was, the parent reads it
            (self.folder / f"fault-{os.getpid()}").write_text(f"{role}\n{traceback.format_exc()}")
        finally:
            os._exit(status)

    def _kill(self, role: str) -> None:
        pid = self._pids.pop(role)
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status):
            self.report.kills[role.split(maxsplit=1)[0]] += 1
        else:
            self.report.violations.append(f"{role} ended by itself with {os.waitstatus_to_exitcode(status)}")

    def _wait(self) -> None:
        until = time.monotonic() + END_SECONDS
        while self._pids and time.monotonic() < until:
            for role, pid in list(self._pids.items()):
                done, status = os.waitpid(pid, os.WNOHANG)
                if done:
                    del self._pids[role]
                    if status:
                        self.report.violations.append(
                            f"{role} ended with {os.waitstatus_to_exitcode(status)}"
                        )
            time.sleep(0.002)
        self.report.violations += [f"{role} did not come to its end" for role in self._pids]

    # -- the children

    def _tick(self) -> None:
        while True:
            stopping = (self.folder / "stop").exists()
            if not self._asked(lambda: self.ticking.tick(50)):
                if stopping and not any(self._others()):
                    return
                time.sleep(0.005)

    def _others(self) -> Iterator[bool]:
        for slot in range(CLIENTS):
            yield not (self.folder / f"ended-{slot}").exists()

    def _tell(self, slot: int) -> None:
        log = self.folder / f"acknowledged-{slot}"
        done = read_log(log)
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        if done:
            os.write(out, b"\n")  # ends a line that was torn
        client, first = Client(self.engine, slot, self.shared), True
        # Whoever takes a place does an act in any case: the one before him may have done it and died before he wrote so.
        while first or len(done) % LENGTH or not (self.folder / "stop").exists():
            line = self._asked(partial(client.act, done, again=first))
            if line is None:
                first = True  # nobody knows whether it was done
                continue
            os.write(out, json.dumps(line).encode() + b"\n")
            os.fsync(out)
            done.append(line)
            first = False
        (self.folder / f"ended-{slot}").touch()

    def _asked(self, act: Callable[[], Answer]) -> Answer | None:
        """What the engine answers; here the database is always there."""
        return act()

    # -- the comparison

    def _compare(self) -> None:
        report = self.report
        for fault in sorted(self.folder.glob("fault-*")):
            report.violations.append(fault.read_text())
        content = Content(self.engine)
        report.violations += violations(self.engine, content, unkeyed=1)  # the shared case's start
        report.violations += integrity(self.engine)
        acts = [line for slot in range(CLIENTS) for line in read_log(self.folder / f"acknowledged-{slot}")]
        acknowledged = {line["key"]: line for line in acts if "refused" not in line}
        report.acknowledged, report.refused = len(acknowledged), len(acts) - len(acknowledged)
        report.resent = sum(line["resent"] for line in acts)
        report.found_done = sum(line["done"] for line in acts)
        report.cases, report.lines, report.messages = (
            len(content.records), len(content.history), len(content.outbox),
        )  # fmt: skip
        report.timers = len({row.key for row in content.outbox.values() if row.topic.startswith("clock.")})
        report.violations += compared(content, acts, outside=1)


def integrity(engine: Engine) -> list[str]:
    """What SQLite finds wrong in its file."""
    if not engine.store.is_sqlite:
        return []
    with engine.database.connect() as connection:
        found = connection.exec_driver_sql("pragma integrity_check").scalar()
    return [] if found == "ok" else [f"integrity_check: {found}"]


def compared(content: Content, acts: list[dict[str, Any]], *, outside: int) -> Iterator[str]:
    """The acknowledged acts against the history; `outside`: how many acts carried no key."""
    keys = Counter(line["key"] for line in acts)
    yield from (f"{key!r} was acknowledged {count} times" for key, count in keys.items() if count > 1)
    for line in acts:
        answer = content.answers.get(line["key"])
        if "refused" in line:
            if answer is not None:
                yield f"{line['key']!r} was refused and yet done: {answer}"
            continue
        if answer is None or (answer["case"], answer["seq"]) != (line["case"], line["seq"]):
            yield f"{line['key']!r} was acknowledged as {line['case']} {line['seq']}, stored is {answer}"
            continue
        written = content.lines[line["case"]][line["seq"] - 1 : line["seq"]]
        if [(w.event, w.actor) for w in written] != [(line["event"], line["who"])]:
            yield f"{line['key']!r} ({line['event']}) was acknowledged, the history has {written}"
    for key in content.answers.keys() - keys.keys():
        yield f"{key!r} was done and never acknowledged, though everybody came to their end"
    by_persons = sum(line.automatic is None for line in content.history)
    if by_persons != len(content.answers) + outside:
        yield f"{by_persons} acts of persons in the history, {len(content.answers)} answers"


def read_log(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a log. A torn last line was not acknowledged to anybody."""
    found = []
    for line in path.read_bytes().split(b"\n") if path.exists() else ():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


@contextmanager
def running(url: str, folder: Path, seed: int) -> Iterator[Run]:
    """A run whose connections are closed in the end."""
    run = Run(url, folder, seed)
    try:
        yield run
    finally:
        run.engine.database.dispose()


def main(arguments: list[str]) -> int:
    """`python -m tests.crash.run URL FOLDER KILLS SEED`: one run in a process of its own; 1 if anything was violated."""
    url, folder, kills, seed = arguments
    with running(url, Path(folder), int(seed)) as run:
        report = run.go(int(kills))
    print(report)
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
