"""Queries over many cases: pages, figures, the feed. Each is still to be narrowed to what its reader may know of."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from sqlalchemy import (
    Date,
    Integer,
    and_,
    cast,
    exists,
    false,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    type_coerce,
    union,
    union_all,
)
from sqlalchemy.sql import ColumnElement, Select

from ..fingerprint import naming
from ..model import Untold
from . import rows
from .questions import Reach
from .sql import Store
from .untold import due_on
from .untold import told as told_

Sort = Literal["id", "-id", "due_on"]
Over = Literal["target", "statutory"]
WHOLE_DAY = len("2026-03-02")
Ends = tuple[tuple[str, tuple[str, ...]], ...]
"""(kind, states in which its cases are finished)"""
After = tuple[str | None, str]
"""of the last case of the page before: its due day (None where there is none, or where the sort does not ask), its id"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From one civil date to before another; an open end is open."""

    start: date | None = None
    before: date | None = None

    def holds(self, column: Any) -> ColumnElement[bool]:
        """Whether a column of ISO dates lies within."""
        wanted: list[ColumnElement[bool]] = [column.is_not(None)]
        if self.start is not None:
            wanted.append(column >= bound(self.start))
        if self.before is not None:
            wanted.append(column < bound(self.before))
        return and_(*wanted)


