"""A new year's holiday notice: which running clocks it moves, and moving them.

Authoritative is each clock's ledger; its due day is derived from a calendar and stored only as an index. A clock that looked
beyond the calendar's horizon is *provisional*. When the notice is loaded, every running provisional clock is derived again, and
what changed (the day, or only that it is certain now) is one line of the case's own history, written like any other step:
compared with the revision and set. What can fail: somebody was first, then the family is read and derived once more.
Twice changes nothing. A rung that was fired is not fired again, unless the new day makes an overdue clock run anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from . import history, timers
from .calendars import Calendar
from .clock import civil_date
from .engine import Engine
from .errors import Conflict, NotFound, NotPermitted, Reason, Text
from .family import ClockState, Family, HistoryRow, Record, Step
from .laws import Laws
from .model import SYSTEM, Actor
from .random import RandomSource

EVENT = history.RECALCULATE
"""reserved: the line's event, which no definition declares"""
TRIES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalculated:
    """One clock and what the calendar makes of it."""

    case: str
    number: str | None
    clock: str
    due_on: str
    new_due_on: str
    provisional: bool
    """whether it still is, by the new calendar"""

    @property
    def moves(self) -> bool:
        """Whether the day changes; otherwise it only becomes certain."""
        return self.due_on != self.new_due_on


def preview(engine: Engine, calendar: Calendar) -> list[Recalculated]:
    """What `apply` would change, by due day. Writes nothing. Raises NotFound for a calendar no place counts by."""
    laws, found = _laws(engine, calendar), list[Recalculated]()
    now = engine.clock.now().astimezone(UTC)
    with engine.store.connection() as connection:
        for case in _waiting(engine, connection):
            family = engine.store.family(connection, case)
            if family is not None:
                found += _compared(family.records[case], _derived(laws, family.records[case], now))
    return sorted(found, key=lambda change: (change.new_due_on, change.case, change.clock))


def apply(
    engine: Engine, calendar: Calendar, actor: Actor, *, cases: Iterable[str] | None = None
) -> Iterator[Recalculated]:
    """Derive the provisional clocks again, case by case, each in a transaction of its own; tells what changed as it goes.

    `cases` limits it to those. Raises NotPermitted for the system (a person answers for it), NotFound, Conflict.
    """
    if actor.person == SYSTEM:
        text = Text("日历由人启用", "a calendar is put in force by a person")
        raise NotPermitted([Reason(code="decision", text=text)])
    laws = _laws(engine, calendar)
    if cases is None:
        with engine.store.connection() as connection:
            cases = _waiting(engine, connection)
    for case in cases:
        yield from _apply_one(engine, laws, case, actor)


def _laws(engine: Engine, calendar: Calendar) -> Laws:
    """The laws in use, counting by that calendar."""
    used = engine.laws.calendar.name
    if calendar.name != used:
        raise NotFound(
            Text(
                f"本地使用日历 {used},不是 {calendar.name}",
                f"this place counts by {used}, not {calendar.name}",
            )
        )
    library = engine.library
    changed = replace(library, calendars={**library.calendars, calendar.name: calendar})
    return Laws(changed, engine.laws.place)


def _waiting(engine: Engine, connection: Any) -> list[str]:
    table = engine.store.tables.clock
    query = (
        table.select().where(table.c.provisional, table.c.running).order_by(table.c.due_on, table.c.case_id)
    )
    return list(dict.fromkeys(row.case_id for row in connection.execute(query)))


def _derived(laws: Laws, record: Record, now: datetime) -> dict[str, ClockState]:
    """The clocks of the record that change."""
    found = {}
    for name, clock in record.clocks.items():
        if clock.running and clock.provisional:
            new = _again(laws, clock, now)
            if (new.due_on, new.outer_on, new.provisional) != (
                clock.due_on,
                clock.outer_on,
                clock.provisional,
            ):
                found[name] = new
    return found


def _again(laws: Laws, clock: ClockState, now: datetime) -> ClockState:
    """The clock by the laws' calendar, its timer where it was."""
    new, today = timers.recompute(laws, clock, now), civil_date(now).isoformat()
    if clock.next_rung is None:
        # It was imported when it was over; nothing of the past is armed.
        gone = timers.passed(laws, new, now)
        if new.due_on < today:
            return replace(new, next_rung=None, next_at=None)
        return timers.advance(laws, new, gone[-1].rung) if gone else new
    if clock.next_rung > 1 and new.due_on >= today:
        return new
    return timers.advance(laws, new, clock.next_rung - 1)


def _compared(record: Record, changed: dict[str, ClockState]) -> list[Recalculated]:
    return [
        Recalculated(
            case=record.id, number=record.number, clock=name, due_on=record.clocks[name].due_on,
            new_due_on=clock.due_on, provisional=clock.provisional,
        )
        for name, clock in changed.items()
    ]  # fmt: skip


def _apply_one(engine: Engine, laws: Laws, case: str, actor: Actor) -> Sequence[Recalculated]:
    """Read under the family's lock, derive, write; nobody can be first then but for a lock error."""
    for _ in range(TRIES):
        now = engine.clock.now().astimezone(UTC)
        with engine.store.work() as work, work.atomic():
            engine.store.lock(work, case)
            family = engine.store.read(work, case, actor.person, None).family
            changed = _derived(laws, family.records[case], now) if family else {}
            if family is None or not changed:
                return ()
            step = _step(family, case, changed, laws.calendar.version, actor, now, engine._random)  # noqa: SLF001 - the injected source: a seed gives the same heads
            if engine.store.write(work, step, _instant(now), civil_date(now).isoformat()):
                return _compared(family.records[case], changed)
    raise Conflict(Text("他人一再先行一步,请重试", "somebody kept being first; try again"))


def _step(
    family: Family,
    case: str,
    changed: dict[str, ClockState],
    version: str,
    actor: Actor,
    now: datetime,
    source: RandomSource,
) -> Step:
    record = family.records[case]
    line = _line(record, changed, version, actor, now, source)
    after = replace(
        record, clocks={**record.clocks, **changed}, seq=line.seq, head=line.hash, revision=line.seq
    )
    records = {**family.records, case: after}
    root = replace(records[family.root_id], revision=family.root.revision + 1)
    records[family.root_id] = root
    step = Step(Family(records, family.root_id), family.root.revision)
    step.changed = dict.fromkeys([case, family.root_id])
    step.history = [line]
    step.clocks = {(case, name): None for name in changed}
    return step


def _line(
    record: Record,
    changed: dict[str, ClockState],
    version: str,
    actor: Actor,
    now: datetime,
    source: RandomSource,
) -> HistoryRow:
    shown: dict[str, object] = {
        f"@clock.{name}": {"due": clock.due_on, "running": clock.running, "round": clock.round}
        for name, clock in changed.items()
    }
    shown["@calendar"] = {
        "version": version,
        "was": {name: record.clocks[name].due_on for name in changed},
        "provisional": sorted(name for name, clock in changed.items() if clock.provisional),
    }
    commitments, disclosure = history.commit(shown, source)
    values = (
        record.id, record.seq + 1, _instant(now), civil_date(now).isoformat(), EVENT, record.state, record.state,
        actor.person, actor.on_behalf_of, None, None, None, record.definition, commitments, record.head,
    )  # fmt: skip
    return HistoryRow(*values, history.line_hash(values), disclosure)


def _instant(now: datetime) -> str:
    return now.isoformat(timespec="microseconds")
