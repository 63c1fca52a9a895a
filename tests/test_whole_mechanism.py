"""Supervision, escalation, voters' opinions, activities and mistakes, as persons live them: the guards that only data show."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from definitions.campaigns import prepare_session, session_moved
from workflow import Actor, Case, NotFound, Refused

from .lifecycle import DOCUMENT, DRAFT, SESSION, TENANT, Office
from .test_parties import CITY, deputy

STAFF = {
    "zhuan": ("special_committee", None), "keeper": ("station_keeper", "st1"), "clerk": ("station_clerk", "st1"),
    "town": ("township_presidium", None), "other-keeper": ("station_keeper", "st2"), "yin": ("deputy_affairs", None),
}  # fmt: skip
OPINION = {
    "station_unit": "st1", "received_on": "2026-03-02", "intake": "reception", "receivers": ["dep1"], "voter_id": "v-17",
    "voter_name": "王某", "voter_contact": "139", "subject": "路灯", "opinion_text": "路灯不亮",
}  # fmt: skip


@pytest.fixture
def staffed(office: Office) -> Office:
    """The office with a committee, a station and a township."""
    for person, (role, unit) in STAFF.items():
        office.engine.grant(person, role, TENANT, unit=unit)
    return office


def opinion(office: Office, **more: Any) -> Case:
    return office.engine.start("opinion", Actor(person="clerk"), {**OPINION, **more}, tenant=TENANT)


def supervised(office: Office, case: Case, kind: str) -> Case:
    event = "propose_look_back" if kind == "look_back" else "propose_supervision"
    office.fire(case, event, "zhuan", supervision_kind=kind, supervision_reason="群众关注")
    return office.child(case, "supervisions")


# --- supervision


def test_only_the_council_with_its_meeting_puts_an_item_on_the_list(staffed: Office) -> None:
    """Invariants 15 and 34; handling goes on meanwhile."""
    case = staffed.handling("dep1")
    overlay = supervised(staffed, case, "key")
    for who in ("zhuan", "li", "gov"):
        assert "role" in staffed.reasons(
            overlay, "determine", who, meeting_reference="12号", supervisors=["chair"]
        )
    blank = {"meeting_reference": "", "supervisors": ["chair"]}
    assert staffed.reasons(overlay, "determine", "chair", **blank) == {"form.blank"}
    assert "condition_not_met" in staffed.reasons(overlay, "assign_supervisor", "li", supervisors=["zhuan"])
    staffed.fire(overlay, "determine", "chair", meeting_reference="12号", supervisors=["chair"])
    staffed.fire(overlay, "plan", "zhuan", plan="看现场")
    charge = {"charged_person": "wu", "leader_post": "in_charge"}
    assert staffed.reasons(overlay, "start_pressing", "zhuan", **charge) == {"condition_not_met"}
    staffed.fire(overlay, "start_pressing", "zhuan", **charge | {"leader_post": "main"})
    assert staffed.fire(case, "submit_for_signoff", "wang", **DRAFT).state == "signing_off"  # fmt: skip


@pytest.mark.parametrize(
    "left_out", ["", "visit_site", "hear_deputy", "evaluation", "deputy", "unit", "supervisor"]
)
def test_the_site_is_seen_the_deputies_are_heard_and_evaluate_and_three_confirm_before_it_is_closed(
    staffed: Office, left_out: str
) -> None:
    case = staffed.evaluating("dep1")
    overlay = supervised(staffed, case, "key")
    staffed.fire(overlay, "determine", "chair", meeting_reference="12号", supervisors=["chair"])
    staffed.fire(overlay, "plan", "zhuan", plan="看现场")
    staffed.fire(overlay, "start_pressing", "zhuan", charged_person="wu", leader_post="main")
    if left_out != "visit_site":
        staffed.fire(overlay, "visit_site", "zhuan", visited_on="2026-03-02", visit_record="已看")
    if left_out != "hear_deputy":
        staffed.fire(overlay, "hear_deputy", "zhuan", heard_on="2026-03-02", hearing_record="已听")
    if left_out != "evaluation":
        staffed.evaluate(case, "surveys", {"dep1": "satisfied"})
    staffed.fire(overlay, "report", "wu", progress_report="进展", reported_in_person=True)
    closing = {"meeting_reference": "20号", "closing_note": "已落实"}
    assert "role" in staffed.reasons(overlay, "close_key", "li", **closing)
    assert staffed.reasons(overlay, "close_key", "chair", **closing) == {"condition_not_met"}, (
        "nobody has confirmed"
    )
    staffed.fire(overlay, "seek_confirmation", "zhuan")
    for side, who in {"deputy": "dep1", "unit": "wu", "supervisor": "chair"}.items():
        if side != left_out:
            staffed.fire(overlay, f"confirm_by_{side}", who)
    if left_out:
        assert staffed.reasons(overlay, "close_key", "chair", **closing) == {"condition_not_met"}
    else:
        assert staffed.fire(overlay, "close_key", "chair", **closing).state == "closed"


def test_a_look_back_that_finds_an_item_wanting_has_it_followed_up_again(staffed: Office) -> None:
    case = staffed.evaluate(staffed.evaluating("dep1"), "surveys", {"dep1": "satisfied"})
    case = staffed.fire(case, "settle", "sun")
    assert case.state == "concluded"
    assert staffed.reasons(
        case, "propose_supervision", "zhuan", supervision_kind="look_back", supervision_reason="x"
    )
    overlay = supervised(staffed, case, "look_back")
    assert staffed.reasons(case, "archive", "li", yearly_report="2026") == {"condition_not_met"}
    staffed.fire(overlay, "determine", "chair", meeting_reference="30号", supervisors=["zhuan"])
    staffed.fire(overlay, "plan", "zhuan", plan="回访")
    staffed.fire(overlay, "start_pressing", "zhuan", charged_person="wu", leader_post="in_charge")
    found = {"finding_note": "未建"}
    assert staffed.reasons(overlay, "find_wanting", "zhuan", finding="carried_out", **found) == {
        "condition_not_met"
    }
    staffed.fire(overlay, "find_wanting", "zhuan", finding="not_carried_out", **found)
    assert staffed.now(case).state == "tracking"
    assert staffed.now(case).data["finding"] == "not_carried_out"


def test_an_unanswered_demand_is_a_notice(staffed: Office) -> None:
    case = staffed.handling("dep1")
    overlay = supervised(staffed, case, "counterpart")
    staffed.fire(overlay, "assign_supervisor", "li", supervisors=["zhuan"])
    staffed.fire(overlay, "plan", "zhuan", plan="看现场")
    staffed.fire(overlay, "start_pressing", "zhuan", charged_person="wu", leader_post="in_charge")
    staffed.fire(overlay, "demand", "zhuan", supervision_opinion="月底前开工", answer_by="2026-03-20")
    staffed.clock.set(date(2026, 3, 21))
    assert ("demand", 1, "demand_overdue") in staffed.ticks()
    assert staffed.now(overlay).state == "pressing"
    assert staffed.now(case).state == "handling"


# --- escalation


def test_a_late_reply_is_urged_by_the_timer_and_everything_harder_by_persons(staffed: Office) -> None:
    """Invariant 36."""
    case = staffed.handling("dep1")
    staffed.clock.set(date(2026, 6, 3))
    staffed.ticks()
    against = staffed.child(case, "escalations")
    assert (against.state, against.relations["unit"]) == ("reminded", ("water",))
    assert "automatic" in staffed.reasons(against, "urge", "li")
    staffed.clock.set(date(2026, 12, 31))
    staffed.ticks()
    assert staffed.now(against).state == "urged"  # and no further, however long it takes
    assert staffed.due(against, "urging") is None, "what the clock asked for is done"
    paper = {"ground": "逾期", "criticism": "未答复", "criticism_document": DOCUMENT}
    assert "role" in staffed.reasons(against, "criticise", "wu", **paper)
    staffed.fire(against, "criticise", "gov", **paper)
    order = {"ground": "逾期", "order_text": "限期答复", "correct_by": "2027-01-15"}
    assert "role" in staffed.reasons(against, "order_correction", "li", meeting_reference="1号", **order)
    staffed.fire(against, "order_correction", "chair", meeting_reference="1号", **order)
    motion = {"meeting_reference": "2号", "interpellation_letter": DOCUMENT, "answer_form": "书面"}
    movers = [f"member-{n}" for n in range(5)]  # 监督法 第51条: five in a city
    assert staffed.reasons(against, "record_interpellation", "chair", movers=movers[:4], **motion) == {
        "condition_not_met"
    }
    staffed.fire(against, "record_interpellation", "chair", movers=movers, **motion)
    assert staffed.reasons(against, "resolve", "li", resolution="了结") == {"condition_not_met"}
    assert staffed.reasons(against, "revoke_step", "chair", mistake="误发") == {"two_persons"}
    staffed.fire(case, "submit_for_signoff", "wang", **DRAFT)
    reply = {
        "reply_letter": DOCUMENT, "reply_number": "1", "sealed": True, "reply_class": "HB-XIANNING:A", "publication": "full",
        "recipients": ["dep1"], "copies_to": ["gov"], "delivered_on": "2026-12-31",
    }  # fmt: skip
    staffed.fire(case, "issue_reply", "wu", **reply)
    assert staffed.fire(against, "resolve", "li", resolution="已答复").state == "resolved"


# --- opinions


def test_an_opinion_goes_round_and_is_closed_only_when_both_were_told(staffed: Office) -> None:
    """Invariant 30; the unit never learns who the voter is."""
    case = opinion(staffed)
    assert "condition_not_met" in staffed.reasons(case, "classify", "keeper", route="on_spot")
    staffed.fire(case, "classify", "keeper", route="township")
    assert "condition_not_met" in staffed.reasons(case, "transfer", "keeper", handling_unit="roads")
    staffed.fire(case, "transfer_in_township", "town", handling_unit="roads")
    seen = staffed.engine.case(case.id, actor=Actor(person="qian"))
    assert not {"voter_id", "voter_name", "voter_contact"} & seen.data.keys()
    assert seen.data["subject"] == "路灯"
    staffed.fire(case, "accept", "qian")
    staffed.fire(case, "answer", "qian", answer="已修")
    assert staffed.reasons(case, "close", "keeper") == {"state"}
    staffed.fire(case, "tell_voter", "clerk", voter_told_on="2026-03-02")
    assert staffed.reasons(case, "close", "keeper") == {"state"}
    assert staffed.fire(case, "tell_deputy", "clerk", deputy_told_on="2026-03-02").state == "fed_back"
    assert staffed.fire(case, "close", "keeper").state == "closed"


def test_only_a_deputy_who_received_it_turns_it_into_a_suggestion(staffed: Office) -> None:
    """Invariants 28 and 29; several opinions, one joint suggestion."""
    first, second = opinion(staffed), opinion(staffed, subject="驿站", receivers=["dep2"])
    text = {
        "title": "零工驿站",
        "body": "建驿站",
        "first_signer": "dep1",
        "publication_wish": "full",
        "origin": "voter_opinion",
    }
    for who in ("keeper", "li", "dep2"):
        with pytest.raises((Refused, NotFound)):
            staffed.fire(first, "convert", who, **text)
    assert staffed.reasons(first, "convert", "dep1", **text | {"origin": "deputy"}) == {"condition_not_met"}
    staffed.fire(first, "convert", "dep1", **text)
    (draft,) = staffed.engine.search(kind="suggestion_draft")
    assert (draft.data["arises_from"], draft.data["origin"], draft.relations["lead_deputy"]) == (
        first.id,
        "voter_opinion",
        ("dep1",),
    )
    assert "voter_name" not in draft.data
    # Until he is asked to sign it, he may not know of it.
    assert staffed.reasons(second, "join_suggestion", "dep2", joint_case=draft.id) == {"form.case"}
    staffed.fire(draft, "collect_signatures", "dep1", signers=["dep1", "dep2"], text_hash="0" * 64)
    staffed.fire(second, "join_suggestion", "dep2", joint_case=draft.id)
    assert staffed.now(second).state == "converted"
    staffed.fire(second, "answer_with_other", "keeper", answer="已提出建议")
    assert staffed.now(second).state == "answered"  # and from here the same two legs


def test_what_belongs_to_a_court_is_not_taken_and_both_are_told(staffed: Office) -> None:
    case = opinion(staffed)
    told = {"not_taken_ground": "litigation", "channel": "法院", "voter_told_on": "2026-03-02"}
    with pytest.raises(Refused):
        staffed.fire(case, "redirect", "keeper", **told)
    assert staffed.fire(case, "redirect", "keeper", **told, deputy_told_on="2026-03-02").state == "not_taken"


def test_a_reception_day_with_visitors_has_their_opinions(staffed: Office) -> None:
    day = staffed.engine.start(
        "reception_day", Actor(person="keeper"), {"station_unit": "st1", "month": "2026-03", "reception_on": "2026-03-15"}, tenant=TENANT,
    )  # fmt: skip
    staffed.fire(day, "roster", "keeper", deputies=["dep1", "dep2"])
    staffed.fire(day, "ask_leave", "dep2", leave_reason="出差")
    staffed.clock.set(date(2026, 3, 15))
    staffed.ticks()
    count = {"visitors": 1, "opinions": 1}
    assert staffed.reasons(day, "close", "keeper", **count) == {"condition_not_met"}
    entry = {
        name: OPINION[name]
        for name in ("station_unit", "received_on", "intake", "receivers", "subject", "opinion_text")
    }
    staffed.fire(day, "register_opinion", "clerk", **entry, livelihood_field="travel")
    staffed.fire(day, "register_opinion", "clerk", **entry | {"subject": "水管"})
    lamp, pipe = sorted(staffed.engine.search(kind="opinion"), key=lambda case: str(case.data["subject"]))[
        ::-1
    ]
    assert lamp.data["arises_from"] == pipe.data["arises_from"] == day.id
    # what the second visitor did not say is not what the first one said
    assert ("livelihood_field" in lamp.data, "livelihood_field" in pipe.data) == (True, False)
    staffed.clock.set(date(2026, 3, 18))
    assert ("entry", 1, "urge_entry") in staffed.ticks()
    assert staffed.fire(day, "close", "keeper", **count).state == "closed"


# --- before the session, activities, mistakes


def test_the_reminder_goes_out_one_month_before_the_opening_and_again_when_it_moves(staffed: Office) -> None:
    """D01, to every deputy by name."""
    data = {
        "congress": "六届", "session": "六次", "opening_on": "2027-01-07", "eve_on": "2027-01-06", "deputies": ["dep1", "dep2"],
        "reminder": "请提出建议",
    }  # fmt: skip
    with pytest.raises(Refused):
        staffed.engine.start(
            "prep_campaign", Actor(person="li"), data | {"eve_on": "2027-01-07"}, tenant=TENANT
        )
    case = staffed.engine.start("prep_campaign", Actor(person="li"), data, tenant=TENANT)
    staffed.clock.set(date(2026, 12, 6))
    assert "remind" not in {event for _, _, event in staffed.ticks()}
    staffed.clock.set(date(2026, 12, 7))
    assert ("reminder", 1, "remind") in staffed.ticks()
    assert staffed.now(case).state == "reminded"
    moved = {"opening_on": "2027-02-03", "eve_on": "2027-02-02", "session_decision": "推迟"}
    assert staffed.fire(case, "reschedule", "sun", **moved).state == "scheduled"
    staffed.clock.set(date(2027, 1, 3))
    assert ("reminder", 1, "remind") in staffed.ticks()


def test_deputies_who_meet_the_bureaus_make_a_joint_suggestion_of_it(staffed: Office) -> None:
    data = {
        "activity_kind": "officials_meeting",
        "activity_title": "代表·局长面对面",
        "held_on": "2026-03-02",
    }
    case = staffed.engine.start("activity", Actor(person="li"), data, tenant=TENANT)
    staffed.fire(case, "invite", "li", deputies=["dep1", "dep2"])
    staffed.fire(case, "hold", "li", present=["dep1"], record="住建、人社到场")
    text = {
        "title": "零工驿站",
        "body": "建驿站",
        "first_signer": "dep1",
        "publication_wish": "full",
        "origin": "activity",
    }
    assert "role" in staffed.reasons(case, "propose_jointly", "dep2", **text)
    staffed.fire(case, "propose_jointly", "dep1", **text)
    assert [draft.data["arises_from"] for draft in staffed.engine.search(kind="suggestion_draft")] == [
        case.id
    ]
    staffed.fire(case, "object", "dep2", record_objection="我也参加了")
    corrected = staffed.fire(case, "correct", "li", correction_reason="漏登", present=["dep1", "dep2"])
    assert corrected.relations["attended"] == ("dep1", "dep2")


def test_a_special_inquiry_is_the_councils(staffed: Office) -> None:
    data = {"activity_kind": "special_inquiry", "activity_title": "专题询问", "held_on": "2026-03-02"}
    case = staffed.engine.start("activity", Actor(person="zhuan"), data, tenant=TENANT)
    assert staffed.reasons(case, "invite", "zhuan", deputies=["dep1"]) == {"condition_not_met"}
    staffed.fire(case, "put_on", "chair", meeting_reference="5号")
    assert staffed.fire(case, "invite", "zhuan", deputies=["dep1"]).state == "invited"


def test_a_wrong_assignment_is_undone_once_by_another_person_before_it_is_received(staffed: Office) -> None:
    case = staffed.assigned("dep1")
    due = staffed.engine.history(case.id)[1].data["@clock.assignment_after_session"]["due"]
    why = {"correction_reason": "单位选错", "closing_on": SESSION["closing_on"]}
    assert staffed.reasons(case, "undo_session_assignment", "li", **why) == {"two_persons"}
    undone = staffed.fire(case, "undo_session_assignment", "yin", **why)
    assert (undone.state, undone.relations["lead"]) == ("accepted", ())
    assert staffed.due(case, "reply") is None
    # The time that a session's item has goes on, and no other begins.
    assert str(staffed.due(case, "assignment_after_session")) == due
    assert staffed.due(case, "assignment") is None
    staffed.fire(case, "assign", "li", assignment_mode="sole", lead_unit="roads")
    assert staffed.reasons(case, "undo_session_assignment", "yin", **why) == {"round"}
    with pytest.raises(Refused):
        staffed.fire(staffed.fire(case, "sign_in", "qian"), "undo_session_assignment", "yin", **why)


def test_an_assignment_between_sessions_is_undone_with_a_new_week(staffed: Office) -> None:
    case = staffed.fire(staffed.filed("dep1"), "accept", "li", congress="六届", session="闭会")
    case = staffed.fire(case, "assign", "li", assignment_mode="sole", lead_unit="water")
    why = {"correction_reason": "单位选错"}
    assert staffed.reasons(case, "undo_session_assignment", "yin", **why, closing_on="2026-01-12") == {
        "condition_not_met"
    }
    undone = staffed.fire(case, "undo_assignment", "yin", **why)
    assert undone.state == "accepted"
    assert staffed.due(case, "assignment") is not None
    assert staffed.due(case, "assignment_after_session") is None


def test_a_wrong_conclusion_is_reopened_by_another_person_and_no_evaluation_is_touched(
    staffed: Office,
) -> None:
    case = staffed.evaluate(staffed.evaluating("dep1"), "surveys", {"dep1": "satisfied"})
    staffed.fire(case, "settle", "sun")
    before = [(c.id, c.state) for c in staffed.engine.children(case.id)]
    assert staffed.fire(case, "reopen", "yin", correction_reason="误结").state == "tracking"
    assert [(c.id, c.state) for c in staffed.engine.children(case.id)] == before


def test_a_motion_is_not_accepted_as_a_suggestion(staffed: Office) -> None:
    staffed.engine.grant("pre", "presidium", TENANT)
    session = {"congress": "六届", "session": "六次", "closing_on": "2026-02-20"}
    motion = staffed.filed("dep1", item_kind="motion")
    assert staffed.reasons(motion, "accept_in_session", "li", **session) == {"condition_not_met"}
    assert (
        staffed.fire(motion, "accept_motion", "pre", **session, presidium_decision="立案").number
        == "议案第001号"
    )
    plain = staffed.filed("dep1")
    assert "condition_not_met" in staffed.reasons(
        plain, "accept_motion", "pre", **session, presidium_decision="立案"
    )


def test_with_co_handling_there_are_co_units_and_none_is_the_lead(staffed: Office) -> None:
    case = staffed.accepted("dep1")
    with pytest.raises(Refused) as refused:
        staffed.fire(case, "assign", "li", assignment_mode="lead_and_co", lead_unit="water")
    (reason,) = refused.value.reasons
    assert reason.code == "condition_not_met"
    assert reason.plain is not None and "还没有填“会办单位”" in reason.plain.zh
    both = {"assignment_mode": "lead_and_co", "lead_unit": "water", "co_units": ["water", "roads"]}
    assert staffed.reasons(case, "assign", "li", **both) == {"condition_not_met"}
    assert staffed.fire(case, "assign", "li", **both | {"co_units": ["roads"]}).state == "assigned"


def test_a_session_is_prepared_for_every_deputy_in_office_and_moves(staffed: Office) -> None:
    """The register says who; whoever asks twice starts nothing."""
    engine, li, opening = staffed.engine, Actor(person="li"), date(2027, 1, 7)
    with pytest.raises(ValueError, match="no deputy in office"):
        prepare_session(engine, TENANT, "六届", "六次", opening, "请提出建议", li)
    county = f"{TENANT}/jiayu"
    deputies = [
        deputy("dep1"),
        deputy("dep2"),
        deputy("dep3", status="suspended"),
        deputy("dep4", county, parent="jiayu"),
    ]
    engine.parties.put([*CITY, *deputies], by=Actor(person="set-up"), trusted=True)
    case = prepare_session(engine, TENANT, "六届", "六次", opening, "请提出建议", li)
    assert case.relations["deputy"] == ("dep1", "dep2")
    assert prepare_session(engine, TENANT, "六届", "六次", opening, "请提出建议", li).id == case.id
    assert staffed.due(case, "reminder") == "2026-12-06"
    session_moved(engine, case.id, date(2027, 2, 3), "推迟", li)
    assert staffed.due(case, "reminder") == "2027-01-02"
    assert len(engine.search(kind="prep_campaign")) == 1
