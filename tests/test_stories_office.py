"""The office's ten stories (users.md §9 A), done by the console's pages as a clerk does them."""

from __future__ import annotations

import html
import re
from datetime import date
from pathlib import Path

from . import test_exchange as exchange
from .console import Desk, Form, Reader, said
from .lifecycle import count
from .stories import act, by, letter, letters, offered, opened, refused, rows, sentence, timeline, tried

IMPORT = "/import/suggestion"


def test_story_A01_a_sessions_table_is_tried_mended_and_imported_once(town: Desk, tmp_path: Path) -> None:
    """149 rows, three of them bad: row, column and reason of exactly those, nothing written; mended: 149; again: 0 new."""
    town.office.engine.parties.put(exchange.CITY, by=exchange.SETUP, trusted=True)
    changes = {"3.领衔代表": "代表甲", "50.公开意见": "随便", "150.建议内容": None}
    names = {
        f"{row}.{column}": name
        for row in range(2, 151)
        for column, name in (("领衔代表", "陈静"), ("联名代表", "周明"))
    }
    bad = exchange.offices_own(tmp_path / "bad.xlsx", 149, **{**names, **changes}).read_bytes()
    good = exchange.offices_own(tmp_path / "good.xlsx", 149, **names).read_bytes()
    office, engine = town("li"), town.office.engine
    office.fill(IMPORT, file=(bad, "建议.xlsx"), act="judge", then="accept_in_session")
    faults = re.findall(
        r'<th scope="row"[^>]*>(\d+)</th><td[^>]*>(.*?)</td><td[^>]*>.*?</td><td[^>]*>(.*?)</td></tr>',
        office.page,
    )
    assert [(row, column) for row, column, _ in faults] == [
        ("3", "领衔代表"),
        ("50", "公开意见"),
        ("150", "建议内容"),
    ]
    assert all(why.strip() for _, _, why in faults) and "有 3 处错误，没有写入任何内容" in said(office.page)
    assert count(engine, "cases") == 0
    again = {"tenant": "hb/xianning", "then": "accept_in_session", "encoding": "utf-8"}
    office.fill(IMPORT, file=(good, "建议.xlsx"), act="judge", then="accept_in_session")
    form = {
        **again,
        "csrf_token": Form(office.page).values["csrf_token"],
        "kept": Form(office.page).values["kept"],
    }
    office.post(IMPORT, {**form, "act": "write"})  # what was judged, not sent again
    assert "已写入：新增 149" in said(office.page)
    office.post(IMPORT, {**form, "act": "write"})
    assert "新增 0" in said(office.page), "a second click"
    numbers = sorted(case.number or "" for case in engine.search(limit=200))
    assert numbers == [f"第{n:03}号" for n in range(1, 150)]
    office.fill(IMPORT, file=(good, "建议.xlsx"), act="write", then="accept_in_session")
    assert "新增 0" in said(office.page) and count(engine, "cases") == 149


def test_story_A02_a_draft_goes_back_with_a_coded_reason_and_both_texts_stay(town: Desk) -> None:
    office, deputy, o = town("li"), town("dep1"), town.office
    given = {
        "title": "关于路灯的建议",
        "body": "初稿：装灯",
        "first_signer": "dep1",
        "publication_wish": "full",
    }
    draft = o.engine.start("suggestion_draft", by("dep1"), given, tenant="hb/xianning")
    o.fire(draft, "collect_signatures", "dep1", signers=["dep1"], text_hash="a" * 64)
    o.fire(o.child(draft, "signatures"), "confirm", "dep1", seen_hash="a" * 64)
    o.fire(draft, "submit_for_review", "dep1")
    assert "审核中发现的问题：必填" in tried(office, draft, "advise_changes", advice="请写明路段")
    act(office, draft, "advise_changes", review_faults="facts_missing", advice="请写明路段")
    assert "建议修改" in sentence(deputy, draft)
    page = opened(deputy, f"/cases/{draft.id}")
    assert "情况不清、事实不足" in page and "请写明路段" in page
    act(deputy, draft, "revise", title="关于路灯的建议", body="二稿：幸福路装灯")
    lines = timeline(office, draft)
    assert "二稿：幸福路装灯" in lines[0] and "初稿：装灯" in lines[-1]
    case = o.filed()
    assert "理由：必填" in tried(
        office, case, "treat_as_letter", refusal_explanation="属个案", told_on="2026-03-02"
    )


