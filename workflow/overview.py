"""What a service asks about many cases: a page of them, how they stand in figures, what has happened since.

Every answer goes through `Engine.sight`, the one filter and projection of what a person may know of; there is no second way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from . import authorization
from .call import digest
from .clock import civil_date, start_of_day
from .definition import Definition
from .engine import Engine
from .errors import NotFound, Text
from .family import Record
from .figures import (
    COUNTED,
    Agenda,
    Counted,
    Figures,
    Mine,
    Sitting,
    Took,
    count,
    counts,
    figures,
    found_among,
    statutory,
    tally,
    told,
    took,
    who_reads,
)
from .given import check_limit
from .health import Running
from .likeness import likest, matching, sketched
from .model import Actor, Case, Grant, Similar
from .proof import Ties, prove
from .random import new_id
from .reader import SIMILAR
from .sight import Narrowing, Seen
from .store import filters, listing
from .store.examination import Examination
from .store.filters import Filter, Over, Period, Ran
from .store.listing import After, Sort
from .store.tallies import By
from .store.work import Host
from .view import View

__all__ = [
    "COUNTED",
    "After",
    "Agenda",
    "By",
    "Counted",
    "Figures",
    "Filter",
    "Happening",
    "Over",
    "Page",
    "Period",
    "Ran",
    "Sitting",
    "Sort",
    "Took",
    "Version",
    "alike",
    "cases_of",
    "checked",
    "count",
    "counts",
    "feed",
    "figures",
    "find",
    "grants_of",
    "marks",
    "only_recorded",
    "oversees",
    "running",
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
TOGETHER = 500
"""ids in one question"""
SIFTED = 4
"""cases whose texts are compared, for each that is told"""
SEQUENCED = 1000
"""lines of history that get their position in one go"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some cases in order; `next` is where the following page begins, None at the end."""

    cases: Sequence[Case]
    next: After | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """What a token is for: these events of this case, done as `subject`, until that civil day, the day included. `id` is no
    token.
    """

    id: str
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
    check_limit(limit)
    fresh = listing.found_by(engine.store, asked, sort) is not None and engine.summary.fresh()
    with engine.store.connection() as connection:
        viewer = who_reads(engine, connection, actor)
        asked_ = told(engine, viewer, asked).but(apart=())  # what is found is looked at one by one
        if sort == "due_on" or filters.by_day(asked):
            asked_ = asked_.but(untold=engine.sight.untold(connection, viewer()))
        near, asked_, reach = found_among(
            engine.store, asked_, sort, fresh=fresh,
            sees_all=lambda: engine.sight.oversees_all(connection, viewer()),
        )  # fmt: skip
        mine, shown = Mine(engine, viewer), list[Seen]()

        def made(narrow: Narrowing) -> Any:
            query = listing.page(engine.store, asked_, sort, after, limit + 1, near)
            pages = (
                mine.apart(query, asked_)
                if sort == "due_on"
                else [(mine.of(query, asked_), filters.of(asked_))]
            )
            narrowed = [narrow(one, reach, of) for one, of in pages]
            return listing.whole(engine.store, narrowed, sort, asked_, limit + 1)

        while True:
            again = after is None and filters.again(asked)
            key = ("page", asked_, sort, limit, near is None, reach) if again else None
            found = engine.sight.page(connection, viewer(), key, made)
            # Who asks for a name learns no more than who reads: a case in which that party is hidden from him is not told by it,
            # neither by a page that is shorter nor by where the next begins.
            shown += [seen for seen in found if not seen.hides(asked.party)]
            if len(shown) > limit or len(found) <= limit:
                break
            after = place_of(found[-1].record, sort)
    cases = [engine.show(seen) for seen in shown[:limit]]
    return Page(cases=cases, next=place_of(shown[limit - 1].record, sort) if len(shown) > limit else None)


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


def alike(engine: Engine, actor: Actor, cases: Iterable[Case], limit: int) -> dict[str, list[Similar]]:
    """Of each of these cases, as they were shown to this person, the `limit` others that are likely about the same matter, the
    most alike first, as far as he may know of them; looked for among the few that share most of what is rare with it, by the
    texts that he is shown. So many questions for one as for all.
    """
    with engine.store.connection() as connection:
        near = likest(engine.store, engine.laws, connection, [*cases], limit * SIFTED)
        wanted = sorted({id_ for one in near.values() for id_ in one.cases})
        known = {one.record.id: engine.show(one) for one in engine.sight.cases(connection, wanted, actor)}
    sketches = sketched(engine.laws, known.values())
    best = {id_: one.best(sketches, SIMILAR) for id_, one in near.items()}
    return {
        id_: [Similar(case=known[other], score=score) for other, score in found[:limit]]
        for id_, found in best.items()
    }


