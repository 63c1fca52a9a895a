"""The console without a browser: every page says where a case stands, offers what is permitted, and does it once."""

from __future__ import annotations

import html
import io
import os
import re
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from api import Accounts, Folder, upkeep
from api.abandoned import Abandoned
from api.console import SCREENS, overdue
from api.console.screens import own_address
from api.console.sentence import remaining
from api.setup import Setup
from api.store import Shelf
from definitions.papers import Papers
from workflow import Actor, Engine
from workflow.clock import ZONE, civil_date
from workflow.errors import Text

from . import test_exchange as exchange
from .catalogue import english, written
from .console import Desk, Form, said
from .http_walk import PASSWORD
from .lifecycle import CONTACT, SESSION, TENANT, count, execute, statements
from .test_http_cases import placed

ROOT = Path(__file__).parents[1]
PDF = b"%PDF-1.7\n1 0 obj << >> endobj\n%%EOF\n"


def test_who_is_not_known_signs_in_and_goes_on_to_where_he_wanted(desk: Desk) -> None:
    nobody = desk(None)
    answer = nobody.get("/views/inbox?due=today")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in?then=/views/inbox?due%3Dtoday")
    assert nobody.get("/sign-in?then=https://evil.example/").status_code == 200
    assert Form(nobody.page).values["then"] == ["/"], "nobody is sent to another site"


@pytest.mark.parametrize(
    "then", ["//evil.example", "/\\evil.example", "https://evil.example", "/a\nb", "", "javascript:alert(1)"]
)
def test_no_link_of_ours_leads_to_another_site(desk: Desk, then: str) -> None:
    reader = desk("li")
    reader.get("/")
    token = Form("<main" + reader.page).values["csrf_token"][0]
    answer = reader.post("/language/en", {"csrf_token": token, "then": then})
    assert answer.headers["Location"] == "/"
    assert own_address(then) == "/"
    assert own_address("/views/inbox?due=today") == "/views/inbox?due=today"


def test_home_adds_up(desk: Desk) -> None:
    """B1: the buckets sum to all open items; each is a link whose list has that many."""
    desk.office.filed()
    desk.office.accepted()
    desk.office.assigned()
    reader = desk("li")
    assert reader.get("/").status_code == 200
    cards = re.findall(r'href="(/waiting\?due=\w+)"><b>(\d+)</b>', reader.page)
    assert len(cards) == 6
    assert sum(int(number) for _, number in cards) == len(desk.office.engine.worklist(Actor(person="li")))
    for address, number in cards:
        reader.get(address)
        assert reader.page.count('<th scope="row" ') == int(number)


def test_the_first_line_says_where_it_stands(desk: Desk) -> None:
    case = desk.office.handling()
    reader = desk("wang")
    assert reader.get(f"/cases/{case.id}").status_code == 200
    line = re.search(r'<p class="sentence">(.*?)</p>', reader.page, re.DOTALL)
    assert line is not None
    assert "办理中" in line[1] and "市水利局（主办单位）" in line[1] and "2026-06-02" in line[1]
    assert "您的下一步" in line[1]
    assert desk("li").get(f"/cases/{case.id}").status_code == 200
    assert "您的下一步" not in desk("li").page, "it does not wait for the office"


def test_what_is_not_hers_is_not_there(desk: Desk) -> None:
    case = desk.office.assigned()
    stranger = desk("feng")
    assert stranger.get(f"/cases/{case.id}").status_code == 404
    assert stranger.get("/cases/0000000000000000000x").status_code == 404
    assert stranger.get("/views/to_assign").status_code == 404, "the list of another role"
    stranger.get("/search?q=%E7%AC%AC001%E5%8F%B7")
    assert case.data["title"] not in stranger.page


def test_a_case_from_its_beginning_to_its_answer(desk: Desk) -> None:
    """Everything by forms: begin, accept, assign with a menu of units, sign in, contact, reply with a letter."""
    office, clerk = desk("li"), desk("wang")
    where = office.goes(office.fill(
        "/start/suggestion", title="关于修缮幸福路的建议", body="路面破损", first_signer="dep1", signers="dep1、dep2",
        publication_wish="full", tenant="hb/xianning",
    )).partition("?")[0]  # fmt: skip
    assert "已完成：提出" in said(office.page)
    office.goes(office.fill(f"{where}/do/accept_in_session", **SESSION))
    assert "第001号" in office.page
    office.goes(office.fill(f"{where}/do/assign", assignment_mode="sole", lead_unit="water"))
    assert "市水利局" in office.page
    clerk.goes(clerk.fill(f"{where}/do/sign_in"))
    clerk.goes(
        clerk.fill(
            f"{where}/do/first_contact", contact_on="2026-03-02", contact_way="telephone", contact_record="谈"
        )
    )
    clerk.goes(clerk.fill(f"{where}/do/submit_for_signoff", reply_draft=(PDF, "送签稿.pdf"), reply_class="HB-XIANNING:A",
                          publication="full"))  # fmt: skip
    link = re.search(r'href="(/cases/\w+/documents/\w{64})">送签稿.pdf', clerk.page)
    assert link is not None
    with clerk.client.get(link[1]) as letter:
        assert letter.data == PDF
    assert desk("feng").get(link[1]).status_code == 404


def test_a_no_stands_beside_its_input_and_nothing_typed_is_lost(desk: Desk) -> None:
    case = desk.office.accepted()
    reader, lines = desk("li"), count(desk.office.engine, "history")
    answer = reader.fill(
        f"/cases/{case.id}/do/decline", refusal_explanation="说明" * 30, told_on="2026-13-45"
    )
    assert answer.status_code == 422
    assert 'href="#f-told_on"' in reader.page and "说明" * 30 in reader.page
    assert re.search(r'<p class="error" id="f-refusal_ground-e">', reader.page)
    assert count(desk.office.engine, "history") == lines


def test_names_are_understood_and_two_of_one_name_are_asked_back(desk: Desk) -> None:
    from workflow.model import Party

    for number in (1, 2):
        desk.office.engine.parties.put(
            [Party(id=f"wl{number}", kind="unit", name="市文旅局", tenant="hb/xianning")],
            by=Actor(person="li"),
            trusted=True,
        )
    reader = desk("li")
    answer = reader.fill("/start/suggestion", title="甲", body="乙", first_signer="市文旅局", signers="无名氏", publication_wish="full",
                         tenant="hb/xianning")  # fmt: skip
    assert answer.status_code == 422
    assert "wl1、wl2" in said(reader.page) and "登记中没有“无名氏”" in said(reader.page)


def test_a_second_click_is_the_same_act(desk: Desk) -> None:
    reader = desk("li")
    reader.get("/start/suggestion")
    form = {**Form(reader.page).values, "title": "甲", "body": "乙", "first_signer": "dep1", "signers": "dep1",
            "publication_wish": "full", "tenant": "hb/xianning"}  # fmt: skip
    first, second = reader.post("/start/suggestion", form), reader.post("/start/suggestion", form)
    assert first.headers["Location"] == second.headers["Location"]
    assert count(desk.office.engine, "cases") == 1


