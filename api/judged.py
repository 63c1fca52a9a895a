"""Tables that were judged and not written yet: kept for whoever sent them, that he need not send them again, for a day at most.

They hold what a register holds, so they are no documents: nobody else finds them, and what was written is soon forgotten.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

from sqlalchemy import delete, insert, select, update

from workflow import Engine

from .store import Shelf, stamp

KEPT, WRITTEN = timedelta(hours=24), timedelta(minutes=10)
"""how long one is kept, and how long once it was written: a second click finds that there is nothing new"""


class Judged:
    """The tables of one store."""

    def __init__(self, engine: Engine) -> None:
        self._shelf = Shelf(engine)

    def keep(self, person: str, content: bytes) -> str:
        """By its hash; once more is the same, for another day."""
        key, t = hashlib.sha256(content).hexdigest(), self._shelf.tables.judged
        row = {"sha256": key, "person": person, "content": content, "until": stamp(self._shelf.now() + KEPT)}
        with self._shelf.connection(write=True) as connection:
            connection.execute(delete(t).where(t.c.sha256 == key, t.c.person == person))
            connection.execute(insert(t), [row])
        return key

    def open(self, person: str, key: str) -> bytes | None:
        """What that person sent; None when it is over, or another's."""
        t = self._shelf.tables.judged
        query = select(t.c.content).where(
            t.c.sha256 == key, t.c.person == person, t.c.until > stamp(self._shelf.now())
        )
        with self._shelf.connection() as connection:
            content: bytes | None = connection.execute(query).scalar_one_or_none()
        return content

    def written(self, person: str, key: str) -> None:
        """It is needed for a second click at most."""
        t = self._shelf.tables.judged
        with self._shelf.connection(write=True) as connection:
            connection.execute(
                update(t)
                .where(t.c.sha256 == key, t.c.person == person)
                .values(until=stamp(self._shelf.now() + WRITTEN))
            )

    def sweep(self) -> None:
        """Forget what is over."""
        t = self._shelf.tables.judged
        with self._shelf.connection(write=True) as connection:
            connection.execute(delete(t).where(t.c.until <= stamp(self._shelf.now())))
