"""Every refusal of the loader, each with the smallest file that earns it, by code and place."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
import time
import tracemalloc
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workflow import grammar, loader, yaml_reader
from workflow.calendars import KEYS, YEAR_KEYS
from workflow.definition import Holder
from workflow.errors import DefinitionError, NotFound
from workflow.loader import check, check_texts, definition_from_content, load_definitions, read_plain
from workflow.shapes import Either, Many, OneOf, OneOrMany, Record, Table
from workflow.yaml_reader import Faults

from .broken import GOOD, assert_faults, broken, found, good

ROOT = Path(__file__).parent.parent
P, O, C = "petition", "opinion", "city"

# --- one broken thing each -----------------------------------------------------------------------------

CASES = [
    # the text of a file
    ("yaml_syntax", [(P, "initial: filed", "initial: filed\n  x¦: - y")]),
    ("anchor", [(P, "initial: filed", "initial: ¦&a filed")]),
    ("tag", [(P, "initial: filed", "initial: ¦!!str filed")]),
    ("duplicate_key", [(P, "initial: filed", "initial: filed\n¦initial: filed")]),
    ("merge_key", [(P, "{zh: 标题, en: title, type: text}", "{zh: 标题, en: title, type: text, ¦<<: {a: b}}")]),
    ("several_documents", [(P, "", "¦---\na: b\n")]),
    ("key_not_text", [(P, "initial: filed", "initial: filed\n? ¦[a]\n: b")]),
    ("not_a_mapping", [("list", "", "¦- a\n")]),
    ("not_a_mapping", [("one", "", "¦a\n")]),
    ("not_a_mapping", [("none", "", "¦# nothing\n")]),
    ("control_character", [(P, "标题", "标¦\x07题")]),
    ("control_character", [(P, "标题", "标¦\u202e题")]),
    ("directive", [("d", "", "¦%YAML 1.1\n---\nscenario: s\n")]),
    # the kind of a file
    ("unknown_kind", [("x", "", "¦definitoin: x\n")]),
    ("unknown_kind", [("x", "", "¦title: {zh: 甲, en: x}\ndefinition: x\n")]),
    ("declared_twice", [("again", "", "series: ¦petition_number\ntitle: {zh: 编号, en: number}\nformat: '{n}'\n")]),
    ("declared_twice", [("again", "", good()["opinion"].replace("definition: opinion", "definition: ¦opinion"))]),
    # shapes
    ("unknown_key", [(P, "    when: opinions.joined", "    ¦wen: opinions.joined")]),
    ("unknown_key", [(P, "of: unit, one: true", "of: unit, ¦only: true")]),
    ("missing_key", [(P, "initial: filed\n", ""), (P, "definition: petition", "¦definition: petition")]),
    ("missing_key", [(P, "    ¦zh: 备注\n", ""), (P, "  remark:\n    zh: 备注", "  ¦remark:")][1:]),
    ("missing_key", [(P, "  extend:\n    zh: 延期\n    en: extend\n    from: assigned\n    by: office",
                      "  ¦extend:\n    zh: 延期\n    en: extend\n    from: assigned")]),
    ("too_many_keys", [(P, "    automatic: notice", "    by: office\n    ¦automatic: notice")]),
    ("too_many_keys", [(P, "    moves:\n", "    from: replied\n    ¦moves:\n")]),
    ("too_many_keys", [(P, "    moves:\n", "    ¦to: replied\n    moves:\n")]),
    ("missing_key", [(P, "start:\n", "¦start:\n  zh: 提出\n")]),
    ("not_a_list", [(P, "form: [granted_until]", "form: ¦granted_until")]),
    ("not_a_mapping", [(P, "relates: {signer: signers}", "relates: ¦signers")]),
    ("not_boolean", [(P, "of: unit, one: true", "of: unit, one: ¦maybe")]),
    ("not_boolean", [(P, "of: unit, one: true", "of: unit, one: ¦yes")]),
    ("not_text", [(P, "title: {zh: 建议, en: petition}", "title: {zh: 建议, en: ¦[petition]}")]),
    ("empty", [(P, "title: {zh: 建议, en: petition}", "title: {zh: 建议, en: ¦''}")]),
    ("empty", [(P, "title: {zh: 建议, en: petition}", "title: {zh: 建议, en: ¦null}")]),
    ("empty", [(P, "form: [granted_until]", "form: ¦[]")]),
    ("too_long", [(P, "title: {zh: 建议, en: petition}", "title: {zh: 建议, en: ¦" + "x" * 4001 + "}")]),
    ("bad_choice", [(P, "year, type: integer", "year, type: ¦integr")]),
    ("bad_form", [(P, "initial: filed", "initial: ¦Filed")]),
    ("bad_form", [(P, "by: head of lead\n    form: [letter", "by: ¦head in lead\n    form: [letter")]),
    ("bad_form", [("petition_number", "format: 第{n:03d}号", "format: ¦第{m}号")]),
    ("reserved_name", [(P, "  main_ground: {", "  ¦class: {zh: 甲, en: x, type: text}\n  main_ground: {")]),
    ("reserved_name", [(P, "  remark:\n", "  ¦start:\n")]),
    ("repeated", [(P, "from: [filed, assigned]\n    by: office", "from: [filed, assigned, ¦filed]\n    by: office")]),
    ("callable", [(P, "number: petition_number", "number: ¦os.system")]),
    ("callable", [(P, "opens: opinions", "opens: ¦workflow.engine:open")]),
    ("unknown_key", [(P, "opens: opinions", "opens: opinions\n    ¦after: os.system")]),
    ("number_in_definition", [(P, "    round: returns", "    round: ¦2")]),
    ("number_in_definition", [(P, "opens: opinions", "opens: ¦3")]),
    ("out_of_range", [(P, "version: 1", "version: ¦0")]),
    ("not_integer", [(P, "version: 1", "version: ¦'1'")]),
    # what YAML 1.1 and 1.2 read differently
    ("quote_it", [(P, "title: {zh: 建议, en: petition}", "title: {zh: 建议, en: ¦10:00}")]),
    ("quote_it", [(P, "title: {zh: 建议, en: petition}", "title: {zh: 建议, en: ¦12:30:00}")]),
    ("quote_it", [(P, "title: {zh: 建议, en: petition}", "title: {zh: 建议, en: ¦2026-12-39}")]),
    ("quote_it", [(P, "title: {zh: 建议, en: petition}", "title: {zh: 建议, en: ¦2026-03-15}")]),
    ("quote_it", [(P, "title: {zh: 建议, en: petition}", "title: {zh: 建议, en: ¦on}")]),
    ("quote_it", [(P, "title: {zh: 建议, en: petition}", "title: {zh: 建议, en: ¦No}")]),
    ("quote_it", [(P, "title: {zh: 建议, en: petition}", "title: {zh: 建议, en: ¦0o17}")]),
    ("quote_it", [(P, "title: {zh: 建议, en: petition}", "title: {zh: 建议, en: ¦0x1F}")]),
    ("quote_it", [(P, "title: {zh: 建议, en: petition}", "title: {zh: 建议, en: ¦017}")]),
    ("quote_it", [(P, "title: {zh: 建议, en: petition}", "title: {zh: 建议, en: ¦1.5}")]),
    ("quote_it", [(P, "title: {zh: 建议, en: petition}", "title: {zh: 建议, en: ¦1e3}")]),
    ("quote_it", [(P, "title: {zh: 建议, en: petition}", "title: {zh: 建议, en: ¦.inf}")]),
    ("quote_it", [(P, "title: {zh: 建议, en: petition}", "title: {zh: 建议, en: ¦true}")]),
    ("quote_it", [("roles", "title: {zh: 角色, en: roles of persons}", "title: {zh: 角色, en: ¦2026}")]),
    ("quote_it", [("ground", "  personal: {", "  ¦no: {zh: 无, en: none}\n  personal: {")]),
    ("quote_it", [("ground", "  personal: {", "  ¦1: {zh: 一, en: one}\n  personal: {")]),
    ("not_a_date", [("land", "valid_from: 2025-03-12", "valid_from: ¦2026-12-39")]),
    ("not_a_date", [("land", "valid_from: 2025-03-12", "valid_from: ¦2025-3-12")]),
    ("not_a_date", [("land", "valid_from: 2025-03-12", "valid_from: ¦10:00")]),
    # codes, series, rules, calendars
    ("unknown_meaning", [("result_class", "en: solved, promises: false", "en: solved, promises: false, ¦promised: true")]),
    ("missing_meaning", [("result_class", "      A: {zh: 已解决, en: solved, promises: false}", "      ¦A: {zh: 已解决, en: solved}")]),
    ("meaning_type", [("result_class", "en: solved, promises: false", "en: solved, promises: ¦'false'")]),
    ("unknown_calendar", [("land", "calendar: cn", "calendar: ¦chn")]),
    ("calendar", [("cn", "makeup: [2025-01-26]", "makeup: [¦2025-01-27]")]),
    ("bad_form", [("cn", "  2025:\n", "  ¦'25':\n")]),
    ("not_a_date", [("cn", "off: {元旦: 2025-01-01}", "off: {元旦: ¦10:00}")]),
    ("unknown_place", [(C, "extends: land", "extends: ¦lands")]),
    ("extends_itself", [("land", "title: {zh: 全国", "extends: ¦land\ntitle: {zh: 全国")]),
    ("rule", [(C, "value: 10, unit: working_day", "value: ¦ten, unit: working_day")]),
    ("rule", [(C, "    outer: reply_outer\n", "    outer: nowhere\n"), (C, "  reply:\n", "  ¦reply:\n")]),
    ("bad_choice", [(C, "value: 10, unit: working_day", "value: 10, unit: ¦fortnight")]),
    ("beyond_statutory", [(C, "value: 2\n    unit: month", "value: ¦4\n    unit: month")]),
    ("beyond_statutory", [(C, "value: 2\n    unit: month", "value: ¦60\n    unit: calendar_day")]),
    # what is named is not there
    ("unknown_state", [(P, "initial: filed", "initial: ¦file")]),
    ("unknown_state", [(P, "    from: assigned\n    to: replied", "    from: assigned\n    to: ¦replid")]),
    ("unknown_state", [(P, "from: [assigned, replied]", "from: [assigned, ¦replid]")]),
    ("unknown_state", [(P, "done: [given, cancelled]", "done: [given, ¦canceled]")]),
    ("unknown_role", [(P, "start:\n  by: office", "start:\n  by: ¦ofice")]),
    ("unknown_role", [(P, "holder: [head of lead, clerk of lead]", "holder: [head of lead, ¦clark of lead]")]),
    ("unknown_relation", [(P, "holder: [head of lead, clerk of lead]", "holder: [head of lead, ¦clerk of leads]")]),
    ("unknown_relation", [(P, "holder: the signer", "holder: ¦the signers")]),
    ("unknown_relation", [(O, "barred: root.lead", "barred: ¦root.leads")]),
    ("unknown_relation", [(P, "relates: {signer: signers}", "relates: {signer: signers, ¦lads: signers}")]),
    ("unknown_relation", [(P, "one_per: co, as: unit", "one_per: co, as: ¦units")]),
    ("unknown_field", [(P, "form: [title?]", "form: [¦titel?]")]),
    ("unknown_field", [(P, "carries: [title]", "carries: [¦letter]")]),
    ("unknown_field", [("petition_number", "scope: [year]", "scope: [session]"),
                       (P, "number: petition_number", "number: ¦petition_number")]),
    ("unknown_event", [(P, "not_by: [reply]", "not_by: [¦replay]")]),
    ("unknown_event", [(P, "ends: {opinions: cancel}", "ends: {opinions: ¦cancle}")]),
    ("unknown_event", [(P, "starts: assign, stops: [reply, send_back]", "starts: ¦asign, stops: [reply, send_back]")]),
    ("unknown_event", [(P, "missed: urge", "missed: ¦urg")]),
    ("unknown_event", [(P, "extends: {extend: granted_until}", "extends: {¦extent: granted_until}")]),
    ("unknown_event", [(P, "then: opinions_in", "then: ¦opinion_in")]),
    ("unknown_slot", [(P, "opens: opinions", "opens: ¦opinion")]),
    ("unknown_slot", [(P, "ends: {opinions: cancel}", "ends: {¦opinion: cancel}")]),
    ("unknown_clock", [(P, "or_after: reply", "or_after: ¦replies")]),
    ("unknown_rule", [(P, "rule: reply,", "rule: ¦replay,")]),
    ("unknown_rule", [(P, "    round: returns", "    round: ¦return")]),
    ("unknown_rule", [(P, "join: all", "join: ¦most")]),
    ("unknown_codes", [(P, "codes: result_class", "codes: ¦result_clas")]),
    ("unknown_series", [(P, "number: petition_number", "number: ¦petition_numbers")]),
    ("unknown_definition", [(P, "definition: opinion,", "definition: ¦opinions,")]),
    ("unknown_definition", [(P, "form: [title?]", "form: [title?]\n    begets: ¦petitions")]),
    # what is named is of the wrong kind
    ("rule_unit", [(P, "    round: returns", "    round: ¦opinion")]),
    ("rule_unit", [(P, "rule: backdate", "rule: ¦returns")]),
    ("outer_mismatch", [(P, "outer: reply_outer", "outer: ¦opinion")]),
    ("relation_kind", [(P, "holder: the signer", "holder: ¦the lead")]),
    ("relation_kind", [(P, "holder: [head of lead, clerk of lead]", "holder: ¦head of signer")]),
    ("relation_kind", [(P, "relates: {lead: lead_unit, co: co_units}", "relates: {lead: ¦co_units, co: co_units}")]),
    ("relation_kind", [(O, "unit: {zh: 会办单位, en: unit, of: unit, one: true}", "unit: {zh: 会办单位, en: unit, of: person}"),
                       (O, "holder: clerk of unit", "holder: clerk"), (O, "    by: clerk of unit", "    by: clerk"),
                       (P, "one_per: co, as: unit", "one_per: co, as: ¦unit")]),
    ("field_type", [(O, "title: {zh: 标题, en: title, type: text}", "title: {zh: 标题, en: title, type: integer}"),
                    (P, "carries: [title]", "carries: [¦title]")]),
    ("not_in_form", [(P, "relates: {signer: signers}", "relates: {signer: ¦co_units}")]),
    ("not_in_form", [(P, "form: [granted_until]", "form: [seen_on]"),
                     (P, "extends: {extend: granted_until}", "extends: {extend: ¦granted_until}"),
                     (P, "co_units?, seen_on]", "co_units?, seen_on, granted_until]")]),
    ("not_a_date", [(P, "anchor: seen_on", "anchor: ¦lead_unit")]),
    ("not_a_person", [(P, "not_by: [reply]", "not_by: [¦urge]")]),
    ("not_a_person", [(P, "automatic: notice", "automatic: notice\n    ¦backdate: {by: office, rule: backdate}")]),
    ("not_a_timer", [(P, "missed: urge", "missed: ¦opinions_in")]),
    ("not_a_join", [(P, "then: opinions_in", "then: ¦urge")]),
    ("not_a_join", [(P, "ends: {opinions: cancel}", "ends: {opinions: ¦give}")]),
    ("not_a_join", [(O, "form: [opinion]", "form: [opinion]\n    raises: ¦reply")]),
    ("unknown_event", [(O, "form: [opinion]", "form: [opinion]\n    raises: ¦reopen")]),
    ("no_root", [(P, "form: [title?]", "form: [title?]\n    raises: ¦urge")]),
    ("name_twice", [(P, "  main_ground: {", "  year2: {zh: 甲, en: x, type: text}\n  main_ground: {"),
                    (P, "form: [title?]", "form: [year2]"), (P, "  signer: {", "  ¦year2: {zh: 甲, en: x, of: unit}\n  signer: {"),
                    (P, "    unbounded:", "    unrelates: year2\n    unbounded:")]),
    ("fact_collision", [(O, "  given: {", "  done: {"), (O, "to: given", "to: done"),
                        (P, "done: [given, cancelled]", "done: [done, cancelled]"), (P, "  opinions: {zh", "  ¦opinions: {zh")]),
    ("nested_family", [(O, "", "children:\n  ¦more: {zh: 甲, en: x, definition: note, overlay: true}\n"),
                       (O, "form: [opinion]", "form: [opinion]\n    opens: more"),
                       ("note", "", good()["opinion"].replace("definition: opinion", "definition: note")
                        .replace("barred: root.lead\n", "").replace("root.signer > 0 and root.clock.reply.running", "unit > 0")
                        .replace("relations:\n  unit:", "relations:\n  unit:"))]),
    ("too_many_keys", [(P, "join: all,", "¦join: all, overlay: true,")]),
    ("missing_key", [(P, "one_per: co, as: unit", "¦one_per: co")]),
    ("missing_key", [(P, "one_per: co, as: unit", "¦as: unit")]),
    ("missing_key", [(P, ", codes: result_class", ""), (P, "  result: {zh", "  ¦result: {zh")]),
    ("too_many_keys", [(P, "year, type: integer", "year, type: integer, ¦codes: ground")]),
    ("missing_key", [(O, "source: 市规定\n", ""), (O, "start:", "¦start:"), (O, "  give:", "  ¦give:"), (O, "  cancel:\n", "  ¦cancel:\n")]),
    ("bad_choice", [(P, "join: all,", "overlay: ¦false,"), (P, ", or_after: reply, then: opinions_in", ""),
                    (P, "done: [given, cancelled]", "carries: [title]"), (P, ", carries: [title]}", "}")]),
    ("end_with_holder", [(P, "en: concluded, end: true", "en: concluded, holder: ¦office, end: true")]),
    ("never_taken", [(P, "- {from: replied, to: assigned}", "- {from: replied, to: assigned}\n      - {from: ¦replied, to: filed}")]),
    # powers
    ("separation", [(O, "    by: clerk of unit", "    by: [clerk of unit, ¦head of root.lead]")]),
    ("separation", [(P, "", "barred: signer\n"), (P, "    by: the signer\n    when", "    by: ¦the signer\n    when"),
                    (P, "    by: the signer\n    not_by", "    by: office\n    not_by")]),
    ("automatic_decision", [(P, "    to: expired\n", "    to: ¦dropped\n")]),
    ("automatic_decision", [(O, "en: asked, holder: clerk of unit", "en: asked, holder: clerk of unit, decided: true"),
                            (O, "initial: asked", "initial: ¦asked")]),
    # guards, with the column inside the text
    ("guard_unknown_name", [(P, "when: opinions.joined and", "when: ¦opinion.joined and")]),
    ("guard_unknown_name", [(P, "rule.joint_survey and", "¦rule.joint_surveys and")]),
    ("guard_unknown_name", [(O, "root.signer > 0", "¦root.singer > 0")]),
    ("guard_type", [(P, "(not result.promises", "(not ¦result")]),
    ("guard_type", [(P, "or lead > 0)", "or ¦lead > 'a')")]),
    ("guard_type", [(P, "rule.joint_survey and", "¦rule.withdraw_until and")]),
    ("guard_number", [(P, "or lead > 0)", "or lead > ¦3)")]),
    ("guard_code", [(P, "when: main_ground == 'outside'", "when: ¦main_ground == 'inside'")]),
    ("guard_code", [(P, "or lead > 0)", "or ¦result == 'NORTH:A')")]),
    ("guard_not_allowed", [(P, "or lead > 0)", "or ¦__import__('os'))")]),
    ("guard_syntax", [(P, "(not result.promises or lead > 0)", "(not result.promises or lead > ¦)")]),
    ("guard_constant", [(P, "when: seen_on < '2026-12-31' and rule.withdraw_until != 'never' and 'city' in rule.levels", "when: ¦'true'")]),
]  # fmt: skip


@pytest.mark.parametrize(("code", "changes"), CASES, ids=[f"{n}-{case[0]}" for n, case in enumerate(CASES)])
def test_a_refusal_says_where(code: str, changes: list[tuple[str, str, str]]) -> None:
    files = broken(*changes)
    assert_faults(files, *[code] * max(1, sum(text.count("¦") for text in files.values())))


def test_the_good_library_is_good() -> None:
    assert check_texts(good()) == ()
    assert check(GOOD) == ()


def test_every_code_of_a_refusal_is_tested_here() -> None:
    """A new refusal needs a case above; the few that need more than a changed file are tested below."""
    sources = "".join((ROOT / "workflow" / f"{name}.py").read_text() for name in MODULES)
    codes = {code for code in re.findall(r'"([a-z][a-z0-9]*(?:_[a-z0-9]+)*)",\s*(?:f?"|zh)[^"]*[一-鿿]', sources)}
    assert codes >= {"unknown_key", "guard_type", "beyond_statutory"}, "the pattern finds no codes any more"
    below = {"alias", "too_deep", "too_many_nodes", "too_large", "not_utf8", "unreadable", "internal", "no_files", "content",
             "too_many_files", "guard_too_long"}  # fmt: skip
    assert codes - {case[0] for case in CASES} - below == set()


MODULES = ("yaml_reader", "shapes", "grammar", "references", "rulebooks", "loader", "guards")


def test_every_fault_of_every_file_at_once() -> None:
    files = broken(
        (P, "initial: filed", "initial: file"),
        (P, "opens: opinions", "opens: opinion"),
        (P, "    round: returns", "    round: 2"),
        (O, "by: clerk of unit", "by: clark of unit"),
        ("cn", "makeup: [2025-01-26]", "makeup: [2025-01-27]"),
        ("land", "unit: month\n    roll", "unit: months\n    roll"),
        ("roles", "en: office}", "en: office, level: 1}"),
    )
    assert {code for code, *_ in found(files)} == {
        "unknown_state", "unknown_slot", "number_in_definition", "unknown_role", "calendar", "bad_choice", "unknown_meaning",
    }  # fmt: skip


def test_an_error_lists_all_faults_with_their_place(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("series: s\ntitel: {zh: 甲, en: x}\nformat: '{n}'\n")
    (tmp_path / "b.yaml").write_text("codes: [c]\n")
    with pytest.raises(DefinitionError) as caught:
        load_definitions(tmp_path)
    told = str(caught.value)
    assert f"{tmp_path}/a.yaml:2:1:" in told
    assert "did you mean title?" in told
    assert f"{tmp_path}/b.yaml:1:8:" in told


def test_a_faulty_file_does_not_accuse_the_others() -> None:
    """What an unreadable file would have declared is unknown, and so is nobody's fault."""
    for name in good():
        files = broken((name, "", "\n%%%: [\n"))
        assert {file for _, file, _, _ in found(files)} == {name}


