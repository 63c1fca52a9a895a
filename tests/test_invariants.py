"""The invariants of the law that no other test holds: docs/invariants.md names for each of the 39 the test that breaks with it."""

from __future__ import annotations

from datetime import date

import pytest

from workflow import Actor, Case, Engine
from workflow.deadlines import Ledger
from workflow.errors import GuardFailed, NotPermitted
from workflow.library import Library
from workflow.overview import visible

from .lifecycle import DOCUMENT, DRAFT, EXTENSION, GRANTS, PLACE, REPLY, SESSION, TENANT, Office, count

LI = Actor(person="li")


UNITS_OWN = ("wang", "wu", "gov")
"""the clerk and the head of the lead unit, and the government office"""


def test_04_no_unit_closes_what_the_deputies_were_not_satisfied_with(office: Office) -> None:
    """Neither the evaluation nor, in the second round, the case: a unit replies again, the office goes on."""
    case = office.evaluated("dissatisfied")
    assert "condition_not_met" in office.reasons(case, "settle", "sun"), "nor does the office pass over it"
    for who in UNITS_OWN:
        assert "role" in office.reasons(case, "settle", who)
    case = office.fire(case, "second_assign", "sun", deputy_reasons="没有建")
    for one in (case, office.child(case, "second_assignments")):
        for who in UNITS_OWN:
            law = office.engine.laws.pinned(one.definition).definition
            allowed = [p.event for p in office.engine.permitted(one.id, Actor(person=who)) if p.allowed]
            ends = [
                event for event in allowed for move in law.events[event].moves
                if move.to is not None and law.states[move.to].finished
            ]  # fmt: skip
            assert not ends, (who, ends)


def test_08_an_extension_is_granted_by_who_assigned_and_told_to_the_deputies(office: Office) -> None:
    case = office.handling()
    office.fire(case, "request_extension", "wu", **EXTENSION)
    asked = office.child(case, "extensions")
    for who in UNITS_OWN[:2]:
        assert {"role", "separation"} & office.reasons(asked, "grant", who, granted_until="2026-07-01")
    assert office.due(case, "reply") == "2026-06-02", "until it is granted the old day stands"
    office.fire(asked, "grant", "li", granted_until="2026-07-01")
    assert office.due(case, "reply") == "2026-07-01"
    for deputy in ("dep1", "dep2"):
        told = "topic in ('grant', 'extend_reply') and recipient = :who"
        assert count(office.engine, "outbox", told, who=f"party:{deputy}") > 0, deputy


def test_10_the_reply_waits_for_every_opinion_or_its_recorded_absence(office: Office) -> None:
    case = office.handling(co=("roads", "parks"))
    first, second = (office.child(case, "co_opinions", unit) for unit in ("roads", "parks"))
    office.fire(first, "submit", "zhao", co_opinion=DOCUMENT)
    office.fire(first, "accept", "wang")
    assert office.reasons(case, "submit_for_signoff", "wang", **DRAFT) == {"condition_not_met"}, (
        "one is missing"
    )
    waiver = {"waiver_note": "未提供"}
    assert office.reasons(second, "waive", "wu", **waiver) == {"condition_not_met"}, "it is not late yet"
    office.clock.set(date(2026, 5, 7))
    office.fire(second, "waive", "wu", **waiver)
    office.fire(case, "submit_for_signoff", "wang", **DRAFT)
    for who in ("qian", "zhao"):
        assert "role" in office.reasons(case, "issue_reply", who, **REPLY), "a co-unit never issues it"
    assert office.fire(case, "issue_reply", "wu", **REPLY).state == "replied"


@pytest.mark.parametrize("level", ["dissatisfied", "basically_satisfied"])
def test_05_a_bad_evaluation_gives_reasons(office: Office, level: str) -> None:
    case = office.evaluating()
    survey = office.child(case, "surveys", "dep1")
    assert office.reasons(survey, "answer", "dep1", level=level)
    assert office.now(survey).state == "issued"
    assert office.fire(survey, "answer", "dep1", level=level, reasons="没有建").state == "returned"


def test_05_the_second_reply_answers_them(office: Office) -> None:
    again = office.child(office.second_assigned(), "second_assignments")
    office.fire(again, "meet_deputy", "wu", contact_on="2026-03-02", contact_record="见面")
    draft = {"second_reply_draft": DOCUMENT, "second_reply_class": "HB-XIANNING:A", "publication": "full"}
    assert office.reasons(again, "submit_for_signoff", "wang", **draft) == {"form.required"}


