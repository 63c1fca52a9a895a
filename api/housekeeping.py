"""What is over is forgotten, now and then (docs/operations.md says of every table when that is)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial

from workflow import Engine
from workflow.clock import civil_date

from . import feeds
from .abandoned import UNNAMED, Abandoned, Removable
from .documents import Documents
from .jobs import Jobs
from .judged import Judged
from .limits import Counter
from .security_log import KEPT, SecurityLog
from .sessions import Sessions
from .store import Shelf
from .uploads import Uploads

log = logging.getLogger("api.housekeeping")
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
        self._documents = documents
        self._swept: date | None = None
        self._engine = engine
        self._shelf = Shelf(engine)
        self._kept = kept
        self._done: datetime | None = None

    def run(self) -> None:
        """If it is time: each job for itself. What fails is logged."""
        now = self._shelf.now()
        if self._done is not None and now - self._done < EVERY:
            return
        self._done = now
        engine = self._engine
        for job in (
            Jobs(engine).sweep, Judged(engine).sweep, Counter(engine).sweep, self._forget_uploads, partial(feeds.forget, engine),
            partial(SecurityLog(engine).forget, self._kept), Sessions(engine).sweep, self._let_documents_go,
        ):  # fmt: skip
            _tried(job)

    def _forget_uploads(self) -> None:
        documents = self._documents
        Uploads(self._engine).sweep(lasting=documents is not None and not isinstance(documents, Removable))

    def _let_documents_go(self) -> None:
        """Once a civil day; after a failure with the next run."""
        today = civil_date(self._shelf.now())
        if today != self._swept:
            self._abandoned.sweep()
            self._swept = today


def _tried(job: Callable[[], object]) -> None:
    """One that fails holds up no other; it is tried again with the next run."""
    try:
        job()
    except Exception:
        log.exception("housekeeping: %s", getattr(job, "func", job))
