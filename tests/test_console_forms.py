"""The forms of the console: what a decision is about stands on its form, and only what leads on is offered first."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from api.console import statistics
from api.console.render import environment
from workflow import Actor
from workflow.errors import Text
from workflow.model import Party

from .console import Desk, Form, said
from .lifecycle import DOCUMENT, TENANT

CLERK = Actor(person="li")
DRAFTED = {"title": "修路", "body": "路坏了。", "first_signer": "dep1", "publication_wish": "full"}


def test_a_decision_shows_what_was_asked_by_whom_and_when(desk: Desk) -> None:
    """Of the case itself and of a branch; a form after an act without a word shows nothing."""
    o = desk.office
    case = o.assigned()
    o.fire(case, "request_return", "wu", return_reason="归市交通运输局管理。", competent_unit="roads")
    page = desk("li").get(f"/cases/{case.id}/do/approve_return").text
    assert "申请退办 · " in said(page) and "退办理由 归市交通运输局管理。" in said(page)
    assert "建议的主管单位 市交通运输局" in said(page) and '<details class="sheet led" open>' in page
    filed = o.filed()
    page = desk("li").get(f"/cases/{filed.id}/do/accept").text
    assert "提出 · " in said(page) and str(filed.data["body"])[:20] in said(page)


def test_units_of_another_level_are_not_offered(desk: Desk) -> None:
    """A bureau of a county has no roles over what is the city's; it could not even sign in."""
    county = Party(id="countybureau", kind="unit", name="某县某局", tenant=f"{TENANT}/county")
    desk.office.engine.parties.put([county], by=CLERK, trusted=True)
    page = desk("li").get(f"/cases/{desk.office.accepted().id}/do/assign").text
    assert "市水利局" in page and "某县某局" not in page


def test_what_leads_on_comes_before_what_ends_the_case(desk: Desk) -> None:
    for case, step in ((desk.office.filed(), "受理（闭会期间）"), (desk.office.accepted(), "交办")):
        page = desk("li").get(f"/cases/{case.id}").text
        found = re.search(r'class="button"[^>]*>([^<]+)<', page)
        assert found is not None and found[1].strip() == step


