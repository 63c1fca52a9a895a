"""The rows of ticking: what is due, whose family is free, which timer is broken, who has ticked and what he caught up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..family import Family
from ..history import canonical
from . import rows
from .sql import Store
from .work import Work


class DueTimer(NamedTuple):
    """A clock whose next rung is due: `at` is that instant (UTC, ISO, seconds), `broken` how often it failed to fire."""

    case: str
    clock: str
    at: str
    broken: int

    @property
    def key(self) -> tuple[str, str]:
        """Which timer it is."""
        return self.case, self.clock

    @property
    def place(self) -> tuple[str, str, str]:
        """Its place in the order in which timers fire."""
        return self.at, self.case, self.clock


class Timetable:
    """What the sweep asks of the database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def due(self, work: Work, until: str, limit: int, after: DueTimer | None = None) -> list[DueTimer]:
        """Timers due by that instant (UTC, ISO, seconds), in due order; `after` is the last of the page before. Broken ones
        only when it is time to try them again.
        """
        p, place = self._store.prefix, (after.at, after.case, after.clock) if after else ("", "", "")
        self._store.run(
            work,
            f"select c.case_id, c.name, c.next_at, coalesce(b.tries, 0) from {p}clock c"
            f" left join {p}broken b on b.case_id = c.case_id and b.clock = c.name"
            " where c.next_at is not null and c.next_at <= ? and (c.next_at, c.case_id, c.name) > (?, ?, ?)"
            " and (b.again_at is null or b.again_at <= ?) order by c.next_at, c.case_id, c.name limit ?",
            (until, *place, until, limit),
        )
        return [DueTimer(*row) for row in work.cursor.fetchall()]

    def take(self, work: Work, cases: Sequence[str]) -> list[Family]:
        """The families of these cases that nobody else is changing, locked until the commit. SQLite's BEGIN IMMEDIATE has
        locked them all.
        """
        table, listed = f"{self._store.prefix}cases", "select value from json_each(?)"
        named = rows.dumps(sorted(set(cases)))
        if not self._store.is_sqlite:
            listed = "select json_array_elements_text(?::json)"
            inner = f"select root_id from {table} where id in ({listed})"
            self._store.run(
                work,
                f"select id from {table} where id in ({inner}) order by id for update skip locked",
                (named,),
            )
            named = rows.dumps([row[0] for row in work.cursor.fetchall()])
        roots = listed if not self._store.is_sqlite else f"select root_id from {table} where id in ({listed})"
        self._store.run(
            work, f"select {', '.join(rows.CASE)} from {table} where root_id in ({roots})", (named,)
        )
        return rows.families(work.cursor.fetchall())

    def mark_broken(self, work: Work, timer: DueTimer, at: str, again_at: str, said: str) -> None:
        """Note that a timer cannot fire, and leave it alone until `again_at`."""
        self._store.run(
            work,
            f"insert into {self._store.prefix}broken as b (case_id, clock, since, tries, again_at, said) values (?, ?, ?, 1, ?, ?)"
            " on conflict (case_id, clock) do update set tries = b.tries + 1, again_at = excluded.again_at,"
            " said = excluded.said",
            (timer.case, timer.clock, at, again_at, said),
        )

    def broken(self, work: Work, cases: Sequence[str]) -> set[tuple[str, str]]:
        """The broken timers of these cases."""
        listed = (
            "select value from json_each(?)"
            if self._store.is_sqlite
            else "select json_array_elements_text(?::json)"
        )
        self._store.run(
            work,
            f"select case_id, clock from {self._store.prefix}broken where case_id in ({listed})",
            (rows.dumps(cases),),
        )
        return {(row[0], row[1]) for row in work.cursor.fetchall()}

    def mend(self, work: Work, timers: Sequence[tuple[str, str]]) -> None:
        """They are broken no longer."""
        for timer in timers:
            self._store.run(
                work, f"delete from {self._store.prefix}broken where case_id = ? and clock = ?", timer
            )

    @property
    def database_now(self) -> str:
        """The database's own present instant as our rows hold one (UTC, ISO), in its own words."""
        if self._store.is_sqlite:
            return "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')"
        return "to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"+00:00\"')"

    def beat(self, work: Work, node: str, started_at: str, at: str, fired: int) -> None:
        """A node says that it has ticked."""
        self._store.run(
            work,
            f"insert into {self._store.prefix}node as n (id, started_at, ticked_at, alive_at, fired)"
            f" values (?, ?, ?, {self.database_now}, ?)"
            " on conflict (id) do update set started_at = excluded.started_at, ticked_at = excluded.ticked_at,"
            " alive_at = excluded.alive_at, fired = n.fired + excluded.fired, held_at = null, leap = null, released_by = null",
            (node, started_at, at, fired),
        )

    def retire(self, work: Work, node: str, before: str) -> None:
        """Forget nodes that nobody has seen since (by the database's clock), and marks of timers that no longer wait."""
        p = self._store.prefix
        self._store.run(work, f"delete from {p}node where alive_at < ? and id <> ?", (before, node))
        waits = f"select 1 from {p}clock c where c.case_id = b.case_id and c.name = b.clock and c.next_at is not null"
        self._store.run(work, f"delete from {p}broken as b where not exists ({waits})", ())

    def hold(self, work: Work, node: str, at: str, leap: int) -> None:
        """A node says that it holds back."""
        self._store.run(
            work,
            f"update {self._store.prefix}node set held_at = ?, leap = ?, released_by = null,"
            f" alive_at = {self.database_now} where id = ?",
            (at, leap, node),
        )

    def released_by(self, work: Work, node: str) -> str | None:
        """Who lets a node go on, if anybody does; the node is seen to be alive."""
        self._store.run(
            work,
            f"update {self._store.prefix}node set alive_at = {self.database_now} where id = ? returning released_by",
            (node,),
        )
        found = work.cursor.fetchone()
        return found[0] if found else None

    def let_go(self, work: Work, node: str) -> None:
        """It goes on."""
        self._store.run(
            work,
            f"update {self._store.prefix}node set held_at = null, leap = null, released_by = null where id = ?",
            (node,),
        )

    def journal(self, work: Work, key: str, at: str, node: str, kind: str, body: Mapping[str, Any]) -> None:
        """One line of the journal; the same key again says it anew."""
        self._store.run(
            work,
            f"insert into {self._store.prefix}journal (key, at, node, kind, body) values (?, ?, ?, ?, ?)"
            " on conflict (key) do update set at = excluded.at, body = excluded.body",
            (key, at, node, kind, canonical(body)),
        )
