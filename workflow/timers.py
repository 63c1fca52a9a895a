"""The clocks of a case as timers: which rung fires next, and when. Pure; the scheduler may remind, urge and let lapse.

A rung is the number of days from the due day: -7 a week before, 0 the due day, 1 the first day after it. Each rung fires at
00:00 in Asia/Shanghai of its civil day, once; the rungs a stop or an extension makes pointless simply never come.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from .act import Act
from .clock import civil_date, start_of_day
from .deadlines import Due, overdue_ladder, rungs
from .family import ClockState, Record
from .laws import Laws
from .ledger import Ledger

MISSED = 1
"""the rung that runs a clock out: the day after the due day"""


@dataclass(frozen=True, slots=True)
class Timer:
    """A rung and its civil day."""

    rung: int
    on: date


def turn(record: Record, clock: str) -> tuple[str, bool, bool, str, str, str, str]:
    """The place of a waiting timer in the order in which those of one family fire, at one instant too.

    A period ends at 24:00 of its last day (民法典 第203条), which is the 00:00 at which the rungs of the next day come: so what
    runs out goes before what the new day reminds of, and the reminder is addressed by what is left. A part runs out before the
    whole it belongs to, which may be waiting for it. Neither rests on ids, which are chance within a millisecond, except between
    children of one slot and party.
    """
    state = record.clocks[clock]
    whole = record.id == record.root
    return (
        state.next_at or "", state.next_rung != MISSED, whole, record.slot or "", record.party or "", clock, record.id
    )  # fmt: skip


def start(laws: Laws, rule: str, before: ClockState | None, anchor: date, act: Act) -> ClockState:
    """The clock running from its anchor; started again, it counts a new round but keeps its ledger and its outer limit,
    unless it follows another rule now: then its ledger is a new one.
    """
    if before is None or before.ledger.rule != rule:
        ledger = Ledger.start(rule, anchor, laws.calendar, by=act.actor.person, rules=laws.rules)
        return _state(laws, ledger, before.round + 1 if before else 1, act.now, quiet=act.imported)
    ledger = before.ledger.reset(anchor, by=act.actor.person)
    return _state(laws, ledger, before.round + 1, act.now, quiet=act.imported)


def stop(clock: ClockState, on: date | None, reason: str) -> ClockState:
    """The clock stopped; its timer is gone. `on` None: an imported record says that it stopped, not when."""
    ledger = clock.ledger if on is None else clock.ledger.stop(max(on, clock.ledger.counted_from), reason)
    return ClockState(
        ledger=ledger, round=clock.round, due_on=clock.due_on, outer_on=clock.outer_on, provisional=clock.provisional,
        running=False, next_rung=None, next_at=None,
    )  # fmt: skip


def extend(laws: Laws, clock: ClockState, until: date, act: Act, asked_on: date) -> ClockState:
    """The clock with a granted extension; its ladder starts again. Raises DeadlineRefused."""
    ledger = clock.ledger.extend(
        until,
        act.day,
        act.actor.person,
        act.reason or "",
        laws.book_of(clock.ledger),
        laws.calendar,
        asked_on=asked_on,
    )
    return _state(laws, ledger, clock.round, act.now, quiet=act.imported)


def suspend(laws: Laws, clock: ClockState, act: Act, reason: str) -> ClockState:
    """The clock standing still from that day, and silent. Raises DeadlineRefused, always for a statutory rule."""
    book, day = laws.book_of(clock.ledger), max(act.day, clock.ledger.counted_from)
    ledger = clock.ledger.suspend(day, act.reason or reason, book, laws.calendar, act.actor.person)
    return replace(clock, ledger=ledger, next_rung=None, next_at=None)


def resume(laws: Laws, clock: ClockState, act: Act, reason: str) -> ClockState:
    """The clock counting again, its due day moved on by the days it stood still; what lies behind does not ring again."""
    ledger = clock.ledger.resume(act.day, act.reason or reason, act.actor.person)
    state = _state(laws, ledger, clock.round, act.now, quiet=False)
    today = civil_date(act.now)
    return _wait(
        state, next(timer for timer in _ladder(laws, ledger, _due(laws, ledger)) if timer.on >= today)
    )


def recompute(laws: Laws, clock: ClockState, now: datetime) -> ClockState:
    """The clock by a newly loaded calendar, or by other rules when its ledger names them."""
    return _state(laws, clock.ledger, clock.round, now, quiet=False)


def passed(laws: Laws, clock: ClockState, now: datetime) -> tuple[Timer, ...]:
    """The rungs whose day has come and that were not fired yet, in order."""
    if clock.next_rung is None:
        return ()
    today = civil_date(now)
    found = []
    for timer in _ladder(laws, clock.ledger, _due(laws, clock.ledger)):
        if timer.rung < clock.next_rung:
            continue
        if timer.on > today:
            break
        found.append(timer)
    return tuple(found)


def advance(laws: Laws, clock: ClockState, after: int) -> ClockState:
    """The clock waiting for the first rung beyond `after`."""
    ladder = _ladder(laws, clock.ledger, _due(laws, clock.ledger))
    return _wait(clock, next(timer for timer in ladder if timer.rung > after))


def _state(laws: Laws, ledger: Ledger, round_: int, now: datetime, *, quiet: bool) -> ClockState:
    due, first = _derived(laws, ledger)
    state = ClockState(
        ledger=ledger, round=round_, due_on=first.due_on, outer_on=first.outer_on, provisional=due.provisional,
        running=ledger.running, next_rung=first.rung, next_at=first.at,
    )  # fmt: skip
    if due.suspended:
        return replace(state, next_rung=None, next_at=None)
    if not quiet:
        return state
    # An imported clock arms nothing that lies in the past, but it goes on from today.
    today = civil_date(now)
    if due.on < today:
        return replace(state, next_rung=None, next_at=None)
    return _wait(state, next(timer for timer in _ladder(laws, ledger, due) if timer.on > today))


@dataclass(frozen=True, slots=True)
class _First:
    """The first rung and the days, as they are stored."""

    rung: int
    at: str
    due_on: str
    outer_on: str | None


MOST = 4096


def _derived(laws: Laws, ledger: Ledger) -> tuple[Due, _First]:
    """The due day and the first rung; of a ledger that has only begun they are the same for all that began on that day."""
    if len(ledger.entries) > 1:
        return _derive(laws, ledger)
    known = laws.begun
    found = known.get((ledger.rules, ledger.rule, ledger.anchor))
    if found is None:
        found = _derive(laws, ledger)
        if len(known) >= MOST:
            known.clear()
        known[ledger.rules, ledger.rule, ledger.anchor] = found
    return found


def _derive(laws: Laws, ledger: Ledger) -> tuple[Due, _First]:
    due = _due(laws, ledger)
    timer = next(_ladder(laws, ledger, due))
    outer = due.outer_on.isoformat() if due.outer_on else None
    return due, _First(timer.rung, _instant(timer), due.on.isoformat(), outer)


def _due(laws: Laws, ledger: Ledger) -> Due:
    return ledger.due(laws.book_of(ledger), laws.calendar)


def _wait(state: ClockState, timer: Timer) -> ClockState:
    return replace(state, next_rung=timer.rung, next_at=_instant(timer))


def instant(timer: Timer) -> datetime:
    """When it is due: 00:00 in Asia/Shanghai of its civil day, in UTC."""
    return start_of_day(timer.on).astimezone(UTC)


def _instant(timer: Timer) -> str:
    return instant(timer).isoformat(timespec="seconds")


def _ladder(laws: Laws, ledger: Ledger, due: Due) -> Iterator[Timer]:
    """Reminders, the due day, +1, +3, +7, then weekly without end."""
    rule = laws.book_of(ledger).rule(ledger.rule, ledger.anchor)
    for rung in rungs(rule, due.on, ledger.counted_from, laws.calendar):
        if rung.days_before > 0:
            yield Timer(-rung.days_before, rung.on)
    yield Timer(0, due.on)
    for rung in overdue_ladder(due.on):
        yield Timer(-rung.days_before, rung.on)
