"""What a service asks about many cases: a page of them, how they stand in figures, what has happened since.

Every answer goes through `Engine.sight`, the one filter and projection of what a person may know of; there is no second way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, Literal, get_args

from . import authorization
from .call import digest
from .clock import civil_date, start_of_day
from .definition import Definition
from .engine import Engine
from .errors import NotFound, Text
from .likeness import matching
from .model import Actor, Case, Grant
from .proof import Ties, prove
from .random import new_id
from .store import listing
from .store.listing import After, By, Filter, Groups, Over, Period, Ran, Sort
from .view import View

__all__ = [
    "COUNTED",
    "After",
    "By",
    "Counted",
    "Figures",
    "Filter",
    "Happening",
    "Over",
    "Page",
    "Period",
    "Ran",
    "Sort",
    "Version",
    "cases_of",
    "checked",
    "count",
    "feed",
    "figures",
    "find",
    "grants_of",
    "tally",
    "through",
    "titled",
    "took",
    "versions",
    "views_of",
    "who_may",
]

SCOPES = 5
"""tenants in which words are looked for"""
Counted = Literal["opened", "concluded", "open"]
COUNTED: tuple[Counted, ...] = get_args(Counted)
TOGETHER = 500
"""ids in one question"""
SEQUENCED = 1000
"""lines of history that get their position in one go"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some cases in order; `next` is where the following page begins, None at the end."""

    cases: Sequence[Case]
    next: After | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Counts of one group. `opened` and `concluded` lie within the period asked for; the rest is as of the day."""

    group: tuple[str, ...]
    opened: int = 0
    concluded: int = 0
    open: int = 0
    over_target: int = 0
    """of `open`: with a running clock whose due day is over"""
    over_statutory: int = 0
    """of `open`: with a running clock whose outer limit is over"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """What a token is for: these events of this case, done as `subject`, until that civil day, the day included."""

    case: str
    events: tuple[str, ...]
    subject: str
    until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One line of some history, as the feed tells it: what happened, not what was said."""

    position: int
    case: str
    root: str
    kind: str
    tenant: str
    seq: int
    event: str
    from_state: str
    to_state: str
    recorded_at: datetime
    effective_on: str | None


def find(
    engine: Engine,
    actor: Actor,
    asked: Filter,
    *,
    sort: Sort = "id",
    after: After | None = None,
    limit: int = 50,
) -> Page:
    """A page of the cases this person may know of."""
    with engine.store.connection() as connection:
        asked_ = replace(
            _told(engine, connection, actor, asked), apart=()
        )  # what is found is looked at one by one
        page = listing.page(engine.store, asked_, sort, after, limit + 1)
        query = _own(engine, connection, page, asked_, actor)
        found = engine.sight.look(connection, query, actor)
    cases = [engine.show(seen) for seen in found[:limit]]
    # Who asks for a name learns no more than who reads: a case in which that party is hidden from him is not told by it.
    shown = [case for case, seen in zip(cases, found, strict=False) if not seen.hides(asked.party)]
    return Page(cases=shown, next=place_of(cases[-1], sort) if len(found) > limit else None)


def titled(engine: Engine, actor: Actor, words: str, limit: int = 20) -> list[Case]:
    """Cases whose title is like these words, the nearest first, among what this person may know of in the tenants where he holds
    a role. Of definitions that say by which texts their cases are alike (`similar`).
    """
    scopes = sorted({grant.scope for grant in grants_of(engine, actor)})[:SCOPES]
    alike = [law.definition for law in engine.laws.known() if law.definition.similar]
    with engine.store.connection() as connection:
        ids = list(dict.fromkeys(
            id_ for definition in alike for scope in scopes
            for id_ in matching(engine.store, connection, definition, scope, words, limit)
        ))  # fmt: skip
    found = cases_of(engine, actor, ids)
    return [found[id_] for id_ in ids if id_ in found][:limit]


def cases_of(engine: Engine, actor: Actor, ids: Collection[str]) -> dict[str, Case]:
    """Those of these cases that this person may know of, by id; one question."""
    if not ids:
        return {}
    with engine.store.connection() as connection:
        found = engine.sight.look(connection, engine.store.questions.all_of(sorted(ids)), actor)
    return {seen.record.id: engine.show(seen) for seen in found}


def place_of(case: Case, sort: Sort = "due_on") -> After:
    """Where the page after that case begins."""
    due = min((clock.due_on for clock in case.clocks if clock.running), default=None)
    return (due.isoformat() if due and sort == "due_on" else None, case.id)


def count(engine: Engine, actor: Actor, asked: Filter) -> int:
    """How many cases this person may know of."""
    with engine.store.connection() as connection:
        asked = _told(engine, connection, actor, asked)
        query = _own(engine, connection, listing.count(engine.store, asked), asked, actor)
        return int(connection.execute(engine.sight.narrowed(connection, query, actor)).scalar_one())


