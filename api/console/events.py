"""Doing something: the form of an event, its trial, its act; and the same for a new case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from workflow import Case, Conflict
from workflow.clock import day_of
from workflow.definition import Definition, Event
from workflow.errors import NotFound, Reason, Refused, Text
from workflow.model import ClockView
from workflow.overview import identifier, today

from ..problems import Problem
from .branches import branches
from .cases import led_here
from .forms import Input, Misread, as_sent, came_marked, inputs, sent, standing, taken_away, with_digest
from .screens import Go, Look, Page, Screen
from .sentence import remaining
from .visits import known_beforehand
from .whynot import hints, readable

REVISION = 18
"""digits of one at most"""
AGAIN = Reason(
    code="session",
    text=Text(
        "登录已更换，尚未提交，请核对后再次提交",
        "another session: nothing was done, look at it and send it again",
    ),
)
REASON = Reason(code="form.reason", text=Text("请填写理由", "give the reason"), field="@reason")


def asked(look: Look) -> Page:
    """The form, with what stands in the case already where the event asks for it again."""
    definition, event = _event(look)
    stood = _stood(look, event, look.known)
    return _form(
        look, definition, event, look.known, {**_beforehand(look, event.begets, event, look.known), **stood}
    )


def _stood(look: Look, event: Event, case: Case) -> dict[str, Any]:
    """What stands in the case already, of what the event asks for again and does not ask anew each time."""
    if event.name in look.engine.library.console.blank:
        return {}
    return {name: value for name, value in case.data.items() if name in event.fields}


def _standing_in(look: Look, event: Event, case: Case | None, shown: Sequence[Input]) -> list[Input]:
    """The inputs, with a mark on what came with a value of the case: emptied, it is to be taken away. A form that comes back has
    the marks it came with: what somebody else has written meanwhile, or what could not be shown, never stood in it.
    """
    if case is None:
        return list(shown)
    there = {name for name, value in _stood(look, event, case).items() if value not in (None, "", [])}
    marked = (
        came_marked(look, event)
        if look.request.method == "POST"
        else {one.name for one in shown if one.filled}
    )
    definition = look.engine.laws.pinned(case.definition).definition
    fixed = {asked.name for asked in event.form if not definition.lets_go(event, asked.name)}
    return [
        replace(one, stood=one.name in there & marked and not one.required, fixed=one.name in there & fixed)
        for one in shown
    ]


def _beforehand(look: Look, begun: str | None, event: Event, case: Case | None) -> dict[str, Any]:
    """What a keeper need not type when he takes down a visitor's matter."""
    told = look.engine.library.console.visits
    if told is None or begun != told.of:
        return {}
    found = known_beforehand(look.engine, look.actor, case)
    return {name: value for name, value in found.items() if name in event.fields}


def done(look: Look) -> Page | Go:
    """Do it; a "no" comes back beside the inputs it is about, and nothing that was typed is lost."""
    definition, event = _event(look)
    case, given = look.known, as_sent(look, event)
    try:
        given = sent(look, definition, event)
        given |= taken_away(look, event, given)
        look.engine.fire(
            case.id, event.name, look.actor, given, revision=revision_of(look.request.form.get("revision", "")),
            key=_key(look), effective_on=_day(look), reason=look.request.form.get("@reason", "").strip() or None,
        )  # fmt: skip
    except Conflict as error:
        now = look.engine.case(case.id, actor=look.actor)
        return _form(look, definition, event, now, given, [Reason(code="stale", text=error.text)], 409)
    except (Refused, Misread) as error:
        return _form(look, definition, event, case, standing(error, given), error.reasons, 422)
    return Go(look.address("case", id=case.id, done=event.name))


def again(look: Look) -> Page:
    """The form as it was typed before the session ended: nothing is done until it is sent anew."""
    definition, event = _event(look)
    page = _form(look, definition, event, look.known, as_sent(look, event), [AGAIN], 403)
    return Page(
        page.template, {**page.values, "revision": look.request.form.get("revision", "")}, page.status
    )


def begun_again(look: Look) -> Page:
    """The same for a new case."""
    definition = _kind(look)
    return _start(look, definition, as_sent(look, definition.start), [AGAIN], 403)


def revision_of(text: str) -> int:
    """The revision that was seen. Raises Problem 400: without it nobody would be told that somebody else was first."""
    if not (text.isascii() and text.isdecimal() and 0 < len(text) <= REVISION):
        raise Problem("bad_request", Text("请从页面打开表单", "open the form from its page"))
    return int(text)


