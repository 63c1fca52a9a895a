"""Where a case stands, in pictures: the few steps for everybody, the whole lifecycle with its own way for whoever asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from markupsafe import Markup

from workflow import Case, HistoryEntry
from workflow.definition import Definition
from workflow.diagram import drawn, in_words, trail
from workflow.errors import Text
from workflow.overview import who_may

from .screens import Look, Page, Screen

YOU = Text("您", "you")


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of a lifecycle, as this case sees it."""

    title: Text
    where: Literal["past", "over", "here", "ahead"]
    state: Text
    """where it stands now"""


def stepper(look: Look, case: Case, entries: Sequence[HistoryEntry]) -> list[Step]:
    """The stages of the case's lifecycle; none where nobody has named them, or where an older version has other states. One
    that it never was in, as far as its whole history tells, was passed over: of what is withdrawn, the reply. `entries`: the last
    lines, perhaps all of them.
    """
    stages = look.engine.library.stages.get(case.kind, ())
    here = next((n for n, stage in enumerate(stages) if case.state in stage.states), None)
    if here is None:
        return []
    states = look.engine.laws.pinned(case.definition).definition.states
    been = _been(entries)
    if entries and entries[0].seq > 1 and any(been.isdisjoint(stage.states) for stage in stages[:here]):
        entries = look.engine.history(case.id, actor=look.actor)
        been = _been(entries)
    told = _tells_all(entries) and been <= states.keys()
    return [
        Step(
            stage.title,
            "here" if n == here else "ahead" if n > here
            else "past" if not told or not been.isdisjoint(stage.states) else "over",
            states[case.state].title,
        )
        for n, stage in enumerate(stages)
    ]  # fmt: skip


def _tells_all(entries: Sequence[HistoryEntry]) -> bool:
    """Whether these lines lead from the beginning to here: not those of a record, nor where a line that moved it is kept back."""
    steps = pairwise(entries)
    return (
        bool(entries)
        and entries[0].seq == 1
        and not any(one.automatic == "import" for one in entries)
        and all(one.to_state == then.from_state for one, then in steps)
    )


def _been(entries: Sequence[HistoryEntry]) -> set[str]:
    """The states it was in, by the names of today as far as they are known."""
    return {state for entry in renamed(entries) for state in (entry.from_state, entry.to_state) if state}


def renamed(entries: Sequence[HistoryEntry]) -> list[HistoryEntry]:
    """The lines with each state called as the version calls it to which the case was moved since, where a line tells: of the
    state in which it was moved. The others have kept their names, or are called by one that is no more.
    """
    names: dict[str, str] = {}
    found = []
    for entry in reversed(entries):
        old, new = entry.from_state, entry.to_state
        if entry.event == "migrate":
            names, old = names | {old: names.get(new, new)}, new
        found.append(replace(entry, from_state=names.get(old, old), to_state=names.get(new, new)))
    return found[::-1]


def picture(look: Look) -> Page:
    """The lifecycle of the version the case is pinned to, with its own way."""
    case = look.known
    definition = look.engine.laws.pinned(case.definition).definition
    entries = look.engine.history(case.id, actor=look.actor)
    way = trail(renamed(entries), case.state, _following(look, definition, case))
    return Page("picture.html", {
        "case": case, "title": look.caption(case),
        "steps_of": stepper(look, case, entries), "lines": in_words(definition, look.language, way),
        "picture": Markup(drawn(definition, look.language, way)),  # noqa: S704 - our own SVG, every word of it escaped
    })  # fmt: skip


def _following(look: Look, definition: Definition, case: Case) -> Mapping[str, str]:
    """What may happen next -> who may: the reader, or those the definition names, where nothing else stands against it."""
    found = {}
    for permission in look.engine.permitted(case.id, look.actor):
        if permission.allowed:
            found[permission.event] = look.words(YOU)
        elif {reason.code for reason in permission.reasons} == {"role"}:
            found[permission.event] = look.words(who_may(look.engine, definition, permission.event))
    return found


PICTURES = (Screen(path="/cases/<id>/picture", name="picture", view=picture, permission="case"),)
