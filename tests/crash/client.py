"""Somebody who tells the story of a suggestion over and over, every act under a key of its own, and knows after a break where to go on."""

from __future__ import annotations

from typing import Any

from tests.crash import story
from workflow.engine import Engine
from workflow.errors import Refused

SHARED = "@shared"
ACTS = tuple(
    act for step in story.STORY for act in (step, (SHARED, "record_source", story.actor("second-office")))
)
LENGTH = 1 + len(ACTS)
"""acts of one telling: the start, each step of the story, and after each a line in the case that all share"""


class Client:
    """The teller in one place; whoever takes the place over goes on with its log."""

    def __init__(self, engine: Engine, place: int, shared: str) -> None:
        self._engine = engine
        self._place = place
        self._shared = shared

    def act(self, done: list[dict[str, Any]], *, again: bool) -> dict[str, Any]:
        """Do the act after those that are done; what was answered. `again`: nobody knows whether it was done before."""
        number = len(done)
        key, step = f"{self._place}-{number}", number % LENGTH
        who = story.OFFICE if step == 0 else ACTS[step - 1][2]
        full = f"{who.person}\n{key}"
        line: dict[str, Any] = {
            "key": full,
            "resent": again and number > 0,
            "done": again and self._was_done(full),
        }
        try:
            if step == 0:
                line["event"] = "start"
                case = self._engine.start("suggestion", who, story.suggestion(), tenant=story.TENANT, key=key)
            else:
                where, event, _ = ACTS[step - 1]
                line["event"] = event
                target = self._target(where, done[number - step]["case"])
                data = story.data_of(target[1], event, source_note=key)
                if event == "record_source":
                    data["source_note"] = key
                case = self._engine.fire(target[0], event, who, data, key=key)
        except Refused as refusal:
            return {**line, "refused": [reason.code for reason in refusal.reasons]}
        return {**line, "case": case.id, "seq": case.seq, "revision": case.revision, "who": who.person}

    def _target(self, where: str, root: str) -> tuple[str, str]:
        if where == SHARED:
            return self._shared, "suggestion"
        if not where:
            return root, "suggestion"
        child = [child for child in self._engine.children(root) if child.slot == where][-1]
        return child.id, child.kind

    def _was_done(self, key: str) -> bool:
        with self._engine.store.work() as work:
            return self._engine.store.answer(work, key) is not None
