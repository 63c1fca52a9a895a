"""A node that delivers into a file dies at each point, another goes on: `python -m tests.crash.delivery URL BACKEND FOLDER`.

addressing      inside the transaction that makes the deliveries       claimed     with letters leased, none tried
addressed       after its commit                                       sending     the letter has arrived, nobody has said so
enqueued        (procrastinate) jobs committed, no worker yet          completed   one letter is done, the others are leased
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scheduler.delivery import LocalBackend
from tests.crash import story
from workflow.alerts import Alerts
from workflow.engine import Engine
from workflow.outbox import Contact, Letter, Receipt
from workflow.testing import FrozenClock

POINTS = ("addressing", "addressed", "claimed", "sending", "completed")
LETTERS = 5


def die() -> None:
    """Like the power."""
    os.kill(os.getpid(), signal.SIGKILL)


class File:
    """A channel that writes into a file what has arrived, a line each, before it answers."""

    per_minute = None

    def __init__(self, folder: Path, name: str = "file", after: Callable[[], object] = lambda: None) -> None:
        self.name = name
        self._path = folder / f"{name}.arrived"
        self._after = after

    def is_open(self, now: object) -> bool:
        return True

    def send(self, letter: Letter) -> Receipt:
        out = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(out, f"{letter.key}\n".encode())
        os.fsync(out)
        os.close(out)
        self._after()
        return Receipt(state="confirmed")

    def arrived(self) -> list[str]:
        return self._path.read_text().split("\n")[:-1] if self._path.exists() else []


def backend(kind: str, engine: Engine, channels: list[Any], jobs: Any = None) -> LocalBackend:
    """A node of that kind, ready."""
    if kind == "local":
        return LocalBackend(engine, channels, jobs)
    from scheduler.distributed import ProcrastinateBackend

    found = ProcrastinateBackend(engine, channels, jobs)
    found.create_schema()
    return found


def deliver(node: LocalBackend) -> None:
    """One pass, and whatever its workers make of it."""
    node.deliver()
    if hasattr(node, "work"):
        node.work(wait=False)


def plant(point: str) -> None:
    """Die there."""
    address, claim, complete = Alerts.address, Alerts.claim, Alerts.complete

    def addressing(self: Alerts, limit: int = 100, then: Any = None) -> int:
        def last(connection: Any, due: Any) -> None:
            if then is not None:
                then(connection, due)
            if point == "addressing":
                die()

        count = address(self, limit, last)
        if point == "addressed":
            die()
        return count

    def claiming(self: Alerts, *arguments: Any, **more: Any) -> list[Letter]:
        found = claim(self, *arguments, **more)
        if found and point == "claimed":
            die()
        return found

    def completing(self: Alerts, letter: Letter, receipt: Receipt) -> bool:
        done = complete(self, letter, receipt)
        if point == "completed":
            die()
        return done

    Alerts.address, Alerts.claim, Alerts.complete = addressing, claiming, completing  # type: ignore[method-assign]


class Bench:
    """One database, one kind of node, and a file of what has arrived."""

    def __init__(self, url: str, kind: str, folder: Path) -> None:
        self.engine = Engine(url, story.library(), place=story.PLACE, clock=FrozenClock(story.DAY))
        self._kind = kind
        self._folder = folder
        self.engine.alerts.set_contacts("receiver", [Contact(channel="file", address="x")])
        self.case = self.engine.start("suggestion", story.OFFICE, story.suggestion(), tenant=story.TENANT).id
        self.pass_()

    def pass_(self) -> None:
        """A node does all there is to do."""
        deliver(backend(self._kind, self.engine, [File(self._folder)]))

    def dies(self, point: str) -> str | None:
        """Let a node die there, let another go on; what is wrong then."""
        self._plant(point)
        self.engine.database.dispose()
        pid = os.fork()
        if not pid:
            try:
                self.engine.database.dispose(close=False)
                channel = File(self._folder, after=die if point == "sending" else lambda: None)
                node = backend(self._kind, self.engine, [channel])
                plant(point)
                deliver(node)
            finally:
                os._exit(70)
        _, status = os.waitpid(pid, 0)
        if not os.WIFSIGNALED(status):
            return f"{point}: it did not die there"
        self._recover()
        return self._compare(point)

    def _plant(self, point: str) -> None:
        rows = [
            {"key": f"{point}:{n}", "case_id": self.case, "seq": n, "topic": "x", "recipient": "party:receiver", "body": "{}",
             "state": "queued", "created_at": f"2026-03-02T00:00:00.{n:06}+00:00"}
            for n in range(LETTERS)
        ]  # fmt: skip
        with self.engine.database.begin() as connection:
            connection.execute(self.engine.store.tables.outbox.insert(), rows)

    def _recover(self) -> None:
        """Ten minutes later: leases are over, the dead worker's job is given back."""
        delivery = self.engine.store.tables.delivery
        with self.engine.database.begin() as connection:
            connection.execute(delivery.update().values(leased_until=None))
        node = backend(self._kind, self.engine, [File(self._folder)])
        if hasattr(node, "app"):
            asyncio.run(_rescued(node))
        deliver(node)
        self.pass_()

    def _compare(self, point: str) -> str | None:
        arrived = Counter(key for key in File(self._folder).arrived() if key.startswith(f"{point}:"))
        twice = sum(arrived.values()) - len(arrived)
        if len(arrived) != LETTERS or twice != (point == "sending"):
            return f"{point}: {len(arrived)} of {LETTERS} arrived, {twice} of them twice"
        left = {d.state for d in self.engine.alerts.listed(channel="file", limit=1000)}
        return None if left == {"confirmed"} else f"{point}: states {left}"


async def _rescued(node: Any) -> None:
    async with node.app.open_async():
        for job in await node.app.job_manager.get_stalled_jobs(seconds_since_heartbeat=0):
            await node.app.job_manager.retry_job(job)


def main(arguments: list[str]) -> int:
    """Every point; 1 when anything is wrong."""
    url, kind, folder = arguments
    bench = Bench(url, kind, Path(folder))
    wrong = [said for point in POINTS if (said := bench.dies(point))]
    bench.engine.database.dispose()
    print("\n".join(wrong) or "nothing lost")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
