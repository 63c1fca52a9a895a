"""A visitor at a station: what a form of his matter knows beforehand, and whether his telephone was there before.

Who the visitor is stands in his case alone, for the station and the deputies who received him; so only whoever may read the
telephone number finds the earlier visits, and only those at the same station.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from workflow import Actor, Case, Engine
from workflow.overview import Filter, find, grants_of, today

from ..domain import doors, receptions

OPINION = doors.OPINION
MOST = 500
"""matters of a station that are looked through, the newest first"""
_WRITTEN = re.compile(r"(?:\+|00)?\d[\d\s()-]{5,}\d")
"""a number as people write it, with blanks, dashes and brackets"""
_TELEPHONE = re.compile(r"(?:0?0?86)?(1[3-9]\d{9}|0[1-9]\d{8,10}|[2-9]\d{6,7})")
"""a mobile, a fixed line with its area, one without; other digits are a house or a flat in which others live too"""


def known_beforehand(engine: Engine, actor: Actor, day: Case | None = None) -> dict[str, Any]:
    """What the keeper of a single station need not type: the station, today, the reception day and its deputies. `day`: the
    reception day he starts from; without one, today's, if it is being held.
    """
    keepers = engine.library.console.screens.get("stations", ())
    units = {grant.unit for grant in grants_of(engine, actor) if grant.role in keepers and grant.unit}
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
    numbers, station = telephones(case.data.get("voter_contact")), case.relations.get("station", ())
    if not numbers or not station:
        return []
    asked = Filter(kind=case.kind, party=station[0], relation="station")
    found = find(engine, actor, asked, sort="-id", limit=MOST).cases
    return [one for one in found if one.id != case.id and numbers & telephones(one.data.get("voter_contact"))]


def telephones(contact: Any) -> set[str]:
    """The telephone numbers in what was noted, each whole and written in one way; of what holds none, nothing."""
    text = unicodedata.normalize("NFKC", str(contact or "")).replace("\u2010", "-").replace("\u2014", "-")
    written = (re.sub(r"\D", "", found) for found in _WRITTEN.findall(text))
    return {found[1] for digits in written if (found := _TELEPHONE.fullmatch(digits))}
