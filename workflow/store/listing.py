"""Queries over many cases: pages, figures, the feed. Each is still to be narrowed to what its reader may know of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

from sqlalchemy import (
    CompoundSelect,
    Subquery,
    case,
    func,
    literal,
    null,
    select,
    union_all,
)
from sqlalchemy.sql import ColumnElement, Select

from . import rows
from .filters import Filter, Period, bound, imported_at_all, recorded, wanted
from .sql import Store
from .untold import due_on

Sort = Literal["id", "-id", "due_on"]
After = tuple[str | None, str]
"""of the last case of the page before: its due day (None where there is none, or where the sort does not ask), its id"""


def page(
    store: Store, asked: Filter, sort: Sort, after: After | None, limit: int, near: Select[Any] | None = None
) -> Select[Any]:
    """The ids of at most `limit` cases in that order, after the last of the page before. Ids alone: of all cases that are put in
    order an index tells enough, and few are shown (`whole`). `near`: what `found_by` gives, where the
    summary counts every line.
    """
    c, s = store.tables.cases.c, store.tables.summed
    query = select(c.id).where(*wanted(store, asked)).limit(limit)
    beside_ = query.join_from(s, store.tables.cases, s.c.case_id == c.id)
    # In the order of an index there, which is read no further than the page is long.
    if near is not None and sort == "due_on" and _late_elsewhere(asked):
        query = beside_.order_by(s.c.due_on, s.c.case_id)
        query = query.where(Period(start=asked.due_from, before=asked.due_before).holds(s.c.due_on))
        return query if after is None else query.where(store.questions.due_after(*after, day=s.c.due_on))
    if near is not None and open_of_kind(asked, sort):
        query = beside_.where(s.c.kind == asked.kind, s.c.open).order_by(s.c.case_id)
        return query if after is None else query.where(s.c.case_id > after[1])
    query = query.order_by(*_in_order(store, sort, asked))
    query = query if near is None else query.where(c.id.in_(near))
    return query if after is None else query.where(_beyond(store, sort, after, asked))


def whole(store: Store, pages: Sequence[Select[Any]], sort: Sort, asked: Filter, limit: int) -> Select[Any]:
    """The cases of a page, or the first of several pages by due day that have no case twice, in its order, with the day that puts
    them in it.
    """
    c, day = store.tables.cases.c, due_on(store, asked.untold).label("due_on")
    chosen = (pages[0] if len(pages) == 1 else _first(pages, day, limit)).subquery("chosen")
    query = select(*(day if name == "due_on" else c[name] for name in rows.CASE)).join_from(
        store.tables.cases, chosen, chosen.c.id == c.id
    )
    return query.order_by(*_in_order(store, sort, asked))


def _first(pages: Sequence[Select[Any]], day: ColumnElement[Any], limit: int) -> Select[Any]:
    every = union_all(*(one.add_columns(day).subquery().select() for one in pages)).subquery("every")
    return select(every.c.id).order_by(every.c.due_on.is_(None), every.c.due_on, every.c.id).limit(limit)


def _in_order(store: Store, sort: Sort, asked: Filter) -> list[ColumnElement[Any]]:
    c, day = store.tables.cases.c, due_on(store, asked.untold)
    if sort == "due_on":
        return [day.is_(None), day, c.id]
    return [c.id.desc() if sort == "-id" else c.id]


def _beyond(store: Store, sort: Sort, after: After, asked: Filter) -> ColumnElement[bool]:
    c = store.tables.cases.c
    if sort == "due_on":
        return store.questions.due_after(*after, day=due_on(store, asked.untold))
    beyond: ColumnElement[bool] = c.id < after[1] if sort == "-id" else c.id > after[1]
    return beyond


def count(store: Store, asked: Filter) -> Select[Any]:
    """How many cases there are."""
    return select(func.count()).select_from(store.tables.cases).where(*wanted(store, asked))


def some(store: Store, asked: Filter) -> Select[Any]:
    """The ids of the cases there are, for whoever counts no further than a few."""
    return select(store.tables.cases.c.id).where(*wanted(store, asked))


def counted(queries: Sequence[Select[Any]], most: int) -> Select[Any]:
    """How many rows each query brings, counted no further than `most`; one row."""
    few = (query.limit(most).subquery() for query in queries)
    return select(*(select(func.count()).select_from(one).scalar_subquery() for one in few))


def dated(store: Store, asked: Filter) -> Select[Any]:
    """(id, due day or None) of the cases there are."""
    day = due_on(store, asked.untold).label("day")
    return select(store.tables.cases.c.id, day).where(*wanted(store, asked))


def agenda(
    store: Store, chosen: Sequence[Select[Any]], few: int, today: date, unheard: Sequence[str]
) -> Select[Any]:
    """Of what `dated` chose, in one query or several that find nothing twice: (0, due day, None, how many), (1, None, None, how many of
    those over their day are but records), and (2, due day, id, None) of the first few in order.
    """
    days, over, first = (_sought if store.is_sqlite else _gathered)(store, chosen, few, today)
    c = store.tables.cases.c
    old = select(func.count()).where(c.id.in_(over), recorded(store, unheard)).scalar_subquery()
    old_or_none = case(
        (imported_at_all(store), old), else_=0
    )  # else all that is over would be gathered for nothing
    every = union_all(
        select(literal(0).label("part"), days.c.day, null().label("id"), days.c.n),
        select(literal(1), null(), null(), old_or_none),
        select(literal(2), first.c.day, first.c.id, null()),
    ).subquery("every")
    return select(every).order_by(every.c.part, every.c.day.is_(None), every.c.day, every.c.id)


AgendaParts = tuple[Subquery, Select[Any] | CompoundSelect[Any], Subquery]
"""of an agenda: (day, n), the ids of what is over its day, (day, id) of the first"""


def _gathered(_: Store, chosen: Sequence[Select[Any]], few: int, today: date) -> AgendaParts:
    """Chosen once: PostgreSQL keeps what several parts of a statement read."""
    found = (union_all(*chosen) if len(chosen) > 1 else chosen[0]).cte("chosen").c
    days = select(found.day, func.count().label("n")).group_by(found.day)
    over = select(found.id).where(found.day < bound(today))
    return days.subquery("days"), over, _soonest(select(found.day, found.id), few).subquery("soonest")


def _sought(store: Store, chosen: Sequence[Select[Any]], few: int, today: date) -> AgendaParts:
    """Chosen for each part anew: SQLite finds 7,000 cases twice, counted and put in order as an index has them, in two thirds of
    the time that it takes to keep them once.
    """
    c = store.tables.cases.c
    day, n = chosen[0].selected_columns.day, func.count().label("n")
    counted_ = [
        one.with_only_columns(day, n).group_by(c.definition, c.state, c.tenant, day) for one in chosen
    ]
    each = union_all(*counted_).subquery("each").c
    days = select(each.day, func.sum(each.n).label("n")).group_by(each.day)
    over = union_all(*(one.with_only_columns(c.id).where(day < bound(today)) for one in chosen))
    soonest = union_all(*(_soonest(one, few).subquery().select() for one in chosen)).subquery("first").c
    first = _soonest(select(soonest.day, soonest.id), few)
    return days.subquery("days"), over, first.subquery("soonest")


def _soonest(dated: Select[Any], few: int) -> Select[Any]:
    day, id_ = dated.selected_columns.day, dated.selected_columns.id
    return dated.order_by(day.is_(None), day, id_).limit(few)


def beside(queries: Sequence[Select[Any]]) -> Select[Any]:
    """The number each query brings; one row."""
    return select(*(query.scalar_subquery() for query in queries))


def found_by(store: Store, asked: Filter, sort: Sort) -> Select[Any] | None:
    """The ids among which the filter's cases are, by an index that lies beside the summary, where one serves for a page in that
    order: an index of `cases` would be written with every event.
    """
    s = store.tables.summed.c
    query = select(s.case_id)
    if asked.number is not None:
        return query.where(s.number == asked.number)
    if store.is_sqlite and open_of_kind(asked, sort):
        return query.where(s.kind == asked.kind, s.open)
    if _late_elsewhere(asked):
        return query.where(Period(start=asked.due_from, before=asked.due_before).holds(s.due_on))
    opened = Period(start=asked.opened_from, before=asked.opened_before)
    concluded_ = Period(start=asked.concluded_from, before=asked.concluded_before)
    if asked.kind is None or asked.party is not None or (opened == concluded_ == Period()):
        return None
    query = query.where(s.kind == asked.kind)
    if concluded_ != Period():
        states = [*asked.states, *([asked.state] if asked.state else [])]
        return query.where(concluded_.holds(s.concluded_on), *([s.state.in_(states)] if states else []))
    return query.where(opened.holds(s.opened_on))


def open_of_kind(asked: Filter, sort: Sort) -> bool:
    """All that is open of a kind (without children, it may be, or without what is finished), in the order of the ids: nothing else
    is asked of it.
    """
    said = Filter(kind=asked.kind, closed=asked.closed, finished=asked.finished, roots=asked.roots)
    plain = asked.but(ends=(), versions=None, untold=(), unheard=(), led=False)
    still = asked.closed is False or (asked.finished is False and asked.closed is None)
    return sort == "id" and asked.kind is not None and still and plain == said


def _late_elsewhere(asked: Filter) -> bool:
    """What waits for others and is due before a day: found by the day of what is open."""
    return asked.elsewhere and asked.due_before is not None and not asked.untold


def named(store: Store, cases: Sequence[str]) -> Select[Any]:
    """The ids of those of these cases that are there."""
    c = store.tables.cases.c
    return select(c.id).where(c.id.in_(cases))


def marks(store: Store, cases: Sequence[str]) -> Select[Any]:
    """(case, lines of its family's histories, the last erasure in the register of parties) of those of these that are there."""
    c, log = store.tables.cases.c, store.tables.party_log.c
    family = store.tables.cases.alias()
    erased = select(func.coalesce(func.max(log.id), 0)).where(log.what == "erased").scalar_subquery()
    query = select(c.id, func.sum(family.c.seq), erased).join(family, family.c.root_id == c.root_id)
    return query.where(c.id.in_(cases)).group_by(c.id)


def versions(store: Store) -> Select[Any]:
    """(name, version, hash, when it was published, by whom), the latest of each first."""
    d = store.tables.definition.c
    return select(d.name, d.version, d.hash, d.published_at, d.published_by).order_by(
        d.name, d.version.desc()
    )


def head(store: Store) -> Select[Any]:
    """The last position given."""
    return select(func.coalesce(func.max(store.tables.feed.c.position), 0))


def feed(store: Store, after: int, until: int, limit: int) -> Select[Any]:
    """Lines of every history in the order in which they came to be known, after one position and up to another."""
    f, h, c = store.tables.feed, store.tables.history, store.tables.cases
    columns = (
        f.c.position, h.c.case_id, h.c.seq, h.c.event, h.c.from_state, h.c.to_state, h.c.recorded_at, h.c.effective_on,
        c.c.kind, c.c.tenant, c.c.root_id,
    )  # fmt: skip
    return (
        select(*columns)
        .select_from(f.join(h, h.c.id == f.c.history_id).join(c, c.c.id == h.c.case_id))
        .where(f.c.position > after, f.c.position <= until)
        .order_by(f.c.position)
        .limit(limit)
    )
