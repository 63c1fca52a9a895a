"""A running process that sees its clock leap ahead holds back and asks; started anew it catches up without asking."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from workflow import Engine
from workflow.cli import main
from workflow.commands.context import Context
from workflow.health import troubles
from workflow.library import Library
from workflow.outbox import Contact
from workflow.testing import FrozenClock

from .lifecycle import PLACE, TODAY, Office, count


@dataclass
class Machine:
    """A machine's two clocks: time passes on both, a leap moves only the one on the wall."""

    wall: FrozenClock
    steady: float = 0.0

    def now(self) -> datetime:
        return self.wall.now()

    def monotonic(self) -> float:
        return self.steady

    def passes(self, **how_long: float) -> None:
        self.wall.advance(**how_long)
        self.steady += timedelta(**how_long).total_seconds()


@pytest.fixture
def machine() -> Machine:
    return Machine(FrozenClock(TODAY))


@pytest.fixture(autouse=True)
def quick(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands find the definitions read already."""
    monkeypatch.setattr(Context, "library", library)


@pytest.fixture
def live(ready_url: str, library: Library, machine: Machine) -> Iterator[Office]:
    """The office served by one running process."""
    database = Engine.connect(ready_url)
    yield Office(Engine(database, library, place=PLACE, clock=machine), machine.wall)
    database.dispose()


def ticks(engine: Engine) -> int:
    return sum(len(page) for page in iter(engine.tick, []))


def journal(engine: Engine) -> list[tuple[str, dict[str, Any]]]:
    j = engine.store.tables.journal
    with engine.store.connection() as connection:
        rows = connection.execute(select(j).order_by(j.c.at)).all()
    return [(row.kind, json.loads(row.body)) for row in rows if row.kind != "caught_up"]


def call(live: Office, *arguments: str) -> tuple[int, str]:
    url = live.engine.database.url.render_as_string(hide_password=False)
    out, err = io.StringIO(), io.StringIO()
    code = main(
        ["--database", url, "--lang", "en", "--place", PLACE, *arguments],
        out,
        err,
    )
    return code, out.getvalue() + err.getvalue()


def leap(live: Office, machine: Machine, **how_far: float) -> None:
    live.assigned()
    ticks(live.engine)
    machine.passes(seconds=30)
    machine.wall.advance(**how_far)


def test_time_that_passes_is_no_leap(live: Office, machine: Machine) -> None:
    live.assigned()
    ticks(live.engine)
    machine.passes(days=30)  # it slept, or nobody called tick; both clocks know
    assert ticks(live.engine)
    assert journal(live.engine) == []


def test_a_small_step_is_no_leap(live: Office, machine: Machine) -> None:
    ticks(live.engine)
    for _ in range(20):
        machine.passes(seconds=30)
        machine.wall.advance(minutes=9)
        ticks(live.engine)
    assert journal(live.engine) == []


def test_a_leap_is_held(live: Office, machine: Machine) -> None:
    live.engine.alerts.set_contacts("wang", [Contact(channel="mail", address="w@example.org")])
    leap(live, machine, days=70)
    history, outbox = count(live.engine, "history"), count(live.engine, "outbox")
    live.engine.alerts.address()
    assert live.engine.alerts.claim("mail", 10) == []  # even before the next tick
    assert ticks(live.engine) == 0
    machine.passes(hours=1)
    assert ticks(live.engine) == 0
    assert (count(live.engine, "history"), count(live.engine, "outbox")) == (history, outbox)
    assert live.engine.alerts.claim("mail", 10) == []
    assert journal(live.engine) == [("leapt", {"leap_seconds": 70 * 86400})]
    health = live.engine.health()
    assert (health.status, health.held, health.nodes[0].leap) == ("held", True, 70 * 86400)


def test_the_operator_lets_it_go_on(live: Office, machine: Machine) -> None:
    live.engine.alerts.set_contacts("wang", [Contact(channel="mail", address="w@example.org")])
    leap(live, machine, days=70)
    ticks(live.engine)
    code, said = call(live, "doctor")
    assert (code, "leapt ahead by 6048000 s" in said, "tibandu scheduler resume" in said) == (1, True, True)
    assert ticks(live.engine) == 0
    code, said = call(live, "scheduler", "resume", "--by", "zhou")
    assert (code, "goes on at its next tick" in said) == (0, True)
    assert ticks(live.engine)
    live.engine.alerts.address()
    assert live.engine.alerts.claim("mail", 10)
    assert journal(live.engine)[1] == ("resumed", {"leap_seconds": 70 * 86400, "by": "zhou"})
    assert not live.engine.health().held
    assert call(live, "scheduler", "resume", "--by", "zhou") == (1, "no node holds back\n")
    machine.passes(seconds=30)
    machine.wall.advance(days=1)
    assert ticks(live.engine) == 0  # the next leap is asked about again


def test_only_the_node_named_goes_on(live: Office, machine: Machine) -> None:
    leap(live, machine, days=70)
    ticks(live.engine)
    assert call(live, "scheduler", "resume", "--by", "zhou", "--node", "other:1")[0] == 1
    assert ticks(live.engine) == 0


def test_a_clock_that_comes_back_lets_it_go_on_by_itself(live: Office, machine: Machine) -> None:
    leap(live, machine, days=70)
    assert ticks(live.engine) == 0
    machine.passes(minutes=5)
    machine.wall.advance(days=-70)
    assert ticks(live.engine) == 0
    assert [kind for kind, _ in journal(live.engine)] == ["returned", "leapt"]  # by the wall clock, that is
    assert not live.engine.health().held
    machine.passes(days=9)
    assert ticks(live.engine)


def test_a_restart_after_an_outage_asks_nobody(live: Office, machine: Machine, library: Library) -> None:
    leap(live, machine, days=70)
    assert ticks(live.engine) == 0
    anew = Engine(live.engine.database, library, place=PLACE, clock=machine)
    assert ticks(anew)
    assert not anew.health().held


def test_a_clock_set_back_fires_nothing_twice_and_is_noted(live: Office, machine: Machine) -> None:
    live.assigned()
    machine.passes(days=30)
    assert ticks(live.engine)
    history, outbox = count(live.engine, "history"), count(live.engine, "outbox")
    machine.wall.advance(days=-30)
    machine.passes(seconds=30)
    assert ticks(live.engine) == 0
    for _ in range(29):
        machine.passes(days=1)
        assert ticks(live.engine) == 0
    assert (count(live.engine, "history"), count(live.engine, "outbox")) == (history, outbox)
    assert ("set_back", {"leap_seconds": -30 * 86400}) in journal(live.engine)


def test_a_clock_set_back_while_no_process_ran_is_noted_by_the_next_one(
    live: Office, machine: Machine, library: Library
) -> None:
    """What was done before tells: neither the acts nor the ticks of a new process are silent about it."""
    live.assigned()
    last = machine.now()
    machine.wall.advance(days=-30)
    anew = Engine(live.engine.database, library, place=PLACE, clock=machine)
    assert anew.health().newest == last
    assert "set_back" in {trouble.code for trouble in troubles(anew.health())}
    assert ticks(anew) == 0
    assert journal(anew) == [("set_back", {"leap_seconds": -30 * 86400})]


def test_a_simulated_clock_is_not_watched(office: Office) -> None:
    office.assigned()
    office.ticks()
    office.clock.advance(days=70)
    assert office.ticks()


def test_the_journal_in_words(live: Office, machine: Machine) -> None:
    assert call(live, "scheduler", "journal") == (0, "nothing was noted\n")
    leap(live, machine, days=70)
    ticks(live.engine)
    call(live, "scheduler", "resume", "--by", "zhou")
    ticks(live.engine)
    code, said = call(live, "scheduler", "journal")
    assert code == 0
    for words in ("leapt ahead by 6048000 s", "zhou let it go on", "caught up", "overtaken by a later rung"):
        assert words in said
    code, said = call(live, "--json", "scheduler", "journal", "--limit", "1")
    assert len(json.loads(said)) == 1
