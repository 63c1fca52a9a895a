"""Rules of a place: shown, compared, and changed under running clocks, which go on by what they began with until told otherwise."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from workflow import Actor, Engine, recalculation
from workflow.comparison import differences, said
from workflow.errors import NotFound, NotPermitted
from workflow.library import Library
from workflow.periods import RuleBook
from workflow.rulecontent import content_of, restored, version_of
from workflow.verify import verify

from .lifecycle import FOLDER, PLACE, SUGGESTION, TENANT, TODAY, Office, count, execute
from .test_cli import call, somewhere_quiet

__all__ = ["somewhere_quiet"]
LI = Actor(person="li")


def changed(library: Library, rule: str, **new: Any) -> Library:
    """The library with one rule of Xianning reading otherwise, in all its versions."""
    return with_rules(library, lambda r: replace(r, **new) if r.id == rule else r)


def with_rules(library: Library, change: Any) -> Library:
    rules = tuple(new for rule in library.book(PLACE).rules if (new := change(rule)) is not None)
    return replace(library, rules={**library.rules, PLACE: RuleBook(place=PLACE, rules=rules)})


def beside(office: Office, library: Library) -> Office:
    """The same database after a restart with another rules file."""
    return Office(Engine(office.engine.database, library, place=PLACE, clock=office.clock), office.clock)


def replies(office: Office) -> list[tuple[str, str]]:
    return [
        (c.due_on, c.new_due_on) for c in recalculation.preview_rules(office.engine) if c.clock == "reply"
    ]


# --- a running clock keeps the version it began with


def test_another_rules_file_moves_no_running_clock(office: Office, library: Library) -> None:
    case = office.handling()
    edited = beside(office, changed(library, "D11", value=2))
    before = edited.now(case)
    assert edited.due(case, "reply") == "2026-06-02"
    assert "3 months" in edited.engine.explain(case.id, "reply").sentence.en
    office.clock.set(date(2026, 5, 18))  # a warning of the old rule; by the new one it would be overdue
    assert ("reply", -15, None) in edited.ticks()
    assert edited.due(case, "reply") == "2026-06-02"
    assert edited.now(case).state == before.state
    assert "reply_overdue" not in {line.event for line in edited.engine.history(case.id)}


def test_its_extension_is_measured_by_the_rules_it_began_with(office: Office, library: Library) -> None:
    case = office.handling()
    edited = beside(office, changed(library, "D12", value=4))
    edited.fire(
        case,
        "request_extension",
        "wu",
        extension_ground=["difficult"],
        extension_explanation="跨年",
        wanted_until="2026-08-01",
    )
    asked = edited.child(case, "extensions")
    edited.fire(asked, "grant", "li", granted_until="2026-08-01")
    assert edited.due(case, "reply") == "2026-08-01"  # four months would end on 2026-07-02


def test_a_new_clock_begins_by_the_new_rules(office: Office, library: Library) -> None:
    old = office.assigned()
    edited = beside(office, changed(library, "D11", value=2))
    assert edited.due(edited.assigned(), "reply") == "2026-05-06"  # 05-02 is a holiday
    assert office.due(old, "reply") == "2026-06-02"


def test_a_round_goes_on_by_the_version_of_the_first(office: Office, library: Library) -> None:
    """Assigned to another unit the clock counts anew, by the same rule."""
    case = office.handling()
    edited = beside(office, changed(library, "D11", value=2))
    edited.fire(case, "recall_assignment", "li", recall_reason="不属其职责")
    edited.fire(case, "change_units", "li", assignment_mode="sole", lead_unit="roads")
    assert edited.due(case, "reply") == "2026-06-02"


def test_both_nodes_understand_each_others_clocks(office: Office, library: Library) -> None:
    """While nodes are restarted one by one, old and new rules run side by side."""
    edited = beside(office, changed(library, "D11", value=2))
    new = edited.handling()
    assert office.due(new, "reply") == "2026-05-06"
    assert "2 months" in office.engine.explain(new.id, "reply").sentence.en


# --- preview and apply


def test_preview_writes_nothing_and_apply_moves_with_a_line(office: Office, library: Library) -> None:
    case, other = office.handling(), office.assigned()
    edited = beside(office, changed(library, "D11", value=2))
    edited.filed()
    lines = count(edited.engine, "history")
    assert replies(edited) == [("2026-06-02", "2026-05-06")] * 2
    assert (count(edited.engine, "history"), edited.due(case, "reply")) == (lines, "2026-06-02")

    found = list(recalculation.apply_rules(edited.engine, LI))
    assert {(c.clock, c.case, c.moves) for c in found} == {
        ("reply", case.id, True),
        ("reply", other.id, True),
    }
    assert edited.due(case, "reply") == "2026-05-06"
    assert "2 months" in edited.engine.explain(case.id, "reply").sentence.en
    line = edited.engine.history(case.id)[-1]
    assert (line.event, line.actor, line.from_state, line.to_state) == (
        "recalculate",
        "li",
        "handling",
        "handling",
    )
    assert line.data["@rules"] == {
        "version": edited.engine.laws.rules, "was": {"reply": "2026-06-02"}, "provisional": [],
    }  # fmt: skip
    assert line.data["@clock.reply"]["due"] == "2026-05-06"
    assert [str(fault) for fault in verify(edited.engine.store).faults] == []

    assert list(recalculation.apply_rules(edited.engine, LI)) == []
    assert recalculation.preview_rules(edited.engine) == []
    assert count(edited.engine, "history") == lines + 2


def test_who_holds_the_case_is_told(office: Office, library: Library) -> None:
    case = office.handling()
    edited = beside(office, changed(library, "D11", value=2))
    list(recalculation.apply_rules(edited.engine, LI))
    query = f"select recipient, body from {edited.engine.store.prefix}outbox where topic = '@recalculate'"
    with edited.engine.database.connect() as connection:
        (row,) = connection.execute(text(query)).all()
    assert row.recipient == "role:unit_clerk@water"
    body = json.loads(row.body)
    assert (body["case"], body["clock"], body["due_on"]) == (case.id, "reply", "2026-05-06")


def test_only_whom_the_new_rule_concerns_is_moved(office: Office, library: Library) -> None:
    office.handling()
    edited = beside(office, changed(library, "D24", value=30))
    assert recalculation.preview_rules(edited.engine) == []
    lines = count(edited.engine, "history")
    assert list(recalculation.apply_rules(edited.engine, LI)) == []
    assert count(edited.engine, "history") == lines


def test_another_outer_limit_concerns_the_clock_it_limits(office: Office, library: Library) -> None:
    case = office.handling()
    edited = beside(office, changed(library, "D12", value=5))
    found = {c.clock: c for c in recalculation.apply_rules(edited.engine, LI)}
    assert {name: c.moves for name, c in found.items()} == {"reply": False, "since_first_assignment": True}
    outer = {c.name: str(c.outer_on) for c in edited.now(case).clocks}
    assert outer["reply"] == "2026-08-02"


def test_a_rule_that_only_begins_later_moves_nothing(office: Office, library: Library) -> None:
    """Validity is by the day of the anchor: what was assigned before goes by the version of before."""
    office.handling()
    book = library.book(PLACE)
    now = book.rule("D11", TODAY)
    until = replace(now, valid_until=date(2026, 6, 30))
    later = replace(now, value=2, valid_from=date(2026, 7, 1))
    rules = (*(r for r in book.rules if r is not now), until, later)
    edited = beside(
        office, replace(library, rules={**library.rules, PLACE: RuleBook(place=PLACE, rules=rules)})
    )
    assert recalculation.preview_rules(edited.engine) == []
    office.clock.set(date(2026, 7, 1))
    assert edited.due(edited.assigned(), "reply") == "2026-09-01"


def test_a_rule_that_is_gone_leaves_its_clocks_alone(office: Office, library: Library) -> None:
    case = office.assigned()
    edited = beside(office, with_rules(library, lambda r: None if r.id == "D08" else r))
    assert recalculation.preview_rules(edited.engine) == []
    assert edited.due(case, "first_contact") == "2026-03-23"
    assert "20 calendar days" in edited.engine.explain(case.id, "first_contact").sentence.en
    office.clock.set(date(2026, 3, 16))
    assert ("first_contact", -7, None) in edited.ticks()


def test_an_overdue_clock_that_is_in_time_again_runs_anew(office: Office, library: Library) -> None:
    case = office.handling()
    shorter = beside(office, changed(library, "D11", value=2))
    list(recalculation.apply_rules(shorter.engine, LI))
    office.clock.set(date(2026, 5, 8))
    assert ("reply", 1, "reply_overdue") in shorter.ticks()
    list(recalculation.apply_rules(beside(office, library).engine, LI))
    assert office.due(case, "reply") == "2026-06-02"
    office.clock.set(date(2026, 5, 18))
    assert ("reply", -15, None) in beside(office, library).ticks()


def test_rules_are_put_in_force_by_a_person(office: Office, library: Library) -> None:
    office.handling()
    edited = beside(office, changed(library, "D11", value=2))
    with pytest.raises(NotPermitted, match="by a person"):
        list(recalculation.apply_rules(edited.engine, Actor(person="system")))
    assert edited.due(edited.engine.search(kind="suggestion")[0], "reply") == "2026-06-02"


# --- every version is kept


def kept(office: Office) -> int:
    return count(office.engine, "rulebook")


def test_every_version_a_clock_began_with_is_kept(office: Office, library: Library) -> None:
    before = kept(office)
    assert before == len(library.rules)
    edited = beside(office, changed(library, "D11", value=2))
    assert kept(office) == before
    edited.filed()
    assert kept(office) == before + 1
    beside(office, changed(library, "D11", value=2)).filed()
    assert kept(office) == before + 1


def test_a_version_is_kept_even_if_the_host_rolls_back(office: Office, library: Library) -> None:
    edited = beside(office, changed(library, "D11", value=2)).engine
    with edited.database.connect() as connection, connection.begin() as transaction:
        edited.start("suggestion", LI, SUGGESTION, tenant=TENANT, session=connection)
        transaction.rollback()
    before = kept(office)
    edited.start("suggestion", LI, SUGGESTION, tenant=TENANT)
    assert kept(office) == before + 1


def test_a_kept_version_cannot_be_changed(office: Office) -> None:
    for query in ("update {p}rulebook set content = ''", "delete from {p}rulebook"):
        with pytest.raises(Exception, match="append-only"):
            execute(office.engine, query)


def test_a_version_nobody_kept_is_told(office: Office) -> None:
    case = office.handling()
    execute(
        office.engine,
        f"update {{p}}cases set clocks = replace(clocks, '{office.engine.laws.rules}', '0000000000000000')",
    )
    fresh = beside(office, office.engine.library)
    with pytest.raises(NotFound, match="no rules of the version 0000000000000000"):
        fresh.engine.explain(case.id, "reply")


@pytest.mark.parametrize("place", ["CN", "typical", "hubei-xianning", "chongqing", "shanghai"])
def test_a_book_comes_back_from_its_content(library: Library, place: str) -> None:
    book = library.book(place)
    again = restored(content_of(book))
    assert (content_of(again), version_of(again)) == (content_of(book), version_of(book))
    assert set(again.rules) == set(book.rules)


@given(data=st.data())
def test_any_change_of_a_rule_is_another_version_and_order_is_none(
    library: Library, data: st.DataObject
) -> None:
    book = library.book(PLACE)
    shuffled = RuleBook(place=PLACE, rules=tuple(data.draw(st.permutations(book.rules))))
    assert version_of(shuffled) == version_of(book)
    rule = data.draw(st.sampled_from([r for r in book.rules if r.is_period and not r.outer]))
    amount = rule.value if isinstance(rule.value, int) else 0
    other = with_rules(library, lambda r: replace(r, value=amount + 1) if r is rule else r).book(PLACE)
    assert version_of(other) != version_of(book)


def test_content_that_is_damaged_is_told() -> None:
    for content in ("", "{}", '{"place": "x", "rules": [{"id": "D11"}]}', "[1]"):
        with pytest.raises(NotFound, match="cannot be read"):
            restored(content)


# --- shown and compared


def test_places_differ_in_numbers_anchors_code_sets_and_switches(library: Library) -> None:
    found = {d.rule: d for d in differences(library.book(PLACE), library.book("chongqing"), TODAY)}
    assert {"D03", "D06", "D08", "D09", "D15", "D17"} <= set(found)
    assert {
        "contact_from_receipt",
        "joint_survey",
        "second_assign_levels",
        "result_set",
        "reception_policy",
    } <= set(found)
    assert not {"D11", "D12", "D31"} & set(found)  # the law is everywhere the same
    first = found["D09"]
    assert (str(said(first.one).zh), str(said(first.other).zh)) == (  # type: ignore[union-attr]
        "2 个月，自会办单位收到之日，逢休息日顺延", "30 个工作日，自交办之日",
    )  # fmt: skip


def test_the_same_from_another_source_is_no_difference(library: Library) -> None:
    book = library.book(PLACE)
    assert differences(book, book, TODAY) == []
    other = changed(library, "D08", source="另一依据", confidence="m").book(PLACE)
    assert differences(book, other, TODAY) == []


@pytest.mark.parametrize(
    ("rule", "zh", "en"),
    [
        ("D01", "1 个月，大会开幕日之前", "1 month before 大会开幕日"),
        (
            "D11",
            "3 个月，自交办之日，逢休息日顺延，最迟 D12",
            "3 months from 交办之日, a day off rolls on, at most D12",
        ),
        ("D22", "每年 09-30", "09-30 of each year"),
        ("return_requests", "1 次", "1 time"),
        ("return_from_receipt", "否", "no"),
        ("second_assign_levels", "dissatisfied, basically_satisfied", "dissatisfied, basically_satisfied"),
    ],
)
def test_a_rule_in_one_line(library: Library, rule: str, zh: str, en: str) -> None:
    line = said(library.book(PLACE).rule(rule, TODAY))
    assert line is not None
    assert (line.zh, line.en) == (zh, en)


def test_rules_diff_on_the_command_line() -> None:
    told = call("rules", "diff", PLACE, "chongqing", "--on", "2026-03-02")
    assert told.code == 0
    row = next(line for line in told.out.splitlines() if line.startswith("D03"))
    assert ("5 working days" in row, "10 working days" in row, "重庆条例(2017) 第13条" in row) == (
        True,
        True,
        True,
    )
    assert told.out.splitlines()[-1] == "14 rules differ"
    plain = call("rules", "diff", PLACE, "chongqing", "--on", "2026-03-02", "--json").json
    assert len(plain) == 14
    (d03,) = (row for row in plain if row["rule"] == "D03")
    assert (d03[PLACE]["value"], d03["chongqing"]["value"], d03["chongqing"]["unit"]) == (
        5,
        10,
        "working_day",
    )
    assert call("rules", "diff", PLACE, PLACE).out == "0 rules differ\n"
    absent = call("rules", "diff", "CN", PLACE, "--json").json
    assert next(row for row in absent if row["rule"] == "D03")["CN"] is None


def test_rules_show_on_the_command_line() -> None:
    told = call("--lang", "zh", "rules", "show", "shanghai", "--on", "2026-03-02")
    assert told.code == 0
    row = next(line for line in told.out.splitlines() if line.startswith("D06"))
    assert "7 个工作日" in row
    assert "上海规定(2015) 第14条" in row
    old = call("rules", "show", PLACE, "--on", "2017-05-01", "--json").json
    assert next(r for r in old if r["id"] == "D11")["source"] == "代表法(2015) 第42条"


def test_a_place_that_is_not_there_is_told() -> None:
    for words in (["show", "chongqin"], ["diff", "chongqin", PLACE]):
        told = call("rules", *words)
        assert told.code == 1
        assert "did you mean chongqing?" in told.err
    assert "there are: CN, chongqing, hubei-xianning, shanghai, typical" in call("rules", "show", "x").err
    assert call("rules", "show", PLACE, "--on", "soon").code == 2
    assert call("rules").code == 2


def test_preview_and_apply_on_the_command_line(ready_url: str, office: Office, tmp_path: Path) -> None:
    """Edit a copy of the shipped folder: nothing moves; preview tells what would; apply moves it."""
    case = office.handling()
    folder = tmp_path / "own"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    path = folder / "rules" / "hubei-xianning.yaml"
    path.write_text(
        path.read_text("utf-8").replace(
            "value: 20\n    unit: calendar_day", "value: 10\n    unit: calendar_day"
        ),
        "utf-8",
    )
    common = ["--database", ready_url, "--definitions", folder, "--place", PLACE]
    rehearsed = call("rules", "preview", *common)
    assert rehearsed.code == 0
    assert (
        rehearsed.out.splitlines()[-1] == "0 running clock(s) by other rules, 0 of them with another due day"
    )
    assigned = office.assigned()
    told = call("rules", "preview", *common, "--json").json
    assert [(row["case"], row["clock"], row["due_on"], row["new_due_on"]) for row in told] == [
        (assigned.id, "first_contact", "2026-03-23", "2026-03-12")
    ]
    assert office.due(assigned, "first_contact") == "2026-03-23"
    assert call("rules", "apply", *common).code == 2  # a person answers for it
    done = call("rules", "apply", *common, "--by", "li")
    assert (done.code, done.out.splitlines()[-1]) == (
        0,
        "1 running clock(s) by other rules, 1 of them with another due day",
    )
    assert office.due(assigned, "first_contact") == "2026-03-12"
    assert office.now(case).seq == case.seq


def test_rules_that_stretch_the_law_are_applied_to_nothing(
    ready_url: str, office: Office, tmp_path: Path
) -> None:
    """A place that names another outer limit for the reply is refused before a single clock is looked at."""
    case = office.handling()
    folder = tmp_path / "own"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    path = folder / "rules" / f"{PLACE}.yaml"
    row = "zh: 答复, en: reply, unit: month, source: x, confidence: m"
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n  D99: {{{row}, value: 9}}\n  D11: {{{row}, value: 3, statutory: true, outer: D99}}\n")
    line = len(path.read_text("utf-8").splitlines())
    common = ["--database", ready_url, "--definitions", folder, "--place", PLACE]
    for part in (["preview"], ["apply", "--by", "li"]):
        refused = call("rules", *part, *common)
        assert refused.code == 1
        assert f"{path}:{line}:" in refused.err
        assert "has the outer limit of the law (D12), not D99" in refused.err
    assert office.now(case).seq == case.seq


def test_the_word_of_a_moved_day_reaches_the_inbox(office: Office, library: Library) -> None:
    case = office.handling()
    edited = beside(office, changed(library, "D11", value=2)).engine
    list(recalculation.apply_rules(edited, LI))
    while edited.alerts.address():
        pass
    (line,) = [n.line for n in edited.alerts.inbox("wang") if n.line.topic == "@recalculate"]
    assert line.event is not None
    assert line.clock is not None
    assert (line.case, line.event.zh, line.clock.zh, line.due_on) == (
        case.id,
        "期满日变动",
        "答复期限",
        "2026-05-06",
    )
