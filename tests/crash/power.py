"""`make power`: the power fails under SQLite, a process of the server dies under PostgreSQL. Environment: OUTAGES, DEATHS, SEED.

SQLite: one process tells the story by a disk that keeps what was written (disk.py). Then, as often as wanted: the power is lost
at one moment of that log, in between two writes for instance; what the disk may have then is opened by a fresh engine, which
sends the act after the last acknowledged one with its key. What was acknowledged must be there once, nothing by halves.

PostgreSQL's own log is not tried by losing power (its authors do that); that it recovers, and that our clients live through it,
is: server.py.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy import Engine as Database
from sqlalchemy import create_engine, event
from tqdm import tqdm

from tests.crash import story
from tests.crash.check import Content, violations
from tests.crash.client import Client
from tests.crash.disk import Disk
from tests.crash.run import AHEAD_DAYS, Report, compared, integrity
from tests.crash.server import ServerRun
from tests.postgres import server
from workflow.engine import Engine
from workflow.store.work import prepare_sqlite

ACTS = 40
TICK_EVERY = 5
FILE = "power.db"


@dataclass(frozen=True, slots=True)
class Setting:
    """How the connections of a run are set."""

    journal: str
    synchronous: str

    def __str__(self) -> str:
        return f"journal_mode = {self.journal}, synchronous = {self.synchronous}"


SOUND = (
    Setting("truncate", "full"),
    Setting("persist", "full"),
    Setting("delete", "extra"),
    Setting("wal", "full"),
)
"""what the engine takes"""
WEAK = (
    Setting("delete", "full"),
    Setting("truncate", "normal"),
    Setting("wal", "normal"),
    Setting("truncate", "off"),
)
"""what it refuses, and rightly so"""


class Told:
    """A story told once by a disk that keeps its log, in a folder of its own."""

    def __init__(self, folder: Path, setting: Setting, acts: int = ACTS) -> None:
        self.setting = setting
        with self._engine(folder) as engine:
            engine.create_schema()
            story.settle(engine)
            self.shared = engine.start("suggestion", story.OFFICE, story.suggestion(), tenant=story.TENANT).id
        self.disk = Disk(folder)
        with self.disk.plugged(), self._engine(folder) as engine:
            self._tell(engine, acts)

    def _tell(self, engine: Engine, acts: int) -> None:
        client, done = Client(engine, 0, self.shared), list[dict[str, Any]]()
        ticking = Engine(engine.database, story.library(), place=story.PLACE, clock=story.Walking(AHEAD_DAYS))
        for number in range(acts):
            done.append(client.act(done, again=False))
            self.disk.mark(done[-1])
            if number % TICK_EVERY == 0:
                ticking.tick(2)

    @contextmanager
    def _engine(self, folder: Path) -> Iterator[Engine]:
        database = connected(folder / FILE, self.setting)
        try:
            yield Engine(database, story.library(), place=story.PLACE, clock=story.Walking())
        finally:
            database.dispose()

    def outage(self, chance: random.Random, folder: Path) -> list[str]:
        """Lose the power at one moment, go on from what is left; what is wrong with it."""
        moment = chance.randrange(1, len(self.disk.log) + 1)
        done = self.disk.after(moment, chance, folder)
        try:
            with self._engine(folder) as engine:
                done.append(Client(engine, 0, self.shared).act(done, again=True))
                content = Content(engine)
                found = [*compared(content, done, outside=1), *violations(engine, content, unkeyed=1)]
                found += integrity(engine)
        except Exception as fault:  # noqa: BLE001 - whatever a spoilt file says
            found = [f"{type(fault).__name__}: {fault}"]
        return [f"power lost at {moment} of {len(self.disk.log)}: {one}" for one in found]


def connected(path: Path, setting: Setting) -> Database:
    """A host's own connections, with the engine's settings but for these."""
    database = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False})
    prepare_sqlite(database)

    @event.listens_for(database, "connect")
    def _set(driver: Any, _record: Any) -> None:
        driver.execute(f"pragma journal_mode = {setting.journal}").fetchone()
        driver.execute(f"pragma synchronous = {setting.synchronous}")

    return database


def outages(
    setting: Setting, count: int, seed: int, folder: Path, progress: Callable[[], object] = lambda: None
) -> Iterator[list[str]]:
    """What was wrong after each outage, under one setting. What the engine would refuse, it is made to take."""
    chance = random.Random(f"{seed}/{setting}")
    with patch("workflow.store.durable._look", lambda *_: None):
        (folder / "told").mkdir(parents=True)
        told = Told(folder / "told", setting)
        for number in range(count):
            left = folder / f"left-{number}"
            left.mkdir()
            yield told.outage(chance, left)
            shutil.rmtree(left)
            progress()


def server_dies(times: int, seed: int, folder: Path, progress: Callable[[], object] = lambda: None) -> Report:
    """What came of a run on a server of its own, one of whose processes is killed that often."""
    with server(durable=True) as url:
        run = ServerRun(url, folder, seed)
        try:
            return run.go(times, progress)
        finally:
            run.engine.database.dispose()


def main() -> int:
    """Every sound setting; 1 if anything was violated. The weak ones are counted too, to show that the disk can lose."""
    count = int(os.environ.get("OUTAGES") or 1000)
    seed = int(os.environ.get("SEED") or random.randrange(10**6))
    violated = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, setting in enumerate((*SOUND, *WEAK)):
            with tqdm(total=count, unit=" outages", disable=None) as bar:
                found = list(outages(setting, count, seed, Path(folder, str(number)), bar.update))
            bad = [one[0] for one in found if one]
            print(f"{setting}: {count} outages, seed {seed}, {len(bad)} with violations", flush=True)
            if setting in SOUND:
                violated += len(bad)
                for one in bad[:10]:
                    print(f"  ! {one}")
        deaths = int(os.environ.get("DEATHS") or 100)
        (at := Path(folder, "server")).mkdir()
        with tqdm(total=deaths, unit=" deaths", disable=None) as bar:
            report = server_dies(deaths, seed, at, bar.update)
        print(report)
        violated += len(report.violations)
    return 1 if violated else 0


if __name__ == "__main__":
    sys.exit(main())