def test_somebody_was_first(desk: Desk) -> None:
    """The page says so, keeps what was typed, and shows the case as it is now."""
    case = desk.office.assigned()
    reader = desk("wang")
    reader.get(f"/cases/{case.id}/do/request_return")
    form = {**Form(reader.page).values, "return_reason": "不属我局职责", "competent_unit": "roads"}
    desk.office.fire(case, "sign_in", "wang")
    answer = reader.post(f"/cases/{case.id}/do/request_return", form)
    assert answer.status_code == 409
    assert "不属我局职责" in reader.page
    assert reader.post(f"/cases/{case.id}/do/request_return", {**Form(reader.page).values}).status_code in (
        303,
        422,
    )


def test_another_site_posts_nothing(desk: Desk) -> None:
    case = desk.office.assigned()
    reader, lines = desk("wang"), count(desk.office.engine, "history")
    reader.get(f"/cases/{case.id}/do/sign_in")
    form = Form(reader.page).values
    assert reader.post(f"/cases/{case.id}/do/sign_in", {**form, "csrf_token": "0" * 64}).status_code == 403
    answer = reader.client.post(
        f"/cases/{case.id}/do/sign_in", data=form, headers={"Origin": "https://evil.example"}
    )
    assert answer.status_code == 403
    assert count(desk.office.engine, "history") == lines
    assert reader.post(f"/cases/{case.id}/do/sign_in", form).status_code == 303


def test_many_at_once_each_with_its_result(desk: Desk) -> None:
    """B2: one already done by a colleague is told, the others succeed; the day of the reply does not move."""
    cases = [desk.office.assigned() for _ in range(3)]
    due = desk.office.due(cases[0], "reply")
    reader = desk("wang")
    chosen = "&".join(f"case={case.id}" for case in cases)
    reader.get(f"/views/inbox/many?event=sign_in&{chosen}")
    assert "选中 3 件，可以进行 3 件" in said(reader.page)
    form = Form(reader.page).values
    desk.office.fire(cases[1], "sign_in", "wang")
    answer = reader.post("/views/inbox/many", form)
    assert answer.status_code == 200
    assert "成功 2 件，未进行 1 件" in said(reader.page)
    assert desk.office.due(cases[0], "reply") == due


def test_by_a_link_without_an_account(desk: Desk) -> None:
    """E5, A7: looking consumes nothing; answered, changed, told apart from an account; a unit's clerk finds no link."""
    office = desk.office
    root = office.evaluating("dep1")
    survey = office.child(root, "surveys", "dep1")
    token = office.engine.invite(
        survey.id, ["answer", "correct"], "dep1", until=date(2026, 4, 30), by=Actor(person="sun")
    )
    deputy, lines = desk(None), count(office.engine, "history")
    for _ in range(3):
        assert deputy.get(f"/i/{token}").status_code == 200
    assert count(office.engine, "history") == lines
    assert "checked" not in deputy.page and "selected" not in deputy.page, "nothing is filled in beforehand"
    assert deputy.fill(f"/i/{token}", level="dissatisfied").status_code == 422, (
        "dissatisfied without a reason"
    )
    assert "还没有填“具体理由”" in said(deputy.page), "in the words of the page of who has an account"
    deputy.goes(deputy.fill(f"/i/{token}", level="satisfied"))
    assert "您已填写" in said(deputy.page)
    deputy.goes(deputy.fill(f"/i/{token}", level="dissatisfied", reasons="没有办"))
    assert office.now(survey).data["level"] == "dissatisfied"
    assert desk("wang").get(f"/i/{token}").status_code == 404
    office.fire(survey, "tally", "sun")
    assert deputy.get(f"/i/{token}").status_code == 200
    assert "现在不能更改" in said(deputy.page)


def test_a_link_to_what_the_version_of_its_case_does_not_have(desk: Desk) -> None:
    """As the case may have moved since: what it still has is offered, and a link to nothing is none."""
    office = desk.office
    survey = office.child(office.evaluating("dep1"), "surveys", "dep1")
    token = office.engine.invite(
        survey.id, ["answer", "correct"], "dep1", until=date(2026, 4, 30), by=Actor(person="sun")
    )
    execute(office.engine, "update {p}invitation set event = 'gone,answer'")
    deputy = desk(None)
    assert deputy.get(f"/i/{token}").status_code == 200
    seen = deputy.client.get(f"/v1/invitations/{token}")
    assert (seen.status_code, [offer["event"] for offer in seen.json["events"]]) == (200, ["answer"])
    deputy.goes(deputy.fill(f"/i/{token}", level="satisfied"))
    execute(office.engine, "update {p}invitation set event = 'gone'")
    assert deputy.get(f"/i/{token}").status_code == 404
    assert deputy.client.get(f"/v1/invitations/{token}").json["events"] == []


def test_a_link_of_nobody(desk: Desk) -> None:
    reader = desk(None)
    assert reader.get("/i/" + "0" * 64).status_code == 404
    assert "办公室重新发送" in said(reader.page) and "在上方" not in reader.page, "nothing to search by"


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}${7*7}"


def test_hostile_words_stay_words(desk: Desk) -> None:
    case = desk.office.filed("dep1", "dep2", title=HOSTILE, body=HOSTILE)
    reader = desk("li")
    for address in (
        "/",
        "/waiting",
        "/views/intake",
        f"/cases/{case.id}",
        f"/cases/{case.id}/history",
        f"/cases/{case.id}/do/correct_entry",
    ):
        assert reader.get(address).status_code == 200
        assert "<script>alert" not in reader.page
        assert "<img src=x" not in reader.page
        assert "{{7*7}}" in reader.page
    answer = reader.get("/")
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


def test_every_page_is_light_and_needs_nothing_from_outside(desk: Desk) -> None:
    case = desk.office.evaluating()
    reader = desk("li")
    for address in ("/", "/waiting", "/views/in_progress", f"/cases/{case.id}", f"/cases/{case.id}/history"):
        reader.get(address)
        assert len(reader.page.encode()) < 100_000, address
        found = re.findall(r'(?:src|href|action)="([^"]*)"', reader.page)
        assert all(link.startswith(("/", "#")) for link in found), found
        assert "style=" not in reader.page, "the policy refuses styles in the page"


def test_every_word_of_ours_has_its_english() -> None:
    catalogue = english()
    assert written() - {message.id for message in catalogue if message.id and message.string} == set()
    assert {message.id for message in catalogue if message.id} == written(), "python -m tests.catalogue"


def test_no_template_has_chinese_but_to_be_translated() -> None:
    """Not a comma: `，` in an English sentence is a Chinese word left over."""
    folder, left = Path(__file__).parent.parent / "api" / "console" / "templates", []
    for path in sorted(folder.glob("*.html")):
        text = re.sub(
            r"""_\((?:"[^"]*"|'[^']*')|\{#.*?#\}""", "", path.read_text(encoding="utf-8"), flags=re.DOTALL
        )
        left += [
            (path.name, found) for found in re.findall("[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]+", text)
        ]
    assert left == [("base.html", "中文")], "the way back to Chinese is named in Chinese"


