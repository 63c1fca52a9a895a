"""The procuratorate's ten stories (users.md §9 D), done by the console's pages as its clerk, its chief, the congress and a unit do."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.parse import unquote

import pytest

from definitions.statistics import areas
from scheduler.channels.words import Words
from workflow import Case, load_definitions

from .console import Desk, Reader
from .lifecycle import DOCUMENT, FOLDER, PLACE, TENANT, Office, count
from .postbox import Postbox, backend, reach
from .stories import PDF, act, offered, opened, refused, rows, sentence, timeline, tried

PEOPLE = {
    "pros": "procuratorate_clerk",
    "chief": "chief_prosecutor",
    "judge": "supervisory_judicial_committee",
}
CLUE = "渗滤液直排淦河线索"
NOTE = "暗访笔录金丝雀"
AREA = {"procuratorate_area": "environment", "public_interest": CLUE}


@pytest.fixture
def city(town: Desk) -> Desk:
    """The town with its procuratorate."""
    for person, role in PEOPLE.items():
        town.office.engine.grant(person, role, TENANT)
    town._accounts([*PEOPLE])
    return town


def transferred(office: Office, case: Case | None = None, **area: Any) -> tuple[Case, Case]:
    """A suggestion that is being handled, and what went to the procuratorate of it."""
    case = case or office.handling()
    office.fire(case, "transfer_to_procuratorate", "li", **{**AREA, **area})
    return case, office.child(case, "conversions")


def filed(office: Office, **area: Any) -> tuple[Case, Case]:
    root, case = transferred(office, **area)
    office.fire(case, "register", "pros", register_number="登1")
    office.fire(case, "review", "pros", meeting_reference="院党组会议研究")
    return root, office.fire(
        case, "file_case", "chief", case_filing_number="检立1", case_filing_decision=DOCUMENT
    )


def issued(office: Office, ps_type: str = "public_interest", unit: str = "water") -> tuple[Case, Case]:
    root, case = filed(office)
    office.fire(case, "record_investigation", "pros", investigation=NOTE)
    office.fire(case, "draft_suggestion", "pros")
    return root, office.fire(
        case, "issue", "chief", ps_type=ps_type, ps_number="检建1", ps_document={**DOCUMENT, "name": "检察建议书.pdf"},
        addressed_unit=unit, urgent=False,
    )  # fmt: skip


def served(office: Office, ps_type: str = "public_interest") -> tuple[Case, Case]:
    root, case = issued(office, ps_type)
    return root, office.fire(
        case, "serve", "pros", served_unit="water", served_on="2026-03-02", service_way="writing"
    )


def do(desk: Desk, person: str, case: str | Case, event: str, **given: Any) -> str:
    """One act by its form, by somebody who has just signed in: a session does not outlive the days that pass."""
    return act(desk(person), case, event, **given)


def inbox(desk: Desk, person: str) -> str:
    """What he has been told, as his page says it."""
    while desk.office.engine.alerts.address():
        pass
    return opened(desk(person), "/messages")


def until(office: Office, day: date) -> None:
    """The days pass, and what the clocks do until then is done."""
    office.clock.set(day)
    office.ticks()


def test_story_D01_a_transfer_comes_in_without_a_word_of_what_it_is_about(city: Desk) -> None:
    o, office, pros = city.office, city("li"), city("pros")
    case = o.handling()
    reach(o, "pros", "sms")
    office.get(f"/cases/{case.id}/do/transfer_to_procuratorate")
    form = {"procuratorate_area": "town_planning", "public_interest": CLUE}
    assert "town_planning" not in office.page
    address = f"/cases/{case.id}/do/transfer_to_procuratorate"
    assert office.post(address, {**_form(office), **form}).status_code == 422, (
        "no field of the procuratorate's"
    )
    assert "衔接转化领域：必填" in tried(city("li"), case, "transfer_to_procuratorate", public_interest=CLUE)
    do(city, "li", case, "transfer_to_procuratorate", **AREA)
    box = Postbox("sms")
    backend(o, box).deliver()
    words = Words("zh", "https://rd.example/cases/{case}", "https://rd.example", None, o.clock.now)
    text = "".join(words.short(letter, 2048) for letter in box.arrived)
    assert case.number is not None and case.number in text and "https://rd.example/cases/" in text
    told = repr(box.arrived) + text + inbox(city, "pros")
    assert CLUE not in told and case.data["title"] not in told and "生态" not in told
    assert "生态环境" in opened(pros, "/views/transferred")
    (mine,) = rows(pros)
    assert CLUE in opened(pros, f"/cases/{mine}")
    o.clock.advance(hours=3)
    do(city, "pros", mine, "register", register_number="登1")
    (line,) = [one for one in timeline(city("pros"), mine) if "登记" in one]
    assert line.startswith("2026-03-02 12:00"), "when it was received"


def test_story_D02_no_clue_and_the_ordinary_handling_goes_on(city: Desk) -> None:
    o = city.office
    root, case = transferred(o)
    before = (o.now(root).state, [(c.name, c.due_on, c.running) for c in o.now(root).clocks])
    do(city, "pros", case, "register")
    do(city, "pros", case, "review")
    assert "不转化理由：必填" in tried(city("chief"), case, "decline")
    assert "未发现公益受损" in do(city, "chief", case, "decline", no_conversion_reason="未发现公益受损")
    assert (o.now(root).state, [(c.name, c.due_on, c.running) for c in o.now(root).clocks]) == before
    assert "submit_for_signoff" in offered(city("wang"), root), "the unit goes on"
    for deputy in ("dep1", "dep2"):
        assert "不转化" in inbox(city, deputy), "and each deputy is told"
        assert "未发现公益受损" in opened(city(deputy), f"/cases/{case.id}")


def test_story_D03_filed_as_a_case_and_copied_within_ten_days(city: Desk) -> None:
    o = city.office
    _, case = transferred(o)
    do(city, "pros", case, "register")
    do(city, "pros", case, "review")
    o.clock.advance(days=3)
    do(
        city,
        "chief",
        case,
        "file_case",
        case_filing_number="检立1",
        case_filing_decision=(PDF, "立案决定书.pdf"),
    )
    assert o.due(case, "copies") == "2026-03-16", (
        "ten days from 5 March, when the case was filed; the 15th is a Sunday"
    )
    assert "2026-03-16" in sentence(city("pros"), case)
    until(o, date(2026, 3, 16))
    assert "提醒抄送文书" not in inbox(city, "pros"), "the last day is still in time"
    until(o, date(2026, 3, 17))
    for side in ("pros", "judge"):
        assert "提醒抄送文书" in inbox(city, side), "procuratorate and congress are both told"
    do(city, "pros", case, "copy_documents", copied_documents=(PDF, "立案决定书.pdf"))
    assert o.due(case, "copies") is None
    assert "立案决定书.pdf" in opened(city("judge"), f"/cases/{case.id}")


def test_story_D04_the_addressee_sees_what_is_served_and_never_the_notes(city: Desk) -> None:
    o, clerk = city.office, city("wang")
    root, case = filed(o)
    do(
        city,
        "pros",
        case,
        "record_investigation",
        investigation=NOTE,
        investigation_documents=(PDF, "笔录.pdf"),
    )
    do(city, "pros", case, "draft_suggestion")
    do(city, "chief", case, "issue", ps_type="public_interest", ps_number="检建1", ps_document=(PDF, "检察建议书.pdf"),
        addressed_unit="water", urgent="false")  # fmt: skip
    assert clerk.get(f"/cases/{case.id}").status_code == 404, (
        "the lead unit is the addressee, and is not served yet"
    )
    assert "检察建议" not in opened(city("wang"), f"/cases/{root.id}") + inbox(city, "wang")
    given = {"served_on": "2026-03-02", "service_way": "writing"}
    tried(city("pros"), case, "serve", served_unit="roads", **given)
    do(city, "pros", case, "serve", served_unit="water", **given)
    assert "送达" in inbox(city, "wang")
    page = opened(clerk, f"/cases/{case.id}")
    link = re.search(r'href="(/cases/\w+/documents/\w{64})">检察建议书.pdf', clerk.page)
    assert link is not None
    with clerk.client.get(link[1]) as document:
        assert document.data == PDF
    assert NOTE in (own := opened(city("pros"), f"/cases/{case.id}")) and "笔录.pdf" in own
    for told in (page, *timeline(city("wang"), case), opened(city("wu"), f"/cases/{case.id}")):
        assert not {word for word in (NOTE, "笔录.pdf", CLUE, "院党组会议研究") if word in told}
    assert feng_finds_nothing(city, case), "another unit"


def feng_finds_nothing(city: Desk, case: Case) -> bool:
    return city("feng").get(f"/cases/{case.id}").status_code == 404


def test_what_the_procuratorate_owes_is_counted_on_its_first_page_while_the_paper_is_with_the_unit(
    city: Desk,
) -> None:
    """D3: the copies are owed within ten days of the filing, whoever has the case then; the unit sees its own day alone."""
    o = city.office
    _, case = served(o)
    copies, reply = date(2026, 3, 12), date(2026, 5, 2)
    until(o, copies)
    first = opened(city("pros"), "/")
    assert "1 今日到期" in first and "0 已超期" in first, first
    assert str(copies) in first
    unit = opened(city("wu"), "/")
    assert "0 今日到期" in unit and unit.count(str(copies)) == 1 and str(reply) in unit, (
        "as the day it is, and no more"
    )
    until(o, date(2026, 3, 13))
    assert "1 已超期" in opened(city("pros"), "/")
    assert "1 已超期" not in opened(city("wu"), "/")
    assert "抄送" in sentence(city("pros"), case)
    assert "抄送" not in sentence(city("wu"), case)
    do(city, "pros", case, "copy_documents", copied_documents=(PDF, "立案决定书.pdf"))
    assert "0 已超期" in opened(city("pros"), "/")


@pytest.mark.parametrize("ps_type", ["public_interest", "social_governance"])
def test_story_D05_no_reply_by_the_last_day(city: Desk, ps_type: str) -> None:
    o = city.office
    _, case = served(o, ps_type)
    due = date.fromisoformat(str(o.due(case, "reply")))
    assert due == date(2026, 5, 2), (
        "two months from the receipt; the law's own limit does not roll over a holiday"
    )
    until(o, due)
    assert "逾期未回复" not in inbox(city, "pros")
    o.clock.advance(days=1)
    o.ticks()
    for side in ("pros", "wu"):
        assert "逾期未回复" in inbox(city, side), "an alarm for both"
    do(city, "pros", case, "verify")
    do(city, "pros", case, "find_not_rectified", verification="现场未整改")
    if ps_type == "public_interest":
        do(city, "chief", case, "sue", complaint=(PDF, "起诉书.pdf"), court="咸安区人民法院")
        assert "已提起公益诉讼" in sentence(city("chief"), case)
    else:
        assert "sue" not in offered(city("chief"), case)
        assert "提起公益诉讼" in refused(city("chief"), case), (
            "only public-interest litigation can be sued for"
        )
        assert "escalate" in offered(city("chief"), case)


def test_story_D06_the_disposition_is_copied_within_ten_days_of_the_correction_period(city: Desk) -> None:
    """domain.md (D33): ten days from the disposition document that ends the period, not from the service or the reply."""
    o = city.office
    _, case = served(o)
    do(city, "pros", case, "copy_documents", copied_documents=(PDF, "检察建议书.pdf"))
    do(city, "wu", case, "reply", written_reply=(PDF, "回复.pdf"), adopted="true")
    until(o, date(2026, 4, 20))
    assert o.due(case, "disposition_copy") is None
    do(city, "pros", case, "verify")
    do(
        city,
        "pros",
        case,
        "find_rectified",
        verification="已整改",
        disposition_document=(PDF, "处理意见.pdf"),
    )
    assert o.due(case, "disposition_copy") == "2026-04-30"
    assert "孝感衔接转化办法（2022）第5条" in opened(
        city("pros"), f"/cases/{case.id}/clocks/disposition_copy"
    )
    do(city, "pros", case, "copy_documents", copied_documents=(PDF, "处理意见.pdf"))
    assert o.due(case, "disposition_copy") is None


def test_story_D07_the_ordinary_case_ends_and_the_procuratorate_goes_on(city: Desk) -> None:
    o = city.office
    root = o.evaluated()
    transferred(o, root)
    do(city, "sun", root, "settle")
    case = o.child(root, "conversions")
    assert o.now(root).state == "concluded" and not o.now(case).closed
    assert "正在进行：检察建议转化（已转送或对接）" in opened(city("li"), f"/cases/{root.id}")
    assert "检察建议" not in opened(city("wang"), f"/cases/{root.id}"), "the unit is not told"
    assert "archive" not in offered(city("li"), root), "the file is not closed over it"
    assert "检察建议转化" in refused(city("li"), root)["归档"]
    do(city, "pros", case, "register")
    do(city, "pros", case, "review")
    do(city, "chief", case, "decline", no_conversion_reason="未发现公益受损")
    assert "archive" in offered(city("li"), root)
    assert "正在进行" not in opened(city("li"), f"/cases/{root.id}")


def test_story_D08_a_procuratorial_suggestion_becomes_a_deputys_draft_and_nothing_more(city: Desk) -> None:
    o, pros, deputy = city.office, city("pros"), city("dep1")
    where = pros.goes(pros.fill(
        "/start/reverse_conversion", ps_number="检建7", ps_document=(PDF, "检察建议书.pdf"), copied_on="2026-03-02",
        matter="校园周边售烟", procuratorate_area="minors", tenant=TENANT,
    )).partition("?")[0]  # fmt: skip
    case = where.rpartition("/")[2]
    do(city, "li", case, "select", selection_reason="有普遍性")
    do(city, "li", case, "offer", offered_deputies="dep1")
    assert "检察建议转化为代表建议" in inbox(city, "dep1")
    assert "draft" not in offered(city("li"), case), "only a deputy proposes"
    do(city, "dep1", case, "draft", title="关于整治校园周边售烟的建议", body="情况", first_signer="dep1", publication_wish="full",
        origin="procuratorial_suggestion")  # fmt: skip
    (draft,) = [c for c in o.engine.search() if c.data.get("arises_from") == case]
    assert (draft.data["arises_from"], draft.state) == (case, "drafting")
    assert count(o.engine, "cases") == 2, "nothing is filed by itself"
    assert "来自" in opened(deputy, f"/cases/{draft.id}")
    assert f'href="/cases/{case}"' in deputy.page, "linked to where it came from"


def test_what_is_counted_by_area_is_what_the_lifecycle_knows() -> None:
    """Kind, field and states are data; each standing is one of the lifecycle's own, in one column alone."""
    told = areas()
    law = load_definitions(FOLDER, place=PLACE).definition(told.of)
    assert law.fields[told.field].codes == "procuratorate_area"
    states = [state for _, some in told.standings for state in some]
    assert set(states) < law.states.keys() and len(set(states)) == len(states)
    assert told.standing("not_converted").zh == "不转化" and told.standing("case_filed") == told.otherwise


