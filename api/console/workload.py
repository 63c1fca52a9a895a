"""What each unit has in hand: beside its name where one is chosen, and as a table by name, in which nobody is ranked."""

from __future__ import annotations

from collections import Counter

from workflow.errors import Text
from workflow.overview import Figures, Filter, Period, Sitting

from ..domain import names
from .forms import units_here
from .found import address_of
from .screens import Look
from .statistics import Number, Share, Table

LOADED = 60
"""units in the table; the figures have them all"""


def workload(look: Look, kind: str) -> tuple[list[tuple[str, str, Text]], Table]:
    """Of the cases of a kind: for each unit that can be chosen its name (its id, where two have it) and what it has in hand; and
    the table of it.
    """
    asked = Filter(kind=kind, roots=True)
    open_ = asked.but(finished=False)
    late = open_.but(over="target", recorded=False)
    with Sitting.of(look.engine, look.actor) as sitting:
        found = {one.group[0]: one for one in sitting.figures(asked, ["unit"], Period(), counting=["open"])}
        (whole,) = sitting.counts([open_])
    units = units_here(look)
    called = Counter(unit.name for unit in units)
    nothing = Figures(group=("",))
    choices = [
        (
            unit.name if called[unit.name] == 1 else unit.id,
            unit.name,
            _said(found.get(unit.id, nothing)),
        )
        for unit in units
    ]
    look.names.know(units)
    look.names.learn(found)
    busy = sorted(
        (unit for unit in found if found[unit].open), key=lambda unit: names.spelt(look.names[unit])
    )
    table = [
        (
            Text(look.names[unit], look.names[unit]),
            _shares(look, found[unit], whole, open_.but(party=unit), late.but(party=unit)),
        )
        for unit in busy[:LOADED]
    ]
    more = (
        look.address("statistics", _anchor="table4")
        if len(busy) > LOADED and look.held_for("statistics")
        else None
    )
    title = Text("各承办单位在办件（按名称排列）", "What each unit has in hand, by name")
    heads = [
        Text("单位", "unit"),
        Text("在办/全部在办", "open, of all open"),
        Text("超期/在办（不含来源未载的）", "overdue, of its open whose day is known"),
    ]
    return choices, Table(title, heads, table, more=more)


def _shares(look: Look, one: Figures, whole: int, open_: Filter, late: Filter) -> list[Number | Share]:
    return [
        Share(Number(one.open, address_of(look, open_)), whole),
        Share(Number(one.over_target, address_of(look, late)), one.known),
    ]


def _said(one: Figures) -> Text:
    late = one.over_target
    return Text(
        f"在办 {one.open} 件" + (f"，其中超期 {late} 件" if late else ""),
        f"{one.open} open" + (f", {late} of them overdue" if late else ""),
    )
