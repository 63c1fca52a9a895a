"""docs/language.md is true: its files are a library, its mistakes are answered as it says, its tables are complete."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from workflow.grammar import (
    ATTRIBUTE,
    BOND,
    CLOCK,
    CODES,
    CONSOLE,
    DEFINITION,
    EVENT,
    HANDED_ON,
    HIDE,
    KINDS,
    PARTY,
    RULE,
    SLOT,
    STAGE,
    STAGES,
    START,
    VIEW,
)
from workflow.guards import Guard
from workflow.library import Library
from workflow.loader import check_texts
from workflow.vocabulary import Vocabulary, World

from .broken import MODULES, fault_codes, library, source_of

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


FILES = {block.split("\n", 1)[0].removeprefix("# "): block for block in blocks("yaml")}
MISTAKES = [block.rstrip("\n").split("\n") for block in blocks("fault")]


def test_the_files_of_the_page_are_a_library() -> None:
    assert len(FILES) == len(blocks("yaml")) == 13
    assert [str(fault) for fault in check_texts(FILES)] == []


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_a_mistake_is_answered_as_the_page_says(number: int) -> None:
    change, *told = MISTAKES[number]
    file, _, rest = change.partition(": ")
    old, _, new = rest.partition(" => ")
    assert FILES[file].count(old) == 1, old
    faults = check_texts({**FILES, file: FILES[file].replace(old, new)})
    assert [str(fault) for fault in faults] == told


def _guards(shelf: Library) -> Vocabulary:
    data = {name: json.loads(d.content) for name, d in shelf.definitions.items()}
    world = World(definitions=data, codes=shelf.codes, books=tuple(shelf.rules.values())[1:])
    return Vocabulary.of(data["suggestion"], world)


@pytest.mark.parametrize("number", range(len(blocks("guard"))))
def test_a_guard_says_what_the_page_says(number: int) -> None:
    text, *answers = blocks("guard")[number].rstrip("\n").split("\n")
    guard: Guard = _guards(library(FILES)).guard(text)
    for answer in answers:
        given, _, told = answer.partition(" -> ")
        pairs = (pair.split("=") for pair in given.split())
        facts: dict[str, object] = {
            n: {"true": True, "false": False}.get(v, int(v) if v.isdigit() else v) for n, v in pairs
        }
        verdict = guard.evaluate(facts)
        reasons = "; ".join(str(reason.text) for reason in verdict.reasons)
        assert ("yes" if verdict.holds else f"no: {reasons}") == told


def test_every_code_of_a_fault_is_on_the_page_and_in_the_code() -> None:
    code = source_of("proof", *MODULES)
    table = PAGE[PAGE.index("| code | refused |") :]
    told = {
        word for row in table.splitlines()[2:] for word in re.findall(r"`([a-z0-9_]+)`", row.split("|")[1])
    }
    assert fault_codes(code) - told == set()
    assert {word for word in told if f'"{word}"' not in code} == set()


SHAPES = {
    "definition": DEFINITION,
    "start": START,
    "event": EVENT,
    "clock": CLOCK,
    "slot": SLOT,
    "hide": HIDE,
    "codes": CODES,
    "rule": RULE,
    "party": PARTY,
    "attribute": ATTRIBUTE,
    "bond": BOND,
    "view": VIEW,
    "stages": STAGES,
    "stage": STAGE,
    "console": CONSOLE,
}


@pytest.mark.parametrize("name", SHAPES)
def test_every_key_is_on_the_page(name: str) -> None:
    for key in SHAPES[name].keys:
        assert re.search(rf"\b{key}\b", PAGE), key


def test_every_kind_is_on_the_page() -> None:
    for kind in (*KINDS, *HANDED_ON):
        assert f"`{kind}`" in PAGE
