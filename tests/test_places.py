"""The rules of places: the shipped rows are the papers' rows, and one set of lifecycles runs in every place unchanged.

tests/data/deadlines.csv is the table of deadlines as the law and the reports give it, places.csv what Chongqing and Shanghai do
otherwise. Both were written from those texts and not from definitions/rules.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from workflow import Case, Engine, load_definitions
from workflow.definition import Definition
from workflow.errors import DefinitionError, FormInvalid
from workflow.library import Library
from workflow.random import SeededRandom
from workflow.testing import FrozenClock

from .lifecycle import CONTACT, DOCUMENT, FOLDER, REPLY, SECOND_REPLY, Office

HERE = Path(__file__).parent
PLACES = ("hubei-xianning", "chongqing", "shanghai")
TODAY = date(2026, 3, 2)


def rows(name: str) -> list[dict[str, str]]:
    with (HERE / "data" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def written(value: object) -> str:
    """As the table writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return "|".join(value) if isinstance(value, tuple) else str(value)


# --- the rows


@pytest.mark.parametrize("row", rows("deadlines.csv"), ids=lambda row: row["rule"])
def test_the_rows_of_xianning_are_those_of_the_table(library: Library, row: dict[str, str]) -> None:
    rule = library.book("hubei-xianning").rule(row["rule"], TODAY)
    assert (written(rule.value), rule.unit, rule.anchor, rule.direction) == (
        row["value"], row["unit"], row["anchor"], row["direction"],
    )  # fmt: skip
    assert (rule.outer or "", rule.confidence) == (row["outer"], row["confidence"])
    if rule.unit in (
        "calendar_day",
        "month",
    ):  # where a last day can be off at all, the table says what becomes of it
        assert rule.roll == row["roll"]
    assert any(cite in rule.source for cite in row["cites"].split("|")), rule.source


def test_the_table_has_all_forty_two() -> None:
    assert {row["id"] for row in rows("deadlines.csv")} == {f"D{n:02}" for n in range(1, 43)}


@pytest.mark.parametrize("row", rows("places.csv"), ids=lambda row: f"{row['place']}-{row['rule']}")
def test_the_rows_of_the_other_places(library: Library, row: dict[str, str]) -> None:
    rule = library.book(row["place"]).rule(row["rule"], TODAY)
    assert (written(rule.value), rule.unit, rule.anchor) == (row["value"], row["unit"], row["anchor"])
    assert row["cites"] in rule.source


def test_what_a_places_own_file_says_is_in_the_table() -> None:
    """Nothing local is invented: each row of these files has been read somewhere."""
    known = {(row["place"], row["rule"]) for row in rows("places.csv")}
    same = {("chongqing", "D18"), ("chongqing", "second_reply_outer")}  # said of D15 and D17
    for place in ("chongqing", "shanghai"):
        own = own_rules(place)
        assert {(place, name) for name in own} <= known | same, place


def own_rules(place: str) -> list[str]:
    lines = (FOLDER / "rules" / f"{place}.yaml").read_text("utf-8").splitlines()
    return [line.strip(" :") for line in lines if line.startswith("  ") and not line.startswith("   ")]


@pytest.mark.parametrize("place", ["CN", "typical", *PLACES])
def test_every_rule_says_where_it_is_from(library: Library, place: str) -> None:
    for rule in library.book(place).rules:
        assert rule.source, rule.id
        assert rule.confidence in set("SBHXmd"), rule.id


@pytest.mark.parametrize("place", PLACES)
def test_no_place_goes_beyond_the_law(library: Library, place: str) -> None:
    law, book = library.book("CN"), library.book(place)
    for rule in (rule for rule in law.rules if rule.statutory):
        for day in (rule.valid_from or TODAY, rule.valid_until or TODAY):
            here = book.rule(rule.id, day)
            assert (here.unit, here.outer, here.statutory) == (rule.unit, rule.outer, True)
            assert isinstance(here.value, int)
            assert isinstance(rule.value, int)
            assert here.value <= rule.value


