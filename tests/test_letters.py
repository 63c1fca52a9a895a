"""Documents: what they say, to whom, how they look; templates are hostile until proven otherwise."""

from __future__ import annotations

import io
import zipfile
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import segno
from docx import Document
from docx.enum.text import WD_LINE_SPACING
from docx.oxml.ns import qn
from docx.shared import Mm, Pt
from werkzeug.test import TestResponse

from api import create_app, create_schema
from definitions.drafts import text_hash
from definitions.letters import (
    NOTHING,
    Catalogue,
    Wish,
    between,
    check,
    letters_of,
    making,
    write_letter,
    write_zip,
)
from definitions.letters.paper import BY_HAND
from definitions.letters.words import in_lines
from definitions.letters.writing import filled
from definitions.papers import Papers
from workflow import Actor, Case, DefinitionError, Engine, NotFound, cli
from workflow.commands import service
from workflow.commands.console import Console
from workflow.commands.context import Context
from workflow.library import Library
from workflow.model import Party

from .http_walk import city
from .lifecycle import DRAFT, EXTENSION, REPLY, TENANT, Office, statements
from .test_cli import call
from .test_parties import SETUP, deputy

CITY = Party(id="xianning", kind="congress", name="咸宁市人大", tenant=TENANT, attributes={"level": "city"})
UNITS = {
    "water": "市水利和湖泊局",
    "roads": "市交通运输局",
    "parks": "市城市管理执法委员会",
    "gov": "市人民政府办公室",
}
PEOPLE = {"dep1": "陈静", "dep2": "周明"}
OFFICE = Actor(person="li")
ASKS = Actor(person="sun")
HOSTILE = "<&>\"=1+1'{{ 7*7 }}{% raw %}]]>&amp;"


def settle(engine: Engine) -> Engine:
    units = [Party(id=i, kind="unit", name=n, tenant=TENANT, parent="xianning") for i, n in UNITS.items()]
    deputies = [deputy(i, name=n) for i, n in PEOPLE.items()]
    engine.parties.put([CITY, *units, *deputies], by=SETUP, trusted=True)
    return engine


@pytest.fixture
def town(office: Office) -> Office:
    """The office with a register, on each database."""
    settle(office.engine)
    return office


@pytest.fixture
def small_town(sqlite_office: Office) -> Office:
    """The same on SQLite alone."""
    settle(sqlite_office.engine)
    return sqlite_office


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return Catalogue.load()


def text_of(content: bytes) -> str:
    document = Document(io.BytesIO(content))
    tables = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    return "\n".join([*(p.text for p in document.paragraphs), *tables])


def written(
    office: Office, catalogue: Catalogue, case: Case, who: Actor | None, wish: Wish = NOTHING
) -> dict[str, str]:
    """kind/addressee -> its text, of all that this person gets."""
    found = letters_of(office.engine, catalogue, case.id, who)
    return {
        f"{x.kind.id}/{x.to or ''}": text_of(write_letter(office.engine, catalogue, x, who, wish))
        for x in found
    }


# --- the templates


def test_the_templates_are_what_the_program_makes() -> None:
    for name in making.TEMPLATES:
        ours = parts((making.HERE / name).read_bytes())
        assert parts(making.made(name)) == ours, f"python -m definitions.letters.making ({name})"
    assert {path.name for path in making.HERE.glob("*.docx")} == set(making.TEMPLATES)


