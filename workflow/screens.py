"""What pages for people need to know of a domain (`console:` files), as plain frozen data: whose menu a screen stands in, what is
shown to whoever is asked by a link, what is signed, which texts fit in one line. What a file may say: docs/language.md §8.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .definition import Codes
from .errors import Text, suggest
from .shapes import Path, Source

__all__ = ["Beginning", "Console", "Signed", "Verdicts", "Visits", "VisitsDay", "console"]

Data = Mapping[str, Any]
TITLED = ("title",)
"""where no file says what a case is called"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """The fields that make up a text which is signed, and those that carry its digest."""

    text: tuple[str, ...]
    digests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What a new installation begins with: the kind of party that stands for a tenant, the role that keeps all the rest, and what
    there should be besides.
    """

    tenants: str
    office: str
    levels: str | None = None
    """the codes of how high such a party stands (its attribute `level`)"""
    units: tuple[str, ...] = ()
    """kinds of parties that work"""
    stations: tuple[str, ...] = ()
    """kinds of parties at which people are received"""
    words: Mapping[str, Text] = field(default_factory=dict)
    """what the page calls its first clerk and its button, and says of units and stations"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """How those who are asked judge the cases that the figures count: the children in which they do, and how these end."""

    of: str
    """their definition"""
    title: Text
    levels: tuple[str, ...]
    """states in which they end, in the order in which they are shown"""
    counted: tuple[str, ...]
    """those that are in a rate"""
    rounds: tuple[tuple[Text, tuple[str, ...]], ...]
    """how a round is called, and the slots of its children"""
    waiting: tuple[str, ...] = ()
    """states in which a counted case waits for them"""
    waiting_title: Text | None = None
    well: tuple[str, ...] = ()
    """those that are summed up besides"""
    well_title: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitsDay:
    """A day on which visitors are received: in which states of which definition, and what a matter taken down on it has of it."""

    of: str
    open: tuple[str, ...]
    on: str
    """the field that says which day it is"""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """field of the matter -> what stands in it then"""
    link: str | None = None
    """the field of the matter that names the day"""
    gives: Mapping[str, str] = field(default_factory=dict)
    """field of the matter -> field of the day"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visits:
    """Matters that a visitor brings to a place: what their form knows beforehand, and by what he is known again there."""

    of: str
    """their definition"""
    at: str
    """the relation in which the place stands"""
    contact: str
    """the field with his telephone"""
    place: str
    on: str
    """the fields for the place and the day"""
    without_day: Mapping[str, str] = field(default_factory=dict)
    """field -> what stands in it where no such day is held"""
    day: VisitsDay | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """All `console:` files of a folder together."""

    screens: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """screen -> the roles in whose menu it stands; one that no file names stands in nobody's"""
    told: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """definition -> its fields that whoever is asked about such a case by a link reads"""
    letters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """definition -> its documents that he may open without an account, and no others"""
    signed: Mapping[str, Signed] = field(default_factory=dict)
    """definition -> the text that is signed in it"""
    one_line: frozenset[str] = frozenset()
    """texts that fit in one line, by the names of their fields"""
    blank: frozenset[str] = frozenset()
    """events whose form begins blank each time: nothing of the last time stands in their form"""
    named_by: tuple[str, ...] = TITLED
    """fields that say what a case is called, the first that a case gives"""
    else_by: tuple[str, ...] = ()
    """fields by which a case is known that gives none of them"""
    happened_on: Mapping[str, str] = field(default_factory=dict)
    """definition -> the field that says on which day what it is about happened: one entered later is marked"""
    setup: Beginning | None = None
    """None: no page leads through a beginning with parties"""
    figures: str | None = None
    """the definition whose cases the year's figures count"""
    verdicts: Verdicts | None = None
    """None: nobody is asked about them"""
    visits: Visits | None = None
    """None: nobody comes in person"""


