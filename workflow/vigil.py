"""Whether this process may trust its clock: the wall clock is compared with the steady one at every tick.

A process that was down sees the time it missed when it starts, and catches up. A process that is *running* and sees the wall
clock leap ahead of the steady one cannot know whether the machine slept or somebody set a wrong date, so it holds back:
nothing fires and nothing is sent until an operator lets it go on, the clock comes back, or it is started anew. A clock that
jumps back needs no holding: every rung is recorded once, whatever the clock says; it is noted, also when it was set back while
no process ran: then the line of history that was written last lies ahead.

Authoritative is the row of this node; the operator's word arrives there (`tibandu scheduler resume`). Only a clock that has a
steady companion can be watched: SystemClock has one, a simulated clock that leaps on purpose has none.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from datetime import datetime, timedelta

from .clock import Clock
from .store.examination import newest
from .store.sql import Store
from .store.timetable import Timetable

logger = logging.getLogger("workflow.vigil")
LEAP = timedelta(minutes=10)


def node_name() -> str:
    """This process, as other nodes and an operator see it."""
    return f"{socket.gethostname()}:{os.getpid()}"[:120]


class Vigil:
    """Watches the clock of one engine."""

    def __init__(self, store: Store, clock: Clock, now: Callable[[], datetime]) -> None:
        self._store = store
        self._table = Timetable(store)
        self._now = now
        self._steady: Callable[[], float] | None = getattr(clock, "monotonic", None)
        self._mark: tuple[datetime, float] | None = None
        self._held = False

    def doubts(self) -> bool:
        """Whether it holds back, or would at the next tick. Asks no database."""
        return self._held or self._leap(self._now()) > LEAP

    def holds(self, now: datetime) -> bool:
        """Whether this tick is not to be made; notes what it sees."""
        if self._steady is None:
            return False
        leap = self._behind(now) if self._mark is None else self._leap(now)
        if self._held:
            return self._waits(now, leap)
        if leap > LEAP:
            self._hold(now, leap)
            return True
        if leap < -LEAP:
            logger.warning("the clock was set back by %s, or ran ahead before; nothing fires twice", -leap)
            self._note("set_back", now, leap)
        self._mark = (now, self._steady())
        return False

    def _leap(self, now: datetime) -> timedelta:
        """How far the wall clock ran ahead of the steady one since the last tick."""
        if self._steady is None or self._mark is None:
            return timedelta(0)
        wall, steady = self._mark
        return (now - wall) - timedelta(seconds=self._steady() - steady)

    def _behind(self, now: datetime) -> timedelta:
        """At the first tick of a process: how far its clock is behind the line that was written last, by whatever process."""
        with self._store.connection() as connection:
            last = newest(self._store, connection)
        return timedelta(0) if last is None else min(now - last, timedelta(0))

    def _hold(self, now: datetime, leap: timedelta) -> None:
        logger.critical(
            "the clock leapt ahead by %s: nothing fires and nothing is sent until `tibandu scheduler resume`",
            leap,
        )
        self._note("leapt", now, leap)
        with self._store.work() as work, work.atomic(single=True):
            self._table.hold(
                work, node_name(), now.isoformat(timespec="seconds"), round(leap.total_seconds())
            )
        self._held = True

    def _waits(self, now: datetime, leap: timedelta) -> bool:
        if leap <= LEAP:
            self._go_on("returned", now, leap)
            return False
        with self._store.work() as work, work.atomic(single=True):
            by = self._table.released_by(work, node_name())
        if by is None:
            return True
        self._go_on("resumed", now, leap, by=by)
        return False

    def _go_on(self, kind: str, now: datetime, leap: timedelta, **said: str) -> None:
        logger.warning("going on: %s %s", kind, said.get("by", ""))
        self._note(kind, now, leap, **said)
        with self._store.work() as work, work.atomic(single=True):
            self._table.let_go(work, node_name())
        self._held = False
        if self._steady is not None:
            self._mark = (now, self._steady())

    def _note(self, kind: str, now: datetime, leap: timedelta, **said: str) -> None:
        at, body = now.isoformat(), {"leap_seconds": round(leap.total_seconds()), **said}
        with self._store.work() as work, work.atomic(single=True):
            self._table.journal(work, f"{kind}:{node_name()}:{at}"[:160], at, node_name(), kind, body)