def parts(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as pack:
        return {name: pack.read(name) for name in pack.namelist()}


@pytest.mark.parametrize("name", sorted(set(making.TEMPLATES) - {*making.FORMS, *making.LISTS}))
def test_the_paper_is_official(name: str) -> None:
    """GB/T 9704-2012: A4, margins, fonts named for Chinese text, the line pitch."""
    document = Document(io.BytesIO(making.made(name)))
    section = document.sections[0]
    found = [section.page_width, section.page_height, section.top_margin, section.bottom_margin, section.left_margin,
             section.right_margin]  # fmt: skip
    assert found == pytest.approx([Mm(210), Mm(297), Mm(37), Mm(35), Mm(28), Mm(26)], abs=400)
    fonts = {
        run._r.rPr.rFonts.get(qn("w:eastAsia"))
        for p in document.paragraphs
        for run in p.runs
        if run.text.strip()
    }
    assert {"方正小标宋简体", "仿宋_GB2312"} <= fonts <= {"方正小标宋简体", "仿宋_GB2312", "黑体", "宋体"}
    text = [p for p in document.paragraphs if p.paragraph_format.first_line_indent]
    assert {p.paragraph_format.line_spacing for p in text} <= {Pt(28.95)}
    assert {run.font.size for p in text for run in p.runs} <= {Pt(16), Pt(14)}


@pytest.mark.parametrize("name", sorted(making.TEMPLATES))
def test_what_closes_a_letter_stays_on_one_page_with_the_end_of_its_text(name: str) -> None:
    """Signature, day, whom to ask, copies and the source: none of them is ever alone on a page."""
    paragraphs = [
        p for p in Document(io.BytesIO(making.made(name))).paragraphs if not p.text.startswith("{%p")
    ]
    signed = [n for n, p in enumerate(paragraphs) if p.paragraph_format.right_indent and p.alignment == 2]
    assert signed or name in making.FORMS or name in making.LISTS
    for first in signed[::2]:
        rest = paragraphs[first - 2 :]
        ends = next((n for n, p in enumerate(rest) if p._p.xpath(".//w:br[@w:type='page']")), len(rest))
        assert [p.text for p in rest[: ends - 1] if not p.paragraph_format.keep_with_next] == []


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("市水利和湖泊局", ["市水利和湖泊局"]),
        ("局" * 26, ["局" * 26]),
        (
            "咸宁市自然资源和规划局（市林业局、市不动产登记和地理信息测绘事务中心综合管理办公室）",
            ["咸宁市自然资源和规划局（市林业局、", "市不动产登记和地理信息测绘事务中心综合管理办公室）"],
        ),
        (
            "咸宁市住房和城乡建设局（咸宁市人民防空办公室、咸宁市房产管理局）",
            ["咸宁市住房和城乡建设局", "（咸宁市人民防空办公室、咸宁市房产管理局）"],
        ),
        ("中" * 40, ["中" * 20] * 2),
        ("中" * 79, ["中" * 20] * 3 + ["中" * 19]),
    ],
)
def test_a_name_too_long_for_a_signature_is_ended_at_a_joint_in_lines_of_a_length(
    name: str, lines: list[str]
) -> None:
    assert in_lines(name).split("\n") == lines
    assert all(len(line) <= 26 for line in lines)


def test_a_long_name_stands_in_the_signature_in_two_lines(town: Office, catalogue: Catalogue) -> None:
    name = "咸宁市水利和湖泊局（咸宁市河道堤防和水库移民综合管理中心、市节约用水办公室）"
    case = town.replied()
    register = town.engine.parties
    register.put([replace(register.get("water"), name=name)], by=SETUP, trusted=True)
    (letter,) = letters_of(town.engine, catalogue, case.id, ASKS, kind="reply")
    document = Document(io.BytesIO(write_letter(town.engine, catalogue, letter, ASKS)))
    (signed,) = [p for p in document.paragraphs if p.alignment == 2 and p.text.startswith("咸宁市水利")]
    assert signed.text.split("\n") == in_lines(name).split("\n") and len(signed.text.split("\n")) == 2


# --- what they say


def test_story_A03_one_lead_and_two_co_units_get_three_letters(town: Office, catalogue: Catalogue) -> None:
    case = town.assigned(co=("roads", "parks"))
    found = letters_of(town.engine, catalogue, case.id, OFFICE)
    assert [(x.kind.id, x.to) for x in found if x.kind.id.startswith("assignment")] == [
        ("assignment", "water"), ("assignment_co", "parks"), ("assignment_co", "roads"),
    ]  # fmt: skip
    said = written(town, catalogue, case, OFFICE)
    lead, co = said["assignment/water"], said["assignment_co/roads"]
    assert "市水利和湖泊局：" in lead and "咸宁市六届人大五次会议第001号建议" in lead.replace("\n", "")
    assert "由你单位主办" in lead and "会办单位：市交通运输局、市城市管理执法委员会" in lead.replace(
        "市城市管理执法委员会、市交通运输局", "市交通运输局、市城市管理执法委员会"
    )
    assert "2026年6月2日" in lead and "依据：代表法（2025）第51条。" in lead and "2026年9月2日" in lead
    assert "由你单位会办" in co and "主办单位：市水利和湖泊局" in co and "不直接答复代表" in co
    assert "陈静、周明" in lead and "建驿站" in lead
    assert "参照：随州市督查通报2019年第9期。" in lead, "another place's number is no ground of ours"
    assert "咸宁市人大常委会办公室" in lead and "2026年3月2日" in lead


