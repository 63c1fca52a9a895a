"""Links for persons without an account: who is asked, links issued and taken back. A link goes to its person's own addresses and
is then told nobody else; for who has none it is told the office, this once, or printed with its form. Only the congress's own
office may; for a unit there is nothing here, as the engine says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import segno
from flask import Response, url_for

from workflow import Case
from workflow.clock import day_of
from workflow.definition import Definition, Event
from workflow.errors import NotFound, Text
from workflow.model import Invited
from workflow.model import Issued as New
from workflow.overview import today
from workflow.view import View

from ..letters import WORD, download
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
    channels: tuple[str, ...] = ()
    """by which it goes to him; none: it is told here"""
    again: bool = False
    """whether he has one already, which then ends"""
    form: str | None = None
    """the paper on which he can answer as well"""

    @property
    def key(self) -> str:
        """As the form names him."""
        return f"{self.case.id}/{self.person}"


@dataclass(frozen=True, slots=True)
class Issued:
    """A link, this once; of one that was sent to its person not even that."""

    who: Askable
    channels: tuple[str, ...]
    replaced: bool
    address: str = ""
    picture: str = ""
    """of the address, as a data: address"""


def shown(look: Look) -> Page:
    """Who can be asked, and which links there are."""
    return _page(look, ())


def issue(look: Look) -> Page:
    """New links for those chosen, each in the place of his older one: sent, or (`show`) told here."""
    chosen, until = set(look.request.form.getlist("who")), until_of(look)
    send = look.request.form.get("way") != "show"
    issued = [issue_to(look, one, until, send=send) for one in _askable(look) if one.key in chosen]
    return _page(look, issued)


def printed(look: Look) -> Response:
    """The form of one person with the link as a QR code; it is a new link, and his older one ends."""
    wanted = look.request.form.get("print", "")
    found = next((one for one in _askable(look) if one.key == wanted and one.form is not None), None)
    papers = look.desk.papers
    if found is None or found.form is None or papers is None:
        raise NotFound(Text("没有可以打印的表", "there is no form to print"))
    token = _new(look, found, until_of(look), send=False).token
    link = look.outside(url_for("console.link", token=token))
    name, content = papers.letter(found.case.id, found.form, look.actor, to=found.person, link=link)
    return download(Response(content, content_type=WORD), name)


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
    return askable(look, _family(look))


def askable(look: Look, cases: Sequence[Case]) -> list[Askable]:
    """Persons for whom one of these cases waits (`the deputy`), and what they may do there. Who is asked in a child is not asked
    at the root as well.
    """
    found: list[Askable] = []
    for case in reversed(cases):
        definition = look.engine.laws.pinned(case.definition).definition
        for relation in awaited(definition, case.state):
            events = _theirs(definition, relation, case.state)
            asked = {one.person for one in found} if case.root == case.id else set()
            found += [
                Askable(case, person, tuple(e.name for e in events), tuple(e.title for e in events), definition.title)
                for person in case.relations.get(relation, ()) if events and person not in asked
            ]  # fmt: skip
    return [_known(look, one) for one in found[::-1]]


def _known(look: Look, one: Askable) -> Askable:
    """With the way to him, whether he has a link, and his paper."""
    today_ = today(look.engine)
    standing = [
        i for i in look.engine.invitations(one.case.id, by=look.actor)
        if i.subject == one.person and i.revoked_at is None and i.until >= today_
    ]  # fmt: skip
    channels = look.engine.reached([one.person]).get(one.person, [])
    letters = look.desk.papers.letters(one.case.id, look.actor) if look.desk.papers else ()
    form = next((x.kind.id for x in letters if x.to == one.person and x.case.id == one.case.id), None)
    return replace(one, channels=tuple(channels), again=bool(standing), form=form)


def awaited(definition: Definition, state: str) -> list[str]:
    """The relations whose persons themselves are expected to act there."""
    holders = definition.states[state].holder
    return [h.relation for h in holders if h.relation is not None and h.role is None and not h.of_root]


def mails(definition: Definition, view: View) -> bool:
    """Whether cases of this list wait for persons themselves, so that links can be sent from it."""
    return any(awaited(definition, state) for state in view.states)


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


def issue_to(look: Look, one: Askable, until: date, *, send: bool) -> Issued:
    """A new link of his. Raises NotPermitted, NotFound, Conflict."""
    new = _new(look, one, until, send=send)
    if new.channels:
        return Issued(one, new.channels, bool(new.replaced))
    address = look.outside(url_for("console.link", token=new.token))
    picture = str(segno.make(address, error="m").svg_data_uri(scale=3, border=2))
    return Issued(one, (), bool(new.replaced), address, picture)


def _new(look: Look, one: Askable, until: date, *, send: bool) -> New:
    return look.engine.issue(one.case.id, one.events, one.person, until=until, by=look.actor, send=send)


def until_of(look: Look) -> date:
    """The last day on which the links are to work. Raises Problem 422."""
    text = look.request.form.get("until", "")
    try:
        return day_of(text)
    except ValueError:
        raise Problem(
            "form_invalid", Text("请填有效期，如 2026-03-15", "until when, as 2026-03-15")
        ) from None


def _standing(look: Look, one: Invited) -> Text:
    if one.revoked_at is not None:
        return Text("已收回或已换新", "taken back, or another took its place")
    if one.until < today(look.engine):
        return Text("已过期", "expired")
    return Text("已使用", "used") if one.used_at is not None else Text("未使用", "not used yet")


INVITES = (
    Screen(path="/cases/<id>/links", name="invites", view=shown, permission="case"),
    Screen(path="/cases/<id>/links", name="invites_issue", view=issue, permission="case", methods=("POST",)),
    Screen(
        path="/cases/<id>/links/print",
        name="invites_print",
        view=printed,
        permission="case",
        methods=("POST",),
    ),
    Screen(
        path="/cases/<id>/links/revoke",
        name="invites_revoke",
        view=revoke,
        permission="case",
        methods=("POST",),
    ),
)
