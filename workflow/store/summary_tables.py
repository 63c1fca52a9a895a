"""Figures, summed beside the events (decision 0023)."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Identity, Index, Integer, String, Table, Text, text

from .described import BIG, Described


class SummaryTables(Described):
    """Described for one prefix."""

    def _summary(self) -> Table:
        """How many cases there are of each sort: derived, and written by nobody who fires an event (store/summary.py)."""
        table = self._table(
            "summary",
            Column("id", BIG, Identity(always=True), primary_key=True),
            Column("key", String(600), nullable=False, unique=True),  # the columns below as one text
            Column("measure", String(20), nullable=False),
            Column("kind", String(40), nullable=False),
            Column("day", String(10), nullable=False),
            Column("root", Boolean, nullable=False),
            Column("tenant", String(200), nullable=False),
            Column("unit", String(80), nullable=False),
            Column("slot", String(40), nullable=False),
            Column("state", String(40), nullable=False),
            Column("days", Integer, nullable=False),
            Column("late", Boolean, nullable=False),
            Column("recorded", Boolean, nullable=False),  # all that is known of it was imported
            Column("n", Integer, nullable=False),
        )
        Index(f"ix_{table.name}_measure", table.c.measure, table.c.kind, table.c.day)
        return table

    def _summed(self) -> Table:
        """As what a case is counted in there, and of which of its lines that is so."""
        table = self._table(
            "summed",
            self._case_id(),
            Column("seq", Integer, nullable=False),
            Column("turns_on", String(10)),  # it is over its day after this one
            Column(
                "number", String(80)
            ),  # found by it; an index of `cases` would be written with every event
            # When it came in, and when it ended; a list of a month is found by it, however many cases there are.
            Column("kind", String(40), nullable=False),
            Column("state", String(40), nullable=False),
            Column("opened_on", String(10)),
            Column("concluded_on", String(10)),
            # The day of an open one: what is over it is found by that.
            Column("due_on", String(10)),
            Column("open", Boolean, nullable=False),
            Column("counted", Text, nullable=False),  # ids of `summary`
            by_key=True,
        )
        turns = table.c.turns_on.is_not(None)
        Index(f"ix_{table.name}_turns", table.c.turns_on, postgresql_where=turns, sqlite_where=turns)
        numbered = table.c.number.is_not(None)
        Index(f"ix_{table.name}_number", table.c.number, postgresql_where=numbered, sqlite_where=numbered)
        Index(f"ix_{table.name}_opened", table.c.kind, table.c.opened_on, table.c.case_id)
        due = table.c.due_on.is_not(None)
        Index(f"ix_{table.name}_due", table.c.due_on, table.c.case_id, postgresql_where=due, sqlite_where=due)
        # All that is open of a kind, in the order of the ids: SQLite's lists. PostgreSQL reads its index of open cases, and a schema
        # that is the same on both is worth more than one index that only the summary writes.
        Index(
            f"ix_{table.name}_open", table.c.kind, table.c.case_id,
            postgresql_where=table.c.open, sqlite_where=table.c.open == text("1"),
        )  # fmt: skip
        ended = table.c.concluded_on.is_not(None)
        Index(
            f"ix_{table.name}_concluded", table.c.kind, table.c.concluded_on, table.c.state, table.c.case_id,
            postgresql_where=ended, sqlite_where=ended,
        )  # fmt: skip
        return table

    def _summary_state(self) -> Table:
        """How far the summary is: one row."""
        return self._table(
            "summary_state",
            Column("id", Integer, primary_key=True, autoincrement=False),
            Column("terms", String(64), nullable=False),  # what was counted, as a hash
            Column("day", String(10), nullable=False),
            Column("low", BIG, nullable=False),  # lines of history up to here are in it
            Column("mark_id", BIG, nullable=False),
            Column("mark_at", BIG, nullable=False),
            Column("reached", String(40)),  # the last case of a count that is under way; null: all are in it
            Column("at", String(32), nullable=False),
        )
