"""Delivery and bulk work on several nodes: procrastinate says which node works now, our rows say on what.

Authoritative are the rows (workflow/alerts.py). A job says no more than "there is something to address" or "channel X has
something due". It is enqueued in the transaction of what it speaks of, so with it or not at all: what an event tells, and bulk
work, by a trigger on the outbox that `start` makes (who writes knows nothing of it); letters where the deliveries are made.
Every tick of every node enqueues what is due and has no job. A job that is lost, run twice or stale costs time and nothing else,
switching between this and the local backend needs no migration, and no timer ever lies in the queue.

What can fail: a killed worker's job stays `doing`: the rescue task of another node gives it back after half a minute, while the
letters it had leased go again when their lease is over. A worker that loses the database is started anew.
Its tables stand in a schema of their own (`tibandu_jobs`), beside a host's procrastinate if it has one.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Status

from workflow import Engine
from workflow.errors import StoreError, Text
from workflow.outbox import Channel

from .delivery import Job, LocalBackend

log = logging.getLogger("tibandu.distributed")
SCHEMA = "tibandu_jobs"
QUEUE = "delivery"
SHARE = 200
"""letters that one job tries before it makes room for another channel"""
MOST_AT_ONCE = 8
"""jobs of one channel that wait or run at the same time, over all nodes"""
STALLED_SECONDS = 30.0
KEEP_FAILED_HOURS = 24 * 7
RESTART_SECONDS = 5.0

ENQUEUE = """
with wanted as (select * from json_to_recordset(%(wanted)s::json) w(task text, slot text, args jsonb))
select procrastinate_defer_jobs_v1(array_agg(row(
  %(queue)s, task, 0, null, slot, args, null)::procrastinate_job_to_defer_v1))
from wanted where slot is null or not exists (
  select 1 from procrastinate_jobs j where j.queueing_lock = wanted.slot and j.status = 'todo')"""
TELLS = """
create or replace function "{schema}".tell() returns trigger language plpgsql security definer
set search_path = pg_catalog, "{schema}", pg_temp set lock_timeout = '{patience}ms' as $$
declare waited bigint; present bigint := extract(epoch from clock_timestamp());
begin
  if current_setting('{deaf}', true) = 'on' then return null; end if;
  if exists (select 1 from told where state = 'queued') then
    select (args->>'at')::bigint into waited from "{schema}".procrastinate_jobs
      where status = 'todo' and task_name = 'address' order by priority desc, id limit 1;
    if waited is null or waited > present - {idle} then
      perform "{schema}".procrastinate_defer_jobs_v1(array[row(
        '{queue}', 'address', 0, null, null, jsonb_build_object('at', present), null
      )::"{schema}".procrastinate_job_to_defer_v1]);
    end if;
  end if;
  return null;
exception
  when serialization_failure then raise;
  when others then
    perform set_config('{deaf}', 'on', true);
    return null;
end $$"""
"""An event that tells somebody: a job, unless the first that waits has waited for so long that nobody works on this queue.

