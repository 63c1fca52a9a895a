"""The ten stories of who supervises (users.md §9 C), done by the console's pages."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import date
from urllib.parse import urlencode

import pytest
from docx import Document
from PIL import Image

from api import Jobs
from definitions.papers import Papers
from workflow import Case

from .console import Desk, Form, said
from .lifecycle import DOCUMENT, DRAFT, REPLY
from .stories import act, letter, listed, offered, opened, refused, sentence, timeline, tried
from .test_photographs import jpeg

MEETING = {"meeting_reference": "主任会议纪要〔2026〕12号"}


def supervised(
    town: Desk, kind: str = "coordinating", supervisor: str = "mei", **walk: str
) -> tuple[Case, Case]:
    """A case in hand and its supervision by one leader, as far as it is pressed."""
    o = town.office
    case = o.handling(**walk)
    o.fire(case, "propose_supervision", "li", supervision_kind=kind, supervision_reason="集中反映")
    overlay = o.child(case, "supervisions")
    if kind == "key":
        o.fire(overlay, "determine", "chair", supervisors=[supervisor], **MEETING)
    else:
        o.fire(overlay, "assign_supervisor", "li", supervisors=[supervisor])
    o.fire(overlay, "plan", "li", plan="每月调度")
    o.fire(overlay, "start_pressing", "li", charged_person="wu", leader_post="main")
    return case, o.now(overlay)


def test_story_C01_forty_six_items_on_a_phone(town: Desk) -> None:
    """Each with a sentence and its day; light; that nothing scrolls sideways at 360 px is looked at in a browser (test_screens)."""
    o = town.office
    _, overlay = supervised(town)
    first = o.engine.case(overlay.id)
    for n in range(45):
        another = o.handling()
        o.fire(
            another,
            "propose_supervision",
            "li",
            supervision_kind="coordinating",
            supervision_reason=f"第{n}件",
        )
        o.fire(o.child(another, "supervisions"), "assign_supervisor", "li", supervisors=["mei"])
    leader = town("mei")
    found = listed(leader, "/views/my_key_items")
    assert len(found) == 46 and first.id in found
    assert len(leader.page.encode()) <= 100_000
    assert leader.page.count("本件现在“") == 46 and leader.page.count("2026-") >= 46
    (pressed,) = re.findall(r"本件现在“督办中”，.*?到期。", said(leader.page))
    assert "梅英（督办人）" in pressed and "市水利和湖泊局（主办单位）" in pressed, pressed
    assert "首次进展报告期限还剩" in pressed and "2026-05-06 到期" in pressed, pressed
    assert 'name="viewport" content="width=device-width' in leader.page and 'class="stack"' in leader.page


def test_story_C02_what_is_demanded_is_a_task_with_a_day(town: Desk) -> None:
    o = town.office
    _, overlay = supervised(town)
    leader, head = town("mei"), town("wu")
    assert "要求回复日期：必填" in tried(leader, overlay, "demand", supervision_opinion="说明选址")
    act(leader, overlay, "demand", supervision_opinion="说明选址", answer_by="2026-03-20")
    assert overlay.id in listed(head, "/waiting")
    assert "督办意见回复日" in sentence(head, overlay) and "2026-03-20" in sentence(head, overlay)
    o.clock.set(date(2026, 3, 21))
    o.ticks()
    assert overlay.id in listed(town("mei"), "/views/my_key_items?due=overdue"), "overdue, listed for me"
    act(town("wu"), overlay, "answer_demand", demand_answer="已选址12处")
    leader = town("mei")
    page = opened(leader, f"/cases/{overlay.id}")
    assert "已选址12处" in page and "吴昊" in timeline(leader, overlay)[0]
    assert "逾期 1 天" in page
    assert overlay.id not in listed(leader, "/views/my_key_items?due=overdue")


def test_story_C03_urgent_only_after_one_that_was_not_answered(town: Desk) -> None:
    """普通 and 加急: no article knows yellow and red cards."""
    o = town.office
    case, overlay = supervised(town)
    act(town("mei"), overlay, "demand", supervision_opinion="说明选址", answer_by="2026-03-20")
    first = letter(town("li"), case, "supervision/water")
    assert "普通" in first and "加急" not in first and "说明选址" in first and "2026年3月20日" in first
    o.clock.set(date(2026, 3, 21))
    o.ticks()
    act(town("mei"), overlay, "demand", supervision_opinion="再次说明", answer_by="2026-04-20")
    second = letter(town("li"), case, "supervision/water")
    assert "加急" in second and "普通" not in second
    history = second[second.index("督办经过") :]
    for told in (
        "1．2026年3月2日发督办通知单（2026年3月20日前回复）：说明选址。",
        "2．2026年3月21日督办意见逾期未回复。",
    ):
        assert told in history, history
    assert "再次说明" not in history and "再次说明" in second, "its own opinion stands above, once"
    assert "此前没有" in first


def test_story_C04_a_visit_with_who_came_and_a_photograph_that_tells_no_place(town: Desk) -> None:
    _, overlay = supervised(town)
    leader = town("mei")
    assert "现场察看日期：必填" in tried(leader, overlay, "visit_site", visit_record="看了工地")
    picture = jpeg()
    assert Image.open(io.BytesIO(picture)).getexif().get_ifd(0x8825), "it says where it was taken"
    act(leader, overlay, "visit_site", visited_on="2026-03-02", visit_people="梅英、吴昊", joining_deputies="陈静、周明",
        visit_record="看了工地", visit_documents=(picture, "现场.jpg"))  # fmt: skip
    line = timeline(leader, overlay)[0]
    for told in ("现场察看", "2026-03-02", "梅英、吴昊", "陈静、周明", "看了工地", "现场.jpg"):
        assert told in line, told
    opened(leader, f"/cases/{overlay.id}")
    (address,) = set(re.findall(r'href="(/cases/\w+/documents/\w{64})"', leader.page))
    with leader.client.get(address) as found:
        exif = Image.open(io.BytesIO(found.data)).getexif()
    assert not exif.get_ifd(0x8825)
    assert "参与督办的代表 陈静、周明" in opened(leader, f"/cases/{overlay.id}")


def test_story_C05_three_confirm_and_the_page_says_who_is_missing(town: Desk) -> None:
    o = town.office
    case, overlay = supervised(town, "key", supervisor="mei")
    o.fire(overlay, "visit_site", "mei", visited_on="2026-03-02", visit_record="已看")
    o.fire(overlay, "hear_deputy", "mei", heard_on="2026-03-02", hearing_record="已听")
    _evaluated(town, case)
    o.fire(overlay, "report", "wu", progress_report="已建成", reported_in_person=True)
    chair = town("chair")
    assert "close_key" not in offered(chair, overlay)
    why = refused(chair, overlay)["主任会议决定办结"]
    assert "主任会议纪要文号" not in why, "the form asks for that; it is not what stands against it"
    assert "“督办方式”须是“回头看”" in why and "或者先进行“提请三方认可”" in why, why
    act(town("mei"), overlay, "seek_confirmation")
    sides = {
        "deputy": ("dep1", "代表认可"),
        "unit": ("wu", "承办单位认可"),
        "supervisor": ("mei", "督办人认可"),
    }
    missing = {title for _, title in sides.values()}
    for side, (who, title) in sides.items():
        why = refused(chair, overlay)["主任会议决定办结"]
        assert {name for name in missing if f"还没有进行“{name}”" in why} == missing, why
        assert "close_key" not in offered(chair, overlay)
        act(town(who), overlay, f"confirm_by_{side}")
        missing.discard(title)
    act(chair, overlay, "close_key", closing_note="已落实", **MEETING)
    assert o.now(overlay).state == "closed"


def _evaluated(town: Desk, case: Case) -> None:
    o = town.office
    o.fire(case, "submit_for_signoff", "wang", **DRAFT)
    o.fire(case, "issue_reply", "wu", **REPLY)
    o.fire(case, "open_evaluation", "sun")
    o.evaluate(case, "surveys", {"dep1": "satisfied", "dep2": "satisfied"})


def test_story_C06_another_takes_over_from_a_day_and_old_words_keep_their_name(town: Desk) -> None:
    o = town.office
    _, overlay = supervised(town)
    act(town("mei"), overlay, "demand", supervision_opinion="说明选址", answer_by="2026-03-20")
    o.clock.set(date(2026, 3, 9))
    o.engine.grant("lu", "special_committee", "hb/xianning")
    office = town("li")
    assert "更换督办人的理由：必填" in tried(office, overlay, "change_supervisor", supervisors="lu")
    act(office, overlay, "change_supervisor", supervisors="lu", handover_reason="分工调整",
        **{"@effective_on": "2026-03-06", "@reason": "3月6日会议明确"})  # fmt: skip
    lines = timeline(office, overlay)
    assert "更换督办人" in lines[0] and "发生于 2026-03-06" in lines[0] and "分工调整" in lines[0]
    assert "梅英" in lines[0], "who it was before"
    assert "说明选址" in lines[1] and "梅英" in lines[1], "what was said keeps its name"
    assert overlay.id not in listed(town("mei"), "/views/my_key_items")
    assert o.now(overlay).relations["supervisor"] == ("lu",)


def test_story_C06_another_takes_over_from_a_day_to_come(town: Desk) -> None:
    """Until that day the first one supervises; on it the other one, whoever was down meanwhile; a change of mind before is one."""
    o = town.office
    _, overlay = supervised(town)
    o.engine.grant("lu", "special_committee", "hb/xianning")
    day = date(2026, 4, 1)
    act(
        town("li"),
        overlay,
        "arrange_handover",
        next_supervisors="lu",
        takes_over_on=day.isoformat(),
        handover_reason="换届",
    )
    assert (
        "接任日" in opened(town("li"), f"/cases/{overlay.id}")
        and day.isoformat() in timeline(town("li"), overlay)[0]
    )
    o.clock.set(date(2026, 3, 31))
    o.ticks()
    assert o.now(overlay).relations["supervisor"] == ("mei",)
    act(town("mei"), overlay, "demand", supervision_opinion="说明进度", answer_by="2026-04-20")
    o.clock.set(date(2026, 4, 3))
    o.ticks()
    assert o.now(overlay).relations["supervisor"] == ("lu",)
    fired = next(line for line in o.engine.history(overlay.id) if line.event == "take_over")
    assert (fired.effective_on, fired.automatic) == ("2026-04-01", "notice"), "on its own day"
    assert o.due(overlay, "handover") is None and "接任日已超期" not in sentence(town("lu"), overlay)
    assert overlay.id in listed(town("lu"), "/views/my_key_items") and overlay.id not in listed(
        town("mei"), "/views/my_key_items"
    )
    said_by = [line for line in timeline(town("lu"), overlay) if "说明进度" in line]
    assert "梅英" in said_by[0], "what was said keeps its name"
    act(
        town("li"),
        overlay,
        "arrange_handover",
        next_supervisors="mei",
        takes_over_on="2026-05-01",
        handover_reason="复职",
    )
    act(town("li"), overlay, "change_supervisor", supervisors="mei", handover_reason="提前复职")
    assert o.due(overlay, "handover") is None, "done at once, it waits for no day"


def test_story_C07_where_it_stalls(town: Desk) -> None:
    """Days in each step and how often it was there: 申请退办 once is one return. No person is ranked."""
    o = town.office
    case = o.assigned()
    o.clock.advance(days=3)
    o.fire(case, "request_return", "wu", return_reason="不属我局", competent_unit="roads")
    o.clock.advance(days=2)
    o.fire(case, "refuse_return", "li", return_decision="应由你局办理")
    o.clock.advance(days=4)
    leader = town("mei")
    opened(leader, f"/cases/{case.id}/history")
    table = said("<main" + leader.page[leader.page.index('id="stays"') : leader.page.index("</table>")])
    for row in (r"已交办 3 1", r"申请退办 2 1", r"已签收 现在 4 1"):
        assert re.search(row, table), table
    assert not [name for name in ("吴昊", "李为", "王芳", "排名", "名次") if name in table]


def test_story_C08_the_pack_for_a_meeting_in_the_order_it_was_chosen(town: Desk) -> None:
    o, office = town.office, town("li")
    cases = [o.assigned(title=f"第{n}件", co=("roads", "parks")) for n in range(3)]
    chosen = "&".join(f"case={case.id}" for case in cases)  # as the boxes of a list are sent
    assert office.get(f"/views/in_progress/many?event=@order&{chosen}").status_code == 200
    first, second, third = (f"order.{case.id}" for case in cases)
    form = Form(office.page).values
    assert [form[place] for place in (first, second, third)] == [["1"], ["2"], ["3"]]
    asked = {**form, first: ["2"], second: ["3"], third: ["1"], "event": ["@letters"]}
    where = office.goes(office.get(f"/views/in_progress/many?{urlencode(asked, doseq=True)}"))
    with office.client.get(where) as found, zipfile.ZipFile(io.BytesIO(found.data)) as pack:
        names = pack.namelist()
        letter = Document(io.BytesIO(pack.read(next(name for name in names if "第003号 交办函" in name))))
    numbers = [name.split()[1] for name in names if "交办函" in name]
    assert list(dict.fromkeys(numbers)) == ["第003号", "第001号", "第002号"]
    text = "\n".join(paragraph.text for paragraph in letter.paragraphs)
    assert "会办单位：市交通运输局、市城市管理执法委员会" in text, "co-units stand as the office named them"


def test_the_documents_of_many_are_made_behind_a_page_that_says_how_far_it_is(
    town: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.console.packs.AT_ONCE", 1)
    monkeypatch.setattr("api.jobs.CASES_AT_ONCE", 1)
    o, office = town.office, town("li")
    cases = [o.assigned(title=f"第{n}件") for n in range(2)]
    chosen = "&".join(f"case={case.id}" for case in cases)
    begin = f"/views/in_progress/many?event=@letters&{chosen}"
    assert office.get(begin).status_code == 200
    form = Form(office.page).values
    page = office.goes(office.post("/letters", form))
    assert office.goes(office.post("/letters", form)) == page, "a second click is the same"
    assert 'max="2" value="0"' in office.page and "刷新进度" in office.page
    jobs = Jobs(o.engine, Papers(o.engine))
    jobs.advance()
    office.get(page)
    assert 'max="2" value="1"' in office.page and "letters.zip" not in office.page
    while jobs.advance():
        pass
    office.get(page)
    assert "<progress" not in office.page
    (where,) = re.findall(r'href="([^"]+letters\.zip)"', office.page)
    with office.client.get(where) as found, zipfile.ZipFile(io.BytesIO(found.data)) as pack:
        assert sum("交办函" in name for name in pack.namelist()) == 2
    assert town("sun").get(page).status_code == 404


def test_story_C09_a_look_back_at_what_was_promised(town: Desk) -> None:
    o, office = town.office, town("li")
    due, later, plain = (_closed(town, day) for day in ("2026-03-02", "2026-12-31", None))
    asked = "/views/look_back?says.reply_class=HB-XIANNING:B&says.promised_on=2026-03-02"
    assert set(listed(office, "/views/look_back")) == {due.id, later.id, plain.id}
    assert listed(office, asked) == [due.id]
    second = _closed(town, "2026-03-02")
    found = listed(office, asked)
    assert set(found) == {due.id, second.id}
    opened(
        office, "/views/look_back/many?event=propose_look_back&" + "&".join(f"case={id_}" for id_ in found)
    )
    form = {**Form(office.page).values, "supervision_kind": "look_back", "supervision_reason": "届末回头看"}
    assert office.post("/views/look_back/many", form).status_code == 200
    assert "成功 2 件" in said(office.page)
    tasks = [o.child(case, "supervisions") for case in (due, second)]
    chair, leader = town("chair"), town("mei")
    assert set(listed(chair, "/views/supervisions")) == {task.id for task in tasks}
    for task, finding, title in zip(tasks, ("carried_out", "under_way"), ("已落实", "正在落实"), strict=True):
        o.fire(task, "determine", "chair", supervisors=["mei"], **MEETING)
        o.fire(task, "plan", "mei", plan="看现场")
        o.fire(task, "start_pressing", "mei", charged_person="wu", leader_post="main")
        event = "find" if finding == "carried_out" else "find_wanting"
        act(leader, task, event, finding=finding, finding_note="实地核对")
        assert title in opened(leader, f"/cases/{task.id}")
    assert (o.now(due).state, o.now(second).state) == ("concluded", "tracking"), "followed up again"
    opened(leader, f"/cases/{tasks[1].id}/do/find_wanting")
    assert "not_carried_out" in leader.page and "未落实" in leader.page


def _closed(town: Desk, promised: str | None) -> Case:
    o = town.office
    kind = {"reply_class": "HB-XIANNING:B"} if promised else {}
    case = o.handling("dep1")
    if promised:
        o.fire(case, "add_commitment", "wang", promise="建成", promised_on=promised)
    o.fire(case, "submit_for_signoff", "wang", **{**DRAFT, **kind})
    o.fire(case, "issue_reply", "wu", **{**REPLY, "recipients": ["dep1"], **kind})
    o.fire(case, "open_evaluation", "sun")
    o.evaluate(case, "surveys", {"dep1": "satisfied"})
    o.fire(case, "settle", "sun")
    if promised:
        promise = o.child(case, "commitments")
        o.fire(promise, "report_fulfilled", "wu", fulfilment="建成", evidence=[DOCUMENT])
        o.fire(promise, "confirm", "dep1")
        o.fire(case, "conclude", "li")
    return o.now(case)


@pytest.mark.parametrize("winner", ["water", "parks"])
def test_story_C10_after_two_returns_it_is_ruled_and_that_is_final(town: Desk, winner: str) -> None:
    o, chair, office = town.office, town("chair"), town("li")
    case = o.assigned()
    ruling = {"lead_unit": winner, "heard_units": ["water", "roads"], "ruling": "由该局牵头", **MEETING}
    o.fire(case, "request_return", "wu", return_reason="不属我局", competent_unit="roads")
    assert "adjudicate" not in offered(chair, case), "one return is no dispute"
    o.fire(case, "approve_return", "li", return_decision="同意")
    o.fire(case, "change_units", "li", assignment_mode="sole", lead_unit="roads")
    o.fire(case, "request_return", "zhao", return_reason="不属我局", competent_unit="water")
    assert "adjudicate" in offered(chair, case)
    for who in ("li", "sun", "mei", "zhao"):
        assert "adjudicate" not in offered(town(who), case), who
    act(chair, case, "adjudicate", **ruling)
    assert "由该局牵头" in timeline(office, case)[0] and "郑重" in timeline(office, case)[0]
    lead = {"water": "wu", "parks": "chen"}[winner]
    assert "request_return" not in offered(town(lead), case), "final"
    assert "裁定承办单位" in refused(town(lead), case)["申请退办"]
    o.engine.alerts.address()
    for head in {"wu", "zhao", lead}:
        assert "裁定承办单位" in opened(town(head), "/messages"), f"{head} is told"
    assert o.due(case, "reply") == "2026-06-02"