def test_07_nothing_is_due_later_than_six_months_after_assignment(office: Office, library: Library) -> None:
    """Neither by an extension nor by rolling over a holiday."""
    case = office.handling()
    beyond = {**EXTENSION, "wanted_until": "2026-09-03"}
    assert office.reasons(case, "request_extension", "wu", **beyond) == {"form.past_outer"}
    office.fire(case, "request_extension", "wu", **{**EXTENSION, "wanted_until": "2026-09-02"})
    asked = office.child(case, "extensions")
    assert office.reasons(asked, "grant", "li", granted_until="2026-09-03") == {"deadline.past_outer"}
    office.fire(asked, "grant", "li", granted_until="2026-09-02")
    assert office.due(case, "reply") == "2026-09-02"
    book, calendar = library.book(PLACE), library.calendar_of(PLACE)
    six = Ledger.start("D12", date(2026, 4, 1), calendar).due(book, calendar)
    assert str(six.on) == "2026-10-01"  # a national holiday


def test_07_months_that_end_in_a_holiday_at_the_limit_do_not_roll(library: Library) -> None:
    book, calendar = library.book(PLACE), library.calendar_of(PLACE)
    anchor = date(2026, 4, 1)
    ledger = Ledger.start("D11", anchor, calendar)
    longer = ledger.extend(date(2026, 9, 30), anchor, "li", "跨年", book, calendar)
    assert longer.due(book, calendar).outer_on == date(2026, 10, 1)
    short = Ledger.start("D17", date(2025, 11, 17), calendar).due(book, calendar)
    assert short.outer_on is not None
    assert short.on <= short.outer_on


def test_11_separate_units_answer_each(office: Office) -> None:
    case = office.accepted()
    case = office.fire(
        case, "assign_separately", "li", assignment_mode="separate", separate_units=["water", "roads"]
    )
    for unit, clerk, head in (("water", "wang", "wu"), ("roads", "qian", "zhao")):
        assert office.now(case).state == "handling_separately"
        part = office.child(case, "separate_replies", unit)
        office.fire(part, "sign_in", clerk)
        office.fire(
            part,
            "first_contact",
            clerk,
            contact_on="2026-03-02",
            contact_way="site_visit",
            contact_record="见面",
        )
        office.fire(part, "submit_for_signoff", clerk, **DRAFT)
        office.fire(part, "issue_reply", head, **REPLY)
    assert office.now(case).state == "replied"


def test_12_the_deputies_of_a_merged_item_are_answered_and_asked(office: Office) -> None:
    """Each of them, with a reply and an evaluation of their own."""
    master, item = office.assigned(), office.accepted("dep2")
    joined = {
        "master": master.id,
        "lead_unit": "water",
        "assigned_on": "2026-03-02",
        "merge_reason": "同一事项",
    }
    office.fire(item, "merge", "li", **joined)
    answer = {name: value for name, value in REPLY.items() if name != "copies_to"}
    nobody = {name: value for name, value in answer.items() if name != "recipients"}
    assert office.reasons(item, "answer_with_master", "li", lead_unit="water", **nobody) == {"form.required"}
    others = {**answer, "recipients": ["dep1"]}
    assert office.reasons(item, "answer_with_master", "li", lead_unit="water", **others) == {
        "condition_not_met"
    }
    item = office.fire(
        item, "answer_with_master", "li", lead_unit="water", **{**answer, "recipients": ["dep2"]}
    )
    assert item.state == "replied"
    item = office.fire(item, "open_evaluation", "sun")
    assert [c.party for c in office.engine.children(item.id) if c.slot == "surveys"] == ["dep2"]


def test_12_nothing_is_joined_to_what_is_itself_joined(office: Office) -> None:
    """Who is answered with another is answered by a case that is being handled."""
    first, second, third = office.assigned(), office.accepted("dep2"), office.accepted("dep3")
    joined = {"lead_unit": "water", "assigned_on": "2026-03-02", "merge_reason": "同一事项"}
    office.fire(second, "merge", "li", master=first.id, **joined)
    assert office.reasons(third, "merge", "li", master=second.id, **joined) == {"condition_not_met"}


def test_13_the_lead_deputy_is_answered_whoever_else_is(office: Office) -> None:
    case, reply = office.signing_off(), {**REPLY, "recipients": ["dep2"]}
    assert office.reasons(case, "issue_reply", "wu", **reply) == {"condition_not_met"}
    assert office.fire(case, "issue_reply", "wu", **{**reply, "recipients": ["dep1"]}).state == "replied"


