"""What moves running clocks from outside: a new year's holiday notice, and other rules of the place. First shown, then written.

Authoritative is each clock's ledger; its due day is derived from a calendar and the rules, and stored only as an index.
A clock that looked beyond the calendar's horizon is *provisional*: when the notice is loaded, every such clock is derived again;
and so is every other that crosses a day which was settled and is otherwise now (a December's last days, a corrected notice).
A clock goes by the version of the rules it began with, whatever the file says now, until `apply_rules` gives it the new ones.
What changed is one line of the case's own history, written like any other step: compared with the revision and set; and who
holds the case is told of a day that moved. What can fail: somebody was first, then the family is read and derived once more.
Twice changes nothing. A rung that was fired is not fired again, unless the new day makes an overdue clock run anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import reduce
from operator import or_
from typing import Any

from . import history, messages, timers
from .calendars import DAY, Calendar
from .clock import civil_date
from .comparison import same
from .deadlines import RuleNotFound
from .engine import Engine
from .errors import Conflict, NotFound, NotPermitted, Reason, Text
from .family import ClockState, Family, HistoryRow, Message, Record, Step
from .laws import Laws, dated
from .ledger import Ledger
from .model import SYSTEM, Actor
from .random import RandomSource

__all__ = ["EVENT", "Recalculated", "apply", "apply_rules", "behind", "count_by", "preview", "preview_rules"]

EVENT = history.RECALCULATE
"""reserved: the line's event, which no definition declares"""
TOPIC = "@recalculate"
TRIES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalculated:
    """One clock and what the calendar, or the rules, make of it."""

    case: str
    number: str | None
    clock: str
    due_on: str
    new_due_on: str
    provisional: bool
    """whether it still is, by the new calendar"""
    reminded: bool
    """whether what comes next of it, a reminder or an alert, comes at another time"""

    @property
    def moves(self) -> bool:
        """Whether the day changes; otherwise it only becomes certain, is only reminded of on another day, or only its rule reads
        otherwise.
        """
        return self.due_on != self.new_due_on


@dataclass(frozen=True, slots=True)
class Ruling:
    """The laws that are to hold, how they are named in the history, and the clock that goes by them (None: as before)."""

    laws: Laws
    name: str
    version: str
    candidate: Callable[[ClockState], ClockState | None]
    concerned: Callable[[Any], Any] | None = None
    """which running clocks can be concerned at all, as a question to the table of clocks (None: every one)"""


def preview(engine: Engine, calendar: Calendar) -> list[Recalculated]:
    """What `apply` would change, by due day. Writes nothing. Raises NotFound for a calendar no place counts by."""
    return _preview(engine, _by_calendar(engine, calendar))


def behind(engine: Engine, calendar: Calendar, most: int | None) -> bool:
    """Whether one of so many cases (None: of all), the first to be due first, has a clock that `apply` would change."""
    return bool(_preview(engine, _by_calendar(engine, calendar), most))


def apply(
    engine: Engine, calendar: Calendar, actor: Actor, *, cases: Iterable[str] | None = None
) -> Iterator[Recalculated]:
    """Derive again the clocks the calendar can move, case by case, each in a transaction of its own; tells what changed.

    `cases` limits it to those. Raises NotPermitted for the system (a person answers for it), NotFound, Conflict.
    """
    _person(actor, Text("日历由人启用", "a calendar is put in force by a person"))
    yield from _apply(engine, _by_calendar(engine, calendar), actor, cases)


def count_by(engine: Engine, calendar: Calendar, actor: Actor) -> None:
    """The place counts by this calendar from now on, in every process: what a notice moved has been moved. Raises NotPermitted,
    NotFound.
    """
    _person(actor, Text("日历由人启用", "a calendar is put in force by a person"))
    _by_calendar(engine, calendar)
    engine.calendars.keep(calendar, actor.person)


def preview_rules(engine: Engine) -> list[Recalculated]:
    """What `apply_rules` would change, by due day: running clocks whose own rule, or its outer limit, reads otherwise in the
    place's present file on the day of their anchor. Writes nothing.
    """
    return _preview(engine, _by_rules(engine))


def apply_rules(
    engine: Engine, actor: Actor, *, cases: Iterable[str] | None = None
) -> Iterator[Recalculated]:
    """Give those clocks the place's present rules, as `apply` does. Raises NotPermitted, Conflict."""
    _person(actor, Text("规则由人启用", "rules are put in force by a person"))
    engine.rules.before(None)
    yield from _apply(engine, _by_rules(engine), actor, cases)


