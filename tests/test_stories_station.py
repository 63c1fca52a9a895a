"""A keeper's ten stories (users.md §9 F), done by the pages of his station, by a visitor's telephone, and by the papers that are printed.

F1 and F7 (posters) also stand in test_posters.py, F9 (no scores) in test_ledgers.py.
"""

from __future__ import annotations

import io
import re
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from python_calamine import load_workbook

from api.console.visits import telephones
from definitions import receptions
from definitions.doors import code_of
from definitions.papers import Papers
from workflow import Actor, Case
from workflow.model import Bond, Party

from .console import Desk, Form, Reader
from .lifecycle import TENANT, Office
from .stories import act, by, letter, letters, offered, opened, sentence, tried, word
from .test_parties import SETUP

PHONE = "13800001111"
TOLD = {
    "not_taken_ground": "litigation",
    "channel": "市中级人民法院",
    "voter_told_on": "2026-03-02",
    "deputy_told_on": "2026-03-02",
}


def station(id_: str, name: str, **more: Any) -> Party:
    given = {"attributes": {"hours": "9:00至11:00", "place": "淦河大道10号"}, **more}
    return Party(id=id_, kind="station", name=name, tenant=TENANT, parent="xianning", **given)


@pytest.fixture
def home(town: Desk) -> Desk:
    """The town with two stations and their keepers; a telephone may leave opinions at the doors."""
    engine = town.office.engine
    engine.parties.put(
        [station("st1", "温泉街道联络站"), station("st2", "永安街道联络站")], by=SETUP, trusted=True
    )
    for person, unit in (("keep", "st1"), ("other", "st2")):
        engine.grant(person, "station_keeper", TENANT, unit=unit)
        engine.grant(person, "station_clerk", TENANT, unit=unit)
    town._accounts(["keep", "other"])
    return town


def planned(office: Office, month: str = "2026-03", unit: str = "st1") -> Case:
    (where,) = receptions.stations(office.engine, ids=[unit])
    (case,) = receptions.start(
        office.engine, receptions.plan(office.engine, [where], [month]), Actor(person="li")
    )
    return office.engine.case(case if isinstance(case, str) else case.id)


def until(office: Office, day: date) -> None:
    while office.clock.now().date() < day:
        office.clock.advance(days=1)
        office.ticks()


def visitor(desk: Desk, who: str = "keep", **given: Any) -> str:
    """A visitor's matter, taken down at the station; its case."""
    reader = desk(who)
    data = {"subject": "路灯", "opinion_text": "路灯不亮", "receivers": "dep1", **given}
    return (
        reader.goes(reader.fill("/start/opinion", tenant=TENANT, **data)).partition("?")[0].rpartition("/")[2]
    )


def told(desk: Desk, person: str) -> str:
    while desk.office.engine.alerts.address():
        pass
    return opened(desk(person), "/messages")


@pytest.mark.parametrize(("policy", "day"), [("fixed", "2026-11-15"), ("next_working_day", "2026-11-16")])
def test_story_F01_the_next_day_on_the_page_and_on_the_poster(
    home: Desk, tmp_path: Path, policy: str, day: str
) -> None:
    """15 November 2026 is a Sunday."""
    o = home.office
    o.engine.parties.change(
        "st1", by=SETUP, trusted=True, attributes={"reception_policy": policy, "hours": "9:00至11:00"}
    )
    o.clock.set(date(2026, 11, 2))
    case = planned(o, "2026-11")
    o.fire(case, "roster", "keep", deputies=["dep1", "dep2"])
    page = opened(home("keep"), "/stations/st1")
    assert f"下一个接待日： {day} ，9:00至11:00" in page and "值班代表：陈静、周明" in page
    Papers(o.engine).posters("https://rd.example", tmp_path / "p.zip", Actor(person="keep"), ids=["st1"])
    with zipfile.ZipFile(tmp_path / "p.zip") as pack:
        poster = pack.read(pack.namelist()[0]).decode()
    year, month, number = day.split("-")
    assert f"{year}年{month}月{number}日" in poster and "陈静、周明" in poster


