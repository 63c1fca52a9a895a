"""What the guards of a definition may ask (docs/language.md §5): names, types, and the words for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .definition import Codes
from .errors import Text
from .guards import Guard, GuardType, Subject, compile_guard
from .periods import RuleBook

__all__ = ["EARLIER", "ENDED", "FIELD_FACTS", "SLOT_FACTS", "Data", "Vocabulary", "World"]

Data = Mapping[str, Any]

SLOT_FACTS: Mapping[str, tuple[GuardType, str, str]] = {
    "total": ("integer", "总数", "total"),
    "open": ("integer", "未结数", "open"),
    "done": ("integer", "已完成数", "done"),
    "joined": ("boolean", "已齐", "all in"),
}
FIELD_FACTS: Mapping[str, tuple[GuardType, str, str]] = {
    "given": ("boolean", "已填写", "given"),
    "count": ("integer", "数", "how many"),
}
"""`count` of lists only"""
ENDED = "ended"
"""asked of the case a field points to, beside its states"""
EARLIER = "earlier"
"""the child that the same party had before, in a slot that the child's own follows"""
_LISTS = ("codes", "documents", "units", "persons")
_FIELD: Mapping[str, GuardType] = {
    "text": "text", "integer": "integer", "boolean": "boolean", "date": "date", "month": "text", "code": "text",
    "codes": "texts", "document": "document", "documents": "document", "unit": "text",
    "units": "texts", "person": "text", "persons": "texts", "case": "text",
}  # fmt: skip


@dataclass(frozen=True)
class World:
    """All that definitions may refer to outside themselves."""

    definitions: Mapping[str, Data] = field(default_factory=dict)
    """The latest version of each, as plain data."""
    codes: Mapping[str, Codes] = field(default_factory=dict)
    series: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """name -> scope"""
    books: tuple[RuleBook, ...] = ()
    """of every place that must be able to follow the definitions"""
    rules_sound: bool = True
    """False when a rules file has faults: then nothing is said of names that may stand in it"""
    complete: bool = True
    """False when a file could not be read at all: nobody knows what it would have declared"""

    @property
    def families_known(self) -> bool:
        """Whether it is known which definition is whose child."""
        slots = [slot for data in self.definitions.values() for _, slot in entries(data, "children")]
        return self.complete and all(slot.get("definition") in self.definitions for slot in slots)

    def parents(self, name: str) -> list[tuple[Data, str]]:
        """The definitions that have that one as a child, with the slot."""
        return [
            (data, slot)
            for data in self.definitions.values()
            for slot, entry in entries(data, "children")
            if entry.get("definition") == name
        ]


def entries(data: Data, section: str) -> Iterator[tuple[str, Data]]:
    """Name and entry of a section that may be missing."""
    yield from data.get(section, {}).items()


def title_of(entry: Data) -> Text:
    """Its title."""
    return Text(entry.get("zh", "?"), entry.get("en", "?"))


class Types(dict[str, GuardType]):
    """Names and their types. What begins with one of `trusted` passes: its own file has a fault already."""

    trusted: tuple[str, ...] = ()

    def get(self, name: str, default: Any = None) -> Any:
        """The type, `any` for a name that cannot be judged."""
        return super().get(name, "any" if name.startswith(self.trusted) else default)

    def trust(self, *beginnings: str) -> None:
        """Judge no name that begins so."""
        self.trusted = (*self.trusted, *beginnings)


