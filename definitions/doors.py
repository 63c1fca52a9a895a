"""A station as whoever stands before its door sees it, without a login: its days, who receives on them, and a box for opinions.

The code on a station's poster is derived from its id, so it is the same on every machine and stored nowhere; it says nothing of
the station's name and opens nothing that the plate at the door does not say. An opinion left there is a case like any other: who
the voter is stands in that case alone, for the station and the deputies who receive on its next day.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from workflow import Actor, Case, Engine
from workflow.errors import NotFound, Text
from workflow.model import Party

from .receptions import (
    BEFORE,
    PAGE,
    STATIONS,
    ZONE,
    Planned,
    months_from,
    names_of,
    plans_of,
    stations_of,
)

OPINION = "opinion"
AHEAD = 3
"""reception days that are shown"""
MONTHS = 5
"""within which they are looked for"""
LENGTH = 12
"""letters of a code: 60 bits"""
MERGES = 5
"""stations merged one into the next that are followed"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A reception day that lies ahead, as it is announced."""

    on: date
    provisional: bool
    hours: str | None
    place: str | None
    deputies: tuple[str, ...]
    """their ids, in the order of the roster; none before it is made"""
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A station and its next days. One that has ended shows its successor, if it has one, and takes no opinions."""

    code: str
    station: Party
    open: bool
    days: tuple[Day, ...]
    successor: Party | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a voter leaves. Name and telephone are as he likes."""

    subject: str
    text: str
    name: str | None = None
    contact: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an opinion stands: the state in words, and since which civil day. Nothing of what was said."""

    state: Text
    since: date
    closed: bool


def code_of(station: str) -> str:
    """The code on the poster of that station (by its id): a-z and 2-7."""
    digest = hashlib.sha256(f"station/{station}".encode()).digest()
    return base64.b32encode(digest)[:LENGTH].decode().lower()


def door(engine: Engine, code: str, seen: MutableMapping[str, str]) -> Door:
    """The door with that code. `seen`: code → station, what this process has met; it only spares a look through the register.
    Raises NotFound.
    """
    station = _station(engine, code, seen)
    if _acts(engine, station):
        return Door(code=code, station=station, open=True, days=days_ahead(engine, station), successor=None)
    return Door(code=code, station=station, open=False, days=(), successor=_successor(engine, station))


def _station(engine: Engine, code: str, seen: MutableMapping[str, str]) -> Party:
    if code not in seen:
        seen.update((code_of(party.id), party.id) for party in _every(engine))
    found = engine.parties.find(ids=[seen[code]], limit=1) if code in seen else []
    if not found:
        raise NotFound(Text("没有这个联络站", "there is no such station"))
    return found[0]


def _every(engine: Engine) -> Iterator[Party]:
    for kind in STATIONS:
        after = None
        while page := engine.parties.find(kind=kind, after=after, limit=PAGE):
            yield from page
            after = page[-1].id


def _acts(engine: Engine, party: Party) -> bool:
    return engine.library.party(party.kind).statuses[party.status].acts


def _successor(engine: Engine, party: Party) -> Party | None:
    """The one that acts now, however often it was merged."""
    for _ in range(MERGES):
        ids = [bond.to for bond in party.bonds or () if bond.bond == "successor"]
        found = engine.parties.find(ids=ids, limit=1) if ids else []
        if not found:
            return None
        party = found[0]
        if _acts(engine, party):
            return party
    return None


def days_ahead(engine: Engine, party: Party) -> tuple[Day, ...]:
    """The next reception days of a station that is running, today's included."""
    (found,) = days_of_each(engine, [party])
    return found


def days_of_each(engine: Engine, parties: Sequence[Party]) -> list[tuple[Day, ...]]:
    """The same for several, in their order; what is asked of the store does not grow with how many they are, but by the page."""
    today = engine.clock.now().astimezone(ZONE).date()
    months = months_from(today.isoformat()[:7], MONTHS)
    chosen = [_ahead(planned, today) for planned in plans_of(engine, stations_of(engine, parties), months)]
    names = names_of(engine, (id_ for some in chosen for _, one in some for id_ in _on_duty(one)))
    return [tuple(_day(names, on, one) for on, one in some) for some in chosen]


def _ahead(planned: Sequence[Planned], today: date) -> list[tuple[date, Planned]]:
    ahead = [(on, one) for one in planned if (on := _held_on(one)) is not None and on >= today]
    return sorted(ahead, key=lambda pair: pair[0])[:AHEAD]


def _held_on(one: Planned) -> date | None:
    """The day as its case says, if there is one; None when it is not held or is over."""
    if one.case is None:
        return one.on.on
    if one.case.state not in (*BEFORE, "open"):
        return None
    return date.fromisoformat(one.case.data["reception_on"])


def _on_duty(one: Planned) -> Sequence[str]:
    return one.case.data.get("deputies") or () if one.case else ()


def _day(named: Mapping[str, str], on: date, one: Planned) -> Day:
    data: dict[str, Any] = dict(one.case.data) if one.case else {}
    station, deputies = one.station, _on_duty(one)
    return Day(
        on=on, provisional=bool(data.get("provisional", one.on.provisional)), hours=data.get("hours") or station.hours,
        place=data.get("place") or station.place, deputies=tuple(deputies),
        names=tuple(named[deputy] for deputy in deputies if deputy in named),
    )  # fmt: skip


def leave_opinion(
    engine: Engine, door: Door, said: Said, *, by: Actor, key: str, session: Any = None
) -> Case:
    """Put an opinion into the box; `by` is the service account that may (`qr_intake`), `key` makes it one however often it is
    sent. The deputies on duty on the next day receive it; with nobody on duty the station alone. Raises Refused, NotFound.
    """
    if not door.open:
        raise NotFound(Text("本站已撤并，请到新站反映", "this station has been closed; go to its successor"))
    on_duty = next((day.deputies for day in door.days if day.deputies), ())
    data: dict[str, Any] = {
        "station_unit": door.station.id, "received_on": engine.clock.now().astimezone(ZONE).date().isoformat(),
        "intake": "qr", "subject": said.subject, "opinion_text": said.text,
    }  # fmt: skip
    told = {"receivers": list(on_duty), "voter_name": said.name, "voter_contact": said.contact}
    data |= {name: value for name, value in told.items() if value}
    return engine.start(OPINION, by, data, tenant=door.station.tenant, key=key, session=session)


def standing(engine: Engine, case: str) -> Standing:
    """Where an opinion stands, for whoever holds its receipt. Raises NotFound."""
    found = engine.case(case)
    state = engine.laws.pinned(found.definition).definition.states[found.state]
    (last,) = engine.history(case, after=found.seq - 1, limit=1)
    return Standing(state=state.title, since=last.recorded_at.astimezone(ZONE).date(), closed=found.closed)


__all__ = [
    "OPINION", "Day", "Door", "Said", "Standing", "code_of", "days_ahead", "days_of_each", "door", "leave_opinion", "standing",
]  # fmt: skip