def test_story_A03_assigned_to_one_and_two_by_a_date_that_says_its_basis(town: Desk) -> None:
    o, office = town.office, town("li")
    case = o.accepted()
    given = {"assignment_mode": "lead_and_co", "lead_unit": "water"}
    assert "主办单位" in tried(office, case, "assign", **given, co_units=["water", "roads"])
    address = f"/cases/{case.id}/do/assign"
    office.get(address)
    form = {**Form(office.page).values, **given, "co_units": ["roads", "parks"]}
    where = {office.post(address, form).headers["Location"] for _ in range(2)}
    assert len(where) == 1, "the same key is the same act"
    page = opened(office, f"/cases/{case.id}")
    assert re.search(r"答复期限：.*?2026-06-02.*?最长至 2026-09-02", page)
    why = opened(office, f"/cases/{case.id}/clocks/reply")
    assert "2026-03-02" in why and "3 个月" in why and "代表法(2025) 第51条" in why
    found = letters(office, case)
    assert {name for name in found if name.startswith("assignment")} == {
        "assignment/water", "assignment_co/roads", "assignment_co/parks",
    }  # fmt: skip
    assert "由你单位主办" in letter(office, case, "assignment/water")
    for unit in ("roads", "parks"):
        own = letter(office, case, f"assignment_co/{unit}")
        assert "由你单位会办" in own and f"{o.engine.parties.get(unit).name}：" in own, (
            "each co-unit has its own"
        )
    o.engine.alerts.address()
    for clerk in ("wang", "qian", "feng"):
        reader = town(clerk)
        opened(reader, "/messages")
        assert reader.page.count("/cases/") == 1, f"{clerk} is told once"


def test_story_A04_a_return_is_approved_and_the_first_day_stays_on_record(town: Desk) -> None:
    o = town.office
    case = o.assigned()
    o.clock.advance(days=3)
    office, head = town("li"), town("wu")
    act(head, case, "request_return", return_reason="不属我局职责", competent_unit="roads")
    opened(office, "/views/returns")
    assert rows(office) == [case.id]
    act(office, case, "approve_return", return_decision="同意")
    office.get(f"/cases/{case.id}/do/change_units")
    assert Form(office.page).values["lead_unit"] == [""], "nobody gives it back by accident"
    act(office, case, "change_units", assignment_mode="sole", lead_unit="roads")
    assert o.due(case, "reply") == "2026-06-05", "from the new day of assignment"
    assert o.due(case, "since_first_assignment") == "2026-09-02", "the first day still counts"
    page = opened(office, f"/cases/{case.id}")
    assert "2026-06-05" in page and "2026-09-02" in page
    days = [line[:10] for line in timeline(office, case) if " 交办 " in line or "改办" in line]
    assert days == ["2026-03-05", "2026-03-02"]
    late = o.assigned()
    o.clock.advance(days=12)
    o.ticks()
    head = town("wu")
    assert "request_return" not in offered(head, late)
    assert "退办申请期限" in refused(head, late)["申请退办"]


def test_story_A05_six_months_at_most_and_only_once(town: Desk) -> None:
    o, office, clerk = town.office, town("li"), town("wang")
    case = o.handling()
    why = {"extension_ground": ["difficult"], "extension_explanation": "须跨年施工"}
    assert "申请延至：最长至 2026-09-02" in tried(
        clerk, case, "request_extension", **why, wanted_until="2026-09-03"
    )
    act(clerk, case, "request_extension", **why, wanted_until="2026-08-01")
    asked = o.child(case, "extensions")
    told = tried(office, asked, "grant", granted_until="2026-09-03")
    assert "2026-09-02" in told, "six months from the assignment"
    act(office, asked, "grant", granted_until="2026-08-01", decision_note="同意")
    line = next(line for line in timeline(office, case) if "答复期限延长" in line)
    assert "2026-06-02" in line and "2026-08-01" in line, "the old day and the new one"
    assert "李为" in line and "系统自动" not in line and "审批意见 同意" in line, (
        "who granted it, and with which words"
    )
    granted = timeline(office, asked)[0]
    assert "李为" in granted and "同意" in granted
    assert any("须跨年施工" in line for line in timeline(office, case))
    why = opened(office, f"/cases/{case.id}/clocks/reply")
    assert "2026-06-02" in why and "2026-08-01" in why
    why_not = refused(clerk, case)["申请延期"]
    assert "延期中“同意”的已有 1 个" in why_not and "2026-08-01" in why_not, "one was granted, until that day"
    assert "request_extension" not in offered(clerk, case)


