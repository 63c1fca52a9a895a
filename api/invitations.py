"""Acting by a link, without an account: a deputy evaluates, a signer confirms. Only the congress's own office issues a link.

Looking never consumes: scanners of mail and chat open links by themselves. An answer may be changed for as long as the definition
allows (until it is tallied). Whoever is signed in as somebody else is answered as if there were no link, whatever his office:
the deputy answers, and nobody for him.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from flask import Request, url_for
from marshmallow import Schema, fields, validate

from workflow import Actor, Case, Engine
from workflow.definition import Definition
from workflow.errors import NotFound, Text
from workflow.form_schema import form_schema
from workflow.model import Receipt
from workflow.overview import Invitation, invitation, today

from .dispatch import known, written
from .limits import missed
from .problems import invalid_fields
from .routes import Ask, Desk, Out, Reply, Route
from .schemas import NAME, PARTY, Day, Instant, Strict, Truth, Words
from .security_log import SecurityLog
from .uploads import own

_TOKEN = re.compile(r"[0-9a-f]{64}")
PRIVATE = {"Cache-Control": "no-store"}


class InviteIn(Strict):
    """Who may do what by the link, until when."""

    events = fields.List(fields.Str(validate=NAME), required=True, validate=validate.Length(min=1, max=4))
    subject = fields.Str(required=True, validate=PARTY, metadata={"description": "the person who acts by it"})
    until = Day(required=True, metadata={"description": "the last civil day on which it works"})
    send = Truth(
        load_default=False,
        metadata={"description": "to his own addresses; then nobody else is told the link"},
    )


class InvitedOut(Schema):
    """The link, told this once; only its hash is kept. Of one that was sent to its person neither token nor address is told."""

    token = fields.Str(required=True, allow_none=True)
    address = fields.Str(required=True, allow_none=True)
    channels = fields.List(
        fields.Str(), required=True, metadata={"description": "by which it was sent to him"}
    )
    replaced = fields.Int(
        required=True, metadata={"description": "older links of his that are good for nothing now"}
    )
    case = fields.Str(required=True)
    events = fields.List(fields.Str(), required=True)
    subject = fields.Str(required=True)
    until = Day(required=True)


class StandingOut(Schema):
    """A link as it stands. Its id is no token: nobody can answer by it."""

    id = fields.Str(required=True)
    events = fields.List(fields.Str(), required=True)
    subject = fields.Str(required=True)
    until = Day(required=True)
    issued_by = fields.Str(required=True)
    issued_at = Instant(required=True)
    channels = fields.List(fields.Str(), required=True)
    used_at = Instant(required=True, allow_none=True, metadata={"description": "when last"})
    revoked_at = Instant(required=True, allow_none=True)


class StandingAllOut(Schema):
    """Every link of a case, the oldest first, the ended ones too."""

    invitations = fields.List(fields.Nested(StandingOut), required=True)


class OfferOut(Schema):
    """An event that can be done by the link."""

    event = fields.Str(required=True)
    title = fields.Nested(Words, required=True)
    allowed = fields.Bool(required=True, metadata={"description": "now, with a complete form"})
    form = fields.Dict(required=True, metadata={"description": "JSON Schema 2020-12"})


class InvitationOut(Schema):
    """What the link is for, and what has been given so far."""

    title = fields.Str(required=True, allow_none=True)
    kind = fields.Nested(Words, required=True)
    state = fields.Nested(Words, required=True)
    until = Day(required=True)
    events = fields.List(fields.Nested(OfferOut), required=True)
    given = fields.Dict(keys=fields.Str(), required=True)


class AnsweredOut(Schema):
    """What is recorded now. What can still be done by the link is asked of the link."""

    title = fields.Str(required=True, allow_none=True)
    kind = fields.Nested(Words, required=True)
    state = fields.Nested(Words, required=True)
    until = Day(required=True)
    given = fields.Dict(keys=fields.Str(), required=True)


class AnswerIn(Strict):
    """What is done by the link."""

    event = fields.Str(
        validate=NAME, metadata={"description": "needed when the link is for several; else it is the one"}
    )
    data = fields.Dict(keys=fields.Str(), load_default=dict)


def invite(ask: Ask) -> Reply:
    """A new link, in the place of an older one. Only the congress's own office; never a unit."""
    body, case = ask.body, ask.known
    _check_events(ask, case, body["events"])
    issued = ask.engine.issue(
        case.id, body["events"], body["subject"], until=body["until"], by=ask.actor, send=body["send"]
    )
    told: dict[str, Any] = {"token": None, "address": None}
    headers = dict(PRIVATE)
    if not issued.channels:
        address = url_for(f"{ask.desk.blueprint.name}.invitation", token=issued.token)
        told, headers = {"token": issued.token, "address": address}, {**headers, "Location": address}
    told |= {"channels": issued.channels, "replaced": len(issued.replaced), "case": case.id}
    return Reply({**told, **body}, 201, headers)


