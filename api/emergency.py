"""Break-glass (应急查阅): an operator takes a role for some hours, and the case says so. See workflow/glass.py."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from workflow import access
from workflow.errors import Text

from .dispatch import EMERGENCIES
from .routes import Ask, Out, Reply, Route
from .schemas import PARTY, Strict, Whole
from .security_log import SecurityLog


class GlassIn(Strict):
    """For which case, in which role, for how long, why."""

    case = fields.Str(required=True, validate=PARTY)
    role = fields.Str(required=True, validate=validate.Length(1, 40))
    hours = Whole(required=True, validate=validate.Range(1, access.MOST_HOURS))
    reason = fields.Str(required=True, validate=validate.Length(1, 2000))


class GlassOut(Schema):
    """Until when."""

    case = fields.Str(required=True)
    role = fields.Str(required=True)
    until = fields.Str(required=True)


def break_glass(ask: Ask) -> Reply:
    """The role, and the line in the case."""
    body = ask.body
    until = access.break_glass(
        ask.engine, body["case"], ask.actor.person, body["role"], hours=body["hours"], reason=body["reason"]
    )
    ask.desk.lately.forget(EMERGENCIES)
    detail = f"{body['role']} {body['case']} until {until.isoformat(timespec='minutes')}"
    SecurityLog(ask.engine).note("break_glass", ask.actor.person, detail=detail)
    return Reply(
        {"case": body["case"], "role": body["role"], "until": until.isoformat(timespec="seconds")}, 201
    )


EMERGENCY = (
    Route(
        method="POST", path="/v1/break-glass", name="break_glass", view=break_glass, permission="operator", audit="history",
        tag="access", text=Text("应急查阅：限时取得角色，案件留痕", "take a role for some hours; the case says so"),
        scope="operate", body=GlassIn, out={201: Out(GlassOut, Text("至何时", "until when"))}, problems=("not_found",),
    ),
)  # fmt: skip
