"""Connections of ours between two steps.

To take a connection from SQLAlchemy's pool and to give it back is a seventh of what a step costs the client, and a quarter when
the processor's caches are cold. So a few, of engines made by `Engine.connect`, are taken out of the pool for good (`detach`) and
wait here. None has anything open. `Engine.database.dispose()` closes them, as it closes those of the pool.

After a fork they are the parent's: a child that asked on one would read his answers. It begins with none, and with a new pool.
"""

from __future__ import annotations

import os
from threading import Lock
from typing import Any, Protocol
from weakref import WeakSet

from sqlalchemy import Engine as Database
from sqlalchemy import ExceptionContext, event
from sqlalchemy.pool import QueuePool

__all__ = ["OURS", "SELDOM", "Spares"]

OURS = "tibandu_ours"
"""execution option of the SQLAlchemy engines that `Engine.connect` makes: how their pool behaves is known"""
SELDOM = 2**31 - 1
"""psycopg's `prepare_threshold` on their connections: never by itself. A statement prepared long ago is planned for no day and no
party in particular: asked whether anything is due before a day, PostgreSQL then reads all there is, for it expects to find some soon"""
MOST = 8
"""connections taken out of the pool, as many as the service has threads"""


class Spare(Protocol):
    """What waits."""

    detached: bool
    """it is nobody's but ours"""

    def detach(self) -> None:
        """From now on it is."""
        ...

    def close(self) -> None:
        """It is not needed any more."""
        ...


class Spares:
    """Those of one store; the one that came last goes first. Shared by threads."""

    def __init__(self, database: Database) -> None:
        self._waiting: list[Spare] = []
        self._database = database
        self._parents: list[Spare] = []
        """after a fork: never touched, only kept, for whatever closes one would hang up on the parent"""
        self._lock = Lock()
        self._ours = ours = OURS in database.get_execution_options() and isinstance(database.pool, QueuePool)
        self._room = MOST if ours else 0
        """how many more may be taken out of the pool"""
        if ours:
            _ALL.add(self)
            event.listen(database, "engine_disposed", self.close)
            event.listen(database, "handle_error", self._doubt)

    def take(self) -> Any:
        """One of them, or None."""
        try:
            return self._waiting.pop()
        except IndexError:
            return None

    def keep(self, one: Spare) -> bool:
        """Whether it waits here now: one that is ours already does, and others while there is room."""
        if not one.detached:
            with self._lock:
                if self._room <= 0:
                    return False
                self._room -= 1
            one.detach()
        self._waiting.append(one)
        return True

    def lost(self) -> None:
        """One that was taken out of the pool has broken."""
        with self._lock:
            self._room += 1

    def doubt_all(self) -> None:
        """The server has hung up: what waits in the pool is as dead, if the pool is ours, and is not met one by one."""
        if self._ours:
            self._database.dispose()

    def _doubt(self, context: ExceptionContext) -> None:
        """The pool has met a server that has hung up, and drops what waits in it: so do we."""
        if context.is_disconnect:
            self.close()

    def close(self, *_: object) -> None:
        """Close all that wait."""
        waiting, self._waiting = self._waiting, []
        with self._lock:
            self._room += len(waiting)
        for one in waiting:
            one.close()

    def forked(self) -> None:
        """In the child: what waits here and in the pool is left alone, and the lock may be held by a thread that is not here."""
        self._lock, self._room, self._parents = Lock(), MOST, self._waiting
        self._waiting = []
        self._database.dispose(close=False)


_ALL: WeakSet[Spares] = WeakSet()


def _forked() -> None:
    for one in _ALL:
        one.forked()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_forked)
