"""What guards may ask of lists, documents and parties; and the code sets of a place, which no form steps over."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from workflow import Actor, Case
from workflow.errors import FormInvalid, GuardFailed
from workflow.model import PartialDate

from .lifecycle import DOCUMENT, TENANT, Office

LI = Actor(person="li")


def opened(office: Office, **data: Any) -> Case:
    return office.engine.start("inquiry", LI, data, tenant=TENANT)


def asked(office: Office) -> Case:
    return office.fire(opened(office), "ask", "li", lead_unit="water", co_units=["roads", "parks"])


@pytest.mark.parametrize("co", [{}, {"co_units": []}])
def test_an_empty_list_and_none_are_the_same(small_office: Office, co: dict[str, Any]) -> None:
    case = opened(small_office, **co)
    assert "condition_not_met" in small_office.reasons(case, "ask", "li", lead_unit="water", **co)


def test_the_lead_is_not_among_the_others(small_office: Office) -> None:
    office = small_office
    both = {"lead_unit": "water", "co_units": ["roads", "water"]}
    assert office.reasons(opened(office), "ask", "li", **both) == {"condition_not_met"}
    case = asked(office)
    assert office.reasons(case, "add", "li", more_units=["school", "water"]) == {"condition_not_met"}
    assert office.reasons(case, "add", "li", one_more="parks") == {"condition_not_met"}
    assert "school" in office.fire(case, "add", "li", more_units=["school"], one_more="port").relations["co"]
    assert office.reasons(case, "add", "li", one_more="school") == {"condition_not_met"}


def test_a_start_asks_too(small_office: Office) -> None:
    with pytest.raises(GuardFailed, match="lead unit is none of co-handling units"):
        opened(small_office, lead_unit="water", co_units=["water"])


def test_documents_are_counted(small_office: Office) -> None:
    case = asked(small_office)
    one, two = DOCUMENT, {**DOCUMENT, "name": "二.pdf"}
    for data in ({}, {"letter": one}, {"papers": [one, two]}, {"letter": one, "papers": [one]}):
        assert small_office.reasons(case, "file_papers", "li", **data) == {"condition_not_met"}
    assert small_office.fire(case, "file_papers", "li", letter=one, papers=[one, two]).seq == 3


def test_nothing_of_a_party_is_told(small_office: Office) -> None:
    """A refusal shows numbers, never who."""
    case = asked(small_office)
    with pytest.raises(GuardFailed) as refusal:
        small_office.fire(case, "add", "li", one_more="parks")
    assert "parks" not in str(refusal.value)


def test_in_an_old_record_what_is_missing_is_unknown(small_office: Office) -> None:
    """Nobody knows that there were none; so it does not stand in the way, and what is known to be wrong does."""
    engine, day = small_office.engine, PartialDate(year=2020)
    case = engine.start("inquiry", LI, {}, tenant=TENANT, imported=True)
    data = {"lead_unit": "water"}
    assert engine.fire(case.id, "ask", LI, data, imported=True, effective_on=day).state == "asked"
    wrong = engine.start("inquiry", LI, {}, tenant=TENANT, imported=True)
    with pytest.raises(GuardFailed, match="condition not met"):
        engine.fire(wrong.id, "ask", LI, {**data, "co_units": ["water"]}, imported=True, effective_on=day)


@pytest.mark.parametrize("grade", ["TOWN:A", "TOWN:B", "LAND:A"])
def test_a_class_of_the_place(small_office: Office, grade: str) -> None:
    assert small_office.fire(asked(small_office), "close", "li", grade=grade).data["grade"] == grade


def test_no_class_of_another_place(small_office: Office) -> None:
    with pytest.raises(FormInvalid) as refusal:
        small_office.fire(asked(small_office), "close", "li", grade="OLD:A")
    (reason,) = refusal.value.reasons
    assert (reason.code, reason.field) == ("form.code", "grade")
    assert "TOWN:A" in reason.text.en and "OLD" not in reason.text.en


def test_the_sets_are_those_of_the_day(small_office: Office) -> None:
    small_office.clock.set(date(2026, 2, 27))
    assert small_office.reasons(asked(small_office), "close", "li", grade="TOWN:A") == {"form.code"}
    assert small_office.fire(asked(small_office), "close", "li", grade="OLD:A").state == "done"


def test_an_old_record_bears_the_class_it_bears(small_office: Office) -> None:
    engine = small_office.engine
    case = engine.start("inquiry", LI, {}, tenant=TENANT, imported=True)
    engine.fire(case.id, "ask", LI, {}, imported=True)
    assert engine.fire(case.id, "close", LI, {"grade": "OLD:A"}, imported=True).data["grade"] == "OLD:A"


def test_the_class_of_xianning(office: Office) -> None:
    case = office.handling()
    draft = {"reply_draft": DOCUMENT, "publication": "full"}
    assert office.reasons(case, "submit_for_signoff", "wang", reply_class="CN-NPC:A", **draft) == {
        "form.code"
    }
    assert office.fire(case, "submit_for_signoff", "wang", reply_class="HB-XIANNING:A", **draft).seq == 6
