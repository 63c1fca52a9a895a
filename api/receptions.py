"""The reception days of a station over HTTP: the planned days, each with its case as far as the person may know of it."""

from __future__ import annotations

from datetime import date
from typing import Any

from marshmallow import Schema, fields, validate

from workflow.errors import NotFound, Text
from workflow.overview import today

from . import domain
from .faults import written
from .routes import Ask, Out, Reply, Route
from .schemas import Day, Numeral, Strict, Words

MOST_MONTHS = 24


class Months(Strict):
    """From which month on, and how many."""

    first = fields.Str(
        data_key="from", validate=written(r"20[0-9]{2}-(0[1-9]|1[0-2])\Z", "2026-03"),
        metadata={"description": "`2026-03`; this month unless said otherwise"},
    )  # fmt: skip
    months = Numeral(load_default=12, validate=validate.Range(1, MOST_MONTHS))


class ReceptionOut(Schema):
    """A station's day of one month."""

    month = fields.Str(required=True)
    on = Day(required=True)
    provisional = fields.Bool(required=True)
    hours = fields.Str(required=True, allow_none=True)
    place = fields.Str(required=True, allow_none=True)
    deputies = fields.List(fields.Str(), required=True, metadata={"description": "on duty, once rostered"})
    case = fields.Str(required=True, allow_none=True, metadata={"description": "none: not started"})
    state = fields.Nested(Words, required=True, allow_none=True)


class ReceptionsOut(Schema):
    """Its days, month by month."""

    station = fields.Str(required=True)
    name = fields.Str(required=True)
    receptions = fields.List(fields.Nested(ReceptionOut), required=True)


def receptions(ask: Ask) -> Reply:
    """Planned by the rules of the place and what the station says itself; started ones as their cases say."""
    found = ask.engine.parties.find(actor=ask.actor, ids=[ask.path["party"]], limit=1)
    if not found or found[0].kind not in domain.receptions.STATIONS:
        raise NotFound(Text("没有这个联络站", "there is no such station"))
    first = ask.query.get("first") or today(ask.engine).isoformat()[:7]
    station = domain.receptions.station_of(ask.engine, found[0])
    planned = domain.receptions.plan_of(
        ask.engine, station, domain.receptions.months_from(first, ask.query["months"]), actor=ask.actor
    )
    body = {
        "station": station.unit,
        "name": station.name,
        "receptions": [_shown(ask, one) for one in planned],
    }
    return Reply(body)


def _shown(ask: Ask, one: domain.receptions.Planned) -> dict[str, Any]:
    plan = {"month": one.on.month, "on": one.on.on, "provisional": one.on.provisional, "hours": one.station.hours,
            "place": one.station.place, "deputies": [], "case": None, "state": None}  # fmt: skip
    if one.case is None:
        return plan
    data = one.case.data
    state = ask.engine.laws.pinned(one.case.definition).definition.states[one.case.state].title
    told = {name: data[name] for name in ("hours", "place", "deputies") if data.get(name)}
    on = date.fromisoformat(data["reception_on"])
    provisional = bool(data.get("provisional"))
    return {**plan, **told, "on": on, "provisional": provisional, "case": one.case.id, "state": state}


RECEPTIONS = (
    Route(
        method="GET", path="/v1/parties/<party>/receptions", name="receptions", view=receptions, permission="person",
        audit="none", tag="parties", text=Text("联络站的接待日", "the reception days of a station"), scope="parties:read",
        query=Months, out={200: Out(ReceptionsOut, Text("逐月", "month by month"))}, problems=("not_found",),
    ),
)  # fmt: skip
