"""A whole term: everybody installed, every story told, every day lived through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from workflow import Engine
from workflow.testing import FrozenClock

from .activities import activities
from .agenda import RECEPTIONS, REST, Agenda, Part, Story, days_of
from .campaigns import campaign
from .cast import Cast
from .opinions import Opinion, heard, voiced
from .plan import plans, sessions
from .receptions import reception, reception_days
from .register import install
from .scenario import Scenario
from .suggestions import Suggestion

Progress = Callable[[Sequence[date]], Iterable[date]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """What a run did."""

    acts: int
    """what people did"""
    rungs: int
    """what fell due by itself"""
    parts: Mapping[str, Part]
    """the same of the reception days, and of suggestions, opinions and all else"""


def live(
    engine: Engine, clock: FrozenClock, scenario: Scenario, cast: Cast, progress: Progress | None = None
) -> Lived:
    """Run the term on an engine whose clock is `clock`. Raises Stuck when an act of the scenario is refused."""
    clock.set(scenario.begins)
    install(engine, cast, scenario.congress)
    agenda = Agenda(engine, clock)
    for part, story in _stories(engine, agenda, scenario, cast):
        agenda.tell(story, part)
    days = days_of(scenario.begins, scenario.ends)
    for day in progress(days) if progress else days:
        agenda.live(day)
    return Lived(acts=agenda.acts, rungs=agenda.rungs, parts=agenda.parts)


def _stories(engine: Engine, agenda: Agenda, scenario: Scenario, cast: Cast) -> Iterator[tuple[str, Story]]:
    for session in sessions(scenario):
        yield REST, campaign(session, scenario.tenant, cast.of_level("city"))
    for plan in plans(scenario, cast):
        yield REST, Suggestion(agenda, cast, plan, scenario.seed).story()
    for story in activities(scenario, cast):
        yield REST, story
    yield from _at_the_stations(engine, agenda, scenario, cast)


def _at_the_stations(
    engine: Engine, agenda: Agenda, scenario: Scenario, cast: Cast
) -> Iterator[tuple[str, Story]]:
    if scenario.receptions is None:
        return
    days, seed = reception_days(engine, scenario.receptions), scenario.seed
    opinions = voiced(scenario.opinions, cast, days, seed) if scenario.opinions else []
    said = heard(opinions)
    for month, on in days:
        for station in cast.stations:
            yield (
                RECEPTIONS,
                reception(agenda, station, month, on, said.get((station.id, month), ()), seed),
            )
    for one in opinions:
        if one.intake != "reception":
            yield REST, Opinion(one, seed).registered()
