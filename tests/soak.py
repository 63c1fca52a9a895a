"""A city lived twice: by an engine that ticks every day, and by nodes that go down for one to four hundred days.

    python -m tests.soak [--seeds N] [--first SEED] [--days N]        (make soak)

Persons do the same in both, on days on which the second is up. Afterwards both must have recorded the same: every event with its
day, every rung of every clock, one opening for each reception day. What may differ is when it was recorded, and what was sent.
Every choice comes from the seed; a failure prints it.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select

from definitions.receptions import Station, ensure_reception_days
from workflow import Actor, Engine, NotFound, Refused
from workflow.model import Fired
from workflow.testing import FrozenClock, memory_engine

from .lifecycle import CONTACT, EXTENSION, PLACE, TENANT, Office, shipped

START = date(2024, 2, 5)
KEEPER = Actor(person="keeper")
WALKS = ("filed", "accepted", "assigned", "handling", "replied", "evaluating", "second_assigned")
ACTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("sign_in", "wang", {}),
    ("first_contact", "wang", CONTACT),
    ("request_extension", "wang", EXTENSION),
    (
        "accept_in_session",
        "li",
        {
            "congress": "六届",
            "session": "五次",
            "closing_on": "2024-01-10",
            "out_of_session_reason": "会后受理",
        },
    ),
    ("withdraw", "dep1", {}),
)


@dataclass(slots=True)
class Life:
    """One of the two: its nodes, its cases in the order in which they were opened, what it fired."""

    nodes: list[Engine]
    office: Office
    cases: list[str] = field(default_factory=list)
    fired: list[Fired] = field(default_factory=list)
    highest: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, seed: int, nodes: int) -> Life:
        """A city with its persons and one station."""
        clock = FrozenClock(START)
        engine = memory_engine(shipped(), clock, place=PLACE, seed=seed)
        more = [Engine(engine.database, shipped(), place=PLACE, clock=clock) for _ in range(nodes - 1)]
        engine.grant("keeper", "station_keeper", TENANT, unit="s1")
        return cls([engine, *more], Office(engine, clock).staff())

    def tick(self, chance: random.Random) -> None:
        """The nodes take turns, a few timers each, until nothing is due."""
        before = {row.key for row in self.rungs()} if len(self.nodes) > 1 else None
        while page := chance.choice(self.nodes).tick(chance.choice((1, 7, 100))):
            self.fired += page
        if before is not None:
            self._only_the_highest(before)

    def _only_the_highest(self, before: set[str]) -> None:
        """Of what one catching up recorded of a clock, just the newest rung is to be sent."""
        rungs: dict[tuple[str, str], list[tuple[str, int, str]]] = {}
        for row in self.rungs():
            if row.key not in before:
                body = json.loads(row.body)
                rungs.setdefault((body["case"], body["clock"]), []).append(
                    (body["on"], body["rung"], row.state)
                )
        c = self.nodes[0].store.tables.clock
        with self.nodes[0].store.connection() as connection:
            running = {(row.case_id, row.name) for row in connection.execute(select(c).where(c.c.running))}
        for clock, found in rungs.items():
            sent = {(on, rung) for on, rung, state in found if state == "queued"}
            last = max((on, rung) for on, rung, _ in found)
            if not sent <= {last} or (clock in running and not sent):
                self.highest.append(f"{clock}: sent {sorted(sent)} of {sorted(found)}")

    def rungs(self) -> list[Any]:
        """The outbox rows of clocks."""
        o = self.nodes[0].store.tables.outbox
        with self.nodes[0].store.connection() as connection:
            return list(connection.execute(select(o).where(o.c.topic.like("clock.%"))))

    def told(self) -> Counter[tuple[Any, ...]]:
        """Everything recorded, in words that do not depend on ids: (which case, event or clock and rung, day)."""
        engine, told = self.nodes[0], Counter[tuple[Any, ...]]()
        names = self._names()
        h = engine.store.tables.history
        with engine.store.connection() as connection:
            for line in connection.execute(select(h)):
                told[names[line.case_id], line.event, line.to_state, line.effective_on, line.actor] += 1
        for row in self.rungs():
            body = json.loads(row.body)
            told[names[body["case"]], body["clock"], body["rung"], body["on"], row.recipient] += 1
        return told

    def _names(self) -> dict[str, tuple[Any, ...]]:
        c = self.nodes[0].store.tables.cases
        roots = {case: number for number, case in enumerate(self.cases)}
        with self.nodes[0].store.connection() as connection:
            rows = list(
                connection.execute(
                    select(c.c.id, c.c.root_id, c.c.kind, c.c.slot, c.c.party).order_by(c.c.id)
                )
            )
        return {row.id: (roots[row.root_id], row.kind, row.slot, row.party) for row in rows}


def live(seed: int, days: int = 900) -> list[str]:
    """What went wrong in the lives of that seed; nothing, if all is well."""
    chance, today = random.Random(seed), START
    steady, shaken = Life.begin(seed, 1), Life.begin(seed, 2)
    lives, end = (steady, shaken), START + timedelta(days=days)
    begin_days = sorted(chance.randrange(days // 2) for _ in range(6))
    for life in lives:
        receive(life)
    back_up = today
    while today < end:
        for life in lives:
            life.office.clock.set(today)
        if today < back_up:
            steady.tick(chance)  # the others are down
        else:
            for life in lives:
                life.tick(chance)
            if chance.random() < 0.1:
                shake(shaken, chance, today)
            while begin_days and START + timedelta(days=begin_days[0]) <= today:
                del begin_days[0]
                walk = chance.choice(WALKS)
                for life in lives:
                    life.cases.append(getattr(life.office, walk)().root)
            act(lives, chance)
            back_up = today + timedelta(days=1 if chance.random() < 0.8 else chance.randint(1, 400))
        today += timedelta(days=1)
    for life in lives:
        life.office.clock.set(end)
        life.tick(chance)
    return [*differences(steady, shaken), *breaches(shaken), *breaches(steady)]


def receive(life: Life) -> None:
    """The reception days of the years, each with a clock that opens it."""
    station = Station(unit="s1", tenant=TENANT)
    for year in (START.year, START.year + 1, START.year + 2):
        life.cases += [case.id for case in ensure_reception_days(life.nodes[0], station, year, KEEPER)]


def shake(life: Life, chance: random.Random, today: date) -> None:
    """The clock jumps back and comes again: nothing may fire twice."""
    life.office.clock.set(today - timedelta(days=chance.randint(1, 400)))
    for node in life.nodes:
        if node.tick():
            life.highest.append(f"fired in the past, on {today}")
    life.office.clock.set(today)


def act(lives: tuple[Life, Life], chance: random.Random) -> None:
    """Sometimes a person does something, to the same case in both lives and with the same answer."""
    if chance.random() < 0.7 or not lives[0].cases:
        return
    number, (event, who, data) = chance.randrange(len(lives[0].cases)), chance.choice(ACTS)
    answers = []
    for life in lives:
        case = life.cases[number]
        if life.nodes[0].case(case).kind != "suggestion":
            return
        try:
            answers.append(life.office.fire(case, event, who, **data).state)
        except NotFound:
            answers.append("unseen")
        except Refused as no:
            answers.append(",".join(sorted(reason.code for reason in no.reasons)))
    if answers[0] != answers[1]:
        lives[1].highest.append(f"{event}: {answers[0]} when it ticks daily, {answers[1]} after an outage")


def differences(steady: Life, shaken: Life) -> list[str]:
    """What one life has recorded and the other has not."""
    one, other = steady.told(), shaken.told()
    return [f"only daily: {what}" for what in (one - other)] + [
        f"only shaken: {what}" for what in (other - one)
    ]


def breaches(life: Life) -> list[str]:
    """What must hold in any life."""
    found = list(life.highest)
    fired = Counter((one.case, one.clock, one.rung, one.due_at) for one in life.fired)
    found += [f"fired {times} times: {what}" for what, times in fired.items() if times > 1]
    found += [f"fired before its day: {one}" for one in life.fired if one.fired_at < one.due_at]
    engine, now = life.nodes[0], life.office.clock.now().isoformat(timespec="seconds")
    c = engine.store.tables.clock
    with engine.store.connection() as connection:
        left = list(connection.execute(select(c).where(c.c.next_at.is_not(None), c.c.next_at <= now)))
    found += [f"still due: {row.case_id} {row.name}" for row in left]
    return found + _receptions(life)


def _receptions(life: Life) -> list[str]:
    """One opening for each date that has come, dated that day, and no word to a deputy of a day that is over."""
    engine, found = life.nodes[0], list[str]()
    today = life.office.clock.now().date()
    for case in life.cases:
        view = engine.case(case)
        if view.kind != "reception_day":
            continue
        opened = [line for line in engine.history(case) if line.event == "open_day"]
        on = date.fromisoformat(view.data["reception_on"])
        if [line.effective_on for line in opened] != ([on.isoformat()] if on <= today else []):
            found.append(f"{on}: opened {[line.effective_on for line in opened]}")
    return found


def main() -> int:
    """Run the seeds; the first failure is printed whole."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--days", type=int, default=900)
    given = parser.parse_args()
    began, failed = time.monotonic(), 0
    for seed in range(given.first, given.first + given.seeds):
        if wrong := live(seed, given.days):
            failed += 1
            print(f"seed {seed}: {len(wrong)} breaches, e.g. {wrong[:5]}", flush=True)
    seconds = time.monotonic() - began
    print(f"{given.seeds} seeds × {given.days} days twice, {seconds:.0f} s: {failed} failed")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
