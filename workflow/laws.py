"""The definitions in use, compiled once and shared by all threads: which law a pinned case follows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from .calendars import Calendar
from .deadlines import RuleBook, RuleNotFound
from .definition import Codes, Definition, Event, Series
from .duty import Duties, due_day
from .errors import NotFound, Text
from .family import Family, Record
from .history import key_of
from .ledger import Ledger
from .library import Library
from .machine import Lifecycle
from .marks import cases_named
from .rulecontent import version_of

if TYPE_CHECKING:
    from .forms import Form

T = TypeVar("T")
SCOPE = 200
"""characters that the column of a series' scope holds"""
MOST = 1000
"""days of which the chosen code sets are kept"""
Choice = tuple[tuple[str, tuple[str, ...]], ...]
"""code list -> the sets of it that are in use"""
Finishing = tuple[tuple[str, tuple[str, ...]], ...]
"""kind -> the states in which its cases are finished"""


class Law:
    """One definition with its machine, its forms and what each of its events' guards may ask."""

    def __init__(self, definition: Definition, codes: Mapping[str, Codes]) -> None:
        self.definition = definition
        self._codes = codes
        self._forms: dict[tuple[str, Choice | None], Form] = {}
        self.asked = {event.name: _asked(event) for event in definition.events.values()}
        self.links = {
            name: found for name, asked in self.asked.items() if (found := _links(definition, asked))
        }
        """event -> the fields its guards follow to other cases (`root.` ones perhaps only)"""
        cases = set(cases_named(definition))
        self.named = {
            e.name: found for e in _events(definition) if (found := tuple(n for n in e.fields if n in cases))
        }
        """event -> the fields of its form that name another case"""
        self.coming = {
            e.name: found
            for e in _events(definition)
            if (found := tuple(n for n in e.fields if definition.fields[n].to_come))
        }
        """event -> the days of its form that are to come"""
        self.appointing = {
            e.name: found
            for e in _events(definition)
            if (found := tuple(n for n in e.fields if definition.fields[n].roles))
        }
        """event -> the fields of its form that name only who holds some role"""
        self.starts = _by_event(definition, lambda clock: clock.starts)
        self.stops = _by_event(definition, lambda clock: clock.stops)
        self.suspends = _by_event(definition, lambda clock: clock.suspends)
        self.resumes = _by_event(definition, lambda clock: clock.resumes)
        self.extends = _by_event(definition, lambda clock: tuple(clock.extends))
        self.asks = _by_event(definition, lambda clock: tuple(clock.asks))
        self.anew = _by_event(definition, lambda clock: tuple(clock.anew))
        self.touching = {
            name
            for kind in (self.starts, self.stops, self.suspends, self.resumes, self.extends, self.anew)
            for name in kind
        }
        """events that may change a clock"""
        telling = {*definition.similar, *cases_named(definition)}
        self.marking = {e.name for e in _events(definition) if not telling.isdisjoint(e.fields)}
        """events that may change by what the case is found"""
        self.duties = Duties(definition)
        self.watched = {name for event in definition.events.values() for name in event.not_by}
        self.kept = _kept(definition)
        """rule -> the fields it lets be erased some time after the end"""

    @cached_property
    def lifecycle(self) -> Lifecycle:
        """The machine, compiled for the first case that follows it: most engines meet few of their definitions."""
        return Lifecycle(self.definition)

    def event(self, name: str) -> Event:
        """The event of that name, `start` included. Raises NotFound with what there is."""
        if name == "start":
            return self.definition.start
        try:
            return self.definition.events[name]
        except KeyError:
            raise NotFound.among(Text("事件", "event"), name, self.definition.events) from None

    def form(self, event: Event, choice: Choice | None) -> Form:
        """The event's compiled form under the code sets a place has chosen; None, for an old record, asks and refuses less.

        marshmallow is loaded with the first one.
        """
        key = (event.name, choice)
        if key not in self._forms:
            from .forms import Form

            codes = _of_place(self._codes, choice or ())
            self._forms[key] = Form(self.definition, event, codes, lenient=choice is None)
        return self._forms[key]


def dated(laws: Laws, family: Family, record: Record) -> Record:
    """The record with the day that orders it in lists, now that its family is what it will be."""
    day = due_day(lambda one: laws.pinned(one.definition).duties, family, record)
    return record if day == record.due_on else record._replace(due_on=day)


