"""Every definition walked at random: who is permitted may, who is refused changes nothing, and what must hold always holds.

WALKS=100 walks longer, SHRINK=1 looks for the shortest walk that fails; hypothesis prints how to repeat a walk that failed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select

from tests.crash import story
from tests.crash.check import Content, timer_steps, violations
from tests.lifecycle import Office, shipped, until_quiet
from workflow.clock import civil_date
from workflow.errors import NotFound, NotInState, NotPermitted, Refused
from workflow.model import Case, Permission
from workflow.testing import FrozenClock, memory_engine

WALKS = int(os.environ.get("WALKS") or 3)
STEPS = 25
ENOUGH = 4
"""events that somebody may do are found before the others are asked no more: asking is most of a walk"""
PHASES = [Phase.generate, Phase.shrink] if os.environ.get("SHRINK") else [Phase.generate]
ROOTS = ("suggestion", "suggestion_draft", "reception_day", "supervision", "escalation", "opinion", "reverse_conversion", "prep_campaign", "activity", "duty_task", "yearly_report", "procuratorate_conversion", "extension", "commitment",
         "evaluation", "second_assignment", "co_handling", "separate_handling", "withdrawal", "signature")  # fmt: skip
BEGUN_WITH = {"suggestion": story.suggestion, "opinion": lambda: {"receivers": [story.DEPUTIES[0]]}}
"""what the guard of a start asks for"""
PLAIN = {"reverse_conversion", "prep_campaign", "duty_task", "yearly_report", "activity", "escalation"}
"""short ways: a third of the walks"""
PEOPLE = [who for who in story.people() if not who.endswith(tuple(f"unit-{n}" for n in range(3, 8)))]


class Walk(RuleBasedStateMachine):
    """One family of one kind, everybody at it, time passing."""

    kind = "suggestion"

    def __init__(self) -> None:
        super().__init__()
        self.clock = FrozenClock(story.DAY)
        self.engine = engine = memory_engine(story.library(), self.clock, place=story.PLACE)
        story.settle(engine)
        self.acts = 0

    def teardown(self) -> None:
        """Nothing is left."""
        self.engine.database.dispose()

    # -- what can be done

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """Open a root case, or take a suggestion to where a case of this kind is open."""
        if self.kind not in story.TO_COME_TO:
            definition = story.library().definitions[self.kind]
            given = self._filled(definition, definition.start, data) | BEGUN_WITH.get(self.kind, dict)()
            who = {"suggestion_draft": "deputy-0", "opinion": "station-clerk"}.get(self.kind, "office")
            self.engine.start(self.kind, story.actor(who), given, tenant=story.TENANT, key="start")
            return
        for entry in story.way_to(self.kind):
            where = self._open() if "slot" in entry else []
            for case in [case for case in where if (case.slot or "") == entry["slot"]]:
                relation = entry["actor"].removeprefix("the ")
                who = story.actor(
                    case.relations[relation][0] if relation != entry["actor"] else entry["actor"]
                )
                self.engine.fire(
                    case.id, entry["event"], who, entry["data"], key=f"to-{case.id}-{entry['event']}"
                )
            if "start" in entry:
                opener = story.actor(entry["actor"])
                self.engine.start(entry["start"], opener, entry["data"], tenant=story.TENANT, key="start")
        assert any(case.kind == self.kind for case in self._open())

    @rule(data=st.data())
    def somebody_acts(self, data: st.DataObject) -> None:
        """A person that may, if there is one, does one of the permitted things; now and then one that may not."""
        cases = self._open()
        if not cases:
            return
        case = data.draw(st.sampled_from(sorted(cases, key=lambda c: c.kind != self.kind)), "case")
        allowed: dict[str, list[str]] = {}
        no: dict[tuple[str, str], set[str]] = {}

        def ask(who: str) -> None:
            for permission in self._permitted(case, who):
                if permission.allowed:
                    allowed.setdefault(permission.event, []).append(who)
                no[who, permission.event] = {reason.code for reason in permission.reasons}

        first = data.draw(st.integers(0, len(PEOPLE) - 1), "first asked")
        asked = iter((*PEOPLE[first:], *PEOPLE[:first]))
        while len(allowed) < ENOUGH and (one := next(asked, None)):
            ask(one)
        definition = self.engine.laws.pinned(case.definition).definition
        if allowed and data.draw(st.integers(0, 9), "may") > 0:
            event = data.draw(st.sampled_from(sorted(allowed)), "event")
            who = data.draw(st.sampled_from(allowed[event]), "who")
        else:
            event = data.draw(st.sampled_from(sorted(definition.events)), "event")
            who = data.draw(st.sampled_from(PEOPLE), "who")
            if (who, event) not in no:
                ask(who)
        given = self._filled(definition, definition.events[event], data)
        before = self._extent()
        self.acts += 1
        after: Case | None = None
        refused: Exception | None = None
        try:
            after = self.engine.fire(case.id, event, story.actor(who), given, key=f"{self.acts}")
        except (Refused, NotFound) as refusal:
            refused = refusal
        if after is None:
            may = who in allowed.get(event, ())
            assert not (may and isinstance(refused, NotPermitted | NotInState | NotFound)), (
                event,
                who,
                refused,
            )
            assert self._extent() == before
        else:
            assert self.engine.case(case.id).seq > case.seq  # who acts may be shown fewer lines
            # A no beforehand may be a guard's, whose mind the form's own data changed; never a person's or a state's.
            personal = {"role", "separation", "two_persons", "automatic", "state"}
            assert not personal & no.get((who, event), set())

    @rule(days=st.sampled_from([0, 1, 3, 8, 30, 100]))
    def time_passes(self, days: int) -> None:
        """Some days, and the timers."""
        self.clock.advance(days=days, seconds=1)
        for _ in range(20):
            if not self.engine.tick():
                break
        else:
            raise AssertionError("the timers never come to rest")

    @rule(data=st.data())
    @precondition(lambda self: self.acts > 1)
    def the_same_again(self, data: st.DataObject) -> None:
        """An act sent again gets its answer, and does nothing."""
        content = Content(self.engine)
        key = data.draw(st.sampled_from(sorted(content.answers)), "key")
        assert content.answers[key]["case"] in content.records

    # -- what must hold

    @invariant()
    def everything_holds(self) -> None:
        """Chain, indexes, effects, keys, numbers: tests/crash/check.py."""
        content = Content(self.engine)
        # Cases that other cases begat are opened without a key of their own.
        begotten = sum(r.id == r.root for r in content.records.values()) - sum(
            answer["seq"] == 1 for answer in content.answers.values()
        )
        assert violations(self.engine, content, unkeyed=begotten) == []
        with self.engine.store.connection() as connection:
            assert connection.execute(select(self.engine.store.tables.broken)).all() == []
        for record in content.records.values():
            definition = self.engine.laws.pinned(record.definition).definition
            if record.closed:
                assert not any(p.allowed for p in self.engine.permitted(record.id, story.OFFICE))
            units = {unit for case, unit in content.barred if case == record.id}
            for line in content.lines[record.id] if definition.barred else ():
                held = {unit for _, unit in story.people().get(line.actor, [])}
                event = definition.events.get(line.event)
                assert line.automatic or not held & units, (line.actor, line.event)
                assert line.actor != "system" or (event is not None and event.automatic)

    # -- the small parts

    def _permitted(self, case: Case, who: str) -> Sequence[Permission]:
        try:
            return self.engine.permitted(case.id, story.actor(who))
        except NotFound:  # who may not see a case learns nothing of it
            return ()

    def _open(self) -> list[Case]:
        return self.engine.search(closed=False)

    def _extent(self) -> tuple[int, ...]:
        tables = self.engine.store.tables.metadata.sorted_tables
        with self.engine.store.connection() as connection:
            counts = [
                connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables
            ]
            cases = self.engine.store.tables.cases.c
            revisions = connection.execute(select(func.sum(cases.revision), func.sum(cases.seq))).one()
            last = connection.execute(select(func.sum(self.engine.store.tables.series.c.last))).scalar()
        return (*counts, *revisions, last or 0)

    def _filled(self, definition: Any, event: Any, data: st.DataObject) -> dict[str, Any]:
        """Something for every required field, and for some of the others; what leads on is likelier."""
        found: dict[str, Any] = {}
        today = civil_date(self.clock.now())
        for asked in event.form:
            field = definition.fields[asked.name]
            if field.type == "case":  # one that there is, which the actor may know of or not
                there = [case.id for case in self.engine.search() if field.of in (None, case.kind)]
                if there:
                    found[asked.name] = data.draw(st.sampled_from(there), asked.name)
                elif asked.required:
                    found[asked.name] = "absent"
            elif asked.required or data.draw(st.booleans(), f"{asked.name}?"):

                def pick(values: Any, name: str = asked.name) -> Any:
                    return data.draw(st.sampled_from(values), name)

                found[asked.name] = story.sample(field, today, pick)
        if "sealed" in found:
            found["sealed"] = True
        if "copied_on" in found:
            found["copied_on"] = today.isoformat()  # a clock counts from it, so it is none ahead
        if "eve_on" in found:
            found["opening_on"] = (date.fromisoformat(found["eve_on"]) + timedelta(days=1)).isoformat()
        if "wanted_until" in found or "granted_until" in found:
            for name in {"wanted_until", "granted_until"} & found.keys():
                found[name] = (today + timedelta(days=60)).isoformat()
        return found


@pytest.mark.parametrize("kind", ROOTS)
@pytest.mark.timeout(600)
def test_walk(kind: str) -> None:
    assert set(ROOTS) == set(story.library().definitions)
    machine = type(f"Walk_{kind}", (Walk,), {"kind": kind})
    health = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    rich = {"suggestion": 3, "suggestion_draft": 2}.get(kind, 1)
    examples = max(1, WALKS // 3) if kind in PLAIN else WALKS * rich
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=STEPS, deadline=None, suppress_health_check=health, database=None,
            phases=PHASES,
        ),
    )  # fmt: skip


@pytest.mark.parametrize("days", [1, 11])
def test_the_steps_of_timers_that_come_together_are_counted_as_they_are_made(days: int) -> None:
    """A reminder of a suggestion at the midnight at which its surveys run out. In the other order (it once was that of their ids)
    the reminder would be a step of its own, and a walk that met it would find "2 steps without a key".
    """
    clock = FrozenClock(story.DAY)
    engine = memory_engine(shipped(), clock, place=story.PLACE)
    office = Office(engine, clock).staff()
    case = office.replied("dep1", "dep2")
    clock.advance(days=days)
    list(until_quiet(engine))
    acts = office.fire(case, "open_evaluation", "sun").revision - timer_steps(Content(engine))[case.id]
    clock.advance(days=120, seconds=1)
    list(until_quiet(engine))
    assert office.now(case).revision == acts + timer_steps(Content(engine))[case.id]
    engine.database.dispose()


@pytest.mark.parametrize("kind", ["evaluation", "extension", "second_assignment", "withdrawal"])
def test_a_child_is_no_case_of_its_own(kind: str) -> None:
    """An evaluation outside its suggestion would bar no unit."""
    engine = memory_engine(story.library(), FrozenClock(story.DAY), place=story.PLACE)
    story.settle(engine)
    definition = story.library().definitions[kind]
    with pytest.raises(NotPermitted, match="only within") as refused:
        engine.start(
            kind, story.actor("committee"), story.form(definition, definition.start), tenant=story.TENANT
        )
    assert refused.value.reasons[0].code == "child"
    assert engine.search() == []
    engine.database.dispose()
