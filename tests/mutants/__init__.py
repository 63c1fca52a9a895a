"""Each of the 39 invariants broken once, on purpose: a file each, with the edit and the test that must see it.

`python -m tests.mutants [NN …]` makes each edit in a copy of the tree, runs that one test there, and must see it fail. A definition
that no longer loads is caught by the loader; anything else is caught by the test.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
COPIED = ("workflow", "definitions", "api", "scheduler", "tests", "pyproject.toml", "README.md")
FAILED = 1
"""pytest's exit code when tests ran and failed; at a fault of collection it is 2"""


@dataclass(frozen=True)
class Edit:
    """One place of one file."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """An invariant, how it is broken, and the test that must fail."""

    name: str
    invariant: int
    breaks: str
    test: str
    edits: tuple[Edit, ...]

    @classmethod
    def read(cls, path: Path) -> Mutant:
        """The mutant of a file."""
        data = tomllib.loads(path.read_text("utf-8"))
        edits = tuple(Edit(**edit) for edit in data["edit"])
        return cls(path.stem, data["invariant"], data["breaks"], data["test"], edits)


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant: caught by `test` or `loader`, or "" when nobody saw it."""

    mutant: Mutant
    caught_by: str
    output: str


def mutants() -> list[Mutant]:
    """All of them, by number."""
    return [Mutant.read(path) for path in sorted(HERE.glob("*.toml"))]


class Tree:
    """A copy of the tree without what was made from it, and the process that runs tests there. Close it."""

    def __init__(self, folder: Path) -> None:
        ignored = shutil.ignore_patterns("__pycache__", ".*", "*.db")
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=ignored)
            else:
                shutil.copy(source, folder / name)
        environment = {
            **os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1",
            "TIBANDU_TEST_POSTGRESQL": "postgresql://nobody@localhost:1/none",
        }  # fmt: skip
        # No test named here needs PostgreSQL; telling of one that is not there keeps it from being started.
        self.folder = folder
        self._process = subprocess.Popen(
            [sys.executable, HERE / "warm.py"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def test(self, name: str) -> tuple[int, str]:
        """pytest's exit code for one test, and what it printed."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(name, file=self._process.stdin, flush=True)
        code, output = json.loads(self._process.stdout.readline())
        return code, output

    def close(self) -> None:
        """End the process; the folder is its maker's."""
        self._process.communicate()


@contextmanager
def broken(mutant: Mutant, tree: Path) -> Iterator[None]:
    """The tree with the edits made; afterwards as it was. Raises ValueError for an edit that does not fit any more."""
    before = {edit.file: (tree / edit.file).read_text("utf-8") for edit in mutant.edits}
    for edit in mutant.edits:
        path = tree / edit.file
        text = path.read_text("utf-8")
        if text.count(edit.old) != 1:
            raise ValueError(f"{mutant.name}: {edit.file} holds the old text {text.count(edit.old)} times")
        path.write_text(text.replace(edit.old, edit.new), "utf-8")
    try:
        yield
    finally:
        for name, text in before.items():
            (tree / name).write_text(text, "utf-8")


def run(mutant: Mutant, tree: Tree) -> Verdict:
    """Break the tree and run the one test there."""
    with broken(mutant, tree.folder):
        code, output = tree.test(mutant.test)
    if "DefinitionError" in output:
        return Verdict(mutant, "loader", output)
    return Verdict(mutant, "test" if code == FAILED else "", output)
