"""The README's example runs as it is printed, and both READMEs name only what is there."""

import os
import re
import resource
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
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run(
        [sys.executable, "-c", example()],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode == 0, run.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert took < 5, "seconds of a processor from nothing to the first acts"
    refused, assigned = run.stdout.splitlines()
    assert "征询满意度" in refused and "ask for the evaluation" in refused
    assert "闭会第001号 assigned" in assigned and "reply 20" in assigned


def test_the_embedding_example_is_short() -> None:
    assert len([line for line in example().splitlines() if line.strip()]) <= 25


def test_every_linked_page_is_there() -> None:
    for name in ("README.md", "README.zh-CN.md"):
        for target in re.findall(r"\]\(([^)#]+)", (ROOT / name).read_text("utf-8")):
            assert (ROOT / target).exists(), f"{name} links {target}"
