"""Places in the feed: one after the other without a gap, given to lines of history after they were committed.

Ids are given before the commit, so a line may become visible behind others that have their places already. Whoever looks for
such lines looks through the whole history; here that is done once in a while, and in between only what is new and what was new
a while ago is looked at. A line whose transaction took longer than `PATIENCE` gets its place at the next look through all.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from sqlalchemy import Connection, exists, func, insert, select

from .schema import Tables

__all__ = ["Sequencer"]

PATIENCE = timedelta(minutes=10)
THOROUGH = timedelta(hours=1)


class Sequencer:
    """Gives the places; one at a time, whoever asks and in however many processes. Its memory is only a help."""

    def __init__(self, tables: Tables, *, sqlite: bool) -> None:
        self._tables = tables
        self._sqlite = sqlite
        self._thorough: datetime | None = None
        """when all was looked through last"""
        self._reached: deque[tuple[datetime, int]] = deque(maxlen=1000)
        """when which id was the last to have its place, all visible ones before it too"""

    def sequence(self, connection: Connection, limit: int, now: datetime | None) -> int:
        """Give places to at most `limit` lines; how many got one. `now` None: look through all."""
        feed, h = self._tables.feed, self._tables.history
        if not self._sqlite:
            name = f"{self._tables.prefix}feed"
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(name))))
        last = connection.execute(select(func.coalesce(func.max(feed.c.position), 0))).scalar_one()
        low = self._low(connection, now)
        fed = exists(select(1).where(feed.c.history_id == h.c.id))
        query = select(h.c.id).where(h.c.id > low, ~fed).order_by(h.c.id).limit(limit)
        found = connection.execute(query).scalars().all()
        if found:
            places = [{"position": last + n, "history_id": id_} for n, id_ in enumerate(found, 1)]
            connection.execute(insert(feed), places)
        if now is not None and len(found) < limit:
            self._caught_up(connection, now, thorough=low == 0)
        return len(found)

    def _low(self, connection: Connection, now: datetime | None) -> int:
        """The id up to which every line has its place, or has had more than its time to be seen."""
        if self._sqlite:  # one writer: ids become visible in their order
            return int(
                connection.execute(
                    select(func.coalesce(func.max(self._tables.feed.c.history_id), 0))
                ).scalar_one()
            )
        if now is None or self._thorough is None or not self._thorough <= now < self._thorough + THOROUGH:
            return 0
        old = [id_ for at, id_ in self._reached if at <= now - PATIENCE]
        return max(old, default=0)

    def _caught_up(self, connection: Connection, now: datetime, *, thorough: bool) -> None:
        if thorough:
            self._thorough = now
        if not self._reached or now - self._reached[-1][0] >= PATIENCE / 10:
            top = connection.execute(select(func.max(self._tables.feed.c.history_id))).scalar()
            self._reached.append((now, int(top or 0)))
