"""Whether what a definition names is there, and of the right kind: states, roles, fields, rules, children, guards.

Works on plain data that already have their shape, though parts of them may have been refused: what is
missing is passed over here, so that one mistake is told once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ..assembly import parse_holder
from ..shapes import Path
from ..vocabulary import Data, entries
from .clocks import Clocks
from .fields import Fields
from .happenings import Happenings
from .retention import Retention
from .slots import Slots

__all__ = ["References"]

_OF_OPEN_STATES = {
    "holder": ("办理人", "holder"), "next": ("下一步", "next step"), "awaits": ("要等的子案", "children to wait for"),
}  # fmt: skip


class References(Fields, Happenings, Clocks, Slots, Retention):
    """Checks one definition file against itself and the world."""

    def check(self) -> None:
        """Note every fault."""
        self._known(("initial",), self.data.get("initial"), "states")
        self._names()
        for index, text in enumerate(self.data.get("barred", ())):
            self._relation(parse_holder(f"the {text}"), ("barred", index), None)
        self._holders(("seen_by",), self.data.get("seen_by"))
        for name, entry in entries(self.data, "hides"):
            self._hide(("hides", name), entry)
        self._unseen()
        for index, name in enumerate(self.data.get("similar", ())):
            self._similar(("similar", index), name)
        for name, entry in entries(self.data, "fields"):
            self._field(("fields", name), entry)
            if "kept" in entry:
                self._kept(("fields", name), entry)
        for name, entry in entries(self.data, "states"):
            self._state(name, entry)
        start = self.data.get("start", {})
        self._happening(("start",), start)
        self._lands(("initial",), start, self.data.get("initial"))
        if ("zh" in start) != ("en" in start):
            self._fault(("start",), "missing_key", "zh 与 en 须同时给出", "zh and en go together", key=True)
        for name, entry in entries(self.data, "events"):
            self._event(("events", name), entry)
        for name, entry in entries(self.data, "clocks"):
            self._clock(("clocks", name), entry)
        for name, entry in entries(self.data, "children"):
            self._slot(("children", name), entry)
        self._linked()

    def _state(self, name: str, entry: Data) -> None:
        path = ("states", name)
        self._holders((*path, "holder"), entry.get("holder", ()), acting=True)
        self._all_known((*path, "awaits"), entry.get("awaits"), "children")
        for key, (zh, en) in _OF_OPEN_STATES.items():
            if entry.get("end") and entry.get(key):
                self._fault((*path, key), "end_with_holder", f"结束状态没有{zh}", f"an end has no {en}")
        for index, event in enumerate(entry.get("next", ())):
            if self._known((*path, "next", index), event, "events"):
                self._leads(path, index, name, event)

    def _leads(self, path: Path, index: int, state: str, event: str) -> None:
        """A next step can be taken from there; an event that was refused is told by itself."""
        entry = self.data.get("events", {}).get(event)
        if entry is None:
            return
        sources = {s for move in entry.get("moves", [entry]) for s in move.get("from", ())}
        if not sources or state in sources:
            return
        zh, en = f"{event} 不能从 {state} 进行", f"{event} cannot happen from {state}"
        self._fault((*path, "next", index), "not_a_step", zh, en)

    def _names(self) -> None:
        """Fields, relations and children share the guards' name space."""
        seen: dict[str, str] = {}
        for section in ("fields", "relations", "children"):
            for name in self._declared(section):
                if name in seen:
                    self._fault(
                        (section, name),
                        "name_twice",
                        f"{name} 已用于 {seen[name]}",
                        f"{name} is already used in {seen[name]}",
                        key=True,
                    )
                seen.setdefault(name, section)

    def _unseen(self) -> None:
        """Where a definition says who sees its cases, whoever waits, acts or is told there is one of those."""
        if "seen_by" not in self.data:
            return
        seen = {parse_holder(text) for text in self.data["seen_by"]}
        for path, text in self._involved():
            one = parse_holder(text)
            wider = {one, replace(one, office=None), replace(one, relation=None, of_root=False)}
            if not seen & wider:
                self._fault(
                    path, "acts_unseen", f"“{text}”不在 seen_by 之列", f"“{text}” is not among `seen_by`"
                )

    def _involved(self) -> Iterator[tuple[Path, str]]:
        for name, state in entries(self.data, "states"):
            yield from self._listed(("states", name, "holder"), state.get("holder"))
        yield from self._listed(("start", "tells"), self.data.get("start", {}).get("tells"))
        for name, event in entries(self.data, "events"):
            for key in ("by", "tells"):
                yield from self._listed(("events", name, key), event.get(key))

    @staticmethod
    def _listed(path: Path, texts: Any) -> Iterator[tuple[Path, str]]:
        for index, text in enumerate(texts or ()):
            yield (*path, index), text
