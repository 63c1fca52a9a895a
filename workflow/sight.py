"""Reading cases for somebody: the filter in the query, the projection on what it brings. Every question of the engine that names
a person comes through here; without a person nothing is kept back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.sql import ColumnElement, Select

from . import visibility, worklist
from .call import check_texts
from .family import Record
from .given import check_actor
from .laws import Law, Laws
from .loader import definition_from_content
from .model import Actor, Grant, Untold
from .store.questions import Reach
from .store.sql import Store
from .store.untold import anywhere
from .visibility import Hidden, Viewer

__all__ = ["Seen", "Sight"]


T = TypeVar("T")
_KEPT = 1024
"""so many filters are kept as they were made, up to twenty for each who reads lists, some 50 kB each: making one takes longer
than most questions it narrows"""
_ASKED = 256
"""so many questions are kept as they were made, up to a quarter of a megabyte each: those of some twenty to forty readers"""
Who = tuple[str, tuple[Grant, ...], tuple[str, ...], date, int]
"""the person, what he holds, the units he is or was in, the day, how many definitions are known: all that a filter is made of"""
Apart = tuple[tuple[str | None, ColumnElement[bool]], ...]
"""what waits for somebody as several conditions, of which a case meets one, each with the one definition it asks for, if so"""


class Narrowing(Protocol):
    """A query over cases, narrowed to what somebody may know of."""

    def __call__(self, query: Select[Any], reach: Reach, of: tuple[str, ...] | None = None) -> Select[Any]:
        """`of`: the hashes of the versions that alone the query asks for (`Filter.versions`); the others' rules are left out."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A record, and what of it is kept from who asked (None: nobody was named)."""

    record: Record
    hidden: Hidden | None

    def hides(self, party: str | None) -> bool:
        """Whether it is kept from who asked that this party stands to the case."""
        return self.hidden is not None and party in self.hidden.parties

    def tells(self, clock: str) -> bool:
        """Whether who asked may know of that deadline."""
        return self.hidden is None or self.hidden.told(clock)


@dataclass(slots=True)
class _Once:
    """What is known of who reads within `Sight.at_once`."""

    sight: Sight
    viewers: dict[str, Viewer] = field(default_factory=dict)


_ONCE: ContextVar[_Once | None] = ContextVar("once", default=None)


