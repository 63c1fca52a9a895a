"""One event over HTTP: the service beside a bare Flask endpoint that does the hand-written SQL, both behind the same server.

The bare endpoint reads JSON, checks it with marshmallow, does the one statement of a_limit.py and answers JSON. The service does
all it does: who asks, whether he may know of the case, If-Match, the form, the event with everything on, the case as the answer.
Each is a process of its own; sixteen connections send the same script, slice by slice in turn.

    python -m bench.service bare|ours URL      serves one of them and says its port
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from flask import Flask, request
from marshmallow import Schema, fields, validate
from waitress import create_server

from api import create_app
from workflow.model import Actor

from . import a_limit as limit
from . import w1def
from .contender import LIVE, TENANT, open_engine
from .measure import Report

CONNECTIONS = 16
THREADS = 8
"""of the server, as `tibandu serve` has them"""
AT_ONCE = 10
"""events of one connection in a slice"""
TICK = os.sysconf("SC_CLK_TCK")
BUSY, UNIT, SHARE = "p0", "u0", 200
"""somebody in a unit that has so many of the old cases in its hands, however many there are"""
BARE, OURS = "bare Flask", "the service"
Item = tuple[int, int, str, int, dict[str, Any]]


# --- the two that are served


class Payload(Schema):
    """What the bare endpoint takes."""

    version = fields.Int(required=True)
    actor = fields.Int(required=True)
    doc_no = fields.Str(required=True, validate=validate.Length(max=80))
    event = fields.Str(required=True, validate=validate.Length(max=40))
    opinion = fields.Str(required=True, validate=validate.Length(max=4000))
    round = fields.Int(required=True)
    satisfaction = fields.Str(required=True, validate=validate.OneOf(["yes", "basic", "no"]))


class Answer(Schema):
    """What it answers."""

    case = fields.Int(required=True)
    version = fields.Int(required=True)


def bare(url: str) -> Flask:
    """As little as can be called a service."""
    app, here = Flask("bare"), threading.local()
    takes, gives = Payload(), Answer()

    @app.post("/cases/<int:case>/events/<event>")
    def fire(case: int, event: str) -> Any:
        if not hasattr(here, "limit"):
            here.limit = limit.Pg1(url)
        given = takes.load(request.get_json())
        version = given.pop("version")
        here.limit.w1(case, version, event, given.pop("actor"), given)
        return gives.dump({"case": case, "version": version + 1})

    return app


def ours(url: str) -> Flask:
    """The service as it is; who asks is believed."""
    return create_app(open_engine(url), lambda asking: Actor(person=asking.headers["Authorization"]))


def serve(kind: str, url: str) -> None:
    """Until the process is ended."""
    app = bare(url) if kind == "bare" else ours(url)
    server = create_server(app, host="127.0.0.1", port=0, threads=THREADS, ident=None)
    print(server.effective_port, flush=True)
    server.run()


# --- who asks them


class Served:
    """One of them, running, with its connections."""

    def __init__(self, kind: str, url: str) -> None:
        self.kind = kind
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.service", kind, url], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self._port = int(self._process.stdout.readline())
        self._connections = [http.client.HTTPConnection("127.0.0.1", self._port) for _ in range(CONNECTIONS)]

    def cpu(self) -> float:
        """Seconds its process has been on a CPU."""
        words = Path(f"/proc/{self._process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / TICK

    def send(self, connection: int, items: list[Item]) -> list[int]:
        """One after the other on one connection; nanoseconds of each."""
        taken = []
        for item in items:
            path, body, headers = self._said(*item)
            start = time.perf_counter_ns()
            self._connections[connection].request("POST", path, body, headers)
            answer = self._connections[connection].getresponse()
            said = answer.read()
            taken.append(time.perf_counter_ns() - start)
            if answer.status != 200:
                raise AssertionError(f"{self.kind} {path}: {answer.status} {said[:300]!r}")
        return taken

    def _said(self, case: int, version: int, event: str, actor: int, given: dict[str, Any]) -> Any:
        headers = {"Content-Type": "application/json"}
        if self.kind == "bare":
            body = {"version": version, "actor": actor, **given}
            return f"/cases/{case}/events/{event}", json.dumps(body), headers
        headers |= {"Authorization": f"p{actor}", "If-Match": f'"{version + 1}"'}
        body = {"data": {"opinion": given["opinion"]}}
        return f"/v1/cases/{LIVE.format(case)}/events/{event}", json.dumps(body), headers

    def stop(self) -> None:
        """End it."""
        for connection in self._connections:
            connection.close()
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


@contextmanager
def running(kind: str, url: str) -> Iterator[Served]:
    """Served for the time of the block."""
    found = Served(kind, url)
    try:
        yield found
    finally:
        found.stop()


def measure(report: Report, limit_url: str, engine_url: str, cases: int) -> None:
    """Both do the script, slice by slice in turn."""
    per = max(cases // CONNECTIONS, 1)
    scripts = [w1def.script(per, 1 + number * per) for number in range(min(CONNECTIONS, cases))]
    with (
        running("bare", limit_url) as first,
        running("ours", engine_url) as second,
        ThreadPoolExecutor(CONNECTIONS) as pool,
    ):
        contenders = [(BARE, first), (OURS, second)]
        for start in range(0, max(map(len, scripts)), AT_ONCE):
            parts = [script[start : start + AT_ONCE] for script in scripts]
            contenders.reverse()
            for name, served in contenders:
                _slice(report, name, served, parts, pool)


def _slice(
    report: Report, name: str, served: Served, parts: list[list[Item]], pool: ThreadPoolExecutor
) -> None:
    count = sum(map(len, parts))
    used, start = served.cpu(), time.perf_counter()
    taken = list(pool.map(served.send, range(len(parts)), parts))
    wall = time.perf_counter() - start
    latencies = [one for several in taken for one in several]
    report.add(name, count, wall, latencies, client_cpu_us=(served.cpu() - used) / count * 1e6)


def _hand_over(url: str) -> None:
    """Give the unit its share: every so manieth of the cases of another."""
    engine = open_engine(url)
    engine.grant(BUSY, "unit", TENANT, unit=UNIT)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "update tibandu_relation set party = %s where case_id in"
            " (select case_id from tibandu_relation where party = 'u2' order by md5(case_id) limit %s)",
            (UNIT, SHARE),
        )
        connection.execute("vacuum analyze")
    engine.database.dispose()


def worklist(url: str, times: int) -> list[float]:
    """Seconds that a page of fifty of what waits for somebody takes, in the process itself."""
    _hand_over(url)
    app = ours(url)
    client, taken = app.test_client(), []
    for number in range(times + 5):
        start = time.perf_counter()
        answer = client.get("/v1/worklist?limit=50", headers={"Authorization": BUSY})
        if len(answer.get_json().get("cases", ())) != 50:
            raise AssertionError(answer.text[:300])
        if number >= 5:  # statements prepared, definitions known
            taken.append(time.perf_counter() - start)
    return taken


def p99_ratio(report: Report) -> float:
    """How much longer the slowest hundredth waits at the service, by the median of the slices."""
    pairs = sorted(
        one["p99"] / other["p99"] for one, other in zip(report.rows[OURS], report.rows[BARE], strict=True)
    )
    return float(pairs[len(pairs) // 2])


if __name__ == "__main__":
    serve(*sys.argv[1:])
