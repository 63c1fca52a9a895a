"""The waker: it wakes, it survives a bad tick, it stops without leaving a thread; and the watchdog."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from scheduler import TickWaker, run_until_stopped
from workflow import Actor, Engine
from workflow.library import Library
from workflow.outbox import Waker
from workflow.testing import FrozenClock

ROOT = Path(__file__).parents[1]
TENANT = "hubei/xianning"
PROPOSAL = {
    "title": "零工驿站",
    "body": "在楼宇、商圈建设驿站",
    "first_signer": "d.chen",
    "signers": ["d.chen"],
    "publication_wish": "full",
}


def wait_for(done: Callable[[], object], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


class Ticks:
    """Stands for an engine: counts how it is woken, by which thread, and answers what it is told to."""

    def __init__(self, *answers: list[object] | Exception) -> None:
        self.answers = list(answers)
        self.calls = 0
        self.threads: set[str] = set()
        self.running = 0
        self.most = 0
        self.summary = self

    def refresh(self, pages: int) -> bool:
        return True

    def tick(self, limit: int) -> list[object]:
        self.running += 1
        self.most = max(self.most, self.running)
        self.calls += 1
        self.threads.add(threading.current_thread().name)
        try:
            answer = self.answers.pop(0) if self.answers else []
            if isinstance(answer, Exception):
                raise answer
            return answer
        finally:
            self.running -= 1


def made(engine: Ticks, **more) -> TickWaker:
    return TickWaker(engine, **more)  # type: ignore[arg-type]


def ours() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]


# --- with a real engine, on both databases


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(date(2026, 3, 2))


@pytest.fixture
def engine(database_url: str, library: Library, clock: FrozenClock) -> Iterator[Engine]:
    engine = Engine(database_url, library, clock=clock)
    engine.create_schema()
    engine.grant("li.wei", "deputy_affairs", TENANT)
    yield engine
    engine.database.dispose()


def start(engine: Engine) -> str:
    return engine.start("suggestion", Actor(person="li.wei"), PROPOSAL, tenant=TENANT).id


def test_the_thread_wakes_what_is_due(engine: Engine, clock: FrozenClock) -> None:
    case = start(engine)
    waker = TickWaker(engine, seconds=0.05)
    waker.start()
    try:
        wait_for(lambda: waker.age() is not None)
        assert [line.event for line in engine.history(case)] == ["start"]
        clock.set(date(2026, 3, 10))
        wait_for(lambda: "urge_acceptance" in [line.event for line in engine.history(case)])
    finally:
        waker.stop()
    assert not ours()


def test_two_wakers_fire_a_timer_once(engine: Engine, clock: FrozenClock) -> None:
    cases = [start(engine) for _ in range(20)]
    clock.set(date(2026, 3, 10))
    wakers = [TickWaker(engine, seconds=0.05) for _ in range(2)]
    for waker in wakers:
        waker.start()
    try:
        wait_for(lambda: all(len(engine.history(case)) >= 3 for case in cases))
        time.sleep(0.2)
    finally:
        for waker in wakers:
            waker.stop()
    for case in cases:
        events = [line.event for line in engine.history(case)]
        assert sorted(events) == ["start", "urge_acceptance", "urge_assignment"]


def test_a_backlog_is_worked_off_in_one_tick(engine: Engine, clock: FrozenClock) -> None:
    cases = [start(engine) for _ in range(130)]  # more than a batch
    clock.set(date(2026, 3, 10))
    waker = TickWaker(engine)
    assert waker.tick() >= 260
    assert engine.tick() == []
    assert {len(engine.history(case)) for case in cases} == {3}


# --- the thread


def test_it_ticks_at_once_again_and_again_never_two_together() -> None:
    engine = Ticks(*([[1]] * 5))
    waker = made(engine, seconds=0.05)
    waker.start()
    try:
        wait_for(lambda: engine.calls >= 9)
    finally:
        waker.stop()
    assert engine.most == 1
    assert threading.main_thread().name not in engine.threads
    calls = engine.calls
    time.sleep(0.2)
    assert engine.calls == calls
    assert not ours()


def test_the_first_tick_does_not_wait_for_the_interval() -> None:
    engine = Ticks()
    waker = made(engine, seconds=3600)
    waker.start()
    try:
        wait_for(lambda: engine.calls == 1)
    finally:
        waker.stop()


def test_a_bad_tick_is_logged_and_tried_again(caplog) -> None:
    engine = Ticks(RuntimeError("the database is away"), [1])
    waker = made(engine, seconds=0.05)
    waker.start()
    try:
        wait_for(lambda: engine.calls >= 4)
    finally:
        waker.stop()
    assert [record.message for record in caplog.records if record.exc_info] == [
        "the tick failed; the next one tries again"
    ]


def test_only_a_good_tick_is_young() -> None:
    waker = made(Ticks([], RuntimeError("away")))
    assert waker.age() is None
    waker.tick()
    before = waker._last
    waker.tick()
    assert waker._last == before


def test_stopping_waits_for_the_batch_it_is_in() -> None:
    entered, leave = threading.Event(), threading.Event()

    class Slow(Ticks):
        def tick(self, limit: int) -> list[object]:
            entered.set()
            leave.wait(10)
            return [*super().tick(limit), 1]

    engine = Slow()
    waker = made(engine, seconds=60)
    waker.start()
    entered.wait(10)
    threading.Timer(0.2, leave.set).start()
    waker.stop()
    assert engine.calls == 1  # it had more to do, and left it to the next


def test_stopping_before_the_start_is_harmless() -> None:
    made(Ticks(), watched=True).stop()


def test_it_is_a_waker(engine: Engine) -> None:
    waker: Waker = TickWaker(engine)
    assert waker.age() is None


# --- the watchdog


def test_the_watchdog_ends_a_process_whose_ticks_have_stopped() -> None:
    left: list[int] = []
    stuck = threading.Event()

    class Stuck(Ticks):
        def tick(self, limit: int) -> list[object]:
            stuck.wait(20)
            return []

    waker = made(Stuck(), watched=True, stale=0.2, leave=left.append)
    waker.start()
    try:
        wait_for(lambda: left)
    finally:
        stuck.set()
        waker.stop()
    assert left == [70]


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)  # it is what is done to it
def test_the_watchdog_ends_a_process_whose_scheduler_thread_has_died(monkeypatch: pytest.MonkeyPatch) -> None:
    """APScheduler goes on saying that it runs."""
    left: list[int] = []
    waker = made(Ticks(), seconds=0.05, watched=True, stale=0.4, leave=left.append)
    waker.start()
    try:
        wait_for(lambda: waker.age() is not None)

        def die() -> None:
            raise RuntimeError("died")

        monkeypatch.setattr(waker._scheduler, "_process_jobs", die)
        wait_for(lambda: not waker._scheduler._thread.is_alive())
        assert waker._scheduler.running
        wait_for(lambda: left)
    finally:
        waker.stop()
    assert left == [70]
    assert not ours()


def test_the_watchdog_leaves_a_healthy_process_alone() -> None:
    left: list[int] = []
    waker = made(Ticks(), seconds=0.05, watched=True, stale=0.5, leave=left.append)
    waker.start()
    time.sleep(1.2)
    waker.stop()
    assert left == []


def test_a_long_backlog_is_not_taken_for_a_stop() -> None:
    class Long(Ticks):
        def tick(self, limit: int) -> list[object]:
            time.sleep(0.1)
            return super().tick(limit)

    left: list[int] = []
    engine = Long(*([[1]] * 10))
    waker = made(engine, seconds=60, watched=True, stale=0.6, leave=left.append)
    waker.start()
    try:
        wait_for(lambda: engine.calls >= 11)
    finally:
        waker.stop()
    assert left == []


def test_no_watchdog_in_a_hosts_process() -> None:
    waker = made(Ticks(), seconds=60)
    waker.start()
    try:
        assert "tibandu-watchdog" not in ours()
    finally:
        waker.stop()


# --- in the foreground


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_runs_in_the_foreground_until_told(number: signal.Signals) -> None:
    engine = Ticks()
    before = signal.getsignal(number)

    def tell() -> None:
        wait_for(lambda: engine.calls)
        os.kill(os.getpid(), number)

    teller = threading.Thread(target=tell)
    teller.start()
    run_until_stopped(made(engine, seconds=0.05))
    teller.join()
    assert signal.getsignal(number) is before
    assert not ours()
