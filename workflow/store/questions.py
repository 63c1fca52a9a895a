"""Questions about cases, as queries: search, work list, and THE filter behind everything that names a person. Nothing runs here.

Every list is a range of an index: by id, by state, by tenant, by party. A tenant and all below it are one range of the text,
which is why tenants are compared byte by byte on both databases (schema.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import and_, exists, or_, select
from sqlalchemy.sql import ColumnElement, Select

from ..model import Grant
from . import rows
from .schema import Tables

__all__ = ["Questions"]


class Questions:
    """What can be asked of the tables of one prefix."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._columns = [tables.cases.c[name] for name in rows.CASE]

    def search(
        self, *, kind: str | None, state: str | None, tenant: str | None, number: str | None, unit: str | None,
        closed: bool | None, due_before: date | None, after: str | None, limit: int,
    ) -> Select[Any]:  # fmt: skip
        """A query over cases by id. `after` is the id of the last one seen."""
        c = self._tables.cases.c
        wanted: list[ColumnElement[bool]] = []
        for column, value in ((c.kind, kind), (c.state, state), (c.number, number), (c.closed, closed)):
            if value is not None:
                wanted.append(column == value)
        if tenant is not None:
            wanted.append(self.within(c.tenant, [tenant]))
        if unit is not None:
            wanted.append(self.stands([unit]))
        if due_before is not None:
            wanted.append(c.due_on < due_before.isoformat())
        if after is not None:
            wanted.append(c.id > after)
        return select(*self._columns).where(*wanted).order_by(c.id).limit(limit)

    def one(self, case: str) -> Select[Any]:
        """A query for one case."""
        c = self._tables.cases.c
        return select(*self._columns).where(c.id == case)

    def children(self, root: str) -> Select[Any]:
        """A query for the children of a root, oldest first."""
        c = self._tables.cases.c
        return select(*self._columns).where(c.root_id == root, c.id != root).order_by(c.id)

    def by_due_day(self, limit: int) -> Select[Any]:
        """A query over cases, the earliest due first, those without a date last."""
        c = self._tables.cases.c
        return select(*self._columns).order_by(c.due_on.is_(None), c.due_on, c.id).limit(limit)

    def within(self, column: Any, scopes: Sequence[str]) -> ColumnElement[bool]:
        """The tenants of these scopes and all below: a range each, so that an index serves."""
        return or_(*(or_(column == s, and_(column >= s + "/", column < s + "0")) for s in scopes))

    def stands(self, parties: Sequence[str], relation: str | None = None) -> ColumnElement[bool]:
        """One of these parties stands in a relation to the case or to its root. Led by the parties' own rows: what it costs
        grows with the cases they stand in, not with those there are.
        """
        c, r, k = self._tables.cases.c, self._tables.relation.c, self._tables.cases.alias("k").c
        wanted: list[ColumnElement[bool]] = [r.party.in_(parties)]
        if relation is not None:
            wanted.append(r.relation == relation)
        own = select(r.case_id).where(*wanted)
        below = select(k.id).where(k.root_id == r.case_id, *wanted)
        return c.id.in_(own.union(below))

    def visible(
        self, person: str, grants: Sequence[Grant], oversees: Callable[[str], bool]
    ) -> ColumnElement[bool]:
        """THE filter: what a person may know of. Overseeing roles without a unit see their tenants; units and persons see the
        cases in which they stand; nobody sees a case from which a unit of his is barred.
        """
        c, barred = self._tables.cases.c, self._tables.barred.c
        scopes = [g.scope for g in grants if g.unit is None and oversees(g.role)]
        units = sorted({g.unit for g in grants if g.unit is not None})
        seen = [self.stands([person, *units])]
        if scopes:
            seen.append(self.within(c.tenant, scopes))
        out = exists(select(1).where(barred.case_id == c.id, barred.unit.in_([person, *units])))
        return and_(or_(*seen), ~out)

    def waiting(
        self, by_role: Sequence[tuple[Any, ...]], by_relation: Sequence[tuple[Any, ...]]
    ) -> ColumnElement[bool]:
        """Open cases in one of these (definition, state, scope), or (definition, state, relation, party, at_root, scope)."""
        c, r = self._tables.cases.c, self._tables.relation.c
        wanted: list[ColumnElement[bool]] = [
            and_(c.definition == definition, c.state == state, self.within(c.tenant, [scope]))
            for definition, state, scope in by_role
        ]
        for definition, state, relation, party, at_root, scope in by_relation:
            of = c.root_id if at_root else c.id
            held = select(r.case_id).where(r.relation == relation, r.party == party)
            here = [c.definition == definition, c.state == state, of.in_(held)]
            wanted.append(and_(*here, *([self.within(c.tenant, [scope])] if scope is not None else ())))
        return and_(~c.closed, or_(*wanted)) if wanted else c.id.is_(None)

    def definitions_waiting(self) -> Select[Any]:
        """The hashes of the published definitions that have an open case."""
        d, c = self._tables.definition, self._tables.cases
        open_ = exists(select(1).where(c.c.definition == d.c.hash, ~c.c.closed))
        return select(d.c.hash).where(open_)