def test_story_F02_told_on_the_12th_or_once_when_the_server_is_back(home: Desk) -> None:
    o = home.office
    case = planned(o)
    o.fire(case, "roster", "keep", deputies=["dep1"])
    until(o, date(2026, 3, 11))
    before = told(home, "keep").count("通知代表期限")
    until(o, date(2026, 3, 12))
    assert told(home, "keep").count("通知代表期限") == before + 1, "three days before"
    assert case.id in rows_of(home, "/waiting"), "and it stands on his desk"
    april = planned(o, "2026-04")
    o.fire(april, "roster", "keep", deputies=["dep1"])
    until(o, date(2026, 4, 1))
    quiet = told(home, "keep").count("通知代表期限 2026-04-12")
    o.clock.set(date(2026, 4, 13))  # down on the 12th
    o.ticks()
    assert o.ticks() == [], "once"
    assert told(home, "keep").count("通知代表期限 2026-04-12") == quiet + 1


def rows_of(desk: Desk, address: str, who: str = "keep") -> list[str]:
    reader = desk(who)
    opened(reader, address)
    return re.findall(r'<th scope="row"[^>]*><a href="/cases/([\w-]+)"', reader.page)


def test_story_F03_a_visitor_in_a_minute(home: Desk) -> None:
    o, keeper = home.office, home("keep")
    day = planned(o)
    o.fire(day, "roster", "keep", deputies=["dep1", "dep2"])
    until(o, date(2026, 3, 15))
    assert o.now(day).state == "open"
    opened(keeper := home("keep"), "/start/opinion")
    asked = obligatory(keeper)
    assert asked == {"subject", "opinion_text"} and len(asked) <= 4
    people = {party.id: party.name for party in o.engine.parties.find(ids=["dep1", "dep2"])}
    assert Form(keeper.page).values["receivers"] == [f"{people['dep1']}、{people['dep2']}"], "names, no ids"
    assert "voter_contact" not in asked and "可不填" in label(keeper, "voter_contact")
    where = keeper.goes(keeper.fill("/start/opinion", subject="路灯", opinion_text="路灯不亮", tenant=TENANT))
    case = o.engine.case(where.partition("?")[0].rpartition("/")[2])
    assert (case.data["received_on"], case.data["intake"]) == ("2026-03-15", "reception")
    assert case.data["receivers"] == ["dep1", "dep2"] and case.data["arises_from"] == day.id
    for page in (f"/cases/{case.id}", f"/cases/{case.id}/do/classify", f"/cases/{case.id}/history"):
        opened(keeper, page)
        assert f">{day.id}<" not in keeper.page and f"/cases/{day.id}" in keeper.page, (
            "the day by its name, to be opened"
        )
    opened(keeper, f"/cases/{day.id}/do/register_opinion")
    assert obligatory(keeper) == {"subject", "opinion_text"}, "the same from the day's own page"


def obligatory(reader: Reader) -> set[str]:
    """The fields of a form that have to be filled in and are not filled in yet."""
    form = Form(reader.page)
    parts = re.findall(r'<div class="field[^>]*>(.*?)</div>', reader.page, re.DOTALL)
    must = {m[1] for part in parts if "可不填" not in part and (m := re.search(r'name="([\w.]+)"', part))}
    return {name for name in must if not any(form.values.get(name, [])) and not name.startswith("@")} - {
        "tenant"
    }


def label(reader: Reader, name: str) -> str:
    found = re.search(rf'<label for="f-{name}">(.*?)</label>', reader.page)
    assert found is not None
    return found[1]


