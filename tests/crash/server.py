"""A process of the PostgreSQL server is killed at random moments: the server throws everybody out and recovers from its log, as
after `pg_ctl stop -m immediate`. The clients of run.py live on: who gets no answer asks again with the same key.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psycopg

from tests.crash.run import END_SECONDS, Run
from workflow.errors import StoreError

Answer = TypeVar("Answer")
PAUSE = 0.02
BETWEEN = 0.5
"""seconds at most that the server is let work before it dies again"""
SESSIONS = "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() order by pid"


class ServerRun(Run):
    """A run whose server dies, and nobody else."""

    def __init__(self, url: str, folder: Path, seed: int) -> None:
        super().__init__(url, folder, seed)
        self._url = url

    def _strike(self, role: str) -> None:
        """Not the client dies but a session of the server, and with it all of them."""
        time.sleep(self._random.uniform(0, BETWEEN))
        with self._connected() as supervisor:
            self._hit(supervisor)
            with contextlib.suppress(psycopg.OperationalError):
                while True:  # until we are thrown out as well
                    supervisor.execute("select 1")
        self._connected().close()

    def _hit(self, supervisor: psycopg.Connection[tuple[int]]) -> None:
        """Kill a session; where it has just hung up or nobody is there (on a busy machine), the next one that comes."""
        until = time.monotonic() + END_SECONDS
        while time.monotonic() < until:
            sessions = [pid for (pid,) in supervisor.execute(SESSIONS)]
            with contextlib.suppress(ProcessLookupError, IndexError):
                os.kill(self._random.choice(sessions), signal.SIGKILL)
                self.report.kills["server"] += 1
                return
            time.sleep(PAUSE)
        raise TimeoutError("no session of the server has come to be killed")

    def _connected(self) -> psycopg.Connection[tuple[int]]:
        until = time.monotonic() + END_SECONDS
        while True:
            try:
                return psycopg.connect(self._url, autocommit=True)
            except psycopg.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(PAUSE)

    def _asked(self, act: Callable[[], Answer]) -> Answer | None:
        try:
            return act()
        except StoreError as fault:
            if fault.which != "lost":
                raise
            time.sleep(PAUSE)
            return None
