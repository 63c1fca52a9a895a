"""Deadlines that are kept from who asks (`hides: clocks`), as conditions: what a question about many cases finds, counts and puts
in order by a day is the day each of them shows him.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, case, exists, false, func, or_, select, true
from sqlalchemy.sql import ColumnElement, Select

from ..model import Untold
from .sql import Store


def anywhere(store: Store, untold: Sequence[Untold]) -> Select[Any]:
    """Whether there is a case with such clocks: most who ask stand in none."""
    return select(exists(select(store.tables.cases.c.id).where(_kept(store, untold))))


def told(store: Store, untold: Sequence[Untold], clock: Any) -> ColumnElement[bool]:
    """Whether a clock of the case in the query around it is told; `clock`: the columns of its row."""
    return or_(~_kept(store, untold), ~_named(store, untold, clock)) if untold else true()


def due_on(store: Store, untold: Sequence[Untold]) -> ColumnElement[Any]:
    """The day by which a list orders the case: `visibility.of_case` shows the same."""
    c, t = store.tables.cases.c, store.tables.clock.alias("told")
    if not untold:
        return c.due_on
    days = select(func.min(t.c.due_on)).where(t.c.case_id == c.id, t.c.running, ~_named(store, untold, t.c))
    same = days.where(t.c.due_on == c.due_on)
    found = (query.correlate(store.tables.cases).scalar_subquery() for query in (same, days))
    return case((and_(c.due_on.is_not(None), _kept(store, untold)), func.coalesce(*found)), else_=c.due_on)


def _kept(store: Store, untold: Sequence[Untold]) -> ColumnElement[bool]:
    c, stands = store.tables.cases.c, store.questions.stands
    return or_(false(), *(
        and_(c.definition == one.definition, stands(one.parties, one.relations) if one.relations else true())
        for one in untold
    ))  # fmt: skip


def _named(store: Store, untold: Sequence[Untold], clock: Any) -> ColumnElement[bool]:
    definition = store.tables.cases.c.definition
    return or_(false(), *(and_(definition == one.definition, clock.name.in_(one.clocks)) for one in untold))
