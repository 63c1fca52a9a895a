"""One contract for every way of delivering: in this process on both databases, and by procrastinate on several nodes."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from scheduler.delivery import LocalBackend
from scheduler.distributed import MOST_AT_ONCE, ProcrastinateBackend
from tests.crash.delivery import File, backend, deliver
from tests.lifecycle import TENANT, Office, execute, ready
from tests.postbox import SENT, Postbox, plant, reach, states
from tests.test_crash import SEED, outside
from workflow import Actor, Engine
from workflow.errors import StoreError

LETTERS = int(os.environ.get("LETTERS") or 200)
KINDS = [("sqlite", "local"), ("postgresql", "local"), ("postgresql", "procrastinate")]


@dataclass
class Site:
    """A database, the way to deliver on it, and a channel that writes into a file."""

    office: Office
    kind: str
    folder: Path

    @property
    def engine(self) -> Engine:
        return self.office.engine

    @property
    def file(self) -> File:
        return File(self.folder)

    def node(self, *channels: Any, jobs: Any = None, kind: str | None = None) -> LocalBackend:
        return backend(kind or self.kind, self.engine, list(channels) or [self.file], jobs)

    def pass_(self, *channels: Any, jobs: Any = None, kind: str | None = None) -> None:
        """A node comes, does all there is to do, and goes."""
        deliver(self.node(*channels, jobs=jobs, kind=kind))

    def lapse(self) -> None:
        """All leases are over."""
        execute(
            self.engine,
            "update {p}delivery set leased_until = '2000-01-01T00:00:00.000' where leased_until is not null",
        )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "site" in metafunc.fixturenames:
        metafunc.parametrize(
            ("ready_url", "way"), KINDS, indirect=True, ids=["-".join(kind) for kind in KINDS]
        )
    if "queue" in metafunc.fixturenames:
        metafunc.parametrize("ready_url", ["postgresql"], indirect=True)


@pytest.fixture
def ready_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield from ready(request, tmp_path)


@pytest.fixture
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def site(office: Office, way: str, tmp_path: Path) -> Iterator[Site]:
    forget_jobs(office.engine)
    yield Site(office, way, tmp_path)
    forget_jobs(office.engine)


@pytest.fixture
def queue(office: Office, tmp_path: Path) -> Iterator[Site]:
    forget_jobs(office.engine)
    yield Site(office, "procrastinate", tmp_path)
    forget_jobs(office.engine)


def forget_jobs(engine: Engine) -> None:
    """Of the test before: its tables live in a schema of their own; nor does the outbox tell the queue any more."""
    if engine.store.is_sqlite:
        return
    with engine.database.begin() as connection:
        if (
            connection.execute(text("select to_regclass('tibandu_jobs.procrastinate_jobs')")).scalar_one()
            is not None
        ):
            connection.execute(
                text("truncate tibandu_jobs.procrastinate_jobs, tibandu_jobs.procrastinate_workers cascade")
            )
            connection.execute(text("drop function if exists tibandu_jobs.tell() cascade"))


# --- bulk work: all or nothing, once


def test_rollback_leaves_nothing(site: Site) -> None:
    done: list[str] = []
    node = site.node(jobs={"import": lambda key, _: done.append(key)})
    with site.engine.database.connect() as connection:
        connection.begin()
        assert node.submit("import", {}, key="a", session=connection)
        connection.rollback()
    deliver(node)
    assert done == []
    assert site.engine.alerts.state()["waiting"] == 0


def test_commit_leaves_one_and_a_key_is_done_once(site: Site) -> None:
    done: list[tuple[str, object]] = []
    jobs = {"import": lambda key, arguments: done.append((key, arguments["file"]))}
    with site.engine.database.begin() as connection:
        assert site.node(jobs=jobs).submit("import", {"file": "a.csv"}, key="a", session=connection)
        assert not site.node(jobs=jobs).submit("import", {"file": "b.csv"}, key="a", session=connection)
    assert not site.node(jobs=jobs).submit("import", {"file": "c.csv"}, key="a")
    for _ in range(3):
        site.pass_(jobs=jobs)
    assert done == [("@job:a", "a.csv")]


def test_work_that_fails_is_done_again(site: Site) -> None:
    tries: list[str] = []

    def shaky(key: str, _: object) -> None:
        tries.append(key)
        if len(tries) < 3:
            raise ValueError("not yet")

    site.node(jobs={"shaky": shaky}).submit("shaky", {}, key="a")
    for _ in range(4):
        site.pass_(jobs={"shaky": shaky})
        site.office.clock.advance(minutes=6)
    assert tries == ["@job:a"] * 3
    assert list(states(site.office).values()) == ["confirmed"]


# --- letters


def test_an_event_that_was_rolled_back_tells_nobody(site: Site) -> None:
    reach(site.office, "wang", "file")
    case = site.office.accepted()
    data = {"assignment_mode": "sole", "lead_unit": "water", "co_units": []}
    with site.engine.database.connect() as connection:
        connection.begin()
        site.engine.fire(case.id, "assign", Actor(person="li"), data, session=connection)
        connection.rollback()
    site.pass_()
    assert site.file.arrived() == []
    site.office.fire(case, "assign", "li", **data)
    site.pass_()
    assert len(site.file.arrived()) == 1


def test_killed_at_each_step(site: Site) -> None:
    """Nothing is lost; the one letter that may come twice comes under its own key."""
    site.engine.grant("office", "deputy_affairs", TENANT)
    url = site.engine.database.url.render_as_string(hide_password=False)
    site.engine.database.dispose()
    done = outside("tests.crash.delivery", url, site.kind, site.folder)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(200)
@pytest.mark.parametrize(("way", "kills"), [("local", 200), ("procrastinate", 20)])
def test_story_H04_three_nodes_one_killed_again_and_again(
    postgres_url: str, tmp_path: Path, way: str, kills: int
) -> None:
    """`make nodes` does it over 10,000 timers."""
    seconds = 0.06 if way == "local" else 0.4
    done = outside("tests.crash.nodes", postgres_url, tmp_path, kills, SEED, 30, way, seconds)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(200)
def test_a_node_that_is_put_to_sleep_and_woken(postgres_url: str, tmp_path: Path) -> None:
    """SIGSTOP in the middle of its work, SIGCONT when the others are done: nothing twice, nothing lost, nobody waited."""
    done = outside("tests.crash.nodes", "pause", postgres_url, tmp_path, SEED, 40)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(1200)
def test_a_backlog(site: Site) -> None:
    """`make backlog` does it with 10,000."""
    reach(site.office, "wang", "file")
    plant(site.office, LETTERS)
    for _ in range(LETTERS // 1000 + 1):
        site.pass_()
    arrived = Counter(site.file.arrived())
    assert (len(arrived), max(arrived.values())) == (LETTERS + 1, 1)


def test_a_clock_that_jumps_repeats_and_loses_nothing(site: Site) -> None:
    reach(site.office, "wang", "file")
    plant(site.office, 3)
    site.pass_()
    for jump in (timedelta(days=-400), timedelta(seconds=-1), timedelta(days=70), timedelta(days=9000)):
        site.office.clock.set(site.office.clock.now() + jump)
        plant_at(site, str(jump))
        site.pass_()
        site.office.clock.set(site.office.clock.now() - jump)
        site.pass_()
    arrived = Counter(site.file.arrived())
    assert (len(arrived), max(arrived.values())) == (8, 1)


def plant_at(site: Site, key: str) -> None:
    case = site.engine.search(limit=1)[0].id
    with site.engine.database.begin() as connection:
        connection.execute(
            site.engine.store.tables.outbox.insert(),
            {"key": key, "case_id": case, "seq": 1, "topic": "x", "recipient": "party:wang", "body": "{}", "state": "queued",
             "created_at": site.office.clock.now().isoformat()},
        )  # fmt: skip


def test_rows_of_a_newer_version_are_left_and_counted(site: Site) -> None:
    reach(site.office, "wang", "file", "pigeon")
    case = site.office.assigned()
    execute(
        site.engine,
        f"insert into {{p}}outbox values ('new', '{case.id}', 1, 'x', 'circle:a', '{{}}', 'queued', '2000-01-01')",
    )
    for _ in range(2):
        site.pass_()
    assert len(site.file.arrived()) == 1
    assert site.engine.alerts.state()["unknown"] == 1
    assert list(states(site.office, channel="pigeon").values()) == ["queued"]
    site.pass_(File(site.folder, "pigeon"))  # a node of the newer version
    assert len(File(site.folder, "pigeon").arrived()) == 1


def test_poison_and_retries_are_the_same_everywhere(site: Site) -> None:
    reach(site.office, "wang", "mail")
    plant(site.office, 40)

    def answer(letter: Any) -> Any:
        if letter.seq_of_planted % 10 == 0:
            raise ValueError("poison")
        return SENT

    mail = Postbox(answer=lambda letter: answer(_Numbered(letter)))
    site.pass_(mail)
    assert Counter(states(site.office).values()) == {"sent": 37, "failed": 4}
    site.office.clock.advance(seconds=60)
    site.pass_(mail)
    assert len(mail.tried) == 45


class _Numbered:
    def __init__(self, letter: Any) -> None:
        key = letter.key
        self.seq_of_planted = int(key[8:14]) if key.startswith("planted") else 1


# --- from one to the other


def test_switching_backends_loses_and_repeats_nothing(site: Site) -> None:
    other = "procrastinate" if site.kind == "local" and not site.engine.store.is_sqlite else "local"
    reach(site.office, "wang", "file")
    for turn in range(4):
        plant_some(site, turn, 20)
        node = site.node(kind=(site.kind, other)[turn % 2])
        node.deliver()  # procrastinate: jobs are enqueued, and nobody works on them
    for kind in (other, site.kind, other):
        site.pass_(kind=kind)
    arrived = Counter(site.file.arrived())
    assert (len(arrived), max(arrived.values())) == (80, 1)


def plant_some(site: Site, turn: int, count: int) -> None:
    case = (site.engine.search(limit=1) or [site.office.filed()])[0].id
    rows = [
        {"key": f"t{turn}:{n}", "case_id": case, "seq": n, "topic": "x", "recipient": "party:wang", "body": "{}",
         "state": "queued", "created_at": f"2026-03-01T00:00:00.{n:06}+00:00"}
        for n in range(count)
    ]  # fmt: skip
    with site.engine.database.begin() as connection:
        connection.execute(site.engine.store.tables.outbox.insert(), rows)


# --- what only the queue has


def test_a_transition_and_its_job_are_one_transaction(queue: Site) -> None:
    """Rolled back, neither is there; committed, one of each, and no tick is needed before a worker finds it."""
    reach(queue.office, "wang", "file")
    case, node = queue.office.accepted(), queue.node()
    assert isinstance(node, ProcrastinateBackend)
    queue.pass_()
    told = len(queue.file.arrived())
    data = {"assignment_mode": "sole", "lead_unit": "water", "co_units": []}
    for ends in ("rollback", "commit"):
        with queue.engine.database.connect() as connection:
            connection.begin()
            queue.engine.fire(case.id, "assign", Actor(person="li"), data, session=connection)
            getattr(connection, ends)()
        one = ends == "commit"
        assert jobs_of(queue) == [(None, "todo")] * one
        assert bool(queue.engine.alerts.state()["waiting"]) is one
    drain(queue, node)  # no deliver(): the job alone brings it
    assert len(queue.file.arrived()) == told + 1


def test_whoever_fires_enqueues(queue: Site) -> None:
    """Another process, which knows nothing of the queue: the outbox itself tells it, until there is no queue any more."""
    case = queue.office.accepted()
    queue.node()
    elsewhere = Engine(queue.engine.database, queue.engine.library, clock=queue.office.clock)
    assert jobs_of(queue) == []
    Office(elsewhere, queue.office.clock).fire(
        case, "assign", "li", assignment_mode="sole", lead_unit="water", co_units=[]
    )
    assert jobs_of(queue) == [(None, "todo")]
    execute(queue.engine, "drop schema tibandu_jobs cascade")
    assert queue.office.fire(case, "sign_in", "wang").state == "signed_in"


@pytest.mark.parametrize(
    "ill", ["lock table {} in access exclusive mode", "alter table {} rename to elsewhere"]
)
def test_a_queue_that_is_ill_costs_no_event(queue: Site, ill: str) -> None:
    """Locked by somebody, or not what it was: the event is done, its row waits, and a tick finds it later."""
    reach(queue.office, "wang", "file")
    case, node, jobs = queue.office.accepted(), queue.node(), "tibandu_jobs.procrastinate_jobs"
    with queue.engine.database.connect() as other, queue.engine.database.connect() as own:
        other.begin()
        own.begin()
        (own if "rename" in ill else other).execute(text(ill.format(jobs)))
        data = {"assignment_mode": "sole", "lead_unit": "water", "co_units": []}
        done = queue.engine.fire(case.id, "assign", Actor(person="li"), data, session=own)
        if "rename" in ill:
            own.execute(text("alter table tibandu_jobs.elsewhere rename to procrastinate_jobs"))
        own.commit()
        other.rollback()
    assert (done.state, jobs_of(queue)) == ("assigned", [])
    assert queue.engine.alerts.state()["waiting"]
    deliver(node)
    assert len(queue.file.arrived()) == 1


def test_a_transaction_waits_for_a_locked_queue_once(queue: Site) -> None:
    """A hundred events in one transaction would else wait a hundred times; what it has not enqueued a tick finds."""
    cases = [queue.office.accepted() for _ in range(3)]
    queue.node()
    data = {"assignment_mode": "sole", "lead_unit": "water", "co_units": []}
    with queue.engine.database.connect() as other, queue.engine.database.connect() as own:
        other.begin()
        own.begin()
        other.execute(text("lock table tibandu_jobs.procrastinate_jobs in access exclusive mode"))
        queue.engine.fire(cases[0].id, "assign", Actor(person="li"), data, session=own)
        other.rollback()
        queue.engine.fire(cases[1].id, "assign", Actor(person="li"), data, session=own)
        own.commit()
        assert jobs_of(queue) == [], "it asked once"
        own.begin()
        queue.engine.fire(cases[2].id, "assign", Actor(person="li"), data, session=own)
        own.commit()
    assert jobs_of(queue) == [(None, "todo")], "the next transaction asks again"


def test_whoever_fires_puts_no_table_of_his_own_before_the_queues(queue: Site) -> None:
    """The function runs with its maker's rights: a temporary table, with triggers of its owner, is not what it writes to."""
    case = queue.office.accepted()
    queue.node()
    with queue.engine.database.connect() as own:
        own.begin()
        like = "create temp table procrastinate_jobs (like tibandu_jobs.procrastinate_jobs including all) on commit drop"
        own.execute(text(like))
        data = {"assignment_mode": "sole", "lead_unit": "water", "co_units": []}
        queue.engine.fire(case.id, "assign", Actor(person="li"), data, session=own)
        assert own.execute(text("select count(*) from pg_temp.procrastinate_jobs")).scalar_one() == 0
        own.commit()
    assert jobs_of(queue) == [(None, "todo")]


