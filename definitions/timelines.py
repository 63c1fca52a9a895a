"""From what a page tells to the events of a lifecycle: what a printed event means, and which steps must lie between.

A page tells of a suggestion in its own words and leaves most steps out. What it tells is matched here, word by word, with
an event of the deputies' suggestion or of its conversion into a procuratorial suggestion; what matches nothing is kept as
a note. Steps that must have happened in between are *inferred*: they carry no date, and none of them is a decision.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workflow import Engine

from .records import Printed, Timeline

ROOT_WAY = ("accept_in_session", "assign", "sign_in", "first_contact", "submit_for_signoff", "issue_reply")
BETWEEN_SESSIONS = ("accept", *ROOT_WAY[1:])
"""the same for a suggestion made 闭会期间"""
CHILD_WAY = ("register", "review", "file_case", "draft_suggestion", "issue", "serve", "reply", "verify")
TAKEN_UP = "take_up_by_procuratorate"
ROOT_EVENTS = frozenset(
    {"start", "assign", "issue_reply", "add_commitment", TAKEN_UP, "transfer_to_procuratorate"}
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """Words on a page, and the event they mean; None: no event of the lifecycle, whatever follows."""

    words: re.Pattern[str]
    event: str | None
    detail: str | None = None
    """what must stand in the detail as well"""

    def fits(self, printed: Printed) -> bool:
        """Whether the printed event means this."""
        return bool(self.words.search(printed.event)) and (
            self.detail is None or self.detail in printed.detail
        )


def _meaning(words: str, event: str | None, detail: str | None = None) -> Meaning:
    return Meaning(re.compile(words), event, detail)


MEANINGS = (
    _meaning("再次提出|未解决|发布|报道|预计|印发|出台", None),
    _meaning("代表.*(提出|反映)", "start"),
    _meaning("梳理.*建议|对接代表", TAKEN_UP),
    _meaning("^移送|(交办|转送|移送).*检察院", "transfer_to_procuratorate"),
    _meaning("交办|决定转办", "assign"),
    _meaning("^答复", "issue_reply"),
    _meaning("^承诺", "add_commitment"),
    _meaning("走访|立案前调查|现场查看", "record_investigation"),
    _meaning("立案", "file_case"),
    _meaning("^提起.*诉讼", "sue"),
    _meaning("检察建议", "issue"),
    _meaning("整改评估|跟进核实", "find_not_rectified", "未整改到位"),
    _meaning("整改评估|跟进核实", "find_rectified", "整改到位"),
    _meaning("诉讼期间整改", "record_rectification"),
    _meaning("^回头看", "look_back"),
)
"""the first that fits is taken"""

DETAIL_FIELD = {
    "record_investigation": "investigation", "find_not_rectified": "verification", "find_rectified": "verification",
    "record_rectification": "rectification", "look_back": "look_back_record",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """A printed event with what it means; `event` None: kept as a note."""

    printed: Printed
    event: str | None

    @property
    def is_root(self) -> bool:
        """Whether it happens to the suggestion itself, not to its conversion."""
        return self.event in ROOT_EVENTS


def told(timeline: Timeline) -> list[Told]:
    """The events of a timeline with their meanings, in the order of the lifecycle.

    A promise is part of the reply, so it stands before it; its printed date is the day promised, not that of the promise.
    """
    found = [Told(printed, meaning_of(printed)) for printed in timeline.events]
    reply = next((i for i, one in enumerate(found) if one.event == "issue_reply"), len(found))
    promises = [one for one in found[reply:] if one.event == "add_commitment"]
    rest = [one for one in found[reply:] if one.event != "add_commitment"]
    return [*found[:reply], *promises, *rest]


def meaning_of(printed: Printed) -> str | None:
    """The event a printed event means, or None."""
    return next((meaning.event for meaning in MEANINGS if meaning.fits(printed)), None)


def is_litigation(timeline: Timeline) -> bool:
    """Whether the page itself speaks of public-interest litigation."""
    return "公益诉讼" in timeline.title or any("公益诉讼" in one.event for one in timeline.events)


def data_of(one: Told, timeline: Timeline) -> dict[str, Any]:
    """What the event's form gets; what the page does not print is left out."""
    event, printed = one.event or "", one.printed
    if event == "add_commitment":
        planned = f"{printed.date} " if printed.date else ""
        return {"promise": f"{planned}{printed.event}：{printed.detail}"}
    if event == "issue" and is_litigation(timeline):
        return {"ps_type": "public_interest"}
    data: dict[str, Any] = {}
    if event in DETAIL_FIELD and printed.detail:
        data[DETAIL_FIELD[event]] = printed.detail
    if event == "look_back" and "公开听证" in printed.event:
        data["hearing"] = True
    return data


def way(engine: Engine, kind: str, state: str, event: str, line: Sequence[str]) -> list[str] | None:
    """The steps of `line` that must come first so that `event` can follow; None when there is no way.

    No step is inferred that leads into a state reached by a decision only.
    """
    states = engine.library.definition(kind).states
    steps: list[str] = []
    while not leads_on(engine, kind, state, event):
        ahead = [s for s in line if s not in steps and s != event and leads_on(engine, kind, state, s)]
        if not ahead:
            return None
        state = _target(engine, kind, state, ahead[0])
        if states[state].decided:
            return None
        steps.append(ahead[0])
    return steps


def leads_on(engine: Engine, kind: str, state: str, event: str) -> bool:
    """Whether that state has that event at all."""
    found = engine.library.definition(kind).events.get(event)
    return found is not None and any(state in move.sources for move in found.moves)


def _target(engine: Engine, kind: str, state: str, event: str) -> str:
    moves = engine.library.definition(kind).events[event].moves
    return next((move.to or state for move in moves if state in move.sources), state)