@dataclass
class Vocabulary:
    """The names one definition's guards may use."""

    types: Types = field(default_factory=Types)
    titles: dict[str, Text] = field(default_factory=dict)
    codes: dict[str, frozenset[str]] = field(default_factory=dict)
    subjects: dict[str, Subject] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Data, world: World) -> Vocabulary:
        """The vocabulary of a definition: its own, and the root's behind `root.`."""
        own = cls._own(data, world)
        slots = world.parents(data.get("definition", ""))
        parents = [cls._own(parent, world) for parent, _ in slots]
        own.take_root(parents or [own])
        if any("follows" in parent["children"][slot] for parent, slot in slots):
            own.take_earlier(data)
        if not (parents or world.families_known):
            own.types.trust("root.", f"{EARLIER}.")
        if not (world.rules_sound and world.complete):
            own.types.trust("rule.", "root.rule.")
        return own

    def guard(self, text: str) -> Guard:
        """Compile a guard over these names. Raises GuardFault."""
        return compile_guard(text, self.types, self.titles, self.codes, self.subjects)

    def trusting(self) -> Vocabulary:
        """The same, but a name it does not know passes: for content checked when it was published."""
        types = Types(self.types)
        types.trust("")
        return Vocabulary(types, self.titles, {}, self.subjects)

    @classmethod
    def _own(cls, data: Data, world: World) -> Vocabulary:
        own = cls()
        for name, entry in entries(data, "fields"):
            own._field(name, entry, world)
        for name, entry in entries(data, "relations"):
            title = title_of(entry)
            own._add(name, "integer", f"{title.zh}数", f"number of {title.en}")
            own.subjects[name] = Subject("parties", title)
            own.subjects[f"{name}.{'party' if entry.get('one') else 'parties'}"] = Subject("field", title)
            own._add(f"{name}.party", "text", title.zh, title.en) if entry.get("one") else own._add(
                f"{name}.parties", "texts", title.zh, title.en
            )
        for name, entry in entries(data, "children"):
            own._slot(name, entry, world)
        for name, entry in entries(data, "clocks"):
            title = title_of(entry)
            own._add(f"clock.{name}.expired", "boolean", f"{title.zh} 已到期", f"{title.en}: run out")
            own._add(f"clock.{name}.running", "boolean", f"{title.zh} 进行中", f"{title.en}: running")
            own.subjects[f"clock.{name}.expired"] = Subject("expired", title)
            own.subjects[f"clock.{name}.running"] = Subject("running", title, _ending(entry, data))
        for name, entry in entries(data, "events"):
            title = title_of(entry)
            own._add(f"round.{name}", "integer", f"{title.zh} 次数", f"times: {title.en}")
            own.subjects[f"round.{name}"] = Subject("round", title)
        own._switches(world.books)
        return own

    def _add(self, name: str, kind: GuardType, zh: str, en: str) -> None:
        self.types[name] = kind
        self.titles[name] = Text(zh, en)

    def _field(self, name: str, entry: Data, world: World) -> None:
        kind, title = _FIELD.get(entry.get("type", "")), title_of(entry)
        if kind is None:
            return
        self._add(name, kind, title.zh, title.en)
        self.subjects[name] = Subject("field", title)
        for fact, (type_, zh, en) in FIELD_FACTS.items():
            if fact == "given" or entry["type"] in _LISTS:
                self._add(f"{name}.{fact}", type_, f"{title.zh} {zh}", f"{title.en}: {en}")
                self.subjects[f"{name}.{fact}"] = Subject("given" if fact == "given" else "count", title)
        if "of" in entry:
            self._link(name, entry, world)
        codes = world.codes.get(entry.get("codes", ""))
        if codes is None:
            if entry["type"] in ("code", "codes"):
                self.types.trust(f"{name}.")
            return
        # Values of sets are letters that differ by place: none of them may be named.
        self.codes[name] = frozenset(value for value in codes.values if ":" not in value)
        for meaning, type_ in codes.meanings.items():
            self._add(f"{name}.{meaning}", type_, f"{title.zh}·{meaning}", f"{title.en}: {meaning}")
            choices = _choices(codes, meaning) if type_ == "boolean" else {}
            self.subjects[f"{name}.{meaning}"] = Subject("meaning", title, meaning, choices)

    def _link(self, name: str, entry: Data, world: World) -> None:
        """What may be asked of the case a field points to: which state it is in, and whether it has ended."""
        title, other = title_of(entry), world.definitions.get(entry["of"])
        self._add(f"{name}.{ENDED}", "boolean", f"{title.zh} 已结束", f"{title.en}: ended")
        self.subjects[f"{name}.{ENDED}"] = Subject("link", title)
        if other is None:
            self.types.trust(f"{name}.")
            return
        for state, found in entries(other, "states"):
            words = title_of(found)
            self._add(
                f"{name}.{state}", "boolean", f"{title.zh} 为“{words.zh}”", f"{title.en} is '{words.en}'"
            )
            self.subjects[f"{name}.{state}"] = Subject("link", title, words)

    def _slot(self, name: str, entry: Data, world: World) -> None:
        title = title_of(entry)
        for fact, (kind, zh, en) in SLOT_FACTS.items():
            self._add(f"{name}.{fact}", kind, f"{title.zh} {zh}", f"{title.en}: {en}")
            self.subjects[f"{name}.{fact}"] = Subject("slot", title, fact)
        child = world.definitions.get(entry.get("definition", ""))
        if child is None:
            self.types.trust(f"{name}.")
            return
        for state, found in entries(child, "states"):
            if state not in SLOT_FACTS:
                words = title_of(found)
                self._add(
                    f"{name}.{state}", "integer", f"{title.zh} {words.zh} 数", f"{title.en}: {words.en}"
                )
                self.subjects[f"{name}.{state}"] = Subject("state", title, words)

    def take_earlier(self, data: Data) -> None:
        """Add what may be asked of the child that the same party had before: in which state it is."""
        title = Text("前一次", "the one before")
        for state, entry in entries(data, "states"):
            words = title_of(entry)
            self._add(
                f"{EARLIER}.{state}", "boolean", f"前一次为“{words.zh}”", f"the one before is '{words.en}'"
            )
            self.subjects[f"{EARLIER}.{state}"] = Subject("link", title, words)

    def _switches(self, books: Iterable[RuleBook]) -> None:
        """A switch every place has, with one type."""
        found = [{rule.id: rule for rule in book.rules if rule.unit == "switch"} for book in books]
        for name in set.intersection(*(set(switches) for switches in found)) if found else ():
            kinds = {_switch_type(rule.value) for book in books for rule in book.rules if rule.id == name}
            if len(kinds) == 1:
                title = found[0][name].title
                self._add(f"rule.{name}", kinds.pop(), title.zh, title.en)
                self.subjects[f"rule.{name}"] = Subject("rule", title)

    def take_root(self, roots: list[Vocabulary]) -> None:
        """Add what all the roots it can have know under one type."""
        first, *others = [dict(root.types) for root in roots]
        self.types.trust(*(f"root.{beginning}" for root in roots for beginning in root.types.trusted))
        for name, kind in first.items():
            if all(other.get(name) == kind for other in others):
                title = roots[0].titles[name]
                self._add(f"root.{name}", kind, title.zh, title.en)
                if (subject := roots[0].subjects.get(name)) is not None:
                    self.subjects[f"root.{name}"] = subject
                if all(name in root.codes for root in roots):
                    self.codes[f"root.{name}"] = frozenset.intersection(*(root.codes[name] for root in roots))


def _ending(clock: Data, data: Data) -> Text | str:
    """The step that a running clock waits for: the first a person takes; nothing where there is none."""
    stops, events = clock.get("stops", ()), dict(entries(data, "events"))
    steps = (events.get(name, {}) for name in ([stops] if isinstance(stops, str) else stops))
    return next((title_of(step) for step in steps if "by" in step), "")


def _choices(codes: Codes, meaning: str) -> dict[bool, list[Text]]:
    """The codes that say yes and those that say no; none where it depends on the place which codes there are."""
    if codes.chosen_by is not None or any(":" in value for value in codes.values):
        return {}
    found: dict[bool, list[Text]] = {}
    for code in codes.values.values():
        found.setdefault(bool(code.meanings.get(meaning)), []).append(code.title)
    return found


def _switch_type(value: object) -> GuardType:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    return "texts" if isinstance(value, tuple) else "text"