def test_one_place_is_taken_when_none_is_named(library: Library) -> None:
    assert library.default_place == "hubei-xianning"
    assert load_definitions(FOLDER, place="shanghai").default_place == "shanghai"
    with pytest.raises(DefinitionError, match="chongqing"):
        load_definitions(FOLDER, place="chongqin")


# --- the same lifecycles in three places


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def town(ready_url: str, library: Library, place: str) -> Iterator[Office]:
    """The office of that place: the definitions are the very same objects."""
    clock = FrozenClock(TODAY)
    database = Engine.connect(ready_url)
    yield Office(Engine(database, library, place=place, clock=clock, random=SeededRandom(7)), clock)
    database.dispose()


DUE: dict[str, dict[str, str]] = {
    "hubei-xianning": {
        "assignment": "2026-03-09", "return_window": "2026-03-11", "first_contact": "2026-03-23", "reply": "2026-06-02",
        "opinion": "2026-05-06", "answer": "2026-03-25", "second_reply": "2026-04-07",
    },
    "chongqing": {
        "assignment": "2026-03-16", "return_window": "2026-03-16", "first_contact": "2026-04-01", "reply": "2026-06-02",
        "opinion": "2026-04-14", "answer": "2026-04-01", "second_reply": "2026-05-06",
    },
    "shanghai": {
        "assignment": "2026-03-11", "return_window": "2026-03-13", "first_contact": "2026-03-23", "reply": "2026-06-02",
        "opinion": "2026-04-07", "answer": "2026-03-25", "second_reply": "2026-04-07",
    },
}  # fmt: skip
"""counted by hand, with the calendar of 2026 beside it"""
CLASSES = {
    "hubei-xianning": "HB-XIANNING:A",
    "chongqing": "CHONGQING:done",
    "shanghai": "SHANGHAI:done",
}


def test_one_suggestion_from_filing_to_its_end(town: Office, place: str) -> None:
    seen: dict[str, str | None] = {}
    case = town.filed()
    seen["assignment"] = town.due(case, "assignment")
    town.fire(case, "accept", "li", congress="六届", session="五次")
    mode = {"assignment_mode": "lead_and_co", "lead_unit": "water", "co_units": ["roads"]}
    town.fire(case, "assign", "li", **mode)
    town.clock.advance(days=2)
    case = town.fire(case, "sign_in", "wang")
    seen |= {name: town.due(case, name) for name in ("return_window", "first_contact", "reply")}
    opinion = town.child(case, "co_opinions", "roads")
    town.fire(opinion, "sign_in", "qian")
    seen["opinion"] = town.due(opinion, "opinion")
    town.fire(opinion, "submit", "zhao", co_opinion=DOCUMENT)
    town.fire(opinion, "accept", "wang")
    first = reply(town, case, CLASSES[place])
    seen["answer"] = town.due(survey(town, first, "surveys"), "answer")
    case = answered(town, first, "surveys", "dissatisfied")
    again = town.child(town.fire(case, "second_assign", "sun", deputy_reasons="没有建"), "second_assignments")
    seen["second_reply"] = town.due(again, "reply")
    reply_again(town, again, CLASSES[place])
    slots = reopened(town, case)
    case = answered(town, case, slots, "satisfied")
    assert town.fire(case, "settle_second", "sun").state == "concluded"
    assert seen == DUE[place]


def reply(town: Office, case: Case, class_: str) -> Case:
    draft = {"reply_draft": DOCUMENT, "reply_class": class_, "publication": "full"}
    town.fire(case, "first_contact", "wang", **{**CONTACT, "contact_on": "2026-03-03"})
    town.fire(case, "submit_for_signoff", "wang", **draft)
    town.fire(case, "issue_reply", "wu", **{**REPLY, "reply_class": class_})
    joint = town.engine.laws.in_force("joint_survey", TODAY) == "each_signer"
    return town.fire(case, "open_evaluation" if joint else "open_lead_evaluation", "sun")


