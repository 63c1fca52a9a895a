"""A day that something is set for has not passed (`to_come`); a day on which something was, may have."""

from __future__ import annotations

from datetime import timedelta

import pytest

from workflow import Actor, Engine
from workflow.errors import FormInvalid
from workflow.model import PartialDate

from .lifecycle import EXTENSION, TENANT, TODAY, Office, shipped

YESTERDAY, TODAY_TOO = (TODAY - timedelta(days=1)).isoformat(), TODAY.isoformat()
LI = Actor(person="li")

TO_COME = {
    "supervision": {"answer_by", "takes_over_on"},
    "escalation": {"correct_by"},
    "commitment": {"promised_on"},
    "suggestion": {"promised_on", "wanted_until"},
    "extension": {"wanted_until"},
    "duty_task": {"due_by"},
    "prep_campaign": {"opening_on", "eve_on", "cut_off_on"},
    "reception_day": {"reception_on"},
}
RECORDED = {
    # What was: received, told, delivered, seen, heard, met, reported, copied.
    "supervision": {"visited_on", "heard_on", "closing_on"},
    "escalation": {"met_on"},
    "suggestion": {"closing_on", "told_on", "assigned_on", "contact_on", "delivered_on", "granted_until"},
    "suggestion_draft": {"told_on"},
    "separate_handling": {"contact_on", "delivered_on"},
    "second_assignment": {"contact_on", "delivered_on", "extended_until"},
    "opinion": {"received_on", "deputy_told_on", "voter_told_on", "extended_until"},
    "reception_day": {"received_on"},
    "reverse_conversion": {"copied_on", "told_procuratorate_on"},
    "procuratorate_conversion": {"served_on"},
    "yearly_report": {"reported_on"},
    # An activity that nobody had planned here is entered afterwards.
    "activity": {"held_on"},
    # A ledger refuses what is not later than its day (`not_later`), as for the extensions above.
    "extension": {"granted_until"},
}


def test_every_day_of_a_form_has_been_or_is_to_come() -> None:
    """A new date has to be put on one side."""
    found = {
        (definition.name, field.name): field.to_come
        for definition in shipped().definitions.values()
        for field in definition.fields.values()
        if field.type == "date"
    }
    assert {one for one, ahead in found.items() if ahead} == {(k, n) for k, ns in TO_COME.items() for n in ns}
    assert {one for one, ahead in found.items() if not ahead} == {
        (k, n) for k, ns in RECORDED.items() for n in ns
    }


def test_what_is_set_for_a_day_that_has_passed_is_refused(sqlite_office: Office) -> None:
    """At its field, with what would be right; the day itself is taken."""
    office = sqlite_office
    case = office.handling()
    overlay = office.pressed(case, "liu")
    how = {"next_supervisors": ["chair"], "handover_reason": "换届"}
    with pytest.raises(FormInvalid) as refusal:
        office.fire(overlay, "arrange_handover", "li", takes_over_on=YESTERDAY, **how)
    (reason,) = refusal.value.reasons
    assert (reason.code, reason.field) == ("form.past", "takes_over_on")
    assert (reason.text.zh, reason.text.en) == (
        "接任日期：2026-03-01 已经过去，须为 2026-03-02 或以后的日期",
        "day of taking over: 2026-03-01 has passed, give 2026-03-02 or a later day",
    )
    said = {"supervision_opinion": "说明选址"}
    assert office.reasons(overlay, "demand", "li", answer_by=YESTERDAY, **said) == {"form.past"}
    promise = {"promise": "建驿站"}
    assert office.reasons(case, "add_commitment", "wang", promised_on=YESTERDAY, **promise) == {"form.past"}
    until = {**EXTENSION, "wanted_until": YESTERDAY}
    assert office.reasons(case, "request_extension", "wang", **until) == {"form.past"}
    seen = office.fire(overlay, "visit_site", "li", visited_on="2025-11-01", visit_record="看了工地")
    assert seen.data["visited_on"] == "2025-11-01", "what was done is a record"
    assert office.fire(overlay, "arrange_handover", "li", takes_over_on=TODAY_TOO, **how).data[
        "takes_over_on"
    ]


def _day(engine: Engine, on: str, **how: object) -> str:
    data = {"station_unit": "st1", "month": on[:7], "reception_on": on}
    return engine.start("reception_day", LI, data, tenant=TENANT, **how).state  # type: ignore[arg-type]


def test_a_case_is_not_begun_for_a_day_that_has_passed_but_an_old_one_is_imported(
    sqlite_office: Office,
) -> None:
    """Nor in a rehearsal."""
    engine = sqlite_office.engine
    for how in ({}, {"dry_run": True}):
        with pytest.raises(FormInvalid) as refusal:
            _day(engine, "2026-02-15", **how)
        assert [r.field for r in refusal.value.reasons] == ["reception_on"]
    assert _day(engine, "2026-03-15") == "dated"
    old = PartialDate(year=2026, month=1)
    assert _day(engine, "2026-02-15", imported=True, effective_on=old) == "dated"