def test_a_letter_of_assignment_says_whom_to_ask_and_opens_the_case(
    small_town: Office, catalogue: Catalogue
) -> None:
    """From the register, or a blank; the code only where the service is known, and never in a letter that asks for none."""
    case, wish = small_town.assigned("dep1", co=("roads",)), Wish(here="https://rd.example.gov.cn/")
    said = written(small_town, catalogue, case, OFFICE)
    assert (
        "（联系人：　　　　　　电话：　　　　　　）" in said["assignment/water"]
        and "扫码" not in said["assignment/water"]
    )
    assert said["assignment/water"].startswith(BY_HAND)
    congress = next(
        party for party in small_town.engine.parties.find(kind="congress") if party.tenant == TENANT
    )
    changed = replace(congress, attributes={**congress.attributes, "contact": "代表科李工，0715-8000000"})
    small_town.engine.parties.put([changed], by=SETUP, trusted=True)
    said = written(small_town, catalogue, case, OFFICE, wish)
    for letter in ("assignment/water", "assignment_co/roads"):
        assert (
            "（代表科李工，0715-8000000）" in said[letter]
            and "扫码在系统中打开本件（须登录）" in said[letter]
        )
    assert "扫码" not in said["co_opinion/water"]
    found = next(
        x for x in letters_of(small_town.engine, catalogue, case.id, OFFICE) if x.kind.id == "assignment_co"
    )
    content = write_letter(small_town.engine, catalogue, found, OFFICE, wish)
    picture = next(part for name, part in parts(content).items() if name.startswith("word/media/"))
    own = io.BytesIO()
    segno.make(f"https://rd.example.gov.cn/cases/{case.id}", error="m", micro=False).save(
        own, kind="png", scale=6, border=2
    )
    assert picture == own.getvalue()


def test_story_B07_a_reply_bears_its_class_its_promises_and_answers_point_by_point(
    small_town: Office, catalogue: Catalogue
) -> None:
    body = "一、情况：骑手三千人。\n二、建议：\n1．建议增设驿站。\n2．建议提供充电设施；"
    case = small_town.handling(body=body)
    small_town.fire(case, "add_commitment", "wang", promise="建成驿站12处", promised_on="2026-10-31")
    small_town.fire(case, "submit_for_signoff", "wang", **{**DRAFT, "reply_class": "HB-XIANNING:B"})
    small_town.fire(case, "issue_reply", "wu", **{**REPLY, "reply_class": "HB-XIANNING:B"})
    (letter,) = letters_of(small_town.engine, catalogue, case.id, Actor(person="wu"), kind="reply")
    content = write_letter(small_town.engine, catalogue, letter, Actor(person="wu"))
    document = Document(io.BytesIO(content))
    assert document.paragraphs[0].text == "B类"
    assert document.paragraphs[0].alignment == 2
    text = text_of(content)
    assert "你们提出的" in text and "您们" not in text
    (copies,) = [p for p in document.paragraphs if p.text.startswith("抄送：")]
    assert copies.text.endswith("。") and copies._p.pPr.find(qn("w:pBdr")) is not None
    foot = copies._p.pPr.find(qn("w:framePr"))
    assert (foot.get(qn("w:vAnchor")), foot.get(qn("w:yAlign"))) == ("margin", "bottom"), (
        "at the foot of the last page"
    )
    assert document.paragraphs[-1].text.startswith("文书依据"), "and what it is tied to is on the last page"
    hints = [r._r.rPr.rFonts.get(qn("w:hint")) for p in document.paragraphs for r in p.runs if "“" in r.text]
    assert hints and set(hints) == {"eastAsia"}, "else the quotation marks are half as wide"
    assert (
        "1．关于“建议增设驿站”" in text
        and "2．关于“建议提供充电设施”" in text
        and "骑手三千人”" not in text
        and "3．" not in text
    )
    assert "建成驿站12处（2026年10月31日前完成）" in text and "咸水函〔2026〕1号" in text


def test_story_A08_the_notice_of_the_second_assignment_holds_the_reasons_and_the_new_day(
    small_town: Office, catalogue: Catalogue
) -> None:
    case = small_town.second_assigned()
    text = written(small_town, catalogue, case, ASKS)["second_assignment/water"]
    assert "没有建" in text and "2026年4月2日" in text and "自二次交办之日（2026年3月2日）起计算" in text


