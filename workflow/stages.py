"""Stages (`stages:` files): the few steps in which a lay person follows a lifecycle. What a file may say: docs/language.md §8."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import Text
from .shapes import Path, Source, suggest
from .vocabulary import title_of

__all__ = ["Stage", "stages"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step with the states that belong to it."""

    title: Text
    states: tuple[str, ...]


def stages(
    sources: Mapping[str, Source], definitions: Mapping[str, Mapping[str, Any]], *, complete: bool
) -> dict[str, tuple[Stage, ...]]:
    """Definition -> its stages in order; faults are noted in each file. `complete`: no file is missing that could not be read."""
    for name, source in sources.items():
        if complete and name not in definitions:
            zh, en = suggest(name, definitions)
            source.fault(
                ("stages",), "unknown_definition", f"没有定义 {name}{zh}", f"unknown definition {name}{en}"
            )
        elif name in definitions:
            _check(source, definitions[name].get("states", {}))
    return {
        name: tuple(map(_stage, source.data["steps"])) for name, source in sources.items() if source.sound
    }


def _stage(step: Mapping[str, Any]) -> Stage:
    return Stage(title=title_of(step["title"]), states=tuple(step["states"]))


def _check(source: Source, known: Mapping[str, Any]) -> None:
    """Every state of the definition stands in one stage, and nothing else does."""
    seen: set[str] = set()
    for path, state in _named(source):
        if state not in known:
            zh, en = suggest(state, known)
            source.fault(path, "unknown_state", f"没有状态 {state}{zh}", f"unknown state {state}{en}")
        elif state in seen:
            source.fault(
                path, "state_twice", f"状态 {state} 已属于一个阶段", f"state {state} is in a stage already"
            )
        seen.add(state)
    for state in known:
        if state not in seen and seen.issubset(known):
            source.fault(
                ("steps",),
                "state_left",
                f"状态 {state} 不属于任何阶段",
                f"state {state} is in no stage",
                key=True,
            )


def _named(source: Source) -> Iterator[tuple[Path, str]]:
    for index, step in enumerate(source.data.get("steps", ())):
        for number, state in enumerate(step.get("states", ())):
            yield ("steps", index, "states", number), state
