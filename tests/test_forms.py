"""What the two databases would treat differently is refused before either sees it, in every text that can be given."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from workflow import Actor, NotFound, Refused
from workflow.errors import FormInvalid, GuardFailed
from workflow.forms import schema_of
from workflow.library import Library
from workflow.model import Grant
from workflow.verify import verify

from .lifecycle import CONTACT, DOCUMENT, SUGGESTION, TENANT, Office, count, execute

LI = Actor(person="li")
UNFIT = ["a\x00b", "a\ud800", "a\u202eb", "a\u2066", "a\x1b"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("title", text) for text in (*UNFIT, "", " ", 7, None, ["x"], True, "x" * 200_001)),
        *(("first_signer", text) for text in (*UNFIT, "x" * 81)),
        ("signers", "dep1"), ("signers", ["dep1", "dep1"]), ("signers", ["a\x00"]), ("signers", [2**63]),
        ("reference_only", 1), ("reference_only", "yes"), ("reference_only", float("nan")), ("publication_wish", "none"),
        ("attachments", [DOCUMENT, DOCUMENT]), ("attachments", [{**DOCUMENT, "size": 2**63}]),
        ("attachments", [{**DOCUMENT, "size": float("nan")}]), ("attachments", [{**DOCUMENT, "sha256": "A" * 64}]),
        ("attachments", [{**DOCUMENT, "name": "附件\u202egpj.exe"}]), ("attachments", [{**DOCUMENT, "path": "/etc"}]),
    ],
)  # fmt: skip
def test_a_field(sqlite_office: Office, field: str, value: Any) -> None:
    with pytest.raises(FormInvalid) as refused:
        sqlite_office.engine.start("suggestion", LI, {**SUGGESTION, field: value}, tenant=TENANT)
    assert [reason.field for reason in refused.value.reasons] == [field]


def test_everything_beside_the_form(office: Office) -> None:
    """The same refusal on both databases for names, keys, reasons and ids."""
    e, case = office.engine, office.handling()
    lines = count(e, "history")
    for bad in (*UNFIT, "x" * 3000):
        for actor in (
            Actor(person=bad),
            Actor(person="wang", on_behalf_of=bad),
            Actor(person="wang", unit=bad),
        ):
            with pytest.raises(Refused):
                e.fire(case.id, "record_contact", actor, CONTACT)
        for more in ({"key": bad}, {"reason": bad}):
            with pytest.raises(FormInvalid):
                e.fire(case.id, "record_contact", Actor(person="wang"), CONTACT, **more)
        for more in ({"tenant": bad}, {"tenant": TENANT, "id": bad}):
            with pytest.raises(FormInvalid):
                e.start("suggestion", LI, SUGGESTION, **more)
        with pytest.raises(FormInvalid):
            e.sync_grants(bad, [Grant(id="", person=bad, role="deputy", scope=TENANT)], by="set-up")
        for question in (
            e.case,
            e.history,
            lambda id: e.fire(id, "assign", LI),
            lambda id: e.permitted(id, LI),
        ):
            with pytest.raises(NotFound):
                question(bad)
        with pytest.raises(NotFound):
            e.start(bad, LI, SUGGESTION, tenant=TENANT)
        with pytest.raises(NotFound):
            e.fire(case.id, bad, LI)
    assert count(e, "history") == lines


def test_one_stored_form(office: Office) -> None:
    """NFC; dates in ISO; what is stored is what comes back."""
    case = office.filed(title="cafe\u0301")
    assert case.data["title"] == "café"
    assert office.now(case).data == case.data == office.engine.case_at(case.id, 1).data
    accepted = office.fire(
        case,
        "accept_in_session",
        "li",
        congress="六届",
        session="五次",
        closing_on=date(2026, 1, 10),
        out_of_session_reason="会后受理",
    )
    assert accepted.data["closing_on"] == "2026-01-10"


def test_null_takes_away_what_a_form_can_do_without(office: Office) -> None:
    """An answer is corrected: one grade and the understanding were given by mistake. The rules are asked of what is left."""
    e, survey = office.engine, office.child(office.evaluating(), "surveys", "dep1")
    given = {
        "level": "satisfied",
        "attitude_level": "dissatisfied",
        "reasons": "态度不好",
        "understands": True,
    }
    office.fire(survey, "answer", "dep1", **given)
    with pytest.raises(GuardFailed):
        office.fire(survey, "correct", "dep1", level="satisfied", reasons=None)
    with pytest.raises(FormInvalid) as refused:
        office.fire(survey, "correct", "dep1", level=None)
    assert [(reason.code, reason.field) for reason in refused.value.reasons] == [("form.null", "level")]
    lines = count(e, "history")
    taken = {"attitude_level": None, "reasons": None, "result_level": None}
    case = office.fire(survey, "correct", "dep1", level="satisfied", **taken)
    assert count(e, "history") == lines + 1
    now = {"title": case.data["title"], "level": "satisfied", "understands": True}
    assert case.data == office.now(survey).data == now
    said = {name: value for name, value in e.history(case.id)[-1].data.items() if name[0] != "@"}
    # that there was no grade of the result is not news
    assert said == {"level": "satisfied", "attitude_level": None, "reasons": None}
    assert e.case_at(case.id, case.seq).data == now
    assert e.case_at(case.id, case.seq - 1).data == {"title": now["title"], **given}
    assert verify(e.store).sound
    assert office.fire(survey, "tally", "sun").state == "satisfied", "as if it had never been given"


def test_what_was_taken_away_and_stands_in_the_row_is_found(sqlite_office: Office) -> None:
    e, survey = sqlite_office.engine, sqlite_office.child(sqlite_office.evaluating(), "surveys", "dep1")
    sqlite_office.fire(survey, "answer", "dep1", level="satisfied", attitude_level="satisfied")
    sqlite_office.fire(survey, "correct", "dep1", level="satisfied", attitude_level=None)
    execute(
        e,
        f"update {{p}}cases set data = json_set(data, '$.attitude_level', 'satisfied') where id = '{survey.id}'",
    )
    assert {f.code for f in verify(e.store).faults} == {"case_data"}


def test_a_case_that_is_only_begun_has_nothing_to_take_away(sqlite_office: Office) -> None:
    with pytest.raises(FormInvalid) as refused:
        sqlite_office.engine.start("suggestion", LI, {**SUGGESTION, "attachments": None}, tenant=TENANT)
    assert [reason.code for reason in refused.value.reasons] == ["form.null"]


def test_a_correction_takes_nothing_away_that_a_step_before_it_required(library: Library) -> None:
    """In every shipped lifecycle: what one form requires, the start's included, no other gives up."""
    checked = 0
    for definition in library.definitions.values():
        forms = [definition.start, *definition.events.values()]
        required = {asked.name for event in forms for asked in event.form if asked.required}
        for event in definition.events.values():
            fields = schema_of(definition, event, library.codes).fields
            assert not {name for name, field in fields.items() if field.allow_none} & required, event.name
            checked += bool(fields.keys() & required)
    assert checked > 100