def test_story_D09_the_nine_of_the_year_by_area(city: Desk) -> None:
    """The year of the report: 1 for safe communities, 4 for the environment, 4 for minors; each number opens its list."""
    o, judge = city.office, city("judge")
    for area, number in (("safe_communities", 1), ("environment", 4), ("minors", 4)):
        for _ in range(number):
            transferred(o, o.assigned(), procuratorate_area=area)
    found = numbers(judge)
    assert {name: values[0][0] for name, values in found.items()} == {
        "平安建设": 1, "生态环境和资源保护": 4, "未成年人保护": 4, "合计": 9,
    }  # fmt: skip
    _, case = transferred(o, o.assigned(), procuratorate_area="minors")
    o.fire(case, "register", "pros")
    o.fire(case, "review", "pros")
    o.fire(case, "decline", "chief", no_conversion_reason="无")
    found = numbers(judge)
    for values in found.values():
        for value, address in values:
            opened(judge, address)
            assert len(rows(judge)) == value
    assert [value for value, _ in found["未成年人保护"]] == [5, 4, 1, 0]
    assert "没有移送" in opened(city("judge"), "/areas?year=2025")
    assert "没有移送" in opened(city("wang"), "/areas"), "a unit counts what it may know of: nothing"


def numbers(reader: Reader) -> dict[str, list[tuple[int, str]]]:
    opened(reader, "/areas")
    lines = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', reader.page)
    return {
        name: [(int(n), a.replace("&amp;", "&").partition("#")[0]) for a, n in re.findall(r'href="(.*?)">(\d+)</a>', cells)]
        for name, cells in lines
    }  # fmt: skip


