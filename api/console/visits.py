"""A visitor at a station: what a form of his matter knows beforehand, and whether his telephone was there before.

Who the visitor is stands in his case alone, for the station and the deputies who received him; so only whoever may read the
telephone number finds the earlier visits, and only those at the same station.
"""

from __future__ import annotations

import re
from typing import Any

from workflow import Actor, Case, Engine
from workflow.overview import Filter, find, grants_of, today

from ..domain import doors, receptions

OPINION = doors.OPINION
KEEPERS = ("station_keeper", "station_clerk")
MOST = 500
"""matters of a station that are looked through, the newest first"""
LEAST_DIGITS, LAST_DIGITS = 7, 11
"""a telephone has so many: fewer are a house or a flat in which others live too"""


def known_beforehand(engine: Engine, actor: Actor, day: Case | None = None) -> dict[str, Any]:
    """What the keeper of a single station need not type: the station, today, the reception day and its deputies. `day`: the
    reception day he starts from; without one, today's, if it is being held.
    """
    units = {grant.unit for grant in grants_of(engine, actor) if grant.role in KEEPERS and grant.unit}
    if len(units) != 1:
        return {}
    (unit,) = units
    on = today(engine).isoformat()
    asked = Filter(kind=receptions.KIND, party=unit, relation="station", states=("open",))
    held = [day] if day is not None else find(engine, actor, asked, sort="-id", limit=3).cases
    now = next((one for one in held if day is not None or one.data["reception_on"] == on), None)
    if now is None:
        return {"station_unit": unit, "received_on": on, "intake": "visit"}
    return {
        "station_unit": unit, "received_on": now.data["reception_on"], "intake": "reception", "arises_from": now.id,
        "receivers": list(now.data.get("deputies") or ()),
    }  # fmt: skip


def earlier(engine: Engine, actor: Actor, case: Case) -> list[Case]:
    """Earlier matters of the same telephone at the same station, the newest first."""
    number, station = _digits(case.data.get("voter_contact")), case.relations.get("station", ())
    if not number or not station:
        return []
    asked = Filter(kind=case.kind, party=station[0], relation="station")
    found = find(engine, actor, asked, sort="-id", limit=MOST).cases
    return [one for one in found if one.id != case.id and _digits(one.data.get("voter_contact")) == number]


def _digits(contact: Any) -> str:
    """A telephone number, however it was written; of what holds none, nothing."""
    digits = re.sub(r"\D", "", str(contact or ""))[-LAST_DIGITS:]
    return digits if len(digits) >= LEAST_DIGITS else ""
