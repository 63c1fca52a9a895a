"""Roles for a time: put in, ended by day or hour, and gone with the role they are lent of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, delete, exists, func, insert, or_, select, update

from ..history import BREAK_GLASS

FOR_GOOD = "9999-12-31"
"""after every day that a grant may name"""


def end_lent(connection: Connection, grant: Table, persons: Collection[str]) -> None:
    """Take out what those persons have lent and no longer hold as long themselves; a role for some hours carries no loan."""
    own = grant.alias("own")
    lent = grant.c
    still = exists().where(
        own.c.person == lent.on_behalf_of, own.c.on_behalf_of.is_(None), own.c.role == lent.role, own.c.scope == lent.scope,
        own.c.ends_at.is_(None),
        own.c.unit.is_not_distinct_from(lent.unit), or_(own.c.valid_until.is_(None), own.c.valid_until >= lent.valid_until),
    )  # fmt: skip
    connection.execute(delete(grant).where(lent.on_behalf_of.in_(sorted(persons)), ~still))


def end_borrowed(
    connection: Connection, grant: Table, persons: Collection[str], body: Callable[[str], str]
) -> None:
    """Take out what those persons have borrowed as colleagues and are not any more for as long: without a role of their own, of
    the same body, in the same unit and scope. A role for some hours makes nobody a colleague.
    """
    g, some = grant.c, sorted(persons)
    columns = (g.id, g.person, g.role, g.unit, g.scope, g.valid_until)
    query = select(*columns).where(g.person.in_(some))
    borrowed = connection.execute(query.where(g.on_behalf_of.is_not(None))).all()
    if not borrowed:
        return
    until: dict[tuple[str, ...], str] = {}
    for row in connection.execute(query.where(g.on_behalf_of.is_(None), g.ends_at.is_(None))):
        ground = _ground(row, body)
        until[ground] = max(until.get(ground, ""), row.valid_until or FOR_GOOD)
    gone = [row.id for row in borrowed if until.get(_ground(row, body), "") < (row.valid_until or FOR_GOOD)]
    if gone:
        connection.execute(delete(grant).where(g.id.in_(gone)))


def _ground(row: Any, body: Callable[[str], str]) -> tuple[str, ...]:
    """What makes two persons colleagues, of one of them."""
    return row.person, body(row.role), row.unit, row.scope


def lend(connection: Connection, grant: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put them in."""
    connection.execute(insert(grant), list(rows))


def give_back(connection: Connection, grant: Table, id: str, until: str) -> None:
    """It holds until that day and no longer."""
    connection.execute(update(grant).where(grant.c.id == id).values(valid_until=until))


def taken(connection: Connection, grant: Table, person: str, now: str) -> list[Mapping[str, Any]]:
    """The roles that somebody took for some hours which are not over."""
    g = grant.c
    query = select(g.id, g.role, g.scope, g.ends_at, g.reason).where(
        g.person == person, g.granted_by == person, g.ends_at > now
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def takers(connection: Connection, grant: Table, now: str) -> list[str]:
    """Who has taken such roles."""
    g = grant.c
    query = select(g.person).where(g.ends_at > now, g.granted_by == g.person).distinct()
    return list(connection.execute(query).scalars())


def told(connection: Connection, history: Table, disclosure: Table, case: str, person: str) -> list[str]:
    """What the lines disclose by which a case says that somebody opened it so."""
    h, d = history.c, disclosure.c
    joined = history.join(disclosure, (d.case_id == h.case_id) & (d.seq == h.seq))
    here = (h.case_id == case, h.event == BREAK_GLASS, h.actor == person)
    return list(connection.execute(select(d.body).select_from(joined).where(*here)).scalars())


def end_hours(connection: Connection, grant: Table, now: str, until: str) -> int:
    """Those that were for some hours which are over hold until that day, which is past, and no loan of them outlives them; how
    many.
    """
    over = (grant.c.ends_at <= now, grant.c.valid_until > until)
    query = update(grant).where(*over).values(valid_until=until).returning(grant.c.person)
    persons = list(connection.execute(query).scalars())
    end_lent(connection, grant, persons)
    return len(persons)


def next_end(connection: Connection, grant: Table, until: str) -> str | None:
    """When the first of those ends that hold beyond that day: asked often."""
    query = select(func.min(grant.c.ends_at)).where(grant.c.ends_at.is_not(None), grant.c.valid_until > until)
    return connection.execute(query).scalar()
