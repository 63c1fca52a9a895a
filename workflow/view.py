"""Views (`view:` files) as plain frozen data: which cases a role looks at together, in which order, and what it does with them.

A view narrows; it never shows more than the one filter of what a person may know of. What a file may say: docs/language.md §8.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from .definition import Codes
from .errors import Text, suggest
from .shapes import Path, Source
from .vocabulary import title_of

__all__ = ["COLUMNS", "View", "views"]

COLUMNS = ("number", "state", "holder", "due_on", "opened_on", "tenant", "kind", "standing")
"""what every case can show; the others are fields and relations of the definition"""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Which cases, for whom, shown how."""

    name: str
    title: Text
    question: Text
    """the one question the list answers"""
    roles: tuple[str, ...]
    """who finds it among his own"""
    definition: str
    states: tuple[str, ...] = ()
    """none: every state"""
    relations: tuple[str, ...] = ()
    """only cases in which the reader, or his unit, stands so"""
    waiting: bool = False
    """only those that wait for the reader"""
    closed: bool | None = None
    order: str = "due_on"
    columns: tuple[str, ...] = ()
    acts: tuple[str, ...] = ()
    """events offered for many at once; the first is what the list is for"""
    board: tuple[str, ...] = ()
    """events offered with a form in each row, all done in one go: the list is a board"""
    starts: bool = False
    """a new case is begun from here"""


def views(
    sources: Mapping[str, Source], definitions: Mapping[str, Mapping[str, Any]], codes: Mapping[str, Codes], *,
    complete: bool,
) -> dict[str, View]:  # fmt: skip
    """The views of those files; faults are noted in each. `complete`: no file is missing that could not be read."""
    roles: Collection[str] = codes["roles"].values if "roles" in codes else ()
    for source in sources.values():
        _References(source, definitions, roles, complete).check()
    return {
        name: _view(source.data, definitions.get(source.data["of"], {}))
        for name, source in sources.items() if source.sound
    }  # fmt: skip


def _view(data: Mapping[str, Any], of: Mapping[str, Any]) -> View:
    return View(
        name=data["view"], title=title_of(data["title"]), question=title_of(data["question"]), roles=tuple(data["for"]),
        definition=data["of"], states=tuple(data.get("states", ())), relations=tuple(data.get("relations", ())),
        waiting=data.get("waiting", False), closed=data.get("closed", _closed(data, of)), order=data.get("order", "due_on"),
        columns=tuple(data["columns"]), acts=tuple(data.get("acts", ())), board=tuple(data.get("board", ())),
        starts=data.get("starts", False),
    )  # fmt: skip


def _closed(data: Mapping[str, Any], of: Mapping[str, Any]) -> bool | None:
    """Cases in states that are no ends are open: said, so that the store looks among the open ones only."""
    named = [of.get("states", {}).get(state, {}) for state in data.get("states", ())]
    return False if named and not any(state.get("end") for state in named) else None


class _References:
    """What one file names elsewhere is there."""

    def __init__(
        self, source: Source, definitions: Mapping[str, Mapping[str, Any]], roles: Collection[str], complete: bool
    ) -> None:  # fmt: skip
        self.source = source
        self.definitions = definitions
        self.roles = roles
        self.complete = complete

    def check(self) -> None:
        """Note what is not."""
        data = self.source.data
        self._are("for", self.roles, "unknown_role", "角色", "role")
        self._is(("of",), data.get("of"), self.definitions, "unknown_definition", "定义", "definition")
        of = self.definitions.get(data.get("of", ""))
        if of is None:
            return
        named = [*of.get("fields", {}), *of.get("relations", {}), *COLUMNS]
        self._are("states", of.get("states", {}), "unknown_state", "状态", "state")
        self._are("relations", of.get("relations", {}), "unknown_relation", "关系", "relation")
        self._are("columns", named, "unknown_column", "栏目", "column")
        for key in ("acts", "board"):
            self._are(key, of.get("events", {}), "unknown_event", "事件", "event")

    def _are(self, key: str, known: Collection[str], code: str, zh: str, en: str) -> None:
        for index, value in enumerate(self.source.data.get(key, ())):
            self._is((key, index), value, known, code, zh, en)

    def _is(self, path: Path, value: Any, known: Collection[str], code: str, zh: str, en: str) -> None:
        if value is None or value in known or not self.complete:
            return
        hint_zh, hint_en = suggest(value, known)
        self.source.fault(path, code, f"没有{zh} {value}{hint_zh}", f"unknown {en} {value}{hint_en}")
