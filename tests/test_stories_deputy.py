"""The deputy's ten stories (users.md §9 E), done by the console's pages and by links opened without an account."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from docx import Document

from api.security_log import SecurityLog
from definitions.milestones import STATES
from definitions.papers import Papers
from workflow import Actor, Case, Engine
from workflow.library import Library

from .console import ORIGIN, Desk, Form, Reader, said
from .lifecycle import DOCUMENT, EXTENSION, PLACE, REPLY, TENANT, TODAY, Office, count
from .lifecycle import DRAFT as SIGNED_OFF
from .postbox import Postbox, backend, reach
from .stories import PDF, act, offered, opened, refused, sentence, timeline, tried, word
from .test_parties import SETUP
from .test_parties import deputy as registered

DRAFT = {
    "title": "关于增设快递员驿站的建议",
    "body": "情况：街头等单。建议：建驿站。",
    "publication_wish": "full",
}
FULL = {"level": "dissatisfied", "attitude_level": "dissatisfied", "result_level": "satisfied"}
OPINION = "来访三次无人接待"


def links(desk: Desk, office: str, case: Case | str) -> dict[str, str]:
    """The office asks everybody for whom the case waits: person → his link, as the page tells it once."""
    id_ = case if isinstance(case, str) else case.id
    reader = desk(office)
    address = f"/cases/{id_}/links"
    opened(reader, address)
    form = Form(reader.page)
    assert reader.post(address, {**form.values, "who": form.choices["who"]}).status_code == 200
    found = re.findall(r"<b>(.*?)</b>.*?<code>http://localhost(/i/\w{64})</code>", reader.page, re.DOTALL)
    assert found, said(reader.page)
    return dict(found)


def name(desk: Desk, person: str) -> str:
    """What the register calls him."""
    (found,) = desk.office.engine.parties.find(ids=[person])
    return found.name


def told(desk: Desk, person: str) -> str:
    while desk.office.engine.alerts.address():
        pass
    return opened(desk(person), "/messages")


def drafted(town: Desk, *signers: str) -> str:
    """A draft sent round by its first signer, from his telephone."""
    deputy = town(signers[0])
    where = deputy.goes(
        deputy.fill("/start/suggestion_draft", first_signer=signers[0], tenant=TENANT, **DRAFT)
    )
    case = where.partition("?")[0].rpartition("/")[2]
    act(deputy, case, "collect_signatures", signers="、".join(signers))
    return case


def asked(desk: Desk, case: str, person: str) -> Case:
    """The confirmation he is asked for now: that of an older text is void."""
    (found,) = [c for c in desk.office.engine.children(case) if c.party == person and not c.closed]
    return found


def test_story_E01_filed_when_all_have_confirmed_or_one_is_left_out(town: Desk) -> None:
    o, lead = town.office, town("dep1")
    o.engine.parties.put([registered("dep3", name="吴迪")], by=SETUP, trusted=True)
    o.engine.grant("dep3", "deputy", TENANT)
    names = {person: name(town, person) for person in ("dep1", "dep2", "dep3")}
    case = drafted(town, *names)
    sent = links(town, "li", case)
    assert sent.keys() == set(names.values()), "each is asked by a link of his own"
    page = opened(town(None), sent[names["dep2"]])
    assert DRAFT["body"] in page, "he reads what he signs"
    town(None).goes(town(None).fill(sent[names["dep2"]]))
    act(lead, asked(town, case, "dep1"), "confirm")
    assert {"file", "submit_for_review"}.isdisjoint(offered(lead, case)), "one has not confirmed"
    act(lead, case, "take_back")
    assert "现在不能更改" in opened(town(None), sent[names["dep3"]]), (
        "the text he was asked about is withdrawn"
    )
    act(lead, case, "collect_signatures", signers="dep1、dep2")
    again = links(town, "li", case)
    assert names["dep3"] not in again
    act(lead, asked(town, case, "dep1"), "confirm")
    assert o.now(case).state == "cosigning", "a text sent round anew is signed anew"
    town(None).goes(town(None).fill(again[names["dep2"]]))
    act(lead, case, "submit_for_review")
    act(town("li"), case, "pass")
    act(lead, case, "file")
    (suggestion,) = [c for c in o.engine.search() if c.data.get("arises_from") == case]
    assert (suggestion.state, suggestion.relations["signer"]) == ("filed", ("dep1", "dep2"))


def test_story_E01_another_text_is_not_what_he_saw(town: Desk) -> None:
    """What is signed is the digest of the very page that was shown: one byte else, and it is refused."""
    case = drafted(town, "dep1", "dep2")
    link = links(town, "li", case)[name(town, "dep2")]
    reader = town(None)
    opened(reader, link)
    form = {**Form(reader.page).values, "seen_hash": hashlib.sha256(b"else").hexdigest()}
    assert reader.post(link, form).status_code == 422
    assert town.office.child(town.office.now(case), "signatures", "dep2").state == "asked"


def test_story_E02_withdrawn_at_once_or_with_all_signers_in_writing(town: Desk) -> None:
    o, lead, letter = town.office, town("dep1"), (PDF, "撤回要求.pdf")
    alone = o.accepted("dep1")
    assert "书面撤回要求：必填" in tried(lead, alone, "withdraw")
    act(lead, alone, "withdraw", withdrawal_letter=letter)
    assert o.now(alone).state == "withdrawn", "before the assignment at once"
    joint = o.assigned("dep1", "dep2")
    assert "withdraw" not in offered(lead, joint)
    act(lead, joint, "request_withdrawal", withdrawal_letter=letter)
    act(lead, o.child(joint, "withdrawals", "dep1"), "agree")
    assert o.now(joint).state == "assigned", "one of two has agreed"
    link = links(town, "li", joint)[name(town, "dep2")]
    town(None).goes(town(None).fill(link))
    assert o.now(joint).state == "withdrawn"
    assert not [clock for clock in o.now(joint).clocks if clock.running], "every clock has stopped"
    assert "撤回要求.pdf" in opened(town("li"), f"/cases/{joint.id}")
    replied = o.replied("dep1")
    assert {"withdraw", "request_withdrawal"}.isdisjoint(offered(lead, replied)), (
        "after the reply there is no way back"
    )
    assert "撤回" in refused(lead, replied)


def test_story_E02_where_the_place_lets_nobody_withdraw_after_the_assignment(
    town: Desk, library: Library
) -> None:
    """`withdraw_until` is a switch of the place: 北京条例(2014) knows it before the assignment only."""
    o = town.office
    book = library.rules[PLACE]
    rules = tuple(replace(r, value="assigned") if r.id == "withdraw_until" else r for r in book.rules)
    strict = replace(library, rules={**library.rules, PLACE: replace(book, rules=rules)})
    office = Office(Engine(o.engine.database, strict, place=PLACE, clock=o.clock), o.clock)
    assert office.reasons(office.assigned("dep1"), "withdraw", "dep1", withdrawal_letter=DOCUMENT) == {
        "condition_not_met"
    }
    assert (
        office.fire(office.accepted("dep1"), "withdraw", "dep1", withdrawal_letter=DOCUMENT).state
        == "withdrawn"
    )


def test_story_E03_one_sentence_says_where_it_is(town: Desk) -> None:
    """With whom, until when, what comes next; no code, no state's id, no word of English."""
    o = town.office
    case = o.handling()
    line = sentence(town("dep1"), case)
    assert "办理中" in line and "市水利和湖泊局" in line and "2026-06-02" in line and "还剩" in line
    assert not re.search(r"[a-zA-Z_]{3,}", line), line
    opened(town("dep1"), "/views/my_suggestions")
    page = opened(town("dep1"), f"/cases/{case.id}")
    assert re.search(r"提出.*审核.*交办.*办理.*答复.*征询.*办结", page), "the steps that follow"
    o.fire(case, "submit_for_signoff", "wang", **SIGNED_OFF)
    assert "答复送签" in sentence(town("dep1"), case), "and it moves with the case"


