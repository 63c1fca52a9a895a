"""Links for persons without an account: who is asked, links issued, told this once, and taken back. Only the congress's own
office may; for a unit there is nothing here, as the engine says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import segno
from flask import url_for

from workflow import Case
from workflow.definition import Definition, Event
from workflow.errors import NotFound, Text
from workflow.model import Invited
from workflow.overview import today

from ..problems import Problem
from .screens import Go, Look, Page, Screen

MOST_EVENTS = 4
"""what one link can be for"""
FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Askable:
    """Somebody who can be asked by a link: in which case, for what."""

    case: Case
    person: str
    events: tuple[str, ...]
    titles: tuple[Text, ...]
    kind: Text

    @property
    def key(self) -> str:
        """As the form names him."""
        return f"{self.case.id}/{self.person}"


@dataclass(frozen=True, slots=True)
class Issued:
    """A link, this once."""

    who: Askable
    address: str
    picture: str
    """of the address, as a data: address"""


def shown(look: Look) -> Page:
    """Who can be asked, and which links there are."""
    return _page(look, ())


def issue(look: Look) -> Page:
    """New links for those chosen; an older link of the same person for the same stays as it is until it is taken back."""
    chosen, until = set(look.request.form.getlist("who")), _until(look)
    issued = [_issue(look, one, until) for one in _askable(look) if one.key in chosen]
    return _page(look, issued)


def revoke(look: Look) -> Go:
    """It works no longer."""
    wanted = look.request.form.get("invitation", "")
    cases = {case.id for case in _family(look)}
    found = [i for id_ in cases for i in look.engine.invitations(id_, by=look.actor) if i.id == wanted]
    if not found:
        raise NotFound(Text("没有这个链接", "there is no such link"))
    look.engine.revoke(wanted, by=look.actor)
    return Go(look.address("invites", id=look.known.id))


def _page(look: Look, issued: Sequence[Issued]) -> Page:
    known = [i for case in _family(look) for i in look.engine.invitations(case.id, by=look.actor)]
    asked = _askable(look)
    look.names.learn([*(one.person for one in asked), *(one.subject for one in known)])
    return Page("invites.html", {
        "case": look.known, "askable": asked, "known": [(one, _standing(look, one)) for one in known], "issued": issued,
        "until": today(look.engine) + FOR, "title": look.caption(look.known),
    })  # fmt: skip


def _family(look: Look) -> list[Case]:
    case = look.known
    children = look.engine.children(case.id, actor=look.actor) if case.root == case.id else []
    return [case, *(child for child in children if not child.closed)]


def _askable(look: Look) -> list[Askable]:
    """Persons for whom this case or an open child waits (`the deputy`), and what they may do there. Who is asked in a child is
    not asked at the root as well.
    """
    found: list[Askable] = []
    for case in reversed(_family(look)):
        definition = look.engine.laws.pinned(case.definition).definition
        for relation in _awaited(definition, case):
            events = _theirs(definition, relation, case.state)
            asked = {one.person for one in found} if case.root == case.id else set()
            found += [
                Askable(case, person, tuple(e.name for e in events), tuple(e.title for e in events), definition.title)
                for person in case.relations.get(relation, ()) if events and person not in asked
            ]  # fmt: skip
    return found[::-1]


def _awaited(definition: Definition, case: Case) -> list[str]:
    """The relations whose persons themselves are expected to act."""
    holders = definition.states[case.state].holder
    return [h.relation for h in holders if h.relation is not None and h.role is None and not h.of_root]


def _theirs(definition: Definition, relation: str, state: str) -> list[Event]:
    """What those persons may do now, and then what they may do once that is done: change what they gave."""
    own = [
        event for event in definition.events.values()
        if any(h.relation == relation and h.role is None and not h.of_root for h in event.by)
    ]  # fmt: skip
    now = [event for event in own if any(state in move.sources for move in event.moves)]
    after = {move.to for event in now for move in event.moves}
    then = [
        event for event in own if event not in now and any(after & {*move.sources} for move in event.moves)
    ]
    return [*now, *then][:MOST_EVENTS] if now else []


def _issue(look: Look, one: Askable, until: date) -> Issued:
    token = look.engine.invite(one.case.id, list(one.events), one.person, until=until, by=look.actor)
    address = look.outside(url_for("console.link", token=token))
    return Issued(one, address, str(segno.make(address, error="m").svg_data_uri(scale=3, border=2)))


def _until(look: Look) -> date:
    text = look.request.form.get("until", "")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Problem(
            "form_invalid", Text("请填有效期，如 2026-03-15", "until when, as 2026-03-15")
        ) from None


def _standing(look: Look, one: Invited) -> Text:
    if one.revoked_at is not None:
        return Text("已收回", "taken back")
    if one.until < today(look.engine):
        return Text("已过期", "expired")
    return Text("已使用", "used") if one.used_at is not None else Text("未使用", "not used yet")


INVITES = (
    Screen(path="/cases/<id>/links", name="invites", view=shown, permission="case"),
    Screen(path="/cases/<id>/links", name="invites_issue", view=issue, permission="case", methods=("POST",)),
    Screen(
        path="/cases/<id>/links/revoke",
        name="invites_revoke",
        view=revoke,
        permission="case",
        methods=("POST",),
    ),
)
