"""Carries letters out: one pass addresses what waits, then tries what is due, channel by channel.

Authoritative are the rows (workflow/alerts.py); this may be killed anywhere and run on any number of nodes. A letter that
fails, or whatever it raises, costs only itself. A channel behind which nobody answers is left alone for a while after three
letters in a row could not reach it, so that a dead mail server costs three time-outs and not ten thousand; one letter that
gets through brings all that waited for it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from workflow import Engine
from workflow.outbox import JOB, Channel, Letter, Receipt

log = logging.getLogger("tibandu.delivery")
PAGE = 20
"""letters leased at once: few enough to be tried well within their lease"""
TURN_SECONDS = 5.0
RENEW_SECONDS = 120.0
IN_A_ROW = 3
LOOK_AGAIN = timedelta(hours=1)
HOLDS = (60, 300, 900, 3600)
"""seconds a channel is left alone; so what waits goes within an hour after it is back"""
Job = Callable[[str, Mapping[str, object]], object]
"""(the key under which it was submitted, its arguments): done again under the same key when its node died"""


@dataclass(slots=True)
class _Health:
    """What this node has seen of a channel."""

    missed: int = 0
    held: int = 0
    until: datetime | None = None
    since: datetime | None = None
    """when it was last found away"""


class Jobs:
    """The channel of bulk work: functions by name."""

    name = JOB
    per_minute: int | None = None

    def __init__(self, functions: Mapping[str, Job]) -> None:
        self._functions = functions

    def is_open(self, now: datetime) -> bool:
        """Always."""
        return True

    def send(self, letter: Letter) -> Receipt:
        """Do it. A name that only a newer version knows is left to it."""
        function = self._functions.get(letter.holder)
        if function is None:
            return Receipt(state="failed", answer=f"no job {letter.holder}", unreachable=True)
        function(letter.key.partition("/")[0], letter.body)
        return Receipt(state="confirmed")


class LocalBackend:
    """Delivery in this process. `deliver` is all a host with its own loop has to call."""

    def __init__(
        self, engine: Engine, channels: Iterable[Channel] = (), jobs: Mapping[str, Job] | None = None, *,
        hooks: Callable[[], Iterable[Channel]] = tuple,
    ) -> None:  # fmt: skip
        """`hooks` are asked at every pass for the channels that come and go: subscriptions."""
        self._engine = engine
        self._hooks = hooks
        self._fixed: list[Channel] = [*channels, Jobs(jobs or {})]
        self.channels = {channel.name: channel for channel in self._fixed}
        self._health = {name: _Health() for name in self.channels}
        self._stopping = threading.Event()
        self._looked: datetime | None = None

    def deliver(self, limit: int = 1000) -> int:
        """Address everything that waits, then try at most `limit` due letters; how many were tried."""
        self._look_again()
        self.address()
        return self._take_turns(list(self.channels.values()), limit)

    def _take_turns(self, channels: list[Channel], limit: int) -> int:
        """A page of each channel after the other, until none has anything: a slow one holds up no other for long."""
        count = 0
        while channels and count < limit:
            busy = []
            for channel in channels:
                if tried_now := self._turn(channel, limit - count):
                    count += tried_now
                    busy.append(channel)
            channels = busy
        return count

    def _look_again(self) -> None:
        """For subscriptions that came or went; and once an hour, for messages that had nobody."""
        self.channels = {channel.name: channel for channel in (*self._fixed, *self._hooks())}
        self._health = {name: self._health.get(name) or _Health() for name in self.channels}
        now = self._engine.alerts.now()
        if self._looked is None or now - self._looked >= LOOK_AGAIN:
            self._looked = now
            self._engine.alerts.readdress()

    def address(self) -> int:
        """Outbox rows that got their deliveries."""
        count = 0
        while not self._stopping.is_set() and (done := self._engine.alerts.address()):
            count += done
        return count

    def submit(self, job: str, arguments: Mapping[str, object], *, key: str, session: Any = None) -> bool:
        """Have a named job done later; False when that key was submitted before."""
        return self._engine.alerts.post(f"@job:{key}", f"job:{job}", "@job", arguments, session=session)

    def start(self) -> None:
        """Nothing: it works when it is called."""

    def stop(self) -> None:
        """Finish the letter in hand and give the others back."""
        self._stopping.set()

    def _turn(self, channel: Channel, limit: int) -> int:
        """At most a page of a channel, and no longer than a turn may take; how many letters were tried."""
        if limit <= 0 or self._stopping.is_set() or not self._usable(channel):
            return 0
        page = 1 if channel.name == JOB else min(PAGE, limit)  # bulk work is spread
        letters = self._engine.alerts.claim(channel.name, page, per_minute=channel.per_minute)
        return self._page(channel, letters)

    def _usable(self, channel: Channel) -> bool:
        now, health = self._engine.alerts.now(), self._health.get(channel.name, _Health())
        if not channel.is_open(now):
            return False
        return health.until is None or health.until <= now or self._asked(channel, health)

    def _asked(self, channel: Channel, health: _Health) -> bool:
        """Whether somebody has said since that its letters go again: who has mended it does not wait until it is looked at."""
        return health.since is not None and self._engine.alerts.asked_again(channel.name, health.since)

    def _page(self, channel: Channel, letters: Sequence[Letter]) -> int:
        began = time.monotonic()
        for number, letter in enumerate(letters):
            over = number > 0 and time.monotonic() - began > TURN_SECONDS
            if over or self._stopping.is_set() or not self._usable(channel):
                self._engine.alerts.release(letters[number:])
                return number
            self.attempt(channel, letter)
        return len(letters)

    def attempt(self, channel: Channel, letter: Letter) -> Receipt | None:
        """Try one letter and note what came of it; None when it had nothing left to say."""
        if letter.is_void:
            self._engine.alerts.drop(letter)
            return None
        with self._renewing(letter) if channel.name == JOB else nullcontext():
            receipt = tried(channel, letter)
        self._engine.alerts.complete(letter, receipt)
        self._note(channel, letter, receipt)
        return receipt

    @contextmanager
    def _renewing(self, letter: Letter) -> Iterator[None]:
        """Within it the lease lasts as long as the work does: an import may take hours, and nobody should begin it again."""
        done = threading.Event()

        def renew() -> None:
            while not done.wait(RENEW_SECONDS):
                self._engine.alerts.renew(letter)

        thread = threading.Thread(target=renew, name="tibandu-lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _note(self, channel: Channel, letter: Letter, receipt: Receipt) -> None:
        health = self._health.setdefault(channel.name, _Health())
        if receipt.unreachable:
            health.missed += 1
            if health.missed >= IN_A_ROW:
                seconds = HOLDS[min(health.held, len(HOLDS) - 1)]
                health.since = self._engine.alerts.now()
                health.until = health.since + timedelta(seconds=seconds)
                health.held, health.missed = health.held + 1, IN_A_ROW - 1  # after that, one miss is enough
                log.warning("channel %s cannot be reached: left alone for %d s", channel.name, seconds)
            return
        if receipt.state in ("failed", "superseded"):
            return
        if health.missed or letter.attempts:
            count = self._engine.alerts.bring_forward(channel.name)
            if count:
                log.info("channel %s is back: %d letter(s) that waited for it go now", channel.name, count)
        self._health[channel.name] = _Health()


def tried(channel: Channel, letter: Letter) -> Receipt:
    """One try; whatever is raised becomes a failure."""
    try:
        return channel.send(letter)
    except OSError as error:  # nobody there, time-outs, TLS
        return Receipt(state="failed", answer=_words(error), unreachable=True)
    except Exception as error:
        log.exception("letter %s failed in channel %s", letter.key, channel.name)
        return Receipt(state="failed", answer=_words(error))


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
