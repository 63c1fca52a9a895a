"""Stages (`stages:` files): the few steps in which a lay person follows a lifecycle. What a file may say: docs/language.md §8."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import Text, suggest
from .shapes import Path, Source
from .vocabulary import title_of

__all__ = ["Stage", "answers", "stages"]


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
            _check_answers(source, definitions[name])
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


def answers(sources: Mapping[str, Source]) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Definition -> the clocks within which its cases are to be answered, and the events that answer them."""
    told = {
        name: source.data["answered"]
        for name, source in sources.items()
        if source.sound and "answered" in source.data
    }
    return {name: (_several(one["clocks"]), _several(one["events"])) for name, one in told.items()}


def _several(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _check_answers(source: Source, definition: Mapping[str, Any]) -> None:
    """The definition has these clocks and events."""
    for part, code, zh, en in (
        ("clocks", "unknown_clock", "时限", "clock"), ("events", "unknown_event", "事件", "event"),
    ):  # fmt: skip
        known = definition.get(part, {})
        for name in _several(source.data.get("answered", {}).get(part, ())):
            if name not in known:
                meant = suggest(name, known)
                source.fault(
                    ("answered", part), code, f"没有{zh} {name}{meant[0]}", f"unknown {en} {name}{meant[1]}"
                )


def _named(source: Source) -> Iterator[tuple[Path, str]]:
    for index, step in enumerate(source.data.get("steps", ())):
        for number, state in enumerate(step.get("states", ())):
            yield ("steps", index, "states", number), state