def console(
    sources: Mapping[str, Source], definitions: Mapping[str, Data], codes: Mapping[str, Codes], parties: Collection[str], *,
    complete: bool,
) -> Console:  # fmt: skip
    """What those files say together; faults are noted in each. `complete`: no file is missing that could not be read."""
    roles: Collection[str] = codes["roles"].values if "roles" in codes else ()
    sound = []
    for source in sources.values():
        if complete:
            _check(source, definitions, roles)
            _check_setup(source, codes, roles, parties)
            _check_verdicts(source, definitions)
            _check_visits(source, definitions)
        if source.sound:
            sound.append(source.data)
    asked = [data.get("asked", {}) for data in sound]
    return Console(
        screens=_together(data.get("screens", {}) for data in sound),
        told=_together({of: one.get("fields", ()) for of, one in several.items()} for several in asked),
        letters=_together({of: one.get("letters", ()) for of, one in several.items()} for several in asked),
        signed={
            of: Signed(text=tuple(one["text"]), digests=tuple(one.get("digests", ())))
            for data in sound for of, one in data.get("signed", {}).items()
        },
        one_line=frozenset(_listed(sound, "one_line")), blank=frozenset(_listed(sound, "blank")),
        named_by=tuple(_listed(sound, "named_by")) or TITLED,
        else_by=tuple(_listed(sound, "else_by")),
        happened_on={of: name for data in sound for of, name in data.get("happened_on", {}).items()},
        setup=next((_beginning(data["setup"]) for data in sound if "setup" in data), None),
        figures=next((data["figures"] for data in sound if "figures" in data), None),
        verdicts=next((_verdicts(data["verdicts"]) for data in sound if "verdicts" in data), None),
        visits=next((_visits(data["visits"]) for data in sound if "visits" in data), None),
    )  # fmt: skip


def _beginning(data: Data) -> Beginning:
    return Beginning(
        tenants=data["tenants"], office=data["office"], levels=data.get("levels"), units=tuple(data.get("units", ())),
        stations=tuple(data.get("stations", ())), words={key: _text(one) for key, one in data.get("words", {}).items()},
    )  # fmt: skip


def _verdicts(data: Data) -> Verdicts:
    titles = {name: _text(data[name]) for name in ("waiting_title", "well_title") if name in data}
    return Verdicts(
        of=data["of"], title=_text(data["title"]), levels=tuple(data["levels"]), counted=tuple(data["counted"]),
        rounds=tuple((_text(one["title"]), tuple(one["slots"])) for one in data["rounds"]),
        waiting=tuple(data.get("waiting", ())), well=tuple(data.get("well", ())), **titles,
    )  # fmt: skip


def _visits(data: Data) -> Visits:
    day = data.get("day")
    return Visits(
        of=data["of"], at=data["at"], contact=data["contact"], place=data["place"], on=data["on"],
        without_day=dict(data.get("without_day", {})), day=None if day is None else VisitsDay(
            of=day["of"], open=tuple(day["open"]), on=day["on"], fixed=dict(day.get("with", {})), link=day.get("link"),
            gives=dict(day.get("gives", {})),
        ),
    )  # fmt: skip


def _text(data: Data) -> Text:
    return Text(data["zh"], data["en"])


def _check_setup(
    source: Source, codes: Collection[str], roles: Collection[str], parties: Collection[str]
) -> None:
    data = source.data.get("setup", {})
    if "office" in data:
        _is(source, ("setup", "office"), data["office"], roles, "unknown_role", "角色", "role")
    if "levels" in data:
        _is(source, ("setup", "levels"), data["levels"], codes, "unknown_codes", "代码表", "code list")
    kinds: list[tuple[Path, str]] = [(("setup", "tenants"), data["tenants"])] if "tenants" in data else []
    kinds += [
        (("setup", key, at), kind)
        for key in ("units", "stations")
        for at, kind in enumerate(data.get(key, ()))
    ]
    for path, kind in kinds:
        _is(source, path, kind, parties, "unknown_party", "主体类别", "kind of party")


def _check_verdicts(source: Source, definitions: Mapping[str, Data]) -> None:
    data = source.data.get("verdicts", {})
    if not _known(source, ("verdicts", "of"), data, definitions):
        return
    levels, counted = data.get("levels", ()), data.get("counted", ())
    here: Data = definitions.get(source.data.get("figures", ""), {})
    for part, known in (
        ("levels", definitions[data["of"]].get("states", {})), ("counted", levels), ("well", counted),
        ("waiting", here.get("states", {})),
    ):  # fmt: skip
        for index, name in enumerate(data.get(part, ())):
            _is(source, ("verdicts", part, index), name, known, "unknown_state", "状态", "state")
    for number, one in enumerate(data.get("rounds", ())):
        for index, name in enumerate(one.get("slots", ())):
            path: Path = ("verdicts", "rounds", number, "slots", index)
            _is(source, path, name, here.get("children", {}), "unknown_slot", "分支", "slot")


