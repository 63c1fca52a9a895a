"""How many requests a minute of one person, token or address, counted by all nodes together without a write for each.

A node counts in its memory and adds a lot (a twentieth of what is allowed) to the shared count at a time, when it also learns
what the others have added. So a caller gets past the limit by at most a lot a node, and of thirty requests one costs a write.
"""

from __future__ import annotations

import threading
from collections import Counter as Tally
from datetime import UTC

from flask import Request

from workflow import Actor, Engine
from workflow.errors import NotPermitted, Text

from .identity import Caller, Identify
from .limits import Counter, Limit, source
from .problems import Problem

KNOWN = Limit(what="requests", most=600, seconds=60)
"""of a person, and of a token"""
UNKNOWN = Limit(what="requests from", most=300, seconds=60)
"""of an address from which nobody proves who he is, or need not"""
MARK = "tibandu.paced"
"""in a request that is counted already: some ask twice who it is"""


class Paced:
    """Asks `identify`, and says no (429) to whoever asks too often. For one process; nodes meet in the database."""

    def __init__(
        self, engine: Engine, identify: Identify, known: Limit | None = KNOWN, unknown: Limit = UNKNOWN
    ) -> None:
        """`known` None: only those are counted who have to say who they are and do not prove it."""
        self._engine = engine
        self._identify = identify
        self._known, self._unknown = known, unknown
        self._lock = threading.Lock()
        self._minute = 0
        self._mine: Tally[str] = Tally()
        """what this node counted in this minute"""
        self._others: Tally[str] = Tally()
        """what the others had added to the shared count when we last looked"""

    def __call__(self, request: Request) -> Actor | Caller | None:
        """Who asks. Raises Problem 429, also for who shows a proof that is refused: he is counted by his address."""
        try:
            found = self._identify(request)
        except (Problem, NotPermitted):
            self.count(request)
            raise
        self.count(request, found)
        return found

    def looked(self, request: Request) -> None:
        """One more of an address, where nobody has to say who he is; not where only those are counted who fail to say it."""
        if self._known is not None:
            self.count(request)

    def count(self, request: Request, found: Actor | Caller | None = None) -> None:
        """One more, of whoever was found or of an address; a request counts once. Raises Problem 429."""
        if MARK not in request.environ:
            request.environ[MARK] = True
            limit, who = self._whom(found, request)
            if limit is not None:
                self._count(limit, who)

    def _whom(self, found: Actor | Caller | None, request: Request) -> tuple[Limit | None, str]:
        if found is None:
            return self._unknown, f"address {source(request)}"
        if isinstance(found, Actor):
            return self._known, f"person {found.person}"
        return self._known, f"token {found.via.token}" if found.via else f"person {found.actor.person}"

    def _count(self, limit: Limit, who: str) -> None:
        now = int(self._engine.clock.now().astimezone(UTC).timestamp())
        minute, lot = now // limit.seconds, max(1, limit.most // 20)
        with self._lock:
            if minute != self._minute:
                self._minute = minute
                self._mine.clear()
                self._others.clear()
            self._mine[who] += 1
            mine, together = self._mine[who], self._mine[who] + self._others[who]
        if together <= limit.most and mine % lot == 0:
            shared = Counter(self._engine).count(limit, f"{who} {minute}", lot)
            with self._lock:
                self._others[who] = max(0, shared - mine)
            together = max(shared, mine)
        if together > limit.most:
            text = Text("请求过于频繁，请稍后再试", "too many requests; try again in a while")
            raise Problem("too_many", text, headers={"Retry-After": str(limit.seconds - now % limit.seconds)})
