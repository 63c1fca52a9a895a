"""What both databases do alike: the hot read and write by the dialect's text, everything else in SQLAlchemy Core."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, delete, func, insert, select
from sqlalchemy import Engine as Database
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.sql import Select

from ..definition import Definition
from ..errors import Conflict, StoreError, Text
from ..family import Family, Step
from ..model import Grant
from . import postgresql, rows, sqlite
from .durable import assure
from .errors import Translated
from .feed import Sequencer
from .lending import end_borrowed, end_lent
from .questions import Questions
from .schema import PREFIX, tables_of
from .spare import Spares
from .work import Host, Work, connection_of, emptied, host_work, own_work, reading

SLICE = 20
"""steps that go to PostgreSQL together while the next ones are decided"""


class Reading(NamedTuple):
    """What one read brings: the family (None: no such case), the person's grants, the stored answer of the key."""

    family: Family | None
    grants: tuple[Grant, ...]
    answer: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Readings:
    """What one read for many calls brings: the families, every named person's grants, the keys that have an answer."""

    families: list[Family]
    grants: dict[str, tuple[Grant, ...]]
    answered: set[str]


class Store:
    """The tables of one prefix in one database."""

    def __init__(self, database: Database, prefix: str = PREFIX) -> None:
        if database.dialect.name not in ("sqlite", "postgresql"):
            name = database.dialect.name
            raise StoreError(
                Text(f"不支持数据库 {name}", f"{name} is not supported; SQLite and PostgreSQL are")
            )
        self.database = database
        self.prefix = prefix
        self.tables = tables_of(prefix)
        self.is_sqlite = database.dialect.name == "sqlite"
        self._spares = Spares(database)
        self._reading = reading(database)
        self._sequencer = Sequencer(self.tables, sqlite=self.is_sqlite)
        self.questions = Questions(self.tables, sqlite=self.is_sqlite)
        self._dialect: Any = sqlite if self.is_sqlite else postgresql
        self._read = self._dialect.read_sql(prefix)
        self._listed = (
            "select value from json_each(?)" if self.is_sqlite else "select json_array_elements_text(?::json)"
        )

    # -- connections

    def work(self, host: Host | None = None) -> AbstractContextManager[Work]:
        """A place to run the hot statements: ours, or inside the host's transaction."""
        if host is not None:
            return host_work(host, self.prefix)
        return self._spares.take() or own_work(self.database, self.prefix, self._spares)

    @contextmanager
    def connection(self, host: Host | None = None, *, write: bool = False) -> Iterator[Connection]:
        """A SQLAlchemy connection for the rest; what is written is committed at the end, unless the transaction is the host's.
        An error of the database that we can explain becomes ours.
        """
        with Translated(self.prefix):
            if host is not None:
                yield connection_of(host)
            elif write:
                with self.database.begin() as connection:
                    assure(connection)
                    yield connection
            else:
                with self.database.connect() as connection:
                    yield connection.execution_options(**self._reading)

    def settle(self) -> bool:
        """Write what is committed from SQLite's write-ahead log into the file, and empty the log: what was erased stands in neither
        from then on. Elsewhere nothing. Not in a transaction of this thread. False where that failed, or somebody reads an older
        state for longer than `PATIENCE`: then it stands there until a later checkpoint.
        """
        return not self.is_sqlite or emptied(self.database)

    def lock_name(self, connection: Connection, name: str) -> None:
        """Wait until no other transaction is past this point under that name: what is counted next stays true until the commit.
        SQLite's write lock has seen to it.
        """
        if not self.is_sqlite:
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"{self.prefix}{name}"))))

    # -- set-up

    def check(self) -> None:
        """Refuse settings under which an acknowledged action could be lost. Raises StoreError."""
        with self.database.connect() as connection:
            assure(connection)

    # -- the way of one event

    def run(self, work: Work, sql: str, arguments: Sequence[Any]) -> None:
        """One of the small statements, written with ? for both."""
        work.cursor.execute(sql if self.is_sqlite else postgresql.numbered(sql), arguments)

    def read(self, work: Work, case: str, person: str, key: str | None) -> Reading:
        """Everything a decision needs, in one statement."""
        work.cursor.execute(self._read, (person, key, case))
        found = work.cursor.fetchall()
        if not found:
            return Reading(None, (), self.answer(work, key))
        width = len(rows.CASE)
        grants, answer = _json(found[0][width]), _json(found[0][width + 1])
        return Reading(
            rows.family([row[:width] for row in found]),
            tuple(as_grant(*values) for values in grants or ()),
            (answer[0], answer[1]) if answer else None,
        )

    def read_all(
        self, work: Work, cases: Sequence[str], persons: Sequence[str], keys: Sequence[str]
    ) -> Readings:
        """The same for many calls at once, in one statement for each kind of thing."""
        listed = self._listed
        columns, table = ", ".join(rows.CASE), f"{self.prefix}cases"
        named = f"select root_id from {table} where id in ({listed})"
        families: list[Family] = []
        if cases:
            self.run(work, f"select {columns} from {table} where root_id in ({named})", (rows.dumps(cases),))
            families = rows.families(work.cursor.fetchall())
        columns = "id, person, role, scope, unit, valid_from, valid_until, on_behalf_of"
        self.run(
            work,
            f"select {columns} from {self.prefix}grant where person in ({listed}) order by id",
            (rows.dumps(persons),),
        )
        grants: dict[str, tuple[Grant, ...]] = dict.fromkeys(persons, ())
        for row in work.cursor.fetchall():
            grants[row[1]] = (*grants[row[1]], as_grant(*row))
        answered: set[str] = set()
        if keys:
            self.run(
                work, f"select key from {self.prefix}answer where key in ({listed})", (rows.dumps(keys),)
            )
            answered = {row[0] for row in work.cursor.fetchall()}
        return Readings(families, grants, answered)

    def read_person(self, work: Work, person: str) -> tuple[Grant, ...]:
        """The grants of a person, for a case that does not exist yet."""
        columns = "id, person, role, scope, unit, valid_from, valid_until, on_behalf_of"
        self.run(work, f"select {columns} from {self.prefix}grant where person = ? order by id", (person,))
        return tuple(as_grant(*row) for row in work.cursor.fetchall())

    def answer(self, work: Work, key: str | None) -> tuple[str, str] | None:
        """(hash of the body, the stored answer) of an idempotency key."""
        if key is None:
            return None
        self.run(work, f"select body_hash, answer from {self.prefix}answer where key = ?", (key,))
        found = work.cursor.fetchone()
        return (found[0], found[1]) if found else None

    def lock(self, work: Work, case: str) -> None:
        """Wait until nobody else is changing the case's family. SQLite's BEGIN IMMEDIATE has done that already."""
        if not self.is_sqlite:
            inner = f"select root_id from {self.prefix}cases where id = ?"
            self.run(work, f"select 1 from {self.prefix}cases where id = ({inner}) for update", (case,))

    def linked(
        self, work: Work, cases: Sequence[str], *, hold: bool
    ) -> dict[str, tuple[str, str, bool, str]]:
        """Kind, state, end and tenant of these root cases; with `hold` they stay so until the transaction ends (on SQLite they do)."""
        lock = " for share" if hold and not self.is_sqlite else ""
        marks = ", ".join("?" for _ in cases)
        table = f"{self.prefix}cases"
        self.run(
            work,
            f"select id, kind, state, closed, tenant from {table} where id in ({marks}) and id = root_id order by id{lock}",
            tuple(cases),
        )
        found = work.cursor.fetchall()
        return {id_: (kind, state, bool(closed), tenant) for id_, kind, state, closed, tenant in found}

    def lock_all(self, work: Work, cases: Sequence[str]) -> dict[str, int]:
        """The same for many families, in the order of their ids: two that want the same ones never wait for each other.
        Returns root -> revision.
        """
        if not cases:
            return {}
        listed, lock = self._listed, "" if self.is_sqlite else " for update"
        table = f"{self.prefix}cases"
        named = f"select root_id from {table} where id in ({listed})"
        sql = f"select id, revision from {table} where id in ({named}) order by id{lock}"
        self.run(work, sql, (rows.dumps(cases),))
        return dict(work.cursor.fetchall())

    def lock_series(self, work: Work, names: Sequence[str]) -> None:
        """Wait until no other batch draws from these series, in the order given. Who draws one number only does not wait here."""
        if not self.is_sqlite:
            for name in names:
                key = f"{self.prefix}series {name}"
                self.run(work, "select pg_advisory_xact_lock(hashtextextended(?, 0))", (key,))

    def write(self, work: Work, step: Step, recorded_at: str, today: str) -> bool:
        """Write the step and what it begat; False when somebody was first and nothing was written."""
        written: bool = self._dialect.write(work.cursor, self.prefix, step, recorded_at, today)
        if written:
            for begotten in step.begotten:
                self.write(work, begotten, recorded_at, today)
        return written

    def slices(self, work: Work, count: int) -> Iterator[slice]:
        """How `count` steps are best cut for `write_all`: where that does not wait, one slice is written while the next is decided."""
        size = SLICE if hasattr(work.cursor, "send") else max(count, 1)
        return (slice(start, start + size) for start in range(0, count, size))

    def write_all(self, work: Work, steps: Sequence[tuple[Step, str, str]]) -> bool:
        """Write (step, recorded_at, today) of different families, none of which begot another. False when one was stale: then
        some may be written, and the caller rolls back to where he stood.

        On a connection of ours to PostgreSQL it does not wait for the answer: then `arrived` tells of staleness, and an error is
        raised by it or by whatever is run next.
        """
        written: bool = self._dialect.write_all(work.cursor, self.prefix, steps)
        return written

    def arrived(self, work: Work) -> bool:
        """Wait for what `write_all` has sent; False when a step of it was stale."""
        return not hasattr(work.cursor, "send") or bool(work.cursor.arrived())

    def draw(self, work: Work, series: str, scope: str, count: int = 1) -> int:
        """The first of `count` numbers drawn from a series; the row stays locked until the commit, so no gap can open."""
        self.run(
            work,
            f"insert into {self.prefix}series(name, scope, last) values (?, ?, ?)"
            f" on conflict (name, scope) do update set last = {self.prefix}series.last + excluded.last returning last",
            (series, scope, count),
        )
        return int(work.cursor.fetchone()[0]) - count + 1

    def pass_by(self, work: Work, series: str, scope: str, number: int) -> None:
        """A number of a series that a case has brought along is not drawn any more, nor is any before it."""
        self.run(
            work,
            f"insert into {self.prefix}series(name, scope, last) values (?, ?, ?)"
            f" on conflict (name, scope) do update set last = excluded.last where excluded.last > {self.prefix}series.last",
            (series, scope, number),
        )

    def keyed(self, work: Work, key: str) -> str | None:
        """The case that has that unique key."""
        self.run(work, f"select id from {self.prefix}cases where number_key = ?", (key,))
        found = work.cursor.fetchone()
        return None if found is None else str(found[0])

    def invitation(self, work: Work, digest: str) -> dict[str, Any] | None:
        """The invitation with that token hash."""
        names = ("case_id", "event", "subject", "until", "revoked_at", "used_at")
        self.run(
            work, f"select {', '.join(names)} from {self.prefix}invitation where token_hash = ?", (digest,)
        )
        found = work.cursor.fetchone()
        return dict(zip(names, found, strict=True)) if found else None

    # -- the rest

    def family(self, connection: Connection, case: str, *, lock: bool = False) -> Family | None:
        """The family of a case; `lock`: nobody else changes it until the commit."""
        table = self.tables.cases
        root = select(table.c.root_id).where(table.c.id == case).scalar_subquery()
        if lock:
            connection.execute(select(table.c.id).where(table.c.id == root).with_for_update())
        found = connection.execute(
            select(*(table.c[name] for name in rows.CASE)).where(table.c.root_id == root)
        ).all()
        return rows.family(found) if found else None

    def records(self, connection: Connection, query: Select[Any], **given: Any) -> list[Any]:
        """The records of a query of `questions`; `given`: its parameters."""
        return [rows.record(row) for row in connection.execute(query, given).all()]

    def history(
        self, connection: Connection, case: str, until: int | None = None, after: int = 0, limit: int | None = None
    ) -> list[tuple[Any, dict[str, Any]]]:  # fmt: skip
        """(line, disclosure) of a case in order: all, or at most `limit` after line `after`."""
        h, d = self.tables.history, self.tables.disclosure
        query = (
            select(h, d.c.body)
            .outerjoin(d, and_(d.c.case_id == h.c.case_id, d.c.seq == h.c.seq))
            .where(h.c.case_id == case, h.c.seq > after)
            .order_by(h.c.seq)
            .limit(limit)
        )
        if until is not None:
            query = query.where(h.c.seq <= until)
        return [(row, json.loads(row.body or "{}")) for row in connection.execute(query)]

    def lines_of(
        self, connection: Connection, cases: Sequence[str], events: Sequence[str]
    ) -> list[tuple[str, int, str]]:
        """(case, number, event) of the lines of these cases that are one of these events."""
        h = self.tables.history.c
        query = select(h.case_id, h.seq, h.event).where(h.case_id.in_(cases), h.event.in_(events))
        return [(row.case_id, row.seq, row.event) for row in connection.execute(query)]

    def add(self, connection: Connection, table: str, **values: Any) -> None:
        """One row into one of the plain tables."""
        connection.execute(insert(getattr(self.tables, table)).values(**values))

    def replace_grants(
        self,
        connection: Connection,
        person: str,
        grants: Sequence[dict[str, Any]],
        body: Callable[[str], str],
    ) -> None:
        """A person's grants become exactly these; one that stays as it is also stays whose it was. With his own role go its loans,
        and what he borrowed as a colleague: `body` says whose a role is.
        """
        table = self.tables.grant
        # A decision rests on a grant by its id, so no id may come to mean another grant.
        known = {g.id: g for g in self.grants(connection, person)}
        for row in grants:
            same = known.get(row["id"])
            if same is not None and (same.role, same.unit, same.scope) != (
                row["role"],
                row["unit"],
                row["scope"],
            ):
                text = Text(
                    f"授权编号 {row['id']} 已用于另一授权",
                    f"the id {row['id']} was another grant's; give a new one",
                )
                raise Conflict(text)
        new = [row for row in grants if known.get(row["id"]) != _given(row)]
        kept = {row["id"] for row in grants} - {row["id"] for row in new}
        connection.execute(delete(table).where(table.c.person == person, table.c.id.not_in(sorted(kept))))
        if new:
            connection.execute(insert(table), new)
        end_lent(connection, table, [person])
        end_borrowed(connection, table, [person], body)

    def add_grant(self, connection: Connection, grant: dict[str, Any]) -> None:
        """One more grant; what others give at the same time stays."""
        connection.execute(insert(self.tables.grant), grant)

    def grants(self, connection: Connection, person: str) -> tuple[Grant, ...]:
        """A person's grants."""
        g = self.tables.grant.c
        query = select(
            g.id, g.person, g.role, g.scope, g.unit, g.valid_from, g.valid_until, g.on_behalf_of
        ).where(g.person == person)
        return tuple(as_grant(*row) for row in connection.execute(query.order_by(g.id)))

    def ends(self, connection: Connection) -> list[str]:
        """The first and the last of the tenants that have cases; none where there are no cases."""
        tenant = self.tables.cases.c.tenant
        first, last = (select(end(tenant)).scalar_subquery() for end in (func.min, func.max))
        return [one for one in connection.execute(select(first, last)).one() if one is not None]

    def counts(self, connection: Connection) -> list[tuple[str, str, int]]:
        """(kind, state, how many) over all cases."""
        c = self.tables.cases.c
        query = select(c.kind, c.state, func.count()).group_by(c.kind, c.state).order_by(c.kind, c.state)
        return [tuple(row) for row in connection.execute(query)]

    def digests(self, connection: Connection) -> set[str]:
        """The content hashes of all published definitions."""
        return set(connection.execute(select(self.tables.definition.c.hash)).scalars())

    def published(self, connection: Connection, digest: str) -> Any:
        """The published definition with that content hash, or None."""
        table = self.tables.definition
        return connection.execute(select(table).where(table.c.hash == digest)).one_or_none()

    def rules_kept(self, connection: Connection) -> set[str]:
        """The versions of rules that are kept."""
        return set(connection.execute(select(self.tables.rulebook.c.version)).scalars())

    def rules(self, connection: Connection, version: str) -> str | None:
        """The content of the rules of that version, or None."""
        table = self.tables.rulebook
        return connection.execute(
            select(table.c.content).where(table.c.version == version)
        ).scalar_one_or_none()

    def keep_rules(self, connection: Connection, version: str, place: str, content: str, at: str) -> None:
        """Keep one version of the rules of a place for good; another node may have done so a moment ago."""
        table = self.tables.rulebook
        values = {"version": version, "place": place, "content": content, "kept_at": at}
        if not self.is_sqlite:
            connection.execute(postgresql_insert(table).values(values).on_conflict_do_nothing())
        elif version not in self.rules_kept(connection):  # nobody else writes meanwhile
            connection.execute(insert(table).values(values))

    def calendars(self, connection: Connection) -> list[str]:
        """The contents of the calendars that were put in force, in their order."""
        table = self.tables.calendar.c
        return list(
            connection.execute(select(table.content).order_by(table.kept_at, table.version)).scalars()
        )

    def keep_calendar(self, connection: Connection, version: str, content: str, at: str, by: str) -> None:
        """Keep a calendar that is put in force; once more with other days takes the place of the first."""
        table = self.tables.calendar
        connection.execute(delete(table).where(table.c.version == version))
        connection.execute(insert(table).values(version=version, content=content, kept_at=at, kept_by=by))

    def publish(self, connection: Connection, definition: Definition, at: str, by: str) -> None:
        """Store a definition for good, with the policy of its events for the database's own guard.

        Raises Conflict when that name and version stands for other content.
        """
        d, policy = self.tables.definition, self.tables.event_policy
        other = select(d.c.hash).where(d.c.name == definition.name, d.c.version == definition.version)
        if connection.execute(other).scalar_one_or_none() is not None:
            raise Conflict(
                Text(
                    f"{definition.name} 第 {definition.version} 版已发布且内容不同；请提高版本号",
                    f"{definition.name} version {definition.version} is published with other content; raise the version",
                )
            )
        connection.execute(
            insert(d).values(
                hash=definition.hash,
                name=definition.name,
                version=definition.version,
                content=definition.content,
                published_at=at,
                published_by=by,
            )
        )
        policies = [
            {"definition": definition.hash, "event": e.name, "automatic": e.automatic is not None}
            for e in (definition.start, *definition.events.values())
        ]
        connection.execute(insert(policy), policies)

    def sequence_feed(self, connection: Connection, limit: int, now: datetime | None = None) -> int:
        """Give positions to committed history lines that have none, at most `limit`: gap-free, because it is done after the
        commits by one at a time. `now` spares looking through the whole history every time (feed.py).
        """
        return self._sequencer.sequence(connection, limit, now)


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def as_grant(
    id_: str,
    person: str,
    role: str,
    scope: str,
    unit: str | None,
    valid_from: str | None,
    valid_until: str | None,
    on_behalf_of: str | None = None,
) -> Grant:
    """The grant of a row."""
    return Grant(
        id=id_, person=person, role=role, scope=scope, unit=unit,
        valid_from=date.fromisoformat(valid_from) if valid_from else None,
        valid_until=date.fromisoformat(valid_until) if valid_until else None, on_behalf_of=on_behalf_of,
    )  # fmt: skip


def _given(row: dict[str, Any]) -> Grant:
    names = ("id", "person", "role", "scope", "unit", "valid_from", "valid_until", "on_behalf_of")
    return as_grant(*(row[name] for name in names))
