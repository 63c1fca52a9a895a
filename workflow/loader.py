"""YAML files -> a Library, or every fault of every file at once with file, line and column.

The way of a file: safe nodes (yaml_reader.py), shape (grammar.py), then all files together: rules of
places, references and guards, the definitions themselves, and what can be proved of them (proof.py).
A definition is only judged further while nothing is wrong with it, so that one mistake is told once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from .assembly import assemble
from .calendars import Calendar, CalendarFault
from .codelists import check_choice, code_list
from .definition import Codes, Definition, Series
from .errors import DefinitionError, Fault, Text, suggest
from .given import check_are_texts, wrong_kind
from .grammar import HANDED_ON, KINDS
from .guards import Guard
from .library import Library
from .party_kind import PartyKind, party_kinds
from .periods import RuleBook
from .proof import Ties, prove
from .references import References
from .rulebooks import rule_books
from .screens import Console, console
from .shapes import Path, Source
from .stages import Stage, answers, stages
from .view import View, views
from .vocabulary import Vocabulary, World, title_of
from .yaml_reader import MAX_FAULTS, Faults, Mark, Pairs, TooManyFaults, read, read_file

__all__ = ["check", "check_texts", "definition_from_content", "load_definitions", "read_plain"]

SUFFIXES = (".yaml", ".yml")
MAX_FILES = 1000


def load_definitions(*folders: FilePath | str, place: str | None = None) -> Library:
    """All definition files of these folders, checked together.

    `place` names the rules that hold unless another place is asked for; without it, the one place
    that no other extends, or that says it is the default. Raises DefinitionError with every fault of every file.
    """
    if place is not None:
        check_are_texts(place=place)
    return _library(_Shelf(_read_folders(folders), place))


def check(*folders: FilePath | str, place: str | None = None) -> tuple[Fault, ...]:
    """Every fault of every file; nothing when they can be loaded."""
    shelf = _Shelf(_read_folders(folders), place)
    shelf.read()
    return shelf.faults()


def check_texts(texts: Mapping[str, bytes | str], place: str | None = None) -> tuple[Fault, ...]:
    """The same for files that are not on disk, by name."""
    shelf = _Shelf(_read_texts(texts), place)
    shelf.read()
    return shelf.faults()


def definition_from_content(content: str, library: Library | None = None) -> Definition:
    """A definition from its stored canonical content: an older version to which cases are pinned.

    It was checked when it was published, against the law of its day, and is not judged again by today's.
    Raises DefinitionError only if it cannot be read at all.
    """
    world = World(
        definitions={d.name: json.loads(d.content) for d in library.definitions.values()} if library else {},
        codes=library.codes if library else {},
        books=tuple(library.rules.values()) if library else (),
    )
    try:
        data = json.loads(content)
        vocabulary = Vocabulary.of(data, world).trusting()

        def guard(path: Path) -> Guard | None:
            text: Any = data
            for step in path:
                text = text.get(step) if isinstance(text, dict) else text[step]
            return None if text is None else vocabulary.guard(text)

        return assemble(data, guard)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        words = Text("存储的定义无法读取", f"the stored definition cannot be read: {type(error).__name__}")
        raise DefinitionError(
            [Fault(file="content", line=1, column=1, code="content", text=words)]
        ) from error


def read_plain(path: FilePath | str) -> dict[str, Any]:
    """The plain data of one file of another kind (`scenario:`, `letters:` …), read just as safely.

    Raises DefinitionError.
    """
    faults = Faults(str(path))
    tree = read_file(FilePath(path), faults)
    source = Source(faults)
    data = HANDED_ON["import"].check(tree, (), source) if tree is not None else {}
    if faults.found:
        raise DefinitionError(faults.found)
    return dict(data)


# --- files -------------------------------------------------------------------------------------------


@dataclass
class _File:
    name: str
    faults: Faults
    tree: Pairs | None
    kind: str | None = None


def _read_folders(folders: Sequence[FilePath | str]) -> Iterator[_File]:
    for folder in folders:
        if not isinstance(folder, (str, FilePath)):
            raise wrong_kind("folders", folder, "文件夹（str 或 Path）", "a folder (a str or a Path)")
        root = FilePath(folder)
        found = [root] if root.is_file() else sorted(_walk(root))
        if not found or len(found) > MAX_FILES:
            faults = Faults(str(folder))
            if not found:
                faults.add(Mark(), "no_files", "没有定义文件（*.yaml）", "no definition files (*.yaml) here")
            else:
                faults.add(
                    Mark(), "too_many_files", f"文件超过 {MAX_FILES} 个", f"more than {MAX_FILES} files"
                )
            yield _File(str(folder), faults, None)
            continue
        for path in found:
            faults = Faults(str(path))
            yield _File(str(path), faults, read_file(path, faults))


def _walk(root: FilePath) -> Iterator[FilePath]:
    for folder, inner, files in os.walk(root, followlinks=False):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        for name in files:
            if name.endswith(SUFFIXES) and not name.startswith("."):
                yield FilePath(folder, name)


def _read_texts(texts: Mapping[str, bytes | str]) -> Iterator[_File]:
    for name, text in texts.items():
        faults = Faults(name)
        content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        yield _File(name, faults, read(content, faults))


# --- all files together ------------------------------------------------------------------------------


@dataclass
class _Shelf:
    """The files of a library while they are being read."""

    files: Iterator[_File]
    place: str | None
    read_files: list[_File] = field(default_factory=list)
    sources: dict[str, dict[str, Source]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    versions: list[Source] = field(default_factory=list)
    """every version of every definition"""
    codes: dict[str, Codes] = field(default_factory=dict)
    series: dict[str, Series] = field(default_factory=dict)
    calendars: dict[str, Calendar] = field(default_factory=dict)
    books: dict[str, RuleBook] = field(default_factory=dict)
    parties: dict[str, PartyKind] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)
    stages: dict[str, tuple[Stage, ...]] = field(default_factory=dict)
    console: Console = field(default_factory=Console)
    definitions: dict[str, Definition] = field(default_factory=dict)
    by_hash: dict[str, Definition] = field(default_factory=dict)
    left_unread: bool = False
    """A file had so many faults that nobody looked further."""

    def faults(self) -> tuple[Fault, ...]:
        """Every fault so far, file by file and from top to bottom."""
        return tuple(
            fault
            for file in self.read_files
            for fault in sorted(file.faults.found, key=lambda f: (f.line, f.column))
        )

    def read(self) -> None:
        """Read everything; what is wrong is in `faults()`."""
        for file in self.files:
            self.read_files.append(file)
            self._guarded(file.faults, self._file, file)
        for source in self.sources["codes"].values():
            self._guarded(source.faults, self._codes, source)
        for source in self.sources["series"].values():
            self._guarded(source.faults, self._series, source)
        for source in self.sources["calendar"].values():
            self._guarded(source.faults, self._calendar, source)
        for source in [*self.sources["rules"].values()][:1]:
            self._guarded(source.faults, self._rules)
        for source in [*self.sources["party"].values()][:1]:
            self._guarded(source.faults, self._parties)
        for source in [*self.sources["view"].values()][:1]:
            self._guarded(source.faults, self._views)
        for source in [*self.sources["stages"].values()][:1]:
            self._guarded(source.faults, self._stages)
        for source in [*self.sources["console"].values()][:1]:
            self._guarded(source.faults, self._console)
        self._known_place()
        for source in self.sources["codes"].values():
            self._guarded(source.faults, self._sets, source)
        self._definitions()

    def _guarded(self, faults: Faults, step: Any, *arguments: Any) -> None:
        """Whatever goes wrong in one file is a fault of that file."""
        try:
            step(*arguments)
        except TooManyFaults:
            self.left_unread = True
        except Exception as error:  # noqa: BLE001 - the process never dies of a file
            self.left_unread = True
            words = type(error).__name__
            if len(faults.found) < MAX_FAULTS:
                faults.add(
                    Mark(),
                    "internal",
                    f"读取时出错（{words}），请报告",
                    f"the reader failed ({words}): please report",
                )

    def _file(self, file: _File) -> None:
        if file.tree is None:
            return
        file.kind = kind = next(iter(file.tree.pairs), None)
        mark = file.tree.pairs[kind][0].mark if kind else file.tree.mark
        known = [*KINDS, *HANDED_ON]
        if kind not in known:
            zh, en = suggest(kind or "", known)
            allowed = ", ".join(known)
            file.faults.add(
                mark,
                "unknown_kind",
                f"第一个键应为：{allowed}{zh}",
                f"the first key says what the file is, one of: {allowed}{en}",
            )
            return
        source = Source(file.faults, kind)
        shape = KINDS.get(kind) or HANDED_ON[kind]
        source.data = shape.check(file.tree, (), source)
        if kind in KINDS and kind in source.data:
            self._place(source, source.data[kind])

    def _place(self, source: Source, name: str) -> None:
        """Put the file on the shelf under its name; of definitions the latest version."""
        shelf = self.sources[source.kind]
        if source.kind == "definition":
            version = source.data.get("version", 0)
            if any(
                (s.data["definition"], s.data.get("version", 0)) == (name, version) for s in self.versions
            ):
                self._twice(source, f"{name} {version}")
                return
            self.versions.append(source)
            if name in shelf and shelf[name].data.get("version", 0) > version:
                return
        elif name in shelf:
            self._twice(source, name)
            return
        shelf[name] = source

    @staticmethod
    def _twice(source: Source, name: str) -> None:
        source.fault(
            (source.kind,), "declared_twice", f"{name} 已在另一文件中", f"{name} is already in another file"
        )

    # -- codes, series, calendars

    def _codes(self, source: Source) -> None:
        self.codes[source.data["codes"]] = code_list(source)

    def _sets(self, source: Source) -> None:
        if self.complete and all(rules.sound for rules in self.sources["rules"].values()):
            books = [self.books[place] for place in self.places() if place in self.books]
            check_choice(source, self.sources["rules"].values(), books)

    def _series(self, source: Source) -> None:
        data = source.data
        if "format" in data:
            title, scope = title_of(data.get("title", {})), tuple(data.get("scope", ()))
            series = Series(name=data["series"], title=title, format=data["format"], scope=scope)
            self.series[series.name] = series

    def _calendar(self, source: Source) -> None:
        if not source.sound:
            return
        try:
            calendar = Calendar.from_data(source.data)
        except CalendarFault as fault:
            places = {_written(path): path for path in source.values}
            for one in (fault, *fault.others):
                path = places.get(one.path, ("calendar",))
                source.fault(path, "calendar", f"{one.path}：{one.text.zh}", f"{one.path}: {one.text.en}")
            return
        for year, entry in source.data["years"].items():
            for holiday in entry.get("off", {}).keys() - calendar.names.keys():
                self._unnamed(source, ("years", year, "off", holiday))
        self.calendars[source.data["calendar"]] = calendar

    @staticmethod
    def _unnamed(source: Source, path: Path) -> None:
        """A holiday whose English nobody wrote: `explain` would say it in Chinese to somebody who asked in English."""
        zh, en = f"{path[-1]} 没有英文名，请写入 names", f"{path[-1]} has no English: write it into names"
        source.fault(path, "calendar", zh, en, key=True)

    # -- rules and definitions

    def _rules(self) -> None:
        sources = self.sources["rules"]
        for source in sources.values():
            name = source.data.get("calendar")
            known = self.sources["calendar"]
            if name is not None and name not in known and self.complete:
                zh, en = suggest(name, known)
                source.fault(
                    ("calendar",), "unknown_calendar", f"没有日历 {name}{zh}", f"unknown calendar {name}{en}"
                )
        self._one_default()
        self.books = rule_books(sources, complete=self.complete)

    def _parties(self) -> None:
        self.parties = party_kinds(self.sources["party"], self.codes, complete=self.complete)

    def _views(self) -> None:
        definitions = {name: source.data for name, source in self.sources["definition"].items()}
        self.views = views(self.sources["view"], definitions, self.codes, complete=self.complete)

    def _stages(self) -> None:
        definitions = {name: source.data for name, source in self.sources["definition"].items()}
        self.stages = stages(self.sources["stages"], definitions, complete=self.complete)

    def _console(self) -> None:
        definitions = {name: source.data for name, source in self.sources["definition"].items()}
        self.console = console(
            self.sources["console"], definitions, self.codes, self.parties, complete=self.complete
        )

    def _known_place(self) -> None:
        sources = self.sources["rules"]
        if self.place is not None and self.place not in sources:
            zh, en = suggest(self.place, sources)
            faults = self.read_files[0].faults if self.read_files else Faults("?")
            faults.add(
                Mark(), "unknown_place", f"没有地方 {self.place}{zh}", f"unknown place {self.place}{en}"
            )

    @property
    def complete(self) -> bool:
        """Whether every file could be read so far that it is known what it declares."""
        return not self.left_unread and all(file.kind in {*KINDS, *HANDED_ON} for file in self.read_files)

    def places(self) -> list[str]:
        """The places definitions are held against: the one asked for, or all that none extends."""
        sources = self.sources["rules"]
        if self.place in sources:
            return [self.place] if self.place else []
        extended = {source.data.get("extends") for source in sources.values()}
        return [place for place in sources if place not in extended]

    def default_place(self) -> str | None:
        """The place asked for, the only one, or the one that says it is the default."""
        places = self.places()
        chosen = places if len(places) == 1 else self._defaults()
        return chosen[0] if len(chosen) == 1 else None

    def _defaults(self) -> list[str]:
        return [name for name, source in self.sources["rules"].items() if source.data.get("default")]

    def _one_default(self) -> None:
        first, *others = self._defaults() or [""]
        for name in others:
            self.sources["rules"][name].fault(
                ("default",),
                "declared_twice",
                f"默认地方已是 {first}",
                f"the default place is {first} already",
                key=True,
            )

    def _definitions(self) -> None:
        world = World(
            definitions={name: source.data for name, source in self.sources["definition"].items()},
            codes=self.codes,
            series={name: tuple(s.data.get("scope", ())) for name, s in self.sources["series"].items()},
            books=tuple(self.books[place] for place in self.places() if place in self.books),
            rules_sound=all(source.sound for source in self.sources["rules"].values()),
            complete=self.complete,
        )
        for source in self.versions:
            self._guarded(source.faults, self._definition, source, world)
        built = [source for source in self.versions if source.sound]
        latest = [self.definitions[name] for name in self.definitions]
        for source in built:
            self._guarded(source.faults, self._prove, source, latest)

    def _definition(self, source: Source, world: World) -> None:
        references = References(source, world)
        references.check()
        if not source.sound:
            return
        definition = assemble(source.data, references.guards.get)
        self.by_hash[definition.hash] = definition
        if self.sources["definition"][definition.name] is source:
            self.definitions[definition.name] = definition

    def _prove(self, source: Source, latest: list[Definition]) -> None:
        definition = next(
            d
            for d in self.by_hash.values()
            if (d.name, d.version) == (source.data["definition"], source.data["version"])
        )
        if not self.complete or len(latest) < len(self.sources["definition"]):
            return  # what a faulty file would set off is not known yet
        for finding in prove(definition, Ties.of(definition, latest)):
            source.fault(finding.path, finding.code, finding.text.zh, finding.text.en, key=finding.key)


def _written(path: Path) -> str:
    """As the calendar writes it: `years.2025.makeup[0]`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def _library(shelf: _Shelf) -> Library:
    shelf.read()
    faults = shelf.faults()
    if faults:
        raise DefinitionError(faults)
    rules = shelf.sources["rules"]
    return Library(
        definitions=shelf.definitions,
        codes=shelf.codes,
        series=shelf.series,
        calendars=shelf.calendars,
        rules=shelf.books,
        parties=shelf.parties,
        views=shelf.views,
        stages=shelf.stages,
        answers=answers(shelf.sources["stages"]),
        console=shelf.console,
        place_calendars={place: name for place in rules if (name := _calendar_of(place, rules)) is not None},
        default_place=shelf.default_place(),
        versions=shelf.by_hash,
    )


def _calendar_of(place: str, rules: Mapping[str, Source]) -> str | None:
    data = rules[place].data
    found: str | None = data.get("calendar")
    return found if found or "extends" not in data else _calendar_of(data["extends"], rules)
