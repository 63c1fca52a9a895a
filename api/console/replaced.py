"""What stood there before: the values that a line of a history put others in the place of, and due days that it moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from workflow import Case, HistoryEntry
from workflow.definition import Definition

from .screens import Look

Before = Mapping[int, Mapping[str, Any]]
"""line -> field -> what it was"""


def replaced(look: Look, case: Case, definition: Definition, entries: Sequence[HistoryEntry]) -> Before:
    """As far as these lines tell, the oldest first: the same value given again replaces nothing."""
    found: dict[int, dict[str, Any]] = {}
    stood: dict[str, Any] = {}
    for entry in entries:
        old = {name: stood[name] for name, value in entry.data.items() if stood.get(name, value) != value}
        found[entry.seq] = old | dict(_due_days(look, case, definition, entry))
        stood |= entry.data
    return found


def _due_days(
    look: Look, case: Case, definition: Definition, entry: HistoryEntry
) -> Iterator[tuple[str, str]]:
    """The due day before this extension, for the field that gives the new one."""
    held = {clock.name for clock in case.clocks}
    for name, clock in definition.clocks.items():
        field = clock.extends.get(entry.event)
        if field is None or field not in entry.data or name not in held:
            continue
        for old, new in look.engine.explain(case.id, name, actor=look.actor).extended:
            if str(new) == entry.data[field]:
                yield field, str(old)
