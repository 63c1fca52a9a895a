"""Ledgers and the table of a year: fixed columns, texts that stay texts, numbers that open their lists."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from python_calamine import load_workbook

from definitions.ledgers import profiles, write_ledger
from definitions.names import spelt
from definitions.yearly import MEASURES, RATES, write_yearly, yearly_of
from workflow import Actor, DefinitionError
from workflow.library import Library
from workflow.model import Party

from .lifecycle import DOCUMENT, DRAFT, REPLY, SESSION, TENANT, Office
from .test_cli import call
from .test_letters import HOSTILE, UNITS, settle
from .test_parties import SETUP

OFFICE, ASKS, UNIT = Actor(person="li"), Actor(person="sun"), Actor(person="wu")


@pytest.fixture
def town(sqlite_office: Office) -> Office:
    """The office with a register."""
    settle(sqlite_office.engine)
    return sqlite_office


def table(path: Path, sheet: int = 0) -> list[list[Any]]:
    return load_workbook(path).get_sheet_by_index(sheet).to_python(skip_empty_area=False)


def ledger(office: Office, id_: str, path: Path, who: Actor | None = OFFICE) -> list[list[Any]]:
    path.unlink(missing_ok=True)
    write_ledger(office.engine, profiles()[id_], path, actor=who)
    return table(path)


def test_the_ledger_has_its_columns_its_rows_and_a_total(town: Office, tmp_path: Path) -> None:
    town.replied()
    town.assigned(co=("roads",))
    head, first, second, total = ledger(town, "ledger", tmp_path / "l.xlsx")
    assert head[:10] == [
        "届次",
        "编号",
        "标题",
        "领衔代表",
        "全体署名代表",
        "主办单位",
        "会办单位",
        "分办单位",
        "交办日期",
        "答复期限",
    ]
    assert first[:7] == [
        "六届五次",
        "第001号",
        "关于增设快递员驿站的建议",
        "陈静",
        "陈静、周明",
        "市水利和湖泊局",
        "",
    ]
    assert first[8:14] == ["2026-03-02", "2026-06-02", "2026-09-02", "2026-03-02", "按期", "A"]
    assert second[6] == "市交通运输局" and second[12] == "未到期" and total[0] == "共 2 条"


def test_how_late_it_is_stands_beside_it(town: Office, tmp_path: Path) -> None:
    case = town.signing_off()
    town.clock.advance(days=95)
    assert ledger(town, "ledger", tmp_path / "l.xlsx")[1][12] == "超期 3 天"
    town.fire(case, "issue_reply", "wu", **{**REPLY, "delivered_on": "2026-06-05"})
    assert ledger(town, "ledger", tmp_path / "l.xlsx")[1][12] == "逾期 3 天"


def test_an_old_record_of_which_nobody_knows_is_late_in_no_table(town: Office, tmp_path: Path) -> None:
    old = town.imported(2025)
    town.clock.advance(days=95)

    def late() -> tuple[object, int]:
        return ledger(town, "ledger", tmp_path / "l.xlsx")[1][12], yearly_of(
            town.engine, 2025, actor=ASKS
        ).counted()["late"]

    assert late() == ("来源未载", 0)
    town.fire(old, "sign_in", "wang")
    words, number = late()
    assert str(words).startswith("超期") and number == 1


def test_story_B10_another_system_gets_its_own_order_and_a_formula_stays_a_text(
    town: Office, tmp_path: Path
) -> None:  # fmt: skip
    town.assigned(title="=1+1", body="x")
    town.assigned(title=HOSTILE, body="x")
    head, *rows, _ = ledger(town, "supervision_office", tmp_path / "s.xlsx", UNIT)
    assert head[:3] == ["主办单位", "建议编号", "建议名称"]
    assert {row[2] for row in rows} == {"=1+1", HOSTILE}
    with zipfile.ZipFile(tmp_path / "s.xlsx") as pack:
        assert b"<f>" not in b"".join(pack.read(name) for name in pack.namelist() if "worksheets" in name)
        sheet = pack.read("xl/worksheets/sheet1.xml")
    for part in (b'paperSize="9"', b'orientation="landscape"', b'state="frozen"', b'<autoFilter ref="A1:J3"'):
        assert part in sheet


def test_what_is_too_long_for_a_cell_says_so(town: Office, tmp_path: Path) -> None:
    town.assigned(title="长" * 33_000)
    cell = ledger(town, "ledger", tmp_path / "l.xlsx")[1][2]
    assert len(cell) == 32_767 and cell.endswith("……（过长，余略 / cut）")


def test_commitments_and_answers(town: Office, tmp_path: Path) -> None:
    case = town.handling()
    town.fire(case, "add_commitment", "wang", promise="建成驿站12处", promised_on="2026-10-31")
    town.fire(case, "submit_for_signoff", "wang", **{**DRAFT, "reply_class": "HB-XIANNING:B"})
    town.fire(case, "issue_reply", "wu", **{**REPLY, "reply_class": "HB-XIANNING:B"})
    town.fire(case, "open_evaluation", "sun")
    town.evaluate(case, "surveys", {"dep1": "satisfied"})
    row = ledger(town, "commitments", tmp_path / "c.xlsx")[1]
    assert (
        row[:7]
        == [
            "六届五次",
            "第001号",
            "关于增设快递员驿站的建议",
            "市水利和湖泊局",
            "建成驿站12处",
            "2026-10-31",
            "未完成",
        ]
        and row[11] == "B"
    )
    answers = {row[4]: row[6:8] for row in ledger(town, "surveys", tmp_path / "s.xlsx", ASKS)[1:-1]}
    assert answers == {"陈静": ["满意", "满意"], "周明": ["已征询", ""]}
    assert ledger(town, "surveys", tmp_path / "u.xlsx", UNIT)[1:] == [["共 0 条", *[""] * 12]]


def test_story_E08_a_paper_form_is_entered_by_one_and_checked_by_another(
    town: Office, tmp_path: Path
) -> None:
    case = town.evaluating()
    survey = town.child(case, "surveys", "dep1")
    town.fire(
        survey, "record_paper", "sun", paper_level="satisfied", paper_scan={**DOCUMENT, "name": "纸质表.pdf"}
    )
    assert town.reasons(survey, "check_paper", "sun") == {"two_persons"}
    town.fire(survey, "check_paper", "song", level="satisfied")
    rows = {row[4]: row for row in ledger(town, "surveys", tmp_path / "s.xlsx", ASKS)[1:-1]}
    assert (rows["陈静"][7], rows["陈静"][12], rows["周明"][12]) == ("满意", "《纸质表》", "")


def test_story_A09_every_number_of_the_year_opens_its_list(town: Office, tmp_path: Path) -> None:
    o = town
    o.evaluated("dissatisfied")
    o.second_assigned("basically_satisfied")
    o.evaluating()
    o.replied()
    o.assigned()
    o.fire(
        o.accepted(), "assign_separately", "li", assignment_mode="separate", separate_units=["roads", "parks"]
    )
    path = tmp_path / "y.xlsx"
    assert write_yearly(o.engine, 2026, path, actor=ASKS) == 6
    head, *rest = table(path)
    rows = {row[0]: row for row in rest[: [row[0] for row in rest].index("合计") + 1]}
    assert list(rows) == [*sorted([UNITS["water"], UNITS["roads"], UNITS["parks"]], key=spelt), "合计"]
    listed_head, *listed = table(path, 1)
    listed = listed[:-1]
    for measure in MEASURES.values():
        place, column = head.index(measure.title), listed_head.index(measure.title)
        for name, row in rows.items():
            of_it = [line for line in listed if name == "合计" or name in str(line[3]).split("、")]
            assert row[place] == sum(line[column] for line in of_it), (name, measure.title)
    total = dict(zip(head, rows["合计"], strict=True))
    assert (total["征询份数"], total["反馈份数"], total["满意"], total["基本满意"], total["不满意"]) == (
        6,
        4,
        2,
        1,
        1,
    )
    assert total["满意率"] == "50.0%（2/4）" and total["反馈率"] == "66.7%（4/6）" and total["兑现率"] == "—"
    assert rows[UNITS["roads"]][head.index("按期答复率")] == "—"
    notes = [str(row[0]) for row in rest]
    for title in [m.title for m in MEASURES.values()] + [title for title, *_ in RATES.values()]:
        assert any(note.startswith(f"{title}：") for note in notes), title


def test_another_year_is_empty_and_says_so(town: Office, tmp_path: Path) -> None:
    town.replied()
    path = tmp_path / "y.xlsx"
    assert write_yearly(town.engine, 2025, path, actor=ASKS) == 0
    head, total = table(path)[:2]
    assert total[0] == "合计" and total[head.index("满意率")] == "—"


def test_story_F09_the_month_of_a_station_without_a_score(town: Office, tmp_path: Path) -> None:
    """Held, moved with its reason, not held with its reason, visitors: and nothing that rates a person."""
    place = Party(id="st1", kind="station", name="温泉街道联络站", tenant=TENANT, parent="xianning")
    town.engine.parties.put([place], by=SETUP, trusted=True)
    town.engine.grant("keep", "station_keeper", TENANT, unit="st1")
    keeper = Actor(person="keep")
    data = {"station_unit": "st1", "month": "2026-03", "reception_on": "2026-03-15"}
    day = town.engine.start("reception_day", keeper, data, tenant=TENANT)
    town.fire(day, "roster", "keep", deputies=["dep1", "dep2"])
    town.fire(day, "postpone", "keep", change_reason="汛期")
    head, row, total = ledger(town, "receptions", tmp_path / "r.xlsx", keeper)
    assert row[:3] == ["温泉街道联络站", "2026-03", "2026-03-15"] and row[head.index("改期理由")] == "汛期"
    assert total[head.index("来访人次")] == 0.0, "numbers are numbers, and summed"
    assert not [word for word in head if any(bad in word for bad in ("得分", "排名", "积分", "签到", "考勤"))]
    given = {
        "station_unit": "st1", "received_on": "2026-03-02", "intake": "reception", "receivers": ["dep1"], "subject": "路灯",
        "voter_name": "张三", "voter_contact": "13800000000", "opinion_text": "路灯不亮",
    }  # fmt: skip
    town.engine.start("opinion", keeper, given, tenant=TENANT)
    for who in (keeper, OFFICE):
        told = ledger(town, "opinions", tmp_path / "o.xlsx", who)
        assert (
            len(told) == 3
            and "路灯" in told[1]
            and "张三" not in str(told)
            and "13800000000" not in str(told)
        )


@pytest.mark.parametrize("row", ["{zh: 表}", "{zh: 表, en: t, of: suggestion, columns: []}",
                                 "{zh: 表, en: t, of: suggestion, columns: [[甲, secret.x, 9]]}"])  # fmt: skip
def test_a_bad_profile_is_named(tmp_path: Path, row: str) -> None:
    (tmp_path / "ledgers.yaml").write_text(f"sheets: own\nprofiles:\n  mine: {row}\n", encoding="utf-8")
    with pytest.raises(DefinitionError):
        profiles(tmp_path)


def test_every_column_names_what_there_is(library: Library) -> None:
    for profile in profiles().values():
        for _, show, _ in profile.columns:
            definition = library.definition(profile.of)
            if show.startswith("root."):
                definition = library.definition("suggestion")
            head, _, rest = show.removeprefix("root.").partition(".")
            known = {"data": definition.fields, "code": definition.fields, "relation": definition.relations,
                     "clock": definition.clocks, "timing": definition.clocks}.get(head)  # fmt: skip
            assert known is None or rest.partition(".")[0] in known, (profile.id, show)


def test_the_commands(
    town: Office, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.replied()
    monkeypatch.setattr("workflow.loader.load_definitions", lambda *_, **__: library)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIBANDU_DATABASE", town.engine.database.url.render_as_string(hide_password=False))
    page = (Path(__file__).parents[1] / "docs" / "documents.md").read_text(encoding="utf-8")
    lines = [
        line.partition(" #")[0].split() for line in page.splitlines() if line.startswith("tibandu ledger")
    ]
    assert len(lines) == 5
    for _, *words in lines:
        said = call(*words)
        assert said.code == 0, (words, said.err)
    assert "yearly" in call("ledger").out and (tmp_path / "年报.xlsx").exists()
    assert call("ledger", "yearly").code == 2
    assert call("ledger", "lodger").code == 1
    assert call("ledger", "ledger", "--month", "2026-03").code == 2, "it is of no month"
    assert call("ledger", "ledger", "--out", "年报.xlsx").code == 2


def test_names_stand_in_the_order_a_reader_knows() -> None:
    """By pinyin, and numbers as numbers."""
    names = ["市住建局", "市水利局", "市交通运输局", "市教育局", "市民政局"]
    assert sorted(names, key=spelt) == ["市交通运输局", "市教育局", "市民政局", "市水利局", "市住建局"]
    numbers = ["六届十次", "六届三次", "七届一次", "第10号", "第9号", "六届二十一次"]
    found = sorted(numbers, key=spelt)
    assert found == ["六届三次", "六届十次", "六届二十一次", "七届一次", "第9号", "第10号"]


def test_what_came_in_between_sessions_stands_behind_the_sessions_own(town: Office, tmp_path: Path) -> None:
    """As a clerk reads them: 第001号, 第002号, and then 闭会第001号; in the ledger and in the year's list."""
    meeting = {name: SESSION[name] for name in ("congress", "session")}
    between = town.fire(town.filed(title="甲"), "accept", "li", **meeting)
    town.fire(between, "assign", "li", assignment_mode="sole", lead_unit="water")
    for title in ("乙", "丙"):
        town.assigned(title=title)
    wanted = ["第001号", "第002号", "闭会第001号"]
    head, *rows, _ = ledger(town, "ledger", tmp_path / "l.xlsx")
    assert [row[head.index("编号")] for row in rows] == wanted
    table = yearly_of(town.engine, 2026, actor=OFFICE).listed()
    assert [line.cells[table.names.index("number")] for line in table.lines] == wanted


