"""The first line of a case names a deadline of whoever holds it, and the one filled button is the step that leads on for its reader."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from api.cells import holders
from workflow import Actor, Case
from workflow.definition import Definition, Holder
from workflow.dues import falling_due
from workflow.duty import Duties
from workflow.errors import NotFound
from workflow.loader import load_definitions
from workflow.overview import Filter, Period, Ran, Sitting, count, find, tally, today, took

from .console import Desk, Reader
from .lifecycle import DOCUMENT, DRAFT, REPLY, TENANT, Office
from .stories import cards, listed, opened, rows, sentence, timeline, tried
from .test_stories_procuratorate import PEOPLE, served
from .test_stories_supervisor import supervised

LIBRARY = load_definitions(Path(__file__).parents[1] / "definitions")
OPEN = [
    (law, state) for law in LIBRARY.definitions.values() for state in law.states.values() if not state.end
]
NOTHING_TO_DO = {
    ("prep_campaign", "inspecting", "the deputy"), ("prep_campaign", "researching", "the deputy"),
    ("prep_campaign", "proposing", "the deputy"), ("prep_campaign", "refining", "the deputy"),
    ("reception_day", "announced", "station_clerk of station"),
}  # fmt: skip
"""who holds a case and takes part without an act in it: the first by going there, the clerk of a station by waiting for the day"""


def together(one: Holder, other: Holder) -> bool:
    """Whether both act for the same: a relation has its clerk and its head."""
    same = (one.relation, one.of_root) == (other.relation, other.of_root)
    return same and (one.relation is not None or one.role == other.role)


def idle(law: Definition, state: str) -> set[tuple[str, str, str]]:
    """The holders for whom the state names no step and waits for no child."""
    here = law.states[state]
    by = [who for event in here.next for who in law.events[event].by]
    return {
        (law.name, state, str(holder))
        for holder in here.holder
        if not here.awaits and not any(together(holder, who) for who in by)
    }


def test_every_holder_of_every_state_has_a_step_that_leads_on() -> None:
    assert set().union(*(idle(law, state.name) for law, state in OPEN)) == NOTHING_TO_DO


def test_what_counts_in_a_state_is_a_duty_of_one_of_its_holders_and_no_clock_is_forgotten() -> None:
    for law in LIBRARY.definitions.values():
        duties, seen = Duties(law), set[str]()
        for state in (state for of, state in OPEN if of is law):
            for clock in law.clocks:
                for name in duties.counting(state.name, [clock]):
                    seen.add(name)
                    whose = duties.whose[name]
                    assert any(together(h, w) for h in state.holder for w in whose), (
                        law.name,
                        state.name,
                        name,
                    )
        assert seen == set(law.clocks), law.name


def test_no_list_of_what_waits_is_in_the_order_of_a_deadline_that_is_hidden_from_who_holds_the_case() -> None:
    """A list of one's own work is put in order by the day that counts in the state. A hidden one counts only where somebody else
    holds the case too and has to keep it: for whom it is hidden, another is found (a unit that was served a paper of which the
    procuratorate still owes the congress a copy: `test_what_the_procuratorate_owes_…`).
    """
    for law, state in OPEN:
        duties = Duties(law)
        for hide in law.hides:
            apart = {holder.relation for holder in hide.from_}
            if apart & {holder.relation for holder in state.holder}:
                for clock in duties.counting(state.name, hide.clocks):
                    keepers = duties.keepers(state, clock)
                    assert keepers and not apart & {one.relation for one in keepers}, (law.name, state.name)


def button(page: str) -> str:
    """The one filled button, or nothing."""
    found = re.findall(r'<a class="button"[^>]*>(.*?)</a>', page)
    assert len(found) <= 1, found
    return html.unescape("".join(found))


def looks(desk: Desk, person: str, case: Case) -> str:
    """His first line and his button."""
    reader = desk(person)
    line = sentence(reader, case)
    return f"{line}【{button(reader.page)}】"


def test_before_the_reply(town: Desk) -> None:
    o = town.office
    case = o.accepted()
    assert looks(town, "li", case).endswith("您的下一步：交办、分别交办。【交办】")
    case = o.handling()
    line = looks(town, "wang", case)
    assert "答复期限还剩" in line and "2026-06-02 到期" in line
    assert looks(town, "wu", o.signing_off()).endswith("【签发答复】"), "and not the way back"


def test_a_promise_of_another_year_does_not_stand_before_a_reply_that_is_to_be_signed(town: Desk) -> None:
    o = town.office
    case = o.handling()
    o.fire(case, "add_commitment", "wang", promise="建成驿站", promised_on="2026-10-31")
    o.fire(case, "submit_for_signoff", "wang", **DRAFT)
    line = looks(town, "wang", case)
    assert "答复期限还剩" in line and "2026-06-02 到期" in line and line.endswith("【】"), line
    page = town("wang").get(f"/cases/{case.id}").text
    assert "去办理：" in page[page.index('id="acts"') :], "he may report on it already"
    o.fire(case, "issue_reply", "wu", **REPLY)
    assert "您的下一步：报告已落实" in looks(town, "wu", case), (
        "nobody of his unit has anything else to do there"
    )


def test_a_step_that_has_no_deadline_of_its_own_is_told_with_the_day_of_the_case(town: Desk) -> None:
    o = town.office
    case = o.handling(co=("parks",))
    o.fire(o.child(case, "co_opinions"), "submit", "chen", co_opinion=DOCUMENT)
    line = looks(town, "wang", case)
    assert "答复期限还剩" in line and "您的下一步：采用。" in line, line


def test_what_is_ones_own_and_not_possible_now_is_explained_before_what_is_for_others(town: Desk) -> None:
    reader, case = town("wu"), town.office.handling()
    reader.get(f"/cases/{case.id}")
    page = reader.page[reader.page.index("现在不能进行的") :]
    why = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page[: page.index("</dl>")])
    others = [index for index, (_, text) in enumerate(why) if "须由" in text]
    own = [index for index, (title, _) in enumerate(why) if title in ("首次沟通", "申请退办", "签发答复")]
    assert len(own) == 3 and max(own) < min(others), why


def test_after_the_reply(town: Desk) -> None:
    """Who is asked is named with his own day; who has to publish, with his."""
    o = town.office
    case = o.evaluating()
    line = looks(town, "dep1", case)
    assert "反馈期限还剩" in line and "公开" not in line and line.endswith("【评价】"), line
    assert "答复公开期限还剩" in (line := looks(town, "sun", case)) and "dep1" not in line, line
    o.fire(case, "publish_reply", "sun", published_at="门户网站")
    line = looks(town, "sun", case)
    assert "反馈期限还剩" in line and line.endswith("【】"), "what is published is nobody's next step"
    for deputy, level in (("dep1", "satisfied"), ("dep2", "dissatisfied")):
        o.fire(o.child(case, "surveys", deputy), "answer", deputy, level=level, reasons="因为")
        assert looks(town, "sun", case).endswith("【汇总】"), "who waits for an answer goes to it"
        o.fire(o.child(case, "surveys", deputy), "tally", "sun")
    assert "评价结果处理期限" in looks(town, "dep1", case), (
        "nobody is told of a second assignment that need not be"
    )
    case = o.fire(case, "second_assign", "sun", deputy_reasons="没有建")
    again = o.child(case, "second_assignments")
    o.clock.set(date(2026, 3, 31))
    o.ticks()
    line = looks(town, "wu", case)
    due = str(o.due(again, "reply"))
    assert "二次答复期限还剩" in line and due in line and line.endswith("【单位负责人面商】"), line
    head = town("wu")
    for address in ("/", "/views/inbox"):
        assert due in opened(head, address)
        assert cards(head)["/waiting?due=overdue"] == 0 if address == "/" else rows(head) == [case.id]
    assert o.now(case).due_on == due, "a root has the day of the child it waits for"


def test_in_the_end(town: Desk) -> None:
    o = town.office
    case = o.fire(o.evaluated(), "settle", "sun")
    assert looks(town, "li", case).endswith("【归档】"), "and not the correction of a mistake"
    _, overlay = supervised(town)
    assert looks(town, "mei", overlay).endswith("【发督办通知单】")
    assert looks(town, "wu", overlay).endswith("【报告督办进展】"), "nobody has asked him for an answer yet"


def test_who_stands_in_a_root_that_the_reader_may_not_know_of_is_not_named(town: Desk) -> None:
    _, overlay = supervised(town)
    law = town.office.engine.laws.pinned(overlay.definition).definition
    found = holders(law, law, overlay, overlay, {}, list)
    assert [one.names for one in found] == [("mei",), ()], "the supervisor, and an office by its role"


def test_what_was_asked_for_is_nobodys_next_step_until_it_is_answered(town: Desk) -> None:
    o = town.office
    _, overlay = supervised(town)
    o.fire(overlay, "demand", "mei", supervision_opinion="限期办结", answer_by="2026-03-20")
    assert looks(town, "mei", overlay).endswith("您的下一步：报告督办进展。【报告督办进展】")
    assert looks(town, "wu", overlay).endswith("您的下一步：回复督办意见、报告督办进展。【回复督办意见】")
    o.fire(overlay, "answer_demand", "wu", demand_answer="已开工")
    assert looks(town, "mei", overlay).endswith("您的下一步：发督办通知单、报告督办进展。【发督办通知单】")
    assert looks(town, "wu", overlay).endswith("您的下一步：报告督办进展。【报告督办进展】")


def test_after_the_look_back_the_chief_concludes_and_the_clerk_owes_what_is_still_to_be_copied(
    office: Office, town: Desk
) -> None:
    for person, role in PEOPLE.items():
        town.office.engine.grant(person, role, TENANT)
    o = town.office
    _, case = served(o)
    o.fire(case, "reply", "wu", written_reply=DOCUMENT, adopted=True)
    o.fire(case, "verify", "pros")
    o.fire(case, "find_rectified", "pros", verification="已整改")
    o.fire(case, "look_back", "pros", look_back_record="已复查")
    assert looks(town, "pros", case).endswith("您的下一步：文书抄送人大。【文书抄送人大】")
    o.fire(case, "copy_documents", "pros", copied_documents=[DOCUMENT])
    assert looks(town, "pros", case).endswith("【】"), "it is the chief's turn"
    assert looks(town, "chief", case).endswith("您的下一步：终结。【终结】")


def test_the_addressee_has_his_own_day_and_the_procuratorate_its(office: Office, town: Desk) -> None:
    for person, role in PEOPLE.items():
        town.office.engine.grant(person, role, TENANT)
    _, case = served(town.office)
    line = looks(town, "wu", case)
    assert "书面回复期限还剩" in line and "2026-05-02" in line and line.endswith("【书面回复】"), line


def opened_raw(reader: Reader, address: str) -> str:
    assert reader.get(address).status_code == 200
    return reader.page


def narrowed(desk: Desk, person: str, case: Case, only: str) -> list[str]:
    """The lines of the history on the page of a case, of one sort."""
    found = re.search(
        r'<ol class="timeline".*?</ol>', opened_raw(desk(person), f"/cases/{case.id}?only={only}"), re.DOTALL
    )
    assert found is not None
    return re.findall(r"<b>(.*?)</b>", found[0])


def test_a_history_begins_by_its_name_says_the_unit_and_can_be_narrowed(town: Desk) -> None:
    o = town.office
    case = o.handling()
    o.fire(case, "transfer_to_procuratorate", "li", procuratorate_area="environment", public_interest="水体")
    lines = timeline(town("li"), case)
    assert "提出" in lines[-1] and "立案" not in lines[-1]
    assert "转送或对接" in timeline(town("li"), o.child(case, "conversions"))[-1]
    signed = next(line for line in lines if "签收" in line)
    assert "市水利和湖泊局 单位承办人" in signed, (
        "a 改办 gives the case to another unit: whose clerk it was stands there"
    )
    assert narrowed(town, "li", case, "document") == []
    o.fire(case, "submit_for_signoff", "wang", **DRAFT)
    assert narrowed(town, "li", case, "document") == ["答复送签"]
    o.clock.set(date(2026, 6, 3))
    o.ticks()
    assert "答复逾期" in "".join(narrowed(town, "li", case, "notice"))


def test_what_only_waits_for_its_children_stands_in_nobodys_list_beside_them(town: Desk) -> None:
    """The head of a unit has a second assignment once, not once more as the case it belongs to."""
    o = town.office
    case = o.second_assigned()
    again = o.child(case, "second_assignments")
    assert [one.id for one in o.engine.worklist(Actor(person="wu"))] == [again.id]
    assert listed(town("wu"), "/waiting") == [again.id]
    assert looks(town, "wu", case).endswith("【单位负责人面商】"), "from the case he goes on in its child"


def test_what_is_evaluated_waits_for_the_office_and_for_each_deputy_only_his_evaluation(town: Desk) -> None:
    """The office may publish the reply meanwhile; a deputy would have the item twice, and still after he has answered."""
    o = town.office
    case = o.evaluating()
    asked = {deputy: o.child(case, "surveys", deputy) for deputy in ("dep1", "dep2")}
    for deputy, survey in asked.items():
        assert (
            [one.id for one in o.engine.worklist(Actor(person=deputy))]
            == [survey.id]
            == listed(town(deputy), "/waiting")
        )
    o.fire(asked["dep1"], "answer", "dep1", level="satisfied")
    o.fire(asked["dep1"], "tally", "sun")
    assert o.engine.worklist(Actor(person="dep1")) == []
    assert "征询满意度" in looks(town, "dep1", case)
    assert case.id in {one.id for one in o.engine.worklist(Actor(person="sun"))}


def test_who_may_take_the_next_step_has_the_case_in_his_list(town: Desk) -> None:
    o = town.office
    opinion = o.child(o.handling(co=("roads",)), "co_opinions")
    o.fire(opinion, "sign_in", "qian")
    assert opinion.id in listed(town("zhao"), "/waiting"), "the head submits it"
    assert looks(town, "zhao", opinion).endswith("【提交会办意见】")


def test_a_served_unit_is_told_no_deadline_between_the_procuratorate_and_the_congress(town: Desk) -> None:
    for person, role in PEOPLE.items():
        town.office.engine.grant(person, role, TENANT)
    o = town.office
    _, case = served(o)
    wu = Actor(person="wu")
    page = opened(town("wu"), f"/cases/{case.id}")
    assert "书面回复期限" in page and "抄送期限" not in page and "反馈是否转化期限" not in page
    assert town("wu").get(f"/cases/{case.id}/clocks/copies").status_code == 404
    assert "文书抄送期限" in opened(town("pros"), f"/cases/{case.id}")
    o.fire(case, "reply", "wu", written_reply=DOCUMENT, adopted=True)
    mine, theirs = o.engine.case(case.id, actor=wu), o.now(case)
    assert theirs.due_on is not None and mine.due_on is None, "nor is the day by which lists order it"
    assert {"copies", "review"} <= {clock.name for clock in theirs.clocks} - {
        clock.name for clock in mine.clocks
    }
    with pytest.raises(NotFound):
        o.engine.explain(case.id, "copies", actor=wu)
    assert all(due.clock != "copies" for due in falling_due(o.engine, actor=wu))
    told = [name for line in o.engine.history(case.id, actor=wu) for name in line.data]
    assert "@clock.copies" not in told
    asked = Filter(kind="procuratorate_conversion", due_before=date(2027, 1, 1))
    assert not find(o.engine, wu, asked).cases, "nor by asking which are due before a day"
    assert find(o.engine, Actor(person="pros"), asked).cases
    o.clock.set(date.fromisoformat(theirs.due_on) + timedelta(days=1))
    assert "在他人处，已超期" not in opened(town("wu"), "/"), "nor is it counted on the first page"


def test_a_served_unit_finds_its_own_deadline_by_day(town: Desk) -> None:
    for person, role in PEOPLE.items():
        town.office.engine.grant(person, role, TENANT)
    o, day = town.office, date(2026, 5, 10)
    _, case = served(o)
    o.clock.set(day)
    wu = town("wu")
    opened(wu, "/")
    assert cards(wu)["/waiting?due=overdue"] == 1 and listed(wu, "/waiting?due=overdue") == [case.id]
    for asked in (Filter(due_before=day), Filter(due_from=date(2026, 5, 2)), Filter(over="target")):
        found = find(o.engine, Actor(person="wu"), replace(asked, kind="procuratorate_conversion"))
        assert [one.id for one in found.cases] == [case.id], asked
    assert not find(o.engine, Actor(person="wu"), Filter(kind=case.kind, due_from=day)).cases


def test_a_hidden_deadline_is_told_in_no_number_no_order_and_not_by_where_a_page_begins(
    office: Office,
) -> None:
    o = office
    for person, role in PEOPLE.items():
        o.engine.grant(person, role, TENANT)
    _, case = served(o)
    o.fire(case, "reply", "wu", written_reply=DOCUMENT, adopted=True)
    hidden = date.fromisoformat(str(o.now(case).due_on))
    o.clock.set(hidden + timedelta(days=3))
    of, wu = Filter(kind="procuratorate_conversion", closed=False), Actor(person="wu")
    late = replace(of, due_before=today(o.engine))
    elsewhere = Filter(elsewhere=True, due_before=today(o.engine), families=True)
    asked = [late, replace(of, over="target"), replace(of, undated=True), replace(of, due_from=hidden)]
    for person, numbers, over, day in (("wu", [0, 0, 1, 0], 0, None), ("pros", [1, 1, 0, 1], 1, hidden)):
        with Sitting.of(o.engine, Actor(person=person)) as sitting:
            assert sitting.counts(asked) == sitting.tally(asked, 9) == numbers, person
            assert [n for n, _ in sitting.numbers(asked, 9)] == numbers, person
            assert sitting.agenda(of, 9).due == {day: 1}, person
            assert [one.over_target for one in sitting.figures(of, ["kind"], Period())] == [over], person
        found = [len(find(o.engine, Actor(person=person), one).cases) for one in asked]
        assert found == numbers, person
    assert not o.engine.search(actor=wu, kind=of.kind, due_before=today(o.engine))
    assert o.engine.search(actor=Actor(person="pros"), kind=of.kind, due_before=today(o.engine))
    assert tally(o.engine, wu, [elsewhere]) == [0] and not find(o.engine, wu, elsewhere).cases
    ran = Ran(clocks=("review", "copies"), events=("reply",), period=Period())
    assert (took(o.engine, wu, of, ran), count(o.engine, wu, replace(of, ran=ran))) == ([], 0)
    assert [one.count for one in took(o.engine, Actor(person="pros"), of, ran)] == [1]
    seen, after = list[Case](), None
    while seen == [] or after is not None:
        page = find(o.engine, wu, Filter(), sort="due_on", after=after, limit=1)
        seen, after = [*seen, *page.cases], page.next
        assert after is None or after[0] == (seen[-1].due_on and str(seen[-1].due_on))
    days = [one.due_on for one in seen]
    assert case.id in {one.id for one in seen} and str(hidden) not in map(str, days)
    assert days == sorted(days, key=lambda one: (one is None, str(one))), "nor does its place tell it"


def test_a_suggestion_is_accepted_as_made_in_session_while_one_is_on_or_for_a_reason(town: Desk) -> None:
    o = town.office
    case, session = o.filed(), {"congress": "六届", "session": "五次", "closing_on": "2026-01-10"}
    why = tried(town("li"), case, "accept_in_session", **session)
    assert "还没有填“会期外按大会建议受理的理由”" in why
    assert looks(town, "li", case).endswith("【受理（闭会期间）】"), (
        "outside a session it is not what is offered first"
    )
    o.clock.set(date(2024, 1, 9))
    assert o.fire(o.filed(), "accept_in_session", "li", **session).state == "accepted"


def test_an_extension_that_is_refused_stands_in_the_history_of_its_case(town: Desk) -> None:
    o = town.office
    case = o.handling()
    o.fire(
        case,
        "request_extension",
        "wang",
        extension_ground=["broad"],
        extension_explanation="面广",
        wanted_until="2026-07-01",
    )
    o.fire(o.child(case, "extensions"), "refuse", "li", decision_note="理由不充分")
    line = timeline(town("li"), case)[0]
    assert "延期未获同意" in line and "理由不充分" in line
