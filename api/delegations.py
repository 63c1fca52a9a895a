"""Delegation (代): who is away lends his roles to a colleague until a day; what is done under them is stamped with both."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from workflow import access
from workflow.errors import NotPermitted, Reason, Text
from workflow.model import Grant
from workflow.overview import today

from .identity import is_person
from .routes import Ask, Out, Reply, Route
from .schemas import PARTY, Day, Strict
from .security_log import SecurityLog


class DelegationIn(Strict):
    """To whom, from when until when."""

    to = fields.Str(required=True, validate=PARTY, metadata={"description": "a colleague in office"})
    first = Day(load_default=None, metadata={"description": "the first civil day; today unless it is given"})
    until = Day(required=True, metadata={"description": "the last civil day"})
    role = fields.Str(
        load_default=None, validate=validate.Length(1, 40), metadata={"description": "only this role"}
    )
    reason = fields.Str(load_default=None, validate=validate.Length(1, 200))


class DelegationOut(Schema):
    """One role that is lent."""

    id = fields.Str(required=True)
    lender = fields.Str(required=True)
    to = fields.Str(required=True)
    role = fields.Str(required=True)
    unit = fields.Str(required=True, allow_none=True)
    scope = fields.Str(required=True)
    first = fields.Str(required=True)
    until = fields.Str(required=True)
    present = fields.Bool(required=True, metadata={"description": "whether it holds today"})


class DelegationsOut(Schema):
    """What one has lent and what one was lent, those that have ended too."""

    delegations = fields.List(fields.Nested(DelegationOut), required=True)


def lend(ask: Ask) -> Reply:
    """The roles are the colleague's too."""
    body, me = ask.body, ask.actor.person
    if not is_person(me):
        raise NotPermitted(
            [Reason(code="person", text=Text("只有人可以委托", "only a person lends his roles"))]
        )
    lent = access.lend(
        ask.engine, me, body["to"], until=body["until"], by=me, day=today(ask.engine), since=body["first"],
        role=body["role"], reason=body["reason"],
    )  # fmt: skip
    for grant in lent:
        place = " ".join(filter(None, (grant.scope, grant.unit)))
        detail = (
            f"lent {grant.role} of {grant.on_behalf_of} in {place}, {grant.valid_from} to {grant.valid_until}"
        )
        SecurityLog(ask.engine).note("grant", grant.person, by=me, detail=detail)
    return Reply({"delegations": [_shown(ask, grant) for grant in lent]}, 201)


def listed(ask: Ask) -> Reply:
    """Of the one who asks."""
    found = access.lent(ask.engine, ask.actor.person)
    return Reply({"delegations": [_shown(ask, grant) for grant in found]})


def give_back(ask: Ask) -> Reply:
    """It has ended. Twice changes nothing."""
    me = ask.actor.person
    before = {grant.id: grant.valid_until for grant in access.lent(ask.engine, me)}
    ended = access.give_back(ask.engine, ask.path["grant_id"], by=me, day=today(ask.engine))
    if before.get(ended.id) != ended.valid_until:
        place = " ".join(filter(None, (ended.scope, ended.unit)))
        detail = f"gave back {ended.role} of {ended.on_behalf_of} in {place}"
        SecurityLog(ask.engine).note("grant", ended.person, by=me, detail=detail)
    return Reply(None, 204)


def _shown(ask: Ask, grant: Grant) -> dict[str, Any]:
    return {
        "id": grant.id, "lender": grant.on_behalf_of, "to": grant.person, "role": grant.role, "unit": grant.unit,
        "scope": grant.scope, "first": str(grant.valid_from), "until": str(grant.valid_until),
        "present": grant.covers(grant.scope, today(ask.engine)),
    }  # fmt: skip


DELEGATIONS = (
    Route(
        method="POST", path="/v1/delegations", name="delegate", view=lend, permission="person", audit="store", tag="access",
        text=Text("委托同事代行本人职责", "let a colleague act in one's place"), scope="cases:write", body=DelegationIn,
        members={"person": "to"},
        out={201: Out(DelegationsOut, Text("所委托的角色", "the roles that are lent"))},
    ),
    Route(
        method="GET", path="/v1/delegations", name="delegations", view=listed, permission="person", audit="none", tag="access",
        text=Text("本人的委托与受托", "what one has lent and was lent"), scope="cases:read",
        out={200: Out(DelegationsOut, Text("含已结束的", "those that have ended too"))},
    ),
    Route(
        method="DELETE", path="/v1/delegations/<grant_id>", name="delegation_end", view=give_back, permission="person",
        audit="store", tag="access", text=Text("结束委托", "end a delegation"), scope="cases:write",
        out={204: Out(None, Text("已结束", "it has ended"))}, problems=("not_found",),
    ),
)  # fmt: skip