def test_story_E04_told_four_times_and_no_more(town: Desk) -> None:
    o, box = town.office, Postbox("sms")
    reach(o, "dep1", "sms")
    deputy = town("dep1")
    opened(deputy, "/messages")
    form = Form(deputy.page)
    deputy.goes(deputy.post("/messages/ways", {**form.values, "told.sms": "points"}))
    assert o.engine.alerts.choices("dep1") == {"sms": STATES}

    whole(town)
    backend(o, box).deliver()
    told_of = sorted(letter.topic for letter in box.arrived)
    assert told_of == ["accept_in_session", "assign", "issue_reply", "settle"]
    inside = told(town, "dep1")
    for title in ("受理（大会期间）", "交办", "答复期限延长", "签发答复", "征询满意度", "评价后了结"):
        assert title in inside, "in the inbox stands everything"

    deputy = town("dep1")
    opened(deputy, "/messages")
    deputy.goes(deputy.post("/messages/ways", {**Form(deputy.page).values, "told.sms": "none"}))
    before = len(o.engine.alerts.inbox("dep1", limit=200))
    whole(town)
    backend(o, box).deliver()
    assert len(box.arrived) == 4, "he has unsubscribed"
    assert len(o.engine.alerts.inbox("dep1", limit=200)) > before + 4, "and his inbox goes on"


