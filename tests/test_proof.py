"""What is proved of a definition: each proof with the smallest definition that fails it, by code and place."""

from __future__ import annotations

import inspect
import re

import pytest

from workflow import proof
from workflow.loader import check_texts
from workflow.proof import Finding, Ties, prove

from .broken import assert_faults, broken, good, library

HEAD = """\
definition: x
version: 1
title: {zh: 甲, en: x}
source: 第1条
initial: a
"""
SHELF = {name: good()[name] for name in ("roles", "land", "city", "cn", "ground")}
START = "start: {by: office}\n"


def definition(states: str, events: str, rest: str = "", start: str = START) -> dict[str, str]:
    """A library with one small definition; `NAME: extras` per state, `NAME: FROM > TO: extras` per event."""
    text = HEAD + "states:\n"
    for line in states.strip().splitlines():
        name, _, extras = line.strip().partition(": ")
        more = f", {extras}" if extras else ""
        text += f"  {name}: {{zh: 甲, en: x{more}}}\n"
    text += start + "events:\n"
    for line in events.strip().splitlines():
        name, way, extras = line.strip().split(": ", 2)
        sources, _, target = way.partition(" > ")
        to = f", to: {target}" if target else ""
        text += f"  {name}: {{zh: 甲, en: x, from: [{sources}]{to}, {extras}}}\n"
    return {**SHELF, "x": text + rest}


