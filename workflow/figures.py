"""Figures: how many cases of what sort a person may know of, each the length of a list that can be opened.

Where the summary (summary.py) stands for the cases it is asked, else the cases are counted; the numbers are the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache, cached_property, partial
from typing import Any, Literal, TypeVar, get_args

from sqlalchemy import Connection
from sqlalchemy.sql import Select

from .clock import civil_date
from .engine import Engine
from .history import RESERVED
from .model import Actor, Untold
from .sight import Narrowing
from .store import filters, listing, tallies
from .store.filters import Ends, Filter, Period, Ran
from .store.listing import Sort
from .store.questions import Reach
from .store.sql import Store
from .store.tallies import By, Groups
from .summary import Parts, Shortcut
from .visibility import Viewer

__all__ = [
    "COUNTED",
    "Agenda",
    "Counted",
    "Figures",
    "Mine",
    "Sitting",
    "Took",
    "count",
    "counts",
    "figures",
    "found_among",
    "tally",
    "told",
    "took",
    "who_reads",
]

T = TypeVar("T")
Sums = tuple[Select[Any], list[list[int]]]
"""one question for several numbers, and of each the signs of the parts that add up to it"""
Counted = Literal["opened", "concluded", "open"]
COUNTED: tuple[Counted, ...] = get_args(Counted)
COLUMNS: Mapping[Counted, Sequence[str]] = {
    "opened": ["opened"], "concluded": ["concluded"], "open": ["open", "over_target", "over_statutory", "unknown"],
}  # fmt: skip
"""what the question about each of them brings beside its groups"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Counts of one group. `opened` and `concluded` (finished) lie within the period asked for; the rest is as of the day."""

    group: tuple[str, ...]
    opened: int = 0
    concluded: int = 0
    open: int = 0
    """neither ended nor finished"""
    over_target: int = 0
    """of `known`: with a running clock whose due day is over"""
    over_statutory: int = 0
    """of `known`: with a running clock whose outer limit is over"""
    unknown: int = 0
    """of `open`: over a due day, but only imported (`Filter.recorded`), so that nobody knows whether it was kept"""

    @property
    def known(self) -> int:
        """Those of the open ones of which is known whether they are over their day."""
        return self.open - self.unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """So many cases were done after so many days, by their due day or `late`."""

    days: int
    late: bool
    count: int


@dataclass(slots=True)
class Agenda:
    """Cases by the day they are due."""

    due: dict[date | None, int] = field(default_factory=dict)
    """how many by day; None: those without a running deadline"""
    unknown: int = 0
    """of those over their day: only imported (`Filter.recorded`), so that nobody knows whether it was kept"""
    first: list[str] = field(default_factory=list)
    """ids of the soonest, in order"""


