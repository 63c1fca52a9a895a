"""The feed: what has happened in all cases one may know of, in one order, without a gap. Poor in information by design."""

from __future__ import annotations

from typing import Any

from flask import url_for
from marshmallow import Schema, fields, validate

from workflow.errors import Text
from workflow.overview import Happening, feed

from .routes import Ask, Out, Reply, Route
from .schemas import Instant, Numeral, Strict


class Since(Strict):
    """From where on."""

    after = Numeral(
        load_default=0, validate=validate.Range(0, 2**53),
        metadata={"description": "`next` of the answer before; 0 is the beginning"},
    )  # fmt: skip
    limit = Numeral(load_default=100, validate=validate.Range(1, 1000))


class HappeningOut(Schema):
    """A CloudEvent 1.0: which event of which case; what was said is read from the case."""

    specversion = fields.Constant("1.0", required=True)
    id = fields.Str(required=True, metadata={"description": "case and line; never changes"})
    source = fields.Str(required=True)
    type = fields.Str(required=True, metadata={"description": "`tibandu.<kind>.<event>`"})
    subject = fields.Str(required=True, metadata={"description": "the case"})
    time = Instant(required=True)
    sequence = fields.Str(required=True, metadata={"description": "orders the events of one case"})
    dataref = fields.Str(required=True, metadata={"description": "where the case is read"})
    position = fields.Int(required=True)
    from_state = fields.Str(required=True)
    to_state = fields.Str(required=True)


class HappeningsOut(Schema):
    """Some of the feed."""

    events = fields.List(fields.Nested(HappeningOut), required=True)
    next = fields.Int(
        required=True, metadata={"description": "give it as `after` the next time, now or in a week"}
    )


def events(ask: Ask) -> Reply:
    """What came after a position. Nobody who reads on misses a line, whoever wrote beside whom."""
    found, further = feed(ask.engine, ask.actor, ask.query["after"], ask.query["limit"])
    return Reply({"events": [_event(ask, happening) for happening in found], "next": further})


def _event(ask: Ask, happening: Happening) -> dict[str, Any]:
    name = ask.desk.blueprint.name
    return {
        "id": f"{happening.case}/{happening.seq}",
        "source": url_for(f"{name}.events").removesuffix("/events"),
        "type": f"tibandu.{happening.kind}.{happening.event}",
        "subject": happening.case,
        "time": happening.recorded_at,
        "sequence": f"{happening.seq:010}",
        "dataref": url_for(f"{name}.case", id=happening.case),
        "position": happening.position,
        "from_state": happening.from_state,
        "to_state": happening.to_state,
    }


HAPPENINGS = (
    Route(
        method="GET", path="/v1/events", name="events", view=events, permission="person", audit="none", tag="events",
        text=Text("事件流：自某一位置之后所发生的，无缺漏", "the feed: what happened after a position, without a gap"),
        scope="cases:read", query=Since, out={200: Out(HappeningsOut, Text("一段事件", "some of it"))},
    ),
)  # fmt: skip
