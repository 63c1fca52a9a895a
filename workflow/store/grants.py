"""Grants as they stand, with who gave them: what is asked about persons, not what a decision reads."""

from __future__ import annotations

from sqlalchemy import Connection, or_, select

from ..model import Grant
from .sql import Store, as_grant

Given = tuple[Grant, str, str | None, str | None]


def given(
    store: Store,
    connection: Connection,
    *,
    person: str | None = None,
    unit: str | None = None,
    lent: str | None = None,
) -> list[Given]:
    """Grants, who gave them, why, and the instant at which those of some hours end; those that have ended too, by person.

    `person`, `unit`: only of that person or in that unit.

    `lent`: only what that person has lent or was lent.
    """
    g = store.tables.grant.c
    query = select(
        g.id,
        g.person,
        g.role,
        g.scope,
        g.unit,
        g.valid_from,
        g.valid_until,
        g.on_behalf_of,
        g.granted_by,
        g.reason,
        g.ends_at,
    )
    for column, wanted in ((g.person, person), (g.unit, unit)):
        if wanted is not None:
            query = query.where(column == wanted)
    if lent is not None:
        query = query.where(g.on_behalf_of.is_not(None), or_(g.on_behalf_of == lent, g.person == lent))
    rows = connection.execute(query.order_by(g.person, g.id))
    return [(as_grant(*row[:-3]), *row[-3:]) for row in rows]