class Sitting:
    """One who asks for several figures: what he may know of is looked up once, and all is asked on one connection."""

    def __init__(self, engine: Engine, connection: Connection, actor: Actor, *, fresh: bool) -> None:
        """`fresh`: the summary is up to date. By `Sitting.of`."""
        self._engine = engine
        self._connection = connection
        self._viewer = who_reads(engine, connection, actor)
        self._fresh = fresh
        # Before anything is looked up of which a query is made. A definition that another thread meets meanwhile may stand in it
        # or not, so it must not be found by who has met that one.
        self._met = len(engine.laws.known())

    @classmethod
    @contextmanager
    def of(cls, engine: Engine, actor: Actor) -> Iterator[Sitting]:
        """Bring the summary up to date if that is soon done, then ask."""
        fresh = engine.summary.fresh()
        with engine.store.connection() as connection:
            yield cls(engine, connection, actor, fresh=fresh)

    def figures(
        self, asked: Filter, by: Sequence[By], period: Period, *, counting: Collection[Counted] = COUNTED
    ) -> list[Figures]:
        """Counts of the cases this person may know of, told apart by `by`, in the order of the groups' names: never a ranking.

        By unit a case counts for each of its units, and only units are counted so, never persons. What is not counted is 0.
        """
        found: dict[tuple[str, ...], Counter[str]] = {}
        hidden = self._hidden[0]  # with who reads, whom it asks for, all definitions have been met
        units = _unit_relations(self._engine)
        asked, groups = self._told(asked, by_day="open" in counting), Groups(by, units - hidden)
        short = None if "unit" in by and hidden & units else self._short
        for one in counting:
            names, of = COLUMNS[one], asked.but(unheard=self._unheard) if one == "open" else asked
            for sign, row in self._rows(self._grouped(short, one, of, groups, period)):
                group = tuple("" if key is None else str(key) for key in row[: len(by)])
                counts_ = found.setdefault(group, Counter())
                for name, number in zip(names, row[-len(names) :], strict=True):
                    counts_[name] += sign * int(number or 0)
        if not by:
            found.setdefault((), Counter())
        told_ = sorted(
            (group, counts_) for group, counts_ in found.items() if not by or any(counts_.values())
        )
        return [Figures(group=group, **counts_) for group, counts_ in told_]

    def took(self, asked: Filter, ran: Ran) -> list[Took]:
        """How long these clocks ran in the cases this person may know of, the shortest first."""
        given = self._told(asked.but(ran=ran))
        asked, ran, found = given.but(ran=None), given.ran or ran, Counter[tuple[int, bool]]()
        query = partial(tallies.took, self._engine.store, asked, ran)

        def made() -> Parts:
            parts = self._short.took(query, asked, ran) if self._short else None
            return parts or self._plain(query)

        again = ran.period.of_months
        parts = self._kept(made, [given], "took", *_by_what(self._short)) if again else made()
        for sign, (days, late, number) in self._rows(parts):
            found[int(days), bool(late)] += sign * int(number)
        return [
            Took(days=days, late=late, count=number)
            for (days, late), number in sorted(found.items())
            if number
        ]

    def counts(self, asked: Sequence[Filter]) -> list[int]:
        """How many cases of each filter this person may know of, to the end, in one question."""
        told_ = [*map(self._told, asked)]

        def made() -> Sums:
            return _sums([self._quick(one) or [(1, self._each(one))] for one in told_])

        return self._added_up(self._kept(made, told_, "counts", *_by_what(self._short)))

    def numbers(self, asked: Sequence[Filter], most: int) -> list[tuple[int, bool]]:
        """How many cases of each filter, and whether there may be more: what only the cases can tell is counted up to `most`."""
        quick = {one: parts for one in asked if (parts := self._quick(self._told(one)))}
        rest = [one for one in asked if one not in quick]
        found: dict[Filter, tuple[int, bool]] = {}
        if quick:
            summed = self._added_up(_sums([*quick.values()]))
            found.update((one, (number, False)) for one, number in zip(quick, summed, strict=True))
        if rest:
            numbers = self.tally(rest, most)
            found.update((one, (number, number >= most)) for one, number in zip(rest, numbers, strict=True))
        return [found[one] for one in asked]

    def agenda(self, asked: Filter, few: int) -> Agenda:
        """How many cases are due on which day, to the end, and the first of them by that day: one question."""
        told_, found = self._told(asked, by_day=True), Agenda()

        def made() -> Select[Any]:
            chosen = [
                self._narrowed(one, filters.reach(told_), of)
                for one, of in self._mine.apart(listing.dated(self._engine.store, told_), told_)
            ]
            return listing.agenda(self._engine.store, chosen, few, _today(self._engine), self._unheard)

        query = self._kept(made, [told_], "agenda", few)
        for part, day, id_, number in self._connection.execute(query):
            if part == 0:
                found.due[date.fromisoformat(day) if day else None] = int(number)
            elif part == 1:
                found.unknown = int(number)
            else:
                found.first.append(id_)
        return found

    def soonest(self, asked: Filter, most: int) -> list[str]:
        """The ids of the first cases of the filter by their due day, no further than `most`: how many there are up to there, and
        which come first, by one question.
        """
        store, told_ = self._engine.store, self._told(asked, by_day=True)

        def made() -> Select[Any]:
            near, among, reach = found_among(
                store, told_, "due_on", fresh=self._fresh, sees_all=lambda: False
            )
            query = self._mine.of(listing.page(store, among, "due_on", None, most, near), among)
            return self._narrowed(query, reach, filters.of(among))

        query = self._kept(made, [told_], "soonest", most, self._fresh)
        return [*self._connection.execute(query).scalars()]

    def tally(self, asked: Sequence[Filter], most: int) -> list[int]:
        """How many cases of each filter, counted no further than `most`, in one question."""
        told_ = tuple(map(self._told, asked))

        def made() -> Select[Any]:
            some = ((self._mine.of(listing.some(self._engine.store, one), one), one) for one in told_)
            queries = [self._narrowed(query, filters.led(one), filters.of(one)) for query, one in some]
            return listing.counted(queries, most)

        query = self._kept(made, told_, "tally", most)
        return [int(number) for number in self._connection.execute(query).one()]

    def _kept(self, made: Callable[[], T], asked: Sequence[Filter], *how: Hashable) -> T:
        key = (how, self._met, *asked) if all(map(filters.again, asked)) else None
        return self._engine.sight.kept(self._viewer(), key, made)

    def _quick(self, asked: Filter) -> Parts | None:
        """What adds up to the cases of a filter, as it is told, where the summary stands for them."""
        return self._short.count(asked, partial(self._number, asked)) if self._short else None

    def _each(self, asked: Filter) -> Select[Any]:
        return self._narrowed(self._number(asked), filters.led(asked), filters.of(asked))

    def _number(self, asked: Filter) -> Any:
        return self._mine.of(listing.count(self._engine.store, asked), asked)

    def _added_up(self, sums: Sums) -> list[int]:
        query, signs = sums
        numbers = iter(self._connection.execute(query).one())
        return [sum(sign * int(next(numbers)) for sign in several) for several in signs]

    def _grouped(
        self, short: Shortcut | None, what: Counted, asked: Filter, groups: Groups, period: Period
    ) -> Parts:
        """What adds up to the figures. Kept is what is asked of whole months: of days there are too many."""

        def made() -> Parts:
            query = partial(_counted, self._engine, what, asked, groups, period)
            parts = short.grouped(what, query, asked, groups, period) if short else None
            return parts or self._plain(query)

        how = (what, *groups.by, period, *_by_what(short))
        return self._kept(made, [asked], *how) if period.of_months else made()

    def _plain(self, query: Callable[[], Select[Any]]) -> Parts:
        return [(1, self._narrowed(query(), "all"))]

    def _rows(self, parts: Parts) -> Iterator[tuple[int, Any]]:
        for sign, part in parts:
            for row in self._connection.execute(part):
                yield sign, tuple(row)

    def _told(self, asked: Filter, *, by_day: bool = False) -> Filter:
        untold = self._untold if by_day or filters.by_day(asked) else ()
        self._viewer()  # with him all versions there are have been met
        asked = _plainer(self._engine, asked.but(ends=self._ends, untold=untold, led=self._mine.leads(asked)))
        return _without(asked, *self._hidden) if _telling(asked) else asked

    @cached_property
    def _ends(self) -> Ends:
        return self._engine.laws.finishing()

    @cached_property
    def _hidden(self) -> tuple[frozenset[str], frozenset[str]]:
        return self._engine.sight.perhaps_hidden(self._viewer())

    @property
    def _unheard(self) -> tuple[str, ...]:
        return _unheard(self._hidden[1])

    @cached_property
    def _untold(self) -> tuple[Untold, ...]:
        return self._engine.sight.untold(self._connection, self._viewer())

    @cached_property
    def _narrowed(self) -> Narrowing:
        return self._engine.sight.narrowing(self._viewer())

    @cached_property
    def _short(self) -> Shortcut | None:
        if not self._fresh:
            return None
        return self._engine.summary.shortcut(self._connection, self._viewer(), self._narrowed)

    @cached_property
    def _mine(self) -> Mine:
        return Mine(self._engine, self._viewer)