def whole(town: Desk) -> None:
    """A suggestion from its filing to its end, with an extension and a reminder on the way."""
    o = town.office
    case = o.handling("dep1")
    o.fire(case, "request_extension", "wang", **EXTENSION)
    o.fire(o.child(case, "extensions"), "grant", "li", granted_until="2026-08-01")
    o.fire(case, "submit_for_signoff", "wang", **SIGNED_OFF)
    o.fire(case, "issue_reply", "wu", **{**REPLY, "recipients": ["dep1"]})
    o.fire(case, "open_evaluation", "sun")
    o.evaluate(case, "surveys", {"dep1": "satisfied"})
    o.fire(case, "settle", "sun")
    assert o.now(case).state == "concluded"


def replied_with_a_letter(town: Desk) -> tuple[Case, Reader, str]:
    """A reply whose letter is really kept, and the link by which the deputy is asked about it."""
    o = town.office
    case = o.signing_off("dep1")
    given: dict[str, Any] = {
        **REPLY,
        "recipients": "dep1",
        "copies_to": "gov",
        "sealed": "true",
        "reply_letter": (PDF, "答复函.pdf"),
    }
    act(town("wu"), case, "issue_reply", **given)
    act(town("sun"), case, "open_evaluation")
    return case, town(None), links(town, "sun", case)[name(town, "dep1")]


def test_story_E05_by_a_link_without_an_account_and_without_a_script(town: Desk) -> None:
    case, plain, link = replied_with_a_letter(town)
    o = town.office
    lines = count(o.engine, "history")
    for agent in ("WeChat-Preview/1.0", "Mozilla/5.0 SafeLinks", "MicroMessenger"):
        for method in ("get", "head"):
            assert getattr(town(None).client, method)(link, headers={"User-Agent": agent}).status_code == 200
    assert count(o.engine, "history") == lines, "a preview consumes nothing"
    opened(plain, link)
    assert "<script" not in plain.page and "onclick" not in plain.page and "onsubmit" not in plain.page
    assert "checked" not in plain.page, "nothing is filled in beforehand"
    letter = re.search(r'href="(/i/\w{64}/documents/\w{64})">答复函.pdf', plain.page)
    assert letter is not None, "he reads the letter he is asked about"
    with plain.client.get(letter[1]) as found:
        assert found.data == PDF
    assert plain.client.get(re.sub(r"\w{64}$", "0" * 64, letter[1])).status_code == 404
    assert town("wang").client.get(letter[1]).status_code == 404, "a unit finds nothing under a deputy's link"
    assert plain.fill(link, level="satisfied").status_code == 303
    assert o.child(case, "surveys", "dep1").data["level"] == "satisfied"


def test_nobody_who_is_signed_in_answers_for_a_deputy_whatever_his_role(town: Desk, library: Library) -> None:
    """Invariant 1: his link in the hands of anybody else who is known, be it the office that issued it: there is no such page, on
    the console and on /v1 alike. The deputy's own answer says that a link was used.
    """
    o = town.office
    case = o.evaluating("dep1")
    survey, link = o.child(case, "surveys", "dep1"), links(town, "sun", case)[name(town, "dep1")]
    plain = town(None)
    opened(plain, link)
    form, lines = {**Form(plain.page).values, "level": "satisfied"}, count(o.engine, "history")
    for role in library.roles.values:
        o.engine.grant(role, role, TENANT, unit="parks" if library.in_unit(role) else None)
        assert tells_nothing(town(role), link, form) == [404] * 4, role
        denied = SecurityLog(o.engine).entries(kind="denied", person=role)
        assert [entry.detail.partition(" link")[0] for entry in denied] == ["another's"] * 4
        o.clock.advance(minutes=20)  # an address that fails twenty times within an hour is told to wait
    assert count(o.engine, "history") == lines and o.now(survey).state == "issued"
    assert plain.post(link, form).status_code == 303
    assert "凭链接" in timeline(town("sun"), survey)[0]