def test_16_who_leads_signs(office: Office) -> None:
    """Or he could withdraw alone what others signed, and would not be asked."""
    with pytest.raises(GuardFailed):
        office.filed("dep2", first_signer="dep1")


def test_14_the_unit_assigned_replies_and_no_other(office: Office) -> None:
    """Not its inner office, not a subordinate, not a unit beside it."""
    case = office.signing_off()
    office.engine.grant("inner", "unit_head", TENANT, unit="water/office")
    for head in ("inner", "zhao"):
        assert office.reasons(case, "issue_reply", head, **REPLY) == {"role"}
    assert office.fire(case, "issue_reply", "wu", **REPLY).state == "replied"


def test_20_who_is_no_deputy_any_more_neither_evaluates_nor_holds_up_the_rest(office: Office) -> None:
    case = office.evaluating()
    office.engine.sync_grants("dep1", [], by="set-up")
    survey = office.child(case, "surveys", "dep1")
    assert office.reasons(survey, "answer", "dep1", level="satisfied") == {"role"}
    for _ in range(4):
        office.clock.advance(days=40)
        office.ticks()
    assert office.now(survey).state == "not_returned"
    assert office.now(case).state == "evaluated"


def test_22_the_deputys_wish_on_publication_is_kept(office: Office) -> None:
    case = office.signing_off(publication_wish="title_only")
    assert office.reasons(case, "issue_reply", "wu", **REPLY) == {"condition_not_met"}
    assert office.fire(case, "issue_reply", "wu", **{**REPLY, "publication": "title_only"}).state == "replied"


def leads_on(office: Office, case: Case) -> set[str]:
    """Events that would conclude it now and that somebody may fire."""
    events = office.engine.laws.pinned(case.definition).definition.events.values()
    ends = {event.name for event in events if any(move.to == "concluded" for move in event.moves)}
    found = set()
    for person in GRANTS:
        if visible(office.engine, Actor(person=person), [case.id]):
            found |= {
                one.event for one in office.engine.permitted(case.id, Actor(person=person)) if one.allowed
            }
    return ends & found


def test_23_nothing_is_concluded_while_a_promise_is_open(office: Office) -> None:
    case = office.handling()
    codes = office.engine.library.codes["result_class"].values.values()
    ours = [code for code in codes if code.id.startswith("HB-XIANNING:")]
    for code in ours:
        given = {**DRAFT, "reply_class": code.id}
        if code.meanings["promises"]:
            assert office.reasons(case, "submit_for_signoff", "wang", **given) == {"condition_not_met"}, (
                code.id
            )
        else:
            office.engine.fire(case.id, "submit_for_signoff", Actor(person="wang"), given, dry_run=True)
    assert {code.meanings["promises"] for code in ours} == {True, False}
    promising = {"reply_class": "HB-XIANNING:B"}
    office.fire(case, "add_commitment", "wang", promise="建驿站", promised_on="2026-12-01")
    office.fire(case, "submit_for_signoff", "wang", **{**DRAFT, **promising})
    office.fire(case, "issue_reply", "wu", **{**REPLY, **promising})
    given = office.engine.history(case.id)[-1]
    case = office.evaluate(
        office.fire(case, "open_evaluation", "sun"), "surveys", {"dep1": "satisfied", "dep2": "satisfied"}
    )
    case = office.fire(case, "settle", "sun")
    assert case.state == "tracking"
    assert office.reasons(case, "conclude", "li") == {"condition_not_met"}
    promise = office.child(case, "commitments")
    assert (promise.data["promise"], office.due(promise, "promised")) == ("建驿站", "2026-12-01")
    assert leads_on(office, case) == set(), "by nobody and in no way"
    office.fire(promise, "report_fulfilled", "wu", fulfilment="建成")
    assert office.reasons(case, "conclude", "li") == {"condition_not_met"}
    assert leads_on(office, case) == set()
    office.fire(promise, "confirm", "dep1")
    assert leads_on(office, case) == {"conclude"}
    assert office.fire(case, "conclude", "li").state == "concluded"
    (letter,) = [line for line in office.engine.history(case.id) if line.event == "issue_reply"]
    assert letter.data == given.data, "the letter of the day stays as it was"
    assert letter.data["reply_letter"] == REPLY["reply_letter"]
    assert letter.data["reply_class"] == "HB-XIANNING:B"


