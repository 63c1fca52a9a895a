"""Separation of powers and "the scheduler never decides", at three layers: each is tested with the two others removed."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from workflow import Actor, DefinitionError, Engine, NotFound, authorization, decision, load_definitions
from workflow.act import Act
from workflow.definition import Holder
from workflow.errors import NotPermitted
from workflow.family import Step
from workflow.library import Library

from .lifecycle import FOLDER, PLACE, TENANT, Office, codes_of, count, drop_triggers

HEAD_OF_LEAD = Holder(role="unit_head", relation="lead", of_root=True)
SC_OFFICE = Holder(role="sc_office")


def opened(library: Library, kind: str, **events: dict[str, Any]) -> Library:
    """The shipped definitions with one changed behind the loader's back: its check is gone."""
    definition = library.definitions[kind]
    changed = {name: replace(definition.events[name], **new) for name, new in events.items()}
    law = replace(definition, events={**definition.events, **changed})
    return replace(library, definitions={**library.definitions, kind: law})


# --- 1. the definition alone


@pytest.mark.parametrize(
    ("by", "code"),
    [
        ("by: [unit_head of root.lead, sc_office]", "separation"),
        ("by: unit_clerk of root.separate", "separation"),
    ],
)
def test_the_loader_refuses_a_definition_that_lets_a_barred_relation_act(
    tmp_path: Path, by: str, code: str
) -> None:
    shutil.copytree(FOLDER, tmp_path / "d", ignore=shutil.ignore_patterns("*.py", "data", "__pycache__"))
    path = tmp_path / "d" / "lifecycles" / "evaluation.yaml"
    text = path.read_text("utf-8")
    before, tally, after = text.partition("  tally:\n")
    path.write_text(before + tally + after.replace("by: sc_office", by, 1), "utf-8")
    with pytest.raises(DefinitionError) as refused:
        load_definitions(tmp_path / "d")
    assert {fault.code for fault in refused.value.faults} == {code}


def test_the_loader_refuses_a_timer_that_decides(tmp_path: Path) -> None:
    """A lapse that leads to 办结 is a fault of the file."""
    shutil.copytree(FOLDER, tmp_path / "d", ignore=shutil.ignore_patterns("*.py", "data", "__pycache__"))
    path = tmp_path / "d" / "lifecycles" / "evaluation.yaml"
    text = path.read_text("utf-8")
    path.write_text(text.replace("to: not_returned", "to: satisfied"), "utf-8")
    with pytest.raises(DefinitionError) as refused:
        load_definitions(tmp_path / "d")
    assert "automatic_decision" in {fault.code for fault in refused.value.faults}


# --- 2. the engine alone


@pytest.fixture
def unguarded(office: Office, library: Library) -> Office:
    """No check by the loader, no trigger in the database: `tally` is open to the head of the lead unit and to the office."""
    law = opened(library, "evaluation", tally={"by": (HEAD_OF_LEAD, SC_OFFICE)})
    drop_triggers(office.engine)
    return Office(Engine(office.engine.database, law, place=PLACE, clock=office.clock), office.clock)


def answered(office: Office) -> str:
    case = office.evaluating()
    survey = office.child(case, "surveys", "dep1")
    office.fire(survey, "answer", "dep1", level="satisfied")
    return survey.id


def test_the_engine_bars_the_unit(unguarded: Office) -> None:
    survey = answered(unguarded)
    assert unguarded.reasons(survey, "tally", "wu") == {"separation"}
    assert unguarded.fire(survey, "tally", "sun").state == "satisfied"


def test_the_engine_bars_a_person_of_the_unit_under_another_hat(unguarded: Office) -> None:
    survey = answered(unguarded)
    unguarded.engine.grant("wu", "sc_office", TENANT)
    with pytest.raises(NotFound) as refusal:  # nor is he told that there is such a case
        unguarded.engine.fire(survey, "tally", Actor(person="wu", role="sc_office"))
    assert codes_of(refusal.value) == {"separation"}


def test_the_engine_bars_whoever_acts_for_such_a_person(unguarded: Office) -> None:
    survey = answered(unguarded)
    for sender in ("wu", "water"):
        with pytest.raises(NotPermitted, match="separation"):
            unguarded.engine.fire(survey, "tally", Actor(person="sun", on_behalf_of=sender))
    unguarded.engine.fire(survey, "tally", Actor(person="sun", on_behalf_of="song"))
    line = unguarded.engine.history(survey)[-1]
    assert (line.actor, line.on_behalf_of) == ("sun", "song")


def test_the_engine_does_not_rest_on_remembered_grants(unguarded: Office, other: Engine) -> None:
    """Another node gives the official a post in the unit; this node remembers him without it."""
    case = unguarded.evaluating()
    first, second = (unguarded.child(case, "surveys", d) for d in ("dep1", "dep2"))
    for survey, deputy in ((first, "dep1"), (second, "dep2")):
        unguarded.fire(survey, "answer", deputy, level="satisfied")
    unguarded.fire(first, "tally", "sun")
    other.grant("sun", "unit_clerk", TENANT, unit="water")
    assert unguarded.reasons(second, "tally", "sun") == {"separation"}


