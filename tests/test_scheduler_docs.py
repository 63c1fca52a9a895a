"""Every command of docs/scheduler.md runs as printed."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from workflow.cli import main
from workflow.commands.context import Context
from workflow.library import Library
from workflow.testing import FrozenClock

from .lifecycle import PLACE, Office
from .test_receptions import city

__all__ = ["city"]  # a fixture
PAGE = Path(__file__).parents[1] / "docs" / "scheduler.md"


def commands() -> list[list[str]]:
    """The lines of the code blocks, without what is said beside them."""
    blocks = re.findall(r"```\n(tibandu .*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [re.split(r" {3,}", line)[0].split()[1:] for line in lines]


def test_the_commands_run(
    city: Office,
    library: Library,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(Context, "library", library)
    monkeypatch.setattr("workflow.engine.SystemClock", lambda: FrozenClock(city.clock.now()))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "leave.csv").write_text("d1,2027-01-15\n", "utf-8")
    engine = city.engine
    for unit in ("s2", "h1"):
        engine.grant("keeper", "station_keeper", "hb/xianning", unit=unit)
    url = engine.database.url.render_as_string(hide_password=False)
    assert len(commands()) == 8
    for command in commands():
        out = io.StringIO()
        code = main(["--database", url, "--lang", "en", "--place", PLACE, *command], out, out)
        assert code == 0, (command, out.getvalue())
    assert (tmp_path / "water.ics").exists()
