"""A system to look at: a city whose work of a year is in the store and whose every list has something in it today.

Nothing in it is real but the published records. Persons, bureaus, titles and texts are invented and say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from workflow import Actor, Engine
from workflow.model import Grant, Request
from workflow.testing import FrozenClock

from ..columns import today as day_of
from ..receptions import months_from, plan, start, stations
from ..records import Record, read
from ..replay import HERE, NATION, replay
from ..stories import RECORDS
from ..term.agenda import Agenda, days_of
from ..term.cast import AFFAIRS, cast_of
from ..term.plan import plans
from ..term.receptions import reception, reception_days
from ..term.register import BY, install
from ..term.suggestions import Suggestion
from .city import ROLES, Role, body_of, named, offices, scenario, subjects, title_of
from .desks import Desks

__all__ = ["ROLES", "Role", "load"]
SAMPLE = 60
"""published records taken in: every one that is a story, and so many rows"""


FILED_AWAY = timedelta(days=300)
"""after a session opens its concluded suggestions are archived"""
Steps = Callable[[Sequence[date]], Iterable[date]]
"""the days that are lived through, with whatever shows how far it is"""


def load(
    database_url: str, library: Any, now: datetime, place: str | None = None, *, term: bool = False, steps: Steps = iter
) -> int:  # fmt: skip
    """Fill an empty, migrated store with a year that ends yesterday; the number of acts. `term`: with a session of the term's
    own size and outcomes before it, so that last year's figures are those of a real year. Raises Stuck.
    """
    engine = Engine(database_url, library, place=place, clock=(clock := FrozenClock(now)))
    try:
        acts = _lived(engine, clock, day_of(engine), term, steps)
        clock.set(now)
        _settle(engine)
    finally:
        engine.database.dispose()
    _published(database_url, library)
    return acts


def _lived(engine: Engine, clock: FrozenClock, today: date, term: bool, steps: Steps) -> int:
    told = scenario(today, term=term)
    cast = cast_of(told)
    clock.set(told.begins)
    install(engine, cast, told.congress, names := named(cast))
    engine.parties.put(offices(names), by=BY, trusted=True)
    agenda = Agenda(engine, clock)
    for subject, one in zip(subjects(told), plans(told, cast), strict=True):
        plan = replace(one, title=title_of(subject), body=body_of(subject))
        agenda.tell(Suggestion(agenda, cast, plan, told.seed).story())
    if told.receptions is not None:
        for month, on in reception_days(engine, told.receptions):
            for station in cast.stations:
                agenda.tell(reception(agenda, station, month, on, (), told.seed))
    for story in Desks(agenda, cast, today).stories():
        agenda.tell(story)
    for day in steps(list(days_of(told.begins, today - timedelta(days=1)))):
        agenda.live(day)
        if term and day == told.sessions[0].opens + FILED_AWAY:
            _archived(engine, day.year)
    _days_ahead(engine, today)
    _read_records(engine, told.tenant)
    return agenda.acts


def _archived(engine: Engine, year: int) -> None:
    """What is concluded goes into the archive with the report of its year; what was promised stays in hand."""
    found = [case for case in engine.search(kind="suggestion", limit=500) if case.state == "concluded"]
    office, told = Actor(person=AFFAIRS), {"yearly_report": str(year)}
    acts = [
        Request(case=one.id, event="archive", actor=office, data=told, revision=one.revision) for one in found
    ]
    for outcome in engine.batch(acts) if acts else ():
        if outcome.error is not None:
            raise outcome.error


def _settle(engine: Engine) -> None:
    """What has come due is done and everything told is in its inbox: whoever sets up a channel gets no letters of a year ago."""
    while engine.tick():
        pass
    while engine.alerts.address():
        pass


def _days_ahead(engine: Engine, today: date) -> None:
    """The next reception days of every station: people see them coming."""
    start(engine, plan(engine, stations(engine), months_from(f"{today:%Y-%m}", 2)), Actor(person=AFFAIRS))


def _read_records(engine: Engine, tenant: str) -> None:
    """The office reads the published records as well."""
    own = Grant(id="", person=AFFAIRS, role="deputy_affairs", scope=tenant)
    engine.sync_grants(AFFAIRS, [own, replace(own, scope=RECORDS.partition("/")[0])], by=BY.person)


def _published(database_url: str, library: Any) -> None:
    engine = Engine(database_url, library, place=NATION)
    try:
        rows, stories = read(HERE / "data" / "suggestions.csv", HERE / "data" / "cases.jsonl")
        replay(engine, _spread(rows, SAMPLE), stories)
    finally:
        engine.database.dispose()


def _spread(rows: Sequence[Record], most: int) -> Sequence[Record]:
    return rows[:: max(1, len(rows) // most)][:most]
