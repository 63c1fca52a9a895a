"""What an event does to the clocks of its case: extends, stops, starts them; the end of a case stops them all.

How a clock counts is timers.py's and the ledger's; here is only which of them an event touches, and from which day.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from . import timers
from .definition import Event
from .draft import Draft
from .family import ClockState, Record
from .laws import Law

__all__ = ["run"]

Clocks = Mapping[str, ClockState]


def run(
    draft: Draft, law: Law, event: Event, record: Record, data: Mapping[str, Any], shown: dict[str, Any], *, ends: bool
) -> Clocks:  # fmt: skip
    """The case's clocks after the event; those it touched are added to what the line shows. Raises DeadlineRefused."""
    clocks = dict(record.clocks)
    touched = [
        *_extend(draft, law, event, data, clocks),
        *_stop(draft, law.stops.get(event.name, ()), event, clocks),
        *_start(draft, law, event, data, clocks),
        *(_stop(draft, tuple(clocks), event, clocks) if ends else ()),
    ]
    for name in touched:
        clock = clocks[name]
        draft.step.clocks[record.id, name] = None
        shown[f"@clock.{name}"] = {"due": clock.due_on, "running": clock.running, "round": clock.round}
    return clocks if touched else record.clocks


def _extend(
    draft: Draft, law: Law, event: Event, data: Mapping[str, Any], clocks: dict[str, ClockState]
) -> list[str]:
    touched = []
    for name in law.extends.get(event.name, ()):
        until = data.get(law.definition.clocks[name].extends[event.name])
        if name in clocks and until is not None:
            asked = draft.asked_on or draft.act.day
            clocks[name] = timers.extend(
                draft.laws, clocks[name], date.fromisoformat(until), draft.act, asked
            )
            touched.append(name)
    return touched


def _stop(draft: Draft, names: tuple[str, ...], event: Event, clocks: dict[str, ClockState]) -> list[str]:
    touched = [name for name in names if name in clocks and clocks[name].running]
    for name in touched:
        clocks[name] = timers.stop(clocks[name], draft.act.known_day, event.name)
    return touched


def _start(
    draft: Draft, law: Law, event: Event, data: Mapping[str, Any], clocks: dict[str, ClockState]
) -> list[str]:
    touched = []
    for name in law.starts.get(event.name, ()):
        anchor = _anchor(draft, law, name, data)
        if anchor is not None:
            declared = law.definition.clocks[name]
            clocks[name] = timers.start(draft.laws, declared, clocks.get(name), anchor, draft.act)
            touched.append(name)
    return touched


def _anchor(draft: Draft, law: Law, clock: str, data: Mapping[str, Any]) -> date | None:
    """The clock's first day; None when an imported record does not know it, or nothing was in force then.

    No clock is better than an invented one.
    """
    declared = law.definition.clocks[clock]
    anchor = draft.act.known_day
    if declared.anchor is not None:
        given = data.get(declared.anchor)
        anchor = date.fromisoformat(given) if given else None
    if draft.act.imported and anchor is not None and not draft.laws.has_rule(declared.rule, anchor):
        return None
    return anchor
