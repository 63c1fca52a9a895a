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


PACKAGE, WEB, DOOR, MACHINE, FORMS, SQL, FLOORS = (
    "the four packages",
    "no web framework",
    "front door",
    "knows transitions",
    "knows marshmallow",
    "speak SQL",
    "floors of the engine",
)


@pytest.mark.parametrize(
    ("contract", "module", "forbidden"),
    [
        (PACKAGE, "api/__init__.py", "import scheduler"),
        (PACKAGE, "scheduler/__init__.py", "from api import anything"),
        (PACKAGE, "definitions/__init__.py", "import api"),
        (PACKAGE, "workflow/errors.py", "import definitions"),
        (WEB, "workflow/errors.py", "def late():\n    import flask"),
        (WEB, "workflow/clock.py", "import apscheduler"),
        (DOOR, "api/__init__.py", "from workflow import definition"),
        (DOOR, "scheduler/__init__.py", "from workflow.clock import SystemClock"),
        (MACHINE, "workflow/errors.py", "import transitions"),
        (FORMS, "workflow/errors.py", "import marshmallow"),
        (SQL, "workflow/errors.py", "import sqlalchemy"),
        (SQL, "api/__init__.py", "import sqlalchemy"),
        (FLOORS, "workflow/errors.py", "import workflow.definition"),
        (FLOORS, "workflow/homeless.py", ""),
    ],
)
def test_a_breach_is_seen(copy: Path, contract: str, module: str, forbidden: str) -> None:
    with (copy / module).open("a", encoding="utf-8") as source:
        source.write(f"\n{forbidden}\n")
    verdict = [line for line in lint(copy).stdout.splitlines() if contract in line and " BROKEN" in line]
    assert verdict, f"{contract!r} does not see {forbidden!r} in {module}"


def test_import_workflow_is_light() -> None:
    heavy = {"flask", "werkzeug", "apscheduler", "marshmallow", "webargs", "apispec", "tqdm"}
    script = "import sys, workflow; print(' '.join(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert not heavy & set(done.stdout.split())
