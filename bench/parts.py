"""The CPU time of one event by part: a clock around the engine's own functions, nested times taken off the outer ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import workflow.store.work as store_work
from workflow import clockwork, firing, line
from workflow.engine import Engine
from workflow.forms import Form
from workflow.machine import Lifecycle
from workflow.store.sql import Store

from .contender import backend
from .measure import server_cpu
from .w1def import drive

PARTS: list[tuple[str, Any, str]] = [
    ("read: rows to a family", Store, "read"),
    ("decide: everything else", firing, "decide"),
    ("form (marshmallow)", Form, "load"),
    ("guard and next state (transitions)", Lifecycle, "next_state"),
    ("clocks", clockwork, "run"),
    ("chain: commitments and hash", line, "write"),
    ("write: step to rows", Store, "write"),
    ("answer: the case as given back", Engine, "_answer"),
]
STATEMENTS = {"begin": "begin", "begin immediate": "begin", "commit": "commit"}
REST = "connection, memory, bookkeeping"
SERVER = "the server"


class Stopwatch:
    """Exclusive seconds per part."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inner = [0.0]

    def timed(self, part: str, run: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*given: Any, **named: Any) -> Any:
            self._inner.append(0.0)
            start = time.thread_time()
            try:
                return run(*given, **named)
            finally:
                took = time.thread_time() - start
                self.seconds[part] = self.seconds.get(part, 0.0) + took - self._inner.pop()
                self._inner[-1] += took

        return wrapped


class _Cursor:
    """A cursor whose statements are timed by what they are."""

    def __init__(self, cursor: Any, watch: Stopwatch) -> None:
        self._cursor = cursor
        timed = {part: watch.timed(part, cursor.execute) for part in ("begin", "commit", "read", "write")}
        if hasattr(cursor, "executemany"):  # ours for PostgreSQL has none
            self.executemany = watch.timed("write", cursor.executemany)
        self._timed = timed

    def execute(self, sql: str, *given: Any) -> Any:
        part = STATEMENTS.get(sql) or ("read" if sql.lstrip()[:6] == "select" else "write")
        return self._timed[part](sql, *given)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


def cost(contender: Any, items: list[Any]) -> list[tuple[str, float]]:
    """Microseconds per event and part, the dearest first; the first third of the items only warms up."""
    watch, make = Stopwatch(), store_work._cursor
    warm = len(items) // 3
    with ExitStack() as stack:
        stack.enter_context(
            patch.object(store_work, "_cursor", lambda *given, **more: _Cursor(make(*given, **more), watch))
        )
        for part, owner, name in PARTS:
            stack.enter_context(patch.object(owner, name, watch.timed(part, getattr(owner, name))))
        contender.engine.database.dispose()  # a pooled connection keeps the cursor it was given
        drive(contender.w1, items[:warm], [])
        contender.backend = backend(contender.engine)
        watch.seconds.clear()
        served = server_cpu(contender)
        start = time.thread_time()
        drive(contender.w1, items[warm:], [])
        total = time.thread_time() - start
    watch.seconds[REST] = total - sum(watch.seconds.values())
    if served is not None:
        watch.seconds[SERVER] = ((server_cpu(contender) or served) - served) / 1e9
    count = len(items) - warm
    return sorted(
        ((part, 1e6 * took / count) for part, took in watch.seconds.items()), key=lambda row: -row[1]
    )