def test_the_deepest_surprise_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(loader.References, "check", explode)
    assert {code for code, *_ in found(good())} == {"internal"}


def test_a_folder_without_files_and_a_missing_one(tmp_path: Path) -> None:
    assert [f.code for f in check(tmp_path)] == ["no_files"]
    assert [f.code for f in check(tmp_path / "nowhere")] == ["no_files"]


def test_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "MAX_FILES", 3)
    assert "too_many_files" in [f.code for f in check(GOOD)]


def test_an_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").symlink_to(tmp_path / "gone")
    assert [f.code for f in check(tmp_path)] == ["unreadable"]


def test_hidden_files_and_folders_are_not_read(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.yaml").write_text("[")
    (tmp_path / ".x.yaml").write_text("[")
    assert [f.code for f in check(tmp_path)] == ["no_files"]


# --- what a good library says --------------------------------------------------------------------------


def test_the_library() -> None:
    library = load_definitions(GOOD)
    petition = library.definition("petition")
    assert library.default_place == "city"
    assert library.calendar_of().name == library.calendar_of("land").name == "cn"
    assert set(library.definitions) == {"petition", "opinion"}
    assert set(library.roles.values) == {"office", "clerk", "head"}
    assert library.codes["result_class"].values["NORTH:B"].meanings == {"promises": True}
    assert petition.states["assigned"].holder == (
        Holder(role="head", relation="lead"),
        Holder(role="clerk", relation="lead"),
    )
    assert library.definition("opinion").barred == (Holder(relation="lead", of_root=True),)
    assert petition.events["accept"].moves[1].when is None
    assert petition.events["assign"].source == "第51条"
    assert petition.events["send_back"].source == "第8条"
    assert petition.events["extend"].moves[0].to is None
    for ask in (library.definition, library.place):
        with pytest.raises(NotFound, match=r"city|petition"):
            ask("nowhere")


def test_a_place_can_be_chosen() -> None:
    library = load_definitions(GOOD, place="city")
    assert library.book() is library.place("city")
    with pytest.raises(DefinitionError, match="unknown place"):
        load_definitions(GOOD, place="town")
    # what the definitions need, the bare law does not have
    assert "unknown_rule" in [f.code for f in check(GOOD, place="land")]


def test_an_override_stays_statutory_and_under_the_outer_limit() -> None:
    book = load_definitions(GOOD).book()
    (rule,) = (rule for rule in book.rules if rule.id == "reply")
    assert (rule.value, rule.statutory, rule.outer) == (2, True, "reply_outer")


def test_outside_its_days_an_override_leaves_the_law() -> None:
    files = broken((C, "    outer: reply_outer\n", "    valid_from: 2026-01-01\n    valid_until: 2026-12-31\n"))
    shelf = loader._Shelf(loader._read_texts(files), None)
    shelf.read()
    assert shelf.faults() == ()
    rules = [rule for rule in shelf.books["city"].rules if rule.id == "reply"]
    assert sorted((str(rule.valid_from), str(rule.valid_until), rule.value, rule.outer) for rule in rules) == [
        ("2025-03-12", "2025-12-31", 3, "reply_outer"),
        ("2026-01-01", "2026-12-31", 2, "reply_outer"),
        ("2027-01-01", "None", 3, "reply_outer"),
    ]


def test_notice_in_advance_may_be_longer_never_shorter() -> None:
    law = "  ahead: {zh: 会前, en: ahead, value: 3, unit: calendar_day, direction: before, statutory: true, source: 第9条, confidence: S}\n"
    for value, fine in ((5, True), (3, True), (2, False)):
        own = f"  ahead: {{zh: 会前, en: ahead, value: {value}, unit: calendar_day, direction: before, source: 市, confidence: m}}\n"
        codes = {code for code, *_ in found(broken(("land", "", law), (C, "", own)))}
        assert codes == (set() if fine else {"beyond_statutory"})


def test_versions_live_side_by_side() -> None:
    files = good()
    files["opinion2"] = files["opinion"].replace("version: 1", "version: 2").replace("zh: 会办,", "zh: 会办意见,")
    assert check_texts(files) == ()
    library = loader._library(loader._Shelf(loader._read_texts(files), None))
    assert library.definition("opinion").version == 2
    assert sorted(d.version for d in library.versions.values() if d.name == "opinion") == [1, 2]


# --- content and hash ----------------------------------------------------------------------------------


def test_a_definition_comes_back_from_its_content() -> None:
    library = load_definitions(GOOD)
    for definition in library.definitions.values():
        for again in (definition_from_content(definition.content, library), definition_from_content(definition.content)):
            assert again == definition
            assert again.hash == definition.hash
    facts = {"seen_on": "2026-01-01", "rule.withdraw_until": "x", "rule.levels": ["city"]}
    guard = definition_from_content(library.definition("petition").content).events["drop"].when
    assert guard is not None
    assert guard.evaluate(facts).holds


@pytest.mark.parametrize("content", ["", "[", "[]", "{}", "1", "null", '{"definition":"x"}', "[" * 100_000])
def test_broken_content_is_a_definition_error(content: str) -> None:
    with pytest.raises(DefinitionError):
        definition_from_content(content)


def test_comments_and_order_do_not_change_the_hash_but_words_do() -> None:
    def hashes(files: dict[str, str]) -> set[str]:
        library = loader._library(loader._Shelf(loader._read_texts(files), None))
        return set(library.versions)

    assert hashes(broken((P, "initial: filed", "# a comment\n\ninitial:   filed"))) == hashes(good())
    moved = broken((P, "initial: filed\n", ""), (P, "", "initial: filed\n"))
    assert hashes(moved) == hashes(good())
    assert len(hashes(broken((P, "zh: 备注", "zh: 批注"))) & hashes(good())) == 1


# --- hostile files -------------------------------------------------------------------------------------

HOSTILE = {
    "billion laughs": (b"a: &a [x,x]\n" + b"".join(b"%c: &%c [*%c,*%c]\n" % (c + 1, c + 1, c, c) for c in range(97, 121)), "anchor"),
    "merge-key bomb": (b"a: &a {x: 1}\n" + b"".join(b"b%d: &b%d {<<: [*a, *a]}\n" % (i, i) for i in range(20_000)), "anchor"),
    "100,000 [": (b"[" * 100_000, "too_deep"),
    "100,000 {a:": (b"{a: " * 100_000, "too_deep"),
    "100,000 -": (b"- " * 100_000, "too_deep"),
    "deep nested maps": (b"".join(b" " * i + b"a:\n" for i in range(1000)), "too_deep"),
    "1e6 keys": (b"{" + b",".join(b"k%d" % i for i in range(1_000_000)) + b"}", "too_large"),
    "100,000 keys": (b"{" + b",".join(b"k%d" % i for i in range(100_000)) + b"}", "too_many_nodes"),
    "100,000 equal keys": (b"a: 1\n" * 100_000, "duplicate_key"),
    "5,000 unknown keys": (b"codes: c\n" + b"".join(b"k%d: 1\n" % i for i in range(5_000)), "unknown_key"),
    "invalid UTF-8": (b"a: b\nc: \xff\xfe", "not_utf8"),
    "UTF-16": ("a: b".encode("utf-16"), "not_utf8"),
    "NUL": (b"a: \x00", "control_character"),
    "one long text": (b"series: '" + b"x" * 1_000_000 + b"'", "too_long"),
    "one long number": (b"series: " + b"9" * 1_000_000, "too_long"),
    "nearly a number": (b"series: 1" + b"_1" * 400_000 + b"z", "too_long"),
    "an unfinished text": (b'a: "' + b"x" * 1_000_000, "yaml_syntax"),
    "quotation marks": (b'"' * 1_000_000, "yaml_syntax"),
    "question marks": (b"? " * 400_000, "key_not_text"),
    "anchors": (b"&a " * 300_000, "anchor"),
    "a tag": (b"a: !!python/object/apply:os.system [id]", "tag"),
    "a date that is none": (b"series: 2026-12-39", "quote_it"),
    "a time": (b"series: 10:00", "quote_it"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_a_fault_soon_and_small(name: str) -> None:
    content, code = HOSTILE[name]
    best = float("inf")
    for _ in range(3):  # the machine may be busy; the file is not to blame for that
        start = time.process_time()
        faults = check_texts({"x": content})
        best = min(best, time.process_time() - start)
    assert best < 0.2
    assert code in {fault.code for fault in faults}
    tracemalloc.start()
    check_texts({"x": content})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 << 20


@pytest.mark.parametrize("name", ["billion laughs", "100,000 [", "deep nested maps", "merge-key bomb", "a tag", "invalid UTF-8"])
def test_the_parser_in_python_refuses_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_reader, "_LOADER", yaml.SafeLoader)
    content, code = HOSTILE[name]
    assert code in {fault.code for fault in check_texts({"x": content})}


def test_a_file_of_50_megabytes_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(50 << 20)
    start = time.perf_counter()
    tracemalloc.start()
    assert [(f.code, f.line, f.column) for f in check(tmp_path)] == [("too_large", 1, 1)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert time.perf_counter() - start < 0.2
    assert peak < 1 << 20


def test_hostile_files_do_not_kill_the_process(tmp_path: Path) -> None:
    """In a process of its own, with 64 MB more than it has at the start."""
    for number, (content, _) in enumerate(HOSTILE.values()):
        (tmp_path / f"{number}.yaml").write_bytes(content)
    script = textwrap.dedent(
        """
        import resource, sys
        from workflow.loader import check
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        faults = check(sys.argv[1])
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used < 64 * 1024
        print(len({fault.file for fault in faults}))
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, str(len(HOSTILE))), done.stderr


def test_an_alias_without_an_anchor_is_refused() -> None:
    assert ("alias", "x", 1, 4) in found({"x": "a: *b\n"})


def test_other_kinds_are_read_just_as_safely(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("scenario: s\nsteps:\n  - {on: 2026-01-05, do: [a, true, 3, null]}\n".replace("{on", "{'on'"))
    assert check_texts({"x": path.read_bytes()}) == ()
    assert read_plain(path) == {"scenario": "s", "steps": [{"on": "2026-01-05", "do": ["a", True, 3, None]}]}
    path.write_text("scenario: s\nat: 10:00\n")
    with pytest.raises(DefinitionError, match="2:5"):
        read_plain(path)
    with pytest.raises(DefinitionError, match="larger|无法|cannot"):
        read_plain(tmp_path / "gone.yaml")


# --- fuzz ----------------------------------------------------------------------------------------------

FUZZ = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PIECES = st.sampled_from(
    ["[", "]", "{", "}", ":", ": ", "- ", "? ", "&a", "*a", "!!x", "<<", "#", "|", ">", "'", '"', "%", "---\n", "...", "\n", " ",
     "\t", "\x00", "\ufeff", "2026-12-39", "10:00", "!!timestamp foo", "=", "~", "null", "definition", "甲", "\U0001f600", "@", "`"]
)  # fmt: skip


@FUZZ
@given(st.binary(max_size=400))
def test_any_bytes_are_a_fault_or_a_file(content: bytes) -> None:
    assert check_texts({"x": content})


@FUZZ
@given(st.lists(PIECES, max_size=60).map("".join))
def test_any_pieces_of_yaml_are_a_fault_or_a_file(content: str) -> None:
    assert check_texts({"x": content})


@FUZZ
@given(st.data())
def test_mutated_good_files_raise_nothing_else(data: st.DataObject) -> None:
    files = good()
    name = data.draw(st.sampled_from(sorted(files)))
    text = files[name]
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 12)))
        text = text[:start] + data.draw(st.one_of(PIECES, st.text(max_size=4))) + text[end:]
    files[name] = text
    for fault in check_texts(files):
        assert fault.code != "internal", fault
        assert fault.line >= 1
        assert fault.column >= 1


# --- the schema for editors ----------------------------------------------------------------------------

SCHEMA = json.loads((ROOT / "workflow" / "definition.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def _plain(text: str) -> object:
    """As an editor reads it: by YAML 1.2, where a date is a text."""

    def plain(node: yaml_reader.Node) -> object:
        if isinstance(node, yaml_reader.Pairs):
            return {key: plain(value) for key, (_, value) in node.pairs.items()}
        return [plain(item) for item in node.items] if isinstance(node, yaml_reader.Items) else node.value

    tree = yaml_reader.read(text.encode(), Faults("x"))
    assert tree is not None
    return plain(tree)


def test_the_schema_file_is_the_one_of_the_loader() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert grammar.json_schema() == SCHEMA, "write json.dumps(json_schema(), ensure_ascii=False, indent=2) into it"


def test_the_calendar_knows_the_same_keys() -> None:
    assert set(grammar.CALENDAR.keys) == KEYS
    assert set(grammar.YEAR.keys) == YEAR_KEYS


@pytest.mark.parametrize("path", [*sorted(GOOD.glob("*.yaml")), *sorted((ROOT / "definitions").rglob("*.yaml"))], ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_every_good_file_fits_the_schema(path: Path) -> None:
    VALIDATOR.validate(_plain(path.read_text(encoding="utf-8")))


def _documents(shape: object) -> st.SearchStrategy[object]:
    """Documents of a shape, as far as structure goes."""
    if isinstance(shape, Record):
        required = {name: _documents(s) for name, s in shape.required.items()}
        optional = {name: _documents(s) for name, s in shape.optional.items()}
        return st.fixed_dictionaries(required, optional=optional).flatmap(lambda d: _choose(shape, d))
    if isinstance(shape, Table):
        return st.dictionaries(_keys(shape.name), _documents(shape.item), min_size=shape.least, max_size=2)
    if isinstance(shape, Many):
        return st.lists(_documents(shape.item), min_size=shape.least, max_size=2, unique_by=json.dumps)
    if isinstance(shape, OneOrMany):
        return _documents(shape.item)
    if isinstance(shape, Either):
        return st.one_of(_documents(shape.pairs), _documents(shape.other))
    if isinstance(shape, OneOf):
        return st.one_of(*map(_documents, shape.shapes))
    return _scalars(shape)


def _choose(shape: Record, document: dict[str, object]) -> st.SearchStrategy[object]:
    """Exactly one key of each group."""
    chosen = st.tuples(*(st.sampled_from(group) for group in shape.one_of))

    def keep(names: tuple[str, ...]) -> st.SearchStrategy[object]:
        others = {name for group in shape.one_of for name in group} - set(names)
        rest = {key: value for key, value in document.items() if key not in others}
        return st.fixed_dictionaries({name: _documents(shape.keys[name]) for name in names}).map(lambda d: {**rest, **d})

    return chosen.flatmap(keep)


def _keys(shape: object) -> st.SearchStrategy[str]:
    return _scalars(shape).map(str)


def _scalars(shape: object) -> st.SearchStrategy[object]:
    schema = shape.schema()  # type: ignore[attr-defined]
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("type") == "boolean":
        return st.booleans()
    if schema.get("type") == "integer":
        return st.integers(schema["minimum"], min(schema["maximum"], 99))
    if schema.get("format") == "date":
        return st.dates().map(lambda day: day.isoformat())
    if schema.get("maxLength"):
        return st.text("甲乙ab :#-'{}[]&*!", min_size=1, max_size=8).filter(lambda text: text.strip())
    pattern = schema["pattern"]
    banned = schema.get("not", {}).get("enum", ())
    if "\\d" in pattern:
        return st.dates().map(lambda day: f"{day.isoformat()}")
    fitting = st.from_regex(pattern.removesuffix("$") + r"\Z", fullmatch=True)
    return fitting.filter(lambda text: text not in banned and len(text) < 60 and text.isprintable())


STRUCTURAL = {
    "unknown_key", "missing_key", "too_many_keys", "not_a_mapping", "not_a_list", "not_text", "not_boolean", "not_integer",
    "bad_form", "bad_choice", "quote_it", "out_of_range", "empty", "number_in_definition", "reserved_name", "not_a_date", "callable",
}  # fmt: skip
"""What the schema promises to have looked at; `missing_key` also has causes the schema cannot see."""


@pytest.mark.parametrize("kind", grammar.KINDS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_the_schema_allows_has_the_right_structure(kind: str, data: st.DataObject) -> None:
    document = data.draw(_documents(grammar.KINDS[kind]))
    VALIDATOR.validate(document)
    faults = Faults("x")
    tree = yaml_reader.read(_first(kind, document), faults)
    assert tree is not None, faults.found
    source = loader.Source(faults, kind)
    grammar.KINDS[kind].check(tree, (), source)
    assert not {fault.code for fault in faults.found} & STRUCTURAL, faults.found


def _first(kind: str, document: object) -> bytes:
    assert isinstance(document, dict)
    ordered = {kind: document[kind], **document}
    return json.dumps(ordered, ensure_ascii=False).encode()


def _renamed(document: object, shape: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """The paths of all keys of a document that are the language's and not the author's."""
    if isinstance(shape, Record) and isinstance(document, dict):
        own = [(*path, key) for key in document if key in shape.keys]
        return own + [p for key in document if key in shape.keys for p in _renamed(document[key], shape.keys[key], (*path, key))]
    if isinstance(shape, Table) and isinstance(document, dict):
        return [p for key, value in document.items() for p in _renamed(value, shape.item, (*path, key))]
    if isinstance(shape, (Many, OneOrMany)):
        items = document if isinstance(document, list) else [document]
        steps = [(index,) for index in range(len(items))] if isinstance(document, list) else [()]
        return [p for item, step in zip(items, steps, strict=True) for p in _renamed(item, shape.item, (*path, *step))]
    if isinstance(shape, Either):
        inner = shape.pairs if isinstance(document, dict) else shape.other
        return _renamed(document, inner, path)
    return []


def _rename(document: object, path: tuple[object, ...]) -> object:
    if len(path) == 1 and isinstance(document, dict):
        return {f"{key}x" if key == path[0] else key: value for key, value in document.items()}
    if isinstance(document, dict):
        return {key: _rename(value, path[1:]) if key == path[0] else value for key, value in document.items()}
    assert isinstance(document, list)
    return [_rename(value, path[1:]) if index == path[0] else value for index, value in enumerate(document)]


@pytest.mark.parametrize("path", sorted(GOOD.glob("*.yaml")), ids=lambda p: p.stem)
def test_every_renamed_key_is_refused_by_both(path: Path) -> None:
    document = _plain(path.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    kind = next(iter(document))
    paths = _renamed(document, grammar.KINDS[kind])
    assert len(paths) >= len(grammar.KINDS[kind].required)
    for where in paths:
        changed = _rename(document, where)
        if kind == "codes" and where[-1] in ("source", "confidence") and "values" in where[:-1]:
            continue  # a code may carry what its list declares, and the schema cannot know the list
        assert not VALIDATOR.is_valid(changed), where
        text = json.dumps(changed, ensure_ascii=False)
        assert check_texts({**good(), path.stem: text}), where