def test_story_F03_the_same_telephone_again_is_seen_at_that_station_alone(home: Desk) -> None:
    first = visitor(home, voter_contact=PHONE, subject="下水道")
    elsewhere = visitor(home, "other", voter_contact=PHONE, subject="噪声扰民")
    again = visitor(home, voter_contact="138-0000-1111", subject="路灯")
    page = opened(home("keep"), f"/cases/{again}")
    assert "此电话在本站此前反映的" in page and "下水道" in page and "噪声扰民" not in page
    assert first in home("keep").get(f"/cases/{again}").text
    for role in ("station_keeper", "station_clerk"):
        home.office.engine.grant("both", role, TENANT, unit="st1")
        home.office.engine.grant("both", role, TENANT, unit="st2")
    home._accounts(["both"])
    page = opened(home("both"), f"/cases/{again}")
    assert "下水道" in page and "噪声扰民" not in page, "who keeps two stations is shown those of this one"
    assert "此前反映的" not in opened(home("other"), f"/cases/{elsewhere}")
    assert "此前反映的" not in opened(home("keep"), f"/cases/{visitor(home, subject='无电话')}")
    for stranger in ("li", "other"):
        reader = home(stranger)
        if reader.get(f"/cases/{again}").status_code == 200:
            assert PHONE not in reader.page and "此前反映的" not in reader.page, stranger


def test_story_F03_a_house_number_is_no_telephone(home: Desk) -> None:
    visitor(home, voter_contact="3号楼", subject="下水道")
    other = visitor(home, voter_contact="3单元", subject="路灯")
    assert "此前反映的" not in opened(home("keep"), f"/cases/{other}")
    visitor(home, voter_contact="0571-8800123", subject="井盖")
    landline = visitor(home, voter_contact="(0571) 8800123", subject="停车")
    assert "井盖" in opened(home("keep"), f"/cases/{landline}")


def test_story_F03_only_whole_numbers_are_the_same_telephone() -> None:
    """Written in whatever way it is one number; a part of a longer one is another."""
    for text in ("138 0000 1111", "+86 138-0000-1111", "张三１３８００００１１１１", "0086 13800001111"):
        assert telephones(text) == {"13800001111"}, text
    assert telephones("0715-8256789 或 13800001111") == {"07158256789", "13800001111"}
    assert telephones("8256789") == {"8256789"}, (
        "without its area it may be anybody's of that number elsewhere"
    )
    for text in ("12栋3单元1204", "420300196001011234", "3号楼", None, "110"):
        assert telephones(text) == set(), text


def test_story_F04_one_of_five_ways_and_a_deputys_draft(home: Desk) -> None:
    o, keeper = home.office, home("keep")
    case = visitor(home)
    assert {"answer_on_spot", "classify", "redirect"} <= offered(keeper, case)
    opened(keeper, f"/cases/{case}/do/classify")
    assert {"village", "township", "city"} <= set(Form(keeper.page).choices["route"]), (
        "community, street, deputies"
    )
    act(keeper, case, "classify", route="city")
    act(keeper, case, "entrust", entrusted_deputies="dep2")
    assert "convert" not in offered(keeper, case), "only a deputy makes a suggestion of it"
    deputy = home("dep2")
    act(deputy, case, "convert", title="关于修缮路灯的建议", body="路灯不亮", first_signer="dep2", publication_wish="full",
        origin="voter_opinion")  # fmt: skip
    (draft,) = [c for c in o.engine.search() if c.kind == "suggestion_draft"]
    assert (draft.state, draft.data["arises_from"]) == ("drafting", case)
    assert f'href="/cases/{case}"' in deputy.get(f"/cases/{draft.id}").text, "linked to the visit"


def test_story_F05_a_matter_of_the_courts_is_not_taken_and_advice_is_printed(home: Desk) -> None:
    keeper, case = home("keep"), visitor(home, voter_name="张三", subject="判决执行")
    told = {name: value for name, value in TOLD.items() if name != "not_taken_ground"}
    assert "不受理的理由：必填" in tried(keeper, case, "redirect", **told)
    opened(keeper, f"/cases/{case}/do/redirect")
    assert "litigation" in Form(keeper.page).choices["not_taken_ground"], "coded"
    act(keeper, case, "redirect", **TOLD)
    sheet = letter(keeper, case, next(kind for kind in letters(keeper, case) if kind.startswith("advice")))
    assert "市中级人民法院" in sheet and "诉讼程序" in sheet and "张三" in sheet


