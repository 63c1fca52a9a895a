"""Letters that were given up, for who looks after the service: by which way, what the other side said; and once more.

What is due, overdue or escalated is asked of the cases (`/v1/worklist`, `/v1/views`, `/v1/cases`) and of one's own inbox.
"""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from workflow.errors import Text

from .routes import Ask, Out, Reply, Route
from .schemas import Numeral, Strict

MOST = 200


class Listing(Strict):
    """How many."""

    limit = Numeral(load_default=50, validate=validate.Range(1, MOST))
    channel = fields.Str(validate=validate.Length(1, 80))


class DeadOut(Schema):
    """A letter that no try has brought to its receiver; nothing of what it says."""

    key = fields.Str(required=True, metadata={"description": "to name it by when it is sent again"})
    channel = fields.Str(required=True)
    holder = fields.Str(required=True, metadata={"description": "whom it is for"})
    attempts = fields.Int(required=True)
    answer = fields.Str(
        required=True, allow_none=True, metadata={"description": "the other side's own words"}
    )
    created_at = fields.Str(required=True, metadata={"description": "RFC 3339"})


class DeadAllOut(Schema):
    """Those given up, the newest first, and how many there are."""

    letters = fields.List(fields.Nested(DeadOut), required=True)
    dead = fields.Int(required=True)


class AgainIn(Strict):
    """Which: those named, those of a channel, or all."""

    keys = fields.List(
        fields.Str(validate=validate.Length(1, 400)), load_default=list, validate=validate.Length(max=MOST)
    )
    channel = fields.Str(load_default=None, validate=validate.Length(1, 80))


class AgainOut(Schema):
    """How many are tried again."""

    redelivered = fields.Int(required=True)


def dead(ask: Ask) -> Reply:
    """A page of them."""
    found = ask.engine.alerts.listed(state="dead", channel=ask.query.get("channel"), limit=ask.query["limit"])
    return Reply({"letters": found, "dead": ask.engine.health().dead_letters})


def redeliver(ask: Ask) -> Reply:
    """From the beginning; each keeps who asked for it."""
    body = ask.body
    count = ask.engine.alerts.redeliver(ask.actor.person, keys=body["keys"], channel=body["channel"])
    return Reply({"redelivered": count})


ALERTS = (
    Route(
        method="GET", path="/v1/alerts/dead", name="alerts_dead", view=dead, permission="operator", audit="none", tag="service",
        text=Text("送不到的消息及原因（管理员）", "letters that were given up, and why (an operator's)"), scope="operate",
        query=Listing, out={200: Out(DeadAllOut, Text("新的在前", "the newest first"))},
    ),
    Route(
        method="POST", path="/v1/alerts/redeliver", name="alerts_redeliver", view=redeliver, permission="operator",
        audit="store", tag="service", text=Text("重发送不到的消息（管理员）", "try them again (an operator's)"),
        scope="operate", body=AgainIn, out={200: Out(AgainOut, Text("重发几封", "how many"))},
    ),
)  # fmt: skip
