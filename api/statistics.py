"""Figures: what came in and went out, what is open, what is over its day; always with what it is a part of, never of persons."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from flask import url_for
from marshmallow import Schema, fields, validate

from workflow.errors import Text
from workflow.overview import Figures, Filter, Period, figures, today

from .asked import parameters_of
from .routes import Ask, Out, Reply, Route
from .schemas import NAME, TENANT, Day, Flag, Listed, Strict

EVER = date(1900, 1, 1)
"""no case went out before"""
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


class ListsOut(Schema):
    """Behind each number the list of its length; none for a congress below which others have numbers of their own."""

    opened = fields.Str(required=True, allow_none=True)
    concluded = fields.Str(required=True, allow_none=True)
    open = fields.Str(required=True, allow_none=True)
    not_known = fields.Str(required=True, allow_none=True)
    over_target = fields.Str(required=True, allow_none=True)
    over_statutory = fields.Str(required=True, allow_none=True)


class FiguresOut(Schema):
    """One group."""

    group = fields.Dict(keys=fields.Str(), values=fields.Str(), required=True)
    opened = fields.Int(required=True, metadata={"description": "came in within the period"})
    concluded = fields.Int(required=True, metadata={"description": "went out within the period"})
    open = fields.Int(required=True, metadata={"description": "open today"})
    not_known = fields.Int(
        required=True,
        metadata={"description": "open, over a day, but only imported: nobody knows whether it was kept"},
    )
    over_target = fields.Nested(
        RateOut, required=True, metadata={"description": "a running deadline is over; of the open ones without `not_known`"}
    )  # fmt: skip
    over_statutory = fields.Nested(
        RateOut, required=True, metadata={"description": "its outer limit is over; of the open ones without `not_known`"}
    )  # fmt: skip
    lists = fields.Nested(
        ListsOut,
        required=True,
        metadata={"description": "the cases of each number, as `/v1/cases` finds them"},
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
    named = [dict(zip(by, one.group, strict=True)) for one in groups]
    tenants = {group["tenant"] for group in named} if "tenant" in by else set()
    return Reply(
        {
            "on": today(ask.engine),
            "by": by,
            "groups": [
                _shown(group, one, _lists(asked, group, period, tenants))
                for group, one in zip(named, groups, strict=True)
            ],
            "total": _shown({}, total, _lists(asked, {}, period, ())),
        }
    )


def _shown(group: Mapping[str, str], found: Figures, lists: Mapping[str, str | None]) -> dict[str, Any]:
    return {
        "group": group,
        "opened": found.opened,
        "concluded": found.concluded,
        "open": found.open,
        "not_known": found.unknown,
        "over_target": rate(found.over_target, found.known),
        "over_statutory": rate(found.over_statutory, found.known),
        "lists": lists,
    }


def _lists(
    asked: Filter, group: Mapping[str, str], period: Period, tenants: Collection[str]
) -> Mapping[str, str | None]:
    """Where the cases of each number are. A list of a tenant has those below it too: of one that has some here there is none."""
    if any(other.startswith(f"{group.get('tenant')}/") for other in tenants):
        return dict.fromkeys(ListsOut().fields)
    of, within = _of(asked, group), _within(period, group.get("month"))
    month = _within(Period(), group.get("month"))
    standing = of.but(opened_from=month.start, opened_before=month.before, finished=False)
    found = {
        "opened": of.but(opened_from=within.start, opened_before=within.before),
        "concluded": of.but(concluded_from=within.start or EVER, concluded_before=within.before),
        "open": standing,
        "not_known": standing.but(over="target", recorded=True),
        "over_target": standing.but(over="target", recorded=False),
        "over_statutory": standing.but(over="statutory", recorded=False),
    }
    return {name: _address(one) for name, one in found.items()}


def _of(asked: Filter, group: Mapping[str, str]) -> Filter:
    """The cases of the group, whenever they came in."""
    same: dict[str, Any] = {
        name: group[name] for name in ("kind", "state", "tenant", "definition") if name in group
    }
    if "unit" in group:
        same["party"] = group["unit"]
    if slot := group.get("slot"):
        same["slots"] = (slot,)
    return asked.but(**same, roots=asked.roots or group.get("slot") == "")


def _within(period: Period, month: str | None) -> Period:
    """The part of the period in that month, `2026-03`."""
    if month is None:
        return period
    first = date.fromisoformat(f"{month}-01")
    after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return Period(start=max(period.start or first, first), before=min(period.before or after, after))


def _address(asked: Filter) -> str:
    given: dict[str, Any] = {**parameters_of(asked)}
    return url_for(".search", **given)


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
