"""The register of parties in SQL: read by ids or by a question, written in few statements however many parties there are."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, insert, literal, or_, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql import ColumnElement, Select

from ..errors import Conflict, Text
from ..model import Bond, Grant, Party, PartyLine
from .lending import end_borrowed, end_lent
from .rows import dumps
from .sql import Store, as_grant

CHUNK = 5000
"""ids in one statement"""
CHANGING = ("name", "parent", "status", "valid_from", "valid_until", "attributes", "revision")
DEPTH = 16
"""how far down a tree is followed"""


class PartyRows:
    """The four tables of the register in one store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.tables = store.tables

    # -- by ids

    def read(self, connection: Connection, ids: Iterable[str], *, lock: bool = False) -> dict[str, Party]:
        """The parties of those ids, without bonds; `lock`: nobody else changes them until the commit."""
        p, found = self.tables.party, dict[str, Party]()
        for some in _chunks(ids):
            query = select(p).where(p.c.id.in_(some)).order_by(p.c.id)
            rows = connection.execute(query.with_for_update() if lock else query)
            found |= {row.id: party_of(row) for row in rows}
        return found

    def bonds(self, connection: Connection, ids: Iterable[str]) -> dict[str, tuple[Bond, ...]]:
        """Every bond of those parties, past ones too, the oldest first."""
        b, found = self.tables.bond, dict[str, tuple[Bond, ...]]()
        for some in _chunks(ids):
            query = select(b).where(b.c.party.in_(some))
            for row in connection.execute(query.order_by(b.c.party, b.c.bond, b.c.valid_from, b.c.other)):
                bond = Bond(
                    bond=row.bond,
                    to=row.other,
                    valid_from=_day(row.valid_from),
                    valid_until=_day(row.valid_until),
                )
                found[row.party] = (*found.get(row.party, ()), bond)
        return found

    def personal(self, connection: Connection, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """What is kept apart of those parties."""
        q, found = self.tables.party_personal, dict[str, dict[str, Any]]()
        for some in _chunks(ids):
            rows = connection.execute(select(q).where(q.c.party.in_(some)))
            found |= {row.party: json.loads(row.body) for row in rows}
        return found

    def grants(self, connection: Connection, persons: Iterable[str]) -> dict[str, list[Grant]]:
        """The grants of those persons."""
        g, found = self.tables.grant.c, dict[str, list[Grant]]()
        columns = (g.id, g.person, g.role, g.scope, g.unit, g.valid_from, g.valid_until, g.on_behalf_of)
        for some in _chunks(persons):
            for row in connection.execute(select(*columns).where(g.person.in_(some)).order_by(g.id)):
                found.setdefault(row.person, []).append(as_grant(*row))
        return found

    # -- by a question

    def search(
        self, *, kind: str | None, tenant: str | None, parent: str | None, status: str | None,
        ids: Collection[str] | None, names: Collection[str] | None, bond: tuple[str, str] | None, on: date | None,
        after: str | None, limit: int,
    ) -> Select[Any]:  # fmt: skip
        """A query over parties by id. `bond`: (bond, other) that holds on the day, or ever if none is given."""
        c = self.tables.party.c
        wanted: list[ColumnElement[bool]] = []
        for column, value in ((c.kind, kind), (c.parent, parent), (c.status, status)):
            if value is not None:
                wanted.append(column == value)
        for column, values in ((c.id, ids), (c.name, names)):
            if values is not None:
                wanted.append(column.in_(values))
        if tenant is not None:
            wanted.append(self.store.questions.within(c.tenant, [tenant]))
        if on is not None:
            wanted.append(_on(c, on))
        if bond is not None:
            wanted.append(c.id.in_(self._bound(*bond, on)))
        if after is not None:
            wanted.append(c.id > after)
        return select(self.tables.party).where(*wanted).order_by(c.id).limit(limit)

    def search_one(self, id: str) -> Select[Any]:
        """A query for one party."""
        p = self.tables.party
        return select(p).where(p.c.id == id)

    def _bound(self, bond: str, other: str, on: date | None) -> Select[Any]:
        b = self.tables.bond.c
        query = select(b.party).where(b.bond == bond, b.other == other)
        return query if on is None else query.where(_on(b, on))

    def below(self, root: str, kinds: Sequence[str] | None, limit: int) -> Select[Any]:
        """A query for a party and all below it, level by level."""
        p = self.tables.party
        base = select(p.c.id, literal(0).label("depth")).where(p.c.id == root).cte("below", recursive=True)
        step = select(p.c.id, base.c.depth + 1).where(p.c.parent == base.c.id, base.c.depth < DEPTH)
        tree = base.union_all(step if kinds is None else step.where(p.c.kind.in_(kinds)))
        return select(p).join(tree, tree.c.id == p.c.id).order_by(tree.c.depth, p.c.id).limit(limit)

    def visible(self, person: str, grants: Sequence[Grant]) -> ColumnElement[bool]:
        """THE filter over the register: the tenants in which this person holds any role, and himself."""
        c = self.tables.party.c
        scopes = sorted({g.scope for g in grants})
        return (
            or_(c.id == person, self.store.questions.within(c.tenant, scopes)) if scopes else c.id == person
        )

    def found(self, connection: Connection, query: Select[Any]) -> list[Party]:
        """The parties of a query, with their bonds."""
        parties = [party_of(row) for row in connection.execute(query)]
        bonds = self.bonds(connection, [p.id for p in parties])
        return [_with_bonds(party, bonds.get(party.id, ())) for party in parties]

    def names(self, connection: Connection, ids: Collection[str]) -> dict[str, str]:
        """id -> name of those of these that are there; the same statement for one as for hundreds."""
        table, listed = self.tables.party.name, "select value from json_each(:ids)"
        listed = listed if self.store.is_sqlite else "select json_array_elements_text(cast(:ids as json))"
        query = text(f"select id, name from {table} where id in ({listed})")
        return {row[0]: row[1] for row in connection.execute(query, {"ids": dumps(sorted(ids))})}

    def lines(self, connection: Connection, party: str, after: int, limit: int) -> list[PartyLine]:
        """The log of a party, the oldest first."""
        t = self.tables.party_log
        query = select(t).where(t.c.party == party).order_by(t.c.id).offset(after).limit(limit)
        return [
            PartyLine(
                party=row.party, recorded_at=datetime.fromisoformat(row.recorded_at), actor=row.actor, what=row.what,
                reason=row.reason, changes=json.loads(row.changes),
            )
            for row in connection.execute(query)
        ]  # fmt: skip

    # -- writing

    def write(self, connection: Connection, new: Sequence[Party], changed: Sequence[Party]) -> None:
        """New parties and changed ones. Raises Conflict when somebody registered one meanwhile."""
        p = self.tables.party
        if new:
            try:
                connection.execute(insert(p), [_row(party) for party in new])
            except IntegrityError as error:
                text = Text("他人先行登记，请重试", "somebody registered it first; try again")
                raise Conflict(text) from error
        if changed:
            values: dict[str, Any] = {name: bindparam(f"{name}_") for name in CHANGING}
            rows = [{f"{name}_": value for name, value in _row(party).items()} for party in changed]
            connection.execute(update(p).where(p.c.id == bindparam("id_")).values(values), rows)

    def write_personal(self, connection: Connection, values: Mapping[str, Mapping[str, Any]]) -> None:
        """What is kept apart of these parties becomes exactly this."""
        q = self.tables.party_personal
        for some in _chunks(values):
            connection.execute(delete(q).where(q.c.party.in_(some)))
        rows = [{"party": party, "body": dumps(body)} for party, body in values.items() if body]
        if rows:
            connection.execute(insert(q), rows)

    def write_bonds(
        self, connection: Connection, gone: Sequence[tuple[str, Bond]], come: Sequence[tuple[str, Bond]]
    ) -> None:
        """Take bonds out by their key (party, bond, other, from), then put bonds in."""
        b = self.tables.bond
        keys = ("party", "bond", "other", "valid_from")
        out = [_bond_row(party, bond) for party, bond in (*gone, *come)]
        if gone:
            same = and_(*(b.c[name] == bindparam(f"{name}_") for name in keys))
            connection.execute(
                delete(b).where(same), [{f"{n}_": row[n] for n in keys} for row in out[: len(gone)]]
            )
        if come:
            connection.execute(insert(b), out[len(gone) :])

    def write_grants(
        self, connection: Connection, gone: Collection[str], come: Sequence[Mapping[str, Any]], body: Callable[[str], str]
    ) -> None:  # fmt: skip
        """Take grants out by their ids, then put grants in; what was lent of those taken out ends, and what they let borrow."""
        g, left = self.tables.grant, set[str]()
        for some in _chunks(gone):
            query = delete(g).where(g.c.id.in_(some)).returning(g.c.person)
            persons = set(connection.execute(query).scalars())
            end_lent(connection, g, persons)
            left |= persons
        if come:
            connection.execute(insert(g), list(come))
        for some in _chunks(left):
            end_borrowed(connection, g, some, body)

    def write_log(self, connection: Connection, lines: Sequence[PartyLine]) -> None:
        """Lines of the log, in order."""
        rows = [
            {
                "party": line.party, "recorded_at": line.recorded_at.isoformat(timespec="microseconds"), "actor": line.actor,
                "what": line.what, "reason": line.reason, "changes": dumps(line.changes),
            }
            for line in lines
        ]  # fmt: skip
        if rows:
            connection.execute(insert(self.tables.party_log), rows)


def party_of(row: Any) -> Party:
    """The party of a row, without bonds."""
    return Party(
        id=row.id, kind=row.kind, name=row.name, tenant=row.tenant, parent=row.parent, status=row.status,
        valid_from=_day(row.valid_from), valid_until=_day(row.valid_until), attributes=json.loads(row.attributes),
        revision=row.revision,
    )  # fmt: skip


def _row(party: Party) -> dict[str, Any]:
    return {
        "id": party.id, "kind": party.kind, "name": party.name, "tenant": party.tenant, "parent": party.parent,
        "status": party.status, "valid_from": _written(party.valid_from), "valid_until": _written(party.valid_until),
        "attributes": dumps(party.attributes), "revision": party.revision,
    }  # fmt: skip


def _bond_row(party: str, bond: Bond) -> dict[str, Any]:
    return {
        "party": party, "bond": bond.bond, "other": bond.to, "valid_from": _written(bond.valid_from) or "",
        "valid_until": _written(bond.valid_until),
    }  # fmt: skip


def _with_bonds(party: Party, bonds: tuple[Bond, ...]) -> Party:
    return replace(party, bonds=bonds)


def _on(c: Any, day: date) -> ColumnElement[bool]:
    on = day.isoformat()
    return and_(
        or_(c.valid_from.is_(None), c.valid_from <= on), or_(c.valid_until.is_(None), c.valid_until >= on)
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _written(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    known = sorted(set(ids))
    for start in range(0, len(known), CHUNK):
        yield known[start : start + CHUNK]