def _person(actor: Actor, text: Text) -> None:
    if actor.person == SYSTEM:
        raise NotPermitted([Reason(code="decision", text=text)])


def _by_calendar(engine: Engine, calendar: Calendar) -> Ruling:
    engine.calendars.look()
    used = engine.laws.calendar.name
    if calendar.name != used:
        raise NotFound(
            Text(
                f"本地使用日历 {used}，不是 {calendar.name}",
                f"this place counts by {used}, not {calendar.name}",
            )
        )

    def candidate(clock: ClockState) -> ClockState | None:
        still = (
            clock.ledger.suspended_on is not None
        )  # its day is derived when it goes on, by what holds then
        return None if still else clock

    counted = engine.laws.calendar, calendar
    moved = sorted(engine.calendars.moved_by(calendar))

    def concerned(clocks: Any) -> Any:
        return reduce(or_, _crossing(clocks, moved, counted), clocks.c.provisional)

    laws = engine.laws.counting_by(calendar)
    return Ruling(laws, "@calendar", calendar.version, candidate, concerned)


def _crossing(clocks: Any, days: Sequence[date], calendars: Sequence[Calendar]) -> Iterator[Any]:
    """The clocks whose due day, or outer limit, can rest on one of the days: it lies between the anchor and the due day, or among
    the days off over which that was rolled.
    """
    c = clocks.c
    for first, last in _stretches(days):
        low = min(calendar.previous_working_day(first) for calendar in calendars).isoformat()
        high = max(calendar.next_working_day(last) for calendar in calendars).isoformat()
        yield (c.anchor_on <= last.isoformat()) & ((c.due_on >= low) | (c.outer_on >= low))
        yield (c.anchor_on >= first.isoformat()) & (c.due_on <= high)  # it counts backwards


def _stretches(days: Sequence[date]) -> Iterator[tuple[date, date]]:
    """The days, in order, as first and last of those that follow one another."""
    for index, day in enumerate(days):
        if index == 0 or days[index - 1] != day - DAY:
            first = day
        if index == len(days) - 1 or days[index + 1] != day + DAY:
            yield first, day


def _by_rules(engine: Engine) -> Ruling:
    laws = engine.laws

    def candidate(clock: ClockState) -> ClockState | None:
        if not _reads_otherwise(laws, clock.ledger):
            return None
        return replace(clock, ledger=replace(clock.ledger, rules=laws.rules))

    return Ruling(laws, "@rules", laws.rules, candidate)


def _reads_otherwise(laws: Laws, ledger: Ledger) -> bool:
    """Whether the rule of this clock says something else now. A rule that is gone says nothing: the clock keeps its own."""
    if ledger.rules in ("", laws.rules):
        return False
    then, now = laws.book_of(ledger), laws.book
    try:
        old, new = then.rule(ledger.rule, ledger.anchor), now.rule(ledger.rule, ledger.anchor)
        limits = then.outer(old, ledger.anchor), now.outer(new, ledger.anchor)
    except RuleNotFound:
        return False
    return not same(old, new) or (limits != (None, None) and not same(*limits))


def _preview(engine: Engine, ruling: Ruling, most: int | None = None) -> list[Recalculated]:
    found = list[Recalculated]()
    now = engine.clock.now().astimezone(UTC)
    with engine.store.connection() as connection:
        for case in _waiting(engine, ruling, connection, most):
            family = engine.store.family(connection, case)
            if family is not None:
                found += _compared(family.records[case], _derived(ruling, family.records[case], now))
    return sorted(found, key=lambda change: (change.new_due_on, change.case, change.clock))


def _apply(
    engine: Engine, ruling: Ruling, actor: Actor, cases: Iterable[str] | None
) -> Iterator[Recalculated]:
    if cases is None:
        with engine.store.connection() as connection:
            cases = _waiting(engine, ruling, connection)
    for case in cases:
        yield from _apply_one(engine, ruling, case, actor)


