"""Queries that count cases by group: received, concluded, standing, and how long it took. Each is still to be narrowed to what its
reader may know of.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

from sqlalchemy import and_, case, func, literal, select
from sqlalchemy.sql import ColumnElement, Select

from . import filters
from .sql import Store
from .untold import told as told_

By = Literal["kind", "state", "tenant", "month", "unit", "slot", "definition"]


@dataclass(frozen=True, slots=True)
class Groups:
    """What figures are told apart by; `units`: the relations in which units stand (never persons)."""

    by: Sequence[By]
    units: Collection[str]


def received(store: Store, asked: filters.Filter, groups: Groups, period: filters.Period) -> Select[Any]:
    """(group…, how many cases were opened within the period)."""
    c = store.tables.cases.c
    return _grouped(store, asked, groups, c.opened_on, [func.count()]).where(period.holds(c.opened_on))


def concluded(store: Store, asked: filters.Filter, groups: Groups, period: filters.Period) -> Select[Any]:
    """(group…, how many came to be finished within the period)."""
    c, h = store.tables.cases.c, store.tables.history
    query = _grouped(store, asked, groups, h.c.effective_on, [func.count()])
    return query.join(h, filters.finishes(store, asked, h)).where(
        filters.is_finished(asked, c.kind, c.state), period.holds(h.c.effective_on)
    )


def standing(
    store: Store, asked: filters.Filter, groups: Groups, today: date, statutory: Collection[str]
) -> Select[Any]:
    """(group…, open, over target, over the statutory limit, over target but only imported) as of a day, without what is finished;
    `statutory`: rules that are the law's own limit.
    """
    c = store.tables.cases.c

    imported = filters.recorded(store, asked.unheard)

    def late(which: filters.Over, known: ColumnElement[bool]) -> ColumnElement[int]:
        met = and_(filters.over(store, which, today, statutory, asked.untold), known)
        return func.coalesce(func.sum(case((met, 1), else_=0)), 0)

    figures = [
        func.count(),
        late("target", ~imported),
        late("statutory", ~imported),
        late("target", imported),
    ]
    return _grouped(store, replace(asked, finished=False), groups, c.opened_on, figures)


def took(store: Store, asked: filters.Filter, ran: filters.Ran) -> Select[Any]:
    """(days, whether the due day was over, how many such cases)."""
    c, k, done = store.tables.cases, store.tables.clock, filters.done_by(store, ran)
    days, late = filters.days_between(store, k.c.anchor_on, done.c.done_on), done.c.done_on > k.c.due_on
    query = select(days, late, func.count(c.c.id.distinct())).select_from(
        c.join(k, k.c.case_id == c.c.id).join(done, done.c.case_id == c.c.id)
    )
    told = told_(store, asked.untold, k.c)
    return query.where(*filters.wanted(store, asked), *filters.ran_as_asked(store, ran, done), told).group_by(
        days, late
    )


def _grouped(
    store: Store, asked: filters.Filter, groups: Groups, day: Any, figures: Sequence[Any]
) -> Select[Any]:
    # Under another name: within the filter of what one may know of, the table stands for itself.
    c, r = store.tables.cases.c, store.tables.relation
    # A unit that stands in two relations counts once.
    held = select(r.c.case_id, r.c.party).where(r.c.relation.in_(groups.units)).distinct().subquery("held")
    columns = {
        "kind": c.kind, "state": c.state, "tenant": c.tenant, "month": func.substr(day, 1, 7), "unit": held.c.party,
        "slot": c.slot, "definition": c.definition,
    }  # fmt: skip
    keys = [columns[by] for by in groups.by] or [literal(1)]
    query = select(*keys, *figures).select_from(store.tables.cases).where(*filters.wanted(store, asked))
    if "unit" in groups.by:
        query = query.join(held, held.c.case_id == c.id)
    return query.group_by(*keys) if groups.by else query
