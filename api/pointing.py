"""Where in the body that was sent a reason of the engine is: the engine knows a form's fields, a client the members it has sent.

A pointer leads to what was sent, or names a member that is missing there; a reason that is about neither has none.
"""

from __future__ import annotations

from workflow.errors import Reason, Refused

from .problems import Problem, in_event, pointer, problem_of
from .routes import Ask, Route

__all__ = ["pointed"]

MISSING = ("form.required", "form.reason", "missing")
"""codes of what ought to have been sent"""


def pointed(route: Route, ask: Ask, error: Refused) -> Problem:
    """The refusal, each reason with its place in this route's body."""
    return problem_of(error, lambda reason: _place(route, ask, reason))


def _place(route: Route, ask: Ask, reason: Reason) -> str | None:
    if reason.field is None or route.body is None:
        return None
    members = route.body().load_fields
    if "data" in members and not reason.beside:
        return in_event(reason) if _in_data(ask, reason) else None
    member = route.members.get(reason.field, reason.field)
    there = member in ask.body or reason.code in MISSING
    return pointer(member, *reason.at) if member in members and there else None


def _in_data(ask: Ask, reason: Reason) -> bool:
    """Whether it was sent, or is asked for by the form. A guard also names what is no field of it: a number, a deadline."""
    if reason.field in ask.body["data"]:
        return True
    return reason.code == "form.required" or (reason.code == "missing" and reason.field in _form(ask))


def _form(ask: Ask) -> set[str]:
    """The fields of the event that was asked for; of one that several kinds know, those of all; where a link chooses it, all."""
    kinds, name = ask.engine.library.definitions, ask.path.get("event") or ask.body.get("event")
    if "kind" in ask.body:
        asked = [kinds[ask.body["kind"]].start]
    else:
        asked = [
            event for kind in kinds.values() for event in kind.events.values() if name in (None, event.name)
        ]
    return {field.name for event in asked for field in event.form}
