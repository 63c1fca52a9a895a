"""The README's example runs as it is printed, and both READMEs name only what is there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def example() -> str:
    block = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert block is not None
    return block[1]


def test_story_G01_the_embedding_example_runs_as_printed(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "definitions", tmp_path / "definitions")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    (tmp_path / "example.py").write_text(example(), "utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "cProfile", "example.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode == 0, run.stderr
    refused, assigned, calls, *_ = run.stdout.splitlines()
    assert int(calls.split()[0]) <= 2_500_000, "calls from nothing to the first acts"
    assert "征询满意度" in refused and "ask for the evaluation" in refused
    assert "闭会第001号 assigned" in assigned and "reply 20" in assigned


def test_the_embedding_example_is_short() -> None:
    assert len([line for line in example().splitlines() if line.strip()]) <= 25


def test_every_linked_page_is_there() -> None:
    for name in ("README.md", "README.zh-CN.md"):
        for target in re.findall(r"\]\(([^)#]+)", (ROOT / name).read_text("utf-8")):
            assert (ROOT / target).exists(), f"{name} links {target}"
