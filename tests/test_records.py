"""Reading the published files: what is right is read to the letter, what is wrong is told all at once."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from pathlib import Path

import pytest

from definitions.records import COLUMNS, MAX_FAULTS, FaultyInput, Record, Timeline, read
from definitions.report import render_faults
from definitions.timelines import meaning_of, told

HERE = Path(__file__).parent
DATA = HERE.parent / "definitions" / "data"
RECORDS, CASES = DATA / "suggestions.csv", DATA / "cases.jsonl"
GOOD = {"title": "关于修路的建议", "number": "7"}
STORY = {
    "source_url": "",
    "title": "一条河",
    "kind": "普通办理",
    "events": [{"date": "2024-03", "event": "交办", "actor": "", "detail": ""}],
    "note": "",
}


def csv_of(path: Path, *rows: dict[str, str], columns: tuple[str, ...] = COLUMNS) -> Path:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([[row.get(name, "") for name in columns] for row in rows])
    path.write_text(out.getvalue(), encoding="utf-8")
    return path


def jsonl_of(path: Path, *lines: object) -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines]
    path.write_text("\n".join(texts), encoding="utf-8")
    return path


def records_of(path: Path) -> list[Record]:
    return read(path, None)[0]


def faults_of(records: Path | None = None, cases: Path | None = None) -> list[tuple[int, str, str]]:
    """(row, column, the reason in English) of every fault."""
    with pytest.raises(FaultyInput) as caught:
        read(records, cases)
    assert all(fault.reason.zh for fault in caught.value.faults)
    return [(fault.row, fault.column, fault.reason.en) for fault in caught.value.faults]


# --- the published facts


def test_the_published_records() -> None:
    records, cases = read(RECORDS, CASES)
    assert (len(records), len(cases)) == (121, 14)
    assert len({record.key for record in records}) == 121
    assert len({record.source_url for record in records if record.source_url}) < 117, (
        "a page may hold several"
    )
    assert sum(bool(r.assigned_on and r.replied_on) for r in records) == 2
    assert sum(r.replied_on is not None for r in records) == 54
    assert [r.result_class for r in records].count(None) == 121 - 18
    assert [r.satisfaction for r in records].count(None) == 121 - 4
    assert sum(r.number is None for r in records) == 42
    assert sum(r.title is None for r in records) == 16
    assert sum(not r.lead_units for r in records) == 27
    assert sum(timeline.is_cppcc for timeline in cases) == 3


def test_letters_and_numbers_stay_as_printed() -> None:
    records = records_of(RECORDS)
    assert {r.result_class for r in records} == {None, "A", "A1", "A类", "B", "C", "C类"}
    assert {"072", "0076", "[2023]闭08号", "DH0271"} <= {r.number for r in records}


def test_a_date_keeps_its_precision(tmp_path: Path) -> None:
    rows = [GOOD | {"replied_on": day} for day in ("2024", "2024-03", "2024-03-29")]
    assert [str(r.replied_on) for r in records_of(csv_of(tmp_path / "r.csv", *rows))] == [
        "2024",
        "2024-03",
        "2024-03-29",
    ]


def test_the_key_is_the_hash_of_the_row(tmp_path: Path) -> None:
    one = records_of(csv_of(tmp_path / "a.csv", GOOD))[0].key
    assert records_of(csv_of(tmp_path / "b.csv", GOOD, columns=COLUMNS[::-1]))[0].key == one, (
        "whatever the order of columns"
    )
    assert records_of(csv_of(tmp_path / "c.csv", GOOD | {"number": "8"}))[0].key != one


def test_several_units_are_told_apart(tmp_path: Path) -> None:
    found = records_of(csv_of(tmp_path / "r.csv", GOOD | {"lead_unit": "水务局；交通局; 水务局"}))
    assert found[0].lead_units == ("水务局", "交通局")


def test_a_byte_order_mark_and_windows_lines_are_read(tmp_path: Path) -> None:
    path = csv_of(tmp_path / "r.csv", GOOD)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n").replace(b"\r\r\n", b"\r\n"))
    assert len(records_of(path)) == 1


# --- a broken CSV


def test_every_fault_of_every_row_at_once(tmp_path: Path) -> None:
    rows = [
        GOOD | {"replied_on": "2026-13-01"},
        GOOD | {"assigned_on": "2026-02-30", "key_supervised": "yes"},
        GOOD | {"notes": "x" * 5001},
        GOOD | {"title": "a\0b"},
        GOOD | {"title": "\u202eevil"},
        GOOD | {"source_url": "javascript:alert(1)"},
        GOOD | {"lead_unit": "局" * 81},
        {},
        GOOD,
        GOOD,
    ]
    assert faults_of(csv_of(tmp_path / "r.csv", *rows)) == [
        (2, "replied_on", "no such date (give 2024, 2024-03 or 2024-03-29)"),
        (3, "assigned_on", "no such date (give 2024, 2024-03 or 2024-03-29)"),
        (3, "key_supervised", "must be 是 (yes), 否 (no) or empty"),
        (4, "notes", "longer than 5000 characters"),
        (
            5,
            "title",
            "character 2, U+0000, cannot be used (a control or bidi character, or half of one): take it out",
        ),
        (
            6,
            "title",
            "character 1, U+202E, cannot be used (a control or bidi character, or half of one): take it out",
        ),
        (7, "source_url", "must begin with http:// or https://"),
        (8, "lead_unit", "a unit's name is longer than 80 characters"),
        (9, "-", "an empty row"),
        (11, "-", "the same as row 10"),
    ]


def test_columns_that_miss_that_nobody_knows_and_that_repeat(tmp_path: Path) -> None:
    columns = ("replied", *(c for c in COLUMNS if c not in ("replied_on", "notes")), "title")
    assert faults_of(csv_of(tmp_path / "r.csv", GOOD, columns=columns)) == [
        (1, "replied_on", "this column is missing"),
        (1, "notes", "this column is missing"),
        (1, "title", "this column stands there twice"),
        (1, "replied", "unknown column; did you mean replied_on?"),
    ]


def test_a_wrong_column_hides_no_fault_of_a_row(tmp_path: Path) -> None:
    """The example of docs/replay.md: a column of another name, a date that is none, a row twice."""
    rows = [GOOD | {"number": str(number)} for number in range(8)]
    rows[2] |= {"assigned_on": "2026-13-01"}
    rows[7] = dict(rows[1])
    columns = ("colour", *(name for name in COLUMNS if name != "notes"))
    assert faults_of(csv_of(tmp_path / "r.csv", *rows, columns=columns)) == [
        (1, "notes", "this column is missing"),
        (1, "colour", "unknown column"),
        (4, "assigned_on", "no such date (give 2024, 2024-03 or 2024-03-29)"),
        (9, "-", "the same as row 3"),
    ]
    rows[7] |= {"colour": "red"}  # what differs only where we do not look is still another row of that file
    assert len(faults_of(csv_of(tmp_path / "r.csv", *rows, columns=columns))) == 3


def test_the_example_of_the_page_is_what_is_printed(tmp_path: Path) -> None:
    page = (HERE.parent / "docs" / "replay.md").read_text("utf-8")
    rows = [GOOD | {"number": str(number)} for number in range(8)]
    rows[2] |= {"assigned_on": "2026-13-01"}
    rows[7] = rows[1]
    columns = tuple("replied" if name == "replied_on" else name for name in COLUMNS)
    with pytest.raises(FaultyInput) as caught:
        read(csv_of(tmp_path / "mine.csv", *rows, columns=columns), None)
    table = render_faults(caught.value.faults, "en").splitlines()[:-2]
    assert "\n".join(f"    {line}".rstrip() for line in table) in page


@pytest.mark.parametrize(
    ("content", "row", "reason"),
    [
        (b"", 1, "this column is missing"),
        (b"\xff\xfe\x00", 0, "not UTF-8 (byte 0)"),
        (",".join(COLUMNS).encode() + b'\n"open', 2, "not readable as CSV"),
        (",".join(COLUMNS).encode() + b"\na,b", 2, "has 2 columns, not 15"),
        (",".join(COLUMNS).encode() + b"\n" + b"x" * 200_000 + b"," * 14, 2, "not readable as CSV"),
    ],
)
def test_files_that_are_no_such_csv(tmp_path: Path, content: bytes, row: int, reason: str) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes(content)
    found = faults_of(path)
    assert found[0][0] == row
    assert found[0][2].startswith(reason)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert faults_of(tmp_path / "none.csv", tmp_path) == [
        (0, "-", "the file cannot be read (No such file or directory)"),
        (0, "-", "the file cannot be read (Is a directory)"),
    ]


def test_no_page_tells_of_a_day_to_come(tmp_path: Path) -> None:
    path = csv_of(tmp_path / "r.csv", GOOD | {"assigned_on": "2024-03-02", "replied_on": "2024-04"})
    read(path, None, until=date(2024, 4, 1))  # what is known of it has begun
    with pytest.raises(FaultyInput) as caught:
        read(path, None, until=date(2024, 3, 1))
    assert [(fault.column, fault.reason.en) for fault in caught.value.faults] == [
        ("assigned_on", "after today (2024-03-01)"),
        ("replied_on", "after today (2024-03-01)"),
    ]


def test_a_file_of_faults_ends_somewhere(tmp_path: Path) -> None:
    rows = [GOOD | {"replied_on": "never"}] * (2 * MAX_FAULTS)
    assert len(faults_of(csv_of(tmp_path / "r.csv", *rows))) == MAX_FAULTS


def test_a_faulty_value_is_shown_short_and_harmless(tmp_path: Path) -> None:
    path = csv_of(tmp_path / "r.csv", GOOD | {"title": "\x1b[2J" + "x" * 600})
    with pytest.raises(FaultyInput) as caught:
        read(path, None)
    assert {fault.value for fault in caught.value.faults} == {"\\u001b[2J" + "x" * 31 + "…"}


# --- broken timelines


def test_every_fault_of_every_line_at_once(tmp_path: Path) -> None:
    def event(**changes: object) -> dict[str, object]:
        return STORY | {"events": [STORY["events"][0] | changes]}  # type: ignore[index]

    lines: list[object] = [
        "{",
        "[1]",
        '{"title": "a", "title": "b"}',
        '{"title": NaN}',
        "[" * 100_000,
        {"titel": "x"} | STORY,
        STORY | {"events": []},
        STORY | {"title": " "},
        event(date="2026-13"),
        event(date=2026),
        event(event=""),
        event(who="me"),
        STORY | {"events": ["交办"]},
        json.dumps(STORY | {"note": "\ud800"}),
        STORY,
        "",
        STORY,
    ]
    found = faults_of(cases=jsonl_of(tmp_path / "c.jsonl", *lines))
    assert [fault[:2] for fault in found] == [
        (1, "-"), (2, "-"), (3, "-"), (4, "-"), (5, "-"), (6, "titel"), (7, "events"), (8, "title"),
        (9, "events[1].date"), (10, "events[1].date"), (11, "events[1].event"), (12, "events[1].who"), (13, "events[1]"),
        (14, "note"), (17, "-"),
    ]  # fmt: skip
    assert found[5][2] == "unknown key; did you mean title?"
    assert found[-1][2] == "the same as row 15"


def test_a_wrong_key_hides_nothing_else_of_its_line(tmp_path: Path) -> None:
    line = {**STORY, "titel": "x", "events": [{"day": "2024", "date": "never", "event": ""}]}
    assert [fault[:2] for fault in faults_of(cases=jsonl_of(tmp_path / "c.jsonl", line))] == [
        (1, "titel"), (1, "events[1].actor"), (1, "events[1].detail"), (1, "events[1].day"), (1, "events[1].event"),
        (1, "events[1].date"),
    ]  # fmt: skip


def test_faults_of_both_files_come_together(tmp_path: Path) -> None:
    found = faults_of(csv_of(tmp_path / "r.csv", {}), jsonl_of(tmp_path / "c.jsonl", "?"))
    assert [fault[2][:6] for fault in found] == ["an emp", "not re"]


# --- what the words of a page mean


def story(number: int) -> Timeline:
    return read(None, CASES)[1][number]


def test_the_river_event_by_event() -> None:
    assert [one.event for one in told(story(0))] == [
        "start", "take_up_by_procuratorate", "record_investigation", "issue", "find_not_rectified", "sue",
        "record_rectification", "look_back",
    ]  # fmt: skip


def test_a_promise_is_part_of_the_reply() -> None:
    promised = next(timeline for timeline in read(None, CASES)[1] if "第191号" in timeline.title)
    assert [one.event for one in told(promised)] == [
        "assign",
        "add_commitment",
        "add_commitment",
        "issue_reply",
    ]


def test_what_is_no_event_of_the_lifecycle_is_a_note() -> None:
    notes = {
        p.event for t in read(None, CASES)[1] if not t.is_cppcc for p in t.events if meaning_of(p) is None
    }
    assert notes == {
        "典型案例发布(转载页日期)", "代表再次提出(截止)", "线索移交内设部门", "预计完工", "印发双向衔接转化实施办法",
        "代表考察成效", "第一、二年交办未解决", "施工进行中(发布)", "专题会议分解", "主任会议听取办理汇报", "上门接案",
        "邀请代表", "报告办理情况",
    }  # fmt: skip
