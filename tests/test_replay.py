"""The main job: published records through the real lifecycle, on both databases, and what the report says of them."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, inspect, select

from definitions.dice import Repeatable
from definitions.layout import width
from definitions.records import Record, Timeline, read
from definitions.replay import NATION, case_id, replay, run
from definitions.report import Report, label, render
from definitions.stories import RECORDS, TIMELINES, Story, is_inferred
from tests.test_records import CASES, COLUMNS, GOOD, csv_of
from tests.test_records import RECORDS as CSV
from workflow import Engine
from workflow.library import Library
from workflow.testing import FrozenClock

HERE = Path(__file__).parent
TODAY = date(2026, 3, 2)


@pytest.fixture(scope="module")
def facts() -> tuple[list[Record], list[Timeline]]:
    return read(CSV, CASES)


def engine_on(url: str, library: Library) -> Engine:
    engine = Engine(url, library, place=NATION, clock=FrozenClock(TODAY), random=Repeatable("test"))
    engine.create_schema()
    return engine


@pytest.fixture
def engine(database_url: str, library: Library) -> Iterator[Engine]:
    engine = engine_on(database_url, library)
    yield engine
    engine.database.dispose()


@pytest.fixture
def small(sqlite_url: str, library: Library) -> Iterator[Engine]:
    """An engine for what does not differ between databases."""
    engine = engine_on(sqlite_url, library)
    yield engine
    engine.database.dispose()


def counted(engine: Engine, path: Path) -> Report:
    return replay(engine, *read(path, None))


def rows_of(engine: Engine, table: str) -> int:
    with engine.database.connect() as connection:
        found = connection.execute(select(func.count()).select_from(getattr(engine.store.tables, table)))
        return int(found.scalar_one())


def heads(stories: Sequence[Story]) -> dict[str, str]:
    found = {story.case.id: story.lines[-1].hash for story in stories}
    return found | {child.id: lines[-1].hash for story in stories for child, lines in story.children}


def named(stories: Sequence[Story], words: str) -> Story:
    (found,) = [story for story in stories if words in label(story)]
    return found


def steps(lines: Sequence[Any]) -> list[str]:
    """`date event`, inferred ones in brackets, notes left out."""
    told = [line for line in lines if line.event != "record_source"]
    texts = [f"{line.effective_on or '-'} {line.event}" for line in told]
    return [f"({text})" if is_inferred(line) else text for line, text in zip(told, texts, strict=True)]


# --- the published facts on both databases


def test_the_published_records(engine: Engine, facts: tuple[list[Record], list[Timeline]]) -> None:
    first = replay(engine, *facts)
    told_what_is_printed(first)
    told_how_far_they_came(first)
    nothing_leaves_and_nothing_rings(engine)

    again = replay(engine, *facts)
    assert (first.outcome.new_records, first.outcome.new_timelines) == (121, 11)
    assert (again.outcome.new_records, again.outcome.new_timelines) == (0, 0)
    assert again == first, "twice changes nothing"
    assert heads(again.records + again.timelines) == heads(first.records + first.timelines)
    assert "already there" in render(again, "en")


def told_what_is_printed(report: Report) -> None:
    assert report.facts == {
        "records": 121, "both_dates": 2, "reply_date": 54, "class": 18, "satisfaction": 4, "key_supervised": 9,
        "procuratorate_link": 5, "no_number": 42, "no_title": 16, "no_unit": 27,
    }  # fmt: skip
    assert dict(report.classes) == {"A": 4, "A1": 1, "A类": 2, "B": 6, "C": 4, "C类": 1}
    assert dict(report.satisfactions) == {"满意": 3, "非常满意": 1}
    assert report.units[0] == ("马关县交通运输局", 3)


def told_how_far_they_came(report: Report) -> None:
    assert {title.en: number for title, number in report.states} == {
        "filed": 17, "accepted": 5, "assigned": 36, "replied": 63,
    }  # fmt: skip
    assert report.verdicts == {"in_time": 2, "unknown": 119}
    assert report.why_unknown == {"no_assignment_date": 52, "no_date": 67}
    assert report.steps[1] > 0
    assert len(report.outcome.cppcc) == 3
    assert len(report.timelines) == 11


def nothing_leaves_and_nothing_rings(engine: Engine) -> None:
    assert rows_of(engine, "outbox") == 0
    clock = engine.store.tables.clock
    with engine.database.connect() as connection:
        assert connection.execute(select(clock.c.next_at).where(clock.c.next_at.is_not(None))).all() == []
    assert engine.tick() == []


def test_both_databases_give_the_same_heads(
    sqlite_url: str, postgres_url: str, library: Library, facts: tuple[list[Record], list[Timeline]]
) -> None:
    found = []
    for url in (sqlite_url, postgres_url):
        engine = engine_on(url, library)
        report = replay(engine, *facts)
        found.append((heads(report.records + report.timelines), render(report, "zh")))
        engine.database.dispose()
    assert found[0] == found[1]


# --- what a page prints, and what it does not


@pytest.fixture(scope="module")
def report(
    tmp_path_factory: pytest.TempPathFactory, library: Library, facts: tuple[list[Record], list[Timeline]]
) -> Report:
    engine = engine_on(f"sqlite:///{tmp_path_factory.mktemp('replay') / 'tibandu.db'}", library)
    found = replay(engine, *facts)
    engine.database.dispose()
    return found


def test_maguan_242_is_in_time_after_91_days(report: Report) -> None:
    """Months are calendar months: three of them from 29 March end on 29 June, not after 90 days."""
    timing = next(t for t in report.timings if "第242号" in label(t.story))
    assert (timing.assigned_on, timing.replied_on, timing.days) == ("2017-03-29", "2017-06-28", 91)
    assert (timing.due_on, timing.outer_on) == (date(2017, 6, 29), date(2017, 9, 29))
    assert (timing.verdict, timing.basis) == ("in_time", "代表法(2015) 第42条")


def test_each_due_day_cites_the_law_of_its_day(report: Report) -> None:
    found = {label(t.story)[:11]: (str(t.due_on), t.verdict, t.basis) for t in report.timings}
    assert found["马关县十六届人大三次会"] == ("2015-05-11", "in_time", "代表法(2010) 第42条")
    assert found["黄冈(推断)2020:"] == ("2020-07-07", "unknown", "代表法(2015) 第42条")


def test_a_record_goes_as_far_as_its_row_and_no_step_gets_a_date(report: Report) -> None:
    assert steps(named(report.records, "第242号").lines) == [
        "- start", "- accept_in_session", "2017-03-29 assign", "(- sign_in)", "(- first_contact)",
        "(- submit_for_signoff)", "2017-06-28 issue_reply",
    ]  # fmt: skip
    every = [line for story in report.records + report.timelines for line in story.all_lines()]
    assert {line.effective_on for line in every if is_inferred(line)} == {None}


def test_what_is_unknown_stays_unknown(report: Report) -> None:
    bare = named(report.records, "尽快推进我市老旧多层住宅加装电梯")
    assert (bare.case.state, bare.case.opened_on, bare.units) == ("filed", None, ())
    assert set(bare.case.data) == {"title", "source_url", "source_note"}
    joint = named(report.records, "新密市老旧小区改造加装电梯")
    assert len(joint.units) == 3
    assert "lead" not in joint.case.relations, "three units of which none is said to lead"


def test_a_letter_is_kept_as_printed_and_never_becomes_a_class(report: Report) -> None:
    graded = [story for story in report.records if story.said("printed_class")]
    assert len(graded) == 18
    assert {story.case.state for story in graded} == {"replied"}
    assert not any(story.said("reply_class") for story in report.records)


def test_a_satisfaction_that_is_only_reported_is_no_evaluation(report: Report) -> None:
    satisfied = [story for story in report.records if story.said("printed_satisfaction")]
    assert [story.case.state for story in satisfied] == ["replied"] * 4
    assert not any(child.kind == "evaluation" for story in satisfied for child, _ in story.children)


def test_co_units_have_their_own_children(report: Report) -> None:
    story = named(report.records, "搬迁百善殡仪馆")
    assert story.case.relations["co"] == ("自然资源和规划局", "百善镇政府")
    assert [(child.party, child.state) for child, _ in story.children] == [
        ("百善镇政府", "accepted"), ("自然资源和规划局", "accepted"),
    ]  # fmt: skip
    assert all(line.effective_on is None for _, lines in story.children for line in lines)


def test_a_number_is_the_printed_one_or_none(report: Report) -> None:
    assert all(story.case.number == story.said("printed_number") for story in report.records)
    assert sum(story.case.number is None for story in report.records) == 42
    assert {story.case.number for story in report.timelines} == {None}


def test_clocks_are_those_of_national_law(report: Report) -> None:
    """The periods of one city bind no other."""
    every = [story for story in report.records + report.timelines if story.case.clocks]
    assert {clock.name for story in every for clock in story.case.clocks} == {
        "reply",
        "since_first_assignment",
    }


# --- timelines


def test_laobaota_river_event_by_event(report: Report) -> None:
    story = named(report.timelines, "老宝塔河")
    assert steps(story.lines) == ["2024 start", "(- accept_in_session)", "- take_up_by_procuratorate"]
    ((child, lines),) = story.children
    assert (child.kind, child.state, child.root) == ("procuratorate_conversion", "looked_back", story.case.id)
    assert steps(lines) == [
        "- start", "(- register)", "- record_investigation", "(- review)", "(- file_case)", "(- draft_suggestion)",
        "- issue", "(- serve)", "(- reply)", "(- verify)", "2025-04 find_not_rectified", "2025-05-30 sue",
        "- record_rectification", "2025-07-25 look_back",
    ]  # fmt: skip
    assert child.data["hearing"] is True
    assert "98处" in child.data["rectification"]


def test_promises_of_a_reply_are_its_children(report: Report) -> None:
    story = named(report.timelines, "十七届人大一次会议第191号")
    assert [(child.kind, child.state) for child, _ in story.children] == [("commitment", "promised")] * 2
    assert [child.data["promise"][:7] for child, _ in story.children] == ["2017-09", "2017-12"]
    assert all("promised_on" not in child.data for child, _ in story.children), "only the month is printed"


def test_what_is_no_step_is_kept_as_a_note(report: Report) -> None:
    story = named(report.timelines, "连续三年")
    told = [line for line in story.lines if line.event == "record_source"][1:]
    notes = [(line.effective_on, line.data["source_note"][:7]) for line in told]
    assert notes == [(None, "第一、二年交办"), ("2016-04-18", "施工进行中(发")]


def test_decisions_are_not_inferred(report: Report, library: Library) -> None:
    for story in report.records + report.timelines:
        for line in story.all_lines():
            if is_inferred(line):
                kind = next(d for d in library.definitions.values() if d.hash == line.definition)
                assert not kind.states[line.to_state].decided or kind.name == "co_handling", line


def test_a_suit_without_a_finding_stays_a_note(small: Engine) -> None:
    timeline = read(None, CASES)[1][0]
    events = tuple(event for event in timeline.events if event.event != "整改评估")
    report = replay(
        small, [], [Timeline(**{n: getattr(timeline, n) for n in timeline.__slots__} | {"events": events})]
    )
    story = report.timelines[0]
    assert [child.state for child, _ in story.children] == ["issued"]
    assert [line.data["source_note"][:4] for line in story.lines[-3:]] == ["提起行政", "诉讼期间", "回头看并"]


def test_proposals_to_the_cppcc_are_kept_apart(report: Report) -> None:
    assert not any("政协" in label(story) for story in report.timelines)
    assert {story.case.tenant for story in report.records} == {RECORDS}
    assert {story.case.tenant for story in report.timelines} == {TIMELINES}


def test_an_undated_step_stops_no_clock_on_the_day_of_the_import(small: Engine, tmp_path: Path) -> None:
    """A class proves a reply, not its day."""
    row = GOOD | {"assigned_on": "2024-03-01", "result_class": "B"}
    case = counted(small, csv_of(tmp_path / "r.csv", row)).records[0].case
    assert not any(clock.running for clock in case.clocks)
    assert not any(str(TODAY) in line.zh for line in small.explain(case.id, "reply").lines)


def test_an_assignment_before_there_was_a_rule_starts_no_clock(small: Engine, tmp_path: Path) -> None:
    row = GOOD | {"assigned_on": "2009-03-01", "replied_on": "2009-04-01"}
    report = counted(small, csv_of(tmp_path / "r.csv", row))
    assert (report.timings, report.why_unknown) == ((), {"no_rule": 1})


# --- contradictions


def test_what_contradicts_itself(report: Report) -> None:
    assert Counter(oddity.kind.en for oddity in report.oddities) == {
        "class A, yet the text does not say solved": 2,
        "dates on the page contradict each other": 1,
        "the unit that answers says it is not competent": 3,
        "satisfaction is told by the unit that was to be judged": 1,
        "the reply calls the suggestion by another title": 2,
        "calls itself a bill (议案), yet stands among the suggestions": 4,
    }
    assert "第115号" in label(report.oddities[0].story)


def test_contradictions_of_other_files(small: Engine, tmp_path: Path) -> None:
    same = GOOD | {"congress": "一届", "session": "二次会议"}
    rows = [
        same,
        same | {"notes": "再登"},
        GOOD | {"number": "8", "assigned_on": "2024-03-01", "replied_on": "2024-02"},
        GOOD | {"number": "9", "assigned_on": "2024-03-01", "replied_on": "2024-06-04"},
        GOOD | {"number": "10", "replied_on": "2024-05-02", "notes": "发布=2024-05-01"},
    ]
    report = counted(small, csv_of(tmp_path / "r.csv", *rows))
    assert Counter(oddity.kind.en for oddity in report.oddities) == {
        "dates out of order": 2, "the same number twice in one session": 1, "the same title twice": 1,
        "replied after the due day": 1,
    }  # fmt: skip


# --- dates that are known in part


@pytest.mark.parametrize(
    ("replied_on", "verdict"),
    [
        ("2024-06-03", "in_time"),  # due on 2024-06-01, a Saturday: rolled to Monday
        ("2024-06-04", "late"),
        ("2024-05", "in_time"),
        ("2024-06", "unknown"),
        ("2024-07", "late"),
        ("2024", "unknown"),
        ("2025", "late"),
        ("", "unknown"),
    ],
)
def test_in_time_when_every_day_it_can_mean_is(
    small: Engine, tmp_path: Path, replied_on: str, verdict: str
) -> None:
    row = GOOD | {"assigned_on": "2024-03-01", "replied_on": replied_on}
    assert counted(small, csv_of(tmp_path / "r.csv", row)).verdicts == {verdict: 1}


def test_a_coarse_assignment_starts_no_clock(small: Engine, tmp_path: Path) -> None:
    row = GOOD | {"assigned_on": "2024-03", "replied_on": "2024-04-01"}
    report = counted(small, csv_of(tmp_path / "r.csv", row))
    assert (report.timings, report.why_unknown) == ((), {"coarse_date": 1})
    assert report.records[0].assigned_on == "2024-03"


def test_a_reply_before_its_assignment_is_neither_in_time_nor_late(small: Engine, tmp_path: Path) -> None:
    row = GOOD | {"assigned_on": "2019-05-05", "replied_on": "2018-01-01"}
    report = counted(small, csv_of(tmp_path / "r.csv", row))
    assert (report.verdicts, report.why_unknown) == ({"unknown": 1}, {"out_of_order": 1})


# --- all or nothing


def test_a_fault_in_the_middle_leaves_nothing(
    engine: Engine, facts: tuple[list[Record], list[Timeline]]
) -> None:
    def breaks(rows: Sequence[Any], /) -> Iterator[Any]:
        yield from rows[:5]
        raise RuntimeError("pulled out")

    with pytest.raises(RuntimeError, match="pulled out"):
        replay(engine, *facts, breaks)
    assert [
        rows_of(engine, table) for table in ("cases", "history", "disclosure", "clock", "answer", "series")
    ] == [0] * 6


def test_new_rows_join_those_that_are_there(small: Engine, tmp_path: Path) -> None:
    first = counted(small, csv_of(tmp_path / "a.csv", GOOD))
    second = counted(small, csv_of(tmp_path / "b.csv", GOOD, GOOD | {"number": "8"}))
    assert (second.outcome.records, second.outcome.new_records, second.facts["records"]) == (2, 1, 2)
    assert heads(first.records).items() <= heads(second.records).items()


# --- as a person calls it


def called(
    url: str, records: Path | None = None, cases: Path | None = None, language: str = "en"
) -> tuple[int, str]:
    out = io.StringIO()
    return run(url, records, cases, language, out), out.getvalue()


def test_the_command_twice_on_both_databases(database_url: str) -> None:
    code, first = called(database_url, language="zh")
    assert code == 0
    assert "依据 代表法(2015) 第42条" in first
    assert "tibandu explain " in first.splitlines()[-1]
    code, second = called(database_url, language="zh")
    assert code == 0
    assert "新写入 0，库中已有 121" in second
    assert first.splitlines()[4:] == second.splitlines()[4:]


def test_the_hint_names_a_case_with_a_due_day_and_no_password(
    sqlite_url: str, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, text = called(sqlite_url)
    hint = text.splitlines()[-1].split()
    assert hint[2] == named(report.records, "第242号").case.id
    assert hint[-2:] == ["--database", sqlite_url]
    assert hint[0] == "tibandu"
    monkeypatch.setattr("sys.argv", ["a b/bin/tibandu"])
    monkeypatch.setenv("PATH", "")
    _, text = called(sqlite_url)
    assert text.splitlines()[-1].startswith("  'a b/bin/tibandu' explain "), "as it can be typed"
    elsewhere = "postgresql://me:secret@host/db?sslmode=require&password=secret"
    shown = "postgresql://me:***@host/db?sslmode=require&password=***"
    assert render(report, "en", elsewhere).split()[-2:] == ["--database", f"'{shown}'"]


def test_broken_files_give_a_table_and_write_nothing(sqlite_url: str, tmp_path: Path) -> None:
    columns = (*COLUMNS, "colour")
    code, table = called(
        sqlite_url, csv_of(tmp_path / "r.csv", GOOD | {"replied_on": "2026-13-01"}, columns=columns)
    )
    assert code == 1
    assert table.splitlines()[0].split() == ["file", "row", "column", "value", "reason"]
    assert "unknown column" in table
    code, table = called(
        sqlite_url, csv_of(tmp_path / "s.csv", GOOD | {"replied_on": "2026-13-01"}), language="zh"
    )
    assert code == 1
    assert "没有这个日期" in table
    assert not Path(sqlite_url.removeprefix("sqlite:///")).exists()


def test_broken_files_leave_a_database_untouched(postgres_url: str, tmp_path: Path, library: Library) -> None:
    assert called(postgres_url, csv_of(tmp_path / "r.csv", {}))[0] == 1
    engine = Engine(postgres_url, library)
    assert inspect(engine.database).get_table_names() == []
    engine.database.dispose()


def test_the_report_and_the_faults_as_json(sqlite_url: str, tmp_path: Path) -> None:
    def asked(**row: str) -> tuple[int, Any]:
        out = io.StringIO()
        return run(
            sqlite_url, csv_of(tmp_path / "r.csv", GOOD | row), None, "en", out, as_json=True
        ), json.loads(out.getvalue())

    code, wrong = asked(replied_on="2026-13-01")
    (fault,) = wrong["faults"]
    assert (code, fault["row"], fault["column"], fault["value"]) == (1, 2, "replied_on", "2026-13-01")
    code, told = asked()
    assert (code, told["records"], told["timelines"]) == (0, {"read": 1, "new": 1}, {"read": 0, "new": 0})
    assert sum(state["cases"] for state in told["states"]) == told["facts"]["records"] == 1
    assert set(told["in_time"]) <= {"in_time", "late", "unknown"}


def test_own_files_are_all_that_is_read(sqlite_url: str, tmp_path: Path) -> None:
    code, text = called(sqlite_url, csv_of(tmp_path / "r.csv", GOOD))
    assert code == 0
    assert "records    1: 1 new" in text
    assert "timelines  0: 0 new" in text


@pytest.mark.parametrize("language", ["zh", "en"])
def test_nothing_at_all_is_a_report_too(sqlite_url: str, tmp_path: Path, language: str) -> None:
    code, text = called(sqlite_url, csv_of(tmp_path / "r.csv"), language=language)
    assert code == 0
    assert "explain" not in text


def test_no_line_is_wider_than_a_terminal(report: Report) -> None:
    for language in ("zh", "en"):
        wide = [line for line in render(report, language).splitlines() if width(line) > 120]
        assert wide == []


def test_ids_follow_from_the_hash() -> None:
    assert case_id("0" * 64) == "0" * 20
    assert len({case_id(f"{number:064x}") for number in range(1000)}) == 1000
