"""Grants as they stand, with who gave them: what is asked about persons, not what a decision reads."""

from __future__ import annotations

from sqlalchemy import Connection, select

from ..model import Grant
from .sql import Store, as_grant


def given(
    store: Store, connection: Connection, *, person: str | None = None, unit: str | None = None
) -> list[tuple[Grant, str]]:
    """Grants and who gave them, those that have ended too, by person; of that person or in that unit, if one is named."""
    g = store.tables.grant.c
    query = select(g.id, g.person, g.role, g.scope, g.unit, g.valid_from, g.valid_until, g.granted_by)
    for column, wanted in ((g.person, person), (g.unit, unit)):
        if wanted is not None:
            query = query.where(column == wanted)
    rows = connection.execute(query.order_by(g.person, g.id))
    return [(as_grant(*row[:-1]), row[-1]) for row in rows]
