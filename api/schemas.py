"""What goes in and out, as marshmallow schemas; an event's own form is the engine's to check."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

NAME = validate.Regexp(r"[a-z][a-z0-9_]{0,39}\Z")
TENANT = validate.Regexp(r"[^\s/]+(/[^\s/]+)*\Z")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Day(fields.Field[date]):
    """A civil date, `2026-03-15` and no other way."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> date:
        try:
            if isinstance(value, str) and _DAY.fullmatch(value):
                return date.fromisoformat(value)
        except ValueError:
            pass
        raise ValidationError("invalid")

    def _serialize(self, value: date | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else value.isoformat()


class Fire(Schema):
    """The body of an event."""

    class Meta:
        """Unknown keys are refused."""

        unknown = RAISE

    data = fields.Dict(keys=fields.Str(), load_default=dict)
    effective_on = Day()
    reason = fields.Str(validate=validate.Length(min=1, max=20_000))
    role = fields.Str(validate=NAME)
    """which of several grants to act under"""
    unit = fields.Str(validate=validate.Length(min=1, max=80))


class Start(Fire):
    """The body of a new case."""

    kind = fields.Str(required=True, validate=NAME)
    tenant = fields.Str(required=True, validate=[validate.Length(max=200), TENANT])


class Words(Schema):
    """A sentence in both languages."""

    zh = fields.Str()
    en = fields.Str()


class Clock(Schema):
    """A deadline: civil dates of Asia/Shanghai."""

    name = fields.Str()
    title = fields.Nested(Words)
    rule = fields.Str()
    anchor_on = Day()
    due_on = Day()
    outer_on = Day()
    running = fields.Bool()
    provisional = fields.Bool()
    source = fields.Str()


class CaseOut(Schema):
    """A case as it stands."""

    id = fields.Str()
    kind = fields.Str()
    definition = fields.Str()
    tenant = fields.Str()
    state = fields.Str()
    revision = fields.Int()
    number = fields.Str()
    data = fields.Dict()
    relations = fields.Dict(keys=fields.Str(), values=fields.List(fields.Str()))
    clocks = fields.List(fields.Nested(Clock))
    opened_on = fields.Str()
    closed = fields.Bool()
    root = fields.Str()
    slot = fields.Str()
    party = fields.Str()


class ReasonOut(Schema):
    """One reason of a no."""

    code = fields.Str()
    texts = fields.Nested(Words, attribute="text")
    field = fields.Str()


class PermissionOut(Schema):
    """Whether an event may be fired, with every reason why not."""

    event = fields.Str()
    title = fields.Nested(Words)
    allowed = fields.Bool()
    reasons = fields.List(fields.Nested(ReasonOut))
    form = fields.List(fields.Str())
    optional = fields.List(fields.Str())


class EntryOut(Schema):
    """One line of a history."""

    seq = fields.Int()
    recorded_at = fields.DateTime(format="iso")
    effective_on = fields.Str()
    event = fields.Str()
    from_state = fields.Str()
    to_state = fields.Str()
    actor = fields.Str()
    on_behalf_of = fields.Str()
    role = fields.Str()
    unit = fields.Str()
    automatic = fields.Str()
    definition = fields.Str()
    data = fields.Dict()
    erased = fields.List(fields.Str())
    hash = fields.Str()
