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
    return re.findall(rf"{COMMAND} ([^'\n]+)", unit.read_text("utf-8"))


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


def test_the_manual_names_them_all() -> None:
    said = (FOLDER.parent / "operations.md").read_text("utf-8")
    assert all(f"systemd/{unit.name}" in said for unit in UNITS if unit.name != "tibandu-backup.service")
