"""The unit files of docs/systemd: systemd takes them, and what they start is what the command line knows."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workflow import cli

FOLDER = Path(__file__).parents[1] / "docs" / "systemd"
UNITS = sorted(FOLDER.iterdir())
COMMAND = "/opt/tibandu/bin/tibandu"


def commands(unit: Path) -> list[str]:
    return re.findall(rf"{COMMAND} ([^';&\n]+)", unit.read_text("utf-8"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_command_line_knows_what_a_unit_starts(unit: Path) -> None:
    for line in commands(unit):
        arguments = cli.parser().parse_args(shlex.split(line))
        assert arguments.run
    assert commands(unit) or unit.suffix == ".timer"


def test_systemd_takes_them(tmp_path: Path) -> None:
    """Where there is systemd; elsewhere at least every line is a section or a setting."""
    for unit in UNITS:
        text = unit.read_text("utf-8")
        assert all(re.match(r"(#.*|\[\w+\]|\w+=.*|)$", line) for line in text.splitlines()), unit
        (tmp_path / unit.name).write_text(text.replace(COMMAND, sys.executable), "utf-8")
    if shutil.which("systemd-analyze"):
        paths = [str(tmp_path / unit.name) for unit in UNITS]
        done = subprocess.run(
            ["systemd-analyze", "verify", *paths], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("broken", "code"), [(None, 0), ("anchor", 1), ("backup", 1)])
def test_the_night_makes_an_anchor_before_its_backup(tmp_path: Path, broken: str | None, code: int) -> None:
    """A backup holds the anchor that belongs to it; where there is none, the backup is made nevertheless and the unit fails."""
    log, command = tmp_path / "log", tmp_path / "tibandu"
    command.write_text(f'#!/bin/sh\necho "$1" >> "{log}"\ntest "$1" != "{broken}"\n', "utf-8")
    command.chmod(0o700)
    unit = (FOLDER / "tibandu-backup.service").read_text("utf-8")
    (line,) = re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE)
    line = line.replace("$$", "$").replace("%%", "%").replace(COMMAND, str(command))
    assert subprocess.run(shlex.split(line), check=False).returncode == code
    assert log.read_text("utf-8").split() == ["anchor", "backup"]


def test_the_manual_names_them_all() -> None:
    said = (FOLDER.parent / "operations.md").read_text("utf-8")
    assert all(f"systemd/{unit.name}" in said for unit in UNITS if unit.name != "tibandu-backup.service")