def test_story_F06_the_answer_is_owed_until_both_have_it(home: Desk) -> None:
    o, keeper = home.office, home("keep")
    case = visitor(home, voter_name="王某")
    act(keeper, case, "answer_on_spot", explanation="已报修")
    assert o.due(case, "voter_feedback") == "2026-03-09", "five working days of its own"
    for address in ("/waiting", "/views/opinions"):
        assert case in rows_of(home, address)
    opened(keeper, "/")
    counts = [int(n) for n in re.findall(r'href="/waiting\?due=\w+"><b>(\d+)</b>', keeper.page)]
    assert sum(counts) == 1, "it stands on his first page"
    act(keeper, case, "tell_voter", voter_told_on="2026-03-02", told_how="电话")
    assert case in rows_of(home, "/waiting"), "the deputies are still owed it"
    act(keeper, case, "tell_deputy", deputy_told_on="2026-03-02")
    assert "已双反馈" in sentence(keeper, case)
    act(keeper, case, "close")
    assert "反映人姓名：保存至 2026-09-02，其后由系统自动删除。" in opened(keeper, f"/cases/{case}")
    assert rows_of(home, "/waiting") == [] and rows_of(home, "/views/opinions") == []


def test_story_F07_the_code_opens_the_stations_page_for_anybody(home: Desk, tmp_path: Path) -> None:
    """441 at once, and how long it takes: test_posters.py, docs/documents.md."""
    Papers(home.office.engine).posters(
        "http://localhost", tmp_path / "p.zip", Actor(person="keep"), ids=["st1"]
    )
    with zipfile.ZipFile(tmp_path / "p.zip") as pack:
        address = re.search(r"http://localhost(/s/[a-z2-7]{12})", pack.read(pack.namelist()[0]).decode())
    assert address is not None
    found = home(None).client.get(address[1])
    assert found.status_code == 200 and "温泉街道联络站" in found.text and "2026" in found.text
    assert "密码" not in found.text and "<script" not in found.text


def test_story_F08_a_day_on_paper_is_typed_later_with_its_own_day(home: Desk) -> None:
    o = home.office
    day = planned(o)
    o.fire(day, "roster", "keep", deputies=["dep1"])
    keeper = home("keep")
    opened(keeper, f"/cases/{day.id}/letters")
    blank = re.search(r'href="(/v1/cases/[\w-]+/letters/reception_forms[^"]*)"', keeper.page)
    assert blank is not None
    address = blank[1].replace("&amp;", "&")
    with keeper.client.get(address) as found:
        forms = word(found.data)
    assert "202603-001" in forms and "202603-002" in forms, "blank and numbered"
    o.clock.set(date(2026, 3, 18))
    case = visitor(home, received_on="2026-03-15", intake="reception", subject="202603-001")
    assert o.engine.case(case).data["received_on"] == "2026-03-15"
    keeper = home("keep")
    assert "补录 发生于 2026-03-15，2026-03-18 录入。" in opened(keeper, f"/cases/{case}"), (
        "marked on its page too"
    )
    same_day = visitor(home, received_on="2026-03-18", intake="visit", subject="当天")
    assert "补录 发生于" not in opened(home("keep"), f"/cases/{same_day}")
    keeper = home("keep")
    record = letter(
        keeper, case, next(kind for kind in letters(keeper, case) if kind.startswith("reception_record"))
    )
    assert "2026年3月15日（2026年3月18日补录）" in record


def test_what_was_done_before_a_reception_day_in_time_is_not_called_late(home: Desk) -> None:
    o = home.office
    day = planned(o)
    o.fire(day, "roster", "keep", deputies=["dep1"])
    o.fire(day, "notify", "keep", hours="9:00至11:00", place="淦河大道10号")
    o.fire(day, "announce", "keep", announcement="公告", announced_at="公告栏")
    keeper = home("keep")
    page = opened(keeper, f"/cases/{day.id}")
    assert "公告期限" in page and "逾期" not in page
    assert not re.search(r'<a class="button" href="/cases/\w+/do/', keeper.page), "only the day is waited for"