def _of_place(codes: Mapping[str, Codes], choice: Choice) -> Mapping[str, Codes]:
    return {**codes, **{name: codes[name].of_sets(sets) for name, sets in choice}}


def _events(definition: Definition) -> tuple[Event, ...]:
    return definition.start, *definition.events.values()


def _asked(event: Event) -> frozenset[str]:
    guards = [event.when, *(move.when for move in event.moves)]
    return frozenset().union(*(guard.names for guard in guards if guard is not None))


def _links(definition: Definition, asked: frozenset[str]) -> tuple[str, ...]:
    found = {
        name.rpartition(".")[0] for name in asked if name.count(".") == (2 if name.startswith("root.") else 1)
    }
    fields = definition.fields
    return tuple(
        sorted(n for n in found if n.startswith("root.") or (n in fields and fields[n].of is not None))
    )


def _kept(definition: Definition) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for field in definition.fields.values():
        if field.kept is not None:
            found[field.kept] = (*found.get(field.kept, ()), field.name)
    return found


def _by_event(
    definition: Definition, events_of: Callable[..., tuple[str, ...]]
) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for clock in definition.clocks.values():
        for event in events_of(clock):
            found[event] = (*found.get(event, ()), clock.name)
    return found


class Laws:
    """Every definition by hash; the rules and the calendar of the place."""

    def __init__(
        self, library: Library, place: str | None = None, fetch: Callable[[str], Definition] | None = None,
        fetch_rules: Callable[[str], RuleBook] | None = None,
    ) -> None:  # fmt: skip
        self.library = library
        self.place = place
        self._fetch = fetch
        self._fetch_rules = fetch_rules
        self._old_books: dict[str, RuleBook] = {}
        self._choices: dict[date, Choice] = {}
        self.begun: dict[tuple[str, str, date], Any] = {}
        """what timers.py has derived for clocks that began: (rules, rule, anchor) -> due day and first rung"""
        self._cases_named = (0, frozenset[str]())
        self._finishing: tuple[int, Finishing] = (0, ())
        self._by_hash = {d.hash: Law(d, library.codes) for d in library.definitions.values()}
        self._latest = {name: self._by_hash[d.hash] for name, d in library.definitions.items()}

    @cached_property
    def book(self) -> RuleBook:
        """The rules of the place."""
        return self.library.book(self.place)

    @cached_property
    def rules(self) -> str:
        """The version of the rules of the place: what a new clock is pinned to."""
        return version_of(self.book)

    def book_of(self, ledger: Ledger) -> RuleBook:
        """The rules by which that clock began and goes on; those no longer in the folder come from the store."""
        if ledger.rules in ("", self.rules):
            return self.book
        if ledger.rules not in self._old_books:
            if self._fetch_rules is None:
                text = Text(f"没有版本为 {ledger.rules} 的规则", f"no rules of the version {ledger.rules}")
                raise NotFound(text)
            self._old_books[ledger.rules] = self._fetch_rules(ledger.rules)
        return self._old_books[ledger.rules]

    def counting_by(self, calendar: Calendar) -> Laws:
        """The same laws with another version of a calendar."""
        library = replace(self.library, calendars={**self.library.calendars, calendar.name: calendar})
        return Laws(library, self.place, self._fetch, self._fetch_rules)

    def count_by(self, calendar: Calendar) -> None:
        """From now on these laws count by that version of the calendar."""
        self.library = replace(self.library, calendars={**self.library.calendars, calendar.name: calendar})
        self.__dict__.pop("calendar", None)
        self.begun.clear()

    @cached_property
    def calendar(self) -> Calendar:
        """The calendar by which the place counts."""
        return self.library.calendar_of(self.place)

    @property
    def codes(self) -> Mapping[str, Codes]:
        """Code lists by name."""
        return self.library.codes

    @property
    def definitions(self) -> Mapping[str, Definition]:
        """The latest version of each definition, by name: what `Slot.definition` means."""
        return self.library.definitions

    def latest(self, name: str) -> Law:
        """The law a new case follows. Raises NotFound."""
        try:
            return self._latest[name]
        except KeyError:
            raise NotFound.among(Text("定义", "definition"), name, self._latest) from None

    def pinned(self, digest: str) -> Law:
        """The law a case is pinned to; published versions no longer in the folder come from the store."""
        if digest not in self._by_hash:
            if self._fetch is None:
                raise NotFound(
                    Text(f"没有内容哈希为 {digest} 的定义", f"no definition with the content hash {digest}")
                )
            self.learn(self._fetch(digest))
        return self._by_hash[digest]

    def learn(self, definition: Definition) -> None:
        """A published version that is not in the folder."""
        if definition.hash not in self._by_hash:
            self._by_hash[definition.hash] = Law(self._as_written(definition), self.library.codes)

    def _as_written(self, stored: Definition) -> Definition:
        """What is stored has its names in order of the alphabet; those who read it want that of the file, as it is today."""
        file = self.library.definitions.get(stored.name)
        if file is None:
            return stored
        return replace(
            stored, states=_like(stored.states, file.states), events=_like(stored.events, file.events),
            fields=_like(stored.fields, file.fields), relations=_like(stored.relations, file.relations),
            clocks=_like(stored.clocks, file.clocks), children=_like(stored.children, file.children),
        )  # fmt: skip

    def known(self) -> list[Law]:
        """Every law seen so far, pinned old ones included."""
        return list(self._by_hash.values())

    def versions(self, kind: str) -> tuple[str, ...]:
        """The content hashes of every version of that name seen so far."""
        return tuple(sorted(digest for digest, law in self._by_hash.items() if law.definition.name == kind))

    def cases_named(self) -> frozenset[str]:
        """The fields by which a form of any law seen so far names another case."""
        known, found = self._cases_named
        if known != len(self._by_hash):
            known = len(self._by_hash)
            found = frozenset(name for law in self.known() for names in law.named.values() for name in names)
            self._cases_named = (known, found)
        return found

    def finishing(self) -> Finishing:
        """(kind, the states in which its cases are finished): those that say so, in any of its versions, else its ends."""
        known, found = self._finishing
        if known != len(self._by_hash):
            known = len(self._by_hash)
            found = self._finished()
            self._finishing = (known, found)
        return found

    def _finished(self) -> Finishing:
        states = [
            (law.definition.name, state) for law in self.known() for state in law.definition.states.values()
        ]
        marked = {kind for kind, state in states if state.finished}
        found: dict[str, set[str]] = {}
        for kind, state in states:
            if state.finished or (state.end and kind not in marked):
                found.setdefault(kind, set()).add(state.name)
        return tuple((kind, tuple(sorted(names))) for kind, names in sorted(found.items()))

    def series(self, name: str) -> Series:
        """A number series."""
        return self.library.series[name]

    def hidable(self) -> list[str]:
        """The events whose lines some definition keeps from somebody."""
        return sorted({name for law in self.known() for hide in law.definition.hides for name in hide.events})

    def scope_of(self, series: Series, tenant: str, data: Mapping[str, object]) -> str:
        """Within what a series counts, one text: each congress for itself, so that no number tells of another's cases; then
        the values of the scope fields.
        """
        return key_of([tenant, *(data.get(field) for field in series.scope)], SCOPE)

    def has_rule(self, rule: str, day: date) -> bool:
        """Whether the place has that rule on a day."""
        try:
            self.book.rule(rule, day)
        except RuleNotFound:
            return False
        return True

    def choice(self, day: date) -> Choice:
        """Which sets of the code lists are the place's own on that day; of a list it does not choose from, all are."""
        if day not in self._choices:
            if len(self._choices) >= MOST:
                self._choices.clear()
            self._choices[day] = tuple(self._chosen(day))
        return self._choices[day]

    def codes_on(self, day: date) -> Mapping[str, Codes]:
        """Code lists with the values a form takes on that day: of a list of several sets only the place's own."""
        return _of_place(self.codes, self.choice(day))

    def _chosen(self, day: date) -> Iterator[tuple[str, tuple[str, ...]]]:
        for name, codes in self.codes.items():
            if codes.chosen_by is not None and self.has_rule(codes.chosen_by, day):
                value = self.in_force(codes.chosen_by, day)
                yield name, (value,) if isinstance(value, str) else tuple(value)  # type: ignore[arg-type]

    def in_force(self, rule: str, day: date) -> object:
        """The value of a rule on a day."""
        return self.book.rule(rule, day).value


def _like(stored: Mapping[str, T], file: Mapping[str, object]) -> dict[str, T]:
    """The same in the order of another; what that one does not have comes last."""
    return {
        name: stored[name]
        for name in (*(n for n in file if n in stored), *(n for n in stored if n not in file))
    }
