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
from workflow.screens import Visits

MOST = 500
"""matters of a place that are looked through, the newest first"""
_WRITTEN = re.compile(r"(?:\+|00)?\d[\d\s()-]{5,}\d")
"""a number as people write it, with blanks, dashes and brackets"""
_TELEPHONE = re.compile(r"(?:0?0?86)?(1[3-9]\d{9}|0[1-9]\d{8,10}|[2-9]\d{6,7})")
"""a mobile, a fixed line with its area, one without; other digits are a house or a flat in which others live too"""


def known_beforehand(engine: Engine, actor: Actor, day: Case | None = None) -> dict[str, Any]:
    """What the keeper of a single place need not type: the place, today, the day that is held there and what it says. `day`: the
    one he starts from; without one, today's, if it is being held.
    """
    told, keepers = engine.library.console.visits, engine.library.console.screens.get("stations", ())
    units = {grant.unit for grant in grants_of(engine, actor) if grant.role in keepers and grant.unit}
    if told is None or len(units) != 1:
        return {}
    (unit,) = units
    on = today(engine).isoformat()
    now = _held(engine, actor, told, unit, on) if day is None else day
    if told.day is None or now is None:
        return {told.place: unit, told.on: on, **told.without_day}
    linked = {told.day.link: now.id} if told.day.link else {}
    given = {name: list(now.data.get(of) or ()) for name, of in told.day.gives.items()}
    return {told.place: unit, told.on: now.data[told.day.on], **told.day.fixed, **linked, **given}


def _held(engine: Engine, actor: Actor, told: Visits, unit: str, on: str) -> Case | None:
    """The day that is being held at that place today."""
    if told.day is None:
        return None
    asked = Filter(kind=told.day.of, party=unit, relation=told.at, states=told.day.open)
    found = find(engine, actor, asked, sort="-id", limit=3).cases
    return next((one for one in found if one.data[told.day.on] == on), None)


def earlier(engine: Engine, actor: Actor, case: Case) -> list[Case]:
    """Earlier matters of the same telephone at the same place, the newest first."""
    told = engine.library.console.visits
    if told is None or case.kind != told.of:
        return []
    numbers, place = telephones(case.data.get(told.contact)), case.relations.get(told.at, ())
    if not numbers or not place:
        return []
    asked = Filter(kind=case.kind, party=place[0], relation=told.at)
    found = find(engine, actor, asked, sort="-id", limit=MOST).cases
    return [one for one in found if one.id != case.id and numbers & telephones(one.data.get(told.contact))]


def telephones(contact: Any) -> set[str]:
    """The telephone numbers in what was noted, each whole and written in one way; of what holds none, nothing."""
    text = unicodedata.normalize("NFKC", str(contact or "")).replace("\u2010", "-").replace("\u2014", "-")
    written = (re.sub(r"\D", "", found) for found in _WRITTEN.findall(text))
    return {found[1] for digits in written if (found := _TELEPHONE.fullmatch(digits))}
