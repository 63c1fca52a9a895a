"""One's own sessions: which are open, and an end to each; an operator ends another's."""

from __future__ import annotations

from marshmallow import Schema, fields

from workflow.errors import NotPermitted, Reason, Text

from .routes import Ask, Out, Reply, Route
from .schemas import Instant, Words
from .sessions import WAYS, Sessions

AGAIN = Reason(
    code="sign_in_again",
    text=Text("请重新登录后再结束会话", "sign in again first: the session is not fresh enough to end others"),
)


class SessionOut(Schema):
    """A session that is open."""

    id = fields.Str(required=True)
    way = fields.Nested(Words, required=True, metadata={"description": "how its person proved himself"})
    network = fields.Str(required=True, allow_none=True)
    opened_at = Instant(required=True)
    used_at = Instant(required=True)
    this = fields.Bool(required=True, metadata={"description": "the one that asks"})


class SessionsOut(Schema):
    """Sessions, the last used first."""

    sessions = fields.List(fields.Nested(SessionOut), required=True)


def listed(ask: Ask) -> Reply:
    """One's own."""
    sessions = _of(ask)
    mine = sessions.of(ask.request)
    found = [
        {
            "id": one.id, "way": WAYS[one.way], "network": one.network, "opened_at": one.opened_at, "used_at": one.used_at,
            "this": mine is not None and one.id == mine.id,
        }
        for one in sessions.listed(ask.actor.person)
    ]  # fmt: skip
    return Reply({"sessions": found})


def end(ask: Ask) -> Reply:
    """One of one's own."""
    sessions = _of(ask)
    if not sessions.fresh(ask.request):
        raise NotPermitted([AGAIN])
    sessions.end(ask.actor.person, by=ask.actor.person, id=ask.path["session"])
    return Reply(None, 204)


def end_all(ask: Ask) -> Reply:
    """Every one of another person. There being none is no fault."""
    _of(ask).end(ask.path["person"], by=ask.actor.person)
    return Reply(None, 204)


def _of(ask: Ask) -> Sessions:
    return Sessions(ask.engine, url=ask.desk.url)


PRESENCE = (
    Route(
        method="GET", path="/v1/sessions", name="sessions", view=listed, permission="person", audit="none", tag="access",
        text=Text("本人的会话", "one's own sessions"), scope="operate",
        out={200: Out(SessionsOut, Text("各会话", "those that are open"))},
    ),
    Route(
        method="DELETE", path="/v1/sessions/<session>", name="session_end", view=end, permission="person", audit="store",
        tag="access", text=Text("结束本人的一个会话", "end a session of one's own"), scope="operate",
        out={204: Out(None, Text("已结束", "it has ended"))}, problems=("not_found",),
    ),
    Route(
        method="DELETE", path="/v1/persons/<person>/sessions", name="sessions_end", view=end_all, permission="operator",
        audit="store", tag="access", text=Text("结束某人的全部会话", "end every session of a person"), scope="operate",
        out={204: Out(None, Text("已结束", "they have ended"))},
    ),
)  # fmt: skip
