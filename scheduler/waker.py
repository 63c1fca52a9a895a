"""APScheduler as a waker over the engine's own timer rows; it carries no deadline itself.

Authoritative is the row `clock.next_at`: what is due is asked of the database at every tick, and each timer fires in the
transaction of its effect. So what can fail here costs only time: a tick that is late, missed or run by two nodes at once changes
nothing about what happens, or how often. The job store is memory, one job, never two at once, late ones run as one.
The watchdog ends a process whose ticks have stopped, so that whoever supervises it starts a new one; it lives only where
`watched` is asked for (`tibandu serve|scheduler`), never in a host's process.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler

from workflow import Engine
from workflow.clock import civil_date
from workflow.errors import StoreError
from workflow.outbox import JobBackend

log = logging.getLogger("tibandu.scheduler")
STALE_SECONDS = 300.0
EXIT_STALE = 70
STOPPING = (signal.SIGTERM, signal.SIGINT)
BATCH = 100
DAY_SECONDS = 86_400.0
LETTERS = 1000
"""tried in one pass"""
SUMMED = 200
"""pages of cases that one tick sums at most"""


class TickWaker:
    """Wakes one engine every `seconds`. May be started and stopped once."""

    def __init__(
        self, engine: Engine, *, seconds: float = 30, watched: bool = False, stale: float = STALE_SECONDS,
        leave: Callable[[int], object] = os._exit, delivery: JobBackend | None = None, kept_days: int | None = None,
    ) -> None:  # fmt: skip
        """`kept_days`: once a day, alerts that have been over for longer are forgotten; None: never."""
        self._engine = engine
        self._kept_days = kept_days
        self._delivery = delivery
        self._seconds = seconds
        self._stale = stale
        self._leave = leave
        self._stopping = threading.Event()
        self._last: float | None = None
        self._watchdog = (
            threading.Thread(target=self._watch, name="tibandu-watchdog", daemon=True) if watched else None
        )
        self._scheduler = BackgroundScheduler(
            jobstores={"default": MemoryJobStore()},
            # Delivery has a thread of its own: a slow mail server delays no deadline.
            executors={"default": ThreadPoolExecutor(1), "delivery": ThreadPoolExecutor(1)},
            timezone="UTC",
        )

    def start(self) -> None:
        """Begin; the first tick comes at once."""
        self._last = time.monotonic()
        self._scheduler.start()
        self._every(self.tick, "default", self._seconds)
        if self._delivery is not None:
            self._delivery.start()
            self._every(self.deliver, "delivery", self._seconds)
        if self._kept_days is not None:
            self._every(self.tidy, "delivery", DAY_SECONDS)
        if self._watchdog is not None:
            self._watchdog.start()

    def _every(self, what: Callable[[], object], executor: str, seconds: float) -> None:
        job = self._scheduler.add_job(
            what, "interval", seconds=seconds, executor=executor, max_instances=1, coalesce=True,
            misfire_grace_time=None,
        )  # fmt: skip
        # The same job earlier, not a job of its own: APScheduler 3.11's thread dies when a one-time job ends during shutdown.
        job.modify(next_run_time=job.next_run_time - timedelta(seconds=seconds))

    def stop(self) -> None:
        """Finish the batch it is in and end every thread. Harmless when it was not started."""
        self._stopping.set()
        if self._delivery is not None:
            self._delivery.stop()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)
        if self._watchdog is not None and self._watchdog.is_alive():
            self._watchdog.join()

    def age(self) -> float | None:
        """Seconds since the last good batch; None before the start."""
        return None if self._last is None else time.monotonic() - self._last

    def tick(self) -> int:
        """Fire all that is due, batch by batch; how many timers. An error is logged and tried again at the next tick."""
        count = 0
        try:
            while not self._stopping.is_set():
                fired = self._engine.tick(BATCH)
                self._last = time.monotonic()
                count += len(fired)
                if not fired:
                    break
            self._sum_up()
        except Exception as error:
            if (
                isinstance(error, StoreError) and error.which == "tables"
            ):  # its words are all there is to know
                log.error("the tick failed; the next one tries again: %s", error.text.en)  # noqa: TRY400
            else:
                log.exception("the tick failed; the next one tries again")
        if count:
            log.info("%d timer(s) fired", count)
        return count

    def _sum_up(self) -> None:
        """Count what has changed since, so that nobody who looks at figures waits for it."""
        try:
            for _ in range(SUMMED):
                if self._stopping.is_set() or self._engine.summary.refresh(1):
                    break
        except Exception:
            log.exception("the summary was not brought up to date; the next tick tries again")

    def deliver(self) -> int:
        """One pass of delivery; how many letters were tried. An error is logged and tried again at the next pass."""
        try:
            return self._delivery.deliver(LETTERS) if self._delivery is not None else 0
        except Exception:
            log.exception("the delivery failed; the next pass tries again")
            return 0

    def tidy(self) -> int:
        """Forget old alerts; how many rows. An error is logged and tried again the next day."""
        if self._kept_days is None:
            return 0
        try:
            before = civil_date(self._engine.alerts.now()) - timedelta(days=self._kept_days)
            return self._engine.alerts.purge(before).total()
        except Exception:
            log.exception("old alerts could not be forgotten; tomorrow it is tried again")
            return 0

    def _watch(self) -> None:
        """End the process when the ticks have stopped, however alive it looks."""
        while not self._stopping.wait(min(self._stale / 4, 15)):
            age = self.age()
            if age is not None and age > self._stale:
                log.critical("no good tick for %.0f s: leaving, to be started anew", age)
                self._leave(EXIT_STALE)
                return


def run_until_stopped(waker: TickWaker, ready: Callable[[], object] = lambda: None) -> None:
    """Run in the foreground until SIGTERM or SIGINT, then stop cleanly. `ready` is called when it runs. Main thread only."""
    # A pipe that the C handler itself writes into: the kernel may give the signal to any thread, and then a Python handler alone
    # would not end the main thread's wait. (An Event's lock may be held by the very thread a handler interrupts.)
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    before = {number: signal.signal(number, lambda *_: None) for number in STOPPING}
    woken = signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    try:
        waker.start()
        ready()
        while os.read(told, 1)[0] not in STOPPING:
            pass
    finally:
        signal.set_wakeup_fd(woken)
        waker.stop()
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(told)
        os.close(tell)
