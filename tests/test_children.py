"""Families: joins, ends, raises, begets, rounds; the ways back of the real suggestion; evaluation and what follows."""

from __future__ import annotations

from datetime import date

import pytest

from definitions.drafts import text_hash
from workflow import Actor, Case
from workflow.errors import DeadlineRefused, GuardFailed, NotInState

from .lifecycle import DOCUMENT, EXTENSION, SESSION, SUGGESTION, TENANT, Office

LI = Actor(person="li")


def asked(office: Office, kind: str, *units: str) -> Case:
    return office.engine.start(kind, LI, {"units": list(units)}, tenant=TENANT)


def give(office: Office, case: Case, unit: str) -> str:
    who = {"water": "wang", "roads": "qian", "parks": "feng"}[unit]
    office.fire(office.child(case, "opinions", unit), "give", who, text="同意")
    return office.now(case).state


def test_join_all(small_office: Office) -> None:
    case = asked(small_office, "ask_all", "water", "roads")
    assert [give(small_office, case, unit) for unit in ("water", "roads")] == ["open", "heard"]
    assert [line.automatic for line in small_office.engine.history(case.id)] == [None, "join"]


def test_join_any(small_office: Office) -> None:
    case = asked(small_office, "ask_any", "water", "roads")
    assert give(small_office, case, "roads") == "heard"


def test_join_as_many_as_a_rule_says(small_office: Office) -> None:
    case = asked(small_office, "ask_two", "water", "roads", "parks")
    assert [give(small_office, case, unit) for unit in ("parks", "water")] == ["open", "heard"]


def test_join_or_after_a_deadline(small_office: Office) -> None:
    """When the clock has run out the join is satisfied with what there is, by the tick itself."""
    case = asked(small_office, "ask_after", "water", "roads")
    assert give(small_office, case, "water") == "open"
    small_office.clock.set(date(2026, 3, 12))
    small_office.ticks()
    assert small_office.now(case).state == "open"
    small_office.clock.set(date(2026, 3, 13))
    small_office.ticks()
    assert small_office.now(case).state == "heard"
    assert [line.event for line in small_office.engine.history(case.id)] == ["start", "missed", "heard"]


def test_units_come_and_go(small_office: Office) -> None:
    """An added unit gets a child of its own and is waited for, one that has answered is not asked again; a released one is
    waited for no more."""
    case = asked(small_office, "ask_all", "water", "roads")
    give(small_office, case, "water")
    small_office.fire(case, "add", "li", units=["parks", "water"])
    assert [c.party for c in small_office.engine.children(case.id)].count("roads") == 1
    assert small_office.now(case).relations["unit"] == ("water", "roads", "parks")
    give(small_office, case, "parks")
    assert sorted(str(c.party) for c in small_office.engine.children(case.id)) == ["parks", "roads", "water"]
    assert small_office.now(case).state == "open"
    small_office.fire(small_office.child(case, "opinions", "roads"), "release", "li")
    assert small_office.now(case).state == "heard"


def test_ends_cascade(small_office: Office) -> None:
    case = asked(small_office, "ask_all", "water", "roads")
    give(small_office, case, "water")
    small_office.fire(case, "close", "li")
    assert {c.state for c in small_office.engine.children(case.id)} == {"given", "recalled"}
    with pytest.raises(NotInState):
        give(small_office, case, "roads")


# --- 延期


def test_an_extension_raised_by_its_child(office: Office) -> None:
    case = office.handling()
    office.fire(case, "request_extension", "wang", **EXTENSION)
    child = office.child(case, "extensions")
    office.clock.set(date(2026, 6, 20))  # granted after the due day, asked before it
    assert office.reasons(child, "grant", "wu", granted_until="2026-08-01") >= {"separation"}
    with pytest.raises(DeadlineRefused):
        office.fire(child, "grant", "li", granted_until="2026-09-03")  # past the outer limit
    office.fire(child, "grant", "li", granted_until="2026-09-02")
    assert office.due(case, "reply") == "2026-09-02"
    assert office.engine.history(case.id)[-1].event == "extend_reply"


def test_an_extension_asked_late(office: Office) -> None:
    case = office.handling()
    office.clock.set(date(2026, 6, 2))
    office.fire(case, "request_extension", "wang", **EXTENSION)
    office.fire(office.child(case, "extensions"), "refuse", "li", decision_note="不同意")
    office.clock.set(date(2026, 6, 3))
    with pytest.raises(GuardFailed):
        office.fire(case, "request_extension", "wang", **EXTENSION)


def test_rounds_are_bounded(office: Office) -> None:
    case = office.handling()
    for _ in range(2):
        office.fire(case, "request_extension", "wang", **EXTENSION)
        office.fire(office.child(case, "extensions"), "refuse", "li", decision_note="不同意")
    assert office.reasons(case, "request_extension", "wang", **EXTENSION) == {"round"}