def test_a_ledger_is_ruled_as_high_as_its_text_and_says_when_it_was_made(
    town: Office, tmp_path: Path
) -> None:
    """Every cell of the table has its lines, also an empty one; no text is cut off where a program does not fit rows itself."""
    town.assigned(title="关于" + "增设快递员驿站" * 12 + "的建议")
    head, row, total = ledger(town, "ledger", tmp_path / "l.xlsx")
    with zipfile.ZipFile(tmp_path / "l.xlsx") as pack:
        sheet = pack.read("xl/worksheets/sheet1.xml").decode()
    cells = re.findall(r'<c r="[A-Z]+2" s="(\d+)"', sheet)
    assert len(cells) == len(head) == len(row) == len(total) and "" in row
    assert len(set(cells)) == 1, "an empty cell looks like the others"
    high = {int(n): float(ht) for n, ht in re.findall(r'<row r="(\d+)"[^>]*? ht="([\d.]+)"', sheet)}
    assert high[2] >= 6 * 15, "the title takes 178 half characters in a column of 28"
    assert "制表日期：2026年3月2日" in sheet and "&amp;P/&amp;N" in sheet


def test_the_last_sheet_says_in_words_what_a_column_shows(town: Office, tmp_path: Path) -> None:
    for name in profiles():
        ledger(town, name, tmp_path / "l.xlsx")
        told = dict(row[:2] for row in table(tmp_path / "l.xlsx", 1)[1:])
        assert not [said for said in told.values() if re.search("[a-z_.]{3}", str(said))], name
    assert told["答复期限"] == "“办理答复期限”的到期日（含已同意的延期）"
