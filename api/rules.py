"""The numbers of the place over HTTP: each with its source and how sure it is."""

from __future__ import annotations

from marshmallow import Schema, fields

from workflow.errors import Text
from workflow.overview import today

from .routes import Ask, Out, Reply, Route
from .schemas import Day, Strict, Words

CONFIDENCE = (
    "S law of the state, B believed to be, H of the province, X of the city, m typical elsewhere, d ours"
)


class On(Strict):
    """As of which day."""

    on = Day(metadata={"description": "the rules in force on that civil date; today unless given"})


class RuleOut(Schema):
    """A period, a fixed date, a number of times, or a switch."""

    id = fields.Str(required=True)
    title = fields.Nested(Words, required=True)
    unit = fields.Str(required=True)
    value = fields.Raw(required=True)
    anchor = fields.Str(required=True)
    direction = fields.Str(required=True)
    roll = fields.Str(required=True)
    outer = fields.Str(required=True, allow_none=True)
    statutory = fields.Bool(required=True)
    warn = fields.List(fields.Int(), required=True)
    source = fields.Str(required=True)
    confidence = fields.Str(required=True, metadata={"description": CONFIDENCE})
    valid_from = Day(required=True, allow_none=True)
    valid_until = Day(required=True, allow_none=True)


class RulesOut(Schema):
    """The rules of a place."""

    place = fields.Str(required=True)
    on = Day(required=True)
    rules = fields.List(fields.Nested(RuleOut), required=True)


def listed(ask: Ask) -> Reply:
    """What holds here on a day."""
    book, on = ask.engine.laws.book, ask.query.get("on") or today(ask.engine)
    return Reply({"place": book.place, "on": on, "rules": [rule for rule in book.rules if rule.in_force(on)]})


RULES = (
    Route(
        method="GET", path="/v1/rules", name="rules", view=listed, permission="person", audit="none", tag="definitions",
        text=Text("本地规则：数值、依据、可信程度", "the rules of the place: value, source, confidence"),
        scope="definitions:read", query=On, out={200: Out(RulesOut, Text("某日有效的规则", "those in force on a day"))},
    ),
)  # fmt: skip
