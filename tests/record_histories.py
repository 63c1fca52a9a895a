"""`python -m tests.record_histories`: walks the shipped definitions and writes tests/data/histories/, one file per end state.

A recorded history says who did what, when and with which data, and where every case of the family stood after it. It is
replayed against the definitions as they are now (tests/test_recorded_histories.py): a definition may grow, but what was once
a lawful way must stay one, or get a new version. So existing files are kept; `--again` writes them anew.

The ways are found by chance, with a seed per end state, going for what has not been seen; so a new definition needs no script.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from tests.crash import story
from workflow.clock import civil_date
from workflow.engine import Engine
from workflow.errors import NotFound, Refused
from workflow.model import Actor, Case, Permission
from workflow.testing import FrozenClock, memory_engine

FOLDER = Path(__file__).parent / "data" / "histories"
TRIES = 60
STEPS = 45
Entry = dict[str, Any]
SIGNER, SPECIAL, CHAIRPERSONS = story.actor("the signer"), story.actor("special"), story.actor("chairpersons")
SCRIPTS: dict[str, tuple[tuple[str, str, Actor] | int, ...]] = {
    "escalation dropped": (*story.STORY[:4], 120, ("", "recall_assignment", story.OFFICE)),
    "supervision dropped": (
        *story.STORY[:3], ("", "propose_supervision", story.OFFICE), ("", "request_withdrawal", story.DEPUTY),
        ("withdrawals", "agree", SIGNER)),
    "supervision closed": (
        *story.TO_COME_TO["supervision"][1], ("supervisions", "determine", CHAIRPERSONS), ("supervisions", "plan", SPECIAL),
        ("supervisions", "start_pressing", SPECIAL), ("supervisions", "visit_site", SPECIAL),
        ("supervisions", "hear_deputy", SPECIAL), ("supervisions", "report", SPECIAL),
        ("supervisions", "seek_confirmation", SPECIAL), ("supervisions", "confirm_by_deputy", story.DEPUTY),
        ("supervisions", "confirm_by_unit", story.LEAD_HEAD), ("supervisions", "confirm_by_supervisor", story.actor("the supervisor")),
        ("supervisions", "close_key", CHAIRPERSONS)),
}  # fmt: skip
"""the ends that chance hardly finds: what follows the start of a suggestion; a number lets days pass"""
PEOPLE = sorted(who for who in story.people() if not who.endswith(tuple(f"unit-{n}" for n in range(2, 8))))


def kinds() -> Iterator[tuple[str, str]]:
    """(definition, end state) of everything shipped."""
    for name, definition in sorted(story.library().definitions.items()):
        for state in definition.states.values():
            if state.end:
                yield name, state.name


def recorded() -> list[Path]:
    """The files there are."""
    return sorted(FOLDER.glob("*.json"))


def open_engine() -> Engine:
    """An empty engine in memory with everybody in it."""
    engine = memory_engine(story.library(), FrozenClock(story.DAY), place=story.PLACE)
    story.settle(engine)
    return engine


def family(engine: Engine) -> list[Case]:
    """Every case, in the order of their opening: an id is chance, a place in this order is not."""
    cases = engine.search(limit=1000)
    first: dict[str, tuple[Any, ...]] = {}
    for case in cases:
        line = engine.history(case.id)[0]
        first[case.id] = (line.recorded_at, case.kind, str(case.slot), str(case.party), case.id)
    return sorted(cases, key=lambda case: first[case.id])


def where(engine: Engine, known: list[str]) -> list[str]:
    """`kind state` of every case known, in order; new ones are added to what is known."""
    known += [case.id for case in family(engine) if case.id not in known]
    return [f"{case.kind} {case.state}" for case in (engine.case(id_) for id_ in known)]


def play(engine: Engine, known: list[str], entry: Entry) -> list[str]:
    """Do what an entry says; where everything stands then. Raises Refused."""
    clock = engine.clock
    assert isinstance(clock, FrozenClock)
    clock.set(date.fromisoformat(entry["on"]))
    clock.advance(seconds=entry["second"])
    if "start" in entry:
        who, id_ = story.actor(entry["actor"]), entry.get("id")  # an id where another case names it
        engine.start(entry["start"], who, entry["data"], tenant=story.TENANT, id=id_)
    elif "event" in entry:
        engine.fire(known[entry["case"]], entry["event"], story.actor(entry["actor"]), entry["data"])
    else:
        while engine.tick():
            pass
    return where(engine, known)


class Recorder:
    """One walk by chance."""

    def __init__(self, kind: str, state: str, seed: int) -> None:
        self._chance = random.Random(f"{kind} {state} {seed}")
        self._wanted = f"{kind} {state}"
        self._kind = kind
        self._far = distances(kind, state)
        self.engine = open_engine()
        self._known: list[str] = []
        self._day = story.DAY
        self.entries: list[Entry] = []
        self._stands: list[str] = []

    def found(self) -> bool:
        """Walk until a case stands where it should, or in vain."""
        if self._wanted in SCRIPTS:
            self._follow(SCRIPTS[self._wanted])
            return self._wanted in self._stands
        if self._kind in story.TO_COME_TO:
            self._come(story.way_to(self._kind))
        else:
            self._start()
        for _ in range(STEPS):
            if self._wanted in self._stands:
                return True
            self._step()
        return self._wanted in self._stands

    def _follow(self, script: tuple[tuple[str, str, Actor] | int, ...]) -> None:
        ways = iter(story.acts("suggestion", tuple(step for step in script if not isinstance(step, int))))
        self._come([next(ways)])
        for step in script:
            if isinstance(step, int):
                self._day += timedelta(days=step)
                self._try({})
            else:
                self._come([next(ways)])

    def _come(self, way: list[Entry]) -> None:
        for entry in way:
            if "start" in entry:
                self._try(entry)
                continue
            rest = {name: value for name, value in entry.items() if name != "slot"}
            for number, id_ in enumerate(list(self._known)):
                case = self.engine.case(id_)
                if (case.slot or "") == entry["slot"]:
                    who = entry["actor"].removeprefix("the ")
                    who = case.relations[who][0] if who != entry["actor"] else who
                    self._try({**rest, "case": number, "actor": who})

    def _start(self) -> None:
        definition = story.library().definitions[self._kind]
        data = self._data(definition, definition.start)
        who = {"suggestion_draft": "deputy-0", "reception_day": "keeper", "opinion": "station-clerk"}.get(
            self._kind, "office"
        )
        if self._kind == "suggestion":
            data = story.suggestion()
            if self._chance.random() < 0.3:
                data["signers"] = [story.DEPUTIES[0]]
        if self._kind == "suggestion_draft":
            data["first_signer"] = "deputy-0"
        if self._kind == "prep_campaign":
            data |= {"eve_on": "2026-05-09", "opening_on": "2026-05-10"}
        if self._kind == "reverse_conversion":
            data |= {"copied_on": self._day.isoformat()}
        if self._kind == "opinion":
            data |= {"station_unit": "station"}
        if self._kind == "reception_day":
            data |= {"station_unit": "station", "reception_on": (self._day + timedelta(days=13)).isoformat()}
        self._try({"start": self._kind, "actor": who, "data": data})

    def _step(self) -> None:
        """Do what leads nearer to the end; if nobody may, what else moves; now and then let time pass."""
        cases = [(n, self.engine.case(id_)) for n, id_ in enumerate(self._known)]
        cases = [(n, case) for n, case in cases if not case.closed]
        own = [(n, case) for n, case in cases if case.kind == self._kind]
        if self._chance.random() < 0.85:
            for number, case in own:
                if self._do(
                    number, case, [move for move in self._choices(case) if self._nearer(case, move[0])]
                ):
                    return
        if self._chance.random() < 0.4:
            self._day += timedelta(days=self._chance.choice([1, 5, 12, 30, 70]))
            self._try({})
            return
        self._chance.shuffle(cases)
        for number, case in cases[:3]:
            choices = self._choices(case)
            moving = [(event, who) for event, who in choices if self._moves(case, event)] or choices
            if self._chance.random() < 0.3:
                moving = choices
            if self._do(number, case, moving):
                return

    def _choices(self, case: Case) -> list[tuple[str, str]]:
        return [
            (permission.event, who)
            for who in PEOPLE
            for permission in self._permitted(case, who)
            if permission.allowed and permission.event not in ("record_source", "carry_over")
        ]

    def _permitted(self, case: Case, who: str) -> Sequence[Permission]:
        try:
            return self.engine.permitted(case.id, story.actor(who))
        except NotFound:
            return ()

    def _do(self, number: int, case: Case, choices: list[tuple[str, str]]) -> bool:
        if not choices:
            return False
        event, who = self._chance.choice(choices)
        definition = self.engine.laws.pinned(case.definition).definition
        data = self._data(definition, definition.events[event])
        return self._try({"case": number, "event": event, "actor": who, "data": data})

    def _nearer(self, case: Case, event: str) -> bool:
        moves = self.engine.laws.pinned(case.definition).definition.events[event].moves
        here = self._far.get(case.state, 99)
        return any(
            case.state in m.sources and m.to is not None and self._far.get(m.to, 99) < here for m in moves
        )

    def _moves(self, case: Case, event: str) -> bool:
        moves = self.engine.laws.pinned(case.definition).definition.events[event].moves
        return any(move.to not in (None, case.state) for move in moves)

    def _data(self, definition: Any, event: Any) -> dict[str, Any]:
        pick = self._chance.choice
        data = {
            asked.name: story.sample(definition.fields[asked.name], civil_date(self.engine.clock.now()), pick)
            for asked in event.form
            if asked.required or asked.name in ("reasons", "understands", "co_units")
        }
        if "sealed" in data:
            data["sealed"] = True
        for name in {"wanted_until", "granted_until", "promised_on"} & data.keys():
            data[name] = (self._day + timedelta(days=45)).isoformat()
        for name in {"lead_unit", "addressed_unit", "served_unit", "competent_unit"} & data.keys():
            data[name] = story.UNITS[0]
        return data

    def _try(self, entry: Entry) -> bool:
        entry = {"on": self._day.isoformat(), "second": len(self.entries), **entry}
        try:
            stands = play(self.engine, self._known, entry)
        except Refused:
            return False
        if stands != self._stands or "event" in entry:
            self._stands = stands
            self.entries.append({**entry, "then": stands})
        return True


def distances(kind: str, end: str) -> dict[str, int]:
    """How many events away from an end each state is."""
    found = {end: 0}
    moves = [move for event in story.library().definitions[kind].events.values() for move in event.moves]
    for far in range(1, 30):
        for move in moves:
            if found.get(move.to or "") == far - 1:
                for source in move.sources:
                    found.setdefault(source, far)
    return found


def record(kind: str, state: str) -> list[Entry] | None:
    """The shortest of the first ways found to that end, or None."""
    best: list[Entry] | None = None
    for seed in range(TRIES):
        recorder = Recorder(kind, state, seed)
        if recorder.found() and (best is None or len(recorder.entries) < len(best)):
            best = recorder.entries
        recorder.engine.database.dispose()
        if best is not None and seed >= 2:
            break
    return best


def main(arguments: list[str]) -> int:
    """Write what is missing; 1 if some end was not reached."""
    FOLDER.mkdir(exist_ok=True)
    missed = 0
    for kind, state in kinds():
        path = FOLDER / f"{kind}-{state}.json"
        if path.exists() and "--again" not in arguments:
            continue
        entries = record(kind, state)
        print(path.name, "not reached" if entries is None else f"{len(entries)} entries", flush=True)
        if entries is None:
            missed += 1
            continue
        lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
        path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
