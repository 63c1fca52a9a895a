"""The seams of the one way out: who wakes the engine, and who carries what it has written to be sent. All are injected.

The outbox row is the truth and is written in the transaction of its event; whoever delivers it may die at any moment and
start again. On one machine scheduler/waker.py is both; several nodes may use another backend, the rows stay the same.
docs/alerts.md has the whole way of an alert.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from .errors import Text

INBOX = "inbox"
"""the channel that always works: the row itself"""
JOB = "@job"
"""the channel of bulk work: not sent but run"""
OPERATOR = "operator"
"""the holder who is told of dead letters; no person's id"""
DIGEST = "@digest"
"""the topic of what gathers a day's messages to one person"""
LINK = "@invitation"
"""the topic of a private letter: somebody's link. It goes to his own addresses alone, to no inbox and to no subscriber"""
PLAIN = "plain"
"""in the body of such a row until it has gone, or the link has ended: the one place where a token stands in plain text"""
EVERYBODY = "*"
"""the holder of a subscription to every message"""

State = Literal["queued", "sent", "confirmed", "failed", "dead", "superseded"]
STATES: tuple[State, ...] = ("queued", "sent", "confirmed", "failed", "dead", "superseded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What happened in one case, poor in information: no title, no person. `link` is made by the channel."""

    case: str
    seq: int
    number: str | None
    topic: str
    kind: Text
    state: Text
    event: Text | None = None
    clock: Text | None = None
    rung: int | None = None
    """days from the due day, as in `Fired`"""
    due_on: str | None = None
    late_of: str | None = None
    """the day it should have been told, when an outage delayed it"""
    token: str | None = field(default=None, repr=False)
    """of the receiver's own link, which then is the link of this line"""
    secret: bool = False
    """whether only those whom its definition names may know of the case (`seen_by`): a clue"""


def sealed(head: str, key: str) -> str:
    """A key that tells nobody what is in it: 128 bits of its hash under that of its line."""
    return hashlib.sha256(f"{head}:{key}".encode() if head else key.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One delivery in the hands of one node. `key` never changes; `token` says whose turn it is."""

    key: str
    token: int
    channel: str
    holder: str
    address: str
    topic: str
    attempts: int
    """how often it was tried before"""
    created_at: datetime
    lines: tuple[Line, ...]
    """one, or those of a digest; none when everything in it has been read"""
    body: Mapping[str, object]
    epoch: int = 0
    """how often the database had been restored when it was addressed"""
    head: str = ""
    """the hash of the line it tells of"""

    @property
    def id(self) -> str:
        """What receivers know it by: as lasting as the key, and says nothing about the person, nor how many lines there were
        before: nobody who is not told the hash of the line can find it by trying.
        """
        named = f"{self.epoch}:{self.key}" if self.epoch else self.key
        return "msg_" + sealed(self.head, named)

    @property
    def is_digest(self) -> bool:
        """Whether it gathers what came since the last one."""
        return self.topic == DIGEST

    @property
    def is_void(self) -> bool:
        """Whether it has nothing left to say: what it was to gather has been read, or the link it was to bring has ended."""
        bare = all(line.token is None for line in self.lines)
        return (self.is_digest and not self.lines) or (self.topic == LINK and bare)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What came of one attempt. Of a failure: `permanent`: the receiver will never take it; `unreachable`: there was nobody to
    ask, so it is not the letter's fault.
    """

    state: Literal["sent", "confirmed", "failed", "superseded"]
    """superseded: it was not sent, and need not be any more"""
    answer: str = ""
    """the receiver's own words, cut to 500 characters"""
    permanent: bool = False
    unreachable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Where a holder (a person, a recipient like `role:sc_office@hb/xianning`, `operator` or `*`) is reached."""

    channel: str
    address: str
    digest: bool = False
    """once a working day at 08:30 instead of at once"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A delivery as it is listed."""

    key: str
    case: str
    seq: int
    topic: str
    holder: str
    channel: str
    state: str
    attempts: int
    next_at: str | None
    answer: str | None
    created_at: str
    read_at: str | None = None
    tried_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An entry of an in-app inbox."""

    key: str
    line: Line
    created_at: str
    read_at: str | None


class Waker(Protocol):
    """Who calls `Engine.tick` from time to time. Nothing depends on how often or by how many nodes, only when it happens."""

    def start(self) -> None:
        """Begin to wake the engine; returns at once."""
        ...

    def stop(self) -> None:
        """Stop; returns when nothing of it runs any more."""
        ...

    def age(self) -> float | None:
        """Seconds since the last good tick: the one measure of its health. None before it was started."""
        ...


class Channel(Protocol):
    """One way to a person or another system."""

    name: str
    per_minute: int | None
    """at most that many letters a minute, over all nodes"""

    def is_open(self, now: datetime) -> bool:
        """Whether it may be used at that instant (no SMS at night)."""
        ...

    def send(self, letter: Letter) -> Receipt:
        """Try once. Whatever it raises counts as a failure of this letter."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A channel as somebody tries it who has not made it: what it can do, and a test message at once and past every queue."""

    name: str
    kind: str
    """what the channel file calls it: smtp, sms, wecom …"""
    addressed: bool
    """whether each person has an address of his own here; a group has not"""
    per_minute: int | None
    open: Callable[[], bool]
    """whether it may be used now (no SMS at night)"""
    send: Callable[[str], Receipt]
    """to that address; whatever goes wrong is a failed receipt"""


class JobBackend(Protocol):
    """Who delivers outbox rows, at least once each, and runs bulk work."""

    def start(self) -> None:
        """Begin whatever it needs beside being called; returns at once."""
        ...

    def deliver(self, limit: int) -> int:
        """Address what waits and try at most `limit` letters; how many were tried."""
        ...

    def submit(self, job: str, arguments: Mapping[str, object], *, key: str, session: Any = None) -> bool:
        """Have a named piece of bulk work done later; False when that key was submitted before. With `session` in the host's
        transaction.
        """
        ...

    def stop(self) -> None:
        """Finish the letter in hand and give back the others; `deliver` does nothing more."""
        ...
