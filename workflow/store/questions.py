"""Questions about cases, as queries: search, work list, and THE filter behind everything that names a person. Nothing runs here.

Every list is a range of an index: by id, by state, by tenant, by party. A tenant and all below it are one range of the text,
which is why tenants are compared byte by byte on both databases (schema.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal

from sqlalchemy import Integer, and_, bindparam, cast, exists, literal, or_, select, tuple_
from sqlalchemy.sql import ColumnElement, Select

from ..model import Grant
from . import rows
from .schema import Tables

__all__ = ["Questions", "Reach"]

Row = tuple[Any, ...]
Reach = Literal["all", "open", "named"]
"""what a question looks among, beside what it asks of who reads: all cases, the open ones alone, a few that it names or is led to"""


class Questions:
    """What can be asked of the tables of one prefix."""

    def __init__(self, tables: Tables, *, sqlite: bool) -> None:
        self._tables = tables
        self._sqlite = sqlite
        self._columns = [tables.cases.c[name] for name in rows.CASE]

    def search(
        self, *, kind: str | None, state: str | None, tenant: str | None, number: str | None, unit: str | None,
        closed: bool | None, due: ColumnElement[bool] | None, after: str | None, limit: int,
    ) -> Select[Any]:  # fmt: skip
        """A query over cases by id. `due`: what is asked of their day; `after` is the id of the last one seen."""
        c = self._tables.cases.c
        wanted: list[ColumnElement[bool]] = []
        for column, value in ((c.kind, kind), (c.state, state), (c.number, number), (c.closed, closed)):
            if value is not None:
                wanted.append(column == value)
        if tenant is not None:
            wanted.append(self.within(c.tenant, [tenant]))
        if unit is not None:
            wanted.append(self.stands([unit]))
        if due is not None:
            wanted.append(due)
        if after is not None:
            wanted.append(c.id > after)
        return select(*self._columns).where(*wanted).order_by(c.id).limit(limit)

    def children(self, root: str) -> Select[Any]:
        """A query for the children of a root, oldest first."""
        c = self._tables.cases.c
        return select(*self._columns).where(c.root_id == root, c.id != root).order_by(c.id)

    def all_of(self, cases: Collection[str]) -> Select[Any]:
        """A query for these cases."""
        c = self._tables.cases.c
        return select(*self._columns).where(c.id.in_(cases))

    def named(self) -> Select[Any]:
        """A query for the cases of its parameter `cases`: one that can be kept."""
        c = self._tables.cases.c
        return select(*self._columns).where(c.id.in_(bindparam("cases", expanding=True)))

    def keyed(self, keys: Collection[str]) -> Select[Any]:
        """A query for the cases with these keys: of a number, or of what a tenant has once."""
        c = self._tables.cases.c
        return select(*self._columns).where(c.number_key.in_(keys))

    def by_due_day(self, limit: int, after: tuple[str | None, str] | None = None) -> Select[Any]:
        """A query over cases, the earliest due first, those without a date last; `after`: due day and id of the last one seen."""
        c = self._tables.cases.c
        query = select(*self._columns).order_by(c.due_on.is_(None), c.due_on, c.id).limit(limit)
        return query if after is None else query.where(self.due_after(*after))

    def due_after(self, due_on: str | None, case: str, *, day: Any = None) -> ColumnElement[bool]:
        """Cases that come after that one in the order of due days; `day`: in the order of that instead."""
        c = self._tables.cases.c
        day = c.due_on if day is None else day
        if due_on is None:
            return and_(day.is_(None), c.id > case)
        return or_(day > due_on, and_(day == due_on, c.id > case), day.is_(None))

    def clocks(
        self, until: str | None, gone_since: str | None, after: tuple[str, str, str] | None, limit: int,
        only: ColumnElement[bool] | None = None,
    ) -> Select[Any]:  # fmt: skip
        """A query for running clocks by due day, up to that day; `gone_since`: those that were stopped and due since then, too.
        `after`: (due day, case, clock) of the last one seen. `only`: those of which this holds.
        """
        c = self._tables.clock.c
        query = (
            select(c.case_id, c.name, c.due_on, c.running).order_by(c.due_on, c.case_id, c.name).limit(limit)
        )
        query = query.where(c.running if gone_since is None else or_(c.running, c.due_on >= gone_since))
        if until is not None:
            query = query.where(c.due_on <= until)
        if only is not None:
            query = query.where(only)
        if after is not None:
            query = query.where(tuple_(c.due_on, c.case_id, c.name) > tuple_(*map(literal, after)))
        return query

    def said_in(self, cases: Collection[str]) -> Select[Any]:
        """A query for what was said in the lines of these cases and is not erased: (case_id, body), in order."""
        d = self._tables.disclosure.c
        return select(d.case_id, d.body).where(d.case_id.in_(cases)).order_by(d.case_id, d.seq)

    def within(self, column: Any, scopes: Sequence[str]) -> ColumnElement[bool]:
        """The tenants of these scopes and all below: a range each, so that an index serves."""
        return or_(*(or_(column == s, and_(column >= s + "/", column < s + "0")) for s in scopes))

    def open(self, *, led: bool) -> ColumnElement[bool]:
        """Open cases. `led`: of those in which somebody stands, which are to be found by that alone; told so that a database knows, it
        would read all that are in a state, by the index of open cases: PostgreSQL expects one where there are thousands.
        """
        c = self._tables.cases.c
        return cast(c.closed, Integer) == 0 if led else ~c.closed

    def stands(
        self, parties: Sequence[str], relations: Sequence[str] = (), apart: Sequence[str] = (), *, reach: Reach = "all"
    ) -> ColumnElement[bool]:  # fmt: skip
        """One of these parties stands in a relation (in one of these, in none of those `apart`) to the case or to its root. Led by
        the parties' own rows: what it costs grows with the cases they stand in, not with those there are, and among open cases
        not with what was closed long ago.
        """
        c, r, k = self._tables.cases.c, self._tables.relation.c, self._tables.cases.alias("k").c
        wanted: list[ColumnElement[bool]] = [r.party.in_(parties)]
        if relations:
            wanted.append(r.relation.in_(relations))
        if apart:
            wanted.append(r.relation.not_in(apart))
        if reach == "named":
            return exists(select(1).where(r.case_id.in_([c.id, c.root_id]), *wanted))
        if reach == "open":
            wanted.append(~r.past)
        own = select(r.case_id).where(*wanted)
        below = select(k.id).where(k.root_id == r.case_id, *wanted)
        return c.id.in_(own.union(below))

    def related(self, parties: Sequence[str], *, reach: Reach = "all") -> ColumnElement[bool]:
        """One of these parties stands in a case of the same family; led by the parties' own rows, like `stands`."""
        r, k, kin = (
            self._tables.relation.c,
            self._tables.cases.alias("k").c,
            self._tables.cases.alias("kin").c,
        )
        wanted: list[ColumnElement[bool]] = [r.party.in_(parties), *([~r.past] if reach == "open" else [])]
        return self._tables.cases.c.id.in_(
            select(kin.id).where(kin.root_id == k.root_id, k.id == r.case_id, *wanted)
        )

    def own(
        self, parties: Sequence[str], relations: Sequence[str], *, reach: Reach = "all"
    ) -> ColumnElement[bool]:
        """One of these parties stands in one of these relations to the case itself."""
        r = self._tables.relation.c
        return self._held(
            self._tables.cases.c.id, reach, r.party.in_(parties), r.relation.in_(relations), led=True
        )

    def visible(
        self, person: str, held: Sequence[Grant], units: Sequence[str], oversees: Callable[[str], bool],
        seers: tuple[Sequence[str], Sequence[Row], Sequence[Row]], *, reach: Reach = "all",
    ) -> ColumnElement[bool]:  # fmt: skip
        """THE filter: what a person may know of. Overseeing roles without a unit see their tenants; units and persons see the
        cases in which they stand. Cases of the definitions that say who sees them (`seers`) are seen by those only. Nobody sees
        a case from which a unit is barred that he is, or (`units`) was, in.
        """
        c, barred = self._tables.cases.c, self._tables.barred.c
        scopes = [g.scope for g in held if g.unit is None and oversees(g.role)]
        own = [person, *sorted({g.unit for g in held if g.unit is not None})]
        seen = [self.stands(own, reach=reach)]
        if scopes:
            seen.insert(0, self.within(c.tenant, scopes))  # told by the case itself
        limited, by_role, by_relation = seers
        mine = or_(*seen)
        if limited:
            mine = or_(and_(c.definition.not_in(limited), mine), *self._holds(by_role, by_relation, reach))
        me = barred.unit.in_([person, *units])
        out: ColumnElement[bool] = exists(select(1).where(barred.case_id == c.id, me))
        if self._sqlite and reach != "named":  # of most it is asked once that they are barred from nothing
            out = and_(exists(select(1).select_from(self._tables.barred).where(me)), out)
        return and_(mine, ~out)

    def exceptional(self, parties: Sequence[str]) -> tuple[ColumnElement[bool], Select[Any]]:
        """The cases in which these parties stand, and those from which they are barred; and whether there are any."""
        c, r, barred = self._tables.cases.c, self._tables.relation.c, self._tables.barred.c
        out = select(barred.case_id).where(barred.unit.in_(parties))
        any_ = or_(exists(select(1).where(r.party.in_(parties))), exists(out))
        return or_(self.stands(parties), c.id.in_(out)), select(any_)

    def waiting(self, by_role: Sequence[Row], by_relation: Sequence[Row]) -> ColumnElement[bool]:
        """Open cases in one of these places (worklist.py)."""
        c = self._tables.cases.c
        wanted = self._holds(by_role, by_relation, "open")
        return and_(self.open(led=not by_role), or_(*wanted)) if wanted else c.id.is_(None)

    def waiting_apart(
        self, by_role: Sequence[Row], by_relation: Sequence[Row]
    ) -> list[tuple[str | None, ColumnElement[bool]]]:
        """The same as several conditions, of which a case meets one, each with the one definition it asks for, if so: what he holds
        by a role is found by its state, and the rest by where he stands. SQLite answers each definition by ranges of an index; asked
        for all states as one, it looks at a case three times as long. PostgreSQL puts what its ranges find together by itself.
        """
        places: dict[str | None, list[Row]] = {}
        for one in by_role:
            places.setdefault(one[0] if self._sqlite else None, []).append(one)
        apart = [(definition, self.waiting(several, ())) for definition, several in places.items()]
        if apart and by_relation:
            return [*apart, (None, and_(self.waiting((), by_relation), ~self._places(by_role)))]
        return apart or [(None, self.waiting((), by_relation))]

    def _holds(
        self, by_role: Sequence[Row], by_relation: Sequence[Row], reach: Reach
    ) -> list[ColumnElement[bool]]:
        """(definition, state, scope), or (definition, state, relation, party, at_root, scope); no state is any, no scope too."""
        c, r = self._tables.cases.c, self._tables.relation.c
        wanted = [self._places(by_role)] if by_role else []
        held: list[ColumnElement[bool]] = []
        places: dict[tuple[str, str, bool], list[Row]] = {}
        for definition, state, relation, party, at_root, scope in by_relation:
            places.setdefault((relation, party, at_root), []).append((definition, state, scope))
        for (relation, party, at_root), several in places.items():
            of = c.root_id if at_root else c.id
            how = self._held(of, reach, r.relation == relation, r.party == party)
            held.append(and_(self._places(several), how))
        if len(held) > 1:
            # Whether he stands in the case at all is one look; in how many ways he could is asked of the few where he does.
            parties = sorted({party for _, party, _ in places})
            held = [and_(self.stands(parties, reach=reach), or_(*held))]
        wanted += held
        return wanted

    def _held(
        self, of: Any, reach: Reach, *how: ColumnElement[bool], led: bool = False
    ) -> ColumnElement[bool]:
        """Whether somebody stands so to a case. SQLite is led by what it gathers beforehand; PostgreSQL counts what it gathers anew
        for each row of an inner loop and would rather read all cases there are, so there each case that is looked at is asked,
        unless it is this that leads (`led`).
        """
        r = self._tables.relation.c
        if reach == "open":
            how = (*how, ~r.past)
        if reach == "named" or not (self._sqlite or led):
            return exists(select(1).where(r.case_id == of, *how))
        gathered = select(r.case_id).where(*how)
        found: ColumnElement[bool] = of.in_(gathered)
        return found

    def _places(self, several: Sequence[Row]) -> ColumnElement[bool]:
        """Cases of these (definition, state, scope). The states of a definition stand together: each case is held against few
        definitions, not against every state there is.
        """
        c = self._tables.cases.c
        states: dict[tuple[str, str | None], list[str | None]] = {}
        for definition, state, scope in several:
            states.setdefault((definition, scope), []).append(state)
        found = []
        for (definition, scope), some in states.items():
            place = [c.definition == definition]
            if None not in some:
                place.append(c.state.in_(some))
            if scope is not None:
                place.append(self.within(c.tenant, [scope]))
            found.append(and_(*place))
        return or_(*found)
