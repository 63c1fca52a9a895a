"""How long a case's own end lets personal values stay: which go, by which rule, after which day. Pure.

Counted is from the day on which the last case of a family ended; the last day is kept whole. What comes in ended with an import
is counted from the day it came in: its own end may be unknown, and nothing is to be erased on the day it is brought.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, timedelta
from typing import NamedTuple

from .act import Act
from .clock import civil_date, start_of_day
from .family import Family
from .laws import Laws
from .ledger import Ledger

__all__ = ["Retained", "held", "retained"]


class Retained(NamedTuple):
    """What a rule keeps of a case, as its row says: civil dates, and the instant (UTC, ISO, seconds) at which it goes."""

    case: str
    rule: str
    until: str
    """the last day on which it is there"""
    erase_at: str


def retained(laws: Laws, family: Family, act: Act) -> Iterator[Retained]:
    """The rows of a family that has just ended by this act. Raises RuleNotFound where the place has no such rule on that day."""
    ended = civil_date(act.now) if act.imported else act.day
    for record in family.records.values():
        for rule in laws.pinned(record.definition).kept:
            until = _last_day(laws, rule, ended)
            erase_at = start_of_day(until + timedelta(days=1)).astimezone(UTC).isoformat(timespec="seconds")
            yield Retained(record.id, rule, until.isoformat(), erase_at)


def held(laws: Laws, family: Family) -> Iterator[str]:
    """The cases of a family of which a rule keeps something: they may have rows."""
    return (record.id for record in family.records.values() if laws.pinned(record.definition).kept)


def _last_day(laws: Laws, rule: str, ended: date) -> date:
    ledger = Ledger.start(rule, ended, laws.calendar, rules=laws.rules)
    return ledger.due(laws.book, laws.calendar).on