def test_a_survey_goes_back_to_the_office_and_the_unit_has_none(
    small_town: Office, catalogue: Catalogue
) -> None:
    case = small_town.evaluating()
    office = written(small_town, catalogue, case, ASKS)
    form = office["survey/dep1"]
    assert "寄回\n咸宁市人大常委会办公室" in form and "陈静" in form and "周明" not in form
    assert not [
        name for name in written(small_town, catalogue, case, Actor(person="wu")) if name.startswith("survey")
    ]
    (survey,) = [
        x for x in letters_of(small_town.engine, catalogue, case.id, ASKS, kind="survey") if x.to == "dep1"
    ]
    with pytest.raises(NotFound):
        letters_of(small_town.engine, catalogue, survey.case.id, Actor(person="wu"))
    plain = parts(write_letter(small_town.engine, catalogue, survey, ASKS))
    coded = parts(
        write_letter(small_town.engine, catalogue, survey, ASKS, Wish(link="https://x.example/e/abc"))
    )
    pictures = [name for name in coded if name.startswith("word/media/")]
    whole = Document(io.BytesIO(write_letter(small_town.engine, catalogue, survey, ASKS, Wish(link="x"))))
    (seen,) = [p for p in whole.paragraphs if p._p.findall(f".//{qn('w:drawing')}")]
    assert seen.paragraph_format.line_spacing_rule == WD_LINE_SPACING.SINGLE, (
        "else all but a strip of it is cut off"
    )
    assert pictures and not [name for name in plain if name.startswith("word/media/")]


def test_what_is_written_to_a_unit_hides_what_is_hidden_from_it(town: Office, catalogue: Catalogue) -> None:
    """The office sees who asked to be protected; the letter it makes for the unit does not say it (山东条例 art. 11)."""
    case = town.assigned(co=("roads",), secrecy="identity")
    said = written(town, catalogue, case, OFFICE)
    for name in ("assignment/water", "assignment_co/roads", "co_opinion/water"):
        assert "陈静" not in said[name] and "周明" not in said[name] and "dep1" not in said[name], name
    assert "不予透露" in said["assignment/water"]
    assert "陈静" in said["process/"]
    assert "陈静" not in written(town, catalogue, case, Actor(person="wang"))["process/"]


def test_story_C03_a_notice_of_supervision_is_urgent_only_after_one_that_was_not_answered(
    small_town: Office, catalogue: Catalogue
) -> None:
    case = small_town.handling()
    child = small_town.pressed(case, "liu")
    small_town.fire(child, "demand", "li", supervision_opinion="说明选址", answer_by="2026-03-20")
    first = written(small_town, catalogue, case, OFFICE)["supervision/water"]
    assert "普通" in first and "说明选址" in first and "2026年3月20日" in first
    small_town.clock.advance(days=25)
    small_town.ticks()
    small_town.fire(child, "demand", "li", supervision_opinion="再次说明", answer_by="2026-04-20")
    assert "加急" in written(small_town, catalogue, case, OFFICE)["supervision/water"]


def test_the_whole_handling_is_printed_with_its_hashes(small_town: Office, catalogue: Catalogue) -> None:
    case = small_town.evaluated()
    text = written(small_town, catalogue, case, OFFICE)["process/"]
    for line in small_town.engine.history(case.id):
        assert line.hash[:32] in text


def test_the_handling_is_told_in_words_without_ids_and_blanks(
    small_town: Office, catalogue: Catalogue
) -> None:
    """A suggestion begotten by a draft names it by its title, an empty list and a missing note are not told."""
    engine, data = (
        small_town.engine,
        {"title": "题", "body": "文。", "first_signer": "dep1", "publication_wish": "full"},
    )
    engine.grant("dep1", "deputy", TENANT)
    draft = engine.start("suggestion_draft", Actor(person="dep1"), data, tenant=TENANT)
    small_town.fire(draft, "collect_signatures", "dep1", signers=["dep1"], text_hash=text_hash("题", "文。"))
    asked = small_town.child(draft, "signatures", "dep1")
    small_town.fire(asked, "confirm", "dep1", seen_hash=text_hash("题", "文。"))
    for act, who in (("submit_for_review", "dep1"), ("pass", "li"), ("file", "dep1")):
        small_town.fire(draft, act, who)
    (case,) = engine.search(kind="suggestion")
    said = written(small_town, catalogue, case, OFFICE)["process/"]
    assert (
        draft.id not in said
        and "来自：代表建议起草与会前审核《题》" in said
        and "：；" not in said
        and "。；" not in said
    )


def test_the_list_for_the_archive_names_every_paper(small_town: Office, catalogue: Catalogue) -> None:
    case = small_town.replied()
    text = written(small_town, catalogue, case, OFFICE)["archive/"]
    assert "答复函" in text and "函.pdf" in text and "合计2件" in text