def _sums(several: Sequence[Parts]) -> Sums:
    return (
        listing.beside([query for parts in several for _, query in parts]),
        [[sign for sign, _ in parts] for parts in several],
    )


def _by_what(short: Shortcut | None) -> tuple[bool, bool]:
    """Whether it is asked of the summary, and whether what who reads sees for a reason of his own is put right."""
    return short is not None, short is not None and short.exceptional is not None


def figures(
    engine: Engine, actor: Actor, asked: Filter, by: Sequence[By], period: Period, *, counting: Collection[Counted] = COUNTED
) -> list[Figures]:  # fmt: skip
    """`Sitting.figures`, for who asks once."""
    with Sitting.of(engine, actor) as sitting:
        return sitting.figures(asked, by, period, counting=counting)


def took(engine: Engine, actor: Actor, asked: Filter, ran: Ran) -> list[Took]:
    """`Sitting.took`, for who asks once."""
    with Sitting.of(engine, actor) as sitting:
        return sitting.took(asked, ran)


def count(engine: Engine, actor: Actor, asked: Filter) -> int:
    """How many cases this person may know of."""
    return counts(engine, actor, [asked])[0]


def counts(engine: Engine, actor: Actor, asked: Sequence[Filter]) -> list[int]:
    """`Sitting.counts`, for who asks once."""
    with Sitting.of(engine, actor) as sitting:
        return sitting.counts(asked)


