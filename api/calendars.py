"""The calendar a place counts by, and what a new year's notice would change; a person of the office puts it in force."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marshmallow import Schema, fields, validate

from workflow import Actor
from workflow.errors import NotPermitted, Reason, Text
from workflow.overview import grants_of, oversees, visible
from workflow.recalculation import Recalculated, apply, count_by, preview

from .limits import Counter, Limit
from .problems import Problem, pointer
from .routes import Ask, Desk, Out, Reply, Route
from .schemas import Day, Strict


class CalendarOut(Schema):
    """Working days as they are published."""

    name = fields.Str(required=True)
    version = fields.Str(required=True)
    first = Day(required=True)
    horizon = Day(required=True, metadata={"description": "beyond it every due day is provisional"})
    off = fields.Dict(
        keys=fields.Str(), values=fields.Str(), required=True, metadata={"description": "day -> holiday"}
    )
    makeup = fields.List(
        fields.Str(), required=True, metadata={"description": "weekend days that are worked"}
    )
    sources = fields.List(fields.Str(), required=True)


class CalendarIn(Strict):
    """A calendar as its file says it (docs/deadlines.md), in JSON."""

    calendar = fields.Dict(keys=fields.Str(), required=True)


class ApplyIn(CalendarIn):
    """And in the place of which."""

    instead_of = fields.Str(
        load_default=None, validate=validate.Length(1, 80),
        metadata={"description": "the `version` that was seen; when another is in use meanwhile, 409 and nothing is written"},
    )  # fmt: skip


class ChangeOut(Schema):
    """One deadline and what the notice makes of it."""

    case = fields.Str(required=True)
    number = fields.Str(required=True, allow_none=True)
    clock = fields.Str(required=True)
    due_on = fields.Str(required=True)
    new_due_on = fields.Str(required=True)
    moves = fields.Bool(required=True)
    provisional = fields.Bool(required=True, metadata={"description": "whether it still is"})


class ChangesOut(Schema):
    """What it changes."""

    version = fields.Str(required=True)
    changes = fields.List(fields.Nested(ChangeOut), required=True)


OFFICE = Reason.of(
    "office", "只有主管机构和本服务的管理员可以查看", "only the overseeing office and an operator may look at this"
)  # fmt: skip


def current(ask: Ask) -> Reply:
    """The one in use."""
    used = ask.engine.laws.calendar
    body = {name: getattr(used, name) for name in ("name", "version", "first", "horizon", "sources")}
    body["off"] = {day.isoformat(): holiday for day, holiday in sorted(used.off.items())}
    body["makeup"] = [day.isoformat() for day in sorted(used.makeup)]
    return Reply(body)


ASKED = Limit(what="calendar", most=60, seconds=3600)
"""previews of one person, here and on a page: each judges every deadline that runs"""


def may_judge(desk: Desk, actor: Actor) -> None:
    """Raises NotPermitted for who neither is of the congress's own office nor looks after the service."""
    if not (oversees(desk.engine, grants_of(desk.engine, actor)) or actor.person in desk.operators):
        raise NotPermitted([OFFICE])


def previewed(ask: Ask) -> Reply:
    """Which deadlines would change, of the cases this person may know of; writes nothing. Raises NotPermitted, Problem 429."""
    may_judge(ask.desk, ask.actor)
    calendar = _calendar(ask)
    Counter(ask.engine).take(ASKED, ask.actor.person)
    return Reply(_told(ask, calendar.version, preview(ask.engine, calendar)))


def applied(ask: Ask) -> Reply:
    """The same, written: a line in the history of every case."""
    calendar, used = _calendar(ask), ask.engine.laws.calendar.version
    if ask.body["instead_of"] not in (None, used):
        raise Problem("conflict", Text(f"现用日历为 {used}", f"the calendar in use is {used}"))
    found = list(apply(ask.engine, calendar, ask.actor))
    count_by(ask.engine, calendar, ask.actor)
    return Reply(_told(ask, calendar.version, found))


def _told(ask: Ask, version: str, found: Sequence[Recalculated]) -> dict[str, Any]:
    known = visible(ask.engine, ask.actor, {change.case for change in found})
    return {"version": version, "changes": [change for change in found if change.case in known]}


def _calendar(ask: Ask) -> Any:
    """The calendar of the body. Raises Problem 422 with what is wrong."""
    used = ask.engine.laws.calendar
    try:
        found = type(used).from_data(ask.body["calendar"])
    except ValueError as error:
        faults = [error, *getattr(error, "others", ())]
        raise _wrong(
            [(getattr(one, "path", ""), getattr(one, "text", Text(str(one), str(one)))) for one in faults]
        ) from None
    if found.name != used.name:
        text = Text(f"本地按日历 {used.name} 计算", f"this place counts by the calendar {used.name}")
        raise _wrong([("calendar", text)])
    return found


def _wrong(faults: Sequence[tuple[str, Text]]) -> Problem:
    """Every fault where it is; `years.2027.off` is a key in a key."""
    errors = [
        {
            "code": "form.invalid",
            "texts": {"zh": text.zh, "en": text.en},
            "pointer": pointer("calendar", *path.split(".")),
        }
        for path, text in faults
    ]
    zh = "；".join(f"{path}：{text.zh}" for path, text in faults)
    return Problem(
        "form_invalid", Text(zh, "; ".join(f"{path}: {text.en}" for path, text in faults)), errors=errors
    )


CALENDARS = (
    Route(
        method="GET", path="/v1/calendar", name="calendar", view=current, permission="person", audit="none",
        tag="definitions", text=Text("所用工作日历", "the calendar in use"), scope="definitions:read",
        out={200: Out(CalendarOut, Text("工作日历", "the calendar"))},
    ),
    Route(
        method="POST", path="/v1/calendar/preview", name="calendar_preview", view=previewed, permission="person",
        audit="none", tag="definitions",
        text=Text("新通知会改动哪些期限（主管机构、管理员）", "deadlines a new notice changes (overseeing office, operator)"),
        scope="cases:read", body=CalendarIn, out={200: Out(ChangesOut, Text("改动", "the changes"))},
        problems=("too_many",),
    ),
    Route(
        method="POST", path="/v1/calendar/apply", name="calendar_apply", view=applied, permission="operator",
        audit="history", tag="definitions", scope="operate",
        text=Text("启用新通知，逐案记入履历", "put a new notice in force, a line in each history"), body=ApplyIn,
        out={200: Out(ChangesOut, Text("改动", "the changes"))}, problems=("conflict",),
    ),
)  # fmt: skip
