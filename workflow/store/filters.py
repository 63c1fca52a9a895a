"""Which cases: a filter, and what it means as conditions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import date
from operator import attrgetter
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
    or_,
    select,
    type_coerce,
)
from sqlalchemy.sql import ColumnElement, Select

from ..fingerprint import naming
from ..model import Untold
from .questions import Reach
from .sql import Store
from .untold import due_on
from .untold import told as told_

Over = Literal["target", "statutory"]
WHOLE_DAY = len("2026-03-02")
Ends = tuple[tuple[str, tuple[str, ...]], ...]
"""(kind, states in which its cases are finished)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From one civil date to before another; an open end is open."""

    start: date | None = None
    before: date | None = None

    @property
    def of_months(self) -> bool:
        """Whether it is made of whole months."""
        return all(day is None or day.day == 1 for day in (self.start, self.before))

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

    def but(self, **changes: Any) -> Filter:
        """This filter with other values: `dataclasses.replace`, for a page that makes hundreds of them."""
        return Filter(**{**dict(zip(_NAMES, _values(self), strict=True)), **changes})


_NAMES = tuple(part.name for part in fields(Filter))
_values = attrgetter(*_NAMES)


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


def again(asked: Filter) -> bool:
    """Whether it may be kept for the next time: what somebody looks for, by its number or by whose it is, is kept no longer than
    his page.
    """
    return not (asked.number or asked.party or asked.naming)


def by_day(asked: Filter) -> bool:
    """Whether the filter asks about deadlines."""
    return bool(asked.due_from or asked.due_before or asked.undated or asked.over or asked.ran)


def led(asked: Filter) -> Reach:
    """What is left to be looked at for who may know of it: where a party leads, the few cases in which it stands. (PostgreSQL would
    gather what the reader may know of anew for each of them, and so rather reads all cases there are.)
    """
    return "named" if asked.party is not None or asked.relations else reach(asked)


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
    imported = h.automatic == literal_column("'import'")  # an index of its own, asked first
    # Of an index without rows SQLite knows nothing, and takes another.
    return and_(imported_at_all(store), exists(lines.where(imported)), ~exists(acts))


def imported_at_all(store: Store) -> ColumnElement[bool]:
    """Whether any line was imported; asked once."""
    h = store.tables.history
    return exists(select(literal(1)).select_from(h).where(h.c.automatic == literal_column("'import'")))


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