CASES = {
    "the smallest": ([], definition("a: holder: office\nz: end: true", "go: a > z: by: office")),
    "unreachable": (
        ["unreachable"],
        definition(
            "a: holder: office\n¦b: holder: office\nz: end: true",
            "go: a > z: by: office\non_: b > z: by: office",
        ),
    ),
    "unreachable end": (
        ["unreachable"],
        definition("a: holder: office\nz: end: true\n¦w: end: true", "go: a > z: by: office"),
    ),
    "dead end without exit": (
        ["dead_end"],
        definition(
            "a: holder: office\n¦b: holder: office\nz: end: true",
            "go: a > z: by: office\nstay: a > b: by: office",
        ),
    ),
    "dead end that stays": (
        ["dead_end"],
        definition(
            "a: holder: office\n¦b: holder: office\nz: end: true",
            "go: a > z: by: office\nstay: a > b: by: office\nremark: b: by: office",
        ),
    ),
    "dead end in a loop": (
        ["dead_end", "dead_end"],
        definition(
            "a: holder: office\n¦b: holder: office\n¦c: holder: office\nz: end: true",
            "go: a > z: by: office\nin_: a > b: by: office\n"
            "to_c: b > c: by: office, unbounded: {zh: 甲, en: x}\nto_b: c > b: by: office",
        ),
    ),
    "end with exit": (
        ["end_with_exit"],
        definition(
            "a: holder: office\nz: end: true",
            "go: a > z: by: office\n¦back: z > a: by: office, unbounded: {zh: 甲, en: x}",
        ),
    ),
    "end where something happens": (
        ["end_with_exit"],
        definition("a: holder: office\nz: end: true", "go: a > z: by: office\n¦remark: z: by: office"),
    ),
    "join nobody raises": (
        ["never_triggered"],
        definition("a: holder: office\nz: end: true", "go: a > z: by: office\n¦come: a > z: automatic: join"),
    ),
    "notice of no clock": (
        ["never_triggered"],
        definition("a: holder: office\nz: end: true", "go: a > z: by: office\n¦come: a: automatic: notice"),
    ),
    "unbounded loop": (
        ["unbounded_loop"],
        definition(
            "a: holder: office\nb: holder: office\nz: end: true",
            "go: a > z: by: office\n¦out: a > b: by: office\nback: b > a: by: office",
        ),
    ),
    "a bound on another event does not help": (
        ["unbounded_loop"],
        definition(
            "a: holder: office\nb: holder: office\nz: end: true",
            "go: a > z: by: office\n¦out: a > b: by: office\nback: b > a: by: office\n"
            "again: b > a: by: office, round: returns",
        ),
    ),
    "a loop with a round": (
        [],
        definition(
            "a: holder: office\nb: holder: office\nz: end: true",
            "go: a > z: by: office\nout: a > b: by: office\nback: b > a: by: office, round: returns",
        ),
    ),
    "a loop with a reason": (
        [],
        definition(
            "a: holder: office\nb: holder: office\nz: end: true",
            "go: a > z: by: office\nout: a > b: by: office, unbounded: {zh: 甲, en: x}\nback: b > a: by: office",
        ),
    ),
    "staying where one is needs no bound": (
        [],
        definition(
            "a: holder: office\nz: end: true",
            "go: a > z: by: office\nremark: a > a: by: office\nnote: a: by: office",
        ),
    ),
    "a loop through three states": (
        ["unbounded_loop"],
        definition(
            "a: holder: office\nb: holder: office\nc: holder: office\nz: end: true",
            "go: a > z: by: office\n¦one: a > b: by: office\ntwo: b > c: by: office\nthree: c > a: by: office",
        ),
    ),
    "two loops": (
        ["unbounded_loop", "unbounded_loop"],
        definition(
            "a: holder: office\nb: holder: office\nc: holder: office\nd: holder: office\nz: end: true",
            "go: a, d > z: by: office\n¦one: a > b: by: office\ntwo: b > a: by: office\non_: b > c: by: office\n"
            "¦three: c > d: by: office\nfour: d > c: by: office",
        ),
    ),
    "automatic events go round, bounded or not": (
        ["automatic_loop"],
        definition(
            "a: holder: office\nb: holder: office\nz: end: true",
            "go: a, b > z: by: office\n¦out: a > b: automatic: lapse, unbounded: {zh: 甲, en: x}\nback: b > a: automatic: lapse",
            "clocks:\n  one: {zh: 甲, en: x, rule: opinion, starts: [start, back], missed: out}\n"
            "  two: {zh: 甲, en: x, rule: opinion, starts: out, missed: back}\n",
        ),
    ),
    "a clock that restarts itself": (
        ["automatic_loop"],
        definition(
            "a: holder: office\nz: end: true",
            "go: a > z: by: office\nurge: a: automatic: notice",
            "clocks:\n  one: {zh: 甲, en: x, rule: opinion, starts: [start, urge], ¦missed: urge}\n",
        ),
    ),
    "nobody acts": (["nobody_waits"], definition("¦a\nz: end: true", "go: a > z: by: office")),
    "nobody acts but a clock runs": (
        [],
        definition(
            "a\nz: end: true",
            "go: a > z: automatic: lapse",
            "clocks:\n  one: {zh: 甲, en: x, rule: opinion, starts: start, missed: go}\n",
        ),
    ),
    "the clock runs on one of two ways only": (
        ["nobody_waits"],
        definition(
            "a: holder: office\n¦b\nz: end: true",
            "with_clock: a > b: by: office\nwithout: a > b: by: office\ngo: b > z: automatic: lapse",
            "clocks:\n  one: {zh: 甲, en: x, rule: opinion, starts: with_clock, missed: go}\n",
        ),
    ),
    "a clock that has run out helps nobody": (
        ["nobody_waits"],
        definition(
            "a: holder: office\n¦b\nz: end: true",
            "go: b > z: by: office\nurge: a > b: automatic: notice",
            "clocks:\n  one: {zh: 甲, en: x, rule: opinion, starts: start, missed: urge}\n",
        ),
    ),
    "a clock never started": (
        ["unreachable", "never_started"],
        definition(
            "a: holder: office\n¦b: holder: office\nz: end: true",
            "go: a > z: by: office\non_: b > z: by: office",
            "clocks:\n  one: {zh: 甲, en: x, rule: opinion, ¦starts: on_}\n",
        ),
    ),
    "a clock never stopped": (
        ["never_stopped"],
        definition(
            "a: holder: office\nb: holder: office\nz: end: true",
            "out: a > b: by: office\nremark: a: by: office\ngo: b > z: by: office",
            "clocks:\n  one: {zh: 甲, en: x, rule: opinion, starts: out, ¦stops: remark}\n",
        ),
    ),
    "a clock stopped by the end alone": (
        [],
        definition(
            "a: holder: office\nz: end: true",
            "go: a > z: by: office",
            "clocks:\n  one: {zh: 甲, en: x, rule: opinion, starts: start}\n",
        ),
    ),
    "a clock that runs out where its event cannot happen": (
        ["missed_not_possible"],
        definition(
            "a: holder: office\nb: holder: office\nz: end: true",
            "out: a > b: by: office\ngo: b > z: by: office\nurge: a: automatic: notice",
            "clocks:\n  one: {zh: 甲, en: x, rule: opinion, starts: start, ¦missed: urge}\n",
        ),
    ),
    "once run out it does not run out again": (
        [],
        definition(
            "a: holder: office\nb: holder: office\nz: end: true",
            "go: a, b > z: by: office\nlapse: a > b: automatic: lapse",
            "clocks:\n  one: {zh: 甲, en: x, rule: opinion, starts: start, missed: lapse}\n",
        ),
    ),
    "a field nobody asks for": (
        ["never_asked"],
        definition(
            "a: holder: office\nz: end: true",
            "go: a > z: by: office",
            "fields:\n  ¦f: {zh: 甲, en: x, type: text}\n",
        ),
    ),
    "a relation nobody fills": (
        ["never_filled"],
        definition(
            "a: holder: office\nz: end: true",
            "go: a > z: by: office",
            "relations:\n  ¦r: {zh: 甲, en: x, of: unit}\n",
        ),
    ),
}
CASES["no end"] = (
    ["no_end"],
    {**SHELF, "x": HEAD + "¦states:\n  a: {zh: 甲, en: x, holder: office}\n" + START
     + "events:\n  go: {zh: 甲, en: x, from: a, by: office}\n"},
)  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_proof(name: str) -> None:
    codes, files = CASES[name]
    assert_faults(files, *codes)