def test_the_english_page_says_it_in_english(desk: Desk) -> None:
    case = desk.office.handling()
    reader = desk("li")
    reader.client.set_cookie("language", "en")
    reader.get(f"/cases/{case.id}")
    assert "It is now “being handled”" in said(reader.page)
    left = re.sub(
        r"<dd>.*?</dd>|<h1>.*?</h1>|<title>.*?</title>|<td>.*?</td>|<th .*?</th>|<b>.*?</b>",
        "",
        reader.page,
        flags=re.DOTALL,
    )
    assert "怎么算的" not in left and "办理过程" not in left


@pytest.mark.parametrize(
    ("due", "zh", "en"),
    [
        (date(2026, 3, 2), "今日到期", "due today"),
        (date(2026, 3, 1), "已超期 1 天", "1 day overdue"),
        (date(2026, 3, 3), "还剩 1 个工作日（1 天）", "1 working day left (1 in all)"),
    ],
)
def test_how_long_it_is(desk: Desk, due: date, zh: str, en: str) -> None:
    assert remaining(due, date(2026, 3, 2), desk.office.engine.laws.calendar) == Text(zh, en)


def test_every_screen_says_who_may_look() -> None:
    assert {screen.permission for screen in SCREENS} <= {"open", "person", "operator", "case"}
    assert len({(screen.path, *screen.methods) for screen in SCREENS}) == len(SCREENS)
    opened = {screen.name for screen in SCREENS if screen.permission == "open"}
    assert opened == {
        "first",
        "first_made",
        "sign_in",
        "signed_in",
        "sign_out",
        "password",
        "password_changed",
        "code",
        "second",
        "second_made",
        "link",
        "link_done",
        "link_letter",
        "static",
        "language",
    }


def test_links_are_issued_by_the_office_alone_shown_once_and_taken_back(desk: Desk) -> None:
    root = desk.office.evaluating("dep1", "dep2")
    office, page = desk("sun"), f"/cases/{root.id}/links"
    answer = office.fill(page)
    assert answer.status_code == 200
    links = re.findall(r"<code>http://localhost(/i/\w{64})</code>", office.page)
    assert len(links) == 2
    office.get(page)
    assert "/i/" not in office.page, "told once"
    assert office.page.count("未使用") == 2
    deputy = desk(None)
    assert deputy.get(links[0]).status_code == 200
    first = re.search(r'name="invitation" value="(\w+)"', office.page)
    assert first is not None
    token = Form(office.page).values["csrf_token"][0]
    for found in re.findall(r'name="invitation" value="(\w+)"', office.page):
        assert office.post(f"{page}/revoke", {"csrf_token": token, "invitation": found}).status_code == 303
    assert {deputy.get(link).status_code for link in links} == {404}
    assert desk("wang").get(page).status_code == 403, "a unit sends no links"
    assert "直接发给本人的链接" in said(_page(desk, "sun", f"/cases/{root.id}"))
    for person in ("wang", "gov"):
        assert "直接发给本人的链接" not in said(_page(desk, person, f"/cases/{root.id}")), person


def _page(desk: Desk, person: str, address: str) -> str:
    reader = desk(person)
    reader.get(address)
    return reader.page


def test_each_of_many_with_a_form_of_its_own(desk: Desk) -> None:
    """The board of assignment: a unit for each, one left empty is left alone, one mistake sends nothing off."""
    cases = [desk.office.accepted() for _ in range(3)]
    reader = desk("li")
    address = "/views/to_assign/many?event=assign&apart=1&" + "&".join(f"case={case.id}" for case in cases)
    reader.get(address)
    form = {**Form(reader.page).values}
    first, second, _ = (f"{case.id}." for case in cases)
    form |= {
        first + "assignment_mode": "sole",
        first + "lead_unit": "water",
        second + "assignment_mode": "sole",
    }
    form[second + "lead_unit"] = "没有这个单位"
    lines = count(desk.office.engine, "history")
    assert reader.post("/views/to_assign/many", form).status_code == 422
    assert count(desk.office.engine, "history") == lines
    form |= {second + "lead_unit": "roads"}
    assert reader.post("/views/to_assign/many", form).status_code == 200
    assert "成功 2 件" in said(reader.page)
    states = [desk.office.now(case).state for case in cases]
    assert states == ["assigned", "assigned", "accepted"]


def test_messages_are_the_readers_own(desk: Desk) -> None:
    desk.office.assigned()
    desk.office.engine.alerts.address()
    for person in ("wang", "feng"):
        reader = desk(person)
        assert reader.get("/messages").status_code == 200
        assert reader.page.count("/cases/") == (1 if person == "wang" else 0)


def test_a_cursor_that_nobody_was_given_is_no_page(desk: Desk) -> None:
    reader = desk("wang")
    for path, place in (
        ("/messages", ["2026-03-02T00:00:00+00:00", "\ud800"]), ("/messages", ["x", "y"]), ("/messages", 1),
        ("/waiting", [None, "\ud800"]), ("/waiting", ["x", "y"]), ("/overdue", [None, "x" * 500]),
    ):  # fmt: skip
        assert reader.get(placed(place, path)).status_code == 400, (path, place)


def test_a_message_of_what_has_no_number_says_which_it_is(desk: Desk) -> None:
    """By its title, shortened, as far as its reader may know of it; no more leaves the house for that."""
    o = desk.office
    numbered, title = o.assigned(), "关于在社区设立老年人助餐点并由财政给予运营补贴的若干具体建议"
    assert len(title) == 30
    named = o.filed(title=title), o.filed(title=f"{title}和意见")
    o.engine.alerts.address()
    li = desk("li")
    li.get("/messages")
    page = said(li.page)
    assert f"代表建议办理 {title} 提出" in page and f"代表建议办理 {title[:28]}…… 提出" in page
    for case in named:
        assert not case.number
    wang = desk("wang")
    wang.get("/messages")
    assert str(o.now(numbered).number) in wang.page and title[:9] not in wang.page


def test_a_message_of_a_clue_says_no_title(desk: Desk) -> None:
    """Its kind is the whole link, with nothing behind it."""
    o = desk.office
    o.engine.grant("pros", "procuratorate_clerk", TENANT)
    case = o.handling(title="关于查处排污的建议")
    o.fire(case, "transfer_to_procuratorate", "li", procuratorate_area="environment", public_interest="河道")
    o.engine.alerts.address()
    pros, clue = desk("pros"), o.child(case, "conversions")
    pros.get("/messages")
    kind = o.engine.laws.pinned(clue.definition).definition.title.zh
    assert f'<a href="/cases/{clue.id}">{kind}</a>' in pros.page and "排污" not in pros.page


