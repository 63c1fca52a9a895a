"""The reception days of every station: one a month, on the 15th, opened by their own clocks.

The day of the month (D34) and what happens when nobody works on it (`reception_policy`) are rules of the place; the congress
and the station may say otherwise in the register, and either may set the day of a single month. Which day that makes is the
date law's (workflow/recurrence.py). Starting the days is repeatable: the id of a station's month is always the same. That a
day opens is not done here: each case carries its clock, and the engine's tick opens it, announced or not, rostered or not.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta, timezone
from functools import partial
from typing import Any, get_args

from workflow import Actor, Case, Conflict, Engine, Refused
from workflow.model import Party, Request
from workflow.recurrence import Occurrence, Policy, Recurrence, occurrences

from .roster import Roster, roster

KIND = "reception_day"
STATIONS = ("home", "station")
POLICIES: tuple[Policy, ...] = get_args(Policy)
MONTHS = 12
PAGE = 500
ZONE = timezone(timedelta(hours=8))
"""China's civil day; it has had no summer time since 1991"""
BEFORE = ("dated", "rostered", "notified", "announced")
"""the states in which the day still lies ahead"""
SET = re.compile(r"([0-9]{4}-(?:0[1-9]|1[0-2]))=([0-9]{4}-[0-9]{2}-[0-9]{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A liaison station or a home: its id as a unit, its tenant, where it receives, and what it or its congress says itself."""

    unit: str
    tenant: str
    name: str = ""
    hours: str | None = None
    place: str | None = None
    policy: str | None = None
    overrides: Mapping[str, date] = field(default_factory=dict)
    """`YYYY-MM` → the day set for that month"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A station's day of one month, and its case if it has been started."""

    station: Station
    on: Occurrence
    case: Case | None = None

    @property
    def moves(self) -> bool:
        """Whether the case still stands on another day, or is provisional no longer."""
        if self.case is None or self.case.state not in BEFORE:
            return False
        return self.case.data["reception_on"] != self.on.on.isoformat() or (
            bool(self.case.data.get("provisional")) and not self.on.provisional
        )


# --- which day


def days_of(engine: Engine, station: Station, months: Sequence[str]) -> list[Occurrence]:
    """The station's day of each of those months (`YYYY-MM`). Raises NotFound, ValueError."""
    found: list[Occurrence] = []
    for month in months:
        first = date.fromisoformat(f"{month}-01")
        recurrence = _recurrence(engine, station, first)
        around = occurrences(
            recurrence, first - timedelta(days=31), first + timedelta(days=62), engine.laws.calendar
        )
        found += [one for one in around if one.month == month]
    return found


def _recurrence(engine: Engine, station: Station, first: date) -> Recurrence:
    """The rules in force in that month, and what the station says otherwise."""
    policy = station.policy or str(engine.laws.in_force("reception_policy", first))
    if policy not in POLICIES:
        raise ValueError(f"reception_policy: {policy!r} is none of {', '.join(POLICIES)}")
    day = int(str(engine.laws.in_force("D34", first)))
    return Recurrence(id=station.unit, day=day, policy=policy, overrides=station.overrides)


def reception_on(engine: Engine, year: int, month: int, policy: str | None = None) -> tuple[date, bool]:
    """The day of that month, and whether it may still move. Raises NotFound, ValueError."""
    (found,) = days_of(engine, Station(unit="-", tenant="-", policy=policy), [f"{year:04}-{month:02}"])
    return found.on, found.provisional


def months_from(first: str, count: int) -> list[str]:
    """That many months from `YYYY-MM` on. Raises ValueError."""
    start = date.fromisoformat(f"{first}-01")
    numbers = (start.year * MONTHS + start.month - 1 + step for step in range(count))
    return [f"{number // MONTHS:04}-{number % MONTHS + 1:02}" for number in numbers]


# --- whose day


def stations(engine: Engine, tenant: str | None = None, ids: Iterable[str] | None = None) -> list[Station]:
    """The stations and homes of the register that are running, each with what its congress and it itself have set."""
    wanted = None if ids is None else set(ids)
    above: dict[str, Party | None] = {}
    parties = [party for kind in STATIONS for party in every(engine, kind, tenant)]
    found = [_station(engine, party, above) for party in parties if wanted is None or party.id in wanted]
    missing = sorted((wanted or set()) - {station.unit for station in found})
    if missing:
        raise ValueError(f"no running station {', '.join(missing)}")
    return sorted(found, key=lambda station: station.unit)


def stations_of(engine: Engine, parties: Sequence[Party]) -> list[Station]:
    """These homes and stations of the register, in their order; the congresses above them are asked for level by level. Raises
    ValueError.
    """
    above: dict[str, Party | None] = {}
    wanted = {party.parent for party in parties} - {None}
    while wanted:
        found = {party.id: party for party in _named(engine, wanted)}
        above |= {id_: found.get(id_) for id_ in wanted if id_ is not None}
        wanted = {party.parent for party in found.values()} - above.keys() - {None}
    return [_station(engine, party, above) for party in parties]


def _named(engine: Engine, ids: Collection[str | None]) -> Iterator[Party]:
    wanted = sorted(id_ for id_ in ids if id_ is not None)
    for first in range(0, len(wanted), PAGE):
        yield from engine.parties.find(ids=wanted[first : first + PAGE], limit=PAGE)


def station_of(engine: Engine, party: Party) -> Station:
    """A home or a station of the register, with what its congress and it itself have set. Raises ValueError."""
    return _station(engine, party, {})


def every(engine: Engine, kind: str, tenant: str | None, actor: Actor | None = None) -> Iterator[Party]:
    """The running stations of a kind, by id; those that `actor` may know of, if one is given."""
    after = None
    parties = partial(engine.parties.find, actor=actor, kind=kind, tenant=tenant, status="active", limit=PAGE)
    while page := parties(after=after):
        yield from page
        after = page[-1].id


def _station(engine: Engine, party: Party, above: dict[str, Party | None]) -> Station:
    chain = [*_ancestors(engine, party.parent, above), party]  # the nearest has the last word
    overrides: dict[str, date] = {}
    for one in chain:
        overrides |= days_set(one)
    policies = [one.attributes.get("reception_policy") for one in chain]
    return Station(
        unit=party.id, tenant=party.tenant, name=party.name, hours=party.attributes.get("hours"),
        place=party.attributes.get("place"), policy=next((p for p in reversed(policies) if p), None), overrides=overrides,
    )  # fmt: skip


def _ancestors(engine: Engine, id_: str | None, above: dict[str, Party | None]) -> list[Party]:
    """From the topmost congress down."""
    chain: list[Party] = []
    while id_ is not None:
        if id_ not in above:
            above[id_] = next(iter(engine.parties.find(ids=[id_], limit=1)), None)
        party = above[id_]
        if party is None or party in chain:
            break
        chain.insert(0, party)
        id_ = party.parent
    return chain


def days_set(party: Party) -> dict[str, date]:
    """The days a congress or a station has set for single months: `2026-02=2026-02-12 …`. Raises ValueError."""
    found = {}
    for word in str(party.attributes.get("reception_days") or "").split():
        match = SET.fullmatch(word)
        if match is None:
            raise ValueError(f"{party.id}: {word!r} is not MONTH=DAY, like 2026-02=2026-02-12")
        found[match[1]] = date.fromisoformat(match[2])
    return found


def set_day(engine: Engine, party: str, month: str, on: date, actor: Actor) -> None:
    """Set the day of a single month, for a station or for all stations of a congress. Raises ValueError, Refused, NotFound."""
    found = engine.parties.get(party)
    if found.kind not in (*STATIONS, "congress"):
        raise ValueError(f"{party} is a {found.kind}, no station and no congress")
    Recurrence(id=party, overrides={month: on})  # refuses what is no month, or too far from it
    days = {**days_set(found), month: on}
    text = " ".join(f"{name}={day}" for name, day in sorted(days.items()))
    engine.parties.change(party, by=actor, attributes={"reception_days": text})


# --- who comes


def roster_of(
    engine: Engine, station: Station, months: Sequence[str], *, leave: Mapping[str, Collection[date]] | None = None,
    places: int | None = None,
) -> Roster:  # fmt: skip
    """A fair roster of the station's deputies over its days of those months."""
    days = [on.on for on in days_of(engine, station, months)]
    deputies, after = list[str](), None
    while page := engine.parties.find(
        kind="deputy", bond=("station", station.unit), status="active", on=days[0], after=after, limit=PAGE
    ):
        deputies += [party.id for party in page]
        after = page[-1].id
    return roster(days, deputies, leave=leave, places=places)


def enter_roster(engine: Engine, station: Station, found: Roster, actor: Actor) -> list[Case]:
    """Enter a roster into the station's days that wait for one; the others are left as they are. Raises Refused."""
    entered = []
    for case in engine.search(kind=KIND, unit=station.unit, state="dated", limit=PAGE):
        who = found.days.get(date.fromisoformat(case.data["reception_on"]))
        if who:
            entered.append(engine.fire(case.id, "roster", actor, {"deputies": list(who)}))
    return entered


# --- the cases


def plan(engine: Engine, which: Sequence[Station], months: Sequence[str]) -> list[Planned]:
    """Each station's day of each month, with its case. Writes nothing."""
    started = _started(engine)
    return [
        Planned(station=station, on=on, case=started.get((station.unit, on.month)))
        for station in which
        for on in days_of(engine, station, months)
    ]


def plan_of(
    engine: Engine, station: Station, months: Sequence[str], *, actor: Actor | None = None
) -> list[Planned]:
    """The days of one station; with `actor` only the cases that person may know of. Raises NotFound, ValueError."""
    found, after = dict[str, Case](), None
    while page := engine.search(actor=actor, kind=KIND, unit=station.unit, after=after, limit=PAGE):
        found |= {case.data["month"]: case for case in page}
        after = page[-1].id
    return [
        Planned(station=station, on=on, case=found.get(on.month)) for on in days_of(engine, station, months)
    ]


def plans_of(engine: Engine, which: Sequence[Station], months: Sequence[str]) -> list[list[Planned]]:
    """The days of each of these stations, in their order, with their cases: asked for together. Raises NotFound, ValueError."""
    wanted = [(one.tenant, {"station_unit": one.unit, "month": month}) for one in which for month in months]
    started = {
        (case.tenant, case.data["station_unit"], case.data["month"]): case
        for case in engine.unique_cases(KIND, wanted)
    }
    return [
        [
            Planned(station=one, on=on, case=started.get((one.tenant, one.unit, on.month)))
            for on in days_of(engine, one, months)
        ]
        for one in which
    ]


def names_of(engine: Engine, ids: Iterable[str]) -> dict[str, str]:
    """What these parties of the register are called, by id."""
    return {party.id: party.name for party in _named(engine, set(ids))}


def _started(engine: Engine) -> dict[tuple[str, str], Case]:
    found, after = dict[tuple[str, str], Case](), None
    while page := engine.search(kind=KIND, after=after, limit=PAGE):
        found |= {(case.data["station_unit"], case.data["month"]): case for case in page}
        after = page[-1].id
    return found


def start(engine: Engine, planned: Iterable[Planned], actor: Actor) -> list[Case]:
    """Start the days that have no case yet and still lie ahead, whoever asks however often. Raises Refused.

    `actor` may start them: station_keeper, station_clerk, deputy_affairs.
    """
    today = engine.clock.now().astimezone(ZONE).date()
    wanted = [one for one in planned if one.case is None and one.on.on > today]
    found: list[Case] = []
    for page in range(0, len(wanted), PAGE):
        rows = [_request(one, actor) for one in wanted[page : page + PAGE]]
        for request, outcome in zip(rows, engine.batch(rows), strict=True):
            if isinstance(outcome.error, Conflict) or _is_there(outcome.error):  # somebody was first
                found.append(_of_month(engine, request.data["station_unit"], request.data["month"]))
            elif outcome.error is not None:
                raise outcome.error
            elif outcome.case is not None:
                found.append(outcome.case)
    return found


def _is_there(error: Exception | None) -> bool:
    return isinstance(error, Refused) and {reason.code for reason in error.reasons} == {"once"}


def _of_month(engine: Engine, unit: str, month: str) -> Case:
    """The one case of a station's month, whoever started it. Raises NotFound."""
    after = None
    while page := engine.search(kind=KIND, unit=unit, after=after, limit=PAGE):
        for case in page:
            if (case.data["station_unit"], case.data["month"]) == (unit, month):
                return case
        after = page[-1].id
    return engine.case(case_id(unit, month))


def _request(one: Planned, actor: Actor) -> Request:
    station, on = one.station, one.on
    data: dict[str, Any] = {
        "station_unit": station.unit,
        "month": on.month,
        "reception_on": on.on.isoformat(),
    }
    data |= {name: value for name, value in (("hours", station.hours), ("place", station.place)) if value}
    data |= {"provisional": True} if on.provisional else {}
    id_ = case_id(station.unit, on.month)
    return Request(kind=KIND, tenant=station.tenant, id=id_, actor=actor, data=data)


def ensure_reception_days(engine: Engine, station: Station, year: int, actor: Actor) -> list[Case]:
    """The reception days of that year that are still to come, each started once whoever asks however often. Raises Refused."""
    today = engine.clock.now().astimezone(ZONE).date()
    wanted = plan(engine, [station], months_from(f"{year:04}-01", MONTHS))
    start(engine, wanted, actor)
    return [_case(engine, one) for one in wanted if one.on.on > today]


def _case(engine: Engine, one: Planned) -> Case:
    return _of_month(engine, one.station.unit, one.on.month)


def move(engine: Engine, planned: Iterable[Planned], actor: Actor, reason: str) -> list[Case]:
    """Put the cases on the days they should have by now: a notice was loaded, a policy or a month was set. A day that moves is
    postponed with the reason and set anew, so it is rostered and announced again; one that only became certain is settled.
    """
    found = []
    for one in planned:
        if not one.moves or one.case is None:
            continue
        day = one.on.on.isoformat()
        if one.case.data["reception_on"] == day:
            found.append(engine.fire(one.case.id, "settle_day", actor, {"provisional": False}))
            continue
        engine.fire(one.case.id, "postpone", actor, {"change_reason": reason})
        data = {"reception_on": day, "provisional": one.on.provisional}
        found.append(engine.fire(one.case.id, "set_new_day", actor, data))
    return found


def case_id(unit: str, month: str) -> str:
    """The id of a station's month: the same on every machine."""
    return "recep-" + hashlib.sha256(f"{unit}/{month}".encode()).hexdigest()[:32]


__all__ = [
    "BEFORE", "KIND", "Planned", "Station", "case_id", "days_of", "days_set", "ensure_reception_days", "enter_roster", "every",
    "months_from", "move", "names_of", "plan", "plan_of", "plans_of", "reception_on", "roster_of", "set_day", "start",
    "station_of", "stations", "stations_of",
]  # fmt: skip
