"""Grants as they stand, with who gave them: what is asked about persons, not what a decision reads."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, or_, select

from ..clock import civil_date
from ..model import Grant
from . import lending
from .sql import Store, as_grant

LEAST = timedelta(hours=1)
"""for which a role is taken in an emergency at the least"""
Given = tuple[Grant, str, str | None, str | None]


def holding(store: Store, connection: Connection, roles: Collection[str], tenant: str) -> list[Grant]:
    """Own grants of these roles that reach that tenant, those that have ended too, by person."""
    g, parts = store.tables.grant.c, tenant.split("/")
    scopes = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    query = select(
        g.id, g.person, g.role, g.scope, g.unit, g.valid_from, g.valid_until, g.on_behalf_of
    ).where(g.role.in_(roles), g.scope.in_(scopes), g.on_behalf_of.is_(None))
    return [as_grant(*row) for row in connection.execute(query.order_by(g.person, g.id))]


def given(
    store: Store,
    connection: Connection,
    *,
    person: str | None = None,
    unit: str | None = None,
    lent: str | None = None,
    persons: Collection[str] | None = None,
    hold: bool = False,
) -> list[Given]:
    """Grants, who gave them, why, and the instant at which those of some hours end; those that have ended too, by person.

    `person`, `persons`, `unit`: only of that person, of those (a page of them), or in that unit.

    `lent`: only what that person has lent or was lent. `hold`: they stay so until the transaction ends (on SQLite they do).
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
    if persons is not None:
        query = query.where(g.person.in_(persons))
    if lent is not None:
        query = query.where(g.on_behalf_of.is_not(None), or_(g.on_behalf_of == lent, g.person == lent))
    query = query.order_by(g.person, g.id)
    rows = connection.execute(query.with_for_update() if hold else query)
    return [(as_grant(*row[:-3]), *row[-3:]) for row in rows]


class Hours:
    """Roles that were taken for some hours, ended when those are over.

    One look serves until the next of them ends, and for an hour at most: whoever takes one later has it for that long.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._again: datetime | None = None

    def end(self, now: datetime) -> int:
        """Let those end whose hours are over; how many."""
        if self._again is not None and now < self._again:
            return 0
        ended, following = end_hours(self._store, now), next_end(self._store, now)
        self._again = min(now + LEAST, following or now + LEAST)
        return ended


def end_hours(store: Store, now: datetime) -> int:
    """The same by a look at once: for a service, every few seconds. It writes only if there are some."""
    following = next_end(store, now)
    if following is None or following > now:
        return 0
    with store.connection(write=True) as connection:
        return lending.end_hours(connection, store.tables.grant, _text(now), _yesterday(now))


def next_end(store: Store, now: datetime) -> datetime | None:
    """When the first of those ends that have not been let end."""
    with store.connection() as connection:
        found = lending.next_end(connection, store.tables.grant, _yesterday(now))
    return None if found is None else datetime.fromisoformat(found)


def _yesterday(now: datetime) -> str:
    return str(civil_date(now) - timedelta(days=1))


def _text(now: datetime) -> str:
    return now.astimezone(UTC).isoformat(timespec="seconds")