def tally(engine: Engine, actor: Actor, asked: Sequence[Filter], most: int = 1000) -> list[int]:
    """How many cases of each filter this person may know of, counted no further than `most`, in one question: what it costs
    does not grow with the cases there are.
    """
    if not asked:
        return []
    with engine.store.connection() as connection:
        return Sitting(engine, connection, actor, fresh=False).tally(asked, most)


def who_reads(engine: Engine, connection: Connection, actor: Actor) -> Callable[[], Viewer]:
    """Looks up who reads when that is asked for the first time, and once."""
    return cache(lambda: engine.sight.reader(connection, actor))


class Mine:
    """What of a filter asks who reads, each asked for once."""

    def __init__(self, engine: Engine, viewer: Callable[[], Viewer]) -> None:
        self._engine = engine
        self._viewer = viewer

    def of(self, query: Any, asked: Filter) -> Any:
        """The query narrowed to it."""
        if asked.relations:
            query = query.where(self._own(asked.relations, filters.reach(asked)))
        if asked.waiting:
            query = query.where(self._waiting(asked))
        if asked.elsewhere:
            query = query.where(filters.is_open(self._engine.store, asked), ~self._waiting(asked))
        if asked.families:
            query = query.where(
                self._engine.store.questions.related(self._parties, reach=filters.reach(asked))
            )
        if asked.over is not None:
            late = filters.over(
                self._engine.store, asked.over, _today(self._engine), statutory(self._engine), asked.untold
            )
            query = query.where(filters.is_open(self._engine.store, asked), late)
        return query

    def apart(self, query: Any, asked: Filter) -> list[tuple[Any, tuple[str, ...] | None]]:
        """The query narrowed to it, as several that find the same together, and no case twice; each with the versions that alone
        it asks for (`Narrowing`).
        """
        of = filters.of(asked)
        if not asked.waiting:
            return [(self.of(query, asked), of)]
        rest = self.of(query, asked.but(waiting=False))
        parts = self._engine.sight.waiting_apart(self._viewer(), of)
        return [(rest.where(one), of if definition is None else (definition,)) for definition, one in parts]

    def leads(self, asked: Filter) -> bool:
        """Whether all it finds are open cases in whose families who reads, or a unit of his, stands."""
        if filters.reach(asked) != "open":
            return False
        waiting = asked.waiting and self._engine.sight.by_standing(self._viewer())
        return bool(asked.relations) or asked.families or waiting

    @cached_property
    def _parties(self) -> list[str]:
        return self._engine.sight.parties(self._viewer())

    def _own(self, relations: Sequence[str], reach: Reach) -> Any:
        return self._engine.store.questions.own(self._parties, relations, reach=reach)

    def _waiting(self, asked: Filter) -> Any:
        return self._engine.sight.waiting(self._viewer(), filters.of(asked))


