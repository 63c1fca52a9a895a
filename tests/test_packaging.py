"""What a host gets: one root in the wheel, and nothing of the host's own touched.

A wheel with top-level `api` and `scheduler` would overwrite a host's packages of those names without a word, and
uninstalling it would delete them.
"""

import hashlib
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = ("workflow", "api", "scheduler", "definitions")
INSIDE = {"workflow": "workflow", **{name: f"workflow/{name}" for name in SOURCES[1:]}}


def run(command: Sequence[object], cwd: Path, **env: str) -> str:
    """`env` instead of the environment of this process."""
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, capture_output=True, text=True, timeout=110, check=False,
        env=env or None,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the source distribution and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT], folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (wheel,) = built.glob("*.whl")
    return wheel


def ours() -> set[str]:
    """Every file of the four folders, under the name it has in the wheel."""
    listed = run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *SOURCES], ROOT
    ).splitlines()
    folders = {name: name.partition("/")[0] for name in listed if (ROOT / name).exists()}
    return {INSIDE[folder] + name.removeprefix(folder) for name, folder in folders.items()}


def test_the_wheel_has_one_root_and_every_file(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    metadata = {name for name in names if name.partition("/")[0].endswith(".dist-info")}
    assert names - metadata == ours()
    assert {name.partition("/")[0] for name in names - metadata} == {"workflow"}


def test_the_source_distribution_is_complete(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "LICENSE", "Makefile", "tests/conftest.py"} <= names


def test_the_command_and_the_extras(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (info,) = {name.partition("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        scripts = archive.read(f"{info}/entry_points.txt").decode()
        metadata = archive.read(f"{info}/METADATA").decode()
    assert scripts.split("\n")[:2] == ["[console_scripts]", "tibandu = workflow.__main__:main"]
    extras = {
        line.removeprefix("Provides-Extra: ") for line in metadata.splitlines() if "Provides-Extra" in line
    }
    assert extras == {
        "api",
        "scheduler",
        "postgresql",
        "distributed",
        "documents",
        "metrics",
        "oidc",
        "pdf",
        "all",
        "dev",
        "fuzz",
    }


# --- the hostile host


class Host:
    """An application in an environment of its own, whose own packages are called `api` and `scheduler`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        venv.create(folder / "venv", with_pip=False)
        self.python = folder / "venv" / "bin" / "python"
        self.packages = Path(
            run([self.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], folder).strip()
        )
        for name in ("api", "scheduler", "definitions"):
            for owner in (folder / "project", self.packages):
                (owner / name).mkdir(parents=True)
                for file in ("__init__.py", "routes.py"):
                    (owner / name / file).write_text(f"OWNER = 'the host: {name}/{file}'\n")

    @property
    def borrowed(self) -> Path:
        """Lends the dependencies of this environment, so that no network is needed. Ours are not among them."""
        return self.packages / "borrowed.pth"

    def pip(self, *words: object) -> None:
        run(
            [sys.executable, "-m", "pip", "--python", self.python, "--disable-pip-version-check", *words],
            self.folder,
        )

    def install(self, wheel: Path) -> None:
        self.pip("install", "--no-index", "--no-deps", wheel)
        self.borrowed.write_text(sysconfig.get_path("purelib") + "\n")

    def uninstall(self) -> None:
        self.borrowed.unlink()
        self.pip("uninstall", "--yes", "tibandu")

    def run(self, *words: object) -> str:
        """Run something in the host's project, its environment first on the path, whatever ours says (`PYTHONPATH`)."""
        program, *rest = words
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return run([self.python.with_name(str(program)), *rest], self.folder / "project", **env)

    def files(self) -> dict[str, str]:
        """Every file of the host, with its digest."""
        found = (
            path for path in self.folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
        )
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


STORY = """
import api.routes, scheduler, definitions, sys, workflow, workflow.errors
for owned in (api, api.routes, scheduler, definitions):
    assert owned.OWNER.startswith("the host"), owned.__file__
assert sys.prefix in workflow.__file__, workflow.__file__
import importlib
for sibling in ("api", "scheduler", "definitions"):
    assert sys.prefix in importlib.import_module("workflow." + sibling).__file__
"""


def test_a_host_that_owns_the_names_is_left_whole(
    host: Host, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """One story in the host with the wheel installed: imports, the definitions, the main job, the chain."""
    before = host.files()
    host.install(wheel)
    installed = host.files()
    assert before.items() <= installed.items()
    host.run("python", "-c", STORY)
    store = [
        "tibandu",
        "--lang",
        "en",
        "--database",
        f"sqlite:///{tmp_path_factory.mktemp('store')}/story.db",
    ]
    assert "stateDiagram" in host.run("tibandu", "graph", "suggestion")
    assert "121" in host.run(*store, "replay")
    host.run(*store, "verify")
    host.uninstall()
    assert host.files() == before


def test_the_checkout_is_not_what_was_tested(host: Host, wheel: Path) -> None:
    host.install(wheel)
    where = host.run("python", "-c", "import workflow; print(workflow.__file__)")
    assert not Path(where.strip()).is_relative_to(ROOT)
