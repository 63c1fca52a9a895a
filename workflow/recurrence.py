"""Dates that return: the reception day on the 15th, and the reminder before a session.

A recurrence names a day of the month and what happens when nobody works on it. The policy is the
congress's; a station may override it, and an office may set the day of single months. Resolving is
pure; a day found by looking beyond the calendar's horizon is provisional, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from types import MappingProxyType
from typing import Literal

from .calendars import MONTHS, Calendar, add_months, days_from
from .periods import Due, Rule, due

__all__ = ["Occurrence", "Policy", "Recurrence", "before_session", "occurrences"]

Policy = Literal["fixed", "next_working_day", "previous_working_day", "manual"]
LAST_DAY = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """A day that returns every month. Raises ValueError for an impossible day or override."""

    id: str
    day: int = 15
    """The day of the month, 1 to 31; a shorter month is clamped to its last day."""
    policy: Policy = "fixed"
    """`manual`: an office sets each month; until it has, the plain day stands, provisionally."""
    overrides: Mapping[str, date] = field(default_factory=dict, hash=False)
    """`YYYY-MM` -> the day the office set for that month, at most one month away from it."""

    def __post_init__(self) -> None:
        if not 1 <= self.day <= LAST_DAY:
            raise ValueError(f"{self.id}: no month has a day {self.day}")
        for month, on in self.overrides.items():
            if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", month):
                raise ValueError(f"{self.id}: not a month: {month!r}")
            if abs(_number(on) - _number(date.fromisoformat(f"{month}-01"))) > 1:
                raise ValueError(f"{self.id}: {on} is too far from {month}")
        object.__setattr__(self, "overrides", MappingProxyType(dict(self.overrides)))

    def __reduce__(self) -> tuple[partial[Recurrence], tuple[()]]:
        own = {name: getattr(self, name) for name in self.__slots__}
        return partial(Recurrence, **own | {"overrides": dict(self.overrides)}), ()

    def with_override(
        self,
        id: str,
        *,
        day: int | None = None,
        policy: Policy | None = None,
        overrides: Mapping[str, date] | None = None,
    ) -> Recurrence:
        """The recurrence of a station: that of its congress, except for what the station sets itself.

        Days the congress set for single months hold for the station too, unless it set the same month.
        """
        return replace(
            self,
            id=id,
            day=self.day if day is None else day,
            policy=self.policy if policy is None else policy,
            overrides={**self.overrides, **(overrides or {})},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """The day of one month. `nominal` is the plain day; `on` the day it is held."""

    month: str
    nominal: date
    on: date
    provisional: bool
    """It may still move: no notice covers a day that decided it, or the office has not set it."""
    policy: Policy


def occurrences(recurrence: Recurrence, start: date, end: date, calendar: Calendar) -> tuple[Occurrence, ...]:
    """The days held from `start` to `end`, both included, in order; one for each month."""
    months = (add_months(start.replace(day=1), step) for step in range(-1, _number(end) - _number(start) + 2))
    found = (_occurrence(recurrence, first, calendar) for first in months)
    return tuple(sorted((o for o in found if start <= o.on <= end), key=lambda o: (o.on, o.month)))


def _number(day: date) -> int:
    return day.year * MONTHS + day.month


def _occurrence(recurrence: Recurrence, first: date, calendar: Calendar) -> Occurrence:
    month = f"{first.year:04}-{first.month:02}"
    nominal = add_months(first.replace(month=1, day=recurrence.day), first.month - 1)
    on, provisional = recurrence.overrides.get(month), False
    if on is None:
        on, provisional = _held(recurrence.policy, nominal, calendar)
    return Occurrence(month=month, nominal=nominal, on=on, provisional=provisional, policy=recurrence.policy)


def _held(policy: Policy, nominal: date, calendar: Calendar) -> tuple[date, bool]:
    """The day under that policy, and whether a day was looked at that no notice covers."""
    if policy == "fixed":
        return nominal, False
    if policy == "manual":
        return nominal, True
    step, on = (1 if policy == "next_working_day" else -1), nominal
    later: Iterator[date] = days_from(nominal, step)
    provisional = calendar.is_provisional(nominal)
    while not calendar.is_working_day(on):
        on = next(later)
        provisional = provisional or calendar.is_provisional(on)
    return on, provisional


def before_session(session_day: date, rule: Rule, calendar: Calendar) -> Due:
    """The reminder before a session, e.g. one month; derived, so it moves when the session moves.

    Raises ValueError unless the rule counts backwards.
    """
    if rule.direction != "before":
        raise ValueError(f"{rule.id} does not count backwards from the session")
    return due(rule, session_day, calendar)