def survey(town: Office, case: Case, slot: str) -> Case:
    return next(c for c in town.engine.children(case.id) if (c.slot or "").endswith(slot))


def answered(town: Office, case: Case, slot: str, level: str) -> Case:
    """Every deputy this place asks answers: each signer, or the lead alone."""
    asked = [c for c in town.engine.children(case.id) if (c.slot or "").endswith(slot) and not c.closed]
    wanted = {"each_signer": 2, "lead_only": 1}[str(town.engine.laws.in_force("joint_survey", TODAY))]
    assert len(asked) == wanted
    for child in asked:
        town.fire(child, "answer", str(child.party), level=level, reasons="因为")
        town.fire(child, "tally", "sun")
    return town.now(case)


def reply_again(town: Office, again: Case, class_: str) -> None:
    town.fire(again, "meet_deputy", "wu", contact_on="2026-03-04", contact_record="见面")
    town.fire(
        again, "submit_for_signoff", "wang", second_reply_draft=DOCUMENT, second_reply_class=class_,
        answers_to_reasons="逐条", publication="full",
    )  # fmt: skip
    town.fire(again, "reply_again", "wu", **{**SECOND_REPLY, "second_reply_class": class_})


def reopened(town: Office, case: Case) -> str:
    joint = town.engine.laws.in_force("joint_survey", TODAY) == "each_signer"
    town.fire(case, "open_second_evaluation" if joint else "open_second_lead_evaluation", "sun")
    return "surveys"


def test_a_places_forms_take_its_own_result_classes_only(town: Office, place: str) -> None:
    case = town.handling()
    for other, class_ in CLASSES.items():
        draft = {"reply_draft": DOCUMENT, "reply_class": class_, "publication": "full"}
        if other != place:
            with pytest.raises(FormInvalid, match=CLASSES[place]):
                town.fire(case, "submit_for_signoff", "wang", **draft)
    draft = {"reply_draft": DOCUMENT, "reply_class": CLASSES[place], "publication": "full"}
    assert town.fire(case, "submit_for_signoff", "wang", **draft).state == "signing_off"


def test_basically_satisfied_is_assigned_again_in_xianning_only(town: Office, place: str) -> None:
    case = town.assigned()
    town.fire(case, "sign_in", "wang")
    case = answered(town, reply(town, case, CLASSES[place]), "surveys", "basically_satisfied")
    if place == "hubei-xianning":
        assert town.reasons(case, "settle", "sun") == {"condition_not_met"}
        assert town.fire(case, "second_assign", "sun", deputy_reasons="不足").state == "second_assigned"
    else:
        assert town.reasons(case, "second_assign", "sun", deputy_reasons="不足") == {"condition_not_met"}
        assert town.fire(case, "settle", "sun").state == "concluded"


def test_a_receipt_on_the_day_of_assignment_changes_nothing(town: Office) -> None:
    case = town.assigned()
    before = [town.due(case, name) for name in ("return_window", "first_contact", "reply")]
    town.fire(case, "sign_in", "wang")
    assert [town.due(case, name) for name in ("return_window", "first_contact", "reply")] == before
    assert {clock.name: clock.anchor_on for clock in town.now(case).clocks}["reply"] == TODAY


def test_a_statutory_clock_never_counts_from_receipt(library: Library) -> None:
    """Invariant 6: the reply counts from 交办 in every place."""
    statutory = {rule.id for rule in library.book("CN").rules if rule.statutory}
    for definition in library.definitions.values():
        assert not [
            clock
            for clock in anew(definition)
            if statutory & {clock.rule, *(one.rule for one in clock.instead)}
        ]


def anew(definition: Definition) -> list[Any]:
    return [clock for clock in definition.clocks.values() if clock.anew]
