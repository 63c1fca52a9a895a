"""Where a case stands, in pictures: the few steps for everybody, the whole lifecycle with its own way for whoever asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    that it never was in, as far as its whole history is at hand, was passed over: of what is withdrawn, the reply.
    """
    stages = look.engine.library.stages.get(case.kind, ())
    here = next((n for n, stage in enumerate(stages) if case.state in stage.states), None)
    if here is None:
        return []
    state = look.engine.laws.pinned(case.definition).definition.states[case.state].title
    been = {state for entry in entries for state in (entry.from_state, entry.to_state)}
    whole = bool(entries) and entries[0].seq == 1 and not any(one.automatic == "import" for one in entries)
    return [
        Step(
            stage.title,
            "here" if n == here else "ahead" if n > here
            else "past" if not whole or not been.isdisjoint(stage.states) else "over",
            state,
        )
        for n, stage in enumerate(stages)
    ]  # fmt: skip


def picture(look: Look) -> Page:
    """The lifecycle of the version the case is pinned to, with its own way."""
    case = look.known
    definition = look.engine.laws.pinned(case.definition).definition
    entries = look.engine.history(case.id, actor=look.actor)
    way = trail(entries, case.state, _following(look, definition, case))
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
