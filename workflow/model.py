"""The values that go in and out of the engine: frozen, named by keywords, free of any database. What every event gives back is a
tuple, which costs a third of a frozen dataclass to make.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from .errors import FormInvalid, Reason, Text

DECEMBER = 12
SYSTEM = "system"
"""The person of automatic events; nobody can be granted anything under this name."""
BY_LINK = "@invitation"
"""among what a line says that came by an invitation: its id, which is no token and no person"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialDate:
    """A date of an old record of which perhaps only the year or the month is known."""

    year: int
    month: int | None = None
    day: int | None = None

    def __post_init__(self) -> None:
        if self.month is None and self.day is not None:
            raise ValueError("a day without a month is no date")
        self.earliest()

    @classmethod
    def parse(cls, text: str) -> PartialDate:
        """Read `2025`, `2025-04` or `2025-04-09`. Raises ValueError for anything else."""
        if not re.fullmatch(r"[0-9]{4}(-[0-9]{2}){0,2}", text):
            raise ValueError(f"not a date, month or year: {text!r}")
        year, month, day = (*map(int, text.split("-")), None, None)[:3]
        return cls(year=year or 0, month=month, day=day)

    def earliest(self) -> date:
        """The first day it can have been."""
        return date(self.year, self.month or 1, self.day or 1)

    def latest(self) -> date:
        """The last day it can have been."""
        month = self.month or DECEMBER
        return date(self.year, month, self.day or monthrange(self.year, month)[1])

    def __str__(self) -> str:
        parts = [f"{self.year:04}", *(f"{part:02}" for part in (self.month, self.day) if part)]
        return "-".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A person who acts, never a unit. `role` and `unit` choose among several grants; `invitation` is a one-time token."""

    person: str
    on_behalf_of: str | None = None
    """for whom, as the host says and vouches for: it is written down as it is given and no loan is asked for. It gives nothing,
    it can bar. What is done under a role that was lent (`Grant.on_behalf_of`) names its lender without it
    """
    role: str | None = None
    unit: str | None = None
    invitation: str | None = None

    def __post_init__(self) -> None:
        """Raises FormInvalid for a person who is no text (None, a number): whoever that is, nobody may act as him."""
        if not isinstance(self.person, str):
            raise _no_text("person", self.person)
        for name in ("on_behalf_of", "role", "unit", "invitation"):
            given = getattr(self, name)
            if given is not None and not isinstance(given, str):
                raise _no_text(name, given)


def _no_text(field: str, given: object) -> FormInvalid:
    kind = type(given).__name__
    text = Text(f"{field}：须为文字（str），不能是 {kind}", f"{field}: must be a text (str), not {kind}")
    return FormInvalid([Reason(code="form.invalid", text=text, field=field, beside=True)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A role of a person, perhaps within a unit, for a tenant and all below it. Dates are civil and inclusive."""

    id: str
    person: str
    role: str
    scope: str
    unit: str | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    on_behalf_of: str | None = None
    """whose role it is, lent for a time: what is done under it is stamped with both (李四代张三)"""

    def covers(self, tenant: str, day: date) -> bool:
        """Whether the grant holds in that tenant on that civil date."""
        return (
            (self.valid_from is None or self.valid_from <= day)
            and (self.valid_until is None or day <= self.valid_until)
            and (tenant == self.scope or tenant.startswith(self.scope + "/"))
        )


class ClockView(NamedTuple):
    """A clock of a case as it stands: civil dates; `due_on` is derived from its ledger and the calendar."""

    name: str
    title: Text
    rule: str
    anchor_on: date
    due_on: date
    outer_on: date | None
    running: bool
    provisional: bool
    source: str
    stopped_on: date | None = None
    """None while it runs"""


class Kept(NamedTuple):
    """What a rule of the place will erase of a case that has ended, and the last day (civil) on which it is there."""

    fields: tuple[str, ...]
    rule: str
    title: Text
    """of the rule"""
    until: date


SHOWN = 10**12
"""above every revision a case has: where those begin that are shown to somebody from whom lines may be hidden"""


class Untold(NamedTuple):
    """Deadlines that are kept from somebody: these clocks, in cases of that version in which one of the parties stands in one of
    the relations.
    """

    definition: str
    """the content hash"""
    clocks: tuple[str, ...]
    relations: tuple[str, ...]
    """none: in all its cases"""
    parties: tuple[str, ...]


