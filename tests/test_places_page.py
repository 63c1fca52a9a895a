"""docs/places.md is true: its place is made as it says, and its commands print what it prints."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from workflow import load_definitions

from .lifecycle import FOLDER
from .test_cli import call, somewhere_quiet

__all__ = ["somewhere_quiet"]
PAGE = (FOLDER.parent / "docs" / "places.md").read_text("utf-8")
CONSOLE = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
STEPS = [
    (command, answer)
    for block in CONSOLE
    for command, answer in re.findall(r"^\$ tibandu (.*)\n((?:[^$].*\n)+)", block, re.MULTILINE)
]


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A copy of the shipped folder with the place of the page."""
    folder = tmp_path / "my-definitions"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    (block,) = re.findall(r"^```yaml\n# (rules/\w+\.yaml)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (folder / block[0]).write_text(block[1], "utf-8")
    return folder


def test_there_are_commands_on_the_page() -> None:
    assert len(STEPS) == 3


@pytest.mark.parametrize(("command", "answer"), STEPS, ids=lambda text: text[:40])
def test_the_commands_print_what_the_page_prints(mine: Path, command: str, answer: str) -> None:
    assert mine.is_dir()
    words, _, short = command.partition(" | what differs")
    said = call(*words.split())
    assert said.code == 0, said.err
    shown = (
        " ".join(row["rule"] for row in json.loads(said.out)) if short or "|" in command else said.out.strip()
    )
    assert shown == answer.strip()


def test_ones_own_place_runs(mine: Path) -> None:
    library = load_definitions(mine, place="jiangcheng")
    assert library.default_place == "jiangcheng"
    assert library.book("jiangcheng").rule("D11", library.calendar_of("jiangcheng").first).statutory


def test_every_switch_of_the_shipped_places_is_on_the_page() -> None:
    book = load_definitions(FOLDER).book("hubei-xianning")
    switches = {rule.id for rule in book.rules if rule.unit == "switch"} - {"D34"}
    listed = set(
        re.findall(
            r"`(\w+)`", "\n".join(row.split("|")[1] for row in PAGE.splitlines() if row.startswith("| `"))
        )
    )
    assert switches <= listed, switches - listed