def _check_events(ask: Ask, case: Case, events: list[str]) -> None:
    """Raises Problem 422 with a pointer for each event that the case has not: at fault is the body."""
    there = ask.engine.laws.pinned(case.definition).definition.events
    wrong = {number: ["invalid"] for number, event in enumerate(events) if event not in there}
    if wrong:
        raise invalid_fields({"events": wrong})


def listed(ask: Ask) -> Reply:
    """Whom the office has asked, until when, and whether he has answered."""
    return Reply({"invitations": ask.engine.invitations(ask.known.id, by=ask.actor)})


def revoke(ask: Ask) -> Reply:
    """From now on it is good for nothing. Twice changes nothing."""
    issued = {one.id for one in ask.engine.invitations(ask.known.id, by=ask.actor)}
    if ask.path["invitation"] not in issued:
        raise NotFound(Text("本案没有这份邀请", "this case has no such invitation"))
    ask.engine.revoke(ask.path["invitation"], by=ask.actor)
    return Reply(None, 204)


def look(ask: Ask) -> Reply:
    """What it is for."""
    found = _found(ask)
    return Reply(_shown(ask, found), headers=PRIVATE)


def answer(ask: Ask) -> Reply:
    """Do it, or change what was given. What is answered is stored with a key, and comes again whatever can be done next."""
    found = _found(ask)
    event = ask.body.get("event") or _next(ask, found)
    own(ask.desk, Actor(person=found.subject), ask.body, found.case)
    token, data = ask.path["token"], ask.body["data"]
    receipt = ask.key and Receipt(partial(_answered, ask, found), json.dumps(ask.body, sort_keys=True))
    case = do(ask.engine, found, token, event, data, ask.key, receipt or None)
    text = (receipt and receipt.text) or _answered(ask, found, case)
    return Reply(headers=PRIVATE, text=text)


def _answered(ask: Ask, found: Invitation, case: Case) -> str:
    return written(AnsweredOut, _about(ask, found, case))


def do(
    engine: Engine, found: Invitation, token: str, event: str, data: Mapping[str, Any], key: str | None,
    receipt: Receipt | None = None,
) -> Case:  # fmt: skip
    """Fire it as its subject. The history says that it came by a link, and the security log from where; that stands there
    before it is done, so that none is missing.
    """
    SecurityLog(engine).note("link", found.subject, detail=f"{event} in {found.case} by link {found.id[:12]}")
    who = Actor(person=found.subject, invitation=token)
    return engine.fire(found.case, event, who, data, key=key, receipt=receipt)


def _next(ask: Ask, found: Invitation) -> str:
    """The first of its events that can be done now; else the first, which then says why not."""
    offers = {offer["event"]: offer["allowed"] for offer in _offers(ask, found, ask.engine.case(found.case))}
    return next((event for event, allowed in offers.items() if allowed), found.events[0])


def _found(ask: Ask) -> Invitation:
    return found_by(ask.desk, ask.request, ask.path["token"])