def bound(day: date) -> str:
    """The text at which that day begins: of a first of the month its month, of New Year its year. An imported record may know no
    more than that, and is within the month or the year it names.
    """
    text = day.isoformat()
    return text.removesuffix("-01").removesuffix("-01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """Cases in which a clock of that name stands and one of these events happened within the period; and how many days that took
    from the day the clock counts from, to the last of the events.
    """

    clocks: tuple[str, ...]
    events: tuple[str, ...]
    period: Period
    longer_than: int | None = None
    at_most: int | None = None
    late: bool | None = None
    """after the due day, or by then"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which cases. Dates are civil; the first of a pair is included, the last is not."""

    kind: str | None = None
    state: str | None = None
    states: tuple[str, ...] = ()
    """one of these; none: any"""
    tenant: str | None = None
    """this one and all below it"""
    number: str | None = None
    party: str | None = None
    """a unit or person that stands in a relation to the case or its root"""
    relation: str | None = None
    """only in that relation"""
    apart: tuple[str, ...] = ()
    """and in none of these"""
    relations: tuple[str, ...] = ()
    """only cases in which whoever asks, or his unit, stands in one of these"""
    waiting: bool = False
    """only cases that wait for whoever asks"""
    elsewhere: bool = False
    """only cases that wait for others"""
    families: bool = False
    """only cases of families in which whoever asks, or his unit, stands"""
    closed: bool | None = None
    finished: bool | None = None
    """in a state that counts as done, or not there yet"""
    due_from: date | None = None
    due_before: date | None = None
    undated: bool = False
    """only cases without a running deadline"""
    opened_from: date | None = None
    opened_before: date | None = None
    concluded_from: date | None = None
    """finished, and it came to be so on that civil date or a later one"""
    concluded_before: date | None = None
    over: Over | None = None
    """open, with a running clock whose due day, or whose outer limit, is over"""
    slots: tuple[str, ...] = ()
    """only children in one of these"""
    definition: str | None = None
    """pinned to the version with that content hash"""
    ran: Ran | None = None
    roots: bool = False
    """without children"""
    naming: tuple[tuple[str, str], ...] = ()
    """only cases that name one of these: (field of the type case, id)"""
    recorded: bool | None = None
    """imported, and no person has done anything in it since; or the others"""
    unheard: tuple[str, ...] = ()
    """events that are nobody's act for whoever asks; the engine says it"""
    ends: Ends = ()
    """what counts as done; the engine says it (`Sitting`, `find`)"""
    versions: tuple[str, ...] | None = None
    """content hashes of all there are of its kind; the engine says it"""
    led: bool = False
    """all it finds are open cases in whose families who asks, or his unit, stands; the engine says it"""
    untold: tuple[Untold, ...] = ()
    """deadlines by which nothing is found, counted or put in order; the engine says it"""


def reach(asked: Filter) -> Reach:
    """What the filter looks among."""
    alive = (
        False in (asked.closed, asked.finished) or asked.waiting or asked.elsewhere or asked.over is not None
    )
    return "open" if alive else "all"


def of(asked: Filter) -> tuple[str, ...] | None:
    """The versions that alone are of interest to who narrows it to what somebody may know of; among closed cases PostgreSQL finds its
    way better by the whole of that filter.
    """
    return asked.versions if reach(asked) == "open" else None


def by_day(asked: Filter) -> bool:
    """Whether the filter asks about deadlines."""
    return bool(asked.due_from or asked.due_before or asked.undated or asked.over or asked.ran)


def led(asked: Filter) -> Reach:
    """What is left to be looked at for who may know of it: where a party leads, the few cases in which it stands. (PostgreSQL would
    gather what the reader may know of anew for each of them, and so rather reads all cases there are.)
    """
    return "named" if asked.party is not None or asked.relations else reach(asked)


def page(
    store: Store, asked: Filter, sort: Sort, after: After | None, limit: int, near: Select[Any] | None = None
) -> Select[Any]:
    """The ids of at most `limit` cases in that order, after the last of the page before. Ids alone: of all cases that are put in
    order an index tells enough, and few are shown (`whole`). `near`: what `found_by` gives, where the
    summary counts every line.
    """
    c, s = store.tables.cases.c, store.tables.summed
    query = select(c.id).where(*wanted(store, asked)).limit(limit)
    if near is None or not (sort == "due_on" and _late_elsewhere(asked)):
        query = query.order_by(*_in_order(store, sort, asked))
        query = query if near is None else query.where(c.id.in_(near))
        return query if after is None else query.where(_beyond(store, sort, after, asked))
    # In the order of that index, which is read no further than the page is long.
    query = query.join_from(s, store.tables.cases, s.c.case_id == c.id).order_by(s.c.due_on, s.c.case_id)
    query = query.where(Period(start=asked.due_from, before=asked.due_before).holds(s.c.due_on))
    return query if after is None else query.where(store.questions.due_after(*after, day=s.c.due_on))


def whole(store: Store, ids: Select[Any], sort: Sort, asked: Filter) -> Select[Any]:
    """The cases of a page, in its order, with the day that puts them in it."""
    c, chosen = store.tables.cases.c, ids.subquery("chosen")
    day = due_on(store, asked.untold).label("due_on")
    query = select(*(day if name == "due_on" else c[name] for name in rows.CASE)).join_from(
        store.tables.cases, chosen, chosen.c.id == c.id
    )
    return query.order_by(*_in_order(store, sort, asked))


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
    """Of what `dated` chose, in one query or several that may find the same: (0, due day, None, how many), (1, None, None, how many of
    those over their day are but records), and (2, due day, id, None) of the first few in order. It is chosen once: databases keep
    what several parts of a statement read.
    """
    cases = store.tables.cases
    found = (union(*chosen) if len(chosen) > 1 else chosen[0]).cte("chosen")
    in_order = (found.c.day.is_(None), found.c.day, found.c.id)
    days = select(
        literal(0).label("part"), found.c.day, null().label("id"), func.count().label("n")
    ).group_by(found.c.day)
    old = select(literal(1), null(), null(), func.count()).select_from(cases).where(
        cases.c.id.in_(select(found.c.id).where(found.c.day < bound(today))), recorded(store, unheard)
    )  # fmt: skip
    first = select(found.c.day, found.c.id).order_by(*in_order).limit(few).subquery("soonest")
    every = union_all(days, old, select(literal(2), first.c.day, first.c.id, null())).subquery("every")
    return select(every).order_by(every.c.part, every.c.day.is_(None), every.c.day, every.c.id)


def beside(queries: Sequence[Select[Any]]) -> Select[Any]:
    """The number each query brings; one row."""
    return select(*(query.scalar_subquery() for query in queries))


def found_by(store: Store, asked: Filter) -> Select[Any] | None:
    """The ids among which the filter's cases are, by an index that lies beside the summary, where one serves: an index of `cases`
    would be written with every event.
    """
    s = store.tables.summed.c
    query = select(s.case_id)
    if asked.number is not None:
        return query.where(s.number == asked.number)
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


def wanted(store: Store, asked: Filter) -> list[ColumnElement[bool]]:
    """The filter as conditions."""
    c = store.tables.cases.c
    found: list[ColumnElement[bool]] = []
    if asked.versions is not None and reach(asked) == "open":
        found.append(of_versions(store, asked.versions))
    elif asked.kind is not None:
        found.append(c.kind == asked.kind)
    pairs = (
        (c.state, asked.state),
        (c.number, asked.number),
        (c.definition, asked.definition),
    )
    found += [column == value for column, value in pairs if value is not None]
    if asked.closed is not None:
        found.append(c.closed if asked.closed else is_open(store, asked))
    if asked.slots:
        found.append(c.slot.in_(asked.slots))
    if asked.ran is not None:
        k, done = store.tables.clock, done_by(store, asked.ran)
        ran = select(k.c.case_id).select_from(k.join(done, done.c.case_id == k.c.case_id))
        told = told_(store, asked.untold, k.c)
        found.append(c.id.in_(ran.where(*ran_as_asked(store, asked.ran, done), told)))
    if asked.states:
        found.append(c.state.in_(asked.states))
    for column, period in (
        (due_on(store, asked.untold), Period(start=asked.due_from, before=asked.due_before)),
        (c.opened_on, Period(start=asked.opened_from, before=asked.opened_before)),
    ):
        if period != Period():
            found.append(period.holds(column))
    if asked.finished is not None:
        finished = is_finished(asked, c.kind, c.state)
        found.append(finished if asked.finished else and_(is_open(store, asked), ~finished))
    concluded_ = Period(start=asked.concluded_from, before=asked.concluded_before)
    if concluded_ != Period():
        day = store.tables.history.c.effective_on
        found += [
            is_finished(asked, c.kind, c.state),
            exists(_finishing(store, asked).where(concluded_.holds(day))),
        ]
    if asked.undated:
        found.append(due_on(store, asked.untold).is_(None))
    if asked.tenant is not None:
        found.append(store.questions.within(c.tenant, [asked.tenant]))
    if asked.party is not None:
        found.append(
            store.questions.stands(
                [asked.party], [asked.relation] if asked.relation else [], asked.apart, reach=reach(asked)
            )
        )
    if asked.roots:
        found.append(c.id == c.root_id)
    if asked.naming:
        m = store.tables.mark.c
        named = select(m.case_id).where(m.mark.in_([naming(field, case) for field, case in asked.naming]))
        found.append(c.id.in_(named))
    if asked.recorded is not None:
        imported = recorded(store, asked.unheard)
        found.append(imported if asked.recorded else ~imported)
    return found


def recorded(store: Store, unheard: Sequence[str]) -> ColumnElement[bool]:
    """Whether lines of the case in the query around it were imported, and none is a person's act here."""
    cases, h = store.tables.cases, store.tables.history.alias().c
    lines = select(literal(1)).where(h.case_id == cases.c.id).correlate(cases)
    acts = lines.where(h.automatic.is_(None), h.event.not_in(unheard))
    return and_(
        exists(lines.where(h.automatic == literal_column("'import'"))), ~exists(acts)
    )  # an index of its own, asked first


def over_and_recorded(store: Store, today: date, unheard: Sequence[str]) -> ColumnElement[bool]:
    """Whether the clock in the query around it is over its day in a case that was only imported."""
    k, c = store.tables.clock.c, store.tables.cases.c
    imported = exists(select(literal(1)).where(c.id == k.case_id, recorded(store, unheard)))
    return and_(k.due_on < today.isoformat(), imported)


def is_open(store: Store, asked: Filter) -> ColumnElement[bool]:
    """Whether the case is open, as the filter asks."""
    return store.questions.open(led=asked.led)


def of_versions(store: Store, versions: Sequence[str]) -> ColumnElement[bool]:
    """Cases of these versions, by what the indexes of open and of closed cases begin with. Named one by one: of each PostgreSQL knows
    how many cases it has in which state.
    """
    found: ColumnElement[bool] = store.tables.cases.c.definition.in_(versions)
    return found


def is_finished(asked: Filter, kind: Any, state: Any) -> ColumnElement[bool]:
    """Whether that state counts as done in that kind of case."""
    ends = [(of, states) for of, states in asked.ends if asked.kind in (None, of)]
    return or_(false(), *(and_(kind == of, state.in_(states)) for of, states in ends))


def _finishing(store: Store, asked: Filter) -> Select[Any]:
    """The line by which the case in the query around it came to be finished: the first after all that led elsewhere."""
    h = store.tables.history
    return select(literal(1)).select_from(h).where(finishes(store, asked, h)).correlate(store.tables.cases)


def finishes(store: Store, asked: Filter, line: Any) -> ColumnElement[bool]:
    """Whether by that line of the history the case in the query around it came to be finished."""
    c, other = store.tables.cases.c, store.tables.history.alias()
    before = select(func.coalesce(func.max(other.c.seq), 0)).where(
        other.c.case_id == c.id, ~is_finished(asked, c.kind, other.c.to_state)
    )
    last = before.correlate(store.tables.cases).scalar_subquery()
    return and_(line.c.case_id == c.id, line.c.seq == last + 1)


def over(
    store: Store, which: Over, today: date, statutory: Collection[str], untold: Sequence[Untold]
) -> ColumnElement[bool]:
    """Whether a running clock of the case is over its due day or its outer limit; `statutory`: rules that are the law's own."""
    k = store.tables.clock.c
    condition = and_(past(store, which, today, statutory), told_(store, untold, k))
    return exists(select(1).where(k.case_id == store.tables.cases.c.id, k.running, condition))


def past(store: Store, which: Over, today: date, statutory: Collection[str]) -> ColumnElement[bool]:
    """Whether a clock is over its due day or its outer limit, running or not."""
    k, day = store.tables.clock.c, today.isoformat()
    condition = k.due_on < day
    if which == "statutory":
        condition = or_(k.outer_on < day, and_(k.outer_on.is_(None), k.rule.in_(statutory), condition))
    return condition


def done_by(store: Store, ran: Ran) -> Any:
    """When the last of these events happened in each case within the period; an imported record may know the month only."""
    h = store.tables.history.c
    return (
        select(h.case_id, func.max(h.effective_on).label("done_on"))
        .where(h.event.in_(ran.events), ran.period.holds(h.effective_on), func.length(h.effective_on) == WHOLE_DAY)
        .group_by(h.case_id)
        .subquery()
    )  # fmt: skip


def ran_as_asked(store: Store, ran: Ran, done: Any) -> list[ColumnElement[bool]]:
    """What is asked of the clock, and of the day on which it was `done_by`."""
    k = store.tables.clock.c
    found = [k.name.in_(ran.clocks), ~k.running]
    days = days_between(store, k.anchor_on, done.c.done_on)
    if ran.longer_than is not None:
        found.append(days > ran.longer_than)
    if ran.at_most is not None:
        found.append(days <= ran.at_most)
    if ran.late is not None:
        found.append((done.c.done_on > k.due_on) if ran.late else (done.c.done_on <= k.due_on))
    return found


def days_between(store: Store, first: Any, last: Any) -> ColumnElement[int]:
    """Civil days from one date to another."""
    if store.is_sqlite:
        return cast(func.julianday(last) - func.julianday(first), Integer)
    return type_coerce(cast(last, Date) - cast(first, Date), Integer)


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
