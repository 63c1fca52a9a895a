"""What a person has been told: his own inbox and nobody else's."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from workflow.errors import Text

from .paging import KEY, link, next_address, of_notice, place_asked
from .routes import Ask, Out, Reply, Route
from .schemas import Flag, Paged, Strict, Words


class Entries(Paged):
    """Which entries."""

    unread = Flag(load_default=False)


class LineOut(Schema):
    """What happened in one case."""

    case = fields.Str(required=True)
    seq = fields.Int(required=True)
    number = fields.Str(required=True, allow_none=True)
    topic = fields.Str(required=True)
    kind = fields.Nested(Words, required=True)
    state = fields.Nested(Words, required=True)
    event = fields.Nested(Words, required=True, allow_none=True)
    clock = fields.Nested(Words, required=True, allow_none=True)
    rung = fields.Int(required=True, allow_none=True, metadata={"description": "days from the due day"})
    due_on = fields.Str(required=True, allow_none=True)


class NoticeOut(Schema):
    """An entry."""

    key = fields.Str(required=True)
    line = fields.Nested(LineOut, required=True)
    created_at = fields.Str(required=True, metadata={"description": "RFC 3339"})
    read_at = fields.Str(required=True, allow_none=True)


class InboxOut(Schema):
    """A page of it, the newest first."""

    entries = fields.List(fields.Nested(NoticeOut), required=True)
    next = fields.Str(required=True, allow_none=True)


class ReadIn(Strict):
    """Which entries he has seen."""

    keys = fields.List(
        fields.Str(validate=validate.Length(min=1, max=KEY)),
        required=True,
        validate=validate.Length(min=1, max=500),
    )


class ReadOut(Schema):
    """How many were new to him."""

    read = fields.Int(required=True)


def inbox(ask: Ask) -> Reply:
    """The person's own; of one case, where the address names it."""
    limit = ask.query["limit"]
    found = ask.engine.alerts.inbox(
        ask.actor.person, unread=ask.query["unread"], before=place_asked(of_notice), limit=limit + 1,
        case=ask.case.id if ask.case else None,
    )  # fmt: skip
    last = found[limit - 1] if len(found) > limit else None
    address = next_address([last.created_at, last.key]) if last else None
    return Reply({"entries": found[:limit], "next": address}, headers=link(address))


def read(ask: Ask) -> Reply:
    """He has seen them."""
    return Reply({"read": ask.engine.alerts.mark_read(ask.actor.person, ask.body["keys"])})


INBOX = (
    Route(
        method="GET", path="/v1/inbox", name="inbox", view=inbox, permission="person", audit="none", tag="inbox",
        text=Text("本人的收件箱，新的在前", "my inbox, the newest first"), scope="inbox:read", query=Entries,
        out={200: Out(InboxOut, Text("一页", "a page"), headers=("Link",))},
    ),
    Route(
        method="GET", path="/v1/cases/<id>/alerts", name="case_alerts", view=inbox, permission="case", audit="none", tag="inbox",
        text=Text("本案通知本人的消息，新的在前", "what I have been told of this case, the newest first"), scope="inbox:read",
        query=Entries, out={200: Out(InboxOut, Text("一页", "a page"), headers=("Link",))},
    ),
    Route(
        method="POST", path="/v1/inbox/read", name="inbox_read", view=read, permission="person", audit="store",
        tag="inbox", text=Text("标记已读", "mark entries as read"), scope="inbox:write", body=ReadIn,
        out={200: Out(ReadOut, Text("新读几条", "how many were new"))},
    ),
)  # fmt: skip
