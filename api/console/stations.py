"""A liaison station: its reception days, who is on duty, what is prepared, and the one action of the day."""

from __future__ import annotations

from datetime import date

from flask import url_for

from workflow.errors import NotFound, Text
from workflow.model import Party
from workflow.overview import today

from .. import domain
from .next_step import permitted_here
from .screens import Go, Look, Page, Screen

AHEAD = 3
"""months shown"""


def mine(look: Look) -> Page | Go:
    """The reader's station; a choice where he has several."""
    units = sorted({grant.unit for grant in look.held_for("stations") if grant.unit})
    if len(units) == 1:
        return Go(look.address("station", party=units[0]))
    look.names.learn(units)
    return Page("stations.html", {"stations": [(unit, look.names[unit]) for unit in units]})


def shown(look: Look) -> Page:
    """This month's day, what is ready and what is not, and the days that follow."""
    party = _party(look)
    station = domain.receptions.station_of(look.engine, party)
    day = today(look.engine)
    months = domain.receptions.months_from(day.isoformat()[:7], AHEAD)
    planned = domain.receptions.plan_of(look.engine, station, months, actor=look.actor)
    ahead = [
        one
        for one in planned
        if (one.case is None and _on(one) >= day) or (one.case is not None and not one.case.closed)
    ]
    now = next((one for one in ahead if _on(one) >= day), None)
    steps = permitted_here(look, now.case) if now is not None and now.case is not None else []
    look.names.learn(id_ for one in planned if one.case for id_ in one.case.data.get("deputies", ()))
    return Page("station.html", {
        "party": party, "station": station, "now": now, "steps": steps, "day": day,
        "poster": url_for(f"{look.service.name}.posters", station=party.id) if look.desk.papers is not None else None,
        "rest": [one for one in ahead if one is not now],
        "on": {one.on.month: _on(one) for one in planned}, "state": _states(look, planned),
    })  # fmt: skip


def _on(planned: domain.receptions.Planned) -> date:
    found = planned.case.data.get("reception_on") if planned.case is not None else None
    return date.fromisoformat(found) if found else planned.on.on


def _states(look: Look, planned: list[domain.receptions.Planned]) -> dict[str, Text]:
    laws = look.engine.laws
    return {
        one.on.month: laws.pinned(one.case.definition).definition.states[one.case.state].title
        for one in planned if one.case is not None
    }  # fmt: skip


def _party(look: Look) -> Party:
    found = look.engine.parties.find(actor=look.actor, ids=[look.path["party"]], limit=1)
    if not found or found[0].kind not in domain.receptions.STATIONS:
        raise NotFound(Text("没有这个联络站", "there is no such station"))
    return found[0]


STATIONS = (
    Screen(path="/stations", name="stations", view=mine, menu=Text("联络站", "Station"), of_roles=True),
    Screen(path="/stations/<party>", name="station", view=shown),
)
