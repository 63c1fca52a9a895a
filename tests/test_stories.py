"""docs/stories.md is whole: eighty stories, each with its tests, its pages and its commands, and no test of a story that it leaves out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from api.console import SCREENS
from api.metrics import PATH
from api.table import ROUTES
from workflow.cli import parser

HERE = Path(__file__).parent
TEXT = (HERE.parent / "docs" / "stories.md").read_text("utf-8")
ROWS = {
    row[0]: row for row in re.findall(r"^\| ([A-H]\d\d) \| (.+?) \| (.*?) \| (.+?) \|$", TEXT, re.MULTILINE)
}
STORIES = [f"{role}{number:02}" for role in "ABCDEFGH" for number in range(1, 11)]


def told() -> Iterator[tuple[str, str]]:
    """Every test of a story that there is: (story, file)."""
    for path in HERE.glob("test_*.py"):
        for story in re.findall(r"^def test_story_(\w\d\d)_\w+\(", path.read_text("utf-8"), re.MULTILINE):
            yield story, path.name


def test_every_story_stands_in_the_table_once() -> None:
    assert list(ROWS) == STORIES
    assert len(re.findall(r"^\| [A-H]\d\d \|", TEXT, re.MULTILINE)) == len(STORIES)
    said = [row[1] for row in ROWS.values()]
    assert len(set(said)) == len(said)


def test_the_table_names_the_tests_that_there_are_and_all_of_them() -> None:
    listed = {
        (story, file)
        for story, row in ROWS.items()
        for file in re.findall(r"\]\(\.\./tests/(\w+\.py)\)", row[2])
    }
    there = set(told())
    assert {story for story, _ in there} == set(STORIES), "every story has a test of its name"
    assert listed - there == set(), "a row names a test that is not there"
    assert there - listed == set(), "a test of a story is left out"


def test_its_pages_and_commands_are_there() -> None:
    paths = {screen.path for screen in SCREENS} | {route.path for route in ROUTES} | {PATH}
    commands = set(re.findall(r"^ +([a-z]+)\b", parser().format_help(), re.MULTILINE))
    for story, row in ROWS.items():
        named = re.findall(r"`([^`]+)`", row[3])
        assert named or row[3] == "every page", story
        assert {one for one in named if one[0] == "/"} <= paths, story
        assert {one.split()[1] for one in named if one.startswith("tibandu ")} <= commands, story
