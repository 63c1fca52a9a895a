"""The reception days of a station: one a month, on the 15th, opened by their own clocks.

The day of the month (D34) and what happens when it is a day off (`reception_policy`) are the place's; a station may override
the policy. Starting them is repeatable: the id of a station's month is always the same. That the day opens is not done here:
each case carries its clock, and the engine's tick opens it, announced or not, rostered or not (definitions/lifecycles).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta, timezone
from typing import Any

from workflow import Actor, Case, Conflict, Engine, NotFound

KIND = "reception_day"
MONTHS = 12
ZONE = timezone(timedelta(hours=8))
"""China's civil day; it has had no summer time since 1991"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A liaison station: its id as a unit, the tenant it belongs to, where it receives, its own policy if it has one."""

    unit: str
    tenant: str
    hours: str | None = None
    place: str | None = None
    policy: str | None = None


def reception_on(engine: Engine, year: int, month: int, policy: str | None = None) -> tuple[date, bool]:
    """The day of that month, and whether a holiday notice may still move it. Raises NotFound, ValueError."""
    nominal = date(year, month, int(str(engine.laws.in_force("D34", date(year, month, 1)))))
    policy = policy or str(engine.laws.in_force("reception_policy", nominal))
    if policy not in _POLICIES:
        raise ValueError(f"reception_policy: {policy!r} is none of {', '.join(_POLICIES)}")
    calendar = engine.laws.calendar
    on = _POLICIES[policy](calendar, nominal)
    passed = (min(nominal, on), max(nominal, on))
    guessed = policy != "fixed" and any(map(calendar.is_provisional, passed))
    return on, guessed or policy == "manual"


_POLICIES: Mapping[str, Callable[[Any, date], date]] = {
    "fixed": lambda _, day: day,
    "next_working_day": lambda calendar, day: calendar.next_working_day(day),
    "previous_working_day": lambda calendar, day: calendar.previous_working_day(day),
    "manual": lambda _, day: day,
}


def ensure_reception_days(engine: Engine, station: Station, year: int, actor: Actor) -> list[Case]:
    """The reception days of that year that are still to come, each started once whoever asks however often.

    `actor` is a person who may start them (station_keeper, station_clerk, deputy_affairs). Raises Refused, NotFound.
    """
    today = engine.clock.now().astimezone(ZONE).date()
    found = []
    for month in range(1, MONTHS + 1):
        on, provisional = reception_on(engine, year, month, station.policy)
        if on > today:
            found.append(_ensure(engine, station, f"{year:04}-{month:02}", on, provisional, actor))
    return found


def _ensure(engine: Engine, station: Station, month: str, on: date, provisional: bool, actor: Actor) -> Case:
    id_ = case_id(station.unit, month)
    try:
        return engine.case(id_)
    except NotFound:
        pass
    data: dict[str, Any] = {"station_unit": station.unit, "month": month, "reception_on": on.isoformat()}
    data |= {name: value for name, value in (("hours", station.hours), ("place", station.place)) if value}
    data |= {"provisional": True} if provisional else {}
    try:
        return engine.start(KIND, actor, data, tenant=station.tenant, id=id_)
    except Conflict:
        return engine.case(id_)  # somebody started it at the same moment


def case_id(unit: str, month: str) -> str:
    """The id of a station's month: the same on every machine."""
    return "recep-" + hashlib.sha256(f"{unit}/{month}".encode()).hexdigest()[:32]
