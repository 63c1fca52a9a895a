"""docs/invariants.md is true, each of the 39 has a mutant that still fits the tree, and two of them are really run."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest

from .mutants import HERE, ROOT, Mutant, Tree, broken, mutants, run

PAGE = (ROOT / "docs" / "invariants.md").read_text("utf-8")
ROWS = re.findall(r"^\| (\d+) \| (.+?) \| ([DEB ]+) \| (.+?) \|$", PAGE, re.MULTILINE)
ALL = mutants()
SAMPLE = ("05-no-reasons", "36-the-scheduler-decides")


def named(cell: str) -> list[str]:
    return re.findall(r"`([\w/]+\.py)::(\w+)`", cell)


def test_all_thirty_nine_are_on_the_page_and_have_a_mutant() -> None:
    assert [int(number) for number, *_ in ROWS] == list(range(1, 40))
    assert {mutant.invariant for mutant in ALL} == set(range(1, 40))


@pytest.mark.parametrize(("number", "text", "layers", "cell"), ROWS, ids=lambda value: value[:20])
def test_the_named_tests_exist(number: str, text: str, layers: str, cell: str) -> None:
    assert text.endswith(".")
    assert set(layers.split()) <= set("DEB")
    tests = named(cell)
    assert tests
    for file, test in tests:
        source = (ROOT / "tests" / file).read_text("utf-8")
        assert re.search(rf"^def {test}\(", source, re.MULTILINE), f"{file}::{test}"


@pytest.mark.parametrize(("number", "text", "layers", "cell"), ROWS, ids=lambda value: value[:20])
def test_where_the_database_is_a_layer_a_test_runs_on_both(
    number: str, text: str, layers: str, cell: str
) -> None:
    if "B" not in layers:
        return
    both = ("ready_url", "office: Office", "unguarded: Office", "database_url", "town: Engine")
    bodies = [
        (ROOT / "tests" / file).read_text("utf-8").partition(f"def {test}(")[2][:300]
        for file, test in named(cell)
    ]
    assert any(fixture in body for body in bodies for fixture in both)


@pytest.mark.parametrize("mutant", ALL, ids=lambda mutant: mutant.name)
def test_the_mutant_fits_the_tree_and_the_page(mutant: Mutant, tmp_path: Path) -> None:
    for edit in mutant.edits:
        (tmp_path / edit.file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / edit.file).write_text((ROOT / edit.file).read_text("utf-8"), "utf-8")
    with broken(mutant, tmp_path):
        assert any(
            (tmp_path / e.file).read_text("utf-8") != (ROOT / e.file).read_text("utf-8") for e in mutant.edits
        )
    cell = next(cell for number, *_, cell in ROWS if int(number) == mutant.invariant)
    file, _, test = mutant.test.removeprefix("tests/").partition("::")
    assert (file, test.partition("[")[0]) in named(cell)
    assert (HERE / f"{mutant.name}.toml").is_file()
    assert mutant.breaks


@pytest.mark.timeout(300)
def test_two_of_them_are_caught(tmp_path: Path) -> None:
    with closing(Tree(tmp_path)) as tree:
        for mutant in (m for m in ALL if m.name in SAMPLE):
            verdict = run(mutant, tree)
            assert verdict.caught_by == "test", verdict.output


def test_a_mutant_that_nobody_sees_is_not_caught(tmp_path: Path) -> None:
    """The runner does not take a passing test, or one that is not there, for a catch."""
    harmless = Mutant(
        "00-harmless", 0, "nothing", "tests/test_places.py::test_the_table_has_all_forty_two", ()
    )
    missing = Mutant("00-missing", 0, "nothing", "tests/test_places.py::test_nothing_of_the_kind", ())
    with closing(Tree(tmp_path)) as tree:
        assert run(harmless, tree).caught_by == ""
        assert run(missing, tree).caught_by == ""