def test_25_a_transfer_pauses_nothing(office: Office) -> None:
    case = office.handling()
    before = (case.state, office.due(case, "reply"))
    moved = office.fire(
        case, "transfer_to_procuratorate", "li", procuratorate_area="environment", public_interest="水源"
    )
    assert (moved.state, office.due(moved, "reply")) == before
    assert office.fire(case, "submit_for_signoff", "wang", **DRAFT).state == "signing_off"


def test_31_a_reception_day_is_announced_with_place_and_names(office: Office) -> None:
    office.engine.grant("keeper", "station_keeper", TENANT, unit="station")
    day = office.engine.start(
        "reception_day", Actor(person="keeper"),
        {"station_unit": "station", "month": "2026-03", "reception_on": "2026-03-15"}, tenant=TENANT,
    )  # fmt: skip
    office.fire(day, "roster", "keeper", deputies=["dep1"])
    told = {"announcement": "十五日接待", "announced_at": "公告栏"}
    assert office.reasons(day, "announce", "keeper", **told) == {"state"}  # not before the deputies were told
    office.fire(day, "notify", "keeper", hours="8:30–11:30", place="永安街道联络站")
    assert office.fire(day, "announce", "keeper", **told).state == "announced"
    moved = office.fire(day, "postpone", "keeper", change_reason="停电")
    moved = office.fire(moved, "set_new_day", "keeper", reception_on="2026-03-18")
    assert moved.state == "dated"  # to be announced anew
    assert office.reasons(moved, "announce", "keeper", **told) == {"state"}


def test_32_a_change_of_congress_closes_nothing(office: Office) -> None:
    case = office.fire(
        office.handling(), "add_commitment", "wang", promise="建驿站", promised_on="2026-12-01"
    )
    before = (case.state, office.due(case, "reply"))
    after = office.fire(case, "carry_over", "li", carried_to="七届")
    assert (after.state, office.due(after, "reply"), after.closed) == (*before, False)
    assert office.child(after, "commitments").state == "promised"
    assert office.fire(after, "submit_for_signoff", "wang", **DRAFT).state == "signing_off"


def test_33_nothing_is_archived_outside_a_yearly_report(office: Office) -> None:
    case = office.fire(office.evaluated(), "settle", "sun")
    assert office.reasons(case, "archive", "li") == {"form.required"}
    assert office.fire(case, "archive", "li", yearly_report="2026年办理情况报告").state == "archived"


def test_33_the_yearly_report_covers_everything_and_is_published(library: Library) -> None:
    """Items of the session and between sessions, promises of this year and the last; nothing but publication ends it."""
    report = library.definitions["yearly_report"]
    draft = report.events["draft_report"]
    covered = {"covers_session", "covers_between", "covers_promises"}
    assert draft.when is not None
    assert draft.when.names == covered
    assert covered <= {f.name for f in draft.form if f.required}
    assert {name for name, state in report.states.items() if state.end} == {"published"}
    assert [e.name for e in report.events.values() for m in e.moves if m.to == "published"] == ["publish"]


def test_37_a_day_no_notice_covers_is_provisional(office: Office, library: Library) -> None:
    office.clock.set(date(2026, 12, 28))
    case = office.fire(office.filed(), "accept_in_session", "li", **SESSION)
    case = office.fire(case, "assign", "li", assignment_mode="sole", lead_unit="water")
    found = {clock.name: clock.provisional for clock in case.clocks if clock.running}
    assert found["return_window"]
    calendar = library.calendar_of(PLACE)
    assert calendar.is_provisional(date(2027, 1, 4))
    assert not calendar.is_provisional(date(2026, 10, 8))


def test_38_an_official_who_also_sits_in_the_unit_opens_no_evaluation(office: Office) -> None:
    case = office.replied()
    office.engine.grant("sun", "unit_clerk", TENANT, unit="water")
    with pytest.raises(NotPermitted):
        office.fire(case, "open_evaluation", "sun")
    assert office.now(case).state == "replied"
    assert office.engine.children(case.id) == []
    assert office.fire(case, "open_evaluation", "song").state == "evaluating"


def test_39_twice_is_once(office: Office, other: Engine) -> None:
    """A second assignment and its survey exist once for a round, whoever sends it again and from whichever node."""
    case = office.evaluated("dissatisfied")
    for engine in (office.engine, other, office.engine):
        engine.fire(case.id, "second_assign", Actor(person="sun"), {"deputy_reasons": "没有建"}, key="second")
    assert len([c for c in office.engine.children(case.id) if c.slot == "second_assignments"]) == 1
    office.clock.advance(days=20)
    fired = office.ticks()
    assert fired
    assert office.ticks() == []
    while more := other.tick():
        raise AssertionError(more)
