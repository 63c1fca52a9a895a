"""The questions behind `Engine.health`.

Ages of nodes are taken by the database's clock alone: what a node's own clock says is told beside it, as its skew.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import case, exists, func, inspect, literal_column, select, text

from ..calendars import Calendar
from ..clock import Clock
from ..errors import Text
from ..health import Broken, Event, Health, Node, Running
from ..history import RESERVED
from . import filters
from .sql import Store
from .timetable import Timetable


class Examination:
    """Asks the database what a `Health` says."""

    def __init__(self, store: Store, calendar: Calendar, clock: Clock) -> None:
        self._store = store
        self._t = store.tables
        self._calendar = calendar
        self._clock = clock

    def health(self) -> Health:
        """Everything, in a dozen small questions."""
        with self._store.connection() as connection:
            now = self._clock.now().astimezone(UTC)
            there = _instant(
                connection.execute(select(literal_column(Timetable(self._store).database_now))).scalar_one()
            )
            nodes = tuple(
                _node(row, there)
                for row in connection.execute(select(self._t.node).order_by(self._t.node.c.id))
            )
            c, r, at = self._t.clock.c, self._t.retention, now.isoformat(timespec="seconds")
            broken = self._broken(connection)
            unfit = select(1).where(self._t.broken.c.case_id == c.case_id, self._t.broken.c.clock == c.name)
            oldest = select(func.min(c.next_at)).where(
                c.next_at.is_not(None), c.next_at <= at, ~exists(unfit)
            )
            return Health(
                at=now, nodes=nodes, last_tick_age=min((n.age for n in nodes if n.held_at is None), default=None),
                oldest_due=_maybe(connection.execute(oldest).scalar_one()), broken=broken,
                unerased=self._count(connection, r, r.c.erase_at <= at, r.c.again_at.is_not(None)),
                oldest_undelivered=self._undelivered(connection, now),
                dead_letters=self._count(connection, self._t.delivery, self._t.delivery.c.state == "dead"),
                contacts=self._count(connection, self._t.contact), calendar_horizon=self._calendar.horizon,
                skew=(now - there).total_seconds(), newest=newest(self._store, connection),
                foreign_job_store=inspect(connection).has_table("apscheduler_jobs"),
                caught_up=next(iter(self.journal(connection, "caught_up", 1)), None),
            )  # fmt: skip

    def running(self, today: date, statutory: Collection[str]) -> list[Running]:
        """The running clocks by kind of case and name; `statutory`: rules that are the law's own. It reads every one of them."""
        c, k = self._t.cases.c, self._t.clock.c
        overdue, beyond = (
            filters.past(self._store, which, today, statutory) for which in ("target", "statutory")
        )
        # asked of the late alone: whether anybody has acted here is read from the history
        imported = filters.recorded(self._store, RESERVED)
        sums = (_sum(overdue & ~imported), _sum(beyond & ~imported), _sum((overdue | beyond) & imported))
        query = (
            select(c.kind, k.name, func.count(), *sums)
            .join(self._t.clock, k.case_id == c.id)
            .where(k.running, ~c.closed)
            .group_by(c.kind, k.name)
            .order_by(c.kind, k.name)
        )
        with self._store.connection() as connection:
            rows = connection.execute(query).all()
        return [
            Running(
                kind=kind,
                clock=name,
                running=running,
                overdue=int(late),
                over_limit=int(over),
                recorded=int(apart),
            )
            for kind, name, running, late, over, apart in rows
        ]

    def standstill(self) -> tuple[int, float] | None:
        """Which process of the database stands still longest inside a transaction, and for how many seconds; on PostgreSQL."""
        if self._store.is_sqlite:
            return None
        query = text(
            "select pid, extract(epoch from clock_timestamp() - state_change) from pg_stat_activity"
            " where datname = current_database() and state like 'idle in transaction%' and pid <> pg_backend_pid()"
            " order by state_change limit 1"
        )
        with self._store.connection() as connection:
            found = connection.execute(query).first()
        return None if found is None else (int(found[0]), float(found[1]))

    def journal(self, connection: Any, kind: str | None = None, limit: int = 20) -> list[Event]:
        """What was noted, the newest first."""
        j = self._t.journal.c
        query = select(self._t.journal).order_by(j.at.desc(), j.key).limit(limit)
        if kind is not None:
            query = query.where(j.kind == kind)
        return [
            Event(at=_instant(row.at), node=row.node, kind=row.kind, body=json.loads(row.body))
            for row in connection.execute(query)
        ]

    def resume(self, connection: Any, by: str, node: str | None = None) -> list[str]:
        """Let the nodes that hold back (or the one named) go on at their next tick; their names."""
        n = self._t.node
        wanted = [n.c.held_at.is_not(None), *([n.c.id == node] if node else [])]
        found = list(connection.execute(select(n.c.id).where(*wanted).order_by(n.c.id)).scalars())
        connection.execute(n.update().where(n.c.id.in_(found)).values(released_by=by))
        return found

    def _broken(self, connection: Any) -> tuple[Broken, ...]:
        b, c = self._t.broken, self._t.clock.c
        waits = exists(select(1).where(c.case_id == b.c.case_id, c.name == b.c.clock, c.next_at.is_not(None)))
        return tuple(
            Broken(
                case=row.case_id, clock=row.clock, since=_instant(row.since), tries=row.tries,
                again_at=_instant(row.again_at), said=Text(**json.loads(row.said)),
            )
            for row in connection.execute(select(b).where(waits).order_by(b.c.since, b.c.case_id, b.c.clock))
        )  # fmt: skip

    def _undelivered(self, connection: Any, now: datetime) -> datetime | None:
        o, d = self._t.outbox.c, self._t.delivery.c
        waiting = select(func.min(o.created_at)).where(o.state == literal_column("'queued'"))
        due = select(func.min(d.next_at)).where(
            d.state.in_(("queued", "failed")), d.next_at <= now.isoformat(timespec="microseconds")
        )
        found = [connection.execute(query).scalar_one() for query in (waiting, due)]
        return min((_instant(at) for at in found if at is not None), default=None)

    def _count(self, connection: Any, table: Any, *where: Any) -> int:
        return int(connection.execute(select(func.count()).select_from(table).where(*where)).scalar_one())


def newest(store: Store, connection: Any) -> datetime | None:
    """When the line that was written last says it was recorded."""
    h = store.tables.history.c
    query = select(h.recorded_at).order_by(h.id.desc()).limit(1)
    return _maybe(connection.execute(query).scalar_one_or_none())


def _sum(condition: Any) -> Any:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _node(row: Any, there: datetime) -> Node:
    seen, ticked = _instant(row.alive_at), _instant(row.ticked_at)
    skew = 0.0 if row.held_at else (ticked - seen).total_seconds()
    return Node(
        id=row.id, started_at=_instant(row.started_at), ticked_at=ticked, age=max(0.0, (there - seen).total_seconds()),
        skew=skew, fired=row.fired, held_at=_maybe(row.held_at), leap=row.leap,
    )  # fmt: skip


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _maybe(text: str | None) -> datetime | None:
    return None if text is None else _instant(text)
