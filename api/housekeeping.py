"""What is over is forgotten, now and then (docs/operations.md says of every table when that is)."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from workflow import Engine
from workflow.clock import civil_date

from . import feeds
from .abandoned import UNNAMED, Abandoned
from .documents import Documents
from .jobs import Jobs
from .judged import Judged
from .limits import Counter
from .security_log import KEPT, SecurityLog
from .sessions import Sessions
from .store import Shelf
from .uploads import Uploads

EVERY = timedelta(minutes=10)


class Housekeeping:
    """For whoever runs in the background; the first time at once."""

    def __init__(
        self, engine: Engine, kept: timedelta = KEPT, documents: Documents | None = None, waits: timedelta = UNNAMED
    ) -> None:  # fmt: skip
        """`kept`: how long entries of the security log stay; `waits`: how long a document waits for a case that names it, in a
        place of `documents` that can let one go.
        """
        self._abandoned = Abandoned(engine, documents, waits)
        self._swept: date | None = None
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
        Counter(self._engine).sweep()
        if civil_date(now) != self._swept:
            self._abandoned.sweep()
            self._swept = civil_date(now)
        Uploads(self._engine).sweep()
        feeds.forget(self._engine)
        SecurityLog(self._engine).forget(self._kept)
        Sessions(self._engine).sweep()