def test_a_page_of_units_says_of_how_many(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.office.assigned(co=("roads",))
    reader = desk("li")
    assert "各承办单位（按名称排列）" in said(reader.get("/statistics").text)
    monkeypatch.setattr(statistics, "UNITS", 1)
    assert "各承办单位（按名称排列，第 1 至 1 个，共 2 个）" in said(reader.get("/statistics").text)


def test_what_is_told_of_anew_begins_blank(desk: Desk) -> None:
    """A second talk has its own day and words; a form that goes on with what stands shows it (definitions/console.yaml)."""
    case = desk.office.handling()
    page = desk("wang").get(f"/cases/{case.id}/do/record_contact").text
    assert (
        case.data["contact_record"] not in page.partition('class="sheet"')[2] and 'name="contact_on"' in page
    )
    assert 'name="contact_on" type="date" value=""' in page
    assert f'value="{case.data["contact_on"]}"' in desk("li").get(f"/cases/{case.id}/do/correct_entry").text


def notes(page: str) -> dict[str, str]:
    """Field -> what stands beside its title."""
    asked = re.findall(
        r'(?:<fieldset id|<label for)="f-([a-z_]+)"[^>]*>(.*?)</(?:legend|label)>', page, re.DOTALL
    )
    return {name: said(f"<main {words}") for name, words in asked}


def test_a_field_says_when_it_has_to_be_filled_in_all_the_same(desk: Desk) -> None:
    """Worked out from the guard that refuses without it, with the codes of the place; no page knows of surveys."""
    o = desk.office
    case = o.evaluating("dep1")
    survey = o.child(case, "surveys")
    told = notes(desk("dep1").get(f"/cases/{survey.id}/do/answer").text)
    assert "总体满意度、办理态度或办理结果为“基本满意”或“不满意”时须填" in told["reasons"]
    assert "可不填" in told["understands"] and "须填" not in told["understands"]
    paper = {"paper_level": "satisfied", "paper_attitude_level": "satisfied", "paper_scan": DOCUMENT}
    o.fire(survey, "record_paper", "sun", **paper)
    told = notes(desk("song").get(f"/cases/{survey.id}/do/check_paper").text)
    assert "纸质表办理态度已填时须填" in told["attitude_level"]
    told = notes(desk("li").get(f"/cases/{o.accepted().id}/do/assign").text)
    assert "交办方式为“主办和会办”时须填" in told["co_units"] and "可不填" in told["assignment_note"]
    told = notes(desk("li").get(f"/cases/{o.filed().id}/do/accept_in_session").text)
    assert "须填" in told["out_of_session_reason"]  # no session is on: the rules of the place settle it


def test_in_english_a_field_says_so_too(desk: Desk) -> None:
    reader = desk("dep1")
    survey = desk.office.child(desk.office.evaluating("dep1"), "surveys")
    reader.client.set_cookie("language", "en")
    assert "is “basically satisfied” or “dissatisfied”" in reader.get(f"/cases/{survey.id}/do/answer").text


def test_what_the_deputies_said_stands_beside_the_form_of_a_second_assignment(desk: Desk) -> None:
    """His grades and reasons for whoever decides on them, the dissatisfied first; of a part that one may not know of, nothing."""
    o = desk.office
    case = o.evaluating()
    for deputy, level, why in (("dep1", "satisfied", "路灯亮了"), ("dep2", "dissatisfied", "路还是没有修")):
        survey = o.child(case, "surveys", deputy)
        o.fire(survey, "answer", deputy, level=level, attitude_level="satisfied", reasons=why)
        o.fire(survey, "tally", "sun")
    page = desk("sun").get(f"/cases/{case.id}/do/second_assign").text
    told = said(page)
    assert "总体满意度 不满意" in told and "办理态度 满意" in told and "具体理由 路还是没有修" in told
    assert told.index("路还是没有修") < told.index("路灯亮了")
    assert page.count('<details class="sheet led" open>') == 1
    assert page.index("路还是没有修") < page.index('enctype="multipart')
    refused = said(desk("wu").get(f"/cases/{case.id}/do/second_assign").text)
    assert "路还是没有修" not in refused and "不满意" not in refused and "路灯亮了" not in refused
    assert "路还是没有修" not in desk("sun").get(f"/cases/{case.id}/do/void").text


def test_what_is_emptied_in_a_correction_is_taken_away(desk: Desk) -> None:
    """An optional grade, a text, a document; what nobody touched is not sent, and what a stricter step asked for stays."""
    o = desk.office
    survey = o.child(o.evaluating("dep1"), "surveys")
    o.fire(survey, "answer", "dep1", level="satisfied", attitude_level="dissatisfied", reasons="等了很久")
    deputy, address = desk("dep1"), f"/cases/{survey.id}/do/correct"
    page = deputy.get(address).text
    assert page.count('type="radio" name="attitude_level" value=""') == 1
    assert 'name="result_level" value=""' not in page and 'name="result_level.stood"' not in page
    deputy.goes(deputy.fill(address, attitude_level="", reasons=""))
    now = o.now(survey)
    assert now.data.get("attitude_level") is None and now.data.get("reasons") is None
    assert now.data["level"] == "satisfied" and "办理态度 — （原为：不满意）" in said(deputy.page)
    line = o.engine.history(survey.id)[-1]
    assert line.data == {"level": "satisfied", "attitude_level": None, "reasons": None}


def test_what_a_stricter_step_asked_for_is_not_taken_away_and_the_form_says_so(desk: Desk) -> None:
    o = desk.office
    case = o.handling()
    reader = desk("li")
    answer = reader.fill(
        f"/cases/{case.id}/do/correct_entry", correction_reason="登记有误", contact_record=""
    )
    assert answer.status_code == 422 and "不能为空" in said(reader.page)
    assert o.now(case).data["contact_record"] == case.data["contact_record"]


def test_a_document_that_is_unticked_is_taken_away(desk: Desk) -> None:
    o = desk.office
    draft = o.engine.start("suggestion_draft", Actor(person="dep1"), DRAFTED, tenant=TENANT)
    deputy, address = desk("dep1"), f"/cases/{draft.id}/do/edit"
    deputy.goes(deputy.fill(address, title="修路灯", attachments=(b"%PDF-1.4 a", "图.pdf")))
    assert len(o.now(draft).data["attachments"]) == 1
    deputy.goes(deputy.fill(address, title="修路灯（改）"))
    assert len(o.now(draft).data["attachments"]) == 1
    deputy.goes(deputy.fill(address, **{"attachments.kept": []}))
    assert o.now(draft).data.get("attachments") is None
    deputy.goes(deputy.fill(address, title="修好路灯"))
    assert "attachments" not in o.engine.history(draft.id)[-1].data


def test_nobody_gives_up_by_pressing_what_stands_first(desk: Desk) -> None:
    """What ends the case, without being what is next, comes after all that leads on and all that leaves it where it is."""
    draft = desk.office.engine.start("suggestion_draft", Actor(person="dep1"), DRAFTED, tenant=TENANT)
    page = desk("dep1").get(f"/cases/{draft.id}").text
    acts = re.findall(rf'href="/cases/{draft.id}/do/([a-z_]+)"', page)
    assert "edit" in acts and acts[-1] == "abandon"


def test_a_list_without_titles_still_leads_to_its_cases() -> None:
    """The first column that is shown does, also where the number, which none has, is the first and left out."""
    number, state, title = Text("编号", "Number"), Text("状态", "State"), Text("标题", "Title")
    row = SimpleNamespace(case=SimpleNamespace(id="c1"), title="甲", due=None, left=None, late=False)
    rows_of = environment("zh").get_template("parts.html").make_module({"address": str}).rows_of

    def leading(heads: list[Text], *cells: str) -> str:
        row.cells = cells
        page = rows_of([row], heads, lambda _name, id: f"/cases/{id}", "表")
        (found,) = re.findall(r'<a href="/cases/c1">([^<]*)</a>', page)
        return str(found)

    assert leading([number, state], "", "办理中") == "办理中"
    assert leading([number, state], "第 1 号", "办理中") == "第 1 号"
    assert leading([number, state, title], "", "办理中", "修路") == "修路"
    assert leading([number], "") == "甲"


def test_only_what_was_shown_in_a_form_is_taken_away_by_it(desk: Desk) -> None:
    """A colleague writes while the form is open: sent, refused, sent again (409), or sent after a new sign-in (403, then 409)."""
    o = desk.office
    case = o.evaluating()
    address = f"/cases/{case.id}/do/correct_entry"
    first, later = desk("li"), desk("li")
    first.get(address)
    typed = Form(first.page).values | {"correction_reason": ["改文号"], "reply_number": ["新文号"]}
    assert not typed["handler"][0] and "handler.stood" not in typed
    later.goes(later.fill(address, correction_reason="补登", handler="李工"))
    assert first.post(address, typed).status_code == 409
    first.goes(first.post(address, Form(first.page).values))
    now = o.now(case)
    assert (now.data["handler"], now.data["reply_number"]) == ("李工", "新文号")

    later.goes(later.fill(address, correction_reason="再补", leader_in_charge="王局长"))
    anew = desk("li")
    assert anew.post(address, typed).status_code == 403
    assert anew.post(address, Form(anew.page).values).status_code == 409, "what was seen is as old as before"
    anew.goes(anew.post(address, Form(anew.page).values))
    assert (o.now(case).data["handler"], o.now(case).data["leader_in_charge"]) == ("李工", "王局长")


def test_documents_that_cannot_be_shown_again_stay(desk: Desk) -> None:
    """What a form carries is sealed for who opened it: of somebody else's form nothing is taken away."""
    o = desk.office
    draft = o.engine.start("suggestion_draft", Actor(person="dep1"), DRAFTED, tenant=TENANT)
    deputy, address = desk("dep1"), f"/cases/{draft.id}/do/edit"
    deputy.goes(deputy.fill(address, title="修路灯", attachments=(b"%PDF-1.4 a", "图.pdf")))
    deputy.get(address)
    typed = Form(deputy.page).values | {"title": ["又改"], "attachments.kept": ["sealed for another"]}
    assert deputy.post(address, typed).status_code == 422 and "请重新选择文件" in said(deputy.page)
    deputy.goes(deputy.post(address, Form(deputy.page).values))
    now = o.now(draft)
    assert now.data["title"] == "又改" and len(now.data["attachments"]) == 1


def test_what_cannot_be_emptied_is_not_said_to_be_optional(desk: Desk) -> None:
    o = desk.office
    draft = o.engine.start("suggestion_draft", Actor(person="dep1"), DRAFTED, tenant=TENANT)
    page = desk("dep1").get(f"/cases/{draft.id}/do/edit").text
    wish = page[page.index("<legend>公开意见") :].partition("</fieldset>")[0]
    assert "不填" not in wish and "checked" in wish
    assert "可不填" in page
