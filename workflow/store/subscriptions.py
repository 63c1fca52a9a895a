"""The rows of subscriptions, and the letters that are made from the feed for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from .post import Post, Row
from .sql import Store

__all__ = ["SubscriptionRows"]


class SubscriptionRows:
    """What subscriptions ask of the database, inside connections that the caller opens."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._t = store.tables
        self._post = Post(store)

    def add(self, connection: Connection, row: Row, most: int | None) -> bool:
        """A new one; False when its account has so many already."""
        s = self._t.subscription
        if most is not None:
            self._store.lock_name(connection, "subscription")
            mine = select(func.count()).where(s.c.account == row["account"])
            if connection.execute(mine).scalar_one() >= most:
                return False
        connection.execute(insert(s).values(**row))
        return True

    def pause_of(self, connection: Connection, token: str, at: str) -> int:
        """Pause what was made with that token; how many."""
        s = self._t.subscription
        paused = update(s).where(s.c.token == token, s.c.paused_at.is_(None)).values(paused_at=at)
        return connection.execute(paused).rowcount

    def found(
        self,
        connection: Connection,
        *,
        id: str | None = None,
        account: str | None = None,
        active: bool = False,
    ) -> list[Row]:
        """Those asked for, the oldest first."""
        s = self._t.subscription
        query = select(s).order_by(s.c.created_at, s.c.id)
        query = query if id is None else query.where(s.c.id == id)
        query = query if account is None else query.where(s.c.account == account)
        query = query.where(s.c.paused_at.is_(None)) if active else query
        return [dict(row) for row in connection.execute(query).mappings()]

    def change(self, connection: Connection, id: str, **values: Any) -> None:
        """Set these of its columns."""
        s = self._t.subscription
        connection.execute(update(s).where(s.c.id == id).values(**values))

    def reseal(self, connection: Connection, id: str, before: str, after: str) -> None:
        """The same secret, kept otherwise; not if it is another by now."""
        s = self._t.subscription
        connection.execute(update(s).where(s.c.id == id, s.c.secret == before).values(secret=after))

    def remove(self, connection: Connection, id: str, channel: str) -> None:
        """Forget it; what still waits for it is superseded."""
        s, d = self._t.subscription, self._t.delivery
        waiting = or_(d.c.state == "queued", d.c.state == "failed")
        connection.execute(
            update(d).where(d.c.channel == channel, waiting).values(state="superseded", next_at=None)
        )
        connection.execute(delete(s).where(s.c.id == id))

    def advance(self, connection: Connection, id: str, before: int, after: int) -> bool:
        """Its place in the feed, if it is still where it was; False when another node was first."""
        s = self._t.subscription
        moved = update(s).where(s.c.id == id, s.c.position == before, s.c.paused_at.is_(None))
        return connection.execute(moved.values(position=after)).rowcount == 1

    def send(self, connection: Connection, letters: Sequence[tuple[Row, Row]]) -> None:
        """Outbox rows that are addressed already, each with its delivery."""
        if letters:
            connection.execute(insert(self._t.outbox), [outbox for outbox, _ in letters])
            self._post.add(connection, [delivery for _, delivery in letters])

    def standing(self, connection: Connection, channel: str) -> Mapping[str, Any]:
        """How many letters wait, how many are dead, and what was answered to the last that failed."""
        d = self._t.delivery.c
        counts = select(d.state, func.count()).where(d.channel == channel).group_by(d.state)
        by_state = {row[0]: int(row[1]) for row in connection.execute(counts)}
        failed = select(d.answer, d.tried_at).where(
            d.channel == channel, or_(d.state == "failed", d.state == "dead")
        )
        last = connection.execute(failed.order_by(d.tried_at.desc()).limit(1)).first()
        return {
            "waiting": by_state.get("queued", 0) + by_state.get("failed", 0), "dead": by_state.get("dead", 0),
            "sent": by_state.get("confirmed", 0), "last_error": last.answer if last else None,
            "failed_at": last.tried_at if last else None,
        }  # fmt: skip
