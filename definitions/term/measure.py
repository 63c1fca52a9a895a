"""What a term looks like when it is over: the series behind the plots, counted from the store."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from workflow import Engine

from ..receptions import reception_on
from .figures import Counted, count, select
from .scenario import Scenario

BIN, BINS = 10, 19
"""days to a column of the histogram, and columns; the last one takes what is longer"""
STATUTORY = 92
"""the longest three months: the first column that lies wholly beyond them begins at 100"""
LEVELS = (
    "satisfied",
    "basically_satisfied",
    "basically_risen",
    "basically_understood",
    "dissatisfied",
    "not_returned",
)
ROUNDS = {"surveys": 1, "second_surveys": 2}

_OPENED = "select substr(opened_on, 1, 7), count(*) from {p}cases where kind in ('suggestion', 'opinion') and {city} group by 1"
_CONCLUDED = (
    "select substr(h.recorded_at, 1, 7), count(*) from {p}history h join {p}cases c on c.id = h.case_id"
    " where h.from_state <> h.to_state and {c.city} and (c.kind = 'suggestion' and h.to_state = 'concluded'"
    " or c.kind = 'opinion' and c.closed and h.seq = c.seq) group by 1"
)
_ANSWERED = (
    "select a.effective_on, r.effective_on from {p}history a join {p}history r on r.case_id = a.case_id"
    " join {p}cases c on c.id = a.case_id where a.event = 'assign' and r.event = 'issue_reply' and {c.city}"
)
_SURVEYS = "select slot, state, count(*) from {p}cases where kind = 'evaluation' and closed and {city} group by slot, state"
_RECEPTIONS = (
    "select substr(k.anchor_on, 1, 7), c.state, count(*) from {p}cases c join {p}clock k on k.case_id = c.id"
    " and k.name = 'opening' where c.kind = 'reception_day' and {c.city} group by 1, 2"
)
_EVENTS = (
    "select case when r.kind = 'reception_day' then 'receptions' else 'rest' end, count(*) from {p}history h"
    " join {p}cases c on c.id = h.case_id join {p}cases r on r.id = c.root_id where {r.city} group by 1"
)
_HEADS = "select id, head from {p}cases where {city} order by id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A term, counted."""

    scenario: Scenario
    figures: tuple[Counted, ...]
    months: tuple[str, ...]
    opened: tuple[int, ...]
    concluded: tuple[int, ...]
    days_to_answer: tuple[int, ...]
    """suggestions by days from assignment to reply, in columns of BIN days"""
    rounds: Mapping[int, Mapping[str, int]]
    """round -> level -> evaluations"""
    receptions: Mapping[str, Mapping[str, int]]
    """month -> state -> days"""
    moved: tuple[tuple[date, date], ...]
    """15ths of 2022 to 2026 that are no working day, and the next working day"""
    events: Mapping[str, int]
    """lines of history: of the reception days, and of suggestions, opinions and all else"""
    heads: str
    """SHA-256 over every case id of the city and the head of its chain: the same seed gives the same"""


def measure(engine: Engine, scenario: Scenario) -> Measured:
    """Count everything."""
    months = _months(scenario)

    def rows(query: str) -> Sequence[Any]:
        return select(engine, scenario, query)

    opened, concluded = dict(rows(_OPENED)), dict(rows(_CONCLUDED))
    return Measured(
        scenario=scenario, figures=tuple(count(engine, scenario)), months=months,
        opened=tuple(int(opened.get(month, 0)) for month in months),
        concluded=tuple(int(concluded.get(month, 0)) for month in months),
        days_to_answer=_histogram(rows(_ANSWERED)), rounds=_rounds(rows(_SURVEYS)),
        receptions=_by_month(rows(_RECEPTIONS)), moved=tuple(_moved(engine)), events=_events(rows(_EVENTS)),
        heads=_digest(rows(_HEADS)),
    )  # fmt: skip


def _months(scenario: Scenario) -> tuple[str, ...]:
    first, last = scenario.begins, scenario.ends
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    start = first.year * 12 + first.month - 1
    return tuple(f"{month // 12}-{month % 12 + 1:02}" for month in range(start, start + count))


def _histogram(rows: Sequence[Any]) -> tuple[int, ...]:
    columns = [0] * BINS
    for assigned, replied in rows:
        days = (date.fromisoformat(replied) - date.fromisoformat(assigned)).days
        columns[min(days // BIN, BINS - 1)] += 1
    return tuple(columns)


def _rounds(rows: Sequence[Any]) -> dict[int, dict[str, int]]:
    found: dict[int, Counter[str]] = {1: Counter(), 2: Counter()}
    for slot, state, number in rows:
        if slot in ROUNDS:
            found[ROUNDS[slot]][state] += int(number)
    return {round_: {level: levels[level] for level in LEVELS} for round_, levels in found.items()}


def _by_month(rows: Sequence[Any]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for month, state, number in sorted(rows):
        found[month][state] = int(number)
    return dict(found)


def _moved(engine: Engine) -> Iterator[tuple[date, date]]:
    for year in range(2022, 2027):
        for month in range(1, 13):
            nominal, _ = reception_on(engine, year, month, "fixed")
            working, _ = reception_on(engine, year, month, "next_working_day")
            if working != nominal:
                yield nominal, working


def _events(rows: Sequence[Any]) -> dict[str, int]:
    return {"rest": 0, "receptions": 0, **{part: int(count) for part, count in rows}}


def _digest(rows: Sequence[Any]) -> str:
    return hashlib.sha256("".join(f"{id_} {head}\n" for id_, head in rows).encode()).hexdigest()
