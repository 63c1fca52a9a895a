"""The engine as one more contender beside those of a_limit.py: the same script, fired through `Engine.fire`.

Everything the engine does is on: the form is loaded, the person's grants asked, the guard evaluated, the line chained and
committed to, the clocks moved, the outbox row written, the revision (and the grant) compared in the writing statement.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import event

from workflow.engine import Engine
from workflow.library import Library
from workflow.loader import load_definitions
from workflow.memory import Memory
from workflow.model import Actor, Request
from workflow.store.durable import SOUND

from . import a_limit as limit
from .w1def import Refused, actor_for, path, payload, title, unit_of

TENANT = "xn"
LIVE = "c{:019d}"
"""the id of a case of the script; 20 characters, as the engine's own ids"""


def library() -> Library:
    """The lifecycle of w1def.py in the language of definitions."""
    return load_definitions(Path(__file__).parent / "w1")


_LIBRARY = library()
_ACTORS: dict[int, Actor] = {}


def actor_of(number: int) -> Actor:
    """The person with that number."""
    if number not in _ACTORS:
        _ACTORS[number] = Actor(person=f"p{number}")
    return _ACTORS[number]


def open_engine(url: str, journal: str | None = None) -> Engine:
    """An engine as a host gets it; `journal` overrides SQLite's journal mode, to compare like with like."""
    database = Engine.connect(url)
    if journal is not None:

        @event.listens_for(database, "connect")
        def _journal(driver: Any, record: Any) -> None:
            driver.execute(f"pragma journal_mode = {journal}").fetchone()
            record.info[SOUND] = True  # the engine would refuse WAL before SQLite 3.51.3

    return Engine(database, _LIBRARY)


def backend(engine: Engine) -> int | None:
    """The PostgreSQL process that serves the engine's steps, one at a time."""
    if engine.store.is_sqlite:
        return None
    with engine.store.work() as work:
        work.cursor.execute("select pg_backend_pid()")
        return int(work.cursor.fetchone()[0])


class EngineW1:
    """`w1` as `a_limit` drives it: one event, acknowledged when it returns."""

    journal: str | None = None

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url, self.journal)
        self.engine.store.check()
        self.backend = backend(self.engine)
        self._warm_up()

    def _warm_up(self) -> None:
        """A service is measured as it runs, not as it starts: every form compiled, every statement prepared."""
        for i in (3, 5) * 3:
            data = {"title": title(i), "unit": f"u{unit_of(i)}"}
            case = self.engine.start("w1", actor_of(2001 + i), data, tenant=TENANT)
            for name in path(i):
                self.engine.fire(
                    case.id, name, actor_of(actor_for(i, name)), {"opinion": payload(i, name)["opinion"]}
                )

    def w1(self, case: int, version: int, name: str, actor: int, given: dict[str, Any]) -> None:
        done = self.engine.fire(
            LIVE.format(case), name, actor_of(actor), {"opinion": given["opinion"]}, revision=version + 1
        )
        if done.seq != version + 2:
            raise Refused


class Forgetful(EngineW1):
    """The engine that remembers nothing: each event is one read and one write, as for a case last seen elsewhere."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._memory: Memory = self.engine._memory

    def w1(self, case: int, version: int, name: str, actor: int, given: dict[str, Any]) -> None:
        self._memory.forget(LIVE.format(case))
        super().w1(case, version, name, actor, given)


class Batches(EngineW1):
    """One hundred events in one transaction, each in its savepoint, each with its own answer."""

    size = 100

    def many(self, items: list[tuple[int, int, str, int, dict[str, Any]]]) -> None:
        requests = [
            Request(
                case=LIVE.format(case), event=name, actor=actor_of(actor), data={"opinion": given["opinion"]},
                revision=version + 1,
            )
            for case, version, name, actor, given in items
        ]  # fmt: skip
        for outcome in self.engine.batch(requests):
            if outcome.error is not None:
                raise outcome.error


class WalEngine(EngineW1):
    """SQLite in WAL, as the hand-written limit runs; the engine itself uses WAL only from SQLite 3.51.3."""

    journal = "wal"


class WalBatches(Batches):
    """Batches in WAL."""

    journal = "wal"


class TruncateLimit(limit.Lite):
    """The limit on the rollback journal the engine ships with."""

    def __init__(self, file: str) -> None:
        super().__init__(file)
        self.c.execute("pragma journal_mode = truncate").fetchone()


class TruncateLimitBulk(limit.LiteBulk):
    """Its bulk on the same."""

    def __init__(self, file: str) -> None:
        super().__init__(file)
        self.c.execute("pragma journal_mode = truncate").fetchone()