class Sight:
    """Who sees which cases, and what of them."""

    def __init__(self, store: Store, laws: Laws, today: Callable[[], date]) -> None:
        self._store = store
        self._laws = laws
        self._today = today
        # By all that a filter is made of: with another grant, another day of one, another definition it is another filter.
        self._visible_to = lru_cache(_KEPT)(_visible_to(store, laws))
        self._waiting_for = lru_cache(_KEPT)(_waiting_for(store, laws))
        self._stands_only = lru_cache(_KEPT)(_stands_only(laws))
        self._exceptional = lru_cache(_KEPT)(store.questions.exceptional)
        self._queries: Callable[..., list[Any]] = lru_cache(_ASKED)(lambda *_: [])

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Within, whoever reads is looked up once: for one page, which asks many questions. A grant that ends meanwhile outlives
        no page; by what is kept here no act is decided. Cases are asked for each time: to open one in an emergency writes a line,
        and it is shown with that.
        """
        before = _ONCE.set(_Once(self))
        try:
            yield
        finally:
            _ONCE.reset(before)

    def _once(self) -> _Once:
        once = _ONCE.get()
        return once if once is not None and once.sight is self else _Once(self)

    def viewer(self, connection: Connection, actor: Actor) -> Viewer:
        """The person with all the grants he has."""
        known = self._once().viewers
        if actor.person not in known:
            grants = self._store.grants(connection, actor.person)
            known[actor.person] = Viewer(actor.person, grants, self._today())
        return known[actor.person]

    def reader(self, connection: Connection, actor: Actor) -> Viewer:
        """The same, for questions about many cases: all definitions there are have been met by then."""
        self.learn(connection)
        return self._checked(connection, actor)

    def narrowed(
        self, connection: Connection, query: Select[Any], actor: Actor | None, reach: Reach = "all"
    ) -> Select[Any]:
        """A query over cases, narrowed to what this person may know of: the one filter behind every question that names him."""
        return self.narrowing(None if actor is None else self.reader(connection, actor))(query, reach)

    def narrowing(self, viewer: Viewer | None) -> Narrowing:
        """The same for several questions of one `reader`."""
        visible = dict[tuple[Reach, tuple[str, ...] | None], ColumnElement[bool]]()

        def narrow(query: Select[Any], reach: Reach, of: tuple[str, ...] | None = None) -> Select[Any]:
            if viewer is None:
                return query
            if (reach, of) not in visible:
                visible[reach, of] = self._visible(viewer, reach, of)
            return query.where(visible[reach, of])

        return narrow

    def overseen(
        self, connection: Connection, viewer: Viewer
    ) -> tuple[list[str], set[str], ColumnElement[bool] | None]:
        """The tenants all of whose cases he sees as an overseer; the kinds of which that is not so; and the cases that he sees,
        or does not see, for a reason of his own (None: there are none).
        """
        scopes = sorted({grant.scope for grant in self._overseeing(viewer)})
        limited = {law.definition.name for law in self._laws.known() if law.definition.seen_by}
        parties = (viewer.person, *sorted({g.unit for g in viewer.grants if g.unit is not None}))
        exceptional, any_ = self._exceptional(parties)
        return scopes, limited, exceptional if scopes and connection.execute(any_).scalar_one() else None

    def oversees_all(self, connection: Connection, viewer: Viewer) -> bool:
        """Whether in one of his roles he oversees the first and the last tenant that has cases, and so all between them."""
        held = self._overseeing(viewer)
        ends = self._store.ends(connection) if held else ()
        return any(all(grant.covers(tenant, viewer.day) for tenant in ends) for grant in held)

    def _overseeing(self, viewer: Viewer) -> list[Grant]:
        return [g for g in viewer.held() if g.unit is None and self._laws.library.oversees(g.role)]

    def perhaps_hidden(self, viewer: Viewer) -> tuple[frozenset[str], frozenset[str]]:
        """Relations and events that may be hidden from that person somewhere."""
        return visibility.perhaps(self._laws, viewer)

    def untold(self, connection: Connection, viewer: Viewer) -> tuple[Untold, ...]:
        """The deadlines that are kept from that person in some case."""
        found = tuple(visibility.untold(self._laws, viewer))
        return found if found and connection.execute(anywhere(self._store, found)).scalar_one() else ()

    def parties(self, viewer: Viewer) -> list[str]:
        """This person, and the units he is in today."""
        return [viewer.person, *sorted({grant.unit for grant in viewer.held() if grant.unit is not None})]

    def by_standing(self, viewer: Viewer) -> bool:
        """Whether all that waits for him does for where he, or a unit of his, stands, and nothing for a role alone."""
        return self._stands_only(viewer.person, tuple(viewer.held()), len(self._laws.known()))

    def waiting(self, viewer: Viewer, of: tuple[str, ...] | None = None) -> ColumnElement[bool]:
        """Open cases in a state whose holder this person is; to be narrowed to what he may know of, like any other question.
        `of`: the hashes of the versions that alone the query asks for, as for `Narrowing`.
        """
        return self._waits(viewer, of)[0]

    def waiting_apart(self, viewer: Viewer, of: tuple[str, ...] | None = None) -> Apart:
        """The same as several conditions, of which a case meets one."""
        return self._waits(viewer, of)[1]

    def _waits(self, viewer: Viewer, of: tuple[str, ...] | None) -> tuple[ColumnElement[bool], Apart]:
        return self._waiting_for(viewer.person, tuple(viewer.held()), len(self._laws.known()), of)

    def look(
        self, connection: Connection, query: Select[Any], actor: Actor | None, reach: Reach = "named"
    ) -> list[Seen]:
        """What the query finds of what that person may know of, and what of it is kept from him."""
        if actor is None:
            return [Seen(record, None) for record in self._store.records(connection, query)]
        viewer = self._checked(connection, actor)
        return self._veiled(connection, self._found(connection, query, viewer, reach), viewer)

    def cases(self, connection: Connection, cases: Collection[str], actor: Actor | None) -> list[Seen]:
        """The same of these cases."""
        if not cases or actor is None:
            return self.look(connection, self._store.questions.all_of(cases), actor) if cases else []
        viewer = self._checked(connection, actor)
        return self._veiled(connection, self._named(connection, cases, viewer), viewer)

    def page(
        self,
        connection: Connection,
        viewer: Viewer,
        asked: Hashable,
        made: Callable[[Narrowing], Select[Any]],
    ) -> list[Seen]:
        """The same of a page of cases, for a `reader`; `made` makes its query, `asked` as for `kept`."""

        def found() -> list[Record]:
            query = self.kept(viewer, asked, lambda: made(self.narrowing(viewer)))
            return self._store.records(connection, query)

        records = found()
        return self._veiled(connection, found() if self._strange(connection, records) else records, viewer)

    def kept(self, viewer: Viewer, asked: Hashable, made: Callable[[], T]) -> T:
        """What `made` makes for that reader, who asks for the same time and again: a query, or what holds one. `asked` says all
        that it is made of but for who reads, and how many definitions were known when the first of that was looked up; None: it
        is not kept.
        """
        if asked is None:
            return made()
        kept: list[T] = self._queries(*self._who(viewer), asked)
        if not kept:
            kept.append(made())
        return kept[0]

    def _checked(self, connection: Connection, actor: Actor) -> Viewer:
        check_actor(actor)
        check_texts(person=actor.person)
        return self.viewer(connection, actor)

    def sees(self, connection: Connection, case: str, actor: Actor) -> bool:
        """Whether that person may know of the case."""
        return bool(self.seen(connection, [case], actor))

    def seen(self, connection: Connection, cases: Sequence[str], actor: Actor) -> set[str]:
        """Those of these cases that that person may know of."""
        viewer = self.viewer(connection, actor)
        found = {one.id for one in self._named(connection, cases, viewer)}
        if 0 < len(found) < len(cases) and self.learn(connection):
            found = {one.id for one in self._named(connection, cases, viewer)}
        return found

    def without(
        self, connection: Connection, case: str, actor: Actor, grants: Collection[str]
    ) -> Seen | None:
        """The case as that person would see it without these grants (their ids); None where he would not."""
        held = [one for one in self._store.grants(connection, actor.person) if one.id not in grants]
        viewer = Viewer(actor.person, held, self._today())
        seen = self._veiled(connection, self._named(connection, [case], viewer), viewer)
        return seen[0] if seen else None

    def numbers(
        self, connection: Connection, lines: Iterable[tuple[str, int]], actor: Actor
    ) -> dict[tuple[str, int], int]:
        """Under which numbers these lines (case, number) are shown to that person; those kept from him are left out."""
        found, kept = self._counted(connection, lines, actor)
        return {line: number for line, number in found.items() if line not in kept}

    def reached(
        self, connection: Connection, lines: Iterable[tuple[str, int]], actor: Actor
    ) -> dict[tuple[str, int], int]:
        """How many lines that person is shown up to each of these: what reminds of a day stands at the last line before it, which
        may be one that is kept from him.
        """
        return self._counted(connection, lines, actor)[0]

    def _counted(
        self, connection: Connection, lines: Iterable[tuple[str, int]], actor: Actor
    ) -> tuple[dict[tuple[str, int], int], set[tuple[str, int]]]:
        """How many are shown up to each, and which are kept from him: in a case that he may not know of, all that are kept from
        somebody.
        """
        numbers, kept = {line: line[1] for line in lines}, set[tuple[str, int]]()
        told = self._laws.hidable()
        cases = sorted({case for case, _ in numbers})
        found = self._store.lines_of(connection, cases, told) if told and cases else []
        if not found:
            return numbers, kept
        kept_in = {case for case, _, _ in found}
        veils = {seen.record.id: seen.hidden for seen in self.cases(connection, kept_in, actor)}
        for case, seq, event in found:
            veil = veils.get(case)
            if veil is None or event in veil.events:
                kept.add((case, seq))
                for line in numbers:
                    if line[0] == case and line[1] >= seq:
                        numbers[line] -= 1
        return numbers, kept

    def hidden(self, record: Record, root: Record, viewer: Viewer) -> Hidden:
        """What that person does not see of the record."""
        return visibility.hidden(self._laws, record, root, viewer)

    def _found(
        self, connection: Connection, query: Select[Any], viewer: Viewer, reach: Reach
    ) -> list[Record]:
        """What he sees of it."""
        records = self._store.records
        return self._again(connection, lambda: records(connection, query.where(self._visible(viewer, reach))))

    def _named(self, connection: Connection, cases: Collection[str], viewer: Viewer) -> list[Record]:
        """Those of these cases that he sees."""

        def made() -> Select[Any]:
            return self._store.questions.named().where(self._visible(viewer, "named"))

        def seen() -> list[Record]:
            return self._store.records(connection, self.kept(viewer, "named", made), cases=[*cases])

        return self._again(connection, seen)

    def _again(self, connection: Connection, ask: Callable[[], list[Record]]) -> list[Record]:
        """What is found; if that is nothing, or of a strange definition, asked again with all definitions there are."""
        found = ask()
        again = self._strange(connection, found) if found else self.learn(connection)
        return ask() if again else found

    def _strange(self, connection: Connection, found: Sequence[Record]) -> bool:
        """Whether a case was of a definition that was not known here; it is now."""
        return bool({record.definition for record in found} - self._known()) and self.learn(connection)

    def _visible(
        self, viewer: Viewer, reach: Reach, of: tuple[str, ...] | None = None
    ) -> ColumnElement[bool]:
        return self._visible_to(*self._who(viewer), reach, of)

    def _who(self, viewer: Viewer) -> Who:
        units = tuple(sorted({grant.unit for grant in viewer.grants if grant.unit is not None}))
        return viewer.person, tuple(viewer.held()), units, viewer.day, len(self._laws.known())

    def _known(self) -> set[str]:
        return {law.definition.hash for law in self._laws.known()}

    def learn(self, connection: Connection) -> bool:
        """Definitions that another node has published: whom they let see their cases is to be asked. Whether there were any."""
        strange = self._store.digests(connection) - self._known()
        for digest in sorted(strange):
            content = self._store.published(connection, digest).content
            self._laws.learn(definition_from_content(content, self._laws.library))
        return bool(strange)

    def _veiled(self, connection: Connection, found: Sequence[Record], viewer: Viewer) -> list[Seen]:
        roots = {record.id: record for record in found if record.id == record.root}
        wanted = sorted({record.root for record in found} - roots.keys())
        if wanted:
            above = self._store.records(connection, self._store.questions.all_of(wanted))
            roots.update((root.id, root) for root in above)
        return [Seen(record, self.hidden(record, roots[record.root], viewer)) for record in found]


def _visible_to(store: Store, laws: Laws) -> Callable[..., ColumnElement[bool]]:
    """The filter of a person who holds these grants and is, or was, in these units; definitions are only ever added."""

    def made(
        person: str, held: tuple[Grant, ...], units: tuple[str, ...], _day: date, _known: int, reach: Reach,
        of: tuple[str, ...] | None,
    ) -> ColumnElement[bool]:  # fmt: skip
        seers = visibility.seers(_only(laws, of), person, held)
        return store.questions.visible(person, held, units, laws.library.oversees, seers, reach=reach)

    return made


def _waiting_for(store: Store, laws: Laws) -> Callable[..., tuple[ColumnElement[bool], Apart]]:
    def made(
        person: str, held: tuple[Grant, ...], _known: int, of: tuple[str, ...] | None
    ) -> tuple[ColumnElement[bool], Apart]:
        places = worklist.held(_only(laws, of), person, held)
        return store.questions.waiting(*places), (*store.questions.waiting_apart(*places),)

    return made


def _stands_only(laws: Laws) -> Callable[..., bool]:
    def made(person: str, held: tuple[Grant, ...], _known: int) -> bool:
        return not worklist.held(laws.known(), person, held)[0]

    return made


def _only(laws: Laws, of: tuple[str, ...] | None) -> list[Law]:
    return [law for law in laws.known() if of is None or law.definition.hash in of]
