"""Tables in and out: the validators of the real act, all or nothing, twice is once, and hostile files end as faults."""

from __future__ import annotations

import csv
import io
import re
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from python_calamine import load_workbook
from sqlalchemy import event

from definitions.exports import annotate, export_file, template
from definitions.imports import Exchanged, Way, import_file
from definitions.sheets import read_sheet
from definitions.term.cast import cast_of
from definitions.term.register import entries
from definitions.term.scenario import load
from workflow import Actor, Engine, NotFound, Refused, cli
from workflow.library import Library
from workflow.model import Bond

from .effort import at_most
from .lifecycle import TENANT, Office, count, statements
from .test_cli import call
from .test_parties import CITY, SETUP, deputy

ROOT = Path(__file__).parents[1]
OPERATOR = Way(by=SETUP, trusted=True)
SECRETARIAT = Way(by=Actor(person="li"), tenant=TENANT, then="accept_in_session")


def session_file(path: Path, rows: int = 5, **changes: object) -> Path:
    """Suggestions of a session as the secretariat has them; `changes`: {"row.column": value}."""
    header = [
        "序号",
        "标题",
        "正文（情况、问题和具体建议）",
        "领衔人",
        "全体署名人",
        "代表的公开意见",
        "届",
        "次会议",
        "大会闭幕日",
        "会期外按大会建议受理的理由",
    ]
    table = [
        [f"{n:03}", f"关于第{n}件事的建议", f"第{n}件事的情况、问题和具体建议", "代表dep1", "代表dep1、代表dep2", "同意全文公开", "六届", "五次", "2026.1.10", "会后受理"]
        for n in range(1, rows + 1)
    ]  # fmt: skip
    for where, value in changes.items():
        row, _, column = where.partition(".")
        table[int(row) - 2][header.index(column)] = value  # type: ignore[call-overload]
    return workbook(path, [header, *table])


def workbook(path: Path, rows: list[list[Any]], change: Callable[[Any, Any], object] | None = None) -> Path:
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet()
    for r, row in enumerate(rows):
        for c, cell in enumerate(row):
            if isinstance(cell, date):
                sheet.write_datetime(r, c, cell, book.add_format({"num_format": "yyyy-mm-dd"}))
            elif isinstance(cell, str):
                sheet.write_string(r, c, cell)
            else:
                sheet.write(r, c, cell)
    if change is not None:
        change(book, sheet)
    book.close()
    return path


