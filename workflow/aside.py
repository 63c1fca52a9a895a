"""A line beside the lifecycle: something happened to the case that changes nothing of what it is, and its history says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from . import line
from .act import Act, Cause
from .authorization import Permit
from .clock import civil_date
from .definition import Event
from .draft import Draft
from .errors import Conflict, Text
from .family import Family, Message, Record
from .laws import Laws
from .model import Actor
from .random import RandomSource
from .store.sql import Store

__all__ = ["Aside", "standing"]

CHANGING = ("state", "data", "rounds", "last_by", "closed", "number", "number_key", "relations", "clocks")
"""what an event can change of a case"""


class Aside:
    """Lines by one person, in the transaction of the connection."""

    def __init__(
        self, store: Store, laws: Laws, connection: Connection, actor: Actor, now: datetime, random: RandomSource
    ) -> None:  # fmt: skip
        self._store = store
        self._laws = laws
        self._connection = connection
        self._actor = actor
        self._now = now
        self._random = random

    def locked(self, root: str) -> Family:
        """The family, the root first, as every writer does. Raises Conflict when it is gone."""
        family = self._store.family(self._connection, root, lock=True)
        if family is None:
            raise Conflict(Text("案件已变更，请重试", "the case has changed; try again"))
        return family

    def draft(self, family: Family, permit: Permit | None = None) -> Draft:
        """A step of that family, by that person, on this day."""
        day = civil_date(self._now)
        act = Act(actor=self._actor, now=self._now, day=day, effective_on=day.isoformat())
        draft = Draft(self._laws, family, act, self._random)
        draft.permit = permit
        return draft

    def tell(
        self, family: Family, event: Event, shown: Mapping[str, Mapping[str, Any]], permit: Permit | None,
        told: Callable[[Family], Iterable[Message]] = lambda _: (), cause: Cause | None = None,
    ) -> None:  # fmt: skip
        """A line in each case that is named, with what is shown in it; and who is told. Raises Conflict."""
        draft = self.draft(family, permit)
        for record in list(family.records.values()):
            if record.id in shown:
                line.write(draft, event, record, standing(record), shown[record.id], cause)
        self.write(draft, told)

    def write(self, draft: Draft, told: Callable[[Family], Iterable[Message]] = lambda _: ()) -> None:
        """Seal the step and write it. Raises Conflict when somebody was first."""
        step = draft.finish()
        step.messages = list(told(step.family))
        at = self._now.isoformat(timespec="microseconds")
        with self._store.work(self._connection) as work:
            if not self._store.write(work, step, at, draft.act.day.isoformat()):
                raise Conflict(Text("案件已变更，请重试", "the case has changed; try again"))


def standing(record: Record) -> dict[str, Any]:
    """What an event could have changed, as it is."""
    return {name: getattr(record, name) for name in CHANGING}
