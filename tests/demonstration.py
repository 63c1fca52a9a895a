"""The demonstration, loaded once for all tests and copied for each.

demo_file   a file to copy: everything `tibandu demo load` makes, as of DAY
demo        an engine on a copy, its clock at DAY
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from api import create_schema
from api.demo import Demonstration
from definitions.demo import ROLES, load
from workflow import Engine
from workflow.library import Library
from workflow.testing import FrozenClock

from .lifecycle import PLACE

DAY = date(2026, 11, 25)


def make(path: Path, library: Library) -> None:
    """What the command does, on a frozen clock."""
    url = f"sqlite:///{path}"
    engine = Engine(url, library, place=PLACE, clock=FrozenClock(DAY))
    engine.create_schema()
    create_schema(engine)
    Demonstration(engine).begin([(role.person, role.text, role.operator) for role in ROLES])
    engine.database.dispose()
    load(url, library, FrozenClock(DAY).now(), PLACE)


@pytest.fixture(scope="session")
def demo_file(tmp_path_factory: pytest.TempPathFactory, library: Library) -> Path:
    """One for all workers: whoever comes first makes it, the others wait."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    path = shared / "demo.db"
    with (shared / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            make(shared / "making.db", library)
            (shared / "making.db").rename(path)
    return path


@pytest.fixture
def demo(demo_file: Path, tmp_path: Path, library: Library) -> Iterator[Engine]:
    """A copy to do with as one likes."""
    shutil.copy(demo_file, tmp_path / "demo.db")
    engine = Engine(f"sqlite:///{tmp_path / 'demo.db'}", library, place=PLACE, clock=FrozenClock(DAY))
    yield engine
    engine.database.dispose()