NOTICE = {
    "source": "国办发明电〔2026〕9号（试）",
    "off": "元旦 1月1日至3日\n春节 2月5日至21日",
    "makeup": "2027-01-04",
}


def test_story_A06_a_notice_is_typed_in_looked_at_and_put_in_force(town: Desk) -> None:
    """What cannot be read is named; the list says old and new day; only the operator puts it in force; a line in each history."""
    o = town.office
    o.clock.set(date(2026, 11, 16))
    office, operator = town("li"), town("he")
    case = o.assigned()
    before = o.due(case, "reply")
    assert (
        office.fill(
            "/calendar", act="preview", **NOTICE | {"off": "春节 二月", "makeup": "2027-01-04"}
        ).status_code
        == 422
    )
    assert "看不懂这一行：春节 二月" in said(office.page)
    assert office.fill("/calendar", act="preview", **NOTICE).status_code == 422
    assert "2027-01-04 不是周末" in said(office.page)
    office.fill("/calendar", act="preview", **NOTICE | {"makeup": "1月9日、2月27日"})
    assert "还没有写入" in said(office.page) and f"{before} 2027-02-22" in said(office.page)
    assert (
        "推后 6 天" in said(office.page)
        and case.id in office.page
        and "启用由系统管理员进行" in said(office.page)
    )
    lines = len(o.engine.history(case.id))
    form = {**Form(office.page).values, **NOTICE, "makeup": "", "act": "apply"}
    assert office.post("/calendar", form).status_code == 403
    assert len(o.engine.history(case.id)) == lines
    operator.fill("/calendar", act="apply", **NOTICE | {"makeup": ""})
    assert "已启用" in said(operator.page) and "horizon: 2027-12-31" in operator.page
    assert [line.event for line in o.engine.history(case.id)][lines:] == ["recalculate"]
    assert o.due(case, "reply") == "2027-02-22"


def test_story_A07_five_signers_five_links_and_silence_is_not_satisfaction(town: Desk) -> None:
    o, office = town.office, town("sun")
    signers = ("dep1", "dep2", "dep3", "dep4", "dep5")
    for one in signers[2:]:
        o.engine.grant(one, "deputy", "hb/xianning")
    root = o.replied(*signers)
    act(office, root, "open_evaluation")
    assert office.fill(f"/cases/{root.id}/links").status_code == 200
    links = re.findall(r"<code>http://localhost(/i/\w{64})</code>", office.page)
    assert len(set(links)) == 5
    unit, history = town("wang"), count(o.engine, "history")
    assert {unit.get(link).status_code for link in links} == {404}
    for link in links:
        assert town(None).get(link).status_code == 200
    assert count(o.engine, "history") == history, "looking consumes nothing"
    answers = {}
    for link, level in zip(links, ("satisfied", "dissatisfied", "satisfied", "satisfied"), strict=False):
        deputy = answers[link] = town(None)
        deputy.goes(deputy.fill(link, level=level, reasons="没有办" if level == "dissatisfied" else ""))
    first = links[0]
    answers[first].goes(answers[first].fill(first, level="basically_satisfied", reasons="还差一半"))
    surveys = [c for c in o.engine.children(root.id) if c.slot == "surveys"]
    assert sorted(str(c.data.get("level")) for c in surveys) == [
        "None", "basically_satisfied", "dissatisfied", "satisfied", "satisfied",
    ]  # fmt: skip
    for survey in surveys:
        if survey.data.get("level"):
            act(office, survey, "tally")
    deputy = answers[first]
    deputy.get(first)
    assert "现在不能更改" in said(deputy.page)
    form = {**Form("<main" + deputy.page).values, "level": "satisfied"}
    assert deputy.post(first, form).status_code == 409
    for days in (30, 30, 30):
        o.clock.advance(days=days)
        o.ticks()
    assert o.now(root).state == "evaluated"
    office = town("sun")
    opened(office, "/statistics?year=2026")
    table = said("<main" + office.page[office.page.index("年满意度") :])
    assert re.search(r"满意 2 ?/4 50\.0%", table) and re.search(r"未反馈 1(?!/)", table), table[:400]


