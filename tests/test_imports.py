"""Who may import whom (the contracts stand in pyproject.toml), and what `import workflow` costs."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("workflow", "definitions", "api", "scheduler")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache", "--no-logo"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The four packages and their contracts, to be spoiled."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_contracts_are_kept() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("api/__init__.py", "import scheduler"),
        ("scheduler/__init__.py", "from api import anything"),
        ("definitions/__init__.py", "import api"),
        ("workflow/errors.py", "import definitions"),
        ("workflow/errors.py", "def late():\n    import flask"),
        ("workflow/clock.py", "import apscheduler"),
        ("workflow/errors.py", "import transitions"),
        ("workflow/errors.py", "import marshmallow"),
        ("workflow/errors.py", "import sqlalchemy"),
        ("api/__init__.py", "import sqlalchemy"),
        ("api/__init__.py", "from workflow import definition"),
        ("scheduler/__init__.py", "from workflow.clock import SystemClock"),
        ("workflow/errors.py", "import workflow.definition"),
        ("workflow/homeless.py", ""),
    ],
)
def test_a_breach_is_seen(copy: Path, module: str, forbidden: str) -> None:
    with (copy / module).open("a", encoding="utf-8") as source:
        source.write(f"\n{forbidden}\n")
    done = lint(copy)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout


def test_import_workflow_is_light() -> None:
    heavy = {"flask", "werkzeug", "apscheduler", "marshmallow", "webargs", "apispec", "tqdm"}
    script = "import sys, workflow; print(' '.join(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert not heavy & set(done.stdout.split())
