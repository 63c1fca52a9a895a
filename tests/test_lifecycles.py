"""A way to every end of every shipped lifecycle, and who may do what, compared with tables written by hand: tests/walks/.

A walk is a chain of `event role state`, one a line (indented lines go on); it follows states only, guards are tried by the
engine's own walks (tests/test_walks.py). `-` stands for the role of an automatic event, `name = …` names the beginning of others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from workflow.definition import Event, Holder
from workflow.library import Library

HERE = Path(__file__).parent
WALKS = HERE / "walks"


def walks(path: Path) -> list[str]:
    """The walks of a file, with what they begin with."""
    text = re.sub(r"\n +", " ", path.read_text("utf-8"))
    named: dict[str, str] = {}
    found = []
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        name, is_named, steps = line.partition(" = ")
        walk = (steps if is_named else line).format(**named)
        if is_named:
            named[name] = walk
        else:
            found.append(walk)
    return found


FILES = {path.stem: walks(path) for path in sorted(WALKS.glob("*.txt"))}


def steps(walk: str) -> Iterator[tuple[str, str, str]]:
    """Each (event, role, state)."""
    for step in walk.split(";"):
        event, who, state = step.split()
        yield event, who, state


def targets(event: Event, state: str) -> set[str]:
    """Where an event may lead from there."""
    return {move.to or state for move in event.moves if state in move.sources}


def names(holders: tuple[Holder, ...]) -> set[str]:
    """`the signer as deputy` is written `the_signer`, a role stands for itself."""
    return {holder.role or str(holder).partition(" as ")[0].replace(" ", "_") for holder in holders}


@pytest.mark.parametrize(("kind", "walk"), [(kind, walk) for kind, found in FILES.items() for walk in found])
def test_walk(library: Library, kind: str, walk: str) -> None:
    definition = library.definitions[kind]
    state = definition.initial
    for name, who, expected in steps(walk):
        event = definition.events[name]
        assert expected in targets(event, state), f"{name} does not lead from {state} to {expected}"
        assert event.automatic if who == "-" else who in names(event.by), f"{name} is not for {who}"
        state = expected


def test_every_lifecycle_is_walked_to_every_end(library: Library) -> None:
    assert FILES.keys() == library.definitions.keys()
    for kind, found in FILES.items():
        reached = {state for walk in found for _, _, state in steps(walk)}
        ends = {name for name, state in library.definitions[kind].states.items() if state.end}
        assert ends <= reached, kind


def test_every_state_of_the_newer_lifecycles_is_walked(library: Library) -> None:
    for kind in (
        "supervision",
        "escalation",
        "opinion",
        "reverse_conversion",
        "prep_campaign",
        "activity",
        "duty_task",
        "yearly_report",
    ):
        definition = library.definitions[kind]
        reached = {state for walk in FILES[kind] for _, _, state in steps(walk)} | {definition.initial}
        assert reached == set(definition.states), kind
        fired = {event for walk in FILES[kind] for event, _, _ in steps(walk)}
        assert fired == set(definition.events), kind


@pytest.mark.parametrize(
    "row", (WALKS / "who_may.tsv").read_text("utf-8").splitlines(), ids=lambda row: row.split()[0]
)
def test_who_may(library: Library, row: str) -> None:
    what, who = re.split(r"\s+", row, maxsplit=1)
    kind, name = what.split(".")
    definition = library.definitions[kind]
    event = definition.start if name == "start" else definition.events[name]
    assert (event.automatic or " | ".join(map(str, event.by))) == who