def test_what_a_reply_required_is_corrected_and_not_taken_away(sqlite_office: Office) -> None:
    case, lines = sqlite_office.evaluating(), count(sqlite_office.engine, "history")
    given = {"reply_number": None, "delivered_on": None, "correction_reason": "录入错误"}
    with pytest.raises(FormInvalid) as refused:
        sqlite_office.fire(case, "correct_entry", "li", **given)
    assert {reason.field for reason in refused.value.reasons} == {"reply_number", "delivered_on"}
    assert {reason.code for reason in refused.value.reasons} == {"form.null"}
    assert count(sqlite_office.engine, "history") == lines


@pytest.mark.parametrize("dimension", ["attitude_level", "result_level"])
@pytest.mark.parametrize("first", [True, False])
def test_a_grade_that_one_of_two_clerks_leaves_out_is_no_agreement(
    sqlite_office: Office, dimension: str, first: bool
) -> None:
    """Invariant 2: a form that says 不满意 of one thing never becomes 满意 by what the second clerk omits."""
    survey = sqlite_office.child(sqlite_office.evaluating(), "surveys", "dep1")
    grade = {dimension: "dissatisfied"}
    paper = {f"paper_{name}": value for name, value in grade.items()} if first else {}
    sqlite_office.fire(
        survey,
        "record_paper",
        "sun",
        paper_level="satisfied",
        paper_reasons="差",
        paper_scan=DOCUMENT,
        **paper,
    )
    again = {"level": "satisfied", "reasons": "差", **({} if first else grade)}
    assert sqlite_office.reasons(survey, "check_paper", "song", **again)
    both = {**again, **grade}
    if first:
        assert sqlite_office.fire(survey, "check_paper", "song", **both).state == "returned"
        assert sqlite_office.fire(survey, "tally", "sun").state == "dissatisfied"


@pytest.mark.parametrize("first", [True, False])
def test_that_the_deputy_understands_is_entered_by_both_clerks(sqlite_office: Office, first: bool) -> None:
    survey = sqlite_office.child(sqlite_office.evaluating(), "surveys", "dep1")
    paper = {
        "paper_level": "basically_satisfied",
        "paper_reasons": "尚可",
        "paper_scan": DOCUMENT,
        "paper_understands": first,
    }
    sqlite_office.fire(survey, "record_paper", "sun", **paper)
    again = {"level": "basically_satisfied", "reasons": "尚可"}
    assert sqlite_office.reasons(survey, "check_paper", "song", **again, understands=not first)
    assert sqlite_office.fire(survey, "check_paper", "song", **again, understands=first).state == "returned"
