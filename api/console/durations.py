"""Where a case spent its time: days in each state, and how often it came back to one. No person is counted. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from workflow import HistoryEntry
from workflow.clock import civil_date
from workflow.errors import Text


@dataclass(frozen=True, slots=True)
class Stay:
    """The time in one state."""

    title: Text
    days: int
    """calendar days, all visits together"""
    visits: int
    here: bool
    """it is there now"""


def stays(
    entries: Sequence[HistoryEntry], titles: Mapping[str, Text], today: date, *, closed: bool
) -> list[Stay]:
    """State by state in the order of the first visit; the last one lasts until today unless the case is closed. `titles`: of the
    states, those of older versions too.
    """
    days: dict[str, int] = {}
    visits: dict[str, int] = {}
    moves = [entry for entry in entries if entry.from_state != entry.to_state or entry.event == "start"]
    for entry, following in zip(moves, [*moves[1:], None], strict=True):
        began = _on(entry)
        left = began if closed else today
        ended = left if following is None else _on(following)
        days[entry.to_state] = days.get(entry.to_state, 0) + (ended - began).days
        visits[entry.to_state] = visits.get(entry.to_state, 0) + 1
    last = moves[-1].to_state if moves else ""
    return [
        Stay(titles[name], days[name], visits[name], name == last and not closed)
        for name in days if name in titles
    ]  # fmt: skip


def _on(entry: HistoryEntry) -> date:
    """The day it happened; the day it was recorded where no whole day is known."""
    told = entry.effective_on
    return (
        date.fromisoformat(told) if told and len(told) == len("2026-03-02") else civil_date(entry.recorded_at)
    )
