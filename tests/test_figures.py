"""Every figure is the length of a list: what is counted can be found by the filter that is its link."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from workflow import Actor
from workflow.figures import Sitting
from workflow.overview import Figures, Filter, Period, Ran, Took, count, figures, find, took

from .lifecycle import DOCUMENT, DRAFT, EXTENSION, REPLY, SESSION, SUGGESTION, TENANT, TODAY, Office

LI = Actor(person="li")
ROOTS = Filter(kind="suggestion", roots=True)
YEAR = Period(start=date(2026, 1, 1), before=date(2027, 1, 1))


def length(office: Office, asked: Filter, actor: Actor = LI) -> int:
    found = len(find(office.engine, actor, asked, limit=500).cases)
    assert found == count(office.engine, actor, asked)
    return found


def total(office: Office, asked: Filter = ROOTS, actor: Actor = LI) -> Figures:
    (found,) = figures(office.engine, actor, asked, [], YEAR)
    return found


def test_what_is_over_its_day_can_be_listed(office: Office) -> None:
    office.assigned()
    office.fire(office.replied(), "open_evaluation", "sun")
    office.filed()
    office.imported()
    for days in (0, 100, 200):
        office.clock.set(TODAY + timedelta(days=days))
        seen, late = total(office), replace(ROOTS, over="target", recorded=False)
        assert seen.open == length(office, Filter(kind="suggestion", roots=True, finished=False)) == 4
        assert seen.over_target == length(office, late)
        assert seen.over_statutory == length(office, replace(late, over="statutory"))
        assert seen.unknown == length(office, replace(late, recorded=True)) == 1
        assert seen.known == 3
    assert (seen.over_target, seen.over_statutory) != (0, 0)


@pytest.mark.parametrize("person", ["li", "wang", "dep1", "sun"])
def test_the_agenda_is_what_the_list_says(office: Office, person: str) -> None:
    """Its days, its numbers, which come first: those of the list that is in order by due day. An old record apart."""
    for _ in range(2):
        office.filed(), office.handling(), office.evaluating(), office.accepted()
    office.fire(office.handling(), "request_extension", "wang", **EXTENSION)
    supervised = {"supervision_kind": "coordinating", "supervision_reason": "集中反映"}
    office.fire(
        office.handling(), "propose_supervision", "li", **supervised
    )  # its day lies among the others'
    office.clock.set(TODAY + timedelta(days=37))
    office.filed(), office.imported(2026), office.imported(2020)
    actor, waiting, seen = Actor(person=person), Filter(waiting=True), set[int]()
    for days in (37, 90, 300):
        office.clock.set(TODAY + timedelta(days=days))
        listed = find(office.engine, actor, waiting, sort="due_on", limit=100).cases
        late = waiting.but(due_before=TODAY + timedelta(days=days), recorded=True)
        for few in (1, 3, 50):
            with Sitting.of(office.engine, actor) as sitting:
                agenda = sitting.agenda(waiting, few)
            assert agenda.first == [case.id for case in listed][:few]
            assert agenda.due == Counter(
                date.fromisoformat(case.due_on) if case.due_on else None for case in listed
            )
            assert agenda.unknown == count(office.engine, actor, late)
        seen.add(agenda.unknown)
    assert listed and (seen == ({1, 2} if person == "wang" else {0}))


def test_what_went_out_within_a_period_can_be_listed(office: Office) -> None:
    """On the day it is concluded, not on that of its filing away or of a later note; what is withdrawn is not finished."""
    office.evaluated()
    office.fire(office.filed("dep1"), "withdraw", "dep1", withdrawal_letter=DOCUMENT)
    case = office.fire(office.evaluated(), "settle", "sun")
    assert case.state == "concluded" and not case.closed
    for step in ("", "archive"):
        if step:
            office.clock.advance(days=400)
            office.fire(case, step, "li", yearly_report="2026")
        asked = Filter(kind="suggestion", roots=True, concluded_from=YEAR.start, concluded_before=YEAR.before)
        assert length(office, asked) == total(office).concluded == 1
        assert length(office, replace(asked, concluded_from=date(2026, 3, 3))) == 0
        assert length(office, replace(asked, concluded_before=date(2026, 3, 2))) == 0
        assert (
            total(office).open == length(office, Filter(kind="suggestion", roots=True, finished=False)) == 1
        )
        assert length(office, Filter(kind="suggestion", roots=True, finished=True)) == 1
        assert (
            length(office, Filter(kind="suggestion", roots=True, over="target", finished=False))
            == total(office).over_target
        )


def test_what_is_taken_up_again_has_not_gone_out(office: Office) -> None:
    case = office.fire(office.evaluated(), "settle", "sun")
    assert (total(office).concluded, total(office).open) == (1, 0)
    office.fire(case, "reopen", "li", correction_reason="承诺未落实")
    assert (total(office).concluded, total(office).open) == (0, 1)


def test_levels_of_each_round_can_be_listed(office: Office) -> None:
    office.re_evaluated("dissatisfied", "satisfied")
    surveys = Filter(kind="evaluation")
    found = {one.group: one.concluded for one in figures(office.engine, LI, surveys, ["slot", "state"], YEAR)}
    assert found == {
        ("second_surveys", "satisfied"): 2, ("surveys", "dissatisfied"): 1, ("surveys", "satisfied"): 1,
    }  # fmt: skip
    for (slot, state), number in found.items():
        assert length(office, Filter(kind="evaluation", slots=(slot,), state=state, closed=True)) == number
    assert figures(office.engine, Actor(person="wang"), surveys, ["slot", "state"], YEAR) == [], (
        "a unit sees no evaluation"
    )


def test_how_long_a_reply_took(office: Office) -> None:
    case = office.handling()
    office.clock.set(TODAY + timedelta(days=30))
    office.fire(case, "submit_for_signoff", "wang", **DRAFT)
    office.fire(case, "issue_reply", "wu", **{**REPLY, "delivered_on": "2026-04-01"})
    office.handling()  # still running: it has taken no time yet
    ran = Ran(clocks=("reply",), events=("issue_reply",), period=YEAR)
    assert took(office.engine, LI, ROOTS, ran) == [Took(days=30, late=False, count=1)]
    for more, number in (
        ({}, 1), ({"longer_than": 29, "at_most": 30}, 1), ({"longer_than": 30}, 0), ({"at_most": 29}, 0),
        ({"late": False}, 1), ({"late": True}, 0), ({"period": Period(before=date(2026, 4, 1))}, 0),
    ):  # fmt: skip
        assert length(office, replace(ROOTS, ran=replace(ran, **more))) == number, more
    assert took(office.engine, Actor(person="feng"), ROOTS, ran) == []


def test_a_unit_that_stands_twice_in_a_case_counts_once(office: Office) -> None:
    case = office.fire(
        office.accepted(),
        "assign_separately",
        "li",
        assignment_mode="separate",
        separate_units=["roads", "water"],
    )
    office.clock.set(TODAY + timedelta(days=100))
    escalated = office.fire(
        case, "escalate_separately", "li", escalation_ground="逾期", escalated_unit="roads"
    )
    assert escalated.relations["separate"] == ("roads", "water") and escalated.relations["escalated"] == (
        "roads",
    )
    found = {one.group[0]: one.open for one in figures(office.engine, LI, ROOTS, ["unit"], YEAR)}
    assert found == {"roads": 1, "water": 1}
    for unit, number in found.items():
        assert length(office, replace(ROOTS, party=unit, closed=False)) == number


def test_cases_are_counted_by_the_version_they_are_pinned_to(office: Office) -> None:
    case = office.assigned()
    ((group, number),) = [(f.group, f.open) for f in figures(office.engine, LI, ROOTS, ["definition"], YEAR)]
    assert group == (case.definition,)
    assert number == length(office, replace(ROOTS, definition=case.definition, closed=False)) == 1


def test_records_that_were_only_imported_and_what_names_a_case_are_found_in_the_query(office: Office) -> None:
    """On both databases; to whom a transfer is hidden such a record stays one."""
    engine, li, wang = office.engine, Actor(person="li"), Actor(person="wang")
    data = {**SUGGESTION, "signers": ["dep1"], "first_signer": "dep1"}
    old = engine.start("suggestion", li, data, tenant=TENANT, imported=True)
    engine.fire(old.id, "accept_in_session", li, SESSION, imported=True)
    given = {"assignment_mode": "sole", "lead_unit": "water"}
    engine.fire(old.id, "assign", li, given, imported=True)
    new = office.assigned(arises_from=old.id)

    def found(who: Actor, **asked: Any) -> list[str]:
        return [case.id for case in find(engine, who, Filter(**asked)).cases]

    for who in (li, wang):
        assert (found(who, recorded=True), found(who, recorded=False)) == ([old.id], [new.id])
        assert found(who, naming=(("arises_from", old.id), ("master", old.id))) == [new.id]
        assert found(who, naming=(("master", old.id),)) == []
    clue = {"procuratorate_area": "environment", "public_interest": "水源保护"}
    office.fire(old, "transfer_to_procuratorate", "li", **clue)
    assert (found(wang, recorded=True), found(li, recorded=True)) == ([old.id], [])
    assert count(engine, wang, Filter(recorded=True)) == 1
