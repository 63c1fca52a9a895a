"""What holds: published definitions, rules, calendars, and what follows from them for the triggers."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Integer, String, Table, Text, UniqueConstraint

from .described import Described


class LawTables(Described):
    """Described for one prefix."""

    def _definition(self) -> Table:
        return self._table(
            "definition",
            Column("hash", String(64), primary_key=True),
            Column("name", String(40), nullable=False),
            Column("version", Integer, nullable=False),
            Column("content", Text, nullable=False),
            Column("published_at", String(32), nullable=False),
            Column("published_by", String(80), nullable=False),
            UniqueConstraint("name", "version"),
        )

    def _rulebook(self) -> Table:
        """Every version of the rules of places that a clock may be pinned to."""
        return self._table(
            "rulebook",
            Column("version", String(16), primary_key=True),
            Column("place", String(40), nullable=False),
            Column("content", Text, nullable=False),
            Column("kept_at", String(32), nullable=False),
        )

    def _calendar(self) -> Table:
        """Calendars that were put in force from a notice, and by whom; a file that reaches as far takes their place."""
        return self._table(
            "calendar",
            Column("version", String(80), primary_key=True),
            Column("content", Text, nullable=False),
            Column("kept_at", String(32), nullable=False),
            Column("kept_by", String(80), nullable=False),
        )

    def _event_policy(self) -> Table:
        return self._table(
            "event_policy",
            Column("definition", String(64), primary_key=True),
            Column("event", String(40), primary_key=True),
            Column("automatic", Boolean, nullable=False),
        )