class Case(NamedTuple):
    """A case as it stands. `revision` goes into the next `fire` to be told when somebody else was first."""

    id: str
    kind: str
    definition: str
    tenant: str
    state: str
    revision: int
    seq: int
    number: str | None
    data: Mapping[str, Any]
    relations: Mapping[str, tuple[str, ...]]
    clocks: Sequence[ClockView]
    opened_on: str | None
    closed: bool
    root: str
    slot: str | None = None
    party: str | None = None
    hidden: tuple[str, ...] = ()
    """fields and relations that are there and kept from the person who asked"""
    due_on: str | None = None
    """the day that orders it in lists: the earliest deadline that counts in its state; None of a case as it was"""

    @property
    def own_revision(self) -> bool:
        """Whether the revision stands for what this person sees of this case, and not for its children too."""
        return self.revision >= SHOWN or self.slot is not None


class Receipt:
    """What a caller will have said of an answer: `write` makes it of the case, it is stored beside the key in the transaction of
    the event, and `text` is it, or the one stored when the key came first. `asked`: what was asked for, where the caller has
    chosen the event by it; that is then compared when the key comes again, not the event and its data.
    """

    __slots__ = ("asked", "text", "write")

    def __init__(self, write: Callable[[Case], str], asked: str | None = None) -> None:
        self.write = write
        self.asked = asked
        self.text: str | None = None

    def __call__(self, case: Case) -> str:
        """Write it."""
        self.text = self.write(case)
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Similar:
    """A case that is like another; `score` from 0 (nothing in common) to 1 (the same)."""

    case: Case
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One line of a history. `effective_on` is civil and may be partial (`2025-04`) or unknown in imported records."""

    case: str
    seq: int
    recorded_at: datetime
    effective_on: str | None
    event: str
    from_state: str
    to_state: str
    actor: str
    on_behalf_of: str | None
    role: str | None
    unit: str | None
    automatic: str | None
    definition: str
    data: Mapping[str, Any]
    """what was given and is not erased"""
    erased: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    """what is kept from the person who asked; the `actor` is then his relation, `the signer`, if he is hidden"""
    hash: str = ""

    @property
    def by_link(self) -> bool:
        """Whether it was done by an invitation, without an account."""
        return BY_LINK in self.data


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """An invitation as it stands: who may do what in which case until which day, the day included. `id` is no token."""

    id: str
    case: str
    events: tuple[str, ...]
    subject: str
    until: date
    issued_by: str
    issued_at: datetime
    revoked_at: datetime | None = None
    used_at: datetime | None = None
    """when last"""
    channels: tuple[str, ...] = ()
    """by which it was sent to him; none: it was told to whoever issued it"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """An invitation as it is issued: its token, this once; by which channels it goes to its person; which ones it replaces."""

    id: str
    token: str = field(repr=False)
    channels: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """The answer, beforehand, to "may this person fire this event here?", with every reason of a no."""

    event: str
    title: Text
    allowed: bool
    reasons: tuple[Reason, ...] = ()
    form: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One row of a batch: what `fire` takes (`case`, `event`), or what `start` takes (`kind`, `tenant`, perhaps an `id`)."""

    case: str | None = None
    event: str = "start"
    actor: Actor
    data: Mapping[str, Any] = field(default_factory=dict)
    revision: int | None = None
    key: str | None = None
    effective_on: date | None = None
    reason: str | None = None
    kind: str = ""
    tenant: str = ""
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One row of a batch's result: the case, or why not."""

    row: int
    case: Case | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """What a tick did: the rung of a clock (`-7` days before, `0` due, `1` overdue) and the event, if one was fired."""

    case: str
    clock: str
    rung: int
    due_at: datetime
    fired_at: datetime
    event: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bond:
    """How a party stands to another, from and until a civil date (both inclusive; None: unknown or open)."""

    bond: str
    to: str
    valid_from: date | None = None
    valid_until: date | None = None

    def holds(self, day: date) -> bool:
        """Whether it holds on that day."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_until is None or day <= self.valid_until
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A congress, a deputy, a unit, a station: whoever can stand to a case or to another party.

    Given to the register: `status` empty is the first of its kind; `bonds` None leaves them as they are, else they are all that
    hold now; `personal` None leaves it as it is; a `revision` that is not the current one is a conflict, 0 asks nothing. Read
    from it: `bonds` are those of the past too, `personal` is None.
    """

    id: str
    kind: str
    name: str
    tenant: str
    parent: str | None = None
    status: str = ""
    valid_from: date | None = None
    valid_until: date | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    personal: Mapping[str, Any] | None = None
    bonds: tuple[Bond, ...] | None = None
    revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyLine:
    """One line of the register's log. `changes`: name -> (before, after); of what is personal only that it changed."""

    party: str
    recorded_at: datetime
    actor: str
    what: str
    """added, changed or erased"""
    reason: str | None
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """What putting one party into the register comes to: `added`, `changed`, `same`, or `refused` with every reason."""

    row: int
    party: Party
    what: str
    reasons: tuple[Reason, ...] = ()
