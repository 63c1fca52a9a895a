"""By a link and without an account: a deputy evaluates, a co-signer confirms. Looking consumes nothing; what was given can be
changed until it is tallied, and the page says so; nothing is filled in beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response

from workflow import Actor, Case, Conflict
from workflow.definition import Definition, Event
from workflow.errors import NotFound, NotInState, Reason, Refused, Text
from workflow.overview import Invitation, identifier

from ..cases import documents_of
from ..documents import sent_from
from ..invitations import do, found_by
from .cases import data_of
from .forms import Misread, as_sent, inputs, sent, standing, with_digest
from .screens import Go, Look, Page, Screen
from .whynot import readable


def asked(look: Look) -> Page:
    """What the link is for."""
    return _page(look, found_by(look.desk, look.request, look.path["token"]), {})


def answered(look: Look) -> Page | Go:
    """Do it, or change what was given."""
    found = found_by(look.desk, look.request, look.path["token"])
    definition, event = _next(look, found)
    given = as_sent(look, event)
    try:
        given = sent(look, definition, event)
        do(look.engine, found, look.path["token"], event.name, given, look.request.form.get("key") or None)
    except Conflict as error:
        return _page(look, found, given, [Reason(code="stale", text=error.text)], 409)
    except NotInState as error:  # it is tallied
        return _page(look, found, given, error.reasons, 409)
    except (Refused, Misread) as error:
        return _page(look, found, standing(error, given), error.reasons, 422)
    return Go(look.address("link", token=look.path["token"], done="1"))


def _page(
    look: Look, found: Invitation, given: Mapping[str, Any], reasons: Sequence[Reason] = (), status: int = 200
) -> Page:  # fmt: skip
    definition, event = _next(look, found)
    reasons = readable(reasons)
    case = look.engine.case(found.case)
    root = case if case.root == case.id else look.engine.case(case.root)
    law = look.engine.laws.pinned(root.definition).definition
    permission = next(p for p in _permitted(look, found) if p.event == event.name)
    asked_for = {name for e in found.events if e in definition.events for name in definition.events[e].fields}
    so_far = {name: value for name, value in case.data.items() if name in asked_for}
    about = _of(root, law, look.engine.library.console.told.get(law.name, ()))
    signed = look.engine.library.console.signed.get(definition.name)
    text = _of(case, definition, signed.text if signed else ())
    fields = with_digest(look, definition, inputs(look, definition, event, given, reasons), case.data)
    named = {one.name for one in fields}
    return Page("link.html", {
        "kind": law.children.get(case.slot or "", definition).title,
        "title": look.caption(root), "number": root.number, "definition": definition,
        "event": event, "subject": look.names[found.subject], "until": found.until, "tenant": case.tenant,
        "allowed": permission.allowed,
        "refused": [reason.text for reason in readable(permission.reasons)], "inputs": fields, "key": identifier(look.engine),
        "given": data_of(look, definition, case.id, so_far), "about": data_of(look, law, root.id, about),
        "text": data_of(look, definition, case.id, text),
        "letters": [
            (letter, look.address("link_letter", token=look.path["token"], sha256=letter["sha256"]))
            for _, letter in _letters(look, root)
        ],
        "done": look.request.args.get("done") == "1", "state": definition.states[case.state].title,
        "general": [reason.text for reason in reasons if reason.field not in named],
        "wrong": [reason for reason in reasons if reason.field in named],
    }, status)  # fmt: skip


def _of(case: Case, definition: Definition, names: Sequence[str]) -> dict[str, Any]:
    """Those of its fields that say something."""
    return {
        name: case.data[name]
        for name in names
        if name in definition.fields and case.data.get(name) is not None
    }


def letter(look: Look) -> Response:
    """A letter of reply, for whom the link asks about it. Looking at it consumes nothing."""
    found = found_by(look.desk, look.request, look.path["token"])
    asked_in = look.engine.case(found.case)
    root = asked_in if asked_in.root == asked_in.id else look.engine.case(asked_in.root)
    for case, document in _letters(look, root):
        if document["sha256"] == look.path["sha256"]:
            return sent_from(look.desk, case, document["sha256"], look.request)
    raise NotFound(Text("没有这个文件", "there is no such document"))


def _letters(look: Look, root: Case) -> list[tuple[Case, Mapping[str, Any]]]:
    """The letters of reply of a case; of one that several units answered, each unit's."""
    definition = look.engine.laws.pinned(root.definition).definition
    apart = [
        slot
        for slot, child in definition.children.items()
        if child.one_per == "separate" and not child.overlay
    ]
    cases = [root, *(c for c in look.engine.children(root.id) if c.slot in apart)] if apart else [root]
    open_ = look.engine.library.console.letters
    return [
        (case, document) for case in cases for document in documents_of(look.desk, case)
        if document["field"] in open_.get(case.kind, ())
    ]  # fmt: skip


def _permitted(look: Look, found: Invitation) -> Sequence[Any]:
    return look.engine.permitted(found.case, Actor(person=found.subject, invitation=look.path["token"]))


def _next(look: Look, found: Invitation) -> tuple[Definition, Event]:
    """The first of its events that can be done now; else the first, which then says why not."""
    definition = look.engine.laws.pinned(look.engine.case(found.case).definition).definition
    allowed = {p.event for p in _permitted(look, found) if p.allowed}
    known = [
        event for event in found.events if event in definition.events
    ]  # the case may live by another version now
    name = next((event for event in known if event in allowed), known[0] if known else None)
    if name is None:
        raise NotFound(Text("邀请不存在或已失效", "no such invitation, or it has ended"))
    wanted = (
        look.request.form.get("event") if look.request.method == "POST" else look.request.args.get("event")
    )
    return definition, definition.events[wanted if wanted in known else name]


LINKS = (
    Screen(path="/i/<token>", name="link", view=asked, permission="open"),
    Screen(
        path="/i/<token>/documents/<sha256>",
        name="link_letter",
        view=letter,
        permission="open",
    ),
    Screen(
        path="/i/<token>", name="link_done", view=answered, permission="open", methods=("POST",), outside=True
    ),
)
