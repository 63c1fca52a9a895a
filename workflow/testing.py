"""For tests, the host's and ours: a clock that stands still, an engine in memory, and a walk to a state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from .clock import SystemClock, start_of_day
from .engine import Engine
from .library import Library
from .model import Actor, Case
from .random import SeededRandom
from .store.work import prepare_sqlite


class FrozenClock:
    """Stands still until told otherwise."""

    def __init__(self, start: datetime | date) -> None:
        """A date means 09:00 in Asia/Shanghai of that day."""
        if not isinstance(start, datetime):
            start = start_of_day(start) + timedelta(hours=9)
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """The instant it stands at, UTC."""
        return self._now

    def advance(self, **how_far: float) -> None:
        """Move on (or back) by a timedelta's arguments: `advance(days=91)`."""
        self._now += timedelta(**how_far)

    def set(self, when: datetime | date) -> None:
        """Stand at another instant, or at 09:00 in Asia/Shanghai of a date."""
        self._now = FrozenClock(when).now()


def stopwatch() -> float:
    """Seconds of this machine, to measure by while a clock stands still."""
    return SystemClock().monotonic()


def memory_engine(
    library: Library, clock: FrozenClock | None = None, *, place: str | None = None, seed: int = 1
) -> Engine:
    """An engine on SQLite in memory with the schema made. The same seed and clock give the same ids and hashes.

    One connection, so one thread.
    """
    database = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    prepare_sqlite(database)
    frozen = clock or FrozenClock(date(2026, 3, 2))
    engine = Engine(database, library, place=place, clock=frozen, random=SeededRandom(seed))
    engine.create_schema()
    return engine


Step = tuple[str, Actor, Mapping[str, Any]]


def walk(engine: Engine, case: Case, steps: Iterable[Step]) -> Case:
    """Fire the steps one after the other; the case after the last."""
    for event, actor, data in steps:
        case = engine.fire(case.id, event, actor, data)
    return case
