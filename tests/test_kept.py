"""A question is kept as it was made, and outlives no definition: what a page asked while a new one came is not asked again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest

from workflow import Actor, Engine, load_definitions
from workflow.library import Library
from workflow.overview import Filter, Period, Sitting, figures, find

from .lifecycle import TENANT, Office
from .test_migrating import LI, SECOND, Town

LIMITED = (SECOND, ("initial: open\n", "initial: open\nseen_by: [deputy_affairs]\n"))
HELPED = (
    SECOND,
    ("  unit: {zh: 单位, en: units, of: unit}\n", "  unit: {zh: 单位, en: units, of: unit}\n  helper: {zh: 协助, en: helpers, of: unit}\n"),
    ("  units: {zh: 单位, en: units, type: units}\n", "  units: {zh: 单位, en: units, type: units}\n  helpers: {zh: 协助, en: helpers, type: units}\n"),
    ("  form: [units]\n  relates: {unit: units}\n", "  form: [units, helpers]\n  relates: {unit: units, helper: helpers}\n"),
)  # fmt: skip
"""a second version: seen by some alone; with another relation of units"""
OPEN = Filter(closed=False)
ASKED: dict[str, Callable[[Sitting], object]] = {
    "figures": lambda sitting: [(one.group, one.open) for one in sitting.figures(Filter(), ["kind"], Period(), counting=["open"])],
    "counts": lambda sitting: sitting.counts([Filter(tenant=TENANT, closed=False, finished=False)]),
    "tally": lambda sitting: sitting.tally([OPEN], 99),
    "agenda": lambda sitting: sum(sitting.agenda(OPEN, 5).due.values()),
}  # fmt: skip


@pytest.fixture
def town(sqlite_office: Office, small: Library, tmp_path: Path) -> Town:
    old = sqlite_office.engine
    engine = Engine(old.database, small, clock=old.clock, random=old.random)
    engine.publish(LI)
    engine.summary.refresh()
    return Town(Office(engine, sqlite_office.clock), tmp_path / "edited")


@pytest.mark.parametrize("person", ["wang", "gov", "sun"])
@pytest.mark.parametrize("what", ASKED)
def test_what_was_asked_as_a_definition_came_is_not_asked_again(town: Town, person: str, what: str) -> None:
    """Who is not among those who see the cases of the new version never counts one."""
    engine, actor, ask = town.engine, Actor(person=person), ASKED[what]
    edited = town.edited("ask_all", *LIMITED)
    unaware = patch.object(engine.sight, "learn", return_value=False)
    unaware.start()  # as if it came a moment later
    with Sitting.of(engine, actor) as sitting:
        sitting.counts([OPEN]), sitting.tally([Filter(closed=False, tenant=TENANT)], 99)
        unaware.stop()
        engine.sight.learn(sitting._connection)  # another thread meets it
        ask(sitting)
    edited.start("ask_all", LI, {"units": ["water"]}, tenant=TENANT)
    fresh = Engine(engine.database, load_definitions(town.folder), clock=engine.clock)
    with Sitting.of(engine, actor) as sitting, Sitting.of(fresh, actor) as other:
        assert ask(sitting) == ask(other)
    assert find(engine, actor, Filter(kind="ask_all")).cases == []


@pytest.mark.parametrize(("person", "by"), [("wang", ["unit"]), ("li", ["unit", "state"]), ("li", ["unit"])])
def test_figures_by_unit_know_a_relation_that_is_new(town: Town, person: str, by: list[str]) -> None:
    """Whoever asks first after it was published."""

    def open_(engine: Engine) -> list[tuple[tuple[str, ...], int]]:
        found = figures(engine, Actor(person=person), Filter(kind="ask_all"), by, Period(), counting=["open"])  # type: ignore[arg-type]
        return [(one.group, one.open) for one in found]

    edited = town.edited("ask_all", *HELPED)
    open_(town.engine)
    edited.start("ask_all", LI, {"units": ["water"], "helpers": ["roads"]}, tenant=TENANT)
    fresh = Engine(town.engine.database, load_definitions(town.folder), clock=town.engine.clock)
    assert open_(town.engine) == open_(fresh) and len(open_(fresh)) == 2
