"""Whole stories in a real browser, from the sign-in page to their end: clicked and typed, by several people, in their own words."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from python_calamine import load_workbook

from .browser import Browsing, chromium, city
from .demonstration import DAY
from .people import PAPER, Somebody
from .test_exchange import workbook

__all__ = ["chromium", "city"]

AFFAIRS, OFFICE = "office.affairs", "office.sc"
Cast = Callable[[str], Somebody]
Test = Callable[..., None]


def at_length(test: Test) -> Test | None:
    """One that only `make screens` tells: a browser is heavy, and three stories are told by every run of the tests."""
    return test if os.environ.get("SCREENS") == "all" else None


@pytest.fixture
def who(city: Browsing) -> Iterator[Cast]:
    """Somebody signed in, the same one whenever he is asked for."""
    people: dict[str, Somebody] = {}

    def found(person: str) -> Somebody:
        if person not in people:
            people[person] = Somebody(city, person).comes()
        return people[person]

    yield found
    assert city.seen.nothing(), city.seen


HEADS = [
    "建议编号",
    "案由",
    "建议内容",
    "领衔代表",
    "联名代表",
    "公开意见",
    "届",
    "次会议",
    "闭幕日",
    "会后受理说明",
]


def suggestions(path: Path, **changes: Any) -> Path:
    """A session's 149 suggestions, as the secretariat's sheet has them."""
    rows: list[list[Any]] = [
        [n, f"关于第{n}件事的建议", f"第{n}件事的情况、问题和建议", "代表01（演示）", "代表02（演示）", "同意全文公开", "六届", "六次", "2026-11-20", "大会期间提出"]
        for n in range(1, 150)
    ]  # fmt: skip
    for where, value in changes.items():
        row, _, head = where.partition("行")
        rows[int(row) - 2][HEADS.index(head)] = value
    return workbook(path, [HEADS, *rows])


@at_length
def test_149_suggestions_with_three_bad_rows(who: Cast, tmp_path: Path) -> None:
    """The three cells are named and marked in the sheet that comes back; mended, 149 are written; again, nothing new."""
    office = who(AFFAIRS)
    bad = suggestions(
        tmp_path / "建议.xlsx", **{"3行领衔代表": "无此人", "50行公开意见": "随便", "150行建议内容": None}
    )
    office.menu("导入").clicks("代表建议办理")
    office.fills({"填好的表格": bad, "写入后随即": "受理（大会期间）"}).presses("检查（不写入）")
    assert "有 3 处错误，没有写入任何内容" in office.said()
    cells = [row.split("\t")[:2] for row in office.page.locator("tbody tr").all_inner_texts()]
    assert cells == [["3", "领衔代表"], ["50", "公开意见"], ["150", "建议内容"]]
    marked = office.downloads("下载标出错误的表格", tmp_path / "marked.xlsx")
    sheet = load_workbook(marked).get_sheet_by_index(0).to_python()
    assert [n for n, row in enumerate(sheet, 1) if row[-1]] == [1, 3, 50, 150]
    good = suggestions(tmp_path / "改好的.xlsx")
    office.fills({"填好的表格": good}).presses("检查（不写入）")
    assert "没有错误。将新增 149" in office.said()
    office.presses("写入")
    assert "已写入：新增 149" in office.said()
    office.finds("第149件事").clicks("关于第149件事的建议")
    assert "第149号" in office.heading() and "已受理" in office.sentence()
    office.menu("导入").clicks("代表建议办理")
    office.fills({"填好的表格": good, "写入后随即": "受理（大会期间）"}).presses("检查（不写入）")
    assert "将新增 0，变更 0，原已有 149" in office.said()


def filed(who: Cast, title: str, signers: str = "代表01（演示）、代表02（演示）") -> Somebody:
    """The office enters what came on paper and accepts it."""
    office = who(AFFAIRS)
    office.menu("受理审核").clicks("新增").fills({
        "标题": title, "正文（情况、问题和具体建议）": "一、情况。二、问题。三、建议。", "领衔人": "代表01（演示）",
        "全体署名人": signers, "代表的公开意见": "同意全文公开",
    }).presses("提交")  # fmt: skip
    return office.does("受理（闭会期间）", {"届": "六届", "次会议": "五次"}, answer="已受理")


def assigned(
    who: Cast, title: str, unit: str = "市水利局", signers: str = "代表01（演示）、代表02（演示）"
) -> Somebody:
    """... and gives it to one unit alone."""
    return filed(who, title, signers).does("交办", {"交办方式": "独办", "主办单位": unit}, answer="已交办")


def contacted(who: Cast, title: str, signers: str = "代表01（演示）、代表02（演示）") -> Somebody:
    """... which takes it and talks to the deputy."""
    assigned(who, title, signers=signers)
    clerk = who("unit01.clerk").opens("收件箱", title).does("签收", answer="已签收")
    return clerk.does(
        "首次沟通",
        {"沟通日期": str(DAY), "沟通方式": "电话", "沟通记录": "与领衔代表通话。"},
        answer="办理中",
    )


REPLY = {
    "答复函": PAPER, "答复文号": "咸水函〔2026〕1号", "已加盖公章": "是", "公开决定": "全文公开", "抄送单位": "市人民政府",
    "送达代表日期": str(DAY),
}  # fmt: skip
SOLVED, BEGUN = "已解决、基本解决或以其他方式解决", "正在解决或已启动"


def replied(who: Cast, title: str, signers: str = "代表01（演示）、代表02（演示）") -> Somebody:
    """... and answers."""
    contacted(who, title, signers).does(
        "答复送签", {"答复送签稿": PAPER, "结果类别": SOLVED, "公开决定": "全文公开"}
    )
    head = who("unit01.head").opens("收件箱", title)
    return head.does("签发答复", {**REPLY, "结果类别": SOLVED, "答复对象": signers}, answer="已答复")


@at_length
def test_one_lead_and_two_co_units(who: Cast, tmp_path: Path) -> None:
    """Each has it in its own list, each with the day that is its own; three letters; the lead is no co-unit of its own."""
    title = "关于修建河堤步道的建议"
    office = filed(who, title)
    told = {"交办方式": "主办和会办", "主办单位": "市水利局", "会办单位": ["市水利局", "市园林局"]}
    office.begins("交办").fills(told).presses("交办")
    assert "没有提交成功" in office.said()
    office.page.get_by_role("group", name="会办单位").get_by_label("市水利局").uncheck()
    office.fills({"会办单位": ["市交通运输局", "市园林局"]}).presses("交办")
    assert "由市水利局（主办单位）负责" in office.sentence()
    assert office.said().count("已交办") >= 2, "the two co-units stand on its page"
    assert "市交通运输局" in office.said() and "市园林局" in office.said()
    lead = who("unit01.clerk").opens("收件箱", title).does("签收")
    assert "答复期限：○ 还剩 66 个工作日（92 天） 2027-02-25" in lead.said(), lead.said()
    for clerk in ("unit02.clerk", "unit03.clerk"):
        who(clerk).opens("会办件", title).does("签收", answer="已签收")
        assert "签收" not in who(clerk).offered()
    office.finds("河堤步道").clicks(title).clicks("文书")
    letters = [row.split("\t")[0] for row in office.page.locator("tbody tr").all_inner_texts()]
    assert [one for one in letters if one.startswith("交办函")] == [
        "交办函",
        "交办函（会办）",
        "交办函（会办）",
    ]


def test_a_unit_returns_one_in_time_and_another_too_late(city: Browsing, who: Cast) -> None:
    """In time: the office agrees and assigns it anew. Too late: no button, and the page says which rule and which day."""
    early, late = "关于夜市管理的建议", "关于停车收费的建议"
    assigned(who, early)
    assigned(who, late)
    head = who("unit01.head").opens("收件箱", early)
    head.does("申请退办", {"退办理由": "属园林部门职责。", "建议的主管单位": "市园林局"}, answer="申请退办")
    office = who(AFFAIRS).opens("退办申请", early).does("同意退办", {"退办审核意见": "同意。"})
    office.does(
        "改办（重新交办）", {"交办方式": "独办", "主办单位": "市园林局"}, answer="由市园林局（主办单位）负责"
    )
    head.page.reload()
    assert head.heading() == "不存在", "it is another unit's now"
    city.comes(DAY + timedelta(days=30))
    head.comes().opens("收件箱", late)
    assert "申请退办" not in head.offered()
    assert "退办申请期限" in head.why_not("申请退办")
    assert "申请退办" not in who("unit03.clerk").comes().opens("收件箱", early).offered()


@at_length
def test_a_reply_in_class_b_with_a_promise(who: Cast) -> None:
    """Class B asks for a promise with a day; the promise is then followed up, at the unit and at the office."""
    title = "关于更换老旧水管的建议（演示）"
    clerk = who("unit01.clerk").opens("收件箱", title)
    draft = {"答复送签稿": PAPER, "结果类别": BEGUN, "公开决定": "全文公开"}
    clerk.begins("答复送签").fills(draft).presses("答复送签")
    assert "没有提交成功" in clerk.said()
    assert "承诺事项" in clerk.page.get_by_role("alert").inner_text()
    clerk.opens("收件箱", title)
    clerk.does("登记承诺", {"承诺事项": "明年六月底前换完。", "承诺完成日": "2027-06-30"}).does(
        "答复送签", draft
    )
    head = who("unit01.head").opens("收件箱", title)
    head.does(
        "签发答复",
        {**REPLY, "结果类别": BEGUN, "答复对象": "代表01（演示）、代表02（演示）"},
        answer="已答复",
    )
    assert "2027-06-30" in clerk.menu("本单位承诺").said()
    office = who(AFFAIRS).opens("承诺台账", title)
    assert "明年六月底前换完。" in office.said() and "2027-06-30" in office.sentence()


FIVE = "、".join(f"代表0{n}（演示）" for n in range(1, 6))


def test_five_co_signers_are_asked_by_links(city: Browsing, who: Cast) -> None:
    """Each by a link of his own; what a scanner opens is not used; changed until tallied; the unit finds nothing there."""
    title = "关于五人联名事项的建议"
    replied(who, title, FIVE)
    office = who(OFFICE).opens("待征询", title).does("征询满意度", answer="征询满意度")
    office.clicks("直接发给本人的链接").presses("发出链接")
    links = office.page.locator("main ul.links code").all_inner_texts()
    assert len(links) == 5
    scanner = city.page()
    for link in links:
        assert scanner.request.get(link).ok and scanner.request.head(link).ok
    assert office.clicks(title).clicks("直接发给本人的链接").said().count("未使用") == 5
    named = []
    for n, link in enumerate(links):
        deputy = Somebody(city, None)
        deputy.page.goto(link)
        named.append(deputy.sentence().partition(" ")[0])
        deputy.fills({"总体满意度": "满意"}).presses("提交")
        assert "已收到，谢谢" in deputy.said()
        if n == 0:
            deputy.fills({"总体满意度": "基本满意", "具体理由": "还可以更快。"}).presses("提交")
            assert "基本满意" in deputy.said()
    assert sorted(named) == FIVE.split("、")
    clerk = who("unit01.clerk")
    clerk.page.goto(links[0])
    assert clerk.heading() == "不存在"
    office.menu("满意度征询")
    office.page.locator("main").get_by_role("checkbox", name=title).evaluate_all(
        "all => all.forEach(one => one.click())"
    )
    office.presses("汇总")
    assert "可以进行 5 件" in office.heading()
    office.presses("汇总（5）")
    assert "共 5 件，成功 5 件，未进行 0 件" in office.said()
    deputy.page.goto(links[-1])
    assert "现在不能更改" in deputy.said()


@at_length
def test_dissatisfied_a_second_assignment_then_satisfied(who: Cast) -> None:
    """Each step by whom it waits for, from what the deputy says to the end."""
    title = "关于改善供水水压的建议（演示）"
    deputy, other = who("city-deputy0001"), who("city-deputy0002")
    deputy.opens("待我评价", title).begins("评价").fills({"总体满意度": "不满意"}).presses("评价")
    assert "还没有填“具体理由”" in deputy.said()
    deputy.fills({"总体满意度": "不满意", "具体理由": "水压没有变化。"}).presses("评价")
    assert "已完成：评价" in deputy.said()
    other.opens("待我评价", title).does("评价", {"总体满意度": "满意"})
    office = who(OFFICE)
    for _ in range(2):
        office.opens("满意度征询", title).does("汇总")
    office.opens("二次交办", title).does("二次交办", {"代表的理由": "水压没有变化。"})
    head, clerk = who("unit01.head"), who("unit01.clerk")
    head.opens("收件箱", title).clicks("去办理：二次办理（第二轮）")
    head.does("单位负责人面商", {"面商日期": str(DAY), "面商记录": "登门听取意见。"})
    draft = {
        "二次答复送签稿": PAPER,
        "二次答复结果类别": SOLVED,
        "对代表理由的逐条答复": "已更换水泵。",
        "公开决定": "全文公开",
    }
    clerk.opens("收件箱", title).clicks("二次办理（第二轮）").does("二次答复送签", draft)
    reply = {
        "二次答复函": PAPER, "二次答复文号": "咸水函〔2026〕9号", "二次答复结果类别": SOLVED, "对代表理由的逐条答复": "已更换水泵。",
        "已加盖公章": "是", "公开决定": "全文公开", "答复对象": "代表01（演示）、代表02（演示）", "抄送单位": "市人民政府", "送达代表日期": str(DAY),
    }  # fmt: skip
    head.page.reload()
    head.does("签发二次答复", reply)
    office.opens("待征询", title).does("再次征询满意度")
    for one in (deputy, other):
        one.opens("待我评价", title).does("评价", {"总体满意度": "满意"})
    for _ in range(2):
        office.opens("满意度征询", title).does("汇总")
    office.opens("二次交办", title).does("再次评价后了结", answer="办结")
    assert "办结" in deputy.opens("我的建议", title).sentence()


@at_length
def test_key_supervision_with_a_visit(who: Cast) -> None:
    """Proposed, determined, planned, seen on the site with the deputies; it does not close before they were asked."""
    title = "关于加固堤防的建议（演示）"
    committee, council, head = who("office.committee"), who("office.council"), who("unit01.head")
    committee.finds("加固堤防").clicks(title)
    committee.does("提请督办", {"督办方式": "主任会议重点督办", "拟列理由": "群众反映集中。"})
    council.opens("督办件", title)
    council.does("主任会议确定", {"主任会议纪要文号": "咸常主纪〔2026〕9号", "督办人": "督办领导甲"})
    committee.opens("督办件", title).does(
        "制定督办方案", {"督办方案": "一案一方案。", "参与督办的代表": "代表01（演示）"}
    )
    committee.does(
        "开展督办", {"承办单位责任人": "市水利局负责人", "责任人职务": "主要负责人"}, answer="督办中"
    )
    photo = {"name": "现场.png", "mimeType": "image/png", "buffer": PIXEL}
    committee.does(
        "现场察看", {"现场察看日期": str(DAY), "现场察看记录": "堤段已动工。", "现场照片和材料": photo}
    )
    committee.does("听取代表意见", {"听取代表意见日期": str(DAY), "代表意见记录": "希望汛期前完工。"})
    council.opens("我的重点件", title)
    assert "堤段已动工。" in council.said() and "现场.png" in council.said()
    council.does(
        "发督办通知单", {"督办意见": "明年汛期前完工。", "要求回复日期": str(DAY + timedelta(days=14))}
    )
    head.finds("加固堤防").clicks(title)
    head.clicks("去办理：督办").does("回复督办意见", {"对督办意见的回复": "已增加两个班组。"})
    head.does("报告督办进展", {"进展报告": "完成六成。"}, answer="已报告进展")
    council.page.reload()
    assert "已增加两个班组。" in council.said()
    assert "主任会议决定办结" not in council.offered()
    assert "满意度征询" in council.why_not("主任会议决定办结")


def test_transferred_to_the_procuratorate_and_searched_for_in_vain(who: Cast) -> None:
    """The procuratorate has it with its clue; the unit that handles the same suggestion finds nothing of it anywhere."""
    title, clue = "关于加固堤防的建议（演示）", "堤外滩地倾倒建筑垃圾"
    office = who(AFFAIRS).finds("加固堤防").clicks(title)
    office.does("转送检察院", {"衔接转化领域": "生态环境和资源保护", "涉及的公共利益": clue})
    prosecutor = who("procuratorate.clerk").opens("移送收件", title)
    assert clue in prosecutor.said()
    prosecutor.does("登记", {"登记号": "咸检登〔2026〕8号"}, answer="已登记").does("研判", answer="研判中")
    clerk = who("unit01.clerk")
    for words in (clue, "倾倒", "咸检登〔2026〕8号", "生态环境"):
        assert "没有找到" in clerk.finds(words).said()
    clerk.opens("收件箱", title)
    of_the_case = [clerk.said(), clerk.clicks("全部过程（可打印）").said()]
    assert not [text for text in of_the_case if "检察" in text.replace("收到的检察建议", "")], (
        "but for a list of theirs"
    )
    seen = [*of_the_case, clerk.menu("消息").said(), clerk.menu("今日").said()]
    assert not [text for text in seen if clue in text or "转送检察院" in text]
    clerk.page.goto(prosecutor.page.url)
    assert clerk.heading() == "不存在", "nor by its address"


@at_length
def test_the_fifteenth_at_a_station(city: Browsing, who: Cast) -> None:
    """Rostered, announced, opened by the day itself; what a visitor said is passed on, answered and told to both."""
    keeper = who("station001.keeper").menu("联络站")
    with keeper.page.expect_download() as poster:
        keeper.page.get_by_role("link", name="门牌海报（供打印，ZIP）").click()
    assert poster.value.suggested_filename == "海报.zip"
    keeper.menu("接待日").clicks("2026-12-15")
    deputies = "代表13（演示）"
    keeper.does("代表排班", {"接待代表": deputies})
    keeper.does("通知代表", {"接待时间": "9:00 至 11:00", "接待地点": "站内一楼"})
    keeper.does("公告选民", {"公告内容": "十二月接待日。", "公告位置": "站前公告栏"}, answer="已公告")
    city.comes(date(2026, 12, 15))
    keeper.comes().menu("接待日").clicks("2026-12-15")
    assert "接待中" in keeper.sentence()
    keeper.does("代表签到", {"到站代表": deputies})
    heard = {
        "联络站": "浮山街道代表联络站", "收到日期": "2026-12-15", "收集渠道": "接待日", "接待代表": deputies, "事由": "楼道堆物堵门", "反映内容": "二单元楼道堆满杂物。",
    }  # fmt: skip
    keeper.does("登记社情民意", heard)
    keeper.does("结束接待", {"来访人次（无来访填0）": "1", "收集意见件数": "1"}).does(
        "上报", {"接待情况": "来访一人。"}
    )
    keeper.opens("社情民意", "楼道堆物堵门")
    keeper.does("分类", {"去向": "交社区（村）办理"})
    keeper.does("转交（社区、村、调解、法律咨询、网格）", {"办理单位": "浮山街道社区"})
    village = who("station001.village.clerk").opens("转来的社情民意", "楼道堆物堵门").does("签收")
    village.does("答复", {"答复": "已清运并与住户约定。"})
    keeper.opens("社情民意", "楼道堆物堵门")
    assert "已清运并与住户约定。" in keeper.said()
    keeper.does("反馈代表", {"反馈代表日期": "2026-12-15"}).does("反馈群众", {"反馈反映人日期": "2026-12-15"})
    keeper.does("销号", answer="本件已了结：销号")


PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63606060000000040001f61738550000000049454e44ae426082"
)


@at_length
def test_every_number_of_the_year_opens_its_list(who: Cast) -> None:
    office = who(AFFAIRS).menu("统计与年报")
    numbers = office.page.locator('main a[href^="/found?"]')
    assert numbers.count() > 100
    some = [(one.get_attribute("href"), int(one.inner_text().split()[0])) for one in numbers.all()]
    for address, number in list(dict.fromkeys(one for one in some if one[1]))[:SOME]:
        office.page.locator(f'main a[href="{address}"]').first.click()
        office.page.wait_for_load_state()
        assert f"共 {number} 件" in office.said(), address
        assert office.page.locator("tbody tr").count() == min(number, 50), "a page of it"
        office.page.go_back()
    assert [number for _, number in some if number][SOME:], "how many"


SOME = 12
"""numbers that are clicked; tests/test_console_statistics.py opens every one"""