def test_the_engine_refuses_the_system_a_decision(unguarded: Office) -> None:
    survey = answered(unguarded)
    assert "decision" in unguarded.reasons(survey, "tally", "system")
    with pytest.raises(NotPermitted):
        unguarded.engine.grant("system", "sc_office", TENANT)


def test_the_engine_refuses_a_timer_that_decides(office: Office, library: Library) -> None:
    """The definition makes `tally` what a missed clock fires, or lets a lapse lead to an end that is decided."""
    drop_triggers(office.engine)
    law = opened(library, "evaluation")
    definition = law.definitions["evaluation"]
    clocks = {**definition.clocks, "answer": replace(definition.clocks["answer"], missed="tally", stops=())}
    law = replace(law, definitions={**law.definitions, "evaluation": replace(definition, clocks=clocks)})
    mine = Office(Engine(office.engine.database, law, place=PLACE, clock=office.clock), office.clock)
    survey = answered(mine)
    office.clock.advance(days=60)
    mine.ticks()
    assert mine.now(survey).state == "returned"


# --- 3. the database alone


def forged(office: Office, case: str, monkeypatch: pytest.MonkeyPatch, **line: Any) -> Step:
    """A step that no engine checked: the case as it is, and one history line by whomever."""
    monkeypatch.setattr(authorization, "bar", lambda *_: None)
    engine = office.engine
    with engine.store.work() as work:
        family = engine.store.read(work, case, "", None).family
        grants = engine.store.read_person(work, "sun")
    assert family is not None
    act = Act(
        actor=Actor(person="sun"),
        now=office.clock.now(),
        day=office.clock.now().date(),
        effective_on="2026-03-02",
        grants=grants,
    )
    step = decision.decide(engine.laws, family, case, "tally", act, engine.random)
    step.history[0] = step.history[0]._replace(**line)
    return step


def write(office: Office, step: Step) -> bool:
    engine = office.engine
    with engine.store.work() as work, work.atomic():
        return engine.store.write(work, step, "2026-03-02T01:00:00.000000+00:00", "2026-03-02")


@pytest.mark.parametrize(
    "line",
    [
        {"actor": "wu", "role": "unit_head", "unit": "water"},
        {"actor": "stranger", "unit": "water"},  # the unit is barred whoever signs for it
        {"actor": "water"},  # or signs itself
        {"actor": "wu", "role": "sc_office", "unit": None},  # another hat
        {"actor": "sun", "on_behalf_of": "wu"},
    ],
)
def test_the_database_bars_the_unit(
    office: Office, monkeypatch: pytest.MonkeyPatch, line: dict[str, Any]
) -> None:
    survey = answered(office)
    lines = count(office.engine, "history")
    with pytest.raises(NotPermitted, match="refused by the database"):
        write(office, forged(office, survey, monkeypatch, **line))
    assert count(office.engine, "history") == lines
    assert office.now(survey).state == "returned"
    assert write(office, forged(office, survey, monkeypatch))  # the same step by its true author


def test_the_database_refuses_the_system_a_decision(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    survey = answered(office)
    with pytest.raises(NotPermitted, match="may not decide"):
        write(office, forged(office, survey, monkeypatch, actor="system"))
    assert office.now(survey).state == "returned"


def test_without_triggers_the_forgery_would_pass(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """So it is the database that refuses in the tests above, and nothing else."""
    survey = answered(office)
    drop_triggers(office.engine)
    assert write(office, forged(office, survey, monkeypatch, actor="wu", role="unit_head", unit="water"))


# --- all three together


def test_units_neither_evaluate_nor_extend_nor_see_it(office: Office) -> None:
    case = office.evaluating()
    survey = office.child(case, "surveys", "dep1")
    for person in ("wang", "wu"):
        with pytest.raises(NotFound):
            office.engine.permitted(survey.id, Actor(person=person))
        assert survey.id not in {c.id for c in office.engine.children(case.id, actor=Actor(person=person))}


def test_two_persons(office: Office) -> None:
    """A paper form is checked by another person than he who recorded it, and not by his delegate."""
    case = office.evaluating()
    survey = office.child(case, "surveys", "dep1")
    scan = {"sha256": "b" * 64, "size": 1, "media_type": "image/png", "name": "表.png"}
    office.fire(survey, "record_paper", "sun", paper_level="satisfied", paper_scan=scan)
    assert office.reasons(survey, "check_paper", "sun") == {"two_persons"}
    with pytest.raises(NotPermitted, match="another person"):
        office.engine.fire(
            survey.id, "check_paper", Actor(person="song", on_behalf_of="sun"), {"level": "satisfied"}
        )
    assert office.fire(survey, "check_paper", "song", level="satisfied").state == "returned"
