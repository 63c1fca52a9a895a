"""A good library with one thing broken in it: the text after ¦ is where the fault must be found."""

from __future__ import annotations

import os
import re
from pathlib import Path

from workflow import loader
from workflow.library import Library
from workflow.loader import check_texts

GOOD = Path(__file__).parent / "data" / "definitions" / "good"
MARK = "¦"
MODULES = (
    "yaml_reader",
    "shapes",
    "grammar",
    "references/__init__",
    "references/clocks",
    "references/fields",
    "references/happenings",
    "references/lookup",
    "references/retention",
    "references/slots",
    "rulebooks",
    "codelists",
    "party_kind",
    "screens",
    "stages",
    "view",
    "loader",
    "guards/syntax",
)
CODE = re.compile(r'"([a-z][a-z0-9]*(?:_[a-z0-9]+)*)",\s*(?:f?"|zh)[^"]*[一-鿿]')
"""How our sources write a fault: its code, then its Chinese."""

TIMES = int(os.environ.get("FUZZ", "1"))
"""FUZZ=100 makes every fuzz that much longer."""

Found = set[tuple[str, str, int, int]]


def good() -> dict[str, str]:
    """The good files by name without suffix."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(GOOD.glob("*.yaml"))}


def broken(*changes: tuple[str, str, str]) -> dict[str, str]:
    """The good files with those changes (file, old, new); an empty `old` adds `new` at the end."""
    files = good()
    for name, old, new in changes:
        text = files.get(name, "")
        assert not old or text.count(old) == 1, f"{name}: {text.count(old)} times {old!r}"
        files[name] = text.replace(old, new) if old else text + new
    return files


def marked(files: dict[str, str]) -> tuple[dict[str, str], set[tuple[str, int, int]]]:
    """The files without their marks, and where the marks stood."""
    places = set()
    for name, text in files.items():
        for number, line in enumerate(text.split("\n"), 1):
            parts = line.split(MARK)
            for index in range(1, len(parts)):
                places.add((name, number, len("".join(parts[:index])) + 1))
    return {name: text.replace(MARK, "") for name, text in files.items()}, places


def found(files: dict[str, str], place: str | None = None) -> Found:
    """What the loader says of these files."""
    return {(f.code, f.file, f.line, f.column) for f in check_texts(files, place)}


def assert_faults(files: dict[str, str], *codes: str) -> None:
    """Exactly one fault of each code, each at a mark."""
    clean, places = marked(files)
    faults = check_texts(clean)
    told = "\n".join(f"{fault} {fault.code}" for fault in faults)
    assert sorted(fault.code for fault in faults) == sorted(codes), told
    assert {(fault.file, fault.line, fault.column) for fault in faults} == places, told
    for fault in faults:
        assert fault.text.en
        assert any("一" <= letter <= "鿿" for letter in fault.text.zh), fault


def library(files: dict[str, str] | None = None, place: str | None = None) -> Library:
    """The library of these files, by default the good one."""
    shelf = loader._Shelf(loader._read_texts(good() if files is None else files), place)
    return loader._library(shelf)


def source_of(*modules: str) -> str:
    """The text of those modules of the engine."""
    folder = Path(loader.__file__).parent
    return "".join((folder / f"{name}.py").read_text(encoding="utf-8") for name in modules)


def fault_codes(source: str) -> set[str]:
    """The codes of the faults that source tells of."""
    return set(CODE.findall(source))
