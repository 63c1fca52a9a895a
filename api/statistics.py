"""Figures: what came in and went out, what is open, what is over its day; always with what it is a part of, never of persons."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from workflow.errors import Text
from workflow.overview import Figures, Filter, Period, figures, today

from .routes import Ask, Out, Reply, Route
from .schemas import NAME, TENANT, Day, Flag, Listed, Strict

BY = ("kind", "state", "tenant", "month", "unit", "slot", "definition")


class Which(Strict):
    """Of which cases, and how told apart."""

    by = Listed(
        fields.Str(validate=validate.OneOf(BY)), load_default=list, validate=validate.Length(max=3),
        metadata={"description": "any of " + ", ".join(BY) + ". By unit a case counts for each of its units"},
    )  # fmt: skip
    start = Day(metadata={"description": "of the period in which cases came in or went out"})
    before = Day(metadata={"description": "the first day after the period"})
    kind = fields.Str(validate=NAME)
    tenant = fields.Str(validate=[validate.Length(max=200), TENANT])
    roots = Flag(load_default=True, metadata={"description": "without children"})


class RateOut(Schema):
    """A part of a whole; where the whole is nothing there is no rate."""

    part = fields.Int(required=True)
    of = fields.Int(required=True)
    rate = fields.Float(required=True, allow_none=True)


class FiguresOut(Schema):
    """One group."""

    group = fields.Dict(keys=fields.Str(), values=fields.Str(), required=True)
    opened = fields.Int(required=True, metadata={"description": "came in within the period"})
    concluded = fields.Int(required=True, metadata={"description": "went out within the period"})
    open = fields.Int(required=True, metadata={"description": "open today"})
    over_target = fields.Nested(
        RateOut, required=True, metadata={"description": "a running deadline is over"}
    )
    over_statutory = fields.Nested(
        RateOut, required=True, metadata={"description": "its outer limit is over"}
    )


class StatisticsOut(Schema):
    """Figures by group, in the order of the groups' names: not a ranking."""

    on = Day(required=True)
    by = fields.List(fields.Str(), required=True)
    groups = fields.List(fields.Nested(FiguresOut), required=True)
    total = fields.Nested(FiguresOut, required=True, metadata={"description": "of all; each case once"})


def statistics(ask: Ask) -> Reply:
    """Counted from what this person may know of."""
    query = ask.query
    asked = Filter(kind=query.get("kind"), tenant=query.get("tenant"), roots=query["roots"])
    period, by = Period(start=query.get("start"), before=query.get("before")), query["by"]
    (total,) = figures(ask.engine, ask.actor, asked, [], period)
    groups = figures(ask.engine, ask.actor, asked, by, period) if by else []
    return Reply(
        {
            "on": today(ask.engine),
            "by": by,
            "groups": [_shown(by, g) for g in groups],
            "total": _shown([], total),
        }
    )


def _shown(by: list[str], found: Figures) -> dict[str, Any]:
    return {
        "group": dict(zip(by, found.group, strict=True)),
        "opened": found.opened,
        "concluded": found.concluded,
        "open": found.open,
        "over_target": rate(found.over_target, found.open),
        "over_statutory": rate(found.over_statutory, found.open),
    }


def rate(part: int, of: int) -> dict[str, Any]:
    """A part of a whole."""
    return {"part": part, "of": of, "rate": round(part / of, 4) if of else None}


STATISTICS = (
    Route(
        method="GET", path="/v1/statistics", name="statistics", view=statistics, permission="person", audit="none",
        tag="figures", scope="cases:read", query=Which,
        text=Text("收、结、在办、逾期，附分母；不作个人排名", "in, out, open, over; with denominators, no ranking of persons"),
        out={200: Out(StatisticsOut, Text("统计", "the figures"))},
    ),
)  # fmt: skip