# --- begets


def test_a_draft_becomes_a_suggestion(office: Office) -> None:
    office.engine.grant("dep1", "deputy", TENANT)
    data = {"title": "题", "body": "文", "first_signer": "dep1", "publication_wish": "full"}
    draft = office.engine.start("suggestion_draft", Actor(person="dep1"), data, tenant=TENANT)
    sent = text_hash("题", "文")
    office.fire(draft, "collect_signatures", "dep1", signers=["dep1", "dep2"], text_hash=sent)
    for deputy in ("dep1", "dep2"):
        asked = office.child(draft, "signatures", deputy)
        assert office.reasons(asked, "confirm", deputy, seen_hash=text_hash("题", "文。")) == {
            "condition_not_met"
        }
        office.fire(asked, "confirm", deputy, seen_hash=text_hash(asked.data["title"], asked.data["body"]))
    office.fire(draft, "submit_for_review", "dep1")
    office.fire(draft, "pass", "li")
    assert office.fire(draft, "file", "dep1").state == "filed"
    (born,) = office.engine.search(kind="suggestion")
    assert (born.state, born.tenant, born.relations["signer"], born.root) == (
        "filed",
        TENANT,
        ("dep1", "dep2"),
        born.id,
    )
    assert {k: born.data[k] for k in data} == data
    assert born.data["arises_from"] == draft.id
    assert office.fire(born, "accept", "li", congress="六届", session="五次").number


# --- the ways back


def test_return_and_change_of_units(office: Office) -> None:
    """退办, 改办: the children end, the units change, the outer limit still counts from the first assignment."""
    case = office.assigned(co=("roads",))
    office.fire(case, "request_return", "wu", return_reason="不归我管", competent_unit="roads")
    office.clock.advance(days=3)
    office.fire(case, "approve_return", "li", return_decision="同意")
    assert office.child(case, "co_opinions", "roads").state == "recalled"
    case = office.fire(
        case, "change_units", "li", assignment_mode="lead_and_co", lead_unit="parks", co_units=["roads"]
    )
    assert case.relations["lead"] == ("parks",)
    assert [c.state for c in office.engine.children(case.id)] == ["recalled", "assigned"]
    assert office.due(case, "since_first_assignment") == "2026-09-02"
    assert office.reasons(case, "sign_in", "wang") == {"role"}
    assert office.fire(case, "sign_in", "feng").state == "signed_in"


def test_a_return_is_asked_once_and_in_time(office: Office) -> None:
    case = office.assigned()
    office.fire(case, "request_return", "wu", return_reason="不归我管", competent_unit="roads")
    office.fire(case, "refuse_return", "li", return_decision="不同意")
    assert office.reasons(case, "request_return", "wu", return_reason="仍不归我管", competent_unit="roads")
    late = office.assigned()
    office.clock.advance(days=20)
    assert office.reasons(late, "request_return", "wu", return_reason="不归我管", competent_unit="roads")


def test_withdrawal_by_one_and_by_all(office: Office) -> None:
    one = office.handling("dep1", co=("roads",))
    assert office.reasons(one, "withdraw", "dep2", withdrawal_letter=DOCUMENT) == {"role"}
    assert office.fire(one, "withdraw", "dep1", withdrawal_letter=DOCUMENT).state == "withdrawn"
    assert office.child(one, "co_opinions").state == "recalled"
    two = office.handling()
    with pytest.raises(GuardFailed):
        office.fire(two, "withdraw", "dep1", withdrawal_letter=DOCUMENT)
    office.fire(two, "request_withdrawal", "dep1", withdrawal_letter=DOCUMENT)
    office.fire(office.child(two, "withdrawals", "dep1"), "agree", "dep1")
    assert office.now(two).state == "handling"
    office.fire(office.child(two, "withdrawals", "dep2"), "agree", "dep2")
    assert office.now(two).state == "withdrawn"


def test_merging(office: Office) -> None:
    master = office.assigned()
    item = office.accepted()
    item = office.fire(
        item,
        "merge",
        "li",
        master=master.id,
        lead_unit="water",
        assigned_on="2026-03-02",
        merge_reason="同一事项",
    )
    assert (item.state, office.due(item, "merged_reply")) == ("merged", "2026-06-02")
    assert office.fire(item, "unmerge", "li", unmerge_reason="主案撤回").state == "unit_returned"


def test_a_joined_item_is_not_answered_years_later_by_a_date_ahead(office: Office) -> None:
    """The day of the master's assignment has been; the closing day of a session, from which a clock counts too, may be ahead."""
    item, master = office.accepted(), office.assigned()
    given = {"master": master.id, "lead_unit": "water", "merge_reason": "同一事项"}
    assert office.reasons(item, "merge", "li", assigned_on="2029-03-02", **given) == {"form.ahead"}
    filed = office.filed()
    coming = office.fire(filed, "accept_in_session", "li", **{**SESSION, "closing_on": "2026-03-12"})
    assert office.due(coming, "assignment_after_session") > "2026-03-12"