def starting(look: Look) -> Page:
    """The form of a new case."""
    definition = _kind(look)
    return _start(look, definition, _beforehand(look, definition.name, definition.start, None))


def started(look: Look) -> Page | Go:
    """Begin it."""
    definition = _kind(look)
    given = as_sent(look, definition.start)
    try:
        given = sent(look, definition, definition.start)
        case = look.engine.start(
            definition.name, look.actor, given, tenant=look.request.form.get("tenant", ""), key=_key(look),
            effective_on=_day(look), reason=look.request.form.get("@reason", "").strip() or None,
        )  # fmt: skip
    except (Refused, Misread) as error:
        return _start(look, definition, standing(error, given), error.reasons, 422)
    return Go(look.address("case", id=case.id, done="start"))


def _start(
    look: Look, definition: Definition, given: Mapping[str, Any], reasons: Sequence[Reason] = (), status: int = 200
) -> Page:  # fmt: skip
    roles = {holder.role for holder in definition.start.by if holder.role}
    tenants = sorted({grant.scope for grant in look.grants if not roles or grant.role in roles})
    page = _form(look, definition, definition.start, None, given, reasons, status)
    return Page(page.template, {**page.values, "tenants": tenants}, status)


def _form(
    look: Look, definition: Definition, event: Event, case: Case | None, given: Mapping[str, Any],
    reasons: Sequence[Reason] = (), status: int = 200,
) -> Page:  # fmt: skip
    permission, reasons = None, readable(reasons)
    if case is not None:
        permission = next(p for p in look.engine.permitted(case.id, look.actor) if p.event == event.name)
    shown = case.data if case is not None else given
    asked_ = _standing_in(look, event, case, inputs(look, definition, event, given, reasons))
    fields = with_digest(look, definition, asked_, shown)
    waits = deadlines_of(look, case, definition, event) if case is not None else []
    named = {one.name for one in fields}
    refusal = reasons or (permission.reasons if permission and not permission.allowed else ())
    more = hints(definition, case, event, refusal) if case is not None else []
    return Page("form.html", {
        "definition": definition, "event": event, "case": case, "revision": case and case.revision,
        "inputs": fields, "permission": permission, "deadlines": waits,
        "title": event.title if case is not None else definition.title, "tenants": [],
        "led": led_here(look, case, definition) if case is not None else None,
        "branches": branches(look, case, definition, event) if case is not None else [],
        "general": [*(reason.text for reason in reasons if reason.field not in named), *more],
        "why": [*(reason.text for reason in readable(permission.reasons, case)), *more] if permission else [],
        "wrong": [reason for reason in reasons if reason.field in named], "key": identifier(look.engine),
        "effective_on": look.request.form.get("@effective_on", ""), "reason": look.request.form.get("@reason", ""),
    }, status)  # fmt: skip


def deadlines_of(
    look: Look, case: Case, definition: Definition, event: Event
) -> list[tuple[ClockView, Text, bool]]:
    """The running deadlines that this act meets or moves, with what is left of each."""
    day, calendar = today(look.engine), look.engine.laws.calendar
    return [
        (clock, remaining(clock.due_on, day, calendar), clock.due_on < day)
        for clock in case.clocks
        if clock.running and (rule := definition.clocks.get(clock.name)) is not None
        and event.name in (*rule.stops, *rule.extends, *rule.anew, *rule.suspends, *rule.resumes)
    ]  # fmt: skip


def _event(look: Look) -> tuple[Definition, Event]:
    definition = look.engine.laws.pinned(look.known.definition).definition
    found = definition.events.get(look.path["event"])
    if found is None or found.automatic:
        raise NotFound(Text("没有这个事项", "there is no such act"))
    return definition, found


def _kind(look: Look) -> Definition:
    return look.engine.library.definition(look.path["kind"])


def _key(look: Look) -> str | None:
    return look.request.form.get("key") or None


def _day(look: Look) -> date | None:
    text = look.request.form.get("@effective_on", "").strip()
    if not text:
        return None
    try:
        return day_of(text)
    except ValueError:
        text_ = Text("日期须如 2026-03-15", "a day is written 2026-03-15")
        raise Misread([Reason(code="form.date", text=text_, field="@effective_on")]) from None


EVENTS = (
    Screen(path="/cases/<id>/do/<event>", name="event", view=asked, permission="case"),
    Screen(
        path="/cases/<id>/do/<event>",
        name="event_done",
        view=done,
        permission="case",
        methods=("POST",),
        again=again,
    ),
    Screen(path="/start/<kind>", name="start", view=starting),
    Screen(path="/start/<kind>", name="started", view=started, methods=("POST",), again=begun_again),
)