It runs with its maker's rights, so temporary tables of whoever fires are looked at last. A queue that is locked or broken
costs a transaction `PATIENCE_MS` once, however many events it has, and nothing else: the rows wait for a tick. Only what the
transaction must be done again for goes through.
"""
PATIENCE_MS = 100
DEAF = "tibandu.queue_is_deaf"
"""a setting of the transaction, once the queue did not answer"""
IDLE_SECONDS = 60
HIDES = 'revoke all on function "{schema}".tell() from public'
TRIGGER = """
create trigger {outbox}_tells after insert on {outbox} referencing new table as told
for each statement execute function "{schema}".tell()"""
WAITING = "select id from {} where status = 'todo' and task_name = 'address'"
GONE = "delete from procrastinate_jobs where id = any(%(ids)s) and status = 'todo'"
TOLD = "select exists (select 1 from pg_trigger where tgname = %(trigger)s and tgrelid = to_regclass(%(outbox)s))"
MAY = "select has_table_privilege(%(outbox)s, 'TRIGGER') and has_schema_privilege(%(schema)s, 'CREATE')"


class ProcrastinateBackend(LocalBackend):
    """The same as the local one, but who works is decided by a queue that all nodes share."""

    def __init__(
        self, engine: Engine, channels: Iterable[Channel] = (), jobs: Mapping[str, Job] | None = None, *,
        concurrency: int = 2, schema: str = SCHEMA, hooks: Callable[[], Iterable[Channel]] = tuple,
    ) -> None:  # fmt: skip
        """Raises StoreError on another database than PostgreSQL."""
        super().__init__(engine, channels, jobs, hooks=hooks)
        if engine.database.dialect.name != "postgresql":
            raise StoreError(Text("多节点投递须用 PostgreSQL", "delivery on several nodes needs PostgreSQL"))
        self._schema = schema
        self._table = f'"{schema}".procrastinate_jobs'
        self._concurrency = concurrency
        self._database = engine.database
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self.app = self._app()

    # -- what every node does at a tick

    def deliver(self, limit: int = 1000) -> int:
        """Address what waits and see to it that everything due has a job; returns how many rows were addressed."""
        self._look_again()
        return self._address()

    def _address(self, at: int = 0) -> int:
        """Address whatever waits; what other jobs that wait by now were enqueued for is done then, and they go. `at`: the second
        in which the job was enqueued.
        """
        waiting = self._waiting()
        count = 0
        while not self._stopping.is_set() and (done := self._engine.alerts.address(then=self._enqueue)):
            count += done
        if waiting and not self._stopping.is_set():
            with self._database.begin() as connection:
                self._within(connection, GONE, {"ids": waiting})
        return count

    def _waiting(self) -> list[int]:
        """Jobs to address something. Each was committed with its rows, so whoever reads rows after this sees them."""
        with self._database.connect() as connection:
            if not self._there(connection):
                return []
            return [row.id for row in connection.exec_driver_sql(WAITING.format(self._table))]

    def _there(self, connection: Any) -> bool:
        found = connection.exec_driver_sql("select to_regclass(%(name)s)", {"name": self._table})
        return found.scalar_one() is not None

    def _enqueue(self, connection: Any, due: Mapping[str, int]) -> None:
        """Jobs for the channels of this node that have something due, on this connection."""
        wanted = [
            {"task": "deliver", "slot": f"{channel}#{slot}", "args": {"channel": channel}}
            for channel, count in sorted(due.items())
            if channel in self.channels and self._usable(self.channels[channel])
            for slot in range(min(-(-count // SHARE), MOST_AT_ONCE))
        ]
        if not wanted:
            return
        # One at a time, so that nobody meets the unique key of a job another is about to commit.
        connection.exec_driver_sql(
            "select pg_advisory_xact_lock(hashtext(%(name)s))", {"name": f"{self._schema}.enqueue"}
        )
        self._within(connection, ENQUEUE, {"wanted": json.dumps(wanted), "queue": QUEUE})

    def _within(self, connection: Any, sql: str, values: Mapping[str, object]) -> None:
        """One statement in the queue's schema, where its own functions look for each other."""
        before = connection.exec_driver_sql("select current_setting('search_path')").scalar_one()
        local = "select set_config('search_path', %(path)s, true)"
        connection.exec_driver_sql(local, {"path": f'"{self._schema}", {before}'})
        connection.exec_driver_sql(sql, values)
        connection.exec_driver_sql(local, {"path": before})

    # -- the worker

    def start(self) -> None:
        """Make the queue's tables if they are missing, and work in a thread of its own."""
        self.create_schema()
        self._thread = threading.Thread(target=self._keep_working, name="tibandu-worker", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the letters in hand and end the worker."""
        super().stop()
        loop, task = self._loop, self._task
        if loop is not None and task is not None and not loop.is_closed():
            loop.call_soon_threadsafe(task.cancel)
        if self._thread is not None:
            self._thread.join()

    def work(self, *, wait: bool) -> None:
        """Run jobs: for ever, or until none is left."""
        asyncio.run(self._work(wait=wait))

    def create_schema(self) -> None:
        """Make the queue's tables; safe to repeat, on any number of nodes at once."""
        with self._database.begin() as connection:
            self._alone(connection)
            connection.exec_driver_sql(f'create schema if not exists "{self._schema}"')
            if not self._there(connection):
                connection.exec_driver_sql(f'set local search_path to "{self._schema}"')
                sql = self.app.schema_manager.get_schema()
                cursor: Any = connection.connection.cursor()
                cursor.execute(sql, prepare=False)  # many statements in one
        with self._database.begin() as connection:
            self._alone(connection)
            self._be_told(connection)

    def _alone(self, connection: Any) -> None:
        connection.exec_driver_sql("select pg_advisory_xact_lock(hashtext(%(name)s))", {"name": self._schema})

    def _be_told(self, connection: Any) -> None:
        """The trigger on the outbox; without the right to make one its rows wait for a tick."""
        outbox = self._engine.store.tables.outbox.name
        names = {
            "schema": self._schema,
            "outbox": outbox,
            "idle": IDLE_SECONDS,
            "queue": QUEUE,
            "patience": PATIENCE_MS,
            "deaf": DEAF,
        }
        if connection.exec_driver_sql(TOLD, {**names, "trigger": f"{outbox}_tells"}).scalar_one():
            return
        if not connection.exec_driver_sql(MAY, names).scalar_one():
            log.warning("no right to make a trigger on %s: what is told waits for a tick", outbox)
            return
        connection.exec_driver_sql(TELLS.format(**names))
        connection.exec_driver_sql(HIDES.format(**names))
        connection.exec_driver_sql(TRIGGER.format(**names))

    def _keep_working(self) -> None:
        while not self._stopping.is_set():
            try:
                self.work(wait=True)
            except Exception:
                log.exception("the worker stopped; it begins again")
                self._stopping.wait(RESTART_SECONDS)

    async def _work(self, *, wait: bool) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        async with self.app.open_async():
            try:
                if not self._stopping.is_set():
                    await self.app.run_worker_async(
                        queues=[QUEUE, "builtin"], wait=wait, concurrency=self._concurrency, delete_jobs="successful",
                        install_signal_handlers=False, stalled_worker_timeout=STALLED_SECONDS,
                    )  # fmt: skip
            except asyncio.CancelledError:
                if not self._stopping.is_set():
                    raise

    def _app(self) -> App:
        url = self._database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        options = {"options": f"-c search_path={self._schema}"}
        app = App(
            connector=PsycopgConnector(
                conninfo=url, kwargs=options, min_size=1, max_size=self._concurrency + 3
            )
        )
        app.task(name="deliver", queue=QUEUE)(self._run)
        app.task(name="address", queue=QUEUE)(self._address)
        app.periodic(cron="* * * * *")(
            app.task(name="rescue", queue=QUEUE, queueing_lock="rescue")(self._rescue)
        )
        app.periodic(cron="17 3 * * *")(
            app.task(name="purge", queue=QUEUE, queueing_lock="purge")(self._purge)
        )
        return app

    def _run(self, channel: str) -> None:
        """One share of one channel; whatever is left then gets a job again."""
        if channel not in self.channels:  # a subscription that came since this node's last tick
            self._look_again()
        found = self.channels.get(channel)
        if found is not None and self._take_turns([found], SHARE):
            self._engine.alerts.address(then=self._enqueue)

    async def _rescue(self, timestamp: int = 0) -> None:
        """Give the jobs of dead workers back."""
        manager = self.app.job_manager
        for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
            try:
                await manager.retry_job(job)
            except UniqueViolation:  # the next tick has put another in its place
                await manager.finish_job_by_id_async(job.id or 0, status=Status.FAILED, delete_job=True)
            log.warning("job %s of a worker that died is given back", job.id)

    async def _purge(self, timestamp: int = 0) -> None:
        """Forget failed jobs after a week; done ones are forgotten at once. The letters have their own record."""
        await self.app.job_manager.delete_old_jobs(
            nb_hours=KEEP_FAILED_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
        )
