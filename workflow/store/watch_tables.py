"""What is watched: anchors, the nodes that tick, timers that cannot fire, what happened to the whole."""

from __future__ import annotations

from sqlalchemy import Column, Identity, Index, Integer, String, Table, Text

from .described import BIG, Described


class WatchTables(Described):
    """Described for one prefix."""

    def _anchor(self) -> Table:
        return self._table(
            "anchor",
            Column("id", BIG, Identity(always=True), primary_key=True),
            Column("made_at", String(32), nullable=False),
            Column("body", Text, nullable=False),
        )

    def _node(self) -> Table:
        """A process that ticks: when it last did by its own clock, when it was last seen by the database's, and whether it holds
        back because its clock leapt.
        """
        return self._table(
            "node",
            Column("id", String(120), primary_key=True),
            Column("started_at", String(32), nullable=False),
            Column("ticked_at", String(32), nullable=False),
            Column("alive_at", String(32), nullable=False),
            Column("fired", BIG, nullable=False),
            Column("held_at", String(32)),
            Column("leap", BIG),
            Column("released_by", String(80)),
        )

    def _broken(self) -> Table:
        """A timer that could not fire: left alone until `again_at`, so that it holds up nobody and is seen."""
        return self._table(
            "broken",
            self._case_id(),
            Column("clock", String(40), primary_key=True),
            Column("since", String(32), nullable=False),
            Column("tries", Integer, nullable=False),
            Column("again_at", String(32), nullable=False),
            Column("said", Text, nullable=False),
        )

    def _journal(self) -> Table:
        """What an operator should know of the ticking: an outage caught up, a clock that leapt, who let it go on."""
        table = self._table(
            "journal",
            Column("key", String(160), primary_key=True),
            Column("at", String(32), nullable=False),
            Column("node", String(120), nullable=False),
            Column("kind", String(20), nullable=False),
            Column("body", Text, nullable=False),
        )
        Index(f"ix_{table.name}_at", table.c.at)
        return table
