"""What the reader has been told: the inbox that always works, newest first."""

from __future__ import annotations

from workflow.errors import Text
from workflow.outbox import Notice

from ..paging import next_address, place_asked
from .screens import Go, Look, Page, Screen

LIMIT = 50


def shown(look: Look) -> Page:
    """A page of it."""
    found = look.engine.alerts.inbox(look.actor.person, before=_before(), limit=LIMIT + 1)
    last = found[LIMIT - 1] if len(found) > LIMIT else None
    return Page("messages.html", {
        "notices": found[:LIMIT], "unread": [one.key for one in found[:LIMIT] if one.read_at is None],
        "next": next_address([last.created_at, last.key]) if last else None,
    })  # fmt: skip


def read(look: Look) -> Go:
    """He has seen them."""
    look.engine.alerts.mark_read(look.actor.person, look.request.form.getlist("key")[:LIMIT])
    return Go(look.address("messages"))


def _before() -> Notice | None:
    match place_asked():
        case [str() as created_at, str() as key]:
            return Notice(key=key, line=None, created_at=created_at, read_at=None)  # type: ignore[arg-type]
    return None


MESSAGES = (
    Screen(path="/messages", name="messages", view=shown, menu=Text("消息", "Messages")),
    Screen(path="/messages", name="messages_read", view=read, methods=("POST",)),
)
