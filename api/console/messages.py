"""What the reader has been told: the inbox that always works, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workflow.errors import Text
from workflow.outbox import Contact, Notice
from workflow.overview import cases_of

from .. import domain
from ..paging import next_address, of_notice, place_asked
from .screens import Go, Look, Page, Screen

LIMIT = 50


def shown(look: Look) -> Page:
    """A page of it."""
    found = look.engine.alerts.inbox(look.actor.person, before=place_asked(of_notice), limit=LIMIT + 1)
    last = found[LIMIT - 1] if len(found) > LIMIT else None
    return Page("messages.html", {
        "notices": found[:LIMIT], "titles": _titles(look, found[:LIMIT]),
        "unread": [one.key for one in found[:LIMIT] if one.read_at is None],
        "ways": ways(look), "points": [title for title, _ in domain.milestones.MILESTONES],
        "next": next_address([last.created_at, last.key]) if last else None,
    })  # fmt: skip


def _titles(look: Look, notices: Sequence[Notice]) -> Mapping[str, str]:
    """What those are called that have no number yet, or nobody could tell them apart: as far as the reader may know of them now.
    Here alone; what leaves the house says no title, and of what only some may see (`seen_by`: a clue) neither does this page.
    """
    unnumbered = {one.line.case for one in notices if one.line.number is None}
    found = cases_of(look.engine, look.actor, unnumbered)
    pinned = look.engine.laws.pinned
    return {
        id_: look.caption(case)
        for id_, case in found.items()
        if not pinned(case.definition).definition.seen_by
    }


@dataclass(frozen=True, slots=True)
class Way:
    """A way out of the house by which the reader is told, and what of."""

    contact: Contact
    told: str
    """all | points | none"""


def ways(look: Look) -> list[Way]:
    """The reader's own. Where they lead is kept by whoever keeps his contacts; what he is told of is his choice."""
    chosen = look.engine.alerts.choices(look.actor.person)
    return [
        Way(one, "all" if (wanted := chosen.get(one.channel)) is None else "points" if wanted else "none")
        for one in look.engine.alerts.contacts(look.actor.person)
    ]


def choose(look: Look) -> Go:
    """What he wants to be told outside; for each of his channels."""
    for way in ways(look):
        told = look.request.form.get(f"told.{way.contact.channel}", way.told)
        if told != way.told and told in CHOICES:
            look.engine.alerts.choose(look.actor.person, way.contact.channel, CHOICES[told])
    return Go(look.address("messages"))


CHOICES: Mapping[str, Sequence[str] | None] = {"all": None, "points": domain.milestones.STATES, "none": ()}


def read(look: Look) -> Go:
    """He has seen them."""
    look.engine.alerts.mark_read(look.actor.person, look.request.form.getlist("key")[:LIMIT])
    return Go(look.address("messages"))


MESSAGES = (
    Screen(path="/messages", name="messages", view=shown, menu=Text("消息", "Messages")),
    Screen(path="/messages", name="messages_read", view=read, methods=("POST",)),
    Screen(path="/messages/ways", name="messages_ways", view=choose, methods=("POST",)),
)
