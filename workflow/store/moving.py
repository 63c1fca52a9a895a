"""Moving cases to another version of their definition: which there are, and the columns that no event ever writes."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, and_, delete, select, update

from ..family import Family
from . import rows
from .schema import Tables

__all__ = ["families", "forget_clocks", "invited", "published", "repin", "running"]


def published(connection: Connection, tables: Tables, name: str) -> list[tuple[int, str]]:
    """(version, hash) of every published version of a definition, in their order."""
    d = tables.definition.c
    query = select(d.version, d.hash).where(d.name == name).order_by(d.version)
    return [(row.version, row.hash) for row in connection.execute(query)]


def running(
    connection: Connection, tables: Tables, hashes: Collection[str], *, state: str | None, cases: Collection[str] | None
) -> list[tuple[str, str]]:  # fmt: skip
    """(case, root) of the open cases that are pinned to one of those versions, by id."""
    c = tables.cases.c
    query = select(c.id, c.root_id).where(c.definition.in_(hashes), ~c.closed).order_by(c.id)
    if state is not None:
        query = query.where(c.state == state)
    if cases is not None:
        query = query.where(c.id.in_(cases))
    return [(row.id, row.root_id) for row in connection.execute(query)]


def families(connection: Connection, tables: Tables, roots: Collection[str]) -> dict[str, Family]:
    """Root -> its family."""
    c = tables.cases.c
    query = select(*(c[name] for name in rows.CASE)).where(c.root_id.in_(roots))
    return {family.root_id: family for family in rows.families(connection.execute(query).all())}


def invited(connection: Connection, tables: Tables, cases: Collection[str], day: str) -> dict[str, set[str]]:
    """Case -> the events for which somebody holds an invitation that is still good on that day."""
    i = tables.invitation.c
    query = select(i.case_id, i.event).where(i.case_id.in_(cases), i.revoked_at.is_(None), i.until >= day)
    found: dict[str, set[str]] = {}
    for row in connection.execute(query):
        found.setdefault(row.case_id, set()).update(row.event.split(","))
    return found


def repin(connection: Connection, tables: Tables, case: str, definition: str) -> None:
    """The case belongs to another version. In the transaction that has written its line."""
    c = tables.cases
    connection.execute(update(c).where(c.c.id == case).values(definition=definition))


def forget_clocks(connection: Connection, tables: Tables, case: str, renamed: Mapping[str, str]) -> None:
    """The index rows of names that no clock has any more, after those of the new names were written: in a swap or a chain
    (old -> new name) one clock's old name is another's new one. What failed under an old name is tried anew.
    """
    clock, broken = tables.clock, tables.broken
    gone = set(renamed) - set(renamed.values())
    for table, column, names in ((clock, clock.c.name, gone), (broken, broken.c.clock, renamed)):
        connection.execute(delete(table).where(and_(table.c.case_id == case, column.in_(list(names)))))
