"""Who acts in a term: the city's office, its units, the procuratorate, deputies and stations.

Persons are ids (`office.affairs`, `fagaiwei.head`), never names: a simulated term holds no personal data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from workflow import Actor, Case
from workflow.model import Request

from .agenda import Act
from .scenario import Scenario

OFFICE = {
    "office.affairs": ("deputy_affairs",), "office.affairs2": ("deputy_affairs",), "office.sc": ("sc_office",),
    "office.sc2": ("sc_office",), "office.head": ("sc_office_head",), "office.session": ("session_secretariat",),
    "office.council": ("council_of_chairpersons",), "office.committee": ("special_committee",),
    "office.justice": ("supervisory_judicial_committee",), "office.gov": ("gov_office",), "office.leader": ("gov_leader",),
    "procuratorate.clerk": ("procuratorate_clerk",), "procuratorate.chief": ("chief_prosecutor",),
}  # fmt: skip
AFFAIRS, AFFAIRS2, OFFICE1, OFFICE2, SESSION = (
    "office.affairs", "office.affairs2", "office.sc", "office.sc2", "office.session",
)  # fmt: skip
COUNCIL, COMMITTEE, PROSECUTOR, CHIEF, GOV, LEADER = (
    "office.council", "office.committee", "procuratorate.clerk", "procuratorate.chief", "office.gov", "office.leader",
)  # fmt: skip
COUNTIES, BUREAUS = 6, 8
"""county-level divisions of the city, and bureaus in each that handle opinions (assumed)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deputy:
    """A deputy of one level: `city`, `county` or `township`."""

    id: str
    level: str
    tenant: str
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Township:
    """A township or street: its congress's presidium, its own office, and the bureaus of the county it lies in."""

    tenant: str
    presidium: str
    office: str
    bureaus: tuple[str, ...]

    @property
    def county(self) -> str:
        """The tenant of the county it lies in."""
        return self.tenant.rpartition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A home (代表之家) or a liaison station (代表联络站), with the deputies who receive voters there."""

    id: str
    home: bool
    township: Township
    deputies: tuple[str, ...]

    @property
    def keeper(self) -> str:
        """Its head, who keeps its books as well."""
        return f"{self.id}.keeper"

    @property
    def village(self) -> str:
        """The community or village office beside it."""
        return f"{self.id}.village"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Everybody. `units` are ids of handling units of the city."""

    city: str
    deputies: tuple[Deputy, ...]
    stations: tuple[Station, ...]
    units: tuple[str, ...]

    def of_level(self, level: str) -> list[str]:
        """The ids of the deputies of a level."""
        return [deputy.id for deputy in self.deputies if deputy.level == level]

    def townships(self) -> list[Township]:
        """Every township in which there is a home or a station."""
        return list({station.township.tenant: station.township for station in self.stations}.values())


def cast_of(scenario: Scenario) -> Cast:
    """Deputies, stations and units of a scenario, spread evenly; ids say what they are."""
    townships = [_township(scenario.tenant, place) for place in range(max(1, scenario.parties.homes))]
    deputies = tuple(_deputies(scenario, townships))
    local = [deputy.id for deputy in deputies if deputy.level != "city"]
    houses = [("home", n) for n in range(scenario.parties.homes)] + [
        ("station", n) for n in range(scenario.parties.stations)
    ]
    share = max(2, len(local) // max(1, len(houses)))
    stations = tuple(
        Station(
            id=f"{kind}{n + 1:03}", home=kind == "home", township=townships[n % len(townships)],
            deputies=tuple(local[place * share : (place + 1) * share] or local[:share]),
        )
        for place, (kind, n) in enumerate(houses)
    )  # fmt: skip
    units = tuple(f"unit{n + 1:02}" for n in range(scenario.parties.units))
    return Cast(city=scenario.tenant, deputies=deputies, stations=stations, units=units)


def _township(city: str, place: int) -> Township:
    county = f"county{place % COUNTIES + 1}"
    name = f"{county}-town{place // COUNTIES + 1:02}"
    return Township(
        tenant=f"{city}/{county}/{name}", presidium=f"{name}.presidium", office=f"{name}.office",
        bureaus=tuple(f"{county}.bureau{n + 1}" for n in range(BUREAUS)),
    )  # fmt: skip


def _deputies(scenario: Scenario, townships: Sequence[Township]) -> Iterator[Deputy]:
    parties = scenario.parties
    for level in ("city", "county", "township"):
        for n in range(getattr(parties, level)):
            town = townships[n % len(townships)].tenant
            tenant = {"city": scenario.tenant, "county": town.rpartition("/")[0], "township": town}[level]
            group = f"{tenant.rpartition('/')[2]}.group{n // parties.group_size + 1}"
            yield Deputy(id=f"{level}-deputy{n + 1:04}", level=level, tenant=tenant, group=group)


def clerk(unit: str) -> str:
    """The clerk of a unit."""
    return f"{unit}.clerk"


def head(unit: str) -> str:
    """The head of a unit."""
    return f"{unit}.head"


# -- acts


def document(name: str) -> dict[str, object]:
    """A document by its hash; a simulated term has no files."""
    return {"sha256": "0" * 64, "size": 1, "media_type": "application/pdf", "name": f"{name}.pdf"}


def start(on: date, kind: str, who: str, tenant: str, id_: str | None = None, **data: Any) -> Act:
    """Open a case."""
    return Act(on=on, request=Request(kind=kind, tenant=tenant, actor=Actor(person=who), data=data, id=id_))


def fire(on: date, case: Case | str, event: str, who: str, **data: Any) -> Act:
    """One event of a case."""
    id_ = case if isinstance(case, str) else case.id
    return Act(on=on, request=Request(case=id_, event=event, actor=Actor(person=who), data=data))
