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
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from .clock import civil_date
from .decision import Tick, decide_tick
from .erasing import Lapsing
from .errors import StoreError
from .family import Family
from .laws import Laws
from .memory import Memory
from .model import Fired
from .random import RandomSource
from .store.sql import Store
from .store.timetable import DueTimer, Timetable
from .store.work import Work
from .timers import MISSED, instant, turn
from .vigil import Vigil, node_name

logger = logging.getLogger("workflow.sweep")
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

    def __str__(self) -> str:
        """For the log of the node that did it; `tibandu doctor` says it in the operator's language."""
        events = ", ".join(f"{name} {count}" for name, count in sorted(self.events.items())) or "none"
        return (
            f"{self.timers} timers, due from {_iso(self.first)} to {_iso(self.last)}; events: {events};"
            f" {self.sent} messages to be sent, {self.superseded} superseded"
        )

    def body(self) -> dict[str, object]:
        """As the journal keeps it."""
        return {
            "timers": self.timers, "rungs": self.rungs, "events": dict(sorted(self.events.items())), "sent": self.sent,
            "superseded": self.superseded, "first_due_at": _iso(self.first), "last_due_at": _iso(self.last),
        }  # fmt: skip


class _Taken:
    """A family in our hands during one page: its timers fire in their order (timers.turn), up to the last instant of the page."""

    def __init__(self, family: Family) -> None:
        self.family = family
        self.healed: set[tuple[str, str]] = set()
        """broken timers that fire again"""
        self._until = ""
        self._listed: dict[tuple[str, str], DueTimer] = {}
        self._spared: set[tuple[str, str]] = set()

    def listed(self, timer: DueTimer) -> None:
        """The page has it."""
        self._listed[timer.key] = timer
        self._until = max(self._until, timer.at)

    def unlisted(self) -> list[str]:
        """The cases with a timer that comes with those of the page, and is not in it."""
        return [case for case, clock in self._waiting() if (case, clock) not in self._listed]

    def spare(self, timer: tuple[str, str]) -> None:
        """Leave a broken timer alone, unless the page has it because it is to be tried again."""
        if timer not in self._listed:
            self._spared.add(timer)

    def next(self) -> DueTimer | None:
        """The first timer that waits."""
        records = self.family.records
        first = min(self._waiting(), key=lambda timer: turn(records[timer[0]], timer[1]), default=None)
        if first is None:
            return None
        case, clock = first
        listed = self._listed.get(first)
        return DueTimer(
            case, clock, records[case].clocks[clock].next_at or "", listed.broken if listed else 0
        )

    def took(self, timer: DueTimer, tick: Tick | None) -> bool:
        """Go on with what the timer made of the family; without a tick it is left alone for the rest of the page."""
        if tick is None:
            self._spared.add(timer.key)
            return False
        if timer.broken:
            self.healed.add(timer.key)
        self.family = tick.step.family
        return True

    def _waiting(self) -> Iterator[tuple[str, str]]:
        for case, record in self.family.records.items():
            for name, clock in record.clocks.items():
                if (
                    clock.next_at is not None
                    and clock.next_at <= self._until
                    and (case, name) not in self._spared
                ):
                    yield case, name


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
        lapsing: Lapsing,
    ) -> None:
        self._lapsing = lapsing
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
        if not fired:
            fired = self._lapsing.tick(now, limit)
        if not fired and self._outage is not None:
            logger.info("caught up after an outage: %s", self._outage)
            self._outage = None
        self._beat(now, len(fired))
        return fired

    # -- a page

    def _page(self, work: Work, due: Sequence[DueTimer], now: datetime) -> list[Fired]:
        try:
            with work.atomic():
                done = self._fire(work, due, now)
        except Exception as error:
            if isinstance(error, StoreError) and error.again:
                raise  # the database's fault, no timer's: the next tick tries again
            if len(due) > 1:
                logger.exception("a page of %d timers was undone; each goes by itself", len(due))
                return [fired for timer in due for fired in self._page(work, [timer], now)]
            logger.exception("timer %s of case %s cannot fire", due[0].clock, due[0].case)
            self._mark(work, due[0], error, now)
            return []
        for timer, _ in done:
            self._memory.forget(timer.case)
        return [one for timer, tick in done for one in _fired(timer, tick, now)]

    def _fire(self, work: Work, due: Sequence[DueTimer], now: datetime) -> list[tuple[DueTimer, Tick]]:
        taken = [_Taken(family) for family in self._table.take(work, [timer.case for timer in due])]
        by_case = {case: one for one in taken for case in one.family.records}
        for timer in due:
            if timer.case in by_case:
                by_case[timer.case].listed(timer)
        self._spare_broken(work, taken)
        done: list[tuple[DueTimer, Tick]] = []
        while wave := [(one, first) for one in taken if (first := one.next()) is not None]:
            # One timer of each family at a time: the next is chosen and decided on what this one made of it. In due order, so
            # that chance is drawn alike whatever order a database gives rows in.
            wave.sort(key=lambda pair: pair[1].place)
            for some in self._store.slices(work, len(wave)):
                ticks = [
                    (one, timer, self._decide(work, timer, one.family, now)) for one, timer in wave[some]
                ]
                fresh = [
                    (timer, tick) for one, timer, tick in ticks if one.took(timer, tick) and tick is not None
                ]
                self._write(work, [tick for _, tick in fresh], now)
                done += fresh
        if not self._store.arrived(work):
            raise Stale
        self._table.mend(work, sorted(timer for one in taken for timer in one.healed))
        self._sum_up(work, done, now)
        return sorted(done, key=lambda fired: fired[0].place)

    def _spare_broken(self, work: Work, taken: Sequence[_Taken]) -> None:
        """What waits with the page and is not in it: held by somebody when the page was read, beyond its end, or broken."""
        earlier = sorted({case for one in taken for case in one.unlisted()})
        for timer in self._table.broken(work, earlier) if earlier else ():
            for one in taken:
                one.spare(timer)

    def _decide(self, work: Work, timer: DueTimer, family: Family, now: datetime) -> Tick | None:
        """What the timer brings; None when that cannot be said: it is marked and holds up nobody."""
        try:
            return decide_tick(self._laws, family, timer.case, timer.clock, now, self._random)
        except Exception as error:
            logger.exception("timer %s of case %s cannot fire", timer.clock, timer.case)
            self._mark(work, timer, error, now)
            return None

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

    def _sum_up(self, work: Work, done: Sequence[tuple[DueTimer, Tick]], now: datetime) -> None:
        late = [tick for timer, tick in done if now - datetime.fromisoformat(timer.at) > LATE]
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