def found_by(desk: Desk, asking: Request, token: str) -> Invitation:
    """The invitation. Raises NotFound, also for a known person who is not the one it was made out to, and that stands in the
    security log; Problem 429 for who has guessed too often.
    """
    try:
        if not _TOKEN.fullmatch(token):
            raise _none()
        found = invitation(desk.engine, token)
    except NotFound:
        missed(desk, asking, "invitation")
        raise _none() from None
    who = known(desk, asking)
    if who is not None and who.person != found.subject:
        missed(desk, asking, "invitation")
        SecurityLog(desk.engine).note(
            "denied", who.person, good=False, detail=f"another's link {found.id[:12]}"
        )
        raise _none()
    return found


def _none() -> NotFound:
    return NotFound(Text("邀请不存在或已失效", "no such invitation, or it has ended"))


def _shown(ask: Ask, found: Invitation) -> dict[str, Any]:
    case = ask.engine.case(found.case)
    return {**_about(ask, found, case), "events": _offers(ask, found, case)}


def _about(ask: Ask, found: Invitation, case: Case) -> dict[str, Any]:
    definition = ask.engine.laws.pinned(case.definition).definition
    asked = {name for event in _known(definition, found) for name in definition.events[event].fields}
    return {
        "title": case.data.get("title"),
        "kind": definition.title,
        "state": definition.states[case.state].title,
        "until": found.until,
        "given": {name: value for name, value in case.data.items() if name in asked},
    }


def _offers(ask: Ask, found: Invitation, case: Case) -> list[dict[str, Any]]:
    definition = ask.engine.laws.pinned(case.definition).definition
    codes = ask.engine.laws.codes_on(today(ask.engine))
    actor = Actor(person=found.subject, invitation=ask.path["token"])
    permitted = {permission.event: permission for permission in ask.engine.permitted(case.id, actor)}
    return [
        {
            "event": name,
            "title": definition.events[name].title,
            "allowed": permitted[name].allowed,
            "form": form_schema(definition, definition.events[name], codes),
        }
        for name in _known(definition, found)
    ]


def _known(definition: Definition, found: Invitation) -> list[str]:
    """The events of the link that the version has by which the case lives now."""
    return [name for name in found.events if name in definition.events]


INVITATIONS = (
    Route(
        method="POST", path="/v1/cases/<id>/invitations", name="invite", view=invite, permission="event", audit="store",
        tag="invitations", scope="cases:invite", body=InviteIn,
        text=Text("发出链接（仅限主管机构）", "issue a link (the overseeing office only)"),
        out={201: Out(InvitedOut, Text("链接，仅此一次", "the link, told this once"), headers=("Location",))},
        problems=("not_permitted",),
    ),
    Route(
        method="GET", path="/v1/cases/<id>/invitations", name="invitations", view=listed, permission="event", audit="none",
        tag="invitations", scope="cases:invite",
        text=Text("本案已发出的链接（仅限主管机构）", "the links of a case (the overseeing office only)"),
        out={200: Out(StandingAllOut, Text("各链接，不含令牌", "the links, without their tokens"))},
    ),
    Route(
        method="DELETE", path="/v1/cases/<id>/invitations/<invitation>", name="invitation_revoke", view=revoke,
        permission="event", audit="store", tag="invitations", scope="cases:invite",
        text=Text("收回链接（仅限主管机构）", "revoke a link (the overseeing office only)"),
        out={204: Out(None, Text("已收回", "it is revoked"))},
    ),
    Route(
        method="GET", path="/v1/invitations/<token>", name="invitation", view=look, permission="token", audit="none",
        tag="invitations", text=Text("看链接（不消耗）", "look at a link; consumes nothing"),
        out={200: Out(InvitationOut, Text("链接所为何事", "what it is for"))}, problems=("not_found", "too_many"),
    ),
    Route(
        method="POST", path="/v1/invitations/<token>", name="invitation_answer", view=answer, permission="token",
        audit="history", tag="invitations", text=Text("凭链接答复；汇总前可更改", "answer by a link; changeable until tallied"),
        body=AnswerIn, keyed=True, out={200: Out(AnsweredOut, Text("已记录", "it is recorded"))},
        problems=("not_found", "too_many", "not_permitted", "not_in_state", "guard_failed", "conflict"),
    ),
)  # fmt: skip