def test_messages_say_the_local_day_and_hour(desk: Desk) -> None:
    """At half past six in the morning here it is the day before in Greenwich, where stamps are kept."""
    desk.office.clock.set(datetime(2026, 3, 3, 6, 30, tzinfo=ZONE))
    desk.office.assigned()
    desk.office.engine.alerts.address()
    reader = desk("wang")
    reader.get("/messages")
    assert "2026-03-03 06:30" in reader.page and "2026-03-02" not in reader.page


def test_the_operator_is_told_of_a_template_that_cannot_be_read_and_of_tokens_near_their_end(
    desk: Desk, tmp_path: Path
) -> None:
    shelf, day = Shelf(desk.office.engine), civil_date(desk.office.clock.now())
    for name, days in (("督查室", 7), ("旧系统", -3), ("新系统", 90)):
        token = {
            "id": name, "hash": name, "account": "svc", "unit": None, "name": name, "scopes": "read", "created_by": "he",
            "created_at": "2026-01-01", "expires_on": (day + timedelta(days=days)).isoformat(),
        }  # fmt: skip
        with shelf.connection(write=True) as connection:
            connection.execute(insert(shelf.tables.token), token)
    (tmp_path / "reply.docx").write_bytes((ROOT / "definitions/letters/reply.docx").read_bytes())
    papers = Papers(desk.office.engine, tmp_path)
    assert [trouble.code for trouble in upkeep.troubles(desk.office.engine, papers)] == [
        "token_ended",
        "token_ends",
    ]
    (tmp_path / "reply.docx").write_bytes(b"no document")
    found = list(upkeep.troubles(desk.office.engine, papers))
    assert [trouble.code for trouble in found] == ["template", "token_ended", "token_ends"]
    assert "reply.docx" in found[0].text.zh and "新系统" not in "".join(trouble.text.zh for trouble in found)
    operator = desk("he")
    assert operator.get("/operation").status_code == 200
    page = said(operator.page)
    assert "令牌“旧系统”（svc）已于" in page and "令牌“督查室”（svc）将于" in page
    assert page.index("旧系统") < page.index("督查室"), "the urgent first"


