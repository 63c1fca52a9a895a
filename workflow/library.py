"""Everything one folder of definition files says, checked as a whole: the latest lifecycles and the places that use them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

from .calendars import Calendar
from .deadlines import RuleBook
from .definition import Codes, Definition, Series
from .errors import NotFound, Text
from .party_kind import PartyKind
from .screens import Console
from .stages import Stage
from .view import View

__all__ = ["Library"]

ROLES = "roles"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """Definitions, code lists, number series, rules and calendars by name."""

    definitions: Mapping[str, Definition]
    """The latest version of each."""
    codes: Mapping[str, Codes] = field(default_factory=dict)
    series: Mapping[str, Series] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    rules: Mapping[str, RuleBook] = field(default_factory=dict)
    """The rules of each place, those it takes over from others included."""
    parties: Mapping[str, PartyKind] = field(default_factory=dict)
    """The kinds of parties."""
    views: Mapping[str, View] = field(default_factory=dict)
    """The lists each role works from, in the order of their files."""
    stages: Mapping[str, tuple[Stage, ...]] = field(default_factory=dict)
    """Definition -> the few steps in which a lay person follows it."""
    answers: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)
    """Definition -> the clocks within which it is answered, and the events that answer it."""
    console: Console = field(default_factory=Console)
    """What pages for people need to know of the domain."""
    place_calendars: Mapping[str, str] = field(default_factory=dict)
    """Place -> the name of the calendar it counts by."""
    default_place: str | None = None
    versions: Mapping[str, Definition] = field(default_factory=dict)
    """Every version in the folder, by hash."""

    def __post_init__(self) -> None:
        for name in (
            "definitions", "codes", "series", "calendars", "rules", "parties", "views", "stages", "answers", "place_calendars",
            "versions",
        ):  # fmt: skip
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @property
    def roles(self) -> Codes:
        """The roles of persons. Raises NotFound when the folder declares none."""
        return self._found(self.codes, ROLES, Text("代码表", "code list"))

    def oversees(self, role: str) -> bool:
        """Whether that role sees every case of its tenant, as an office does; else only those in which its holder stands.

        True unless the role says `oversees: false`.
        """
        return self._meaning(role, "oversees") is not False

    def strong(self) -> set[str]:
        """Roles whose holders have to prove themselves by a second factor: those that say `second_factor: true`."""
        roles = self.codes[ROLES].values if ROLES in self.codes else {}
        return {name for name, role in roles.items() if role.meanings.get("second_factor") is True}

    def erases(self, role: str) -> bool:
        """Whether that role may erase what was said (PIPL art. 47): as the role says, or, where roles do not, if it oversees."""
        said = self._meaning(role, "erases")
        return self.oversees(role) if said is None else said is True

    def in_unit(self, role: str) -> bool:
        """Whether that role is held within a unit (an office, a station) only: it says `in_unit: true`."""
        return self._meaning(role, "in_unit") is True

    def body(self, role: str) -> str:
        """Whose role it is: a role is lent within one body. A role that does not say is a body of its own."""
        return str(self._meaning(role, "body") or role)

    def emergency(self, role: str) -> bool:
        """Whether that role may be taken for some hours (break-glass): one that oversees, unless it says `emergency: false`."""
        known = role in self.roles.values
        return known and self.oversees(role) and self._meaning(role, "emergency") is not False

    def invites(self, role: str) -> bool:
        """Whether that role may let somebody in by a link: one that oversees, unless it says `invites: false`."""
        return self.oversees(role) and self._meaning(role, "invites") is not False

    def migrates(self, role: str) -> bool:
        """Whether that role may move running cases to another version: one that oversees, unless it says `migrates: false`."""
        return self.oversees(role) and self._meaning(role, "migrates") is not False

    def _meaning(self, role: str, name: str) -> bool | int | str | None:
        found = self.codes[ROLES].values.get(role) if ROLES in self.codes else None
        return None if found is None else found.meanings.get(name)

    def definition(self, name: str) -> Definition:
        """The latest version of a lifecycle. Raises NotFound with what there is."""
        return self._found(self.definitions, name, Text("定义", "definition"))

    def party(self, name: str) -> PartyKind:
        """A kind of party. Raises NotFound with what there is."""
        return self._found(self.parties, name, Text("主体类别", "kind of party"))

    def view(self, name: str) -> View:
        """A list that a role works from. Raises NotFound with what there is."""
        return self._found(self.views, name, Text("视图", "view"))

    def book(self, place: str | None = None) -> RuleBook:
        """The rules of a place, or of the default place. Raises NotFound with what there is."""
        return self._found(self.rules, place or self.default_place, Text("地方", "place with rules"))

    def place(self, name: str) -> RuleBook:
        """The rules of that place. Raises NotFound."""
        return self.book(name)

    def calendar_of(self, place: str | None = None) -> Calendar:
        """The calendar that place counts by. Raises NotFound."""
        book = self.book(place)
        return self._found(self.calendars, self.place_calendars.get(book.place), Text("日历", "calendar"))

    @staticmethod
    def _found(things: Mapping[str, T], name: str | None, what: Text) -> T:
        if name is not None and name in things:
            return things[name]
        raise NotFound.among(what, name or "?", things)
