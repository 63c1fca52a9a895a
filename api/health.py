"""Is the service well? Open to all, and tells nothing of any case."""

from __future__ import annotations

import logging

from marshmallow import Schema, fields, validate

from workflow.errors import Text

from .routes import Ask, Out, Reply, Route

log = logging.getLogger("tibandu.api")
STALE_SECONDS = 300


class HealthOut(Schema):
    """Does the store answer, how old is the last tick."""

    status = fields.Str(required=True, validate=validate.OneOf(["ok", "stale", "store"]))
    last_tick_age = fields.Float(required=True, allow_none=True, metadata={"description": "seconds"})


def health(ask: Ask) -> Reply:
    """200 when it is well, 503 when the store does not answer or the scheduler has stood still."""
    seconds = ask.desk.age() if ask.desk.age else None
    stale = seconds is not None and seconds > STALE_SECONDS
    try:
        ask.engine.search(limit=1)
        status = "stale" if stale else "ok"
    except Exception:
        log.exception("health: the store does not answer")
        status = "store"
    body = {"status": status, "last_tick_age": None if seconds is None else round(seconds, 1)}
    return Reply(body, 200 if status == "ok" else 503, {"Cache-Control": "no-store"})


HEALTH = (
    Route(
        method="GET", path="/v1/health", name="health", view=health, permission="open", audit="none", tag="service",
        text=Text("服务是否正常", "is the service well"),
        out={
            200: Out(HealthOut, Text("正常", "it is")),
            503: Out(HealthOut, Text("库无应答,或调度器停滞", "the store does not answer, or the scheduler stands still")),
        },
    ),
)  # fmt: skip
