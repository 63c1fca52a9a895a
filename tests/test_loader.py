"""Every refusal of the loader, each with the smallest file that earns it, by code and place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import tracemalloc
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workflow import loader, yaml_reader
from workflow.definition import Holder
from workflow.errors import DefinitionError, NotFound
from workflow.loader import check, check_texts, definition_from_content, load_definitions, read_plain
from workflow.shapes import Loose, Source
from workflow.yaml_reader import Faults

from .broken import GOOD, MARK, MODULES, TIMES, assert_faults, broken, fault_codes, found, good, source_of
from .effort import at_most
from .refusals import CASES, CHILD, CITY, PARENT

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(("code", "changes"), CASES, ids=[f"{n}-{case[0]}" for n, case in enumerate(CASES)])
def test_a_refusal_says_where(code: str, changes: list[tuple[str, str, str]]) -> None:
    files = broken(*changes)
    assert_faults(files, *[code] * max(1, sum(text.count(MARK) for text in files.values())))


def test_the_good_library_is_good() -> None:
    assert check_texts(good()) == ()
    assert check(GOOD) == ()


def test_every_code_of_a_refusal_is_tested_here() -> None:
    """A new refusal needs a case above; the few that need more than a changed file are tested below."""
    codes = fault_codes(source_of(*MODULES))
    assert codes >= {"unknown_key", "guard_type", "beyond_statutory"}, "the pattern finds no codes any more"
    below = {"alias", "too_deep", "too_many_nodes", "too_large", "not_utf8", "unreadable", "internal", "no_files", "content",
             "too_many_files", "guard_too_long"}  # fmt: skip
    assert codes - {case[0] for case in CASES} - below == set()


def test_story_G02_every_fault_of_every_file_at_once() -> None:
    files = broken(
        (PARENT, "initial: filed", "initial: file"),
        (PARENT, "opens: opinions", "opens: opinion"),
        (PARENT, "    round: returns", "    round: 2"),
        (CHILD, "by: clerk of unit", "by: clark of unit"),
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


@pytest.mark.parametrize("section", ["states", "events", "fields", "relations", "clocks", "children"])
def test_a_misspelt_section_is_told_once(section: str) -> None:
    """What stands below it is read as what was meant: nothing that names its parts is accused."""
    files = broken((PARENT, f"\n{section}:", f"\n{section[:-1]}z:"))
    assert [(code, file) for code, file, _, _ in found(files)] == [("unknown_key", PARENT)]


def test_the_deepest_surprise_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(loader.References, "check", explode)
    assert {code for code, *_ in found(good())} == {"internal"}


def test_a_file_with_too_many_faults_is_left_there() -> None:
    rest = "unit: month, zh: 甲, en: x, source: 第9条, confidence: S"
    late = "".join(f"  r{n}: {{value: {n}, outer: nowhere, {rest}}}\n" for n in range(300))
    wrong = "".join(f"  r{n}: {{value: x, {rest}}}\n" for n in range(300))
    for more in (late, wrong):
        for name in ("city", "land"):
            codes = [fault.code for fault in check_texts(broken((name, "", more)))]
            assert codes == ["rule"] * yaml_reader.MAX_FAULTS
    events = "".join(f"  e{n}: {{zh: 甲, en: x, from: nowhere, by: office}}\n" for n in range(300))
    codes = [fault.code for fault in check_texts(broken(("petition", "clocks:\n", f"{events}clocks:\n")))]
    assert codes == ["unknown_state"] * yaml_reader.MAX_FAULTS
    values = "".join(f"  v{n}: {{zh: 甲, en: x, more: b}}\n" for n in range(300))
    codes = [fault.code for fault in check_texts(broken(("ground", "", values)))]
    assert codes == ["unknown_meaning"] * yaml_reader.MAX_FAULTS


def test_a_surprise_in_the_rules_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(loader, "rule_books", explode)
    assert {code for code, *_ in found(good())} == {"internal"}


def test_a_folder_without_files_and_a_missing_one(tmp_path: Path) -> None:
    assert [f.code for f in check(tmp_path)] == ["no_files"]
    assert [f.code for f in check(tmp_path / "nowhere")] == ["no_files"]


def test_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "MAX_FILES", 3)
    assert "too_many_files" in [f.code for f in check(GOOD)]


def test_an_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").symlink_to(tmp_path / "gone")
    os.mkfifo(tmp_path / "y.yaml")  # to open it would wait for somebody who writes
    assert [(Path(f.file).name, f.code) for f in check(tmp_path)] == [
        ("x.yaml", "unreadable"),
        ("y.yaml", "unreadable"),
    ]


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
    files = broken(
        (CITY, "    outer: reply_outer\n", "    valid_from: 2026-01-01\n    valid_until: 2026-12-31\n")
    )
    shelf = loader._Shelf(loader._read_texts(files), None)
    shelf.read()
    assert shelf.faults() == ()
    rules = [rule for rule in shelf.books["city"].rules if rule.id == "reply"]
    assert sorted(
        (str(rule.valid_from), str(rule.valid_until), rule.value, rule.outer) for rule in rules
    ) == [
        ("2025-03-12", "2025-12-31", 3, "reply_outer"),
        ("2026-01-01", "2026-12-31", 2, "reply_outer"),
        ("2027-01-01", "None", 3, "reply_outer"),
    ]


def test_notice_in_advance_may_be_longer_never_shorter() -> None:
    rest = "unit: calendar_day, direction: before, zh: 会前, en: ahead, source: 第9条, confidence: S"
    law = f"  ahead: {{value: 3, statutory: true, {rest}}}\n"
    for value, fine in ((5, True), (3, True), (2, False)):
        own = f"  ahead: {{value: {value}, {rest}}}\n"
        codes = {code for code, *_ in found(broken(("land", "", law), (CITY, "", own)))}
        assert codes == (set() if fine else {"beyond_statutory"})


def test_versions_live_side_by_side() -> None:
    files = good()
    files["opinion2"] = (
        files["opinion"].replace("version: 1", "version: 2").replace("zh: 会办,", "zh: 会办意见,")
    )
    assert check_texts(files) == ()
    library = loader._library(loader._Shelf(loader._read_texts(files), None))
    assert library.definition("opinion").version == 2
    assert sorted(d.version for d in library.versions.values() if d.name == "opinion") == [1, 2]


# --- content and hash ----------------------------------------------------------------------------------


def test_a_definition_comes_back_from_its_content() -> None:
    library = load_definitions(GOOD)
    for definition in library.definitions.values():
        for again in (
            definition_from_content(definition.content, library),
            definition_from_content(definition.content),
        ):
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

    assert hashes(broken((PARENT, "initial: filed", "# a comment\n\ninitial:   filed"))) == hashes(good())
    moved = broken((PARENT, "initial: filed\n", ""), (PARENT, "", "initial: filed\n"))
    assert hashes(moved) == hashes(good())
    assert len(hashes(broken((PARENT, "zh: 备注", "zh: 批注"))) & hashes(good())) == 1


# --- hostile files -------------------------------------------------------------------------------------

HOSTILE = {
    "billion laughs": (
        b"a: &a [x,x]\n" + b"".join(b"%c: &%c [*%c,*%c]\n" % (c + 1, c + 1, c, c) for c in range(97, 121)),
        "anchor",
    ),
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


CALLS = 500_000
"""less than half of what the shipped definitions cost, which are 4,800 lines"""


@pytest.mark.timeout(60)  # a pattern that runs away inside the library of C would call nothing
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_a_fault_soon_and_small(name: str) -> None:
    content, code = HOSTILE[name]
    with at_most(CALLS):
        faults = check_texts({"x": content})
    assert code in {fault.code for fault in faults}
    tracemalloc.start()
    check_texts({"x": content})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 << 20


@pytest.mark.parametrize(
    "name", ["billion laughs", "deep nested maps", "merge-key bomb", "a tag", "invalid UTF-8"]
)
def test_the_parser_in_python_refuses_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_reader, "_LOADER", yaml.SafeLoader)
    content, code = HOSTILE[name]
    assert code in {fault.code for fault in check_texts({"x": content})}


def test_a_file_of_50_megabytes_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(50 << 20)
    tracemalloc.start()
    assert [(f.code, f.line, f.column) for f in check(tmp_path)] == [("too_large", 1, 1)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
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
    path.write_text(
        "scenario: s\nsteps:\n  - {on: 2026-01-05, do: [a, true, 3, null]}\n".replace("{on", "{'on'")
    )
    assert check_texts({"x": path.read_bytes()}) == ()
    assert read_plain(path) == {"scenario": "s", "steps": [{"on": "2026-01-05", "do": ["a", True, 3, None]}]}
    path.write_text("scenario: s\nat: 10:00\n")
    with pytest.raises(DefinitionError, match="2:5"):
        read_plain(path)
    with pytest.raises(DefinitionError, match="cannot be read"):
        read_plain(tmp_path / "gone.yaml")


# --- fuzz ----------------------------------------------------------------------------------------------

FUZZ = settings(max_examples=80 * TIMES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PIECES = st.sampled_from(
    ["[", "]", "{", "}", ":", ": ", "- ", "? ", "&a", "*a", "!!x", "<<", "#", "|", ">", "'", '"', "%", "---\n", "...", "\n", " ",
     "\t", "\x00", "\ufeff", "2026-12-39", "10:00", "!!timestamp foo", "=", "~", "null",
     "definition", "甲", "\U0001f600", "@", "`"]
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


VALUES = st.sampled_from(
    [None, [], {}, "x", "filed", "lead", "reply", "the lead", "a.b", 3, True, ["x"], ["assign", "assign"], {"x": "y"},
     {"zh": "甲"}]
)  # fmt: skip


def _places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, dict):
        return [path, *(p for key, item in value.items() for p in _places(item, (*path, key)))]
    if isinstance(value, list):
        return [path, *(p for index, item in enumerate(value) for p in _places(item, (*path, index)))]
    return [path]


@FUZZ
@given(st.data())
def test_other_values_in_good_files_raise_nothing_else(data: st.DataObject) -> None:
    files: dict[str, bytes | str] = {**good()}
    name = data.draw(st.sampled_from(sorted(files)))
    faults = Faults("x")
    tree = yaml_reader.read(good()[name].encode(), faults)
    assert tree is not None
    document = Loose().check(tree, (), Source(faults))
    *way, last = data.draw(st.sampled_from(_places(document)[1:]))
    place = document
    for step in way:
        place = place[step]
    if data.draw(st.booleans()):
        place[last] = data.draw(VALUES)
    else:
        del place[last]
    files[name] = json.dumps(document, ensure_ascii=False)
    for fault in check_texts(files):
        assert fault.code != "internal", fault