def test_story_D10_the_unit_finds_no_word_of_the_clue_anywhere(city: Desk) -> None:
    """Search, every page and list, ledgers and exports, the calendar, the inbox and the alerts: of the lead unit's own case."""
    o = city.office
    root, case = issued(o, unit="roads")
    reach(o, "wang", "mail")
    until(o, date(2026, 3, 20))
    box = Postbox("mail")
    backend(o, box).deliver()
    told = dict(everything(city, "wang", root))
    told["alerts"] = repr([(letter.lines, letter.body) for letter in box.arrived])
    secret = {CLUE, NOTE, case.id, "检立1", "检建1", "检察建议书.pdf"}
    assert {where: found for where, text in told.items() if (found := {s for s in secret if s in text})} == {}
    assert box.arrived, "the unit is told of its own deadlines"
    seen = "".join(text for _, text in everything(city, "pros", case, 20))
    assert secret - {"检立1"} <= {s for s in secret if s in seen} | {"检立1"}, "the net catches what is there"


def everything(city: Desk, person: str, root: Case, most: int = 70) -> Iterator[tuple[str, str]]:
    """All that the console and the service give this person, walked by their links from his first page."""
    reader, seen = city(person), set[str]()
    start = ["/", "/messages", "/sheets", "/waiting", "/statistics", "/areas", f"/search?q={CLUE}", f"/search?q={NOTE}",
             "/search?q=检立1", f"/cases/{root.id}", "/v1/cases?limit=100", "/v1/events?after=0", "/v1/exports/cases.csv"]  # fmt: skip
    queue = [*start]
    while queue:
        address = queue.pop(0)
        if address in seen or len(seen) >= most:
            continue
        seen.add(address)
        answer = reader.client.get(address)
        yield address, readable(answer.data).replace(unquote(address.partition("?q=")[2]) or "\0", "")
        if answer.mimetype == "text/html" and answer.status_code == 200:
            links = re.findall(r'href="(/[^"#]*)', answer.text)
            queue += [
                one.replace("&amp;", "&")
                for one in links
                if not re.match(
                    r"/(static|lifecycles|statistics\?|areas\?|found|register)|.*/(do|clocks)/", one
                )
            ]
    yield from calendar(reader, person)


def calendar(reader: Reader, person: str) -> Iterator[tuple[str, str]]:
    """His due days as a calendar of his telephone has them."""
    reader.fill("/sheets")
    told = re.search(r"<code>http://localhost(/v1/ical/\w+)</code>", reader.page)
    assert told is not None
    with reader.client.get(told[1]) as found:
        assert "BEGIN:VCALENDAR" in found.text, person
        yield "calendar", found.text.replace("\r\n ", "")


def readable(data: bytes) -> str:
    """A body as text; of a file that packs others, what is in it."""
    if not data.startswith(b"PK"):
        return data.decode("utf-8", "replace")
    with zipfile.ZipFile(io.BytesIO(data)) as pack:
        return "".join(name + readable(pack.read(name)) for name in pack.namelist())


def _form(reader: Reader) -> dict[str, Any]:
    from .console import Form

    return {**Form(reader.page).values}
