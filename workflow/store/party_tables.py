"""Who there is, what is personal about them apart, and who may do what."""

from __future__ import annotations

from sqlalchemy import Column, Identity, Index, Integer, String, Table, Text

from .described import BIG, Described


class PartyTables(Described):
    """Described for one prefix."""

    def _party(self) -> Table:
        table = self._table(
            "party",
            Column("id", String(80), primary_key=True),
            Column("kind", String(40), nullable=False),
            Column("name", String(200), nullable=False),
            Column("tenant", String(200), nullable=False),
            Column("parent", String(80)),
            Column("status", String(40), nullable=False),
            Column("valid_from", String(10)),
            Column("valid_until", String(10)),
            Column("attributes", Text, nullable=False),
            Column("revision", Integer, nullable=False),
        )
        Index(f"ix_{table.name}_tenant", table.c.kind, table.c.tenant, table.c.id)
        Index(f"ix_{table.name}_parent", table.c.parent, table.c.id)
        Index(f"ix_{table.name}_name", table.c.name, table.c.kind, table.c.id)
        return table

    def _party_personal(self) -> Table:
        return self._table(
            "party_personal",
            Column("party", String(80), primary_key=True),
            Column("body", Text, nullable=False),
        )

    def _bond(self) -> Table:
        table = self._table(
            "bond",
            Column("party", String(80), primary_key=True),
            Column("bond", String(40), primary_key=True),
            Column("other", String(80), primary_key=True),
            Column("valid_from", String(10), primary_key=True),  # empty: not known
            Column("valid_until", String(10)),
        )
        Index(f"ix_{table.name}_other", table.c.other, table.c.bond, table.c.party)
        return table

    def _party_log(self) -> Table:
        table = self._table(
            "party_log",
            Column("id", BIG, Identity(always=True), primary_key=True),
            Column("party", String(80), nullable=False),
            Column("recorded_at", String(32), nullable=False),
            Column("actor", String(80), nullable=False),
            Column("what", String(10), nullable=False),
            Column("reason", Text),
            Column("changes", Text, nullable=False),
        )
        Index(f"ix_{table.name}_party", table.c.party, table.c.id)
        return table

    def _grant(self) -> Table:
        table = self._table(
            "grant",
            Column("id", String(40), primary_key=True),
            Column("person", String(80), nullable=False),
            Column("role", String(40), nullable=False),
            Column("unit", String(80)),
            Column("scope", String(200), nullable=False),
            Column("valid_from", String(10)),
            Column("valid_until", String(10)),
            Column("granted_by", String(80), nullable=False),
            Column("on_behalf_of", String(80)),
            Column("reason", Text),
            Column("ends_at", String(32)),
        )
        Index(f"ix_{table.name}_person", table.c.person)
        Index(f"ix_{table.name}_unit", table.c.unit, table.c.person)
        # Few roles are for some hours.
        hours = table.c.ends_at.is_not(None)
        Index(f"ix_{table.name}_hours", table.c.ends_at, postgresql_where=hours, sqlite_where=hours)
        return table
