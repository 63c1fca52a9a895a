"""Roles that are lent: put in, ended, and gone with the role they are lent of."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, delete, exists, insert, or_, update


def end_lent(connection: Connection, grant: Table, persons: Collection[str]) -> None:
    """Take out what those persons have lent and no longer hold as long themselves."""
    own = grant.alias("own")
    lent = grant.c
    still = exists().where(
        own.c.person == lent.on_behalf_of, own.c.on_behalf_of.is_(None), own.c.role == lent.role, own.c.scope == lent.scope,
        own.c.unit.is_not_distinct_from(lent.unit), or_(own.c.valid_until.is_(None), own.c.valid_until >= lent.valid_until),
    )  # fmt: skip
    connection.execute(delete(grant).where(lent.on_behalf_of.in_(sorted(persons)), ~still))


def lend(connection: Connection, grant: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put them in."""
    connection.execute(insert(grant), list(rows))


def give_back(connection: Connection, grant: Table, id: str, until: str) -> None:
    """It holds until that day and no longer."""
    connection.execute(update(grant).where(grant.c.id == id).values(valid_until=until))