def test_one_job_does_for_all_that_waited_with_it(queue: Site) -> None:
    reach(queue.office, "wang", "file")
    node = queue.node()
    for _ in range(3):
        queue.office.assigned()
    assert len(jobs_of(queue)) >= 3
    node.deliver()
    assert [slot for slot, _ in jobs_of(queue)] == ["file#0"]
    assert isinstance(node, ProcrastinateBackend)
    drain(queue, node)
    assert len(queue.file.arrived()) == 3


def test_a_queue_that_nobody_works_on_is_not_filled(queue: Site) -> None:
    queue.node()
    queue.office.assigned()
    execute(
        queue.engine,
        "update tibandu_jobs.procrastinate_jobs set args = jsonb_build_object('at', (args->>'at')::bigint - 61)",
    )
    jobs = jobs_of(queue)
    queue.office.assigned()
    assert jobs_of(queue) == jobs != []


def test_without_the_right_to_make_a_trigger_a_tick_enqueues(
    queue: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("scheduler.distributed.MAY", "select false")
    reach(queue.office, "wang", "file")
    node = queue.node()
    assert "no right to make a trigger" in caplog.text
    queue.office.assigned()
    assert jobs_of(queue) == []
    deliver(node)
    assert len(queue.file.arrived()) == 1


def test_bulk_work_is_enqueued_where_it_is_submitted(queue: Site) -> None:
    done: list[str] = []
    node = queue.node(jobs={"import": lambda key, _: done.append(key)})
    with queue.engine.database.connect() as connection:
        connection.begin()
        assert node.submit("import", {}, key="a", session=connection)
        connection.rollback()
    assert jobs_of(queue) == []
    assert node.submit("import", {}, key="a")
    assert not node.submit("import", {}, key="a")
    assert jobs_of(queue) == [(None, "todo")]
    assert isinstance(node, ProcrastinateBackend)
    drain(queue, node)
    assert done == ["@job:a"]


def test_without_the_queues_tables_the_rows_wait_for_a_tick(queue: Site) -> None:
    done: list[str] = []
    node = ProcrastinateBackend(
        queue.engine, [], {"import": lambda key, _: done.append(key)}, schema="not_yet"
    )
    assert node.submit("import", {}, key="a")
    queue.pass_(jobs={"import": lambda key, _: done.append(key)})
    assert done == ["@job:a"]


def drain(site: Site, node: ProcrastinateBackend) -> None:
    """Work until the queue is empty: one job enqueues another, and a worker that does not wait may be gone by then."""
    for _ in range(10):
        if not jobs_of(site):
            return
        node.work(wait=False)
    raise AssertionError(jobs_of(site))


def jobs_of(site: Site) -> list[tuple[str | None, str]]:
    with site.engine.database.connect() as connection:
        found = connection.execute(
            text(
                "select queueing_lock, status::text from tibandu_jobs.procrastinate_jobs "
                "where queueing_lock is null or queueing_lock not in ('rescue', 'purge') order by id"
            )  # its housekeeping comes by the clock on the wall
        )
        return [(row[0], row[1]) for row in found]


def test_jobs_are_enqueued_once_and_with_the_deliveries(queue: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    reach(queue.office, "wang", "file")
    plant(queue.office, 450)
    nodes = [queue.node() for _ in range(3)]
    for node in (*nodes, *nodes):
        node.deliver()
    assert jobs_of(queue) == [(f"file#{n}", "todo") for n in range(3)]
    plant_some(queue, 0, 200 * MOST_AT_ONCE)
    nodes[0].deliver()
    assert len(jobs_of(queue)) == MOST_AT_ONCE


def test_a_transaction_that_fails_enqueues_nothing(queue: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    reach(queue.office, "wang", "file")
    queue.office.assigned()
    node = queue.node()

    def fail(connection: Any, due: Any) -> None:
        node._enqueue(connection, due)  # type: ignore[attr-defined]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        queue.engine.alerts.address(then=fail)
    assert jobs_of(queue) == []
    assert queue.engine.alerts.state()["waiting"]


def test_the_worker_runs_in_a_thread_and_ends(queue: Site) -> None:
    from tests.test_scheduler import ours, wait_for

    reach(queue.office, "wang", "file")
    queue.office.assigned()
    nodes = [queue.node() for _ in range(2)]
    for node in nodes:
        node.start()
    try:
        nodes[0].deliver()
        wait_for(queue.file.arrived)
    finally:
        for node in nodes:
            node.stop()
    assert len(queue.file.arrived()) == 1
    assert not [name for name in ours() if "worker" in name]


def test_a_dead_workers_job_is_given_back_and_old_ones_are_forgotten(
    queue: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach(queue.office, "wang", "file")
    queue.office.assigned()
    node = queue.node()
    node.deliver()
    assert isinstance(node, ProcrastinateBackend)

    def stall() -> None:
        with queue.engine.database.begin() as connection:
            connection.execute(text("set local search_path to tibandu_jobs"))
            connection.execute(text("update procrastinate_jobs set status = 'doing'"))

    stall()

    async def rescue_and_purge() -> None:
        async with node.app.open_async():
            await node._rescue()
            await node._purge()

    asyncio.run(rescue_and_purge())
    assert [status for _, status in jobs_of(queue)] == ["todo"]
    stall()
    node.deliver()  # has put another in its place
    asyncio.run(rescue_and_purge())
    assert [status for _, status in jobs_of(queue)] == ["todo"]
    node.work(wait=False)
    assert len(queue.file.arrived()) == 1
    assert jobs_of(queue) == []  # done ones are forgotten at once


def test_several_nodes_need_postgresql(sqlite_office: Office) -> None:
    with pytest.raises(StoreError, match="PostgreSQL"):
        ProcrastinateBackend(sqlite_office.engine)