def found_among(
    store: Store, asked: Filter, sort: Sort, *, fresh: bool, sees_all: Callable[[], bool]
) -> tuple[Select[Any] | None, Filter, Reach]:
    """By what a page of cases is found: the ids among which it is, where an index beside the summary has them (`fresh`: it is up
    to date) and where the reader stands does not lead; the filter; and what is then left to be looked at. `sees_all`: who sees
    few of the cases that are open reads his own, and not all of those.
    """
    near = listing.found_by(store, asked, sort) if fresh and (store.is_sqlite or not asked.led) else None
    if near is None or (listing.open_of_kind(asked, sort) and not sees_all()):
        return None, asked, filters.led(asked)
    return near, asked.but(led=True), "named"


def told(engine: Engine, viewer: Callable[[], Viewer], asked: Filter) -> Filter:
    """The filter with what counts as finished here, and without what would tell in numbers what is hidden from who asks: how a
    party stands, that something happened.
    """
    viewer()  # with him all versions there are have been met
    led = Mine(engine, viewer).leads(asked)
    asked = _plainer(engine, asked.but(ends=engine.laws.finishing(), led=led))
    return _without(asked, *engine.sight.perhaps_hidden(viewer())) if _telling(asked) else asked


def _telling(asked: Filter) -> bool:
    """Whether what it finds could tell of what is hidden."""
    return asked.party is not None or asked.ran is not None or asked.recorded is not None


def _plainer(engine: Engine, asked: Filter) -> Filter:
    """The filter with the versions of its kind, and without what is true anyway: cases of a kind that is nobody's child have no
    parents. No index says it.
    """
    if asked.kind is None:
        return asked
    asked = asked.but(versions=engine.laws.versions(asked.kind))
    kinds = {slot.definition for law in engine.laws.known() for slot in law.definition.children.values()}
    return asked.but(roots=False) if asked.roots and asked.kind not in kinds else asked


def _without(asked: Filter, relations: frozenset[str], events: frozenset[str]) -> Filter:
    if asked.ran is not None:
        ran = replace(asked.ran, events=tuple(event for event in asked.ran.events if event not in events))
        asked = asked.but(ran=ran)
    if asked.recorded is not None:
        asked = asked.but(unheard=_unheard(events))
    return asked.but(apart=tuple(sorted(relations))) if asked.party is not None else asked


def _unheard(hidden: frozenset[str]) -> tuple[str, ...]:
    """Events that are nobody's act for whoever those are hidden from: they, and lines beside every lifecycle."""
    return tuple(sorted(hidden.union(RESERVED)))


def _counted(engine: Engine, what: Counted, asked: Filter, groups: Groups, period: Period) -> Select[Any]:
    if what == "opened":
        return tallies.received(engine.store, asked, groups, period)
    if what == "concluded":
        return tallies.concluded(engine.store, asked, groups, period)
    return tallies.standing(engine.store, asked, groups, _today(engine), statutory(engine))


def statutory(engine: Engine) -> set[str]:
    """Rules whose day is the law's own."""
    return {rule.id for rule in engine.laws.book.rules if rule.statutory}


def _unit_relations(engine: Engine) -> set[str]:
    definitions = (law.definition for law in engine.laws.known())
    return {name for d in definitions for name, relation in d.relations.items() if relation.of == "unit"}


def _today(engine: Engine) -> Any:
    return civil_date(engine.clock.now())
