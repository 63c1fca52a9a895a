"""The ten stories of a clerk at a unit (users.md §9 B), done by the console's pages."""

from __future__ import annotations

import io
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from docx import Document
from python_calamine import load_workbook

from .console import Desk, Form, said
from .stories import (
    PDF,
    act,
    by,
    cards,
    letters,
    listed,
    offered,
    opened,
    refused,
    rows,
    sentence,
    timeline,
    tried,
)


def test_story_B01_the_buckets_of_the_morning_hold_everything_once(town: Desk) -> None:
    o = town.office
    first = o.assigned()
    o.clock.advance(days=1)
    o.handling()
    o.assigned()
    o.clock.set(date.fromisoformat(str(o.due(first, "sign_in"))))
    clerk = town("wang")
    found = cards(clerk)
    assert next(iter(found)) == "/waiting?due=today" and found["/waiting?due=today"] == 1
    assert rows(clerk)[0] == first.id, "what is due today stands on top"
    assert sum(found.values()) == len(o.engine.worklist(by("wang"))) == 3
    for address, number in found.items():
        opened(clerk, address)
        assert len(rows(clerk)) == number, address


def test_story_B02_ten_at_once_and_one_already_gone_back(town: Desk) -> None:
    o, clerk = town.office, town("wang")
    cases = [o.assigned() for _ in range(10)]
    due = [o.due(case, "reply") for case in cases]
    opened(clerk, "/views/inbox")
    assert set(rows(clerk)) == {case.id for case in cases}
    chosen = "&".join(f"case={case.id}" for case in cases)
    opened(clerk, f"/views/inbox/many?event=sign_in&{chosen}")
    form = Form(clerk.page).values
    o.fire(cases[4], "request_return", "wu", return_reason="不属我局", competent_unit="roads")
    assert clerk.post("/views/inbox/many", form).status_code == 200
    assert "共 10 件，成功 9 件，未进行 1 件" in said(clerk.page)
    results = re.findall(r"<tr><th scope=\"row\">.*?</th><td>(.*?)</td></tr>", clerk.page)
    assert len(results) == 10 and sum(one.startswith("成功") for one in results) == 9
    (why,) = [one for one in results if not one.startswith("成功")]
    assert "未进行" in why and "申请退办" in why, "it says where it is now"
    assert [o.due(case, "reply") for case in cases] == due, "a receipt moves no reply"


def test_story_B03_a_return_on_the_fifth_of_seven_days(town: Desk) -> None:
    o = town.office
    case = o.assigned()
    o.clock.set(date(2026, 3, 9))
    head, office = town("wu"), town("li")
    assert "退办申请期限： ○ 还剩 2 个工作日" in opened(head, f"/cases/{case.id}/do/request_return")
    assert "退办理由：必填" in tried(head, case, "request_return", competent_unit="roads")
    assert "建议的主管单位：必填" in tried(head, case, "request_return", return_reason="不属我局职责")
    assert listed(office, "/views/returns") == []
    act(head, case, "request_return", return_reason="不属我局职责", competent_unit="roads")
    assert listed(office, "/views/returns") == [case.id]
    assert "申请退办" in sentence(office, case)
    assert "市交通运输局" in opened(office, f"/cases/{case.id}"), "whom the unit thinks competent"


def test_story_B04_the_day_after_the_window_says_what_closed_it(town: Desk) -> None:
    o = town.office
    case = o.assigned()
    last = date.fromisoformat(str(o.due(case, "return_window")))
    o.clock.set(last)
    assert "request_return" in offered(town("wu"), case), "the last day counts"
    o.clock.set(last + timedelta(days=1))
    for ticked in (False, True):
        head = town("wu")
        assert "request_return" not in offered(head, case), ticked
        why = refused(head, case)["申请退办"]
        assert "退办申请期限" in why and str(last) in why and "现在不计" not in why, (ticked, why)
        assert f"退办申请期限已于 {last} 届满" in why or not ticked
        assert "退办期满" in "".join(timeline(head, case)) or not ticked
        o.ticks()
    assert str(last) in opened(town("wu"), f"/cases/{case.id}/clocks/return_window")


def test_story_B05_no_reply_without_a_contact(town: Desk) -> None:
    o, clerk = town.office, town("wang")
    case = o.fire(o.assigned(), "sign_in", "wang")
    assert "submit_for_signoff" not in offered(clerk, case)
    draft = {"reply_draft": (PDF, "稿.pdf"), "reply_class": "HB-XIANNING:A", "publication": "full"}
    why = tried(clerk, case, "submit_for_signoff", **draft)
    assert "首次沟通" in why, why
    assert "首次沟通" in refused(clerk, case)["答复送签"]
    act(
        clerk,
        case,
        "first_contact",
        contact_on="2026-03-02",
        contact_way="site_visit",
        contact_record="到现场当面听取意见",
    )
    line = timeline(clerk, case)[0]
    assert "到现场当面听取意见" in line and "2026-03-02" in line and "王芳" in line
    act(clerk, case, "submit_for_signoff", **draft)
    assert o.now(case).state == "signing_off"


def test_story_B06_one_of_two_opinions_is_in(town: Desk) -> None:
    o = town.office
    case = o.handling(co=("roads", "parks"))
    lead, roads = town("wang"), town("zhao")
    ours = o.child(case, "co_opinions", "roads")
    late = o.child(case, "co_opinions", "parks")
    act(roads, ours, "submit", co_opinion=(PDF, "会办意见.pdf"))
    assert "会办意见 1/2 ，尚缺：市城市管理执法委员会" in opened(lead, f"/cases/{case.id}")
    due = date.fromisoformat(str(o.due(late, "opinion")))
    o.clock.set(due + timedelta(days=1))
    o.ticks()
    o.engine.alerts.address()
    told = {who for who in ("qian", "feng") if "会办意见期限" in opened(town(who), "/messages")}
    assert told == {"feng"}, "only the missing one is reminded"
    act(town("chen"), late, "submit", co_opinion=(PDF, "会办意见.pdf"))
    assert o.now(late).state == "submitted", "late and still taken"
    page = opened(town("wang"), f"/cases/{case.id}")
    assert "逾期 1 天" in page and "会办意见 2/2" in page


