"""The seams of the one way out: who wakes the engine, and who carries what it has written to be sent. Both are injected.

The outbox row is the truth and is written in the transaction of its event; whoever delivers it may die at any moment and
start again. On one machine scheduler/waker.py is both; several nodes may use another backend, the rows stay the same.
"""

from __future__ import annotations

from typing import Protocol


class Waker(Protocol):
    """Who calls `Engine.tick` from time to time. Nothing depends on how often or by how many nodes, only when it happens."""

    def start(self) -> None:
        """Begin to wake the engine; returns at once."""
        ...

    def stop(self) -> None:
        """Stop; returns when nothing of it runs any more."""
        ...

    def age(self) -> float | None:
        """Seconds since the last good tick: the one measure of its health. None before it was started."""
        ...


class JobBackend(Protocol):
    """Who delivers outbox rows, at least once each, and runs bulk work."""

    def deliver(self, limit: int) -> int:
        """Try at most `limit` rows that wait; how many left the outbox."""
        ...

    def submit(self, job: str, arguments: dict[str, str]) -> str:
        """Run a named piece of bulk work later, once; its id."""
        ...
