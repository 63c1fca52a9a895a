"""What goes out: messages, their deliveries, whom they reach and what he has chosen, webhooks."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Text, and_, text

from .described import BIG, Described


class PostTables(Described):
    """Described for one prefix."""

    def _outbox(self) -> Table:
        table = self._table(
            "outbox",
            Column("key", String(160), primary_key=True),
            self._case_id(primary=False),
            Column("seq", Integer, nullable=False),
            Column("topic", String(60), nullable=False),
            Column("recipient", String(200), nullable=False),
            Column("body", Text, nullable=False),
            Column("state", String(12), nullable=False),
            Column("created_at", String(32), nullable=False),
            by_key=True,
        )
        queued = table.c.state == text("'queued'")
        Index(
            f"ix_{table.name}_queued",
            table.c.created_at,
            table.c.key,
            postgresql_where=queued,
            sqlite_where=queued,
        )
        return table

    def _delivery(self) -> Table:
        table = self._table(
            "delivery",
            Column("key", String(420), primary_key=True),
            Column("outbox_key", String(160)),
            self._case_id(primary=False),
            Column("seq", Integer, nullable=False),
            Column("topic", String(60), nullable=False),
            Column("holder", String(200), nullable=False),
            Column("channel", String(40), nullable=False),
            Column("state", String(12), nullable=False),
            Column("attempts", Integer, nullable=False),
            Column("next_at", String(32)),
            Column("token", BIG, nullable=False),
            Column("leased_until", String(32)),
            Column("tried_at", String(32)),
            Column("answer", String(500)),
            Column("digest", String(10)),
            Column("digest_from", String(10)),
            Column("created_at", String(32), nullable=False),
            Column("read_at", String(32)),
        )
        waits, inbox = table.c.next_at.is_not(None), table.c.channel == text("'inbox'")
        Index(
            f"ix_{table.name}_due", table.c.channel, table.c.attempts, table.c.next_at, table.c.key,
            postgresql_where=waits, sqlite_where=waits,
        )  # fmt: skip
        Index(
            f"ix_{table.name}_inbox", table.c.holder, table.c.created_at, table.c.key,
            postgresql_where=inbox, sqlite_where=inbox,
        )  # fmt: skip
        digest = and_(table.c.topic == text("'@digest'"), waits)
        Index(
            f"ix_{table.name}_digest",
            table.c.holder,
            table.c.channel,
            postgresql_where=digest,
            sqlite_where=digest,
        )
        Index(f"ix_{table.name}_case", table.c.case_id, table.c.topic)
        Index(f"ix_{table.name}_tried", table.c.channel, table.c.tried_at)
        return table

    def _contact(self) -> Table:
        return self._table(
            "contact",
            Column("holder", String(200), primary_key=True),
            Column("channel", String(40), primary_key=True),
            Column("address", String(300), nullable=False),
            Column("digest", Boolean, nullable=False),
            Column("by_file", Boolean, nullable=False),
        )

    def _choice(self) -> Table:
        return self._table(
            "choice",
            Column("holder", String(200), primary_key=True),
            Column("channel", String(40), primary_key=True),
            Column("wanted", String(1000), nullable=False),  # kind/state, between commas; empty: nothing
        )

    def _epoch(self) -> Table:
        return self._table(
            "epoch",
            Column("began_at", String(32), primary_key=True),
            Column("taken_at", String(32), nullable=False),
        )

    def _subscription(self) -> Table:
        return self._table(
            "subscription",
            Column("id", String(40), primary_key=True),
            Column("account", String(80), nullable=False),
            Column("url", String(500), nullable=False),
            Column(
                "secret", String(400), nullable=False
            ),  # signs what is sent: sealed (vault.py), not hashed
            Column("kinds", String(1000), nullable=False),  # names, between commas
            Column("events", String(1000), nullable=False),
            Column("position", BIG, nullable=False),
            Column("created_by", String(80), nullable=False),
            Column("created_at", String(32), nullable=False),
            Column("paused_at", String(32)),
            Column("token", String(40)),  # of the service, with which it was made
        )