def test_every_proof_is_tested_here() -> None:
    codes = set(re.findall(r'"([a-z]+(?:_[a-z]+)+|unreachable)",?\s*(?:f?"|\n)', inspect.getsource(proof)))
    codes -= {"set_off"}
    assert {code for code in codes if any(code in told for told, _ in CASES.values())} == codes - {
        "never_opened"
    }


def test_a_slot_that_nobody_opens() -> None:
    files = broken(
        ("petition", "    opens: opinions\n", ""), ("petition", "  opinions: {zh", "  ¦opinions: {zh")
    )
    assert_faults(files, "never_opened")


def test_a_message_shows_the_way_round() -> None:
    _, files = CASES["a loop through three states"]
    (finding,) = _findings(files)
    assert finding.text.en == "loop without round or unbounded: a —one → b —two → c —three → a"


def _findings(files: dict[str, str]) -> list[Finding]:
    clean = {name: text.replace("¦", "") for name, text in files.items()}
    faults = check_texts(clean)
    return [Finding((), fault.code, fault.text) for fault in faults]


def test_ties_come_from_the_whole_library() -> None:
    shelf = library()
    opinion, petition = shelf.definition("opinion"), shelf.definition("petition")
    ties = Ties.of(opinion, [opinion, petition])
    assert ties == Ties(frozenset({"cancel"}), frozenset({"title"}), frozenset({"unit"}))
    assert list(prove(opinion, ties)) == []
    # alone, nobody fills its relation, carries its title, or sets off `cancel`
    assert {finding.code for finding in prove(opinion)} == {"never_filled", "never_asked", "never_triggered"}


def test_what_a_child_raises_happens() -> None:
    given = "  opinion_given: {zh: 已出, en: given, from: assigned, automatic: join}\n"
    files = broken(
        ("opinion", "    form: [opinion]\n", "    form: [opinion]\n    raises: opinion_given\n"),
        ("petition", "  opinions_in:\n", f"{given}  opinions_in:\n"),
    )
    assert_faults(files)