def test_story_B07_class_B_promises_by_a_day_and_answers_point_by_point(town: Desk) -> None:
    o, clerk, head = town.office, town("wang"), town("wu")
    case = o.handling(body="一、情况：骑手三千人。\n二、建议增设驿站。\n三、建议提供充电设施；")
    draft = {
        "reply_draft": (PDF, "稿.pdf"), "reply_class": "HB-XIANNING:B", "publication": "full",
        "point_answers": "已选址12处\n随驿站一并建设",
    }  # fmt: skip
    assert "承诺" in tried(clerk, case, "submit_for_signoff", **draft)
    assert "承诺完成日：必填" in tried(clerk, case, "add_commitment", promise="建成驿站12处")
    act(clerk, case, "add_commitment", promise="建成驿站12处", promised_on="2026-10-31")
    promise = o.child(case, "commitments")
    assert (
        "承诺完成日" in opened(clerk, f"/cases/{promise.id}") and o.due(promise, "promised") == "2026-10-31"
    )
    act(clerk, case, "submit_for_signoff", **draft)
    act(head, case, "issue_reply", reply_letter=(PDF, "答复.pdf"), reply_number="咸水函〔2026〕1号", sealed="true",
        recipients="dep1、dep2", copies_to="gov", delivered_on="2026-03-02")  # fmt: skip
    page = opened(head, f"/cases/{case.id}")
    assert "已选址12处" in page and "随驿站一并建设" in page
    address = next(address for name, address in letters(head, case).items() if name.startswith("reply/"))
    with head.client.get(address) as found:
        document = Document(io.BytesIO(found.data))
    texts = [p.text for p in document.paragraphs]
    assert texts[0] == "B类" and document.paragraphs[0].alignment == 2, "top right"
    at = texts.index("1．关于“建议增设驿站”")
    assert texts[at : at + 4] == [
        "1．关于“建议增设驿站”", "已选址12处", "2．关于“建议提供充电设施”", "随驿站一并建设",
    ]  # fmt: skip
    assert any("建成驿站12处（2026年10月31日前完成）" in text for text in texts)


def test_story_B08_until_the_last_second_of_the_last_day(town: Desk) -> None:
    o = town.office
    first, second = o.handling(), o.handling()
    why = {
        "extension_ground": ["difficult"],
        "extension_explanation": "须跨年施工",
        "wanted_until": "2026-08-01",
    }
    assert o.due(first, "reply") == "2026-06-02"
    o.clock.set(datetime(2026, 6, 2, 15, 59, 59, tzinfo=UTC))  # 23:59:59 in Xianning
    act(town("wang"), first, "request_extension", **why)
    assert o.child(first, "extensions").state == "requested"
    o.clock.set(datetime(2026, 6, 2, 16, 0, 1, tzinfo=UTC))
    clerk = town("wang")
    assert "request_extension" not in offered(clerk, second)
    assert "答复期限" in tried(clerk, second, "request_extension", **why)


def test_story_B09_a_colleague_acts_in_her_place_until_the_day_is_over(town: Desk) -> None:
    o, head, clerk = town.office, town("wu"), town("wang")
    case = o.assigned()
    assert "request_return" not in offered(clerk, case)
    for given, why in (
        ({"to": "王芳", "until": "2026-03-01"}, "日期须自今日起"),
        ({"to": "钱进", "until": "2026-03-04"}, "没有可委托给此人的角色"),
    ):
        assert head.fill("/lending", **given).status_code == 422 and why in said(head.page)
    head.goes(head.fill("/lending", to="王芳", until="2026-03-04", reason="出差"))
    assert "吴昊 → 王芳：单位负责人（市水利和湖泊局）" in said(head.page)
    act(clerk, case, "request_return", return_reason="不属我局", competent_unit="roads")
    assert re.search(r"王芳 ?（代吴昊）", timeline(town("li"), case)[0])
    other = o.assigned()
    o.clock.set(date(2026, 3, 5))
    clerk = town("wang")
    assert "request_return" not in offered(clerk, other), "gone with the day"
    assert "request_return" in offered(town("wu"), other)


def test_story_B10_the_supervision_office_gets_its_own_order(town: Desk, tmp_path: Path) -> None:
    o, clerk = town.office, town("wang")
    o.assigned(title="=1+1")
    o.fire(o.accepted(), "assign", "li", assignment_mode="sole", lead_unit="roads")
    opened(clerk, "/sheets")
    (address,) = re.findall(r'href="(/v1/[^"]*supervision_office[^"]*)"', clerk.page)
    with clerk.client.get(address) as found:
        (tmp_path / "s.xlsx").write_bytes(found.data)
    head, *table = load_workbook(tmp_path / "s.xlsx").get_sheet_by_index(0).to_python()
    assert head == [
        "主办单位", "建议编号", "建议名称", "会办单位", "交办时间", "办结时限", "答复时间", "办理结果", "办理进度", "承办人及电话",
    ]  # fmt: skip
    assert [row[:3] for row in table[:-1]] == [["市水利和湖泊局", "第001号", "=1+1"]], (
        "a text, and only her unit's"
    )