def test_extension_return_and_transfer(small_town: Office, catalogue: Catalogue) -> None:
    case = small_town.handling()
    small_town.fire(case, "request_extension", "wang", **EXTENSION)
    small_town.fire(small_town.child(case, "extensions"), "grant", "li", granted_until="2026-08-01")
    small_town.fire(
        case, "transfer_to_procuratorate", "li", procuratorate_area="environment", public_interest="水源保护"
    )
    said = written(small_town, catalogue, case, OFFICE)
    assert (
        "延至2026年8月1日" in said["extension_request/"]
        and "同意将答复期限延至2026年8月1日" in said["extension_decision/water"]
    )
    assert "水源保护。" in said["transfer/"] and "回执" in said["transfer/"]
    assert (
        "咸宁市人民检察院：" in said["transfer/"]
        and "附件：1．代表建议全文\n2．抄送件清单" in said["transfer/"]
    )
    assert not [
        name
        for name in written(small_town, catalogue, case, Actor(person="wang"))
        if name.startswith("transfer")
    ]
    other = small_town.fire(
        small_town.assigned(), "request_return", "wu", return_reason="不属本局", competent_unit="parks"
    )
    form = written(small_town, catalogue, other, OFFICE)["return/"]
    assert "不属本局" in form and "市城市管理执法委员会" in form


@pytest.fixture
def station(small_town: Office) -> Office:
    place = Party(
        id="st1",
        kind="station",
        name="温泉街道联络站",
        tenant=TENANT,
        parent="xianning",
        attributes={"hours": "9:00至11:00"},
    )
    small_town.engine.parties.put([place], by=SETUP, trusted=True)
    small_town.engine.grant("keep", "station_keeper", TENANT, unit="st1")
    return small_town


def test_a_reception_day_is_announced_and_its_forms_are_numbered(
    station: Office, catalogue: Catalogue
) -> None:
    keeper = Actor(person="keep")
    data = {"station_unit": "st1", "month": "2026-03", "reception_on": "2026-03-15", "place": "淦河大道10号"}
    day = station.engine.start("reception_day", keeper, data, tenant=TENANT)
    station.fire(day, "roster", "keep", deputies=["dep1", "dep2"])
    said = written(station, catalogue, day, keeper, Wish(forms=3))
    assert "2026年3月15日" in said["reception_notice/"] and "陈静、周明" in said["reception_notice/"]
    assert [f"202603-{n:03}" in said["reception_forms/"] for n in (1, 2, 3, 4)] == [True, True, True, False]


def test_story_F08_a_day_without_the_network_is_typed_later_with_its_own_day(
    station: Office, catalogue: Catalogue
) -> None:
    station.clock.advance(days=14)
    keeper = Actor(person="keep")
    data = {
        "station_unit": "st1", "received_on": "2026-03-15", "intake": "reception", "receivers": ["dep1"], "subject": "路灯",
        "opinion_text": "空白表 202603-001：路灯不亮",
    }  # fmt: skip
    on_time = station.engine.start("opinion", keeper, {**data, "received_on": "2026-03-16"}, tenant=TENANT)
    late = station.engine.start("opinion", keeper, data, tenant=TENANT)
    assert (
        "2026年3月15日（2026年3月16日补录）" in written(station, catalogue, late, keeper)["reception_record/"]
    )
    assert "补录" not in written(station, catalogue, on_time, keeper)["reception_record/"]
    assert "■" not in written(station, catalogue, on_time, keeper)["reception_record/"]
    station.fire(on_time, "classify", "keep", route="village")
    record = written(station, catalogue, on_time, keeper)["reception_record/"]
    assert "□当场答复　　■转社区（村）" in record and on_time.id[:12] not in record
    (letter,) = letters_of(station.engine, catalogue, on_time.id, keeper, kind="reception_record")
    assert letter.file == "温泉街道联络站 2026-03-16 路灯 接待选民记录表.docx"


def test_story_F05_what_is_not_taken_comes_with_an_advice_sheet(
    station: Office, catalogue: Catalogue
) -> None:
    keeper = Actor(person="keep")
    data = {
        "station_unit": "st1", "received_on": "2026-03-02", "intake": "reception", "receivers": ["dep1"],
        "voter_name": "张三", "subject": "判决执行", "opinion_text": "判决未执行",
    }  # fmt: skip
    case = station.engine.start("opinion", keeper, data, tenant=TENANT)
    told = {
        "not_taken_ground": "litigation",
        "channel": "市中级人民法院",
        "voter_told_on": "2026-03-02",
        "deputy_told_on": "2026-03-02",
    }
    station.fire(case, "redirect", "keep", **told)
    said = written(station, catalogue, case, keeper)
    assert "市中级人民法院" in said["advice/"] and "诉讼程序" in said["advice/"] and "张三" in said["advice/"]
    assert "张三" not in "".join(written(station, catalogue, case, OFFICE).values())


