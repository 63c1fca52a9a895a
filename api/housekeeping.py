"""What is over is forgotten, now and then: documents made, tables judged, old entries of the security log, sessions."""

from __future__ import annotations

from datetime import datetime, timedelta

from workflow import Engine

from .jobs import Jobs
from .judged import Judged
from .security_log import KEPT, SecurityLog
from .sessions import Sessions
from .store import Shelf

EVERY = timedelta(minutes=10)


class Housekeeping:
    """For whoever runs in the background; the first time at once."""

    def __init__(self, engine: Engine, kept: timedelta = KEPT) -> None:
        """`kept`: how long entries of the security log stay."""
        self._engine = engine
        self._shelf = Shelf(engine)
        self._kept = kept
        self._done: datetime | None = None

    def run(self) -> None:
        """If it is time."""
        now = self._shelf.now()
        if self._done is not None and now - self._done < EVERY:
            return
        self._done = now
        Jobs(self._engine).sweep()
        Judged(self._engine).sweep()
        SecurityLog(self._engine).forget(self._kept)
        Sessions(self._engine).sweep()
