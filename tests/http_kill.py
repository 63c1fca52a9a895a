"""Load on the service while its workers are killed: gunicorn on PostgreSQL, a worker SIGKILLed every half second.

    clients ──same key until answered──> gunicorn ──fork──> workers     one of them is killed again and again
                                            PostgreSQL

What a client was told is there, once; what it was told under one key is the same however often it asked; what is there was asked
for. `python -m tests.http_kill URL [SECONDS] [SEED]`
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from api import create_app
from workflow import Engine
from workflow.testing import FrozenClock

from . import http_walk as city

ROOT = Path(__file__).parent.parent
DATABASE = "TEST_HTTP_KILL"
STANDING = "TEST_HTTP_STANDING"
"""the clock stands at the day of the tests"""
WORKERS, CLIENTS = 3, 8
EVERY = 0.5
STARTS_WITHIN = 60.0
PATIENCE = 60.0
"""seconds after which a client gives up"""


@dataclass(slots=True)
class Report:
    """What came of it."""

    kills: int = 0
    acknowledged: int = 0
    broken: int = 0
    """requests whose answer never came: the same key was sent again"""
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        rate = self.acknowledged / self.seconds if self.seconds else 0
        said = f"{self.kills} kills, {self.acknowledged} acknowledged ({rate:.0f}/s), {self.broken} answers lost on the way"
        return f"{said}: {len(self.violations)} violation(s)"


# --- the service: forked workers, each with connections of its own

_made: dict[int, Callable[..., Any]] = {}


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
    """The city's service, made in the worker that answers."""
    if os.getpid() not in _made:
        clock = FrozenClock(city.TODAY) if os.environ.get(STANDING) else None
        engine = Engine(os.environ[DATABASE], city.city(), clock=clock)
        # Twenty thousand answers come from one address, and while the clock stands all in one minute.
        _made[os.getpid()] = create_app(engine, city.bearer, strangers=None)
    return _made[os.getpid()](environ, start_response)


@contextmanager
def served(
    url: str, *, workers: int = WORKERS, threads: int = 4, standing: bool = False
) -> Iterator[tuple[int, int]]:
    """The port and the process of a gunicorn in front of that database. `standing`: for it, it is the day of the tests."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
        command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", str(workers), "--threads", str(threads), "--bind",
                   f"fd://{bound.fileno()}", "--log-level", "critical", "tests.http_kill:app"]  # fmt: skip
        environment = {**os.environ, DATABASE: url, STANDING: "yes" if standing else ""}
        master = subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[bound.fileno()])
        try:
            until = time.monotonic() + STARTS_WITHIN
            while not workers_of(master.pid) and master.poll() is None and time.monotonic() < until:
                time.sleep(0.05)
            yield port, master.pid
        finally:
            master.terminate()
            try:
                master.wait(20)
            except subprocess.TimeoutExpired:
                master.kill()
                master.wait()


def workers_of(master: int) -> list[int]:
    """The processes that answer."""
    with suppress(OSError):
        return [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text("ascii").split()]
    return []


# --- whoever asks


class Client:
    """Starts cases one after the other, each under a key of its own that is sent until it is answered."""

    def __init__(self, port: int, name: str, report: Report, stop: threading.Event) -> None:
        self._port = port
        self._name = name
        self._report = report
        self._stop = stop
        self.told: dict[str, set[str]] = {}

    def run(self) -> None:
        """Until it is told to stop, and what it has begun to its end."""
        number = 0
        while not self._stop.is_set():
            number += 1
            key = f"{self._name}-{number}"
            self.told[key] = {self._sent(key)}
            if number % 7 == 0:  # whoever asks again is told the same
                self.told[key].add(self._sent(key))

    def _sent(self, key: str) -> str:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return self._once(key)
            except (OSError, http.client.HTTPException) as error:
                if time.monotonic() > until:
                    return f"nobody answered: {error}"
                self._report.broken += 1
                time.sleep(0.02)

    def _once(self, key: str) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            body = json.dumps({**city.START, "data": {**city.PROPOSAL, "title": key}})
            headers = {
                "Authorization": "Bearer li.wei",
                "Content-Type": "application/json",
                "Idempotency-Key": key,
            }
            connection.request("POST", "/v1/cases", body, headers)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 201:
                raise http.client.HTTPException(f"{answer.status} {said[:200]!r}")
            return str(json.loads(said)["id"])
        finally:
            connection.close()


def run(url: str, seconds: float, seed: int = 1) -> Report:
    """The whole of it, on a database with the city's schema."""
    report, dice, stop = Report(), random.Random(seed), threading.Event()
    with served(url) as (port, master):
        clients = [Client(port, f"c{number}", report, stop) for number in range(CLIENTS)]
        threads = [threading.Thread(target=client.run) for client in clients]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        while time.monotonic() - began < seconds:
            time.sleep(EVERY)
            if found := workers_of(master):
                with suppress(ProcessLookupError):
                    os.kill(dice.choice(found), signal.SIGKILL)
                    report.kills += 1
        stop.set()
        for thread in threads:
            thread.join()
        report.seconds = time.monotonic() - began
    told = {key: ids for client in clients for key, ids in client.told.items()}
    report.acknowledged = len(told)
    report.violations = list(violations(url, told))
    return report


def violations(url: str, told: dict[str, set[str]]) -> Iterator[str]:
    """What does not hold of what they were told and of what is there."""
    database = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with database.connect() as connection:
        there = [
            (row.id, json.loads(row.data)["title"])
            for row in connection.execute(text("select id, data from tibandu_cases"))
        ]
        lines = dict(
            connection.execute(text("select case_id, count(*) from tibandu_history group by case_id")).all()
        )
    database.dispose()
    by_key: dict[str, list[str]] = {}
    for id_, key in there:
        by_key.setdefault(key, []).append(id_)
    for key, ids in told.items():
        if by_key.get(key) != sorted(ids):
            yield f"{key}: told {sorted(ids)}, there is {by_key.get(key)}"
    for key in by_key.keys() - told.keys():
        yield f"{key}: is there, and nobody was told"
    for id_, _ in there:
        if lines.get(id_) != 1:
            yield f"{id_}: {lines.get(id_)} lines of history"


if __name__ == "__main__":
    address, *more = sys.argv[1:]
    done = run(address, float(more[0]) if more else 60.0, int(more[1]) if len(more) > 1 else 1)
    print(done)
    print("\n".join(done.violations))
    sys.exit(bool(done.violations))