def table(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def told(done: Exchanged) -> set[tuple[int, str]]:
    assert all(fault.reason.zh and fault.reason.en for fault in done.faults)
    return {(fault.row, fault.column) for fault in done.faults}


@pytest.fixture
def e(office: Office) -> Engine:
    """A city with two deputies on each database."""
    office.engine.parties.put([*CITY, deputy("dep1"), deputy("dep2")], by=SETUP, trusted=True)
    return office.engine


@pytest.fixture
def one(sqlite_office: Office) -> Engine:
    """The same on SQLite alone."""
    sqlite_office.engine.parties.put([*CITY, deputy("dep1"), deputy("dep2")], by=SETUP, trusted=True)
    return sqlite_office.engine


# --- suggestions of a session


def test_a_session_comes_in_whole_with_numbers_without_a_gap(e: Engine, tmp_path: Path) -> None:
    """Three bad rows are named and nothing is written; mended, all are filed; again, nothing is new."""
    changes = {"3.领衔人": "代表甲", "5.大会闭幕日": "元月十日", "6.代表的公开意见": "随便"}
    bad = import_file(e, "suggestion", session_file(tmp_path / "bad.xlsx", 12, **changes), SECRETARIAT)
    assert told(bad) == {(3, "领衔人"), (5, "大会闭幕日"), (6, "代表的公开意见")}
    assert count(e, "cases") == count(e, "series") == 0
    good = session_file(tmp_path / "good.xlsx", 12)
    rehearsed = import_file(
        e,
        "suggestion",
        good,
        Way(by=Actor(person="li"), tenant=TENANT, then="accept_in_session", dry_run=True),
    )
    assert (len(rehearsed.added), rehearsed.faults) == (12, ())
    assert count(e, "cases") == count(e, "series") == 0
    done = import_file(e, "suggestion", good, SECRETARIAT)
    assert done.added == [f"第{n:03}号" for n in range(1, 13)]
    case = e.search(number="第012号")[0]
    assert (case.state, case.relations["signer"], case.data["closing_on"]) == (
        "accepted",
        ("dep1", "dep2"),
        "2026-01-10",
    )
    again = import_file(e, "suggestion", good, SECRETARIAT)
    assert (len(again.same), again.added) == (12, [])
    assert count(e, "cases") == 12


def test_a_row_that_the_real_act_refuses_keeps_all_out(one: Engine, tmp_path: Path) -> None:
    clerk = Way(by=Actor(person="wang"), tenant=TENANT)
    refused = import_file(one, "suggestion", session_file(tmp_path / "s.xlsx", 2), SECRETARIAT)
    assert refused.faults == ()
    header = "ref,title,body,first_signer,signers,publication_wish"
    done = import_file(one, "suggestion", table(tmp_path / "t.csv", header, "9,t,b,dep1,dep1,full"), clerk)
    assert [fault.reason.en for fault in done.faults] == [
        "'file' is for: deputy affairs commission, secretariat of the session"
    ]
    assert count(one, "cases") == 2


def test_the_text_of_a_suggestion_is_not_changed_by_a_file(one: Engine, tmp_path: Path) -> None:
    import_file(one, "suggestion", session_file(tmp_path / "a.xlsx", 3), SECRETARIAT)
    done = import_file(
        one, "suggestion", session_file(tmp_path / "b.xlsx", 3, **{"3.标题": "别的"}), SECRETARIAT
    )
    assert told(done) == {(3, "标题")}
    assert "only its authors" in done.faults[0].reason.en


def test_whoever_is_suspended_signs_nothing(one: Engine, tmp_path: Path) -> None:
    one.parties.change("dep2", by=Actor(person="li"), status="suspended", reason="第61条")
    done = import_file(one, "suggestion", session_file(tmp_path / "a.xlsx", 1), SECRETARIAT)
    assert [(f.row, f.column, f.reason.zh) for f in done.faults] == [
        (2, "全体署名人", "代表dep2:暂时停止执行代表职务")
    ]


def test_a_deputy_of_another_congress_signs_nothing_here(one: Engine, tmp_path: Path) -> None:
    one.parties.add(deputy("j1", f"{TENANT}/jiayu", parent="jiayu"), by=Actor(person="li"))
    path = session_file(tmp_path / "a.xlsx", 1, **{"2.领衔人": "j1", "2.全体署名人": "j1"})
    done = import_file(one, "suggestion", path, SECRETARIAT)
    assert told(done) == {(2, "领衔人"), (2, "全体署名人")}
    assert done.faults[0].reason.en == f"代表j1 belongs to {TENANT}/jiayu"


def test_an_export_that_fails_leaves_no_half_file(one: Engine, tmp_path: Path) -> None:
    for name in ("a.csv", "a.xlsx"):
        with pytest.raises(Refused):
            export_file(one, "deputy", tmp_path / name, "zh", actor=Actor(person="dep1"), personal=True)
        assert not (tmp_path / name).exists()
        (tmp_path / name).write_text("mine")
        with pytest.raises(FileExistsError):
            export_file(one, "deputy", tmp_path / name, "zh")
        assert (tmp_path / name).read_text() == "mine"


def test_a_name_that_two_have_is_not_guessed(one: Engine, tmp_path: Path) -> None:
    one.parties.add(deputy("dep3", name="代表dep1"), by=Actor(person="li"))
    done = import_file(one, "suggestion", session_file(tmp_path / "a.xlsx", 1), SECRETARIAT)
    assert told(done) == {(2, "领衔人"), (2, "全体署名人")}
    assert "dep1, dep3" in done.faults[0].reason.en
    by_id = session_file(tmp_path / "b.xlsx", 1, **{"2.领衔人": "dep3", "2.全体署名人": "dep3,dep2"})
    assert import_file(one, "suggestion", by_id, SECRETARIAT).faults == ()


def test_likely_duplicates_are_offered_when_they_come_in(e: Engine, office: Office, tmp_path: Path) -> None:
    old = office.filed(
        "dep1", title="关于在城区增设快递员驿站的建议", body="快递员缺少歇脚的地方,建议增设驿站"
    )
    header = ["序号", "标题", "正文（情况、问题和具体建议）", "领衔人", "全体署名人", "代表的公开意见"]
    rows = [
        ["1", "关于增设快递小哥驿站的建议", "快递员缺少歇脚的地方,建议建设驿站", "dep1", "dep1", "full"],
        ["2", "关于修建乡村公路的建议", "道路泥泞难行", "dep1", "dep1", "full"],
        ["3", "关于硬化乡村公路的建议", "道路泥泞难行", "dep2", "dep2", "full"],
    ]
    path = workbook(tmp_path / "s.xlsx", [header, *rows])
    for dry_run in (True, False):
        way = Way(by=Actor(person="li"), tenant=TENANT, dry_run=dry_run)
        found = import_file(e, "suggestion", path, way).likely
        assert [(one.row, one.other == old.id, one.beside) for one in found] == [
            (2, True, None),
            (4, False, 3),
        ]
        assert found[1].title == "关于修建乡村公路的建议"


# --- parties


def test_out_and_in_again_changes_nothing(e: Engine, tmp_path: Path) -> None:
    e.parties.add(
        deputy("d9", name="=1+1", personal={"phone": "+8613900000000"}, valid_from=date(2022, 1, 5), bonds=(Bond(bond="group", to="g1"),)),
        by=Actor(person="li"),
    )  # fmt: skip
    before = [e.parties.get(id) for id in ("dep1", "d9")]
    for name, language in (("a.csv", "zh"), ("b.csv", "en"), ("c.xlsx", "zh"), ("d.xlsx", "en")):
        path = tmp_path / name
        assert export_file(e, "deputy", path, language, personal=True) == 3
        done = import_file(e, "deputy", path, OPERATOR)
        assert (done.added, done.changed, len(done.same), done.faults) == ([], [], 3, ())
    assert [e.parties.get(id) for id in ("dep1", "d9")] == before
    assert e.parties.personal(["d9"])["d9"] == {"phone": "+8613900000000"}


def test_a_changed_row_is_a_change_with_a_line(one: Engine, tmp_path: Path) -> None:
    path = table(tmp_path / "d.csv", "id,name,tenant,congress,group", f"dep1,新名,{TENANT},六届,第一小组")
    done = import_file(one, "deputy", path, Way(by=Actor(person="li"), reason="名册更新"))
    assert (done.changed, done.added) == (["dep1"], [])
    last = one.parties.log("dep1")[-1]
    assert (last.reason, last.changes["name"]) == ("名册更新", ["代表dep1", "新名"])
    assert [b.to for b in one.parties.get("dep1").bonds or ()] == ["g1"]
    assert one.parties.get("dep1").parent == "xianning", "a column that is not there changes nothing"


def test_parties_of_one_file_name_each_other(one: Engine, tmp_path: Path) -> None:
    path = table(
        tmp_path / "c.csv", "编号,名称,所属人大,上级,层级",
        f"t1,高铁镇人大,{TENANT}/jiayu/gaotie,jiayu,township", f"t2,某乡人大,{TENANT}/jiayu/gaotie/x,高铁镇人大,乡镇",
    )  # fmt: skip
    assert import_file(one, "congress", path, OPERATOR).added == ["t1", "t2"]
    assert one.parties.get("t2").parent == "t1"


def test_whose_a_row_is_may_be_said_by_the_name_of_the_congress(one: Engine, tmp_path: Path) -> None:
    """A name that no congress has is a fault of its cell, not of who may enter what there."""
    path = table(
        tmp_path / "c.csv",
        "编号,名称,所属人大,上级,层级",
        f"t1,高铁镇人大,{TENANT}/jiayu/gaotie,jiayu,township",
    )
    assert import_file(one, "congress", path, OPERATOR).added == ["t1"]
    path = table(tmp_path / "u.csv", "编号,名称,所属人大", "n1,镇文旅站,高铁镇人大", f"n2,市商务局,{TENANT}")
    assert import_file(one, "unit", path, OPERATOR).added == ["n1", "n2"]
    assert one.parties.get("n1").tenant == f"{TENANT}/jiayu/gaotie"
    path = table(tmp_path / "v.csv", "编号,名称,所属人大", "n3,市体育局,没有的人大")
    (fault,) = import_file(one, "unit", path, OPERATOR).faults
    assert (fault.row, fault.column) == (2, "所属人大") and "代号" in fault.reason.zh


def test_a_person_has_a_name_as_persons_have_one(one: Engine, tmp_path: Path) -> None:
    """姓名 in the empty table; 名称, as of a unit, is taken too."""
    for kind, name in (("staff", "姓名"), ("deputy", "姓名"), ("unit", "名称")):
        template(one, kind, tmp_path / f"{kind}.xlsx", "zh")
        heads = load_workbook(tmp_path / f"{kind}.xlsx").get_sheet_by_index(0).to_python()[0]
        assert heads[1] == name
    path = table(tmp_path / "s.csv", "编号,姓名,所属人大,所在单位,承办人", f"wf,王芳,{TENANT},water,water")
    assert import_file(one, "staff", path, OPERATOR).added == ["wf"]
    path = table(tmp_path / "t.csv", "编号,名称,所属人大", f"wg,王刚,{TENANT}")
    assert import_file(one, "staff", path, OPERATOR).added == ["wg"]
    assert [one.parties.get(id_).name for id_ in ("wf", "wg")] == ["王芳", "王刚"]


def test_a_congress_whose_name_is_in_latin_letters_is_found_by_it(one: Engine, tmp_path: Path) -> None:
    """A name is a name in whatever letters; what is none and cannot be a code is a fault of its cell."""
    row = f"t1,Gaotie,{TENANT}/jiayu/t1,jiayu,township"
    path = table(tmp_path / "c.csv", "编号,名称,所属人大,上级,层级", row)
    assert import_file(one, "congress", path, OPERATOR).added == ["t1"]
    path = table(tmp_path / "u.csv", "编号,名称,所属人大", "n1,镇文旅站,Gaotie", f"n2,市商务局,{TENANT}")
    assert import_file(one, "unit", path, OPERATOR).added == ["n1", "n2"]
    assert [one.parties.get(unit).tenant for unit in ("n1", "n2")] == [f"{TENANT}/jiayu/t1", TENANT]
    path = table(tmp_path / "w.csv", "编号,名称,所属人大", "n4,市档案馆,cn:hb@x")
    assert not any("代号" in fault.reason.zh for fault in import_file(one, "unit", path, OPERATOR).faults), (
        "a code may hold signs"
    )
    path = table(tmp_path / "v.csv", "编号,名称,所属人大", "n3,市体育局,No Such Congress")
    (fault,) = import_file(one, "unit", path, OPERATOR).faults
    assert (fault.row, fault.column) == (2, "所属人大") and "代号" in fault.reason.zh


BAD_ROWS = {
    "no id": (",x,{t},六届", "id"),
    "no name": ("x,,{t},六届", "name"),
    "no tenant": ("x,x,,六届", "tenant"),
    "no term": ("x,x,{t},", "congress"),
    "control": ("x,x\x07,{t},六届", "name"),
    "bidi": ("x,x\u202e,{t},六届", "name"),
}


@pytest.mark.parametrize("what", BAD_ROWS)
def test_a_bad_row_is_named_with_its_column(one: Engine, tmp_path: Path, what: str) -> None:
    row, column = BAD_ROWS[what]
    path = table(tmp_path / "d.csv", "id,name,tenant,congress", f"fine,x,{TENANT},六届", row.format(t=TENANT))
    done = import_file(one, "deputy", path, OPERATOR)
    assert (3, column) in told(done)
    with pytest.raises(NotFound):
        one.parties.get("fine")


BAD_HEADERS = {
    "unknown": ("id,name,tenant,congress,grup", "grup"),
    "missing": ("id,name,tenant", "届"),
    "twice": ("id,编号,name,tenant,congress", "编号"),
    "half of what is personal": ("id,name,tenant,congress,phone", "-"),
    "semicolons": ("id;name;tenant;congress", "-"),
}


@pytest.mark.parametrize("what", BAD_HEADERS)
def test_a_bad_header_is_named(one: Engine, tmp_path: Path, what: str) -> None:
    header, column = BAD_HEADERS[what]
    done = import_file(one, "deputy", table(tmp_path / "d.csv", header, "x"), OPERATOR)
    assert (1, column) in told(done)


def test_the_published_units_of_xianning_come_in(one: Engine) -> None:
    """A newcomer's first two commands; every unit of the published list is there, with where it is named."""
    register = ROOT / "definitions" / "data" / "register"
    assert len(import_file(one, "congress", register / "congress.csv", OPERATOR).added) == 7
    assert len(import_file(one, "unit", register / "unit.csv", OPERATOR).added) == 40
    with (ROOT / "definitions/data/units.csv").open(encoding="utf-8") as file:
        listed = {(row["short_name"], row["source_url"] or None) for row in csv.DictReader(file)}
    found = one.parties.find(kind="unit", tenant="hubei/xianning")
    assert {(unit.name, unit.attributes.get("source_url")) for unit in found} == listed


def test_the_whole_city_comes_in_in_few_statements(
    sqlite_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """6,030 deputies in groups, 70 homes and 371 stations: the article's size, in a bounded number of statements."""
    engine = sqlite_office.engine
    city = [
        p
        for p in entries(cast_of(load(ROOT / "definitions/scenarios/xianning.yaml")), "六届")
        if p.kind not in ("staff", "unit")
    ]
    kinds = [sum(p.kind == kind for p in city) for kind in ("deputy", "home", "station")]
    assert kinds == [6030, 70, 371]
    asked: list[str] = []
    event.listen(engine.database, "before_cursor_execute", lambda *given: asked.append(given[2]))
    with at_most(1000 * len(city)):
        assert {answer.what for answer in engine.parties.put(city, by=SETUP, trusted=True)} == {"added"}
    assert 0 < len(asked) <= 15
    with statements(engine.database, monkeypatch) as seen:
        assert {answer.what for answer in engine.parties.put(city, by=SETUP, trusted=True)} == {"same"}
    assert len(seen) <= 12


def test_cells_mean_what_people_write(one: Engine, tmp_path: Path) -> None:
    rows = [["id", "name", "tenant", "congress", "valid_from", "card"]]
    days = [date(2022, 1, 5), "2022.1.5", "2022年1月5日", "2022/1/5", "2022-01-05", 44566]
    rows += [[1000 + n, f"代表{n}", TENANT, "六届", day, 42018] for n, day in enumerate(days)]  # type: ignore[list-item]
    done = import_file(one, "deputy", workbook(tmp_path / "d.xlsx", rows), OPERATOR)
    assert done.added == [f"{1000 + n}" for n in range(len(days))]
    found = one.parties.find(ids=done.added)
    assert {party.valid_from for party in found} == {date(2022, 1, 5)}
    assert {party.attributes["card"] for party in found} == {"42018"}
    for wrong in ("5月32日", "2022-13-01", 7, True, "明天"):
        bad = workbook(tmp_path / "bad.xlsx", [rows[0], ["x", "x", TENANT, "六届", wrong, "1"]])
        assert told(import_file(one, "deputy", bad, OPERATOR)) == {(2, "valid_from")}


# --- hostile files


def zipped(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, part in parts.items():
            packed.writestr(name, part)
    return out.getvalue()


def with_sheet(sheet: bytes) -> bytes:
    """A real workbook whose sheet is that."""
    good = io.BytesIO()
    book = xlsxwriter.Workbook(good)
    book.add_worksheet().write_string(0, 0, "id")
    book.close()
    with zipfile.ZipFile(good) as given:
        parts = {info.filename: given.read(info) for info in given.infolist()}
    return zipped({**parts, "xl/worksheets/sheet1.xml": sheet})


SHEET = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%b</sheetData>%b</worksheet>'
LYING = zipped({"xl/worksheets/sheet1.xml": b" " * 5_000_000})
HOSTILE: dict[str, tuple[str, bytes, str]] = {
    "empty csv": ("x.csv", b"", "empty"),
    "empty xlsx": ("x.xlsx", b"", "not readable as .xlsx"),
    "gbk": ("x.csv", "编号,名称\n一,二\n".encode("gbk"), "--encoding gbk"),
    "utf-16": ("x.csv", "编号,名称\n".encode("utf-16"), "UTF-16"),
    "no text": ("x.csv", b"\x89PNG\r\n\x1a\n\xff\xfe\x00\x81\xff", "not utf-8"),
    "open quote": ("x.csv", b'id,name\n"a,b\n', "not readable as CSV"),
    "long cell": ("x.csv", b"id,name\na," + b"x" * 200_000 + b"\n", "not readable as CSV"),
    "another ending": ("x.xls", b"\xd0\xcf\x11\xe0", "must be a .xlsx or .csv"),
    "text as xlsx": ("x.xlsx", b"id,name\n", "not readable as .xlsx"),
    "cut off": ("x.xlsx", with_sheet(SHEET % (b"", b""))[:-200], "not readable as .xlsx"),
    "bomb": ("x.xlsx", zipped({f"xl/media/{n}": b"\0" * 60_000_000 for n in range(4)}), "larger than"),
    "a size that lies": ("x.xlsx", LYING.replace((5_000_000).to_bytes(4, "little"), (50).to_bytes(4, "little")), "not readable as .xlsx"),
    "no parts": ("x.xlsx", zipped({"a": b""}), "not readable as an Excel file"),
    "many parts": ("x.xlsx", zipped({str(n): b"" for n in range(1001)}), "too many parts"),
    "no xml": ("x.xlsx", with_sheet(b"<worksheet>"), "not readable as XML"),
    "entities": ("x.xlsx", with_sheet(b'<!DOCTYPE x [<!ENTITY a "b">]><worksheet>&a;</worksheet>'), "DOCTYPE"),
    "far cell": ("x.xlsx", with_sheet(SHEET % (b'<row r="1"><c r="A1"/><c r="XFD1"/></row>', b"")), "more than"),
    "far row": ("x.xlsx", with_sheet(SHEET % (b'<row r="1048576"><c r="A1048576"/></row>', b"")), "more than"),
    "row that is none": ("x.xlsx", with_sheet(SHEET % (b'<row r="x"/>', b"")), "not readable as .xlsx"),
    "formula": ("x.xlsx", with_sheet(SHEET % (b'<row r="2"><c r="B2"><f>1+1</f><v>2</v></c></row>', b"")), "holds a formula"),
    "merged": ("x.xlsx", with_sheet(SHEET % (b"", b'<mergeCells><mergeCell ref="A2:A3"/></mergeCells>')), "merged cells"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_file_ends_as_faults(one: Engine, tmp_path: Path, what: str) -> None:
    name, content, words = HOSTILE[what]
    (tmp_path / name).write_bytes(content)
    before = count(one, "party")
    done = import_file(one, "deputy", tmp_path / name, OPERATOR)
    assert done.faults
    assert any(words in fault.reason.en for fault in done.faults), [f.reason.en for f in done.faults]
    assert count(one, "party") == before


def test_a_file_that_is_too_large_is_not_read(
    one: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = table(tmp_path / "d.csv", "id,name,tenant,congress", f"x,x,{TENANT},六届")
    monkeypatch.setattr("definitions.sheets.MAX_BYTES", 10)
    assert "larger than" in import_file(one, "deputy", path, OPERATOR).faults[0].reason.en
    assert "cannot be read" in import_file(one, "deputy", tmp_path / "no.csv", OPERATOR).faults[0].reason.en


def test_gbk_is_read_when_it_is_said(one: Engine, tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_bytes(f"编号,名称,所属人大,届\nx,陈代表,{TENANT},六届\n".encode("gbk"))
    assert import_file(one, "deputy", path, Way(by=SETUP, trusted=True, encoding="gbk")).added == ["x"]
    assert one.parties.get("x").name == "陈代表"


# --- what we write


def test_nothing_we_write_is_a_formula(one: Engine, tmp_path: Path) -> None:
    names = ["=1+1", "+1", "-1", "@x", "'=", "\t=1", "=cmd|' /C calc'!A0"]
    one.parties.put(
        [deputy(f"f{n}", name=name.strip() or name) for n, name in enumerate(names)], by=SETUP, trusted=True
    )
    export_file(one, "deputy", tmp_path / "a.csv", "zh")
    rows = list(csv.reader((tmp_path / "a.csv").read_text("utf-8-sig").splitlines()))
    assert not [cell for row in rows for cell in row if cell[:1] in ("=", "+", "-", "@", "\t")]
    export_file(one, "deputy", tmp_path / "a.xlsx", "zh")
    with zipfile.ZipFile(tmp_path / "a.xlsx") as packed:
        assert b"<f>" not in packed.read("xl/worksheets/sheet1.xml")
    assert load_workbook(tmp_path / "a.xlsx").get_sheet_by_index(0).to_python()[1][1] == "代表dep1"


def test_a_template_offers_what_there_is_to_choose(one: Engine, tmp_path: Path) -> None:
    template(one, "suggestion", tmp_path / "t.xlsx", "zh", "accept_in_session")
    with zipfile.ZipFile(tmp_path / "t.xlsx") as packed:
        sheet = packed.read("xl/worksheets/sheet1.xml").decode()
    assert sheet.count("<dataValidation ") >= 3
    assert "同意全文公开" in sheet
    header = load_workbook(tmp_path / "t.xlsx").get_sheet_by_index(0).to_python()[0]
    assert header[:2] == ["序号", "所属人大"]
    assert {"标题", "领衔人", "大会闭幕日"} <= set(header)
    assert "附件" not in header, "a document does not fit into a cell"
    assert "empty" not in str(read_sheet(tmp_path / "t.xlsx").header)
    told = {row[0]: row[1] for row in load_workbook(tmp_path / "t.xlsx").get_sheet_by_index(1).to_python()}
    assert told["标题"] == "必填; 文字; 也可叫 建议标题, 建议题目, 题目, 案由, 建议名称"
    assert told["领衔人"].startswith("必填; 姓名或编号; ") and told["大会闭幕日"].startswith(
        "必填; 日期，如 2026-03-02"
    )
    assert not re.search("[a-z]{3}", " ".join(told).replace("column", "")), "no codes of ours"


def test_the_faults_are_marked_in_a_copy(one: Engine, tmp_path: Path) -> None:
    source = session_file(tmp_path / "s.xlsx", 4, **{"3.领衔人": "代表甲", "4.标题": ""})
    done = import_file(one, "suggestion", source, SECRETARIAT)
    assert annotate(source, done.faults, tmp_path / "e.xlsx", "zh")
    marked = load_workbook(tmp_path / "e.xlsx")
    rows = marked.get_sheet_by_index(0).to_python()
    assert marked.sheet_names == ["错误"], "no last sheet that says nothing"
    assert [row[-1] for row in rows] == ["错误", "", "领衔人: “代表甲”没有登记", "标题: 必填", ""]
    with zipfile.ZipFile(tmp_path / "e.xlsx") as packed:
        assert "“代表甲”没有登记" in packed.read("xl/comments1.xml").decode()
    assert not annotate(tmp_path / "none.xlsx", done.faults, tmp_path / "f.xlsx", "zh")


def test_a_table_with_its_faults_marked_comes_in_again_when_it_is_mended(one: Engine, tmp_path: Path) -> None:
    """Several faults of a cell all stand at it, in a column whose text is broken into lines; that column is no obstacle."""
    source = session_file(tmp_path / "s.xlsx", 3, **{"3.全体署名人": "代表dep1、李某、赵某", "4.标题": ""})
    done = import_file(one, "suggestion", source, SECRETARIAT)
    assert annotate(source, done.faults, tmp_path / "e.xlsx", "zh")
    header, *rows = load_workbook(tmp_path / "e.xlsx").get_sheet_by_index(0).to_python()
    assert rows[1][-1] == "全体署名人: “李某”没有登记\n全体署名人: “赵某”没有登记"
    with zipfile.ZipFile(tmp_path / "e.xlsx") as packed:
        comments = packed.read("xl/comments1.xml").decode()
        assert "“李某”没有登记" in comments and "“赵某”没有登记" in comments
        assert 'wrapText="1"' in packed.read("xl/styles.xml").decode()
        high = re.findall(
            r'<row r="(\d)"[^>]* ht="([\d.]+)"', packed.read("xl/worksheets/sheet1.xml").decode()
        )
        assert [round(float(points) / 17) for _, points in high[1:]] == [1, 2, 1], "as high as its text"
    rows[1][header.index("全体署名人")], rows[2][header.index("标题")] = "代表dep1", "补上的标题"
    again = import_file(one, "suggestion", workbook(tmp_path / "m.xlsx", [header, *rows]), SECRETARIAT)
    assert (again.faults, len(again.added)) == ((), 3)
    wrong = workbook(tmp_path / "h.xlsx", [["标题", "错误的列"], ["甲", "乙"]])
    told = import_file(one, "suggestion", wrong, SECRETARIAT).faults
    assert annotate(wrong, told, tmp_path / "h2.xlsx", "zh")
    there = load_workbook(tmp_path / "h2.xlsx").get_sheet_by_index(0).to_python()
    back = import_file(one, "suggestion", workbook(tmp_path / "h3.xlsx", there), SECRETARIAT)
    assert {(f.row, f.column) for f in back.faults} == {(f.row, f.column) for f in told}


def test_cases_are_exported_as_far_as_they_may_be_seen(e: Engine, office: Office, tmp_path: Path) -> None:
    mine = office.accepted("dep1")
    office.filed("dep2")
    assert export_file(e, "suggestion", tmp_path / "all.csv", "zh", tenant=TENANT) == 2
    assert export_file(e, "suggestion", tmp_path / "mine.csv", "zh", actor=Actor(person="dep1")) == 1
    row = next(csv.DictReader((tmp_path / "mine.csv").read_text("utf-8-sig").splitlines()))
    assert (row["案件"], row["状态"], row["标题"]) == (mine.id, "已受理", "关于增设快递员驿站的建议")
    assert export_file(e, "deputy", tmp_path / "none.csv", "zh", actor=Actor(person="nobody")) == 0


# --- the command


@pytest.fixture
def file(one: Engine, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder; the definitions are read once for all commands."""
    monkeypatch.setattr("workflow.loader.load_definitions", lambda *_, **__: library)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIBANDU_DATABASE", one.database.url.render_as_string(hide_password=False))
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_the_commands(file: Path) -> None:
    assert call("--place", "hubei-xianning", "export", "deputy", "t.xlsx", "--template").code == 0
    path = table(file / "d.csv", "id,name,tenant,congress", f"n1,甲,{TENANT},六届", "n2,乙,,六届")
    refused = call("import", "deputy", path, "--errors", "e.xlsx")
    assert refused.code == 1
    assert (
        "is required" in refused.out
        and "1 fault(s); nothing was written" in refused.err
        and (file / "e.xlsx").exists()
    )
    assert (
        call("import", "deputy", path, "--tenant", TENANT, "--dry-run").out
        == "dry run, nothing written: 2 new, 0 changed, 0 the same\n"
    )
    assert call("import", "deputy", path, "--tenant", TENANT, "--json").json["added"] == ["n1", "n2"]
    assert (
        call("import", "deputy", path, "--tenant", TENANT, "--lang", "zh").out == "新增 0，变更 0，未变 2\n"
    )
    exported = call("export", "deputy", "out.csv")
    assert (exported.code, exported.out) == (0, "exported 4 row(s) → out.csv\n")
    assert call("import", "deputy", "out.csv").out == "0 new, 0 changed, 4 the same\n"


@pytest.mark.parametrize(
    "words",
    [
        ["import", "suggestion", "d.csv"], ["import", "deputy", "d.csv", "--then", "x"],
        ["export", "deputy", "out.pdf"],
        ["export", "deputy", "there.csv"], ["import", "deputy", "d.csv", "--errors", "there.csv"],
        ["import", "deputy", "nowhere.csv"],
    ],
)  # fmt: skip
def test_wrong_usage(file: Path, words: list[str]) -> None:
    table(file / "d.csv", "id,name,tenant,congress", f"n1,甲,{TENANT},六届")
    (file / "there.csv").touch()
    said = call(*words)
    assert (said.code, said.out) == (2, "")
    assert said.err
    assert (file / "there.csv").read_bytes() == b""


@pytest.mark.parametrize("module", ["python_calamine", "xlsxwriter"])
def test_without_the_extra_it_says_which(file: Path, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    session_file(file / "s.xlsx", 1)
    monkeypatch.setitem(sys.modules, module, None)
    words = (
        ["import", "suggestion", "s.xlsx", "--by", "li"]
        if module == "python_calamine"
        else ["export", "deputy", "x.xlsx"]
    )
    said = call(*words)
    assert said.code == 2
    assert "tibandu[documents]" in said.err


def test_the_parser_is_one() -> None:
    assert cli.parser().parse_args(["export", "history", "x.jsonl"]).kind == "history"


def test_the_commands_of_the_page_run_as_printed(file: Path, one: Engine) -> None:
    one.grant("li.wei", "deputy_affairs", "hubei/xianning")
    template(one, "suggestion", file / "session.xlsx", "zh", "accept_in_session")
    (file / "definitions").symlink_to(ROOT / "definitions")
    page = (ROOT / "docs" / "parties.md").read_text(encoding="utf-8")
    lines = [line.partition(" #")[0].split() for line in page.splitlines() if line.startswith("tibandu ")]
    assert len(lines) == 11
    for _, *words in sorted(
        lines, key=lambda line: line[1] == "party"
    ):  # the entries come in by the tables below
        said = call(*words)
        assert said.code == 0, (words, said.err, said.out)


def test_an_export_hides_what_is_kept_from_who_asks(
    one: Engine, sqlite_office: Office, tmp_path: Path
) -> None:
    """The unit that handles it gets the suggestion, not the deputies who asked not to be named to it."""
    hiding = next(
        code.id
        for code in one.library.codes["secrecy"].values.values()
        if code.meanings.get("hides_identity")
    )
    case = sqlite_office.assigned("dep1", "dep2", secrecy=hiding)
    export_file(one, "suggestion", tmp_path / "unit.csv", "zh", actor=Actor(person="wang"))
    text = (tmp_path / "unit.csv").read_text("utf-8-sig")
    assert case.id in text
    assert "dep1" not in text and "dep2" not in text
    export_file(one, "suggestion", tmp_path / "office.csv", "zh", actor=Actor(person="li"))
    assert "dep1" in (tmp_path / "office.csv").read_text("utf-8-sig")


# --- tables as offices have them


def offices_own(path: Path, rows: int, **changes: object) -> Path:
    """A session's table as a secretariat really has it: its own headings, its own order, days without their year."""
    header = [
        "案由",
        "建议编号",
        "领衔代表",
        "联名代表",
        "建议内容",
        "公开意见",
        "届",
        "次会议",
        "闭幕日",
        "会后受理说明",
    ]
    table = [
        [f"关于第{n}件事的建议", n, "代表dep1", "代表dep2", f"第{n}件事的情况、问题和具体建议", "同意全文公开", "六届", "五次", "1月10日", "大会期间提出"]
        for n in range(1, rows + 1)
    ]  # fmt: skip
    for where, value in changes.items():
        row, _, column = where.partition(".")
        table[int(row) - 2][header.index(column)] = value  # type: ignore[call-overload]
    return workbook(path, [header, *table])


def test_story_A01_149_suggestions_with_three_bad_rows(one: Engine, tmp_path: Path) -> None:
    """The three are named, nothing is written, the faults are marked; mended, numbers without a gap; again, nothing new."""
    changes = {"3.领衔代表": "代表甲", "50.公开意见": "随便", "150.建议内容": None}
    bad = offices_own(tmp_path / "bad.xlsx", 149, **changes)
    done = import_file(one, "suggestion", bad, SECRETARIAT)
    assert told(done) == {(3, "领衔代表"), (50, "公开意见"), (150, "建议内容")}
    assert not one.search(kind="suggestion")
    assert annotate(bad, done.faults, tmp_path / "marked.xlsx", "zh")
    marked = load_workbook(tmp_path / "marked.xlsx").get_sheet_by_index(0).to_python()
    assert [number for number, row in enumerate(marked, 1) if row[-1]] == [1, 3, 50, 150]
    good = offices_own(tmp_path / "good.xlsx", 149)
    trial = import_file(one, "suggestion", good, replace(SECRETARIAT, dry_run=True))
    assert (len(trial.added), trial.faults) == (149, ()) and not one.search(kind="suggestion")
    filed = import_file(one, "suggestion", good, SECRETARIAT)
    assert filed.added == [f"第{n:03}号" for n in range(1, 150)]
    assert filed.read[0] == (2, "闭幕日", "1月10日", "2026-01-10")
    again = import_file(one, "suggestion", good, SECRETARIAT)
    assert (again.added, len(again.same), again.faults) == ([], 149, ())
    case = one.search(kind="suggestion", limit=1)[0]
    assert case.relations["signer"] == ("dep1", "dep2") and case.data["closing_on"] == "2026-01-10"


def test_without_numbers_it_is_known_by_title_and_first_signer(one: Engine, tmp_path: Path) -> None:
    header = [
        "标题",
        "正文",
        "领衔人",
        "全体署名人",
        "代表的公开意见",
        "届",
        "次会议",
        "大会闭幕日",
        "会后受理说明",
    ]
    row = [
        "关于路灯的建议",
        "装灯",
        "代表dep1",
        "代表dep1",
        "同意全文公开",
        "六届",
        "五次",
        "2026.1.10",
        "会后受理",
    ]
    path = workbook(tmp_path / "a.xlsx", [header, row])
    assert import_file(one, "suggestion", path, SECRETARIAT).added == ["第001号"]
    more = workbook(tmp_path / "b.xlsx", [header, row, [*row[:2], "代表dep2", "代表dep2", *row[4:]]])
    done = import_file(one, "suggestion", more, SECRETARIAT)
    assert (done.added, len(done.same)) == (["第002号"], 1)
    twice = workbook(tmp_path / "c.xlsx", [header, row, row])
    assert {fault.row for fault in import_file(one, "suggestion", twice, SECRETARIAT).faults} == {3}


def test_the_same_number_in_another_session_is_another_suggestion(one: Engine, tmp_path: Path) -> None:
    assert len(import_file(one, "suggestion", offices_own(tmp_path / "5.xlsx", 2), SECRETARIAT).added) == 2
    next_ = offices_own(tmp_path / "6.xlsx", 2, **{"2.次会议": "六次", "3.次会议": "六次"})
    done = import_file(one, "suggestion", next_, SECRETARIAT)
    assert (done.added, done.same, done.faults) == (["第001号", "第002号"], [], ())


def test_a_day_without_its_year_is_the_latest_gone_by(one: Engine, tmp_path: Path) -> None:
    changes = {"2.闭幕日": "3月3日", "3.闭幕日": "2月29日", "4.闭幕日": "2月30日"}
    done = import_file(one, "suggestion", offices_own(tmp_path / "d.xlsx", 3, **changes), SECRETARIAT)
    assert {(fault.row, fault.column) for fault in done.faults} == {(4, "闭幕日")}
    done = import_file(
        one, "suggestion", offices_own(tmp_path / "e.xlsx", 2, **dict([*changes.items()][:2])), SECRETARIAT
    )
    assert [(one_[2], one_[3]) for one_ in done.read] == [("3月3日", "2025-03-03"), ("2月29日", "2024-02-29")]


def test_the_empty_table_says_how_to_fill_it_in(one: Engine, tmp_path: Path) -> None:
    template(one, "suggestion", tmp_path / "t.xlsx", "zh", "accept_in_session")
    words = [row[0] for row in load_workbook(tmp_path / "t.xlsx").get_sheet_by_index(1).to_python()]
    assert "填表说明" in words and any(str(word).startswith("6. 先检查") for word in words)
    assert any("届、次、序号" in str(word) for word in words)


def test_the_empty_table_of_units_speaks_of_units(one: Engine, tmp_path: Path) -> None:
    """What an id is and whose it is to choose; nothing of sessions and signers."""
    template(one, "unit", tmp_path / "u.xlsx", "zh")
    rows = load_workbook(tmp_path / "u.xlsx").get_sheet_by_index(1).to_python()
    told = {str(row[0]): str(row[1]) for row in rows}
    assert "由您自定" in told["编号"] and "代号" in told["所属人大"] and "编号" in told["上级"]
    template(one, "staff", tmp_path / "s.xlsx", "zh")
    rows = load_workbook(tmp_path / "s.xlsx").get_sheet_by_index(1).to_python()
    staff = {str(row[0]): str(row[1]) for row in rows}
    assert (
        "登录的账号" in staff["编号"]
        and "登录" not in told["编号"]
        and "承办单位的名称或编号" in staff["承办人"]
    )
    words = " ".join(map(str, told))
    assert "一行一个" in words and "一行一件" not in words and "届、次" not in words and "{" not in words


def test_whoever_may_not_know_of_a_case_does_not_learn_by_a_file_that_it_is_there(
    one: Engine, tmp_path: Path
) -> None:
    import_file(one, "suggestion", offices_own(tmp_path / "a.xlsx", 1), SECRETARIAT)
    one.grant("far", "deputy_affairs", "hb/huangshi")
    stranger = replace(SECRETARIAT, by=Actor(person="far"))
    known = import_file(one, "suggestion", offices_own(tmp_path / "b.xlsx", 1), stranger)
    new = import_file(one, "suggestion", offices_own(tmp_path / "c.xlsx", 1, **{"2.建议编号": 77}), stranger)
    assert known.faults and [f.reason for f in known.faults] == [f.reason for f in new.faults]


def test_whoever_has_no_role_there_learns_of_nobody_in_the_register(one: Engine, tmp_path: Path) -> None:
    one.grant("far", "deputy_affairs", "hb/huangshi")
    for who in ("far", "nobody"):
        stranger = replace(SECRETARIAT, by=Actor(person=who))
        there = import_file(one, "suggestion", offices_own(tmp_path / f"{who}1.xlsx", 1), stranger)
        absent = offices_own(tmp_path / f"{who}2.xlsx", 1, **{"2.领衔代表": "无此人"})
        assert there.faults and [f.reason for f in there.faults] == [
            f.reason for f in import_file(one, "suggestion", absent, stranger).faults
        ]