def tells_nothing(reader: Reader, link: str, form: Mapping[str, Any]) -> list[int]:
    """What somebody gets who looks at a link and answers by it, as a page and as the service."""
    opened(reader, "/")
    csrf = reader.page.partition('name="csrf_token" value="')[2].partition('"')[0]
    api, json = link.replace("/i/", "/v1/invitations/"), {"data": {"level": "satisfied"}}
    posted = reader.client.post(api, json=json, headers={"Origin": ORIGIN, "X-CSRF-Token": csrf})
    answers = [reader.get(link), reader.post(link, {**form, "csrf_token": csrf}), reader.get(api), posted]
    return [answer.status_code for answer in answers]


def test_story_E06_attitude_and_result_apart_and_the_unit_waits(town: Desk) -> None:
    case, plain, link = replied_with_a_letter(town)
    o = town.office
    assert plain.fill(link, **{**FULL, "level": "satisfied"}).status_code == 422, (
        "a bad attitude needs its reason too"
    )
    assert plain.fill(link, **FULL).status_code == 422
    assert plain.fill(link, **{**FULL, "level": "satisfied"}, reasons=OPINION).status_code == 303
    survey = o.child(case, "surveys", "dep1")
    assert (survey.data["attitude_level"], survey.data["result_level"]) == ("dissatisfied", "satisfied")
    page = opened(town("sun"), f"/cases/{survey.id}")
    assert OPINION in page and re.search(r"办理态度 不满意 办理结果 满意", page), "the office sees it at once"

    def at_the_unit() -> str:
        return "".join(
            opened(town(who), where)
            for who in ("wang", "wu")
            for where in (f"/cases/{case.id}", f"/cases/{case.id}/history")
        )

    assert OPINION not in at_the_unit() and town("wang").get(f"/cases/{survey.id}").status_code == 404
    act(town("sun"), survey, "tally")
    assert o.now(survey).state == "dissatisfied", "the worst of what he said counts"
    assert OPINION not in at_the_unit()
    act(town("sun"), case, "second_assign", deputy_reasons=OPINION)
    assert OPINION in at_the_unit(), "told when the office has told it"
    assert town("wang").get(f"/cases/{survey.id}").status_code == 404, "the form itself never"


def test_links_for_many_go_to_themselves_or_are_told_once(town: Desk) -> None:
    """From 满意度征询 in one go, with a preview and a result for each: by his own channel, or shown where he has none. A new one ends
    the old, and the line of the survey says who, to whom, how, until when.
    """
    o, box = town.office, Postbox("sms")
    reach(o, "dep1", "sms")
    case = o.evaluating("dep1", "dep2")
    surveys = [o.child(case, "surveys", person) for person in ("dep1", "dep2")]
    office = town("sun")
    opened(office, "/views/surveys")
    assert 'value="@links"' in office.page and town("wang").get("/views/surveys").status_code == 404
    asked_for = f"/views/surveys/many?event=@links&case={surveys[0].id}&case={surveys[1].id}"
    page = opened(office, asked_for)
    assert "可以发给 2 人" in page and "直接发给本人：sms" in page and "没有登记本人的地址" in page
    form = Form(office.page).values
    assert office.post("/views/surveys/links", form).status_code == 200
    assert "直接发给本人 1 人；没有地址、在本页显示 1 人" in said(office.page)
    ((_, shown),) = re.findall(
        r"<b>(.*?)</b>.*?<code>http://localhost(/i/\w{64})</code>",
        office.page[office.page.rindex("<li>") :],
        re.DOTALL,
    )
    backend(o, box).deliver()
    (letter,) = [one for one in box.arrived if one.lines[0].token]
    assert letter.holder == "dep1" and str(letter.lines[0].token) not in office.page
    plain = town(None)
    opened(plain, f"/i/{letter.lines[0].token}")
    line = timeline(office, surveys[0])[0]
    for word_ in ("发出链接", name(town, "sun"), name(town, "dep1"), "sms", "有效期至"):
        assert word_ in line, word_
    assert "由办公室转交或打印" in timeline(office, surveys[1])[0]
    opened(office, f"/cases/{surveys[1].id}/links")
    (who,) = Form(office.page).choices["who"]
    where = f"/cases/{surveys[1].id}/links/print"
    with office.client.post(
        where, data={**Form(office.page).values, "print": who}, headers={"Origin": ORIGIN}
    ) as paper:
        assert "征询意见表" in word(paper.data)
        assert len(Document(io.BytesIO(paper.data)).inline_shapes) == 1, "with the link as a QR code"
    assert plain.get(shown).status_code == 404, "the older link is good for nothing now"
    assert "原链接" in timeline(office, surveys[1])[0]
    assert "原链接已失效" in said(again(office, asked_for))
    assert plain.get(f"/i/{letter.lines[0].token}").status_code == 404


