"""What falls due, with whom it is, and what turns red in the next working days; the same as a calendar that others subscribe to.

Due days are read, never stored as "overdue": the rows of running clocks by their days, and who holds the case now.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby, islice, pairwise
from typing import Any

from .clock import civil_date
from .definition import Holder
from .engine import Engine
from .errors import Text
from .family import Family, Record
from .figures import told, who_reads
from .given import check_limit
from .history import RESERVED
from .messages import recipients
from .model import Actor
from .recipients import Recipient
from .showing import clock_title
from .sight import Seen
from .store.filters import Filter, over_and_recorded
from .store.post import Post

__all__ = ["Due", "Turning", "apart", "falling_due", "ical", "turning_red", "within_working_days"]

PAGE = 500
GONE = timedelta(days=31)
"""how long a deadline that is gone stays in a calendar as cancelled"""
PRODUCT = "-//tibandu//due days//ZH"


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A clock of a case and its due day. Poor in information: no title, no text."""

    case: str
    number: str | None
    kind: str
    kind_title: Text
    state: str
    state_title: Text
    clock: str
    clock_title: Text
    due_on: date
    counted_to: date | None
    """the day a clock that counts backwards counts towards: a reception, a session"""
    provisional: bool
    running: bool
    days: int
    """calendar days left, negative when it is overdue"""
    working_days: int
    """working days left, negative likewise"""
    units: tuple[str, ...]
    """the units and stations of whoever holds the case now"""
    offices: tuple[str, ...]
    """the roles of the congress that hold it"""
    persons: tuple[str, ...]
    """who that is today"""
    parties: tuple[str, ...]
    """whoever else stands to the case, as far as who asks may know"""

    @property
    def name(self) -> str:
        """The number, or the id of a case that has none yet."""
        return self.number or self.case


def falling_due(
    engine: Engine, *, actor: Actor | None = None, until: date | None = None, unit: str | None = None,
    person: str | None = None, limit: int = 1000,
) -> list[Due]:  # fmt: skip
    """Running clocks by due day, at most `limit`, the overdue ones first, without those of `apart`. `unit`, `person`: held by
    them now; a station is a unit. With `actor` only what that person may know of.
    """
    check_limit(limit)
    engine.calendars.look()
    every = _all(engine, actor, until, apart=False)
    return list(islice((due for due in every if _held_by(due, unit, person)), limit))


def apart(
    engine: Engine, *, actor: Actor | None = None, until: date | None = None, unit: str | None = None,
    person: str | None = None,
) -> int:  # fmt: skip
    """How many running clocks are over their day in cases of which all that is known was imported: what came of those nobody
    knows here, so they are in no list of what is overdue.
    """
    engine.calendars.look()
    return sum(_held_by(due, unit, person) for due in _all(engine, actor, until, apart=True))


def _held_by(due: Due, unit: str | None, person: str | None) -> bool:
    return (unit is None or unit in due.units) and (person is None or person in due.persons)