def cases_of(engine: Engine, actor: Actor, ids: Collection[str]) -> dict[str, Case]:
    """Those of these cases that this person may know of, by id; one question."""
    if not ids:
        return {}
    with engine.store.connection() as connection:
        found = engine.sight.cases(connection, sorted(ids), actor)
    return {seen.record.id: engine.show(seen) for seen in found}


def place_of(case: Case | Record, sort: Sort = "due_on") -> After:
    """Where the page after that case begins."""
    return (case.due_on if sort == "due_on" else None, case.id)


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


def oversees(engine: Engine, grants: Sequence[Grant]) -> bool:
    """Whether one of these grants is of a congress's own office."""
    return any(grant.unit is None and engine.library.oversees(grant.role) for grant in grants)


def views_of(engine: Engine, grants: Sequence[Grant]) -> list[View]:
    """The views of whoever holds these grants: those of his roles."""
    roles = {grant.role for grant in grants}
    return [view for view in engine.library.views.values() if not roles.isdisjoint(view.roles)]


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
        query = engine.sight.narrowed(connection, listing.feed(store, after, until, limit), actor, "named")
        rows = connection.execute(query).all()
        numbers = engine.sight.numbers(connection, [(row.case_id, row.seq) for row in rows], actor)
    found = [
        _happening(row, numbers[row.case_id, row.seq]) for row in rows if (row.case_id, row.seq) in numbers
    ]
    return found, rows[-1].position if len(rows) == limit else max(after, until)


def head(engine: Engine) -> int:
    """The last position of the feed."""
    feed(engine, Actor(person=""), 0, 1)  # gives places to what has none yet
    with engine.store.connection() as connection:
        return int(connection.execute(listing.head(engine.store)).scalar_one())


def _happening(row: Any, seq: int) -> Happening:
    return Happening(
        position=row.position, case=row.case_id, root=row.root_id, kind=row.kind, tenant=row.tenant, seq=seq,
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
                connection, listing.named(engine.store, wanted[start : start + TOGETHER]), actor, "named"
            )
            found.update(connection.execute(query).scalars())
    return found


def only_recorded(engine: Engine, actor: Actor, cases: Collection[str]) -> set[str]:
    """Of these cases those of which all that is known was imported: nobody has acted in them here, as far as this person may be
    told, and a line beside the lifecycle is no act. What came of them since nobody knows, so that a day which is over says
    nothing. Of cases that he may know of.
    """
    wanted = sorted(cases)
    if not wanted:
        return set()
    with engine.store.connection() as connection:
        asked = told(engine, who_reads(engine, connection, actor), Filter(recorded=True))
        query = listing.named(engine.store, wanted).where(*filters.wanted(engine.store, asked))
        return {*connection.execute(query).scalars()}


def marks(engine: Engine, cases: Collection[str], *, session: Host | None = None) -> dict[str, str]:
    """Of each case a text that another takes the place of with every line in its family's histories, an erasure's too, and when a
    party's personal data are erased: what was written down of the case under another mark may say what is no longer to be said.
    """
    wanted, found = sorted(cases), dict[str, str]()
    with engine.store.connection(session) as connection:
        for start in range(0, len(wanted), TOGETHER):
            query = listing.marks(engine.store, wanted[start : start + TOGETHER])
            found.update({id_: f"{lines}.{erased}" for id_, lines, erased in connection.execute(query)})
    return found


def invitation(engine: Engine, token: str) -> Invitation:
    """What a token is for; looking consumes nothing. Raises NotFound, the same for one that never was and one that has ended."""
    with engine.store.work() as work:
        found = engine.store.invitation(work, digest(token))
    if found is None or found["revoked_at"] is not None or found["until"] < today(engine).isoformat():
        raise NotFound(Text("邀请不存在或已失效", "no such invitation, or it has ended"))
    until = date.fromisoformat(found["until"])
    return Invitation(
        id=digest(token), case=found["case_id"], events=tuple(found["event"].split(",")), subject=found["subject"],
        until=until,
    )  # fmt: skip


def running(engine: Engine) -> list[Running]:
    """The clocks that run, how many are overdue, by kind of case and name: numbers alone, for whoever watches the service."""
    found = Examination(engine.store, engine.laws.calendar, engine.clock)
    return found.running(today(engine), statutory(engine))


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
