"""Alerts that are over and old go, a page of rows at a time; the chain and the history of a case are not touched.

What may go first is what nobody waits for. Rows of the outbox go last, and only those whose deliveries are gone: until then a
delivery asks its row what it is to say. Killed anywhere, the next run goes on: each page is a transaction of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from .sql import Store

OVER = ("sent", "confirmed", "superseded")
PAGE = 1000


class Purge:
    """The alerts from before an instant (as rows hold it)."""

    def __init__(self, store: Store, before: str, *, dead: bool) -> None:
        """`dead`: letters given up go as well; else they stay for somebody to see."""
        self._store = store
        self._before = before
        self._states = (*OVER, "dead") if dead else OVER

    def count(self) -> Counter[str]:
        """What would go, by state of the deliveries and `outbox`; nothing is written."""
        d, o = self._store.tables.delivery, self._store.tables.outbox
        with self._store.connection() as connection:
            query = select(d.c.state, func.count()).where(*self._letters()).group_by(d.c.state)
            found = Counter({row[0]: row[1] for row in connection.execute(query)})
            rows = connection.execute(
                select(func.count()).select_from(o).where(*self._messages())
            ).scalar_one()
            found["outbox"] = int(rows) - len(self._kept(connection))
        return found

    def run(self) -> Counter[str]:
        """What went."""
        d, o = self._store.tables.delivery, self._store.tables.outbox
        found: Counter[str] = Counter()
        for page in self._pages(d, self._letters()):
            found.update(state for _, state in page)
        with self._store.connection() as connection:
            kept = self._kept(connection)
        for page in self._pages(o, self._messages(), kept):
            found["outbox"] += len(page)
        return found

    def _letters(self) -> tuple[Any, ...]:
        d = self._store.tables.delivery.c
        return d.created_at < self._before, d.state.in_(self._states)

    def _messages(self) -> tuple[Any, ...]:
        o = self._store.tables.outbox.c
        return o.created_at < self._before, o.state != "queued"

    def _kept(self, connection: Connection) -> frozenset[str]:
        """Messages that a delivery of the same age still needs: of letters that are under way, or given up and unseen."""
        d = self._store.tables.delivery.c
        still = (d.created_at < self._before, d.state.not_in(self._states), d.outbox_key.is_not(None))
        return frozenset(connection.execute(select(d.outbox_key).where(*still)).scalars())

    def _pages(
        self, table: Any, where: Sequence[Any], kept: frozenset[str] = frozenset()
    ) -> Iterator[list[tuple[str, str]]]:
        """Delete in the order of the keys, so that nothing is looked at twice and two nodes do not wait for each other crosswise."""
        last = ""
        while True:
            with self._store.connection(write=True) as connection:
                query = select(table.c.key, table.c.state).where(*where, table.c.key > last)
                page = [tuple(row) for row in connection.execute(query.order_by(table.c.key).limit(PAGE))]
                gone = [row for row in page if row[0] not in kept]
                connection.execute(delete(table).where(table.c.key.in_([key for key, _ in gone]), *where))
            if gone:
                yield gone
            if len(page) < PAGE:
                return
            last = page[-1][0]


def pass_over(store: Store, connection: Connection, before: str) -> int:
    """Messages from before an instant that nobody was given yet are given to nobody; how many."""
    o = store.tables.outbox
    waiting = update(o).where(o.c.state == "queued", o.c.created_at < before)
    return connection.execute(waiting.values(state="superseded")).rowcount
