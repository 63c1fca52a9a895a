"""What the summary (summary.py) can say of a filter, as queries; None where only the cases themselves can.

Each query is of all cases of some tenants: what a reader may know of beyond that, or not, is for whoever asks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields, replace
from datetime import date
from typing import Any

from sqlalchemy import and_, case, func, literal, not_, select
from sqlalchemy.sql import ColumnElement, Select

from .filters import Filter, Period, Ran
from .sql import Store
from .tallies import Groups

PLAIN = {
    "kind",
    "state",
    "states",
    "tenant",
    "slots",
    "roots",
    "ends",
    "recorded",
    "unheard",
    "versions",
    "led",
}
"""what of a filter every measure can tell apart"""
STANDING = ("open", "over_target", "over_statutory")
LATE = STANDING[1:]


def count(store: Store, scopes: Sequence[str], asked: Filter, apart: Collection[str]) -> Select[Any] | None:
    """How many cases; `apart`: kinds that are not counted here."""
    s = store.tables.summary.c
    found = _measure(asked)
    if found is None:
        return None
    measure, period = found
    query = select(func.coalesce(func.sum(s.n), 0)).where(
        *_where(store, scopes, asked, apart), s.measure == measure, s.unit == ""
    )
    return query.where(_within(s.day, period)) if period else query


def _measure(asked: Filter) -> tuple[str, Period | None] | None:
    """Which measure counts what the filter asks for beside the plain, and the days in question."""
    given = {part.name for part in fields(Filter) if getattr(asked, part.name) != part.default} - PLAIN
    opened = Period(start=asked.opened_from, before=asked.opened_before)
    concluded = Period(start=asked.concluded_from, before=asked.concluded_before)
    due = Period(start=asked.due_from, before=asked.due_before)
    alive, standing = False in (asked.closed, asked.finished), {"closed", "finished"}
    if asked.closed or asked.finished:  # of some finished ones nobody knows since when
        return None
    if alive and given <= standing:
        return "open", None
    if alive and given <= standing | {"due_from", "due_before"}:
        return "due", due
    if asked.over is not None and given <= standing | {"over"}:
        return f"over_{asked.over}", None
    if given and given <= {"concluded_from", "concluded_before"} and concluded.of_months:
        return "concluded", concluded
    if (
        given
        and given <= {"opened_from", "opened_before"}
        and opened.of_months
        and not (asked.state or asked.states)
    ):
        return "opened", opened
    return None


def grouped(
    store: Store, scopes: Sequence[str], what: str, asked: Filter, groups: Groups, period: Period, apart: Collection[str]
) -> Select[Any] | None:  # fmt: skip
    """(group…, figures…) like those of tallies.py."""
    given = {part.name for part in fields(Filter) if getattr(asked, part.name) != part.default}
    stateful = asked.state or asked.states or "state" in groups.by
    finely = {"slot", "state"} & {*groups.by} or stateful or asked.slots
    if given - PLAIN or not period.of_months or "definition" in groups.by:
        return None
    if (
        (what == "open" and "month" in groups.by)
        or (what == "opened" and stateful)
        or ("unit" in groups.by and finely)
    ):
        return None
    s = store.tables.summary.c
    keys = [s.day if by == "month" else getattr(s, by) for by in groups.by] or [literal(1)]
    figures: list[Any] = [func.sum(s.n)]
    asked = replace(asked, finished=False) if what == "open" else asked
    where = [*_where(store, scopes, asked, apart), s.unit != "" if "unit" in groups.by else s.unit == ""]
    if what == "open":
        sorts = [
            s.measure == "open",
            *(and_(s.measure == one, ~s.recorded) for one in LATE),
            and_(s.measure == LATE[0], s.recorded),
        ]
        figures = [func.coalesce(func.sum(case((sort, s.n), else_=0)), 0) for sort in sorts]
        where.append(s.measure.in_(STANDING))
    else:
        where += [s.measure == what, _within(s.day, period)]
    query = select(*keys, *figures).where(*where).having(figures[0] > 0)
    return query.group_by(*keys) if groups.by else query


def took(
    store: Store, scopes: Sequence[str], asked: Filter, ran: Ran, answers: Mapping[str, Any], apart: Collection[str]
) -> Select[Any] | None:  # fmt: skip
    """(days, late, how many), of one calendar year."""
    given = {part.name for part in fields(Filter) if getattr(asked, part.name) != part.default}
    year = ran.period.start.year if ran.period.start else 0
    whole = ran.period == Period(start=date(year, 1, 1), before=date(year + 1, 1, 1)) if year else False
    limited = (ran.longer_than, ran.at_most, ran.late) != (None, None, None)
    if (
        given - {"kind", "tenant", "roots", "ends", "recorded", "unheard", "versions"}
        or asked.kind is None
        or not whole
        or limited
    ):
        return None
    if answers.get(asked.kind) != (ran.clocks, ran.events):
        return None
    s = store.tables.summary.c
    query = select(s.days, s.late, func.sum(s.n)).where(*_where(store, scopes, asked, apart))
    return (
        query.where(s.measure == "took", s.day == f"{year:04}")
        .group_by(s.days, s.late)
        .having(func.sum(s.n) > 0)
    )


def _where(
    store: Store, scopes: Sequence[str], asked: Filter, apart: Collection[str]
) -> list[ColumnElement[bool]]:
    s = store.tables.summary.c
    found = [store.questions.within(s.tenant, scopes)]
    if asked.kind is not None:
        found.append(s.kind == asked.kind)
    elif apart:
        found.append(s.kind.not_in(sorted(apart)))
    if asked.tenant is not None:
        found.append(store.questions.within(s.tenant, [asked.tenant]))
    if asked.roots:
        found.append(s.root)
    if asked.recorded is not None:
        found.append(s.recorded if asked.recorded else ~s.recorded)
    for column, wanted in ((s.state, asked.states), (s.slot, asked.slots)):
        if wanted:
            found.append(column.in_(wanted))
    if asked.state is not None:
        found.append(s.state == asked.state)
    if asked.finished is False:
        ends = [(kind, states) for kind, states in asked.ends if asked.kind in (None, kind)]
        found += [not_(and_(s.kind == kind, s.state.in_(states))) for kind, states in ends]
    return found


def _within(column: Any, period: Period) -> ColumnElement[bool]:
    return and_(column != "", period.holds(column))
