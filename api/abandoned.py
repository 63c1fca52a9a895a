"""Documents that were brought and that no case has named go after some days: the form was never sent, or refused for good.

Authoritative is what the lines of the cases say: each is looked at once (`named`). Whoever names a document that he brought
renews its day first (`Uploads`), under the lock of its row; so either the row is fresh, and stays, or it is gone for him, and he
is told to bring it again. A content that somebody brings again while it goes is given back (`Folder.remove`). Killed anywhere,
the next run goes on: what is `leaving` can be named by nobody.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any, Protocol, runtime_checkable

from sqlalchemy import delete, func, select, update

from workflow import Engine
from workflow.documents import named_after

from .store import Shelf, insert_once, stamp

__all__ = ["UNNAMED", "Abandoned", "Removable"]

log = logging.getLogger("api.abandoned")
UNNAMED = timedelta(days=30)
"""how long a document waits for a case that names it"""
MARK = ""
"""the row that says up to which position of the feed the lines were looked at"""
TOGETHER = 500


@runtime_checkable
class Removable(Protocol):
    """A place of documents that can let one go."""

    def remove(self, sha256: str, before: datetime) -> bool:
        """Remove a content that was last brought before that instant; whether it was there and went."""
        ...


class Abandoned:
    """Those of one service."""

    def __init__(self, engine: Engine, documents: object, waits: timedelta = UNNAMED) -> None:
        """`waits`: a day at least, for a page that is being filled in."""
        self._engine = engine
        self._shelf = Shelf(engine)
        self._documents = documents if isinstance(documents, Removable) else None
        self._waits = max(waits, timedelta(days=1))

    def sweep(self) -> int:
        """How many contents went."""
        if self._documents is None or self._engine.health().held:  # a clock that leapt is believed in nothing
            return 0
        self.look()
        before = self._shelf.now() - self._waits
        while self._mark(stamp(before)) == TOGETHER:
            pass
        leaving = self._leaving()
        gone = sum(self._tried(self._documents, sha256, before) for sha256 in leaving)
        if leaving:
            log.info("%d document(s) went that no case had named within %d days", gone, self._waits.days)
        return gone

    def look(self) -> None:
        """Note what the lines since the last time have named."""
        table = self._shelf.tables.named
        with self._shelf.connection() as connection:
            position = (
                connection.execute(select(table.c.position).where(table.c.sha256 == MARK)).scalar() or 0
            )
        while True:
            found, until = named_after(self._engine, position)
            if until == position:
                return
            with self._shelf.connection(write=True) as connection:
                for sha256 in sorted({MARK, *found}):
                    insert_once(connection, table, {"sha256": sha256, "position": until})
                mark = update(table).where(table.c.sha256 == MARK, table.c.position < until)
                connection.execute(mark.values(position=until))
            position = until

    def _mark(self, before: str) -> int:
        """Let nobody name those any more that nobody brought or named since then; how many were looked at."""
        t, named = self._shelf.tables.upload, self._shelf.tables.named
        known = select(1).where(named.c.sha256 == t.c.sha256).exists()
        with self._shelf.connection(write=True) as connection:
            old: Any = select(t.c.sha256).where(t.c.leaving.is_(None), ~known).group_by(t.c.sha256)
            old = old.having(func.max(t.c.at) < before).order_by(t.c.sha256).limit(TOGETHER)
            hashes = connection.execute(old).scalars().all()
            rows = select(t).where(t.c.sha256.in_(hashes)).order_by(t.c.sha256, t.c.person).with_for_update()
            fresh = {row.sha256 for row in connection.execute(rows) if row.at >= before}
            gone = [sha256 for sha256 in hashes if sha256 not in fresh]
            leave = update(t).where(t.c.sha256.in_(gone)).values(leaving=stamp(self._shelf.now()))
            connection.execute(leave)
        return len(gone)

    def _leaving(self) -> list[str]:
        """Those of a run that was killed, too."""
        t = self._shelf.tables.upload.c
        with self._shelf.connection() as connection:
            query = select(t.sha256).where(t.leaving.is_not(None)).distinct().order_by(t.sha256)
            return list(connection.execute(query).scalars())

    def _tried(self, documents: Removable, sha256: str, before: datetime) -> bool:
        """One that cannot be removed holds up no other; it is tried again with the next sweep."""
        try:
            return self._remove(documents, sha256, before)
        except Exception:  # whatever the host's place of documents raises
            log.exception("document %s cannot be removed", sha256)
            return False

    def _remove(self, documents: Removable, sha256: str, before: datetime) -> bool:
        t = self._shelf.tables.upload
        gone = documents.remove(sha256, before)
        with self._shelf.connection(write=True) as connection:
            connection.execute(delete(t).where(t.c.sha256 == sha256, t.c.leaving.is_not(None)))
        return gone