def again(office: Reader, asked_for: str) -> str:
    """The same once more; the page that says what came of it."""
    opened(office, asked_for)
    assert office.post("/views/surveys/links", Form(office.page).values).status_code == 200
    return office.page


def test_the_grades_are_those_of_the_place_three_unless_it_says_four(
    town: Desk, library: Library, tmp_path: Path
) -> None:
    """`satisfaction_levels`: on the deputy's page, for all three questions, and on paper; in the figures 非常满意 is 满意."""
    grades = ["satisfied", "basically_satisfied", "dissatisfied"]
    book = library.rules[PLACE]
    four = replace(book.rule("satisfaction_levels", TODAY), value=["very_satisfied", *grades])
    rules = (*(rule for rule in book.rules if rule.id != four.id), four)
    other = replace(library, rules={**library.rules, PLACE: replace(book, rules=rules)})
    engine = Engine(town.office.engine.database, other, place=PLACE, clock=town.office.clock)
    asked = town.office.evaluating("dep1")
    for desk, offered_ in (
        (town, grades),
        (Desk(Office(engine, town.office.clock), tmp_path, people=()), four.value),
    ):
        plain, link = desk(None), links(desk, "sun", asked)[name(desk, "dep1")]
        opened(plain, link)
        choices = Form(plain.page).choices
        for question in ("level", "attitude_level", "result_level"):
            assert [choice for choice in choices[question] if choice] == offered_
        survey = desk.office.child(asked, "surveys", "dep1")
        _, paper = Papers(desk.office.engine).letter(survey.id, "survey", Actor(person="sun"))
        assert ("□非常满意　　□满意" in word(paper)) == (len(offered_) == 4)
        assert "□满意　　□基本满意　　□不满意" in word(paper)
    assert plain.post(link, {**Form(plain.page).values, "level": "very_satisfied"}).status_code == 303
    act(desk("sun"), survey, "tally")
    assert desk.office.now(survey).state == "satisfied"


def test_story_E07_changed_until_it_is_tallied_and_both_are_kept(town: Desk) -> None:
    case, plain, link = replied_with_a_letter(town)
    survey = town.office.child(case, "surveys", "dep1")
    plain.goes(plain.fill(link, level="satisfied"))
    plain.goes(plain.fill(link, level="dissatisfied", reasons=OPINION))
    lines = timeline(town("sun"), survey)
    assert "不满意" in lines[0] and OPINION in lines[0]
    assert "满意" in lines[1] and "不满意" not in lines[1], "the first answer stays on record"
    opened(plain, link)
    form = Form(plain.page).values
    act(town("sun"), survey, "tally")
    assert plain.post(link, {**form, "level": "satisfied"}).status_code == 409
    assert "现在不能更改" in opened(plain, link)
    assert town.office.now(survey).data["level"] == "dissatisfied"


def test_story_E08_on_paper_entered_by_one_and_checked_by_another(town: Desk) -> None:
    o = town.office
    survey = o.child(o.evaluating("dep1"), "surveys", "dep1")
    assert "扫描件：必填" in tried(town("sun"), survey, "record_paper", paper_level="satisfied")
    act(town("sun"), survey, "record_paper", paper_level="satisfied", paper_scan=(PDF, "征询表.pdf"))
    assert "check_paper" not in offered(town("sun"), survey), "not by whoever has entered it"
    assert "复核纸质征询表" in refused(town("sun"), survey)
    assert o.now(survey).data.get("level") is None, "what one clerk has entered does not count yet"
    assert "须一致" in tried(town("song"), survey, "check_paper", level="dissatisfied", reasons=OPINION)
    act(town("song"), survey, "check_paper", level="satisfied")
    assert o.now(survey).state == "returned"
    page = opened(town("song"), f"/cases/{survey.id}")
    assert "征询表.pdf" in page and "代录纸质征询表" in page, "marked as taken from paper"
    assert town("wang").get(f"/cases/{survey.id}").status_code == 404


