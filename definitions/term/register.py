"""Everybody of a scenario as entries of the register: congresses, deputies in groups, homes and stations, units and staff.

Their roles follow from the register; only the offices of the congress, whom it does not know as persons, are granted theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from workflow import Actor, Engine
from workflow.model import Bond, Grant, Party

from .cast import OFFICE, Cast, Deputy, Station, clerk, head

BY = Actor(person="set-up")


def install(engine: Engine, cast: Cast, congress: str, names: Mapping[str, str] | None = None) -> None:
    """Register everybody and grant the offices, in one transaction. `congress`: as it is spoken of (六届).

    `names`: what whom is called; everybody else is called by the id.
    """
    named = [replace(one, name=(names or {}).get(one.id, one.name)) for one in entries(cast, congress)]
    with engine.database.begin() as connection:
        answers = engine.parties.put(named, by=BY, trusted=True, session=connection)
        refused = next((one for one in answers if one.reasons), None)
        if refused is not None:
            raise AssertionError(f"{refused.party.id}: {refused.reasons}")
        for person, roles in OFFICE.items():
            grants = [Grant(id="", person=person, role=role, scope=cast.city) for role in roles]
            engine.sync_grants(person, grants, by=BY.person, session=connection)
        for town in cast.townships():
            grants = [Grant(id="", person=town.presidium, role="township_presidium", scope=town.tenant)]
            engine.sync_grants(town.presidium, grants, by=BY.person, session=connection)


def entries(cast: Cast, congress: str) -> Iterator[Party]:
    """Every entry, parents before those that stand within them."""
    yield _congress(cast.city, "咸宁市人大", "city", None)
    towns = cast.townships()
    for county in dict.fromkeys(town.county for town in towns):
        yield _congress(county, f"{_id(county)} 人大", "county", cast.city)
    for town in towns:
        yield _congress(town.tenant, f"{_id(town.tenant)} 人大", "township", town.county)
    for unit in cast.units:
        yield from _unit(unit, cast.city, cast.city)
    for town in towns:
        yield from _unit(town.office, town.tenant, town.tenant)
    for bureau, county in {bureau: town.county for town in towns for bureau in town.bureaus}.items():
        yield from _unit(bureau, county, county)
    for station in cast.stations:
        yield from _station(station)
    yield from _deputies(cast, congress)


def _id(tenant: str) -> str:
    return tenant.rpartition("/")[2]


def _congress(tenant: str, name: str, level: str, within: str | None) -> Party:
    return Party(
        id=_id(tenant),
        kind="congress",
        name=name,
        tenant=tenant,
        parent=within and _id(within),
        attributes={"level": level},
    )


def _unit(unit: str, tenant: str, within: str) -> Iterator[Party]:
    yield Party(id=unit, kind="unit", name=unit, tenant=tenant, parent=_id(within))
    for person, bond in ((clerk(unit), "clerk"), (head(unit), "head")):
        yield _staff(person, tenant, unit, bond)


def _staff(person: str, tenant: str, within: str, *bonds: str) -> Party:
    held = tuple(Bond(bond=bond, to=within) for bond in bonds)
    return Party(id=person, kind="staff", name=person, tenant=tenant, parent=within, bonds=held)


def _station(station: Station) -> Iterator[Party]:
    tenant, kind = station.township.tenant, "home" if station.home else "station"
    yield Party(id=station.id, kind=kind, name=station.id, tenant=tenant, parent=_id(tenant))
    yield _staff(station.keeper, tenant, station.id, "keeper", "station_clerk")
    yield from _unit(station.village, tenant, tenant)


def _deputies(cast: Cast, congress: str) -> Iterator[Party]:
    receives = {deputy: station for station in cast.stations for deputy in station.deputies}
    groups: set[str] = set()
    for deputy in cast.deputies:
        if deputy.group not in groups:
            groups.add(deputy.group)
            yield Party(
                id=deputy.group,
                kind="group",
                name=deputy.group,
                tenant=deputy.tenant,
                parent=_id(deputy.tenant),
            )
        yield _deputy(deputy, congress, receives.get(deputy.id))


def _deputy(deputy: Deputy, congress: str, station: Station | None) -> Party:
    bonds = [Bond(bond="group", to=deputy.group)]
    if station is not None:
        bonds.append(Bond(bond="home" if station.home else "station", to=station.id))
    return Party(
        id=deputy.id, kind="deputy", name=deputy.id, tenant=deputy.tenant, parent=_id(deputy.tenant),
        attributes={"congress": congress}, bonds=tuple(bonds),
    )  # fmt: skip