def _check_visits(source: Source, definitions: Mapping[str, Data]) -> None:
    data = source.data.get("visits", {})
    if not _known(source, ("visits", "of"), data, definitions):
        return
    day, top, below = data.get("day", {}), ("visits",), ("visits", "day")
    matter = definitions[data["of"]]
    if "at" in data:
        _is(
            source,
            (*top, "at"),
            data["at"],
            matter.get("relations", {}),
            "unknown_relation",
            "关系",
            "relation",
        )
    own: list[tuple[Path, str, bool]] = [
        ((*top, key), data[key], False) for key in ("contact", "place", "on") if key in data
    ]
    own += [((*top, "without_day", key), key, True) for key in data.get("without_day", {})]
    own += [((*below, "link"), day["link"], False)] if "link" in day else []
    own += [((*below, part, key), key, True) for part in ("with", "gives") for key in day.get(part, {})]
    for path, name, key in own:
        _is(source, path, name, matter.get("fields", {}), "unknown_field", "字段", "field", key=key)
    if not _known(source, (*below, "of"), day, definitions):
        return
    held = definitions[day["of"]]
    for index, name in enumerate(day.get("open", ())):
        _is(source, (*below, "open", index), name, held.get("states", {}), "unknown_state", "状态", "state")
    theirs: list[tuple[Path, str]] = [((*below, "on"), day["on"])] if "on" in day else []
    theirs += [((*below, "gives", key), name) for key, name in day.get("gives", {}).items()]
    for path, name in theirs:
        _is(source, path, name, held.get("fields", {}), "unknown_field", "字段", "field")


def _known(source: Source, path: Path, data: Data, definitions: Mapping[str, Data]) -> bool:
    """Whether the definition that is named there is known; where none is named, there is nothing to look at."""
    if "of" not in data:
        return False
    _is(source, path, data["of"], definitions, "unknown_definition", "定义", "definition")
    return data["of"] in definitions


def _listed(several: Iterable[Data], key: str) -> list[str]:
    return [name for data in several for name in data.get(key, ())]


def _together(several: Any) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for one in several:
        for key, names in one.items():
            found[key] = tuple(dict.fromkeys((*found.get(key, ()), *names)))
    return found


def _check(source: Source, definitions: Mapping[str, Data], roles: Collection[str]) -> None:
    """What the file names elsewhere is there."""
    for screen, named in source.data.get("screens", {}).items():
        for index, role in enumerate(named):
            _is(source, ("screens", screen, index), role, roles, "unknown_role", "角色", "role")
    for path, of, names in _named(source.data):
        if of not in definitions:
            _is(source, path[:2], of, definitions, "unknown_definition", "定义", "definition", key=True)
            continue
        for index, name in enumerate(names):
            known = definitions[of].get("fields", {})
            _is(source, (*path, index), name, known, "unknown_field", "字段", "field")
    for of, name in source.data.get("happened_on", {}).items():
        where: Path = ("happened_on", of)
        if of not in definitions:
            _is(source, where, of, definitions, "unknown_definition", "定义", "definition", key=True)
        else:
            _is(source, where, name, definitions[of].get("fields", {}), "unknown_field", "字段", "field")
    if "figures" in source.data:
        _is(
            source,
            ("figures",),
            source.data["figures"],
            definitions,
            "unknown_definition",
            "定义",
            "definition",
        )
    for part in ("one_line", "named_by", "else_by"):
        for index, name in enumerate(source.data.get(part, ())):
            _is(source, (part, index), name, _all(definitions, "fields"), "unknown_field", "字段", "field")
    for index, name in enumerate(source.data.get("blank", ())):
        _is(source, ("blank", index), name, _all(definitions, "events"), "unknown_event", "事件", "event")


def _all(definitions: Mapping[str, Data], part: str) -> set[str]:
    """The names that any definition has there."""
    return {name for definition in definitions.values() for name in definition.get(part, {})}


def _named(data: Data) -> Iterator[tuple[Path, str, Collection[str]]]:
    """(where, definition, its fields) of all that is said of definitions."""
    for part in ("asked", "signed"):
        for of, one in data.get(part, {}).items():
            for key, names in one.items():
                yield (part, of, key), of, names


def _is(
    source: Source, path: Path, value: str, known: Collection[str], code: str, zh: str, en: str, *, key: bool = False
) -> None:  # fmt: skip
    if value not in known:
        meant = suggest(value, known)
        source.fault(path, code, f"没有{zh} {value}{meant[0]}", f"unknown {en} {value}{meant[1]}", key=key)