# --- hostile texts, hostile templates


def test_a_hostile_text_is_a_text(small_town: Office, catalogue: Catalogue) -> None:
    case = small_town.assigned(title=HOSTILE, body=HOSTILE)
    for name, text in written(small_town, catalogue, case, OFFICE).items():
        assert HOSTILE in text and HOSTILE.replace("{{ 7*7 }}", "49") not in text, name


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ letter.__init__.__globals__ }}", "{{ cycler.__init__.__globals__ }}",
        "{{ letter.update({'to': 'x'}) }}", "{{ self._TemplateReference__context }}", "{{ letter.nothing }}", "{% include 'x' %}",
        "{{ range(999999999)|list }}", "{% for %}",
    ],
)  # fmt: skip
def test_a_hostile_template_is_a_fault(small_town: Office, tmp_path: Path, template: str) -> None:
    document = Document()
    document.add_paragraph(template)
    document.save(str(tmp_path / "assignment.docx"))
    own = Catalogue.load(tmp_path)
    case = small_town.assigned()
    (letter,) = letters_of(small_town.engine, own, case.id, OFFICE, kind="assignment")
    with pytest.raises(DefinitionError) as refused:
        write_letter(small_town.engine, own, letter, OFFICE)
    assert refused.value.faults[0].file == "assignment.docx"


def test_an_office_puts_its_own_in_place_of_ours(
    small_town: Office, catalogue: Catalogue, tmp_path: Path
) -> None:
    document = Document()
    document.add_paragraph("本办样式：{{ root.data.title }}")
    document.save(str(tmp_path / "assignment.docx"))
    rows = "letters: own\nrows:\n  thanks: {zh: 感谢信, en: thanks, of: suggestion, after: [start], template: assignment.docx, source: 本办}\n"
    (tmp_path / "letters.yaml").write_text(rows, encoding="utf-8")
    own = Catalogue.load(tmp_path)
    case = small_town.assigned()
    said = written(small_town, own, case, OFFICE)
    assert said["assignment/water"] == said["thanks/"] == "本办样式：关于增设快递员驿站的建议"
    mine = {x.kind.id: x.template for x in letters_of(small_town.engine, own, case.id)}
    ours = {x.kind.id: x.template for x in letters_of(small_town.engine, catalogue, case.id)}
    assert mine["assignment"] != ours["assignment"] and mine["process"] == ours["process"]


@pytest.mark.parametrize(
    "row",
    ["{zh: 信}", "{zh: 信, en: x, of: suggestion, after: [start], template: ../x.docx, source: x}",
     "{zh: 信, en: x, of: suggestion, after: [start], template: none.docx, source: x}",
     "{zh: 信, en: x, of: suggestion, after: [start], template: reply.docx, source: x, too: x}"],
)  # fmt: skip
def test_a_bad_row_is_named(tmp_path: Path, row: str) -> None:
    (tmp_path / "letters.yaml").write_text(f"letters: own\nrows:\n  mine: {row}\n", encoding="utf-8")
    with pytest.raises(DefinitionError):
        Catalogue.load(tmp_path)


def test_the_document_says_by_which_template_it_was_made(small_town: Office, catalogue: Catalogue) -> None:
    case = small_town.assigned()
    (letter,) = letters_of(small_town.engine, catalogue, case.id, OFFICE, kind="assignment")
    content = write_letter(small_town.engine, catalogue, letter, OFFICE)
    about = Document(io.BytesIO(content)).core_properties
    assert (about.version, about.identifier) == (f"sha256:{letter.template}", case.id)
    assert letter.template[:12] in text_of(content)
    assert write_letter(small_town.engine, catalogue, letter, OFFICE) == content


def test_templates_are_tried_before_somebody_needs_them(
    library: Library, catalogue: Catalogue, tmp_path: Path
) -> None:
    assert check(library, catalogue) == []
    for name, words in (("survey.docx", "{{ case.data.no_such_field }}"), ("archive.docx", "{% for %}")):
        document = Document()
        document.add_paragraph(words)
        document.save(str(tmp_path / name))
    (tmp_path / "process.docx").write_bytes(b"no Word file")
    faults = check(library, Catalogue.load(tmp_path))
    assert sorted(fault.file for fault in faults) == ["archive.docx", "process.docx", "survey.docx"]
    assert "no_such_field" in next(f for f in faults if f.file == "survey.docx").text.zh