def test_the_first_page_and_the_set_up_count_what_the_systems_page_finds(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine's and the service's own, the urgent among them; nobody else is told."""
    shelf, day = Shelf(desk.office.engine), civil_date(desk.office.clock.now())
    token = {
        "id": "t", "hash": "t", "account": "svc.oa", "unit": None, "name": "督查室", "scopes": "read", "created_by": "he",
        "created_at": "2026-01-01", "expires_on": (day - timedelta(days=3)).isoformat(),
    }  # fmt: skip
    with shelf.connection(write=True) as connection:
        connection.execute(insert(shelf.tables.token), token)
    operator = desk("he")
    operator.get("/operation")
    listed = operator.page[operator.page.index('id="wrong"') :].partition("</ol>")[0]
    number, urgent = listed.count("<li>"), listed.count("<b>紧急</b>")
    assert "督查室" in listed and number > urgent >= 1
    operator.get("/")
    assert f"系统体检有 {number} 项需要处理，其中 {urgent} 项紧急。" in said(operator.page)
    assert 'class="button" href="/operation">去处理' in operator.page
    assert operator.page.index("系统体检有") < operator.page.index("待我办理</h2>")
    assert "系统体检" not in _page(desk, "li", "/")
    steps = {step.name: step for step in Setup(desk.office.engine).steps()}
    assert steps["doctor"].found.zh == f"{number} 项待处理"
    monkeypatch.setattr("api.console.home.looked", lambda *_: [])
    operator.get("/")
    assert (
        "系统体检：一切正常。" in said(operator.page)
        and 'class="button" href="/operation"' not in operator.page
    )


def test_the_operator_sees_what_is_wrong_and_nobody_else_does(desk: Desk) -> None:
    operator = desk("he")
    assert operator.get("/operation").status_code == 200
    assert "调度器从未运行" in said(operator.page)
    assert desk("li").get("/operation").status_code == 403
    assert "系统体检" not in _page(desk, "li", "/")


def test_what_the_system_began_says_so(desk: Desk) -> None:
    """A late reply opens its escalation: nobody of the name of system is on the page, nor above a form about it."""
    office = desk.office
    case = office.handling("dep1")
    office.clock.set(date(2026, 6, 3))
    office.ticks()
    against = office.child(case, "escalations")
    page = _page(desk, "gov", f"/cases/{against.id}")
    assert "提醒 系统自动" in said(page) and not re.search(r"\bsystem\b", said(page))
    office.clock.set(date(2026, 12, 31))
    office.ticks()
    assert not re.search(r"\bsystem\b", said(_page(desk, "gov", f"/cases/{against.id}/do/criticise")))


def test_a_list_offers_for_many_what_one_of_the_readers_roles_may_do(desk: Desk) -> None:
    """The government's office reads the supervisions; that the chairpersons' meeting determines them is not its button."""
    office = desk.office
    case = office.handling("dep1")
    office.fire(case, "propose_supervision", "li", supervision_kind="key", supervision_reason="集中反映")
    button = 'name="event" value="determine"'
    assert button in _page(desk, "chair", "/views/supervisions")
    page = _page(desk, "gov", "/views/supervisions")
    assert button not in page and "下载文书（ZIP）" in page


def test_what_is_wrong_leads_to_the_page_where_it_is_mended(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first as the one button; a clock a hair behind is not -0.0 seconds from the database's."""
    found = replace(
        desk.office.engine.health(), dead_letters=1, skew=-0.01, calendar_horizon=date(2026, 1, 1)
    )
    monkeypatch.setattr(Engine, "health", lambda _: found)
    operator = desk("he")
    operator.get("/operation")
    assert {"#dead", "/calendar"} <= set(re.findall(r'href="([^"]+)">去处理', operator.page))
    assert operator.page.count('class="button" href') <= 1
    assert "与数据库的时差（秒） 0.0" in said(operator.page)


def test_a_holiday_notice_is_judged_for_the_office_and_the_operator_alone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A preview judges every deadline that runs, so not everybody may ask for it, and nobody without end."""
    for person, status in (("wang", 403), ("dep1", 403), ("li", 200), ("he", 200)):
        reader = desk(person)
        assert reader.get("/calendar").status_code == status
    proof = Form(reader.page).values
    monkeypatch.setattr("api.console.calendar.preview", lambda *_: [])
    typed = {"source": "x", "off": "元旦 1月1日至3日", "makeup": "", "act": "preview"}
    posted = {**proof, **typed}
    assert [reader.post("/calendar", posted).status_code for _ in range(61)][-2:] == [200, 429]
    other = desk("wang")
    other.get("/sessions")
    posted = {**typed, "csrf_token": Form(other.page).values["csrf_token"]}
    assert other.post("/calendar", posted).status_code == 403


def test_a_notice_that_is_typed_wrong_is_told_what_is_wrong_and_how_it_is_written(desk: Desk) -> None:
    """Every fault at once, nothing about what is right, and what was typed stays."""
    reader = desk("he")
    off = "春节 2月30日至3月3日\n清明 4月5日至3日\n元旦 1月1日\n元旦 1月2日"
    answer = reader.fill(
        "/calendar", act="apply", source="国办发明电〔2026〕8号", off=off, makeup="2月31日 明天"
    )
    told = said(reader.page)
    assert answer.status_code == 422 and "已启用" not in told
    assert "看不懂这一行：春节 2月30日至3月3日；写法如：春节 2月5日至11日" in told
    assert "4月5日至3日：止日 2027-04-03 早于起日 2027-04-05" in told and "“元旦”写了两次" in told
    assert "没有这个日期：2月31日；写法如：1月3日" in told and "没有这个日期：明天" in told
    assert "请填写各节日的放假日期" not in told and Form(reader.page).values["off"] == [f"{off}"]
    reader.fill("/calendar", act="apply", source="", off=" ", makeup="")
    assert "请填写各节日的放假日期" in said(reader.page) and "请填写通知文号或来源" in said(reader.page)
    assert desk.office.engine.laws.calendar.horizon.year == 2026


def test_too_many_documents_or_none_are_refused_in_words(desk: Desk) -> None:
    reader = desk("li")
    reader.get("/calendar")
    proof = Form(reader.page).values["csrf_token"]
    for cases in ([], [f"c{n}" for n in range(501)]):
        assert reader.post("/letters", {"csrf_token": proof, "case": cases}).status_code == 422
        assert "请选择 1 至 500 件" in said(reader.page)
    assert reader.post("/letters", {"csrf_token": proof, "case": ["x" * 5000]}).status_code == 404


def test_found_by_words_of_its_title_and_only_what_is_hers(desk: Desk) -> None:
    wanted = desk.office.filed(title="关于修缮幸福路排水管网的建议")
    desk.office.filed(title="关于增加公交班次的建议")
    reader = desk("li")
    reader.get("/search?q=%E5%B9%B8%E7%A6%8F%E8%B7%AF%E6%8E%92%E6%B0%B4")
    assert re.findall(r'href="/cases/(\w+)"', reader.page)[0] == wanted.id
    stranger = desk("feng")
    stranger.get("/search?q=%E5%B9%B8%E7%A6%8F%E8%B7%AF%E6%8E%92%E6%B0%B4")
    assert "幸福路排水管网" not in stranger.page


def test_what_is_alike_is_told_before_it_is_accepted(desk: Desk) -> None:
    first = desk.office.filed(title="关于增设温泉城区零工驿站的建议", body="在温泉城区增设零工驿站")
    second = desk.office.filed(title="关于在温泉城区增设零工驿站的建议", body="在温泉城区商圈增设零工驿站")
    page = _page(desk, "li", f"/cases/{second.id}")
    assert "可能是同一件事" in page and f"/cases/{first.id}" in page


def test_a_list_narrowed_by_a_unit_and_days_has_an_address_of_its_own(desk: Desk) -> None:
    case = desk.office.assigned()
    reader = desk("li")
    for query, found in (
        ("party=%E5%B8%82%E6%B0%B4%E5%88%A9%E5%B1%80", True), ("party=roads", False), ("due_before=2026-03-03", False),
        ("opened_from=2026-03-02&due=soon", False), ("opened_from=2026-03-02", True),
    ):  # fmt: skip
        assert reader.get(f"/views/in_progress?{query}").status_code == 200
        assert (f"/cases/{case.id}" in reader.page) is found, query
    assert reader.get("/views/in_progress?due_before=morgen").status_code == 400


def test_who_has_it_stands_in_the_list(desk: Desk) -> None:
    desk.office.assigned()
    assert "市水利局" in said(_page(desk, "li", "/views/in_progress"))


def test_the_register_tells_nothing_personal(desk: Desk) -> None:
    reader = desk("li")
    reader.get("/parties?kind=unit")
    assert "市水利局" in reader.page
    desk.office.assigned()
    assert reader.get("/parties/water").status_code == 200
    assert "关于增设快递员驿站的建议" in reader.page
    assert reader.get("/parties/nobody").status_code == 404


def test_my_due_days_as_a_calendar_told_once_and_taken_back(desk: Desk) -> None:
    """E10: revoked is as if it had never been."""
    desk.office.assigned()
    reader = desk("wang")
    assert reader.fill("/sheets", unit="water").status_code == 200
    told = re.search(r"<code>http://localhost(/v1/ical/\w+)</code>", reader.page)
    assert told is not None
    with reader.client.get(told[1]) as calendar:
        assert "SUMMARY:第001号" in calendar.text and "快递员" not in calendar.text
    reader.get("/sheets")
    assert "/v1/ical/" not in reader.page
    end = re.search(r'action="(/sheets/\w+/end)"', reader.page)
    assert end is not None
    token = Form(reader.page).values["csrf_token"][0]
    assert reader.post(end[1], {"csrf_token": token}).status_code == 303
    assert reader.get(told[1]).status_code == 404


def test_a_form_says_how_long_there_is_left(desk: Desk) -> None:
    """B3: on working day 5 of 7 the form of a return shows the days left, and what it has to say."""
    case = desk.office.assigned()
    desk.office.clock.advance(days=7)
    reader = desk("wu")
    reader.get(f"/cases/{case.id}/do/request_return")
    assert "退办申请期限： ○ 还剩 2 个工作日" in said(reader.page)
    assert reader.fill(f"/cases/{case.id}/do/request_return", competent_unit="roads").status_code == 422
    assert "退办理由：必填" in said(reader.page)


def test_where_a_case_spent_its_time(desk: Desk) -> None:
    """C7: days and visits of each state; no person is named in it."""
    case = desk.office.assigned()
    desk.office.clock.advance(days=3)
    desk.office.fire(case, "request_return", "wu", return_reason="不属我局", competent_unit="roads")
    desk.office.clock.advance(days=1)
    desk.office.fire(case, "refuse_return", "li", return_decision="应由你局办理")
    page = _page(desk, "li", f"/cases/{case.id}/history")
    table = said("<main" + page[page.index('id="stays"') : page.index("</table>")])
    assert re.search(r"已交办 3 1 申请退办 1 1 .*现在 0 1", table), table


def test_a_page_asks_a_bounded_number_of_questions(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many cases there are, and however long a history: the same questions. Whoever asks first after a change counts
    what changed, all of it in a few more.
    """
    office = desk.office
    case = office.handling()
    pages = (
        "/",
        "/waiting",
        "/views/in_progress",
        f"/cases/{case.id}",
        f"/cases/{case.id}/history",
        "/search?q=驿站",
        "/parties/water",
    )
    reader = desk("li")

    def asked() -> dict[str, int]:
        found = {}
        for address in pages:
            with statements(office.engine.database, monkeypatch) as seen:
                assert reader.get(address).status_code == 200
            found[address] = sum(one.lstrip().lower().startswith(("select", "with")) for one in seen)
        return found

    asked()  # what is read once and kept
    before = asked()
    for _ in range(12):
        office.fire(case, "record_contact", "wang", **CONTACT)
        office.assigned()
    first = asked()
    assert asked() == before
    assert max(first.values()) <= 26, first


def test_a_table_is_checked_marked_and_then_written_without_sending_it_again(
    desk: Desk, tmp_path: Path
) -> None:
    """A1 on the pages: three bad cells are named and nothing is written; the marked table; mended, written; again, nothing new."""
    deputies = [exchange.deputy("dep1"), exchange.deputy("dep2")]
    desk.office.engine.parties.put([*exchange.CITY, *deputies], by=exchange.SETUP, trusted=True)
    changes = {"3.领衔代表": "代表甲", "4.公开意见": "随便", "6.建议内容": None}
    bad = exchange.offices_own(tmp_path / "bad.xlsx", 5, **changes).read_bytes()
    good = exchange.offices_own(tmp_path / "good.xlsx", 5).read_bytes()
    reader, engine, then = desk("li"), desk.office.engine, "accept_in_session"
    assert (
        reader.fill("/import/suggestion", file=(bad, "建议.xlsx"), act="judge", then=then).status_code == 200
    )
    assert "有 3 处错误，没有写入任何内容" in said(reader.page)
    assert [cell in said(reader.page) for cell in ("3 领衔代表", "4 公开意见", "6 建议内容")] == [True] * 3
    form = {name: value for name, value in Form(reader.page).values.items() if name != "file"}
    marked = reader.post("/import/suggestion", {**form, "act": "marked"})
    assert marked.mimetype.endswith("spreadsheetml.sheet") and marked.data[:2] == b"PK"
    reader.fill("/import/suggestion", file=(good, "建议.xlsx"), act="judge", then=then)
    assert "没有错误。将新增 5" in said(reader.page)
    assert count(engine, "cases") == 0
    form = {name: value for name, value in Form(reader.page).values.items() if name != "file"}
    reader.post("/import/suggestion", {**form, "act": "write"})
    assert "已写入：新增 5" in said(reader.page)
    assert sorted(case.number or "" for case in engine.search()) == [f"第{n:03}号" for n in range(1, 6)]
    reader.post("/import/suggestion", {**form, "act": "write"})
    assert "新增 0" in said(reader.page), "a second click"
    reader.fill("/import/suggestion", file=(good, "建议.xlsx"), act="judge", then=then)
    assert "将新增 0" in said(reader.page), said(reader.page)
    assert desk("wang").get("/import/suggestion").status_code == 404


def test_a_long_history_goes_on_over_the_page(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line once, the newest first, on pages that stay small; nonsense in the address is the first page."""
    monkeypatch.setattr("api.console.cases.PRINTED", 2)
    case, reader = desk.office.handling(), desk("li")
    address, found = f"/cases/{case.id}/history", list[str]()
    while address:
        reader.get(address)
        found += re.findall(r"<b>([^<]+)</b>", reader.page)
        following = re.search(r'<a rel="next" href="([^"]+)"', reader.page)
        address = following[1] if following else ""
    assert found == ["首次沟通", "签收", "交办", "受理（大会期间）", "提出"]
    for nonsense in ("x", "9" * 30, "-1", "²"):
        assert reader.get(f"/cases/{case.id}/history?before={nonsense}").status_code == 200


def test_what_was_taken_away_is_read_in_the_history(desk: Desk) -> None:
    office, survey = desk.office, desk.office.child(desk.office.evaluating(), "surveys", "dep1")
    office.fire(survey, "answer", "dep1", level="satisfied", result_level="dissatisfied", reasons="还没有建")
    office.fire(survey, "correct", "dep1", level="satisfied", result_level=None)
    page = desk("sun")
    page.get(f"/cases/{survey.id}/history")
    assert "办理结果 — （原为：不满意）" in said(page.page)


def test_a_file_that_is_not_accepted_is_a_fault_of_its_field(desk: Desk) -> None:
    """A photo as a telephone makes it: the form comes back with everything that was typed."""
    case = desk.office.handling()
    reader, address = desk("wang"), f"/cases/{case.id}/do/submit_for_signoff"
    for name, content in (("照片.heic", b"ftypheic"), ("照片.png", b"no picture")):
        answer = reader.fill(
            address, reply_draft=(content, name), reply_class="HB-XIANNING:A", publication="full"
        )
        assert answer.status_code == 422 and f"“{name}”" in said(reader.page), said(reader.page)
        assert Form(reader.page).values["publication"] == ["full"]


def test_what_is_wrong_in_many_rows_is_said_once(desk: Desk, tmp_path: Path) -> None:
    """Rows 2 to 4 and 6; what is wrong with a file as a whole has no row, and no table to mark; its encoding is kept."""
    desk.office.engine.parties.put(
        [*exchange.CITY, exchange.deputy("dep1"), exchange.deputy("dep2")], by=exchange.SETUP, trusted=True
    )
    changes = {f"{row}.公开意见": "随便" for row in (2, 3, 4, 6)}
    bad = exchange.offices_own(tmp_path / "bad.xlsx", 5, **changes).read_bytes()
    reader = desk("li")
    reader.fill("/import/suggestion", file=(bad, "建议.xlsx"), act="judge", then="accept_in_session")
    assert said(reader.page).count("随便") == 1 and "2–4, 6 公开意见" in said(reader.page)
    assert re.search(r'href="[^"]*then=accept_in_session"', reader.page), (
        "an empty table with what that step asks for"
    )
    csv = "标题\n路灯\n".encode("gbk")
    reader.fill("/import/suggestion", file=(csv, "建议.csv"), act="judge")
    assert "编码请选 GBK" in reader.page and 'value="marked"' not in reader.page
    reader.fill("/import/suggestion", file=(csv, "建议.csv"), act="judge", encoding="gbk")
    assert '<option value="gbk" selected>' in reader.page


def test_a_page_that_lies_open_names_no_document_that_has_gone(desk: Desk, tmp_path: Path) -> None:
    """Refused once, its file kept, sent again when the file has gone: choose it again. What the case names stays good."""
    office, folder = desk.office, Folder(tmp_path / "documents")
    case = office.handling()
    reader, address = desk("wang"), f"/cases/{case.id}/do/submit_for_signoff"
    draft = (PDF, "送签稿.pdf")
    assert reader.fill(address, reply_draft=draft, publication="full").status_code == 422
    form = {**Form(reader.page).values, "reply_class": "HB-XIANNING:A"}
    assert form["reply_draft.kept"]
    (path,) = (path for path in (tmp_path / "documents").rglob("*") if path.is_file())
    at = office.clock.now().timestamp()
    os.utime(path, (at, at))
    office.clock.advance(days=2)
    assert Abandoned(office.engine, folder, timedelta(days=1)).sweep() == 1
    reader = desk("wang")
    reader.get(address)
    form["csrf_token"] = Form(reader.page).values["csrf_token"]
    assert reader.post(address, form).status_code == 422
    assert "请重新选择文件" in said(reader.page)
    assert office.engine.case(case.id).state == "handling"
    del form["reply_draft.kept"]
    reader.goes(reader.post(address, {**form, "reply_draft": (io.BytesIO(PDF), "送签稿.pdf")}))
    assert office.engine.case(case.id).data["reply_draft"]["sha256"] == path.name


def test_a_form_that_comes_back_keeps_the_documents_that_came_with_it(desk: Desk) -> None:
    """Whatever was wrong with another field, and however often: they stay named in it, and are not chosen again."""
    case = desk.office.handling()
    reader, address = desk("wang"), f"/cases/{case.id}/do/submit_for_signoff"
    good = {"reply_class": "HB-XIANNING:A", "publication": "full"}
    assert reader.fill(address, publication="full", reply_draft=(PDF, "送签稿.pdf")).status_code == 422
    for class_ in ("", "?"):
        form = {**Form(reader.page).values, "reply_class": class_}
        assert form["reply_draft.kept"] and "送签稿.pdf" in said(reader.page)
        assert reader.post(address, form).status_code == 422
    form = {**Form(reader.page).values, **good}
    reader.goes(reader.post(address, {**form, "reply_draft": (io.BytesIO(PDF + b"2"), "改.pdf")}))
    assert desk.office.now(case).data["reply_draft"]["name"] == "改.pdf", (
        "what is chosen now takes the place of what was kept"
    )


def test_a_form_that_cannot_be_read_keeps_its_documents_and_of_several_the_good_ones(desk: Desk) -> None:
    """A name that nobody has, a file that is too large: nobody uploads the others again."""
    office = desk.office
    overlay = office.pressed(office.handling(), "li")
    reader, address = desk("li"), f"/cases/{overlay.id}/do/visit_site"
    seen = {"visited_on": "2026-03-02", "visit_record": "已看"}
    assert (
        reader.fill(address, **seen, joining_deputies="查无此人", visit_documents=(PDF, "图.pdf")).status_code
        == 422
    )
    assert "查无此人" in reader.page and "图.pdf" in said(reader.page)
    form = Form(reader.page).values
    bad = {**form, **seen, "visit_documents": (io.BytesIO(b"<svg/>"), "坏.svg")}
    assert reader.post(address, bad).status_code == 422
    form = {**Form(reader.page).values, **seen, "joining_deputies": ""}
    assert "图.pdf" in said(reader.page) and len(form["visit_documents.kept"]) == 1
    reader.goes(reader.post(address, form))
    assert [one["name"] for one in office.now(overlay).data["visit_documents"]] == ["图.pdf"]


def test_what_a_page_carries_is_taken_from_that_page_alone(desk: Desk) -> None:
    """A document is named by its upload or by the case, never by whoever knows its hash; broken parts are no break of ours."""
    case = desk.office.handling()
    reader, address = desk("wang"), f"/cases/{case.id}/do/submit_for_signoff"
    forged = '{"sha256": "%s", "size": 1, "media_type": "application/pdf", "name": "x.pdf"}' % ("0" * 64)
    for kept in (forged, "x", "1", "", "é", f"{forged}.{'0' * 64}"):
        reader.get(address)
        form = {
            **Form(reader.page).values,
            "reply_draft.kept": kept,
            "reply_class": "HB-XIANNING:A",
            "publication": "full",
        }
        assert reader.post(address, form).status_code == 422, kept
    reader.get(address)
    for revision in ("x", "", "²", "-1", "9" * 30):
        assert reader.post(address, {**Form(reader.page).values, "revision": revision}).status_code == 400, (
            revision
        )
        reader.get(address)
    office = desk("li")
    office.get("/import/suggestion")
    form = {name: value for name, value in Form(office.page).values.items() if name != "file"}
    for kept in ("0" * 64, "x", f"{'0' * 64} a.xlsx"):
        assert office.post("/import/suggestion", {**form, "act": "judge", "kept": kept}).status_code in (
            404,
            422,
        )


def test_what_was_typed_outlives_the_session(desk: Desk) -> None:
    """Posted too late: sign in, back to the form as it was typed, and only then is it done; from elsewhere nothing is kept."""
    accounts, own = Accounts(desk.office.engine), f"{PASSWORD}, mine"
    accounts.reset("wu", by="he", password=PASSWORD)
    accounts.change("wu", PASSWORD, own)
    case, reader = desk.office.assigned(), desk("wu")
    address = f"/cases/{case.id}/do/request_return"
    reader.get(address)
    form = {**Form(reader.page).values, "return_reason": "不属我局<b>", "competent_unit": "roads"}
    desk.office.clock.advance(days=1)
    lines = count(desk.office.engine, "history")
    late = reader.client.post(address, data=form, headers={"Origin": "https://evil.example"})
    assert "return_reason" not in late.text
    assert reader.post(address, form).status_code == 401
    assert "文件须重新选择" in said(reader.page)
    signing = {**Form(reader.page).values, "person": "wu", "password": own}
    assert reader.post("/sign-in", signing).status_code == 200
    assert reader.post(address, Form(reader.page).values).status_code == 403
    assert "尚未提交" in said(reader.page) and count(desk.office.engine, "history") == lines
    assert ">不属我局&lt;b&gt;</textarea>" in reader.page
    form = Form(reader.page).values
    assert form["competent_unit"] == ["roads"]
    reader.goes(reader.post(address, {**form, "return_reason": "不属我局"}))
    assert desk.office.now(case).state == "return_requested"


def test_a_form_of_another_session_is_answered_by_a_page(desk: Desk) -> None:
    case = desk.office.assigned()
    older, newer = desk("wang"), desk("wang")
    older.get(f"/cases/{case.id}/do/sign_in")
    answer = newer.post(f"/cases/{case.id}/do/sign_in", Form(older.page).values)
    assert (answer.status_code, answer.mimetype) == (403, "text/html")


@pytest.mark.parametrize(
    "address",
    ["/statistics?year=020261", "/statistics?year=x", "/views/inbox/many?event=nothing", "/found?closed=x"],
)
def test_odd_addresses_are_a_clear_no(desk: Desk, address: str) -> None:
    assert desk("wang").get(address).status_code in (400, 404)


def test_that_something_hidden_happened_to_an_old_record_is_told_to_nobody_it_is_hidden_from(
    desk: Desk,
) -> None:
    """A transfer to the procuratorate is an act in it for the office alone."""
    old, address = desk.office.imported(title="旧件"), "来源未载是否按期"
    clue = {"procuratorate_area": "environment", "public_interest": "水源保护"}
    before = said(_page(desk, "wang", f"/cases/{old.id}"))
    desk.office.fire(old, "transfer_to_procuratorate", "li", **clue)
    assert address in before and address in said(_page(desk, "wang", f"/cases/{old.id}"))
    assert address in said(_page(desk, "wang", "/views/inbox"))
    assert address not in said(_page(desk, "li", f"/cases/{old.id}"))


def test_however_many_old_records_there_are_what_is_late_comes_first(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More of them than a page of either: each list has what is really late before, and every page of them is reached."""
    monkeypatch.setattr(overdue, "LIMIT", 2)
    monkeypatch.setattr(overdue, "FIRST", 2)
    old = {desk.office.imported(title=f"旧件{number}").data["title"] for number in range(5)}
    late = {desk.office.assigned(title=f"新件{number}").data["title"] for number in range(3)}
    desk.office.clock.advance(days=100)
    reader, seen = desk("li"), ""
    reader.get("/")
    assert {*re.findall(".件[0-9]", said(reader.page).split("在他人处", 1)[1])} < late
    reader.get("/overdue")
    first, apart = said(reader.page).split("后来怎样不明", 1)
    assert len({*re.findall("旧件[0-9]", apart)}) == 2 and "旧件" not in first
    reader.get(html.unescape(re.findall('rel="next" href="([^"]*)"', reader.page)[0]))
    (last,) = {*re.findall(".件[0-9]", said(reader.page))}
    assert last in late and last not in first
    address = "/overdue?recorded=1"
    while address:
        reader.get(address)
        seen += said(reader.page)
        address = html.unescape("".join(re.findall('rel="next" href="([^"]*)"', reader.page)))
    assert {*re.findall(".件[0-9]", seen)} == old


def test_however_much_is_late_with_others_a_page_of_it_asks_the_same_and_shows_no_more(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page 他人超期 and the short list on the first page, of which the number leads to all of it."""
    monkeypatch.setattr(overdue, "LIMIT", 3)
    monkeypatch.setattr(overdue, "FIRST", 2)
    seen_at: dict[str, str] = {}

    def looked(address: str) -> tuple[int, int]:
        """how many questions, how many rows"""
        reader = desk("li")
        reader.get(address)  # what was changed is counted by whoever asks first
        with statements(desk.office.engine.database, monkeypatch) as seen:
            assert reader.get(address).status_code == 200
        seen_at[address] = reader.page
        page = reader.page.split("在他人处，已超期", 1)[-1].split("</table>", 1)[0]
        return sum(one.lstrip().lower().startswith(("select", "with")) for one in seen), page.count(
            '<th scope="row"'
        )

    late = [desk.office.assigned() for _ in range(4)]
    desk.office.clock.advance(days=100)
    few = looked("/overdue"), looked("/")
    desk.office.clock.advance(days=-100)
    late += [desk.office.assigned() for _ in range(6)]
    desk.office.clock.advance(days=100)
    assert (looked("/overdue"), looked("/")) == few
    assert [rows for _, rows in few] == [3, 2] and max(asked for asked, _ in few) <= 26
    assert f'href="/overdue"><b>{len(late)}</b>' in seen_at["/"]


def test_an_old_record_that_was_only_imported_is_not_called_late(desk: Desk) -> None:
    """What came of it the source does not say: it stands apart, in every list and on its page, until somebody acts in it."""
    office, old = desk.office, desk.office.imported(title="旧件")
    late = office.assigned(title="新件")
    office.clock.advance(days=100)
    reader = desk("li")
    for who, address in (
        ("wang", "/"),
        ("li", "/overdue"),
        ("li", "/views/in_progress"),
        ("li", f"/cases/{old.id}"),
    ):
        page = said(_page(desk, who, address))
        assert "来源未载是否按期" in page and not re.search(r"已超期 \d{4} 天", page), address
    reader.get("/overdue")
    assert (
        said(reader.page).index("新件")
        < said(reader.page).index("后来怎样不明")
        < said(reader.page).index("旧件")
    )
    assert "已超期" in said(_page(desk, "li", f"/cases/{late.id}"))
    office.fire(old, "sign_in", "wang")
    assert "来源未载" not in said(_page(desk, "li", f"/cases/{old.id}"))
    assert re.search(r"已超期 \d{4} 天", said(_page(desk, "li", "/overdue")))


def test_the_numbers_of_what_is_late_are_those_of_its_lists_and_an_old_record_is_in_none(desk: Desk) -> None:
    """On the first page, among the figures and on the wall; once the unit acts in it, it is late everywhere."""
    old, late = desk.office.imported(title="旧件"), desk.office.assigned(title="新件")
    desk.office.clock.advance(days=100)

    def numbers() -> list[int]:
        li, wang = desk("li"), desk("wang")
        li.get("/")
        (others,) = re.findall(r'href="/overdue"><b>(\d+)</b>', li.page)
        assert len(
            re.findall(r'<th scope="row"', li.page.split('id="elsewhere"')[1].split("</section>")[0])
        ) == int(others)
        wang.get("/")
        own = dict(re.findall(r'href="/waiting\?due=(\w+)"><b>(\d+)</b>', wang.page))
        for name, number in own.items():
            wang.get(f"/waiting?due={name}")
            assert wang.page.count('<th scope="row"') == int(number), name
        return [int(others), int(own["overdue"]), int(own.get("unknown", 0))]

    def figures() -> str:
        page = said(_page(desk, "li", "/statistics"))
        cards = said(_page(desk, "li", "/wall"))
        assert re.search(r"(\d) 超期", page)[0] == re.search(r"(\d) 超期", cards)[0]  # type: ignore[index]
        return " ".join(re.search(r"市水利局 ([\d/ .%]+)", page)[1].split())  # type: ignore[index]

    assert numbers() == [1, 1, 1]
    assert figures() == "1 0 2 1 1 /1 100.0% 0 /1 0.0%", "came in, out, open, not known, overdue of the other"
    desk.office.fire(old, "sign_in", "wang")
    desk.office.fire(late, "sign_in", "wang")
    assert numbers() == [2, 2, 0]
    assert figures().startswith("1 0 2 0 2 /2 100.0%")


def test_a_list_in_which_nothing_has_a_number_has_no_column_for_it(desk: Desk) -> None:
    """What is just filed has none; as soon as one has, the column is there for all."""
    desk.office.filed()
    reader = desk("li")
    heads = re.findall(r'columnheader">([^<]*)<', _page(desk, "li", "/waiting"))
    assert "标题" in heads and "编号" not in heads
    desk.office.accepted()
    page = reader.get("/waiting").get_data(as_text=True)
    assert "编号" in re.findall(r'columnheader">([^<]*)<', page)
    for row in re.findall(r'<tr role="row">(.*?)</tr>', page, re.DOTALL)[1:]:
        assert len(re.findall(r'role="(?:cell|rowheader)"', row)) == len(re.findall(r'columnheader">', page))


def test_a_day_and_a_short_word_of_a_list_are_not_broken_over_two_lines(desk: Desk) -> None:
    desk.office.filed()
    page = _page(desk, "li", "/waiting")
    assert re.search(r'<td role="cell" class="due" data-head="状态">已提出</td>', page)
    assert re.search(r'<td role="cell" data-head="类别">代表建议办理</td>', page), "what is longer may be"
