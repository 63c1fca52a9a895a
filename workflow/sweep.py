"""Timers fired together: a page of what is due is read, decided and written in one transaction.

Authoritative is the family under its lock; the list of what is due only says where to look. A family that somebody else is
changing is stepped over (SKIP LOCKED) and comes with the next page or tick, so any number of nodes share the work and wait for
nobody. What can fail: one timer cannot be decided (a law that is gone, a rule that ended): it is marked as broken, left alone
for a while, tried again, and shown until it fires. The database refuses the page: it is undone and each timer goes by itself.
The process dies: nothing of the page happened. What was late is summed up in the journal, in the transaction that caught it up.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from .clock import civil_date
from .decision import Tick, decide_tick
from .family import Family
from .laws import Laws
from .memory import Memory
from .model import Fired
from .random import RandomSource
from .store.sql import Store
from .store.timetable import DueTimer, Timetable
from .store.work import Work
from .timers import instant
from .vigil import Vigil, node_name

logger = logging.getLogger("workflow.sweep")
MISSED = 1
"""the rung that fires the event of a clock that has run out: the day after the due day"""
LATE = timedelta(minutes=10)
"""a timer that fires later than that was missed by everybody: it belongs to an outage"""
BEAT = timedelta(seconds=5)
"""how often a node says at most that it ticks"""
FORGOTTEN = timedelta(days=7)
"""a node nobody has seen for so long is no news any more"""
AGAIN = timedelta(minutes=1)
LONGEST = timedelta(hours=12)
"""a broken timer is tried again after a minute, two, four …, at last twice a day"""


class Stale(Exception):
    """Somebody was first; the page is undone."""


@dataclass(slots=True)
class CaughtUp:
    """What was late, summed up as it is worked off: timers, rungs, events by name, what was sent and what was not."""

    key: str
    timers: int = 0
    rungs: int = 0
    first: datetime | None = None
    last: datetime | None = None
    events: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    superseded: int = 0

    def add(self, ticks: Iterable[Tick]) -> None:
        """Count what these brought."""
        for tick in ticks:
            self.timers += 1
            self.rungs += len(tick.rungs)
            if tick.event:
                self.events[tick.event] += 1
            for timer in tick.rungs:
                at = instant(timer)
                self.first, self.last = min(self.first or at, at), max(self.last or at, at)
            states = Counter(message.state for message in tick.step.messages)
            self.sent += states["queued"]
            self.superseded += states["superseded"]

    def body(self) -> dict[str, object]:
        """As the journal keeps it."""
        return {
            "timers": self.timers, "rungs": self.rungs, "events": dict(sorted(self.events.items())), "sent": self.sent,
            "superseded": self.superseded, "first_due_at": _iso(self.first), "last_due_at": _iso(self.last),
        }  # fmt: skip


class Sweep:
    """Fires what is due, page by page; one per engine."""

    def __init__(
        self,
        store: Store,
        laws: Laws,
        memory: Memory,
        now: Callable[[], datetime],
        random: RandomSource,
        vigil: Vigil,
    ) -> None:
        self._store = store
        self._table = Timetable(store)
        self._laws = laws
        self._memory = memory
        self._now = now
        self._random = random
        self._vigil = vigil
        self._started: str | None = None
        self._beaten: datetime | None = None
        self._fired = 0
        self._outage: CaughtUp | None = None

    def tick(self, limit: int) -> list[Fired]:
        """Fire a page of what is due, in due order; a page that others hold or that is broken is stepped over."""
        now, after = self._now(), None
        if self._vigil.holds(now):
            return []
        while True:
            with self._store.work() as work:
                due = self._table.due(work, now.isoformat(timespec="seconds"), limit, after)
                fired = self._page(work, due, now) if due else []
            if fired or len(due) < limit:
                break
            after = due[-1]
        if not fired and self._outage is not None:
            logger.info("caught up: %s", json.dumps(self._outage.body(), ensure_ascii=False))
            self._outage = None
        self._beat(now, len(fired))
        return fired

    # -- a page

    def _page(self, work: Work, due: Sequence[DueTimer], now: datetime) -> list[Fired]:
        try:
            with work.atomic():
                done = self._fire(work, due, now)
        except Exception as error:
            if len(due) > 1:
                logger.exception("a page of %d timers was undone; each goes by itself", len(due))
                return [fired for timer in due for fired in self._page(work, [timer], now)]
            # With the database gone this raises too, and the next tick tries again.
            logger.exception("timer %s of case %s cannot fire", due[0].clock, due[0].case)
            self._mark(work, due[0], error, now)
            return []
        for timer, _ in done:
            self._memory.forget(timer.case)
        return [one for timer, tick in done for one in _fired(timer, tick, now)]

    def _fire(self, work: Work, due: Sequence[DueTimer], now: datetime) -> list[tuple[DueTimer, Tick]]:
        families = {family.root_id: family for family in self._table.take(work, [t.case for t in due])}
        root_of = {case: family.root_id for family in families.values() for case in family.records}
        waiting = [
            timer
            for timer in due
            if timer.case in root_of and _as_listed(timer, families[root_of[timer.case]])
        ]
        late = self._overtaken(work, waiting, families, root_of)
        waiting = [timer for timer in waiting if root_of[timer.case] not in late]
        healed = {timer for timer in waiting if timer.broken}
        done: dict[DueTimer, Tick] = {}
        while waiting:
            # At most one timer of a family at a time: the next is decided on what this one made of it.
            wave: dict[str, DueTimer] = {}
            for timer in waiting:
                wave.setdefault(root_of[timer.case], timer)
            waiting = [timer for timer in waiting if wave[root_of[timer.case]] is not timer]
            ticks = [(timer, self._decide(work, timer, families[root], now)) for root, timer in wave.items()]
            healed.difference_update(timer for timer, tick in ticks if isinstance(tick, Exception))
            fresh = {timer: tick for timer, tick in ticks if isinstance(tick, Tick)}
            self._write(work, list(fresh.values()), now)
            families.update({tick.step.family.root_id: tick.step.family for tick in fresh.values()})
            done.update(fresh)
        self._table.mend(work, sorted((timer.case, timer.clock) for timer in healed))
        self._sum_up(work, done, now)
        return [(timer, done[timer]) for timer in due if timer in done]

    def _overtaken(
        self,
        work: Work,
        waiting: Sequence[DueTimer],
        families: Mapping[str, Family],
        root_of: Mapping[str, str],
    ) -> set[str]:
        """The families in which a timer waits that should come before one of this page and is not in it: somebody held it when
        its page was read. They keep their order and come later; a broken timer keeps nobody waiting.
        """
        listed = {(timer.case, timer.clock) for timer in waiting}
        last = {root_of[timer.case]: (timer.at, timer.case, timer.clock) for timer in waiting}
        earlier = {
            (case, name): root
            for root, end in last.items()
            for case, record in families[root].records.items()
            for name, clock in record.clocks.items()
            if clock.next_at is not None and (clock.next_at, case, name) < end and (case, name) not in listed
        }
        broken = self._table.broken(work, [case for case, _ in earlier]) if earlier else set()
        return {root for timer, root in earlier.items() if timer not in broken}

    def _decide(self, work: Work, timer: DueTimer, family: Family, now: datetime) -> Tick | Exception | None:
        """What the timer brings; the error when it cannot be said: that case is marked and holds up no other."""
        try:
            return decide_tick(self._laws, family, timer.case, timer.clock, now, self._random)
        except Exception as error:
            logger.exception("timer %s of case %s cannot fire", timer.clock, timer.case)
            self._mark(work, timer, error, now)
            return error

    def _write(self, work: Work, ticks: Sequence[Tick], now: datetime) -> None:
        at, today = now.isoformat(timespec="microseconds"), civil_date(now).isoformat()
        plain = [(tick.step, at, today) for tick in ticks if not tick.step.begotten]
        written = not plain or self._store.write_all(work, plain)
        for tick in ticks:
            if tick.step.begotten:
                written = self._store.write(work, tick.step, at, today) and written
        if not written:
            raise Stale

    def _mark(self, work: Work, timer: DueTimer, error: Exception, now: datetime) -> None:
        text = getattr(error, "text", None)
        said = (
            {"zh": text.zh, "en": text.en}
            if text
            else dict.fromkeys(("zh", "en"), f"{type(error).__name__}: {error}")
        )
        wait = min(LONGEST, AGAIN * 2 ** min(timer.broken, 16))
        self._table.mark_broken(
            work,
            timer,
            now.isoformat(),
            (now + wait).isoformat(timespec="seconds"),
            json.dumps(said, ensure_ascii=False),
        )

    # -- what others see of it

    def _sum_up(self, work: Work, done: Mapping[DueTimer, Tick], now: datetime) -> None:
        late = [tick for timer, tick in done.items() if now - datetime.fromisoformat(timer.at) > LATE]
        if not late:
            return
        if self._outage is None:
            self._outage = CaughtUp(f"caught_up:{node_name()}:{now.isoformat()}"[:160])
        self._outage.add(late)
        self._table.journal(
            work, self._outage.key, now.isoformat(), node_name(), "caught_up", self._outage.body()
        )

    def _beat(self, now: datetime, fired: int) -> None:
        """Leave a trace of this tick in the store: the age of the last one is the health of the whole."""
        self._fired += fired
        if self._beaten is not None and timedelta(0) <= now - self._beaten < BEAT:
            return
        at = now.isoformat(timespec="seconds")
        begins, self._started = self._started is None, self._started or at
        with self._store.work() as work, work.atomic(single=not begins):
            if begins:
                self._table.retire(work, node_name(), (now - FORGOTTEN).isoformat(timespec="seconds"))
            self._table.beat(work, node_name(), self._started, at, self._fired)
        self._beaten, self._fired = now, 0


def _as_listed(timer: DueTimer, family: Family) -> bool:
    """Whether it is still the same rung: another node may have fired it since, and the next has its own place in the order."""
    clock = family.records[timer.case].clocks.get(timer.clock)
    return clock is not None and clock.next_at == timer.at


def _fired(timer: DueTimer, tick: Tick, now: datetime) -> list[Fired]:
    return [
        Fired(
            case=timer.case, clock=timer.clock, rung=rung.rung, due_at=instant(rung), fired_at=now,
            event=tick.event if rung.rung == MISSED else None,
        )
        for rung in tick.rungs
    ]  # fmt: skip


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")
