"""What every channel is: a name, a rate, closed hours, its words; and what a receiver's answer means."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, time

from workflow.clock import ZONE
from workflow.outbox import Letter, Receipt

from .settings import Section
from .words import Words

SECONDS = 15.0
"""the longest one try may take, whatever the other side does"""


@dataclass(frozen=True, slots=True)
class Hours:
    """Closed hours of every day in Asia/Shanghai, over midnight or not; `begin` is closed, `end` is open."""

    begin: time
    end: time

    @classmethod
    def parse(cls, text: str) -> Hours | None:
        """`21:00-08:00`; nothing for an empty text. Raises ValueError."""
        if not text:
            return None
        found = re.fullmatch(r"(\d\d:\d\d)-(\d\d:\d\d)", text)
        if found is None:
            raise ValueError("21:00-08:00")
        return cls(time.fromisoformat(found[1]), time.fromisoformat(found[2]))

    def cover(self, now: datetime) -> bool:
        """Whether it is closed then."""
        clock = now.astimezone(ZONE).time()
        if self.begin <= self.end:
            return self.begin <= clock < self.end
        return clock >= self.begin or clock < self.end


class Base:
    """The part all kinds share."""

    quiet = ""
    """closed hours unless the file says otherwise"""
    addressed = True
    """whether each person has an address of his own here; a group has not"""

    def __init__(self, name: str, section: Section, words: Words) -> None:
        self.name = name
        self.words = words
        self.per_minute = section.integer("per_minute", None)
        quiet = section.text("quiet", self.quiet)
        self._hours = section.checked("quiet", lambda: Hours.parse(quiet), None)
        self.read(section)

    def read(self, section: Section) -> None:
        """The settings of this kind."""
        raise NotImplementedError

    def is_open(self, now: datetime) -> bool:
        """Whether it may be used at that instant."""
        return self._hours is None or not self._hours.cover(now)

    def problem(self, address: str) -> str | None:
        """Why nothing can be sent to that address, or None."""
        return None

    def send(self, letter: Letter) -> Receipt:
        """Try once; an address that cannot be one is given up at once."""
        problem = self.problem(letter.address)
        if problem is not None:
            return Receipt(state="failed", answer=problem, permanent=True)
        return self.carry(letter)

    def carry(self, letter: Letter) -> Receipt:
        """Try once, the address being fit."""
        raise NotImplementedError


@contextmanager
def cut_off(sock: socket.socket | None, seconds: float = SECONDS) -> Iterator[None]:
    """Within it the connection ends after so many seconds in all, however slowly the other side drips."""

    def cut() -> None:
        with suppress(OSError):
            if sock is not None:
                sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
