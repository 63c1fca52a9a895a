"""An act: what somebody wants to do, at which instant, counting from which civil day. The input of a decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal, NamedTuple

from .clock import civil_date
from .model import SYSTEM, Actor, Grant

Cause = Literal["notice", "lapse", "join", "import"]
"""what brings an event about when it is no person's own act"""


class Act(NamedTuple):
    """What somebody wants to do. `day` is the civil date it counts from; `effective_on` how it is written (may be partial)."""

    actor: Actor
    now: datetime
    day: date
    effective_on: str | None
    data: Mapping[str, Any] = {}
    grants: Sequence[Grant] = ()
    cause: Cause | None = None
    imported: bool = False
    number: str | None = None
    number_key: str | None = None
    reason: str | None = None
    linked: Mapping[str, tuple[str, str, bool, str]] = {}
    """other root cases that guards ask about or the form names: see `Linked`"""
    held: Mapping[str, Sequence[Grant]] = {}
    """what those hold whom the form names for what only some may be"""
    unseen: frozenset[str] = frozenset()
    """cases that the form names and the actor may not know of"""
    link: str | None = None
    """the id of the invitation by which he comes"""
    over: bool = False
    """what the act reminds of is over: a clock that counted towards a day has rung after that day"""

    @property
    def late(self) -> bool:
        """Whether nobody's act happens on a later day than its own: after an outage."""
        return self.actor.person == SYSTEM and self.day < civil_date(self.now)

    @property
    def known_day(self) -> date | None:
        """The civil day, or None when an imported record does not know it: no date is better than an invented one."""
        coarse = self.effective_on is None or len(self.effective_on) < 10
        return None if self.imported and coarse else self.day