def test_a_master_item_is_another_running_one_of_the_same_congress(office: Office) -> None:
    item, ended = office.accepted(), office.filed("dep1")
    office.fire(ended, "withdraw", "dep1", withdrawal_letter=DOCUMENT)
    office.engine.grant("xi", "deputy_affairs", "hb/huangshi")
    there = office.engine.start("suggestion", Actor(person="xi"), SUGGESTION, tenant="hb/huangshi")
    given = {"lead_unit": "water", "assigned_on": "2026-03-02", "merge_reason": "同一事项"}
    expected = {
        item.id: "form.itself",
        "没有": "form.case",
        there.id: "form.case",
        ended.id: "condition_not_met",
    }
    for master, code in expected.items():
        assert office.reasons(item, "merge", "li", master=master, **given) == {code}, master
    assert office.now(item).state == "accepted"


# --- evaluation


def test_satisfied(office: Office) -> None:
    case = office.evaluated()
    assert case.state == "evaluated"
    assert office.reasons(case, "second_assign", "sun", deputy_reasons="无")
    assert office.fire(case, "settle", "sun").state == "concluded"


def test_dissatisfied_then_satisfied(office: Office) -> None:
    case = office.evaluated("dissatisfied")
    assert office.reasons(case, "settle", "sun")
    case = office.evaluate(
        office.re_evaluating(), "second_surveys", {"dep1": "satisfied", "dep2": "satisfied"}
    )
    assert case.state == "re_evaluated"
    assert office.reasons(case, "assess", "li", assessment_participants="代工委")
    assert office.fire(case, "settle_second", "sun").state == "concluded"


@pytest.mark.parametrize(
    ("understands", "ends", "settled"),
    [
        # one rose from 不满意; what the other said is as good as it was, and he has not said that he understands
        ("", ("basically_risen", "basically_satisfied"), False),
        ("dep2", ("basically_risen", "basically_understood"), True),
        ("dep1", ("basically_risen", "basically_satisfied"), False),
    ],
)
def test_each_deputy_is_compared_with_himself(
    sqlite_office: Office, understands: str, ends: tuple[str, str], *, settled: bool
) -> None:
    """That one level rose says nothing of the other deputy's."""
    office = sqlite_office
    case = office.evaluating()
    office.evaluate(case, "surveys", {"dep1": "dissatisfied", "dep2": "basically_satisfied"})
    case = office.evaluate_again(case)
    for deputy in ("dep1", "dep2"):
        survey = office.child(case, "second_surveys", deputy)
        given = {"level": "basically_satisfied", "reasons": "还差一半", "understands": deputy == understands}
        office.fire(survey, "answer", deputy, **given)
        office.fire(survey, "tally", "sun")
    assert tuple(office.child(case, "second_surveys", who).state for who in ("dep1", "dep2")) == ends
    shut, way = ("assess", "settle_second") if settled else ("settle_second", "assess")
    note = {"assessment_participants": "代工委"}
    given, other = ({}, note) if settled else (note, {})
    assert office.reasons(case, shut, "li" if settled else "sun", **other) == {"condition_not_met"}
    assert office.fire(case, way, "sun" if settled else "li", **given).state == (
        "concluded" if settled else "assessing"
    )


def test_who_was_satisfied_and_is_no_longer_has_not_risen(sqlite_office: Office) -> None:
    """Nor does he count as risen because another was dissatisfied."""
    case = sqlite_office.re_evaluating("dissatisfied")
    sqlite_office.evaluate(
        case, "second_surveys", {"dep1": "basically_satisfied", "dep2": "basically_satisfied"}
    )
    assert [sqlite_office.child(case, "second_surveys", who).state for who in ("dep1", "dep2")] == [
        "basically_satisfied", "basically_risen",
    ]  # fmt: skip
    assert sqlite_office.reasons(case, "settle_second", "sun") == {"condition_not_met"}


def test_dissatisfied_twice(office: Office) -> None:
    """A second 不满意 ends with people: assessment, a decision, its execution."""
    case = office.re_evaluated("dissatisfied", "dissatisfied")
    assert office.reasons(case, "settle_second", "sun")
    office.fire(case, "assess", "li", assessment_participants="代工委")
    decision = {"unresolved_decision": "supervise", "decision_text": "列入", "assessment_record": DOCUMENT}
    assert office.reasons(case, "decide_unresolved", "li", **decision)  # that needs the council
    case = office.fire(case, "decide_unresolved", "li", **{**decision, "meeting_reference": "纪要1号"})
    assert case.state == "decision_made"
    office.fire(case, "report_execution", "wu", execution_report=DOCUMENT)
    assert office.fire(case, "conclude_decided", "li").state == "concluded"