def test_story_A08_a_second_round_that_leaves_the_first_as_it_was(town: Desk) -> None:
    o, office, head = town.office, town("sun"), town("wu")
    case = o.evaluated("dissatisfied")
    before = {c.id: (c.state, c.revision) for c in o.engine.children(case.id) if c.slot == "surveys"}
    act(office, case, "second_assign", deputy_reasons="没有建，也没有说明")
    again = o.child(case, "second_assignments")
    assert o.due(again, "reply") == "2026-04-02", "one month by the rules of the place"
    page = opened(head, f"/cases/{again.id}")
    assert f"/cases/{case.id}" in head.page and "没有建，也没有说明" in page
    told = letter(office, case, "second_assignment/water")
    assert "没有建，也没有说明" in told and "2026年4月2日" in told
    assert "二次交办" in sentence(office, case)
    linked = next(row for row in re.findall(r"<tr>.*?</tr>", office.page, re.DOTALL) if again.id in row)
    assert "二次办理（第二轮）" in linked, "the second round hangs on the first, and says which it is"
    assert "第二轮" in page
    survey = next(iter(before))
    assert offered(office, survey) == set() and offered(town("dep1"), survey) == set()
    now = {c.id: (c.state, c.revision) for c in o.engine.children(case.id) if c.slot == "surveys"}
    assert now == before


def test_story_A09_every_number_of_the_year_opens_its_list(town: Desk) -> None:
    o, office = town.office, town("sun")
    o.evaluated("dissatisfied")
    o.replied()
    o.assigned(co=("roads",))
    o.accepted()
    opened(office, "/statistics?year=2026")
    page = office.page
    numbers = re.findall(r'<a (?:class="card" )?href="(/found\?[^"]*)">(?:<b>)?(\d+)', page)
    assert len(numbers) > 60
    opened_, titles = {}, {}
    for address, number in dict.fromkeys(numbers):
        opened(office, html.unescape(address))
        told = re.search(r"共 (\d+) 件", said(office.page))
        titles[address] = re.search(r"<ul class=\"chips\".*?</ul>", office.page, re.DOTALL)[0]  # type: ignore[index]
        opened_[address] = (number, told and told[1], str(len(rows(office))))
    wrong = {a: n for a, n in opened_.items() if len(set(n)) != 1}
    assert not wrong, wrong
    same = {t: [a for a in titles if titles[a] == t] for t in titles.values()}
    alike = [addresses for addresses in same.values() if len(addresses) > 1]
    assert not alike, alike
    assert re.search(r"</a>/2 <span class=\"note\">50\.0%", page), "the rate says of how many"
    opened(office, "/statistics?year=2025")
    assert '/0 <span class="note">—' in office.page


def year(reader: Reader) -> dict[str, int]:
    """How many are open, and how many went out in 2026, by the page of figures."""
    opened(reader, "/statistics?year=2026")
    card = re.search(r'<a class="card" [^>]*><b>(\d+)</b> 在办', reader.page)
    months = re.findall(r'href="/found\?[^"]*concluded_from=[^"]*">(\d+)</a>', reader.page)
    assert card is not None
    return {"在办": int(card[1]), "办结": sum(map(int, months[:12]))}


def test_story_A10_a_mistake_in_a_closed_case_is_undone(town: Desk) -> None:
    o, office, head = town.office, town("li"), town("he")
    case = o.fire(o.evaluated(), "settle", "sun")
    assert o.now(case).state == "concluded"
    assert year(office) == {"在办": 0, "办结": 1}, (
        "done on the day it is concluded, though not filed away yet"
    )
    assert "reopen" not in offered(town("wu"), case), "no unit does"
    assert "更正理由：必填" in tried(office, case, "reopen")
    surveys = {c.id: (c.state, c.revision) for c in o.engine.children(case.id) if c.slot == "surveys"}
    act(office, case, "reopen", correction_reason="误办结，施工未完")
    assert {c.id: (c.state, c.revision) for c in o.engine.children(case.id) if c.slot == "surveys"} == surveys
    assert year(office) == {"在办": 1, "办结": 0}, "the figures follow"
    line = timeline(office, case)[0]
    assert "办结 → 跟踪落实" in line and "误办结，施工未完" in line and "李为" in line
    act(office, case, "correct_entry", correction_reason="文号录错", reply_number="咸水函〔2026〕9号")
    line = timeline(office, case)[0]
    assert "咸水函〔2026〕9号" in line and "咸水函〔2026〕1号" in line, "before and after"
    act(
        head,
        case,
        "reopen_evaluation",
        interference_finding="有人代填",
        finding_document=(b"%PDF-1.7\n%%EOF\n", "认定.pdf"),
    )
    assert o.now(case).state == "replied", "asked again only by this choice"
