"""Filters the reader has kept: kept from the list they narrow, opened from his first page, dropped there."""

from __future__ import annotations

from workflow.errors import Text

from ..problems import Problem
from ..saved import LONGEST, forget, keep
from .screens import Go, Look, Screen, own_address

LISTS = ("/views/", "/waiting", "/found", "/overdue")
"""what can be kept: lists, never an act"""


def saved(look: Look) -> Go:
    """Keep the narrowed list under a name."""
    name = " ".join(look.request.form.get("name", "").split())[:80]
    address = own_address(look.request.form.get("to", "")[:LONGEST])
    inside = address.removeprefix(look.address("home").rstrip("/"))
    if not name or not inside.startswith(LISTS):
        raise Problem("bad_request", Text("请给这个筛选起个名字", "give the filter a name"))
    keep(look.engine, look.actor.person, name, address)
    return Go(address)


def dropped(look: Look) -> Go:
    """It is no longer kept."""
    forget(look.engine, look.actor.person, look.path["id"])
    return Go(look.address("home"))


FILTERS = (
    Screen(path="/filters", name="filter_saved", view=saved, methods=("POST",)),
    Screen(path="/filters/<id>/drop", name="filter_dropped", view=dropped, methods=("POST",)),
)