def test_a_letter_about_children_that_another_lifecycle_of_that_name_has_not_got_breaks_nothing(
    catalogue: Catalogue,
) -> None:
    """The operator's page tries them all; the small city's `suggestion` asks nobody for an opinion."""
    assert {fault.file for fault in check(city(), catalogue)} <= {
        one.template for one in catalogue.kinds.values()
    }


def test_a_template_is_tried_once_for_its_bytes(
    small_town: Office, catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks after the service opens his page often; a template that was put in its place since is tried at once."""
    tried: list[str] = []

    def counted(name: str, *given: Any) -> Any:
        tried.append(name)
        return filled(name, *given)

    monkeypatch.setattr("definitions.letters.checking.filled", counted)
    papers, ours = Papers(small_town.engine, tmp_path), catalogue.folders[-1]
    assert papers.faults() == [] and len(tried) > 10
    tried.clear()
    assert papers.faults() == [] == tried
    (tmp_path / "archive.docx").write_bytes(b"no Word file")
    assert (
        [fault.file for fault in papers.faults()]
        == [fault.file for fault in papers.faults()]
        == ["archive.docx"]
    )
    assert set(tried) == {"archive.docx"} and len(tried) == 1
    (tmp_path / "archive.docx").write_bytes((ours / "survey.docx").read_bytes())
    papers.faults()
    assert set(tried) == {"archive.docx"} and len(tried) == 2


# --- many


def test_story_C08_a_pack_keeps_the_order_it_was_asked_in(small_town: Office, catalogue: Catalogue) -> None:
    cases = [small_town.assigned(title=f"第{n}件") for n in range(3)]
    found = [
        x
        for case in reversed(cases)
        for x in letters_of(small_town.engine, catalogue, case.id, OFFICE, kind="assignment")
    ]
    file = io.BytesIO()
    assert write_zip(small_town.engine, catalogue, found, file, OFFICE) == 3
    names = zipfile.ZipFile(file).namelist()
    assert names == [f"{n:03} 第{4 - n:03}号 交办函 市水利和湖泊局.docx" for n in (1, 2, 3)]


def test_a_meetings_letters_are_those_of_its_days(small_town: Office, catalogue: Catalogue) -> None:
    small_town.assigned()
    small_town.clock.advance(days=10)
    later = small_town.assigned()
    found = between(
        small_town.engine, catalogue, "assignment", date(2026, 3, 10), date(2026, 3, 12), actor=OFFICE
    )
    assert [letter.case.id for letter in found] == [later.id]
    nobody = between(
        small_town.engine,
        catalogue,
        "assignment",
        date(2026, 3, 1),
        date(2026, 3, 12),
        actor=Actor(person="zhao"),
    )
    assert nobody == []


# --- the commands


def test_the_commands_of_the_page_run_as_printed(
    small_town: Office, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = small_town.evaluating()
    monkeypatch.setattr("workflow.loader.load_definitions", lambda *_, **__: library)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(
        "TIBANDU_DATABASE", small_town.engine.database.url.render_as_string(hide_password=False)
    )
    page = (making.HERE.parents[1] / "docs" / "documents.md").read_text(encoding="utf-8")
    lines = [
        line.partition(" #")[0].split() for line in page.splitlines() if line.startswith("tibandu letter")
    ]
    assert len(lines) == 5
    for _, *words in lines:
        said = call(*[case.id if word == "CASE" else word for word in words])
        assert said.code == 0, (words, said.err)
    assert {path.name for path in tmp_path.iterdir() if "db" not in path.name} == {
        "交办函.docx",
        "征询意见表.zip",
        "交办会.zip",
    }
    listed = call("letter", case.id, "--by", "sun", "--json").json
    assert {row["letter"] for row in listed} >= {"assignment", "survey", "process"}
    assert all(len(row["template"]) == 64 for row in listed)
    assert call("letter", case.id, "assignment", "--out", "交办函.docx").code == 2
    assert call("letter", case.id, "asignment").code == 1
    assert call("letter", case.id, "advice").code == 2
    assert call("letter", case.id, "assignment", "--letters", "nowhere", "--out", "x.docx").code == 2


def test_every_document_stands_on_the_page(catalogue: Catalogue) -> None:
    page = (making.HERE.parents[1] / "docs" / "documents.md").read_text(encoding="utf-8")
    assert [kind for kind in catalogue.kinds if f"`{kind}`" not in page] == []


def test_every_row_names_what_there_is(library: Library, catalogue: Catalogue) -> None:
    for kind in catalogue.kinds.values():
        definition = library.definition(kind.of)
        assert set(kind.after) <= {"start", *definition.events}, kind.id
        assert set(kind.clocks) <= set(definition.clocks), kind.id
        assert set(kind.children) <= set(definition.children), kind.id
        assert {to for to in kind.to if not to.startswith("root.")} <= set(definition.relations), kind.id


def test_what_there_is_costs_few_questions(
    small_town: Office, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page lists the documents of a case: the family, its names, and one history for each child that needs it."""
    case = small_town.evaluating()
    with statements(small_town.engine.database, monkeypatch) as seen:
        assert len(letters_of(small_town.engine, catalogue, case.id, ASKS)) >= 5
    asked = [one for one in seen if one.lstrip().lower().startswith(("select", "with"))]
    assert len(asked) <= 30, len(asked)


# --- over HTTP


@pytest.fixture
def ask(small_town: Office) -> Callable[..., TestResponse]:
    create_schema(small_town.engine)
    app = create_app(
        small_town.engine,
        lambda asking: Actor(person=asking.headers["Who"]),
        papers=Papers(small_town.engine),
    )
    client = app.test_client()
    return lambda who, address: client.get(address, headers={"Who": who})


def test_over_http_each_gets_what_he_may_know(small_town: Office, ask: Callable[..., TestResponse]) -> None:
    case = small_town.evaluating(title="<b>站/\\:")
    rows = ask("sun", f"/v1/cases/{case.id}/letters").json["letters"]
    survey = next(row for row in rows if row["letter"] == "survey" and row["to"] == "dep1")
    found = ask("sun", f"{survey['address']}&link=http://localhost/e/1")
    assert "陈静" in text_of(found.data)
    assert found.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''")
    assert (
        found.headers["X-Content-Type-Options"] == "nosniff" and found.headers["Cache-Control"] == "no-store"
    )
    assert "survey" not in {
        row["letter"] for row in ask("wu", f"/v1/cases/{case.id}/letters").json["letters"]
    }
    assert ask("wu", survey["address"]).status_code == 404
    assert ask("zhao", f"/v1/cases/{case.id}/letters").status_code == 404
    assert ask("sun", f"/v1/cases/{case.id}/letters/nothing").status_code == 404
    assert ask("sun", f"/v1/cases/{case.id}/letters/assignment?to=roads").status_code == 404
    assert ask("sun", f"/v1/cases/{case.id}/letters/assignment?link=javascript:1").status_code == 400
    for foreign in ("https://x.example/e/1", "http://localhost.x.example/1", "http://localhost@x.example/"):
        assert ask("sun", f"{survey['address']}&link={foreign}").status_code == 400, (
            "a QR code to somewhere else"
        )


def test_story_C08_over_http_the_pack_keeps_the_order(
    small_town: Office, ask: Callable[..., TestResponse]
) -> None:
    first, second = small_town.assigned(), small_town.assigned()
    pack = ask("li", f"/v1/letters.zip?cases={second.id},{first.id}&letters=assignment,process")
    with zipfile.ZipFile(io.BytesIO(pack.data)) as found:
        assert [name.split()[1] for name in found.namelist()] == ["第002号", "第002号", "第001号", "第001号"]
    assert ask("zhao", f"/v1/letters.zip?cases={first.id}").status_code == 404
    none = ask("zhao", "/v1/letters.zip?cases=none")
    assert none.json == {**ask("zhao", f"/v1/letters.zip?cases={first.id}").json}


def test_a_template_that_cannot_be_used_is_the_services_fault(small_town: Office, tmp_path: Path) -> None:
    document = Document()
    document.add_paragraph("{{ root.data.nothing_of_the_kind }}")
    document.save(str(tmp_path / "assignment.docx"))
    create_schema(small_town.engine)
    papers = Papers(small_town.engine, tmp_path)
    client = create_app(small_town.engine, lambda _: OFFICE, papers=papers).test_client()
    case = small_town.assigned()
    for address in (f"/v1/cases/{case.id}/letters/assignment", f"/v1/letters.zip?cases={case.id}"):
        answer = client.get(address)
        assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
        assert "nothing_of_the_kind" in answer.json["detail"]
    bare = create_app(small_town.engine, lambda _: OFFICE).test_client()
    assert bare.get(f"/v1/cases/{case.id}/letters").status_code == 503


def test_a_service_without_the_extra_says_so_and_serves_the_rest(
    small_town: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = io.StringIO()
    context = Context(Namespace(letters=None), Console("en", as_json=False, err=said), cli.sibling)
    context.__dict__["engine"] = small_town.engine
    assert service._papers(context) is not None and not said.getvalue()
    monkeypatch.setattr(service, "find_spec", lambda name: None if name == "docxtpl" else name)
    assert service._papers(context) is None and "tibandu[documents]" in said.getvalue()