def within_working_days(engine: Engine, number: int) -> date:
    """The day that many working days from today."""
    engine.calendars.look()
    return engine.laws.calendar.add_working_days(civil_date(engine.clock.now()), number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turning:
    """One of the next working days, and what turns red on it: what is due then is overdue the day after."""

    day: date
    dues: tuple[Due, ...]


def turning_red(engine: Engine, days: int, *, actor: Actor | None = None) -> list[Turning]:
    """The next working days, each with what turns red from the evening before on: the first also has what turns red today."""
    last = within_working_days(engine, days)
    today, calendar = civil_date(engine.clock.now()), engine.laws.calendar
    dues = [
        due
        for due in falling_due(engine, actor=actor, until=last - timedelta(days=1), limit=100_000)
        if due.days >= 0
    ]
    ahead = [calendar.add_working_days(today, number) for number in range(1, days + 1)]
    return [
        Turning(day=day, dues=tuple(due for due in dues if before <= due.due_on < day))
        for before, day in pairwise([today, *ahead])
    ]


# --- reading


def _all(
    engine: Engine, actor: Actor | None, until: date | None, *, gone: bool = False, apart: bool | None = None
) -> Iterator[Due]:
    """Page by page, in the order of due days. `gone`: clocks that were stopped of late, too. `apart`: only those over their day
    in cases that were only imported (True), all but those (False), or both.
    """
    only = None
    if apart is not None:
        unknown = over_and_recorded(engine.store, civil_date(engine.clock.now()), _unheard(engine, actor))
        only = unknown if apart else ~unknown
    since = (civil_date(engine.clock.now()) - GONE).isoformat() if gone else None
    last: tuple[str, str, str] | None = None
    while True:
        query = engine.store.questions.clocks(until.isoformat() if until else None, since, last, PAGE, only)
        with engine.store.connection() as connection:
            rows = connection.execute(query).all()
            found = _dues(engine, connection, rows, actor)
        yield from found
        if len(rows) < PAGE:
            return
        last = (rows[-1].due_on, rows[-1].case_id, rows[-1].name)


def _unheard(engine: Engine, actor: Actor | None) -> Sequence[str]:
    """Events that are nobody's act, for who asks."""
    if actor is None:
        return sorted(RESERVED)
    with engine.store.connection() as connection:
        return told(engine, who_reads(engine, connection, actor), Filter(recorded=True)).unheard


def _dues(engine: Engine, connection: Any, rows: Sequence[Any], actor: Actor | None) -> list[Due]:
    cases = sorted({row.case_id for row in rows})
    seen = {one.record.id: one for one in engine.sight.cases(connection, cases, actor)}
    above = sorted({one.record.root for one in seen.values()} - seen.keys())
    roots = {
        record.id: record for record in engine.store.records(connection, engine.store.questions.all_of(above))
    }
    roots |= {one.record.id: one.record for one in seen.values()}
    told = {id_: _holding(engine, one, roots[one.record.root]) for id_, one in seen.items()}
    persons = _persons(
        engine, connection, {id_: (seen[id_].record.tenant, names) for id_, names in told.items()}
    )
    return [
        _due(engine, seen[row.case_id], row.name, told[row.case_id], persons[row.case_id])
        for row in rows
        if row.case_id in seen
        and row.name in seen[row.case_id].record.clocks
        and seen[row.case_id].tells(row.name)
        and seen[row.case_id].record.clocks[row.name].ledger.suspended_on is None  # nobody knows its day
    ]


def _holding(engine: Engine, one: Seen, root: Record) -> list[Recipient]:
    """Who holds the case, as far as who asks may know."""
    record = one.record
    holders: Iterable[Holder] = engine.laws.pinned(record.definition).definition.states[record.state].holder
    family = Family({root.id: root, record.id: record}, root.id)
    hidden = one.hidden.parties if one.hidden else {}
    found = (Recipient.parse(text) for text in recipients(family, holders, record))
    return [recipient for recipient in found if recipient.name not in hidden and recipient.at not in hidden]


def _persons(
    engine: Engine, connection: Any, told: dict[str, tuple[str, list[Recipient]]]
) -> dict[str, tuple[str, ...]]:
    post, today = Post(engine.store), civil_date(engine.clock.now())
    every = [recipient for _, names in told.values() for recipient in names]
    roles = {recipient.name for recipient in every if recipient.scheme == "role"}
    parties = {recipient.name for recipient in every if recipient.scheme == "party"}
    grants = post.grants(connection, roles, parties) if every else []
    barred = post.barred(connection, told.keys()) if told else {}
    return {
        case: tuple(sorted({
            person
            for recipient in names
            for person in recipient.persons(grants, tenant, today, barred.get(case, set()))
        }))
        for case, (tenant, names) in told.items()
    }  # fmt: skip


def _due(engine: Engine, one: Seen, clock: str, told: Sequence[Recipient], persons: tuple[str, ...]) -> Due:
    record = one.record
    law = engine.laws.pinned(record.definition).definition
    state, today = record.clocks[clock], civil_date(engine.clock.now())
    due_on, ledger = date.fromisoformat(state.due_on), state.ledger
    backwards = engine.laws.book_of(ledger).rule(ledger.rule, ledger.anchor).direction == "before"
    units = {r.at for r in told if r.scheme == "role" and r.at != record.tenant}
    return Due(
        case=record.id, number=record.number, kind=record.kind, kind_title=law.title, state=record.state,
        state_title=law.states[record.state].title, clock=clock, due_on=due_on,
        clock_title=clock_title(engine.laws, record, clock),
        counted_to=ledger.anchor if backwards else None, provisional=state.provisional, running=state.running,
        days=(due_on - today).days, working_days=engine.laws.calendar.working_days_between(today, due_on),
        units=tuple(sorted(units)),
        offices=tuple(sorted({r.name for r in told if r.scheme == "role" and r.at == record.tenant})), persons=persons,
        parties=tuple(sorted({p for several in record.relations.values() for p in several if not one.hides(p)})),
    )  # fmt: skip


# --- as a calendar


def ical(
    engine: Engine, *, actor: Actor | None = None, unit: str | None = None, person: str | None = None, language: str = "zh",
) -> bytes:  # fmt: skip
    """The due days of a unit, a station or a person (what waits for him, and of the cases in which he stands) as an iCalendar
    file (RFC 5545): whole days, a UID that never changes, a SEQUENCE that counts how often the day was moved, CANCELLED for what
    is gone; without those of `apart`. Raises ModuleNotFoundError without icalendar.
    """
    from icalendar import Calendar

    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    wanted = [
        due
        for due in _all(engine, actor, None, gone=True, apart=False)
        if (unit is None or unit in due.units) and (person is None or person in (*due.persons, *due.parties))
    ]
    moved = _moved(engine, sorted({due.case for due in wanted}))
    for due in wanted:
        uid = f"{due.case}.{due.clock}"
        summary = f"{due.name} {due.clock_title.in_language(language)}"
        times = moved.get((due.case, due.clock), 0)
        calendar.add_component(_event(engine, uid, summary, due.due_on, times, running=due.running))
    calendar_days = sorted(
        ((d.case, d.counted_to, d) for d in wanted if d.counted_to and d.running), key=lambda one: one[:2]
    )
    for (case, day), several in groupby(calendar_days, key=lambda one: one[:2]):
        dues = [due for _, _, due in several]
        summary = f"{dues[0].name} {dues[0].kind_title.in_language(language)}"
        times = max(moved.get((due.case, due.clock), 0) for due in dues)
        calendar.add_component(
            _event(engine, f"{case}.day", summary, day or dues[0].due_on, times, running=True)
        )
    return bytes(calendar.to_ical())


def _event(engine: Engine, uid: str, summary: str, day: date, sequence: int, *, running: bool) -> Any:
    from icalendar import Event

    event = Event()
    event.add("uid", f"{uid}@tibandu")
    event.add("dtstamp", engine.clock.now().replace(microsecond=0))
    event.add("dtstart", day)
    event.add("dtend", day + timedelta(days=1))
    event.add("summary", summary)
    event.add("sequence", sequence)
    event.add("transp", "TRANSPARENT")
    if not running:
        event.add("status", "CANCELLED")
    return event


def _moved(engine: Engine, cases: Sequence[str]) -> dict[tuple[str, str], int]:
    """How often each clock's due day was moved, as the histories say; stopping it changes the event once more."""
    told: dict[tuple[str, str], list[tuple[str, bool]]] = {}
    with engine.store.connection() as connection:
        for start in range(0, len(cases), PAGE):
            page = cases[start : start + PAGE]
            for row in connection.execute(engine.store.questions.said_in(page)):
                for name, (_, value) in json.loads(row.body).items():
                    if name.startswith("@clock."):
                        told.setdefault((row.case_id, name[7:]), []).append((value["due"], value["running"]))
    return {key: sum(one != other for one, other in pairwise(days)) for key, days in told.items()}