def tally(engine: Engine, actor: Actor, asked: Sequence[Filter], most: int = 1000) -> list[int]:
    """How many cases of each filter this person may know of, counted no further than `most`, in one question: what it costs
    does not grow with the cases there are.
    """
    if not asked:
        return []
    with engine.store.connection() as connection:
        mine = _Mine(engine, connection, actor)
        narrowed = engine.sight.narrowing(connection, actor)
        told = [_told(engine, connection, actor, one) for one in asked]
        queries = [narrowed(mine.of(listing.some(engine.store, one), one)) for one in told]
        return [int(count) for count in connection.execute(listing.counted(queries, most)).one()]


class _Mine:
    """What of a filter asks who reads, each asked for once."""

    def __init__(self, engine: Engine, connection: Any, actor: Actor) -> None:
        self._engine = engine
        self._connection = connection
        self._actor = actor

    def of(self, query: Any, asked: Filter) -> Any:
        """The query narrowed to it."""
        if asked.relations:
            query = query.where(self._own(asked.relations))
        if asked.waiting:
            query = query.where(self._waiting)
        if asked.over is not None:
            late = listing.over(self._engine.store, asked.over, today(self._engine), _statutory(self._engine))
            query = query.where(~self._engine.store.tables.cases.c.closed, late)
        return query

    @cached_property
    def _parties(self) -> list[str]:
        return self._engine.sight.parties(self._connection, self._actor)

    def _own(self, relations: Sequence[str]) -> Any:
        return self._engine.store.questions.stands(self._parties, relations)

    @cached_property
    def _waiting(self) -> Any:
        return self._engine.sight.waiting(self._connection, self._actor)


def _own(engine: Engine, connection: Any, query: Any, asked: Filter, actor: Actor) -> Any:
    return _Mine(engine, connection, actor).of(query, asked)


def _told(engine: Engine, connection: Any, actor: Actor, asked: Filter) -> Filter:
    """The filter without what would tell in numbers what is hidden from who asks: how a party stands, that something happened."""
    if asked.party is None and asked.ran is None:
        return asked
    relations, events = engine.sight.perhaps_hidden(connection, actor)
    if asked.ran is not None:
        ran = replace(asked.ran, events=tuple(event for event in asked.ran.events if event not in events))
        asked = replace(asked, ran=ran)
    return replace(asked, apart=tuple(sorted(relations))) if asked.party is not None else asked


def through(view: View) -> Filter:
    """The cases of a view, as a filter."""
    return Filter(
        kind=view.definition,
        states=view.states,
        relations=view.relations,
        waiting=view.waiting,
        closed=view.closed,
    )


def grants_of(engine: Engine, actor: Actor) -> list[Grant]:
    """What this person holds today."""
    with engine.store.connection() as connection:
        return engine.sight.viewer(connection, actor).held()


def views_of(engine: Engine, grants: Sequence[Grant]) -> list[View]:
    """The views of whoever holds these grants: those of his roles."""
    roles = {grant.role for grant in grants}
    return [view for view in engine.library.views.values() if not roles.isdisjoint(view.roles)]


def figures(
    engine: Engine, actor: Actor, asked: Filter, by: Sequence[By], period: Period, *, counting: Collection[Counted] = COUNTED
) -> list[Figures]:  # fmt: skip
    """Counts of the cases this person may know of, told apart by `by`, in the order of the groups' names: never a ranking.

    By unit a case counts for each of its units, and only units are counted so, never persons. What is not counted is 0.
    """
    found: dict[tuple[str, ...], dict[str, int]] = {}
    with engine.store.connection() as connection:
        hidden, _ = engine.sight.perhaps_hidden(connection, actor)
        asked, groups = _told(engine, connection, actor, asked), Groups(by, _unit_relations(engine) - hidden)
        narrowed = engine.sight.narrowing(connection, actor)
        for one in counting:
            query, names = _counted(engine, one, asked, groups, period)
            for row in connection.execute(narrowed(query)):
                group = tuple("" if key is None else str(key) for key in row[: len(by)])
                found.setdefault(group, {}).update(zip(names, map(int, row[-len(names) :]), strict=True))
    if not by:
        found.setdefault((), {})
    return [Figures(group=group, **counts) for group, counts in sorted(found.items())]


def _counted(
    engine: Engine, what: Counted, asked: Filter, groups: Groups, period: Period
) -> tuple[Any, tuple[str, ...]]:
    """The question, and the names of its columns."""
    if what == "opened":
        return listing.received(engine.store, asked, groups, period), ("opened",)
    if what == "concluded":
        return listing.concluded(engine.store, asked, groups, period), ("concluded",)
    query = listing.standing(engine.store, asked, groups, today(engine), _statutory(engine))
    return query, ("open", "over_target", "over_statutory")


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """So many cases were done after so many days, by their due day or `late`."""

    days: int
    late: bool
    count: int


