"""Is the service well? Open to all, and tells nothing of any case. `live` and `ready` are for whoever starts, stops and chooses
processes: a process that does not answer `live` is started anew, one that is not `ready` is asked nothing meanwhile.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from marshmallow import Schema, fields, validate

from workflow.errors import Text
from workflow.health import Health

from .routes import Ask, Out, Reply, Route
from .store import Shelf

log = logging.getLogger("tibandu.api")
STALE_SECONDS = 300
SCHEMA, LOOKED = "schema", timedelta(seconds=60)
"""a table that is lost is noticed within it, by this question; by whoever needs it at once"""


class HealthOut(Schema):
    """Does the store answer, does anybody tick, what waits. Ages in seconds; numbers only, nothing of any case."""

    status = fields.Str(required=True, validate=validate.OneOf(["ok", "stale", "store"]))
    last_tick_age = fields.Float(
        required=True, allow_none=True, metadata={"description": "of this process, or of any node; seconds"}
    )
    oldest_due_age = fields.Float(
        allow_none=True, metadata={"description": "of a timer that is due and has not fired; seconds"}
    )
    oldest_undelivered_age = fields.Float(
        allow_none=True, metadata={"description": "of a message that is due and has not gone out; seconds"}
    )
    dead_letters = fields.Int()
    broken_timers = fields.Int()
    nodes = fields.Int(metadata={"description": "schedulers that have left a trace"})
    held = fields.Bool(metadata={"description": "a node saw its clock leap and waits for an operator"})
    calendar_horizon = fields.Date(metadata={"description": "days beyond are provisional"})
    clock_skew = fields.Float(metadata={"description": "seconds this clock runs ahead of the database's"})


def health(ask: Ask) -> Reply:
    """200 when it is well, 503 when the store does not answer or the scheduler has stood still."""
    seconds = ask.desk.age() if ask.desk.age else None
    stale = seconds is not None and seconds > STALE_SECONDS
    status, found = "store", None
    try:
        found = ask.engine.health()
        status = "stale" if stale else "ok"
    except Exception:
        log.exception("health: the store does not answer")
    if seconds is None and found is not None:
        seconds = found.last_tick_age
    body = {"status": status, "last_tick_age": None if seconds is None else round(seconds, 1)}
    body |= {} if found is None else _what_waits(found)
    return Reply(body, 200 if status == "ok" else 503, {"Cache-Control": "no-store"})


class LiveOut(Schema):
    """The process answers."""

    status = fields.Constant("live", required=True)


class ReadyOut(Schema):
    """Whether it can do what it is asked, and if not, what is missing."""

    status = fields.Str(required=True, validate=validate.OneOf(["ready", "not_ready"]))
    store = fields.Bool(required=True, metadata={"description": "the database answers"})
    schema = fields.Bool(required=True, metadata={"description": "its tables are those of this version"})
    scheduler = fields.Bool(
        required=True, metadata={"description": "some node has ticked within five minutes"}
    )


def live(_ask: Ask) -> Reply:
    """It answers: nothing else is asked, so that a database that is away has no process started anew."""
    return Reply({"status": "live"}, headers={"Cache-Control": "no-store"})


def ready(ask: Ask) -> Reply:
    """200 when everything is there that an answer stands on, else 503."""
    found = _there(ask)
    good = all(found.values())
    body = {"status": "ready" if good else "not_ready", **found}
    return Reply(body, 200 if good else 503, {"Cache-Control": "no-store"})


def _there(ask: Ask) -> dict[str, bool]:
    """What is there. To look at all tables costs more than everything else: where they were there a moment ago, they are looked
    at when something fails.
    """
    found, lately, known = {"store": False, "schema": False, "scheduler": False}, ask.desk.lately, False
    try:
        now = ask.engine.clock.now()
        known = lately.known(SCHEMA, now, LOOKED) is not None
        if not known:
            ask.engine.store.check()
            found["store"] = True
            Shelf(ask.engine).check()
            found["schema"] = True
            lately.keep(SCHEMA, now, True)
        age = ask.engine.health().last_tick_age
        found = {"store": True, "schema": True, "scheduler": age is not None and age <= STALE_SECONDS}
    except Exception:
        lately.forget(SCHEMA)
        if known:
            return _there(ask)
        log.exception("not ready")
    return found


def _what_waits(found: Health) -> dict[str, Any]:
    def age(since: datetime | None) -> float | None:
        return None if since is None else round((found.at - since).total_seconds(), 1)

    return {
        "oldest_due_age": age(found.oldest_due), "oldest_undelivered_age": age(found.oldest_undelivered),
        "dead_letters": found.dead_letters, "broken_timers": len(found.broken), "nodes": len(found.nodes),
        "held": found.held, "calendar_horizon": found.calendar_horizon, "clock_skew": round(found.skew, 1),
    }  # fmt: skip


HEALTH = (
    Route(
        method="GET", path="/healthz/live", name="live", view=live, permission="open", audit="none", tag="service",
        text=Text("进程是否应答（不问数据库）", "does the process answer; the database is not asked"),
        out={200: Out(LiveOut, Text("应答", "it does"))},
    ),
    Route(
        method="GET", path="/healthz/ready", name="ready", view=ready, permission="open", audit="none", tag="service",
        text=Text("能否接受请求：库有应答、数据表为本版、五分钟内有调度",
                  "can it be asked: the database, its tables, and a tick within five minutes"),
        out={200: Out(ReadyOut, Text("可以", "it can")), 503: Out(ReadyOut, Text("不可以，缺什么", "what is missing"))},
    ),
    Route(
        method="GET", path="/v1/health", name="health", view=health, permission="open", audit="none", tag="service",
        text=Text("服务是否正常", "is the service well"),
        out={
            200: Out(HealthOut, Text("正常", "it is")),
            503: Out(HealthOut, Text("库无应答，或调度器停滞", "the store does not answer, or the scheduler stands still")),
        },
    ),
)  # fmt: skip