def test_story_F09_held_moved_and_not_held_each_with_its_reason(home: Desk) -> None:
    o = home.office
    held, moved = planned(o), planned(o, unit="st2")
    o.fire(held, "roster", "keep", deputies=["dep1"])
    until(o, date(2026, 3, 15))
    unheld = o.now(moved)
    assert (o.now(held).state, unheld.state) == ("open", "unheld"), "nobody was on the roster"
    reader = home("keep")
    act(reader, held, "register_opinion", subject="路灯", opinion_text="路灯不亮")
    act(reader, held, "close", visitors="1", opinions="1")
    (opinion,) = o.engine.search(kind="opinion")
    act(reader, opinion, "answer_on_spot", explanation="今晚修好")
    act(home("other"), unheld, "report_unheld", unheld_reason="汛期值守")
    april = planned(o, "2026-04", "st2")
    act(home("other"), april, "postpone", change_reason="场地维修")
    head, *lines = table(home("li"), "receptions")
    told = {(line[0], line[1]): dict(zip(head, line, strict=True)) for line in lines if line[1]}
    assert told["温泉街道联络站", "2026-03"]["状态"] == "已结束"
    assert float(told["温泉街道联络站", "2026-03"]["来访人次"]) == 1
    assert told["永安街道联络站", "2026-03"]["未举行的说明"] == "汛期值守"
    assert told["永安街道联络站", "2026-04"]["改期理由"] == "场地维修"
    assert told["温泉街道联络站", "2026-03"]["意见去向"] == "当场说明 1", "and what became of the matters"
    assert told["永安街道联络站", "2026-03"]["意见去向"] == ""
    assert told["温泉街道联络站", "2026-03"]["未按期公告"] == "是", "nobody announced it"
    assert told["永安街道联络站", "2026-04"]["未按期公告"] == "否", "it was moved long before"
    head, *lines = table(home("li"), "receptions", "2026-04")
    assert [line[:2] for line in lines if line[1]] == [["永安街道联络站", "2026-04"]], "of one month"
    every = " ".join(
        f"{field.title.zh} {field.name}"
        for law in o.engine.laws.known()
        for field in law.definition.fields.values()
    )
    for bad in ("得分", "积分", "排名", "打卡", "score", "rank", "points"):
        assert bad not in every and bad not in str(head), "nothing rates whoever came"


def table(reader: Reader, ledger: str, month: str = "") -> list[list[str]]:
    """A ledger by the link of the page that offers them; of one month by the form beside it."""
    opened(reader, "/sheets")
    where = f'action="(/v1/ledgers/{ledger})"' if month else f'href="(/v1/ledgers/{ledger}[^"]*)"'
    address = re.search(where, reader.page)
    assert address is not None
    asked = f"{address[1]}?month={month}" if month else address[1].replace("&amp;", "&")
    with reader.client.get(asked) as found:
        sheet = load_workbook(io.BytesIO(found.data)).get_sheet_by_index(0).to_python()
    start = next(n for n, line in enumerate(sheet) if "联络站" in line)
    return [[str(cell) for cell in line] for line in sheet[start:]]


def test_story_F10_a_merged_station_leads_to_its_successor(home: Desk) -> None:
    o = home.office
    case = visitor(home)
    o.engine.parties.change(
        "st1",
        by=SETUP,
        trusted=True,
        status="ended",
        reason="并入永安街道联络站",
        bonds=(Bond(bond="successor", to="st2"),),
    )
    found = home(None).client.get(f"/s/{code_of('st1')}")
    assert found.status_code == 200
    assert "永安街道联络站" in found.text and f'href="/s/{code_of("st2")}"' in found.text, (
        "the old poster's code"
    )
    assert 'name="text"' not in found.text, "no opinion is left at a closed door"
    assert "路灯" in opened(home("li"), f"/cases/{case}") and o.engine.history(case, actor=by("li")), (
        "history stays"
    )
    assert "永安街道联络站" in home(None).client.get(f"/s/{code_of('st2')}").text