@pytest.mark.parametrize("by_link", [True, False])
def test_story_E08_the_deputys_own_word_closes_the_paper_form_that_waits(town: Desk, by_link: bool) -> None:
    case, plain, link = replied_with_a_letter(town)
    o = town.office
    survey = o.child(case, "surveys", "dep1")
    entered = {
        "paper_level": "dissatisfied",
        "paper_attitude_level": "dissatisfied",
        "paper_reasons": OPINION,
    }
    act(town("sun"), survey, "record_paper", **entered, paper_scan=(PDF, "征询表.pdf"))
    if by_link:
        plain.goes(plain.fill(link, level="satisfied"))
    else:
        act(town("dep1"), survey, "answer", level="satisfied")
    now = o.now(survey)
    assert now.state == "returned" and "attitude_level" not in now.data, "nothing of the clerk's counts"
    assert not any(clock.running for clock in now.clocks)
    assert not {"check_paper", "reject_paper", "record_paper"} & {*offered(town("song"), survey)}
    first, second, *_ = timeline(town("song"), survey)
    assert "满意" in first and "不满意" not in first
    assert "代录纸质征询表" in second and OPINION in second, "and the form stays on record"
    act(town("sun"), survey, "tally")
    assert o.now(survey).state == "satisfied"


def test_story_E08_a_form_that_waits_too_long_is_shown_to_the_office_and_nothing_is_decided(
    town: Desk,
) -> None:
    o = town.office
    survey = o.child(o.evaluating("dep1"), "surveys", "dep1")
    o.fire(survey, "record_paper", "sun", paper_level="satisfied", paper_scan=DOCUMENT)
    o.clock.advance(days=60)
    while o.engine.tick():
        pass
    assert o.now(survey).state == "paper_recorded"
    assert [clock.name for clock in o.now(survey).clocks if clock.running] == ["second_entry"]
    while o.engine.alerts.address():
        pass
    topics = [notice.line.topic for notice in o.engine.alerts.inbox("song") if notice.line.case == survey.id]
    assert "clock.second_entry" in topics
    o.fire(survey, "answer", "dep1", level="satisfied")
    assert not any(clock.running for clock in o.now(survey).clocks)


def test_story_E10_my_dates_in_my_calendar(town: Desk) -> None:
    o, deputy = town.office, town("dep1")
    case = o.evaluating("dep1")
    survey = o.child(case, "surveys", "dep1")
    deputy.fill("/sheets")
    address = re.search(r"<code>http://localhost(/v1/ical/\w+)</code>", deputy.page)
    assert address is not None

    def event() -> dict[str, str]:
        with deputy.client.get(address[1]) as found:
            assert found.status_code == 200
            (mine,) = [e for e in found.text.split("BEGIN:VEVENT")[1:] if f"{survey.id}.answer@" in e]
        return dict(re.findall(r"^([A-Z]+)[;:](?:VALUE=DATE:)?(.*)\r$", mine, re.MULTILINE))

    before = event()
    o.ticks()
    o.clock.advance(days=30)
    o.ticks()
    o.fire(survey, "explain_delay", "dep1", delay_explanation="外出")
    after = event()
    assert before["UID"] == after["UID"] and before["DTSTART"] != after["DTSTART"]
    assert int(after["SEQUENCE"]) > int(before["SEQUENCE"])
    deputy = town("dep1")
    opened(deputy, "/sheets")
    end = re.search(r'action="(/sheets/\w+/end)"', deputy.page)
    assert end is not None
    deputy.goes(deputy.post(end[1], {"csrf_token": Form(deputy.page).values["csrf_token"][0]}))
    assert deputy.client.get(address[1]).status_code == 404


def test_story_E09_every_page_of_a_deputy_is_usable_by_keyboard_and_large(town: Desk) -> None:
    """What needs no browser of it: labels, a way past the menu, no key taken away, no size fixed (the rest: test_screens.py)."""
    o = town.office
    case = o.evaluating("dep1")
    reader = town("dep1")
    for address in (
        "/",
        "/views/my_suggestions",
        f"/cases/{case.id}",
        "/messages",
        links(town, "sun", case)[name(town, "dep1")],
    ):
        opened(reader, address)
        assert 'lang="zh-CN"' in reader.page and 'name="viewport"' in reader.page
        assert "user-scalable=no" not in reader.page and "maximum-scale" not in reader.page
        assert 'href="#main"' in reader.page, "a way past the menu"
        assert not re.search(r'tabindex="[1-9]|accesskey', reader.page)
        fields = set(re.findall(r'<(?:input|select|textarea)[^>]* id="([^"]+)"', reader.page))
        assert fields <= set(re.findall(r'<label[^>]* for="([^"]+)"', reader.page)), "every field is named"
