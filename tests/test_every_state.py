"""The first line of a suggestion and of its second handling, in every state there is, in both languages: with whom it is, how long
there is left, and what comes next for whoever holds it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from workflow import Case

from .console import Desk, Reader
from .lifecycle import CONTACT, DOCUMENT, DRAFT, REPLY, SECOND_REPLY, Office
from .stories import sentence

TOLD = {"refusal_ground": "no_content", "refusal_explanation": "说明", "told_on": "2026-03-02"}
MERGED = {"lead_unit": "water", "assigned_on": "2026-03-02", "merge_reason": "同一事项"}
DECISION = {
    "unresolved_decision": "supervise", "decision_text": "列入", "assessment_record": DOCUMENT, "meeting_reference": "纪要1号",
}  # fmt: skip


def walked(o: Office) -> Iterator[Case]:
    """A suggestion and a second handling in each of their states, as soon as they are there."""
    yield o.filed("dep1")
    yield o.fire(o.filed("dep1"), "decline", "li", **TOLD)
    yield o.fire(o.filed("dep1"), "treat_as_letter", "li", **TOLD)
    yield o.fire(o.filed("dep1"), "withdraw", "dep1", withdrawal_letter=DOCUMENT)
    yield o.accepted()
    case = o.assigned()
    yield case
    yield o.fire(o.accepted(), "merge", "li", master=case.id, **MERGED)
    yield o.fire(case, "request_return", "wu", return_reason="不归我管", competent_unit="roads")
    yield o.fire(case, "approve_return", "li", return_decision="同意")
    yield o.fire(
        o.accepted(), "assign_separately", "li", assignment_mode="separate", separate_units=["water", "roads"]
    )
    case = o.fire(o.assigned(), "sign_in", "wang")
    yield case
    yield o.fire(case, "first_contact", "wang", **CONTACT)
    yield o.fire(case, "submit_for_signoff", "wang", **DRAFT)
    yield o.fire(case, "issue_reply", "wu", **REPLY)
    yield o.fire(case, "open_evaluation", "sun")
    yield o.evaluate(case, "surveys", {"dep1": "satisfied", "dep2": "dissatisfied"})
    yield o.fire(case, "second_assign", "sun", deputy_reasons="没有建")
    again = o.child(case, "second_assignments")
    yield again
    yield o.fire(again, "meet_deputy", "wu", contact_on="2026-03-02", contact_record="见面")
    yield o.fire(
        again, "submit_for_signoff", "wang", second_reply_draft=DOCUMENT, second_reply_class="HB-XIANNING:A",
        answers_to_reasons="逐条", publication="full",
    )  # fmt: skip
    yield o.fire(again, "reply_again", "wu", **SECOND_REPLY)
    yield o.now(case)
    yield o.fire(case, "open_second_evaluation", "sun")
    yield o.evaluate(case, "second_surveys", {"dep1": "satisfied", "dep2": "dissatisfied"})
    yield o.fire(case, "assess", "li", assessment_participants="代工委")
    yield o.fire(case, "decide_unresolved", "chair", **DECISION)
    yield o.fire(case, "report_execution", "wu", execution_report=DOCUMENT)
    yield o.fire(case, "conclude_decided", "li")
    yield o.fire(case, "reopen", "he", correction_reason="误了结")
    o.fire(case, "conclude", "li")
    yield o.fire(case, "archive", "li", yearly_report="2026年度")


HOLDS = {
    "session_secretariat": "li", "deputy_affairs": "li", "sc_office": "sun", "council_of_chairpersons": "chair",
    "unit_clerk of lead": "wang", "unit_head of lead": "wu", "unit_clerk of separate": "wang",
    "unit_head of separate": "wu", "unit_clerk of root.lead": "wang", "unit_head of root.lead": "wu",
}  # fmt: skip
"""a person for each holder of a state"""
KINDS = ("suggestion", "second_assignment")
DAY = re.compile(r"(还剩 \d+ 个工作日（\d+ 天）|今日到期|已超期 \d+ 天)，2026-\d\d-\d\d 到期。.*期满日为")
NO_DAY = {"execution_reported", "concluded"}
"""states in which no deadline runs that somebody there has to keep; a next step there is in every one"""
OFFICES = {
    "deputy_affairs": "代表工作委员会",
    "sc_office": "常委会办公室",
    "council_of_chairpersons": "主任会议",
}


def test_the_first_line_of_every_state_says_with_whom_until_when_and_what_is_next(town: Desk) -> None:
    found, wanted = dict[tuple[str, str], tuple[bool, ...]](), dict[tuple[str, str], tuple[bool, ...]]()
    readers = {person: town(person) for person in {*HOLDS.values()}}
    for case in walked(town.office):
        law = town.office.engine.laws.pinned(case.definition).definition
        state, holders = law.states[case.state], [str(one) for one in law.states[case.state].holder]
        lines = [
            (sentence(readers[person], case), in_english(readers[person], case))
            for person in dict.fromkeys([HOLDS[one] for one in holders if one in HOLDS] or ["li"])
        ]
        zh, en = max(lines, key=lambda line: "您的下一步：" in line[0])  # of him who has to go on
        if state.end:
            told = zh.startswith(f"本件已了结：{state.title.zh}。"), f"closed: {state.title.en}." in en
        else:
            who = zh.partition("”，由")[2].partition("负责")[0]
            told = (
                zh.startswith(f"本件现在“{state.title.zh}”，") and f"“{state.title.en}”, with " in en,
                any(OFFICES.get(one, "市水利和湖泊局") in who for one in holders),
                bool(DAY.search(zh)), bool(re.search(r"(left|today|overdue).*, due on 2026-", en)),
any(
                    f"您的下一步：{law.events[one].title.zh}" in zh for one in state.next
                ) or ("您的下一步：" in zh and bool(state.awaits)), "Your next step: " in en,
            )  # fmt: skip
        found[case.kind, case.state] = told
        day = case.state not in NO_DAY
        wanted[case.kind, case.state] = (True, True) if state.end else (True, True, day, day, True, True)
    assert found == wanted
    definitions = town.office.engine.library.definitions
    assert {*found} == {(kind, state) for kind in KINDS for state in definitions[kind].states}


def in_english(reader: Reader, case: Case) -> str:
    """The same line for who reads English."""
    page = reader.client.get(f"/cases/{case.id}", headers={"Accept-Language": "en"}).get_data(as_text=True)
    return html.unescape(page.partition('<p class="sentence">')[2].partition("</p>")[0])