def _waiting(engine: Engine, ruling: Ruling, connection: Any, most: int | None = None) -> list[str]:
    table = engine.store.tables.clock
    query = table.select().with_only_columns(table.c.case_id).where(table.c.running)
    query = query.order_by(table.c.due_on, table.c.case_id)
    if ruling.concerned is not None:
        query = query.where(ruling.concerned(table))
    if most is not None:
        query = query.limit(most)
    return list(dict.fromkeys(connection.execute(query).scalars()))


def _derived(ruling: Ruling, record: Record, now: datetime) -> dict[str, ClockState]:
    """The clocks of the record that change."""
    found = {}
    for name, clock in record.clocks.items():
        candidate = ruling.candidate(clock) if clock.running else None
        if candidate is not None:
            new = _again(ruling.laws, candidate, now)
            if _shown(new) != _shown(clock):
                found[name] = new
    return found


def _shown(clock: ClockState) -> tuple[object, ...]:
    return clock.due_on, clock.outer_on, clock.provisional, clock.ledger.rules, clock.next_rung, clock.next_at


def _again(laws: Laws, clock: ClockState, now: datetime) -> ClockState:
    """The clock by the laws, its timer where it was."""
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
            new_due_on=clock.due_on, provisional=clock.provisional, reminded=clock.next_at != record.clocks[name].next_at,
        )
        for name, clock in changed.items()
    ]  # fmt: skip


def _apply_one(engine: Engine, ruling: Ruling, case: str, actor: Actor) -> Sequence[Recalculated]:
    """Read under the family's lock, derive, write; nobody can be first then but for a lock error."""
    for _ in range(TRIES):
        now = engine.clock.now().astimezone(UTC)
        with engine.store.work() as work, work.atomic():
            engine.store.lock(work, case)
            family = engine.store.read(work, case, actor.person, None).family
            changed = _derived(ruling, family.records[case], now) if family else {}
            if family is None or not changed:
                return ()
            step = _step(family, case, changed, ruling, actor, now, engine.random)
            if engine.store.write(work, step, _instant(now), civil_date(now).isoformat()):
                return _compared(family.records[case], changed)
    raise Conflict(Text("他人一再先行一步，请重试", "somebody kept being first; try again"))


def _step(
    family: Family,
    case: str,
    changed: dict[str, ClockState],
    ruling: Ruling,
    actor: Actor,
    now: datetime,
    source: RandomSource,
) -> Step:
    record = family.records[case]
    line = _line(record, changed, ruling, actor, now, source)
    after = record._replace(
        clocks={**record.clocks, **changed}, seq=line.seq, head=line.hash, revision=line.seq
    )
    records = {**family.records, case: after}
    records[family.root_id] = records[family.root_id]._replace(revision=family.root.revision + 1)
    later = Family(records, family.root_id)
    for id_ in dict.fromkeys((case, family.root_id)):
        records[id_] = dated(ruling.laws, later, records[id_])
    step = Step(later, family.root.revision)
    step.changed = dict.fromkeys([case, family.root_id])
    step.history = [line]
    step.clocks = {(case, name): None for name in changed}
    step.messages = list(_told(step.family, ruling.laws, record, after))
    return step


def _told(family: Family, laws: Laws, before: Record, after: Record) -> Iterator[Message]:
    """Who has to keep it hears of each day that moved: a date once told is not taken back in silence."""
    law = laws.pinned(after.definition)
    state = law.definition.states[after.state]
    moved = [
        (name, clock.due_on)
        for name, clock in after.clocks.items()
        if clock.due_on != before.clocks[name].due_on
    ]
    told = [
        (*move, recipient)
        for move in moved
        for recipient in messages.recipients(family, law.duties.keepers(state, move[0]), after)
    ]
    for index, (name, due_on, recipient) in enumerate(told):
        body = {
            "case": after.id, "number": after.number, "kind": after.kind, "event": EVENT, "state": after.state,
            "clock": name, "due_on": due_on,
        }  # fmt: skip
        yield Message(
            key=f"{after.id}:{after.seq}:{index}", case=after.id, seq=after.seq, topic=TOPIC, recipient=recipient,
            body=history.canonical(body),
        )  # fmt: skip


def _line(
    record: Record,
    changed: dict[str, ClockState],
    ruling: Ruling,
    actor: Actor,
    now: datetime,
    source: RandomSource,
) -> HistoryRow:
    shown: dict[str, object] = {f"@clock.{name}": clock.told() for name, clock in changed.items()}
    shown[ruling.name] = {
        "version": ruling.version,
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