def took(engine: Engine, actor: Actor, asked: Filter, ran: Ran) -> list[Took]:
    """How long these clocks ran in the cases this person may know of, the shortest first."""
    with engine.store.connection() as connection:
        told = _told(engine, connection, actor, replace(asked, ran=ran))
        query = engine.sight.narrowed(
            connection, listing.took(engine.store, replace(told, ran=None), told.ran or ran), actor
        )
        rows = connection.execute(query).all()
    return [
        Took(days=int(days), late=bool(late), count=int(count))
        for days, late, count in sorted(map(tuple, rows))
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A published version of a definition."""

    name: str
    version: int
    hash: str
    published_at: datetime
    published_by: str


def versions(engine: Engine) -> list[Version]:
    """Every version ever published, by name, the latest first."""
    with engine.store.connection() as connection:
        rows = connection.execute(listing.versions(engine.store)).all()
    return [
        Version(
            name=name, version=number, hash=hash_, published_at=datetime.fromisoformat(at), published_by=by
        )
        for name, number, hash_, at, by in rows
    ]


def checked(engine: Engine, name: str) -> list[Text]:
    """What cannot be right in the definition as it lies in the folder; nothing, or the library would not have been loaded.

    Raises NotFound.
    """
    library = engine.library
    definition = library.definition(name)
    return [finding.text for finding in prove(definition, Ties.of(definition, library.definitions.values()))]


def who_may(engine: Engine, definition: Definition, event: str) -> Text:
    """Who may fire that event, in words: roles, and persons of the units that stand in the case."""
    return authorization.who_may(definition.events[event], definition, engine.library.roles)


def _statutory(engine: Engine) -> set[str]:
    return {rule.id for rule in engine.laws.book.rules if rule.statutory}


def _unit_relations(engine: Engine) -> set[str]:
    definitions = (law.definition for law in engine.laws.known())
    return {name for d in definitions for name, relation in d.relations.items() if relation.of == "unit"}


def feed(engine: Engine, actor: Actor, after: int, limit: int) -> tuple[list[Happening], int]:
    """What this person may know of that has come to be known after that position, and the position to ask from next.

    Positions are given here, after the commits, by one at a time: nobody who reads on misses a line, whoever wrote beside whom.
    """
    store = engine.store
    with store.connection(write=True) as connection:
        while store.sequence_feed(connection, SEQUENCED, engine.clock.now()) == SEQUENCED:
            pass
    with store.connection() as connection:
        until = int(connection.execute(listing.head(store)).scalar_one())
        query = engine.sight.narrowed(connection, listing.feed(store, after, until, limit), actor)
        rows = connection.execute(query).all()
        quiet = engine.sight.quiet(connection, ((row.case_id, row.event) for row in rows), actor)
    found = [_happening(row) for row in rows if (row.case_id, row.event) not in quiet]
    return found, rows[-1].position if len(rows) == limit else max(after, until)


def head(engine: Engine) -> int:
    """The last position of the feed."""
    feed(engine, Actor(person=""), 0, 1)  # gives places to what has none yet
    with engine.store.connection() as connection:
        return int(connection.execute(listing.head(engine.store)).scalar_one())


def _happening(row: Any) -> Happening:
    return Happening(
        position=row.position, case=row.case_id, root=row.root_id, kind=row.kind, tenant=row.tenant, seq=row.seq,
        event=row.event, from_state=row.from_state, to_state=row.to_state,
        recorded_at=datetime.fromisoformat(row.recorded_at), effective_on=row.effective_on,
    )  # fmt: skip


def visible(engine: Engine, actor: Actor, cases: Collection[str]) -> set[str]:
    """Which of these cases this person may know of."""
    found: set[str] = set()
    wanted = sorted(cases)
    with engine.store.connection() as connection:
        for start in range(0, len(wanted), TOGETHER):
            query = engine.sight.narrowed(
                connection, listing.named(engine.store, wanted[start : start + TOGETHER]), actor
            )
            found.update(connection.execute(query).scalars())
    return found


def invitation(engine: Engine, token: str) -> Invitation:
    """What a token is for; looking consumes nothing. Raises NotFound, the same for one that never was and one that has ended."""
    with engine.store.work() as work:
        found = engine.store.invitation(work, digest(token))
    if found is None or found["revoked_at"] is not None or found["until"] < today(engine).isoformat():
        raise NotFound(Text("邀请不存在或已失效", "no such invitation, or it has ended"))
    until = date.fromisoformat(found["until"])
    return Invitation(
        case=found["case_id"], events=tuple(found["event"].split(",")), subject=found["subject"], until=until
    )  # fmt: skip


def identifier(engine: Engine, seed: str | None = None) -> str:
    """A new id; the same for the same seed, where one is given."""
    if seed is not None:
        return hashlib.sha256(seed.encode()).hexdigest()[:32]
    return new_id(engine.random, engine.clock.now())


def secret(engine: Engine) -> str:
    """256 bits of chance, as text."""
    return engine.random.bytes(32).hex()


def today(engine: Engine) -> date:
    """The civil day it is in Asia/Shanghai by the engine's clock."""
    return civil_date(engine.clock.now())


def end_of_day(day: date) -> datetime:
    """The last instant of that civil date in Asia/Shanghai."""
    return start_of_day(day + timedelta(days=1)) - timedelta(microseconds=1)
