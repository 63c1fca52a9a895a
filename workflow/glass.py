"""Break-glass: in an emergency an operator of the service takes a role of the congress's own for some hours.

It is no quiet way in: the case for which it is done gains a line in its history (who, in which role, until when, why), and
whoever holds the case is told at once. Who is barred from the case by separation of powers is barred from this too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from . import history, messages
from .aside import Aside
from .authorization import bar
from .definition import Event
from .errors import NotPermitted, Text
from .family import Family, Message
from .laws import Laws
from .model import Actor, Grant
from .random import RandomSource
from .store.sql import Store

__all__ = ["Glass", "tell"]

EVENT = Event(name=history.BREAK_GLASS, title=Text("应急查阅", "break-glass"), source="", moves=())
TOPIC = "@break_glass"


@dataclass(frozen=True, slots=True, kw_only=True)
class Glass:
    """What is broken, by whom, for how long and why."""

    case: str
    actor: Actor
    grants: Sequence[Grant]
    """all of his, those that have ended too"""
    role: str
    until: datetime
    reason: str


def tell(
    store: Store, laws: Laws, connection: Connection, random: RandomSource, broken: Glass, now: datetime, *,
    unless: Callable[[], bool] = lambda: False,
) -> str | None:  # fmt: skip
    """The line, and the messages to whoever holds the case; the tenant of the case, None when there is none, or `unless` is
    true once the family is locked.

    Raises NotPermitted, Conflict.
    """
    case, actor = broken.case, broken.actor
    found = store.family(connection, case)
    if found is None:
        return None
    aside = Aside(store, laws, connection, actor, now, random)
    family = aside.locked(found.root_id)
    if unless():
        return None
    record = family.records[case]
    definition = laws.pinned(record.definition).definition
    barred = bar(definition, actor, broken.grants, record, family.root)
    if barred is not None:
        raise NotPermitted([barred])

    def told(after: Family) -> Iterator[Message]:
        there = after.records[case]
        holders = messages.recipients(after, definition.states[there.state].holder, there)
        for index, recipient in enumerate(holders):
            body = {
                "case": case,
                "number": there.number,
                "kind": there.kind,
                "event": EVENT.name,
                "state": there.state,
            }
            yield Message(
                key=f"{case}:{there.seq}:{index}", case=case, seq=there.seq, topic=TOPIC, recipient=recipient,
                body=history.canonical(body),
            )  # fmt: skip

    until = broken.until.isoformat(timespec="minutes")
    shown = {"@role": broken.role, "@until": until, "@reason": broken.reason}
    aside.tell(family, EVENT, {case: shown}, None, told)
    return record.tenant
