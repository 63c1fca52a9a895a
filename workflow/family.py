"""A root case with its children, as read in one statement, and the step that one event makes of it.

The root's revision counts every change in the family, so one compare-and-set on it guards all a decision has seen.
`Record` holds the authority (relations, clocks' ledgers); the tables `relation` and `clock` are indexes derived from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .ledger import Ledger
from .model import ClockView, Grant


@dataclass(slots=True, kw_only=True)
class ClockState:
    """One clock of a record. Dates are ISO civil dates; `next_*` is the timer: which rung fires when.

    A value, of which nothing is set but what is kept at its end; not frozen, for that is dear and each event makes two.
    """

    ledger: Ledger
    round: int
    due_on: str
    outer_on: str | None
    provisional: bool
    running: bool
    next_rung: int | None
    next_at: str | None
    """UTC instant, ISO, seconds"""
    text: str | None = field(default=None, init=False, compare=False, repr=False)
    """all of it as JSON, kept by rows.py when it was first needed"""
    view: ClockView | None = field(default=None, init=False, compare=False, repr=False)
    """as the engine shows it, kept by showing.py when it was first shown"""

    def told(self) -> dict[str, object]:
        """What a line says of it."""
        return {"due": self.due_on, "running": self.running, "round": self.round}


class Record(NamedTuple):
    """One case as it is stored."""

    id: str
    root: str
    kind: str
    definition: str
    tenant: str
    state: str
    revision: int = 0
    """of a root: changes in the whole family; of a child: its own"""
    seq: int = 0
    slot: str | None = None
    party: str | None = None
    number: str | None = None
    number_key: str | None = None
    data: Mapping[str, Any] = {}
    relations: Mapping[str, tuple[str, ...]] = {}
    rounds: Mapping[str, int] = {}
    last_by: Mapping[str, str] = {}
    clocks: Mapping[str, ClockState] = {}
    head: str = ""
    opened_on: str | None = None
    closed: bool = False
    due_on: str | None = None
    """the day that orders it in lists: the earliest that counts in its state, or in that of a child it waits for"""


ARISES_FROM = "arises_from"
"""a start form that asks for this field is given the case that begot it"""
Linked = Mapping[str, tuple[str, str, bool, str]]
"""case -> kind, state, whether it has ended, tenant: of other root cases that a guard asks about"""


@dataclass(frozen=True, slots=True)
class Family:
    """The root first, then its children by age."""

    records: Mapping[str, Record]
    root_id: str

    @property
    def root(self) -> Record:
        """The record all others belong to."""
        return self.records[self.root_id]

    @property
    def ended(self) -> bool:
        """Whether every case of it has; the root, which is the first, mostly ends last."""
        return all(record.closed for record in self.records.values())

    def in_slot(self, slot: str) -> list[Record]:
        """The children of one slot."""
        return [r for r in self.records.values() if r.slot == slot]


class HistoryRow(NamedTuple):
    """One line of a chain as stored: what is hashed (history.py) in its order, the hash, and what is kept apart."""

    case: str
    seq: int
    recorded_at: str
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
    commitments: str
    prev: str
    hash: str
    disclosure: str
    """JSON {field: [salt, value]}: kept apart, erasable"""


class Message(NamedTuple):
    """An outbox row. `key` never changes, so a receiver can tell a repeat."""

    key: str
    case: str
    seq: int
    topic: str
    recipient: str
    body: str
    state: str = "queued"


@dataclass(slots=True)
class Step:
    """All that one event changes, as data. It is written whole or not at all.

    What few events change is made by those: a batch keeps a hundred steps, and the garbage collector counts what each is made of.
    """

    family: Family
    """as it will be"""
    expected: int | None
    """the root's revision as read; None when the root is new"""
    person: str = ""
    grants: Sequence[Grant] = ()
    """who acts, and under what: for what he is shown of the outcome"""
    grant: str | None = None
    """the id of the grant the decision rests on: checked again in the writing statement"""
    changed: dict[str, None] = field(default_factory=dict)
    """ids of changed or new records, in order"""
    new: frozenset[str] = frozenset()
    history: list[HistoryRow] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    relations_added: Sequence[tuple[str, str, str]] = ()
    relations_removed: Sequence[tuple[str, str, str]] = ()
    past: bool | None = None
    """whether the family has ended, if that changes: the index of who stands where keeps it"""
    kept: Sequence[tuple[str, str, str, str]] = ()
    """what is to be erased some time after that end (retention.py): case, rule, last day, instant"""
    open_again: Sequence[str] = ()
    """cases of which nothing is to be erased any more, because their family has not ended"""
    clocks: dict[tuple[str, str], None] = field(default_factory=dict)
    """(case, clock) whose index row changes"""
    barred: Sequence[tuple[str, str]] = ()
    marks_added: Mapping[str, list[int]] | None = None
    """case -> the marks by which it is found from now on (marks.py)"""
    marks_removed: Mapping[str, list[int]] | None = None
    begotten: Sequence[Step] = ()
    key: tuple[str, str, str, str] | None = None
    """idempotency: scoped key, hash of the body, the answer as JSON, and the case it is about"""
    invitation: str | None = None
    """the hash of the invitation that was used"""

    def index(self, case: str, added: list[int], removed: list[int]) -> None:
        """By what a case is found from now on, and by what no longer."""
        self.marks_added = {**(self.marks_added or {}), case: added}
        self.marks_removed = {**(self.marks_removed or {}), case: removed}
