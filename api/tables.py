"""The tables of the service beside the engine's: which there are, what each holds, and how what is over is forgotten.

Under a prefix of their own; `store.py` makes them and reads and writes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    event,
    text,
)

ERASURE = "erasure"
"""under which name who erases and who writes documents down wait for each other (`Shelf.lock_name`)"""
LOG_DAYS = 184
"""entries of the security log are kept for six months at least"""
NAMING = {"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"}


class Tables:
    """The tables under one prefix, as attributes; `beside`: the prefix of the engine's."""

    def __init__(self, prefix: str, beside: str) -> None:
        self.prefix = prefix
        self._beside = beside
        self.metadata = MetaData(naming_convention=NAMING)
        self.batch = self._batch()
        self.batch_row = self._batch_row()
        self.failure = self._failure()
        self.token = self._token()
        self.feed = self._feed()
        self.key = self._key()
        self.receipt = self._receipt()
        self.account = self._account()
        self.session = self._session()
        self.acted = self._acted()
        self.subject = self._subject()
        self.arrival = self._arrival()
        self.demo = self._demo()
        self.upload = self._upload()
        self.named = self._named()
        self.factor = self._factor()
        self.recovery = self._recovery()
        self.setup = self._setup()
        self.judged = self._judged()
        self.security = self._security()
        self.saved = self._saved()

    def lasting(self) -> list[Table]:
        """Those of a backup: not the sessions, not what is counted for some minutes, not work that was not done."""
        passing = {
            self.session,
            self.failure,
            self.arrival,
            self.batch,
            self.batch_row,
            self.judged,
            self.named,
        }
        return [table for table in self.metadata.sorted_tables if table not in passing]

    def _table(self, name: str, *columns: Any, **more: Any) -> Table:
        return Table(self.prefix + name, self.metadata, *columns, **more)

    def _saved(self) -> Table:
        table = self._table(
            "saved",
            Column("id", String(40), primary_key=True),
            Column("person", String(80), nullable=False),
            Column("name", String(80), nullable=False),
            Column("address", String(1000), nullable=False),
        )
        Index(f"uq_{table.name}_name", table.c.person, table.c.name, unique=True)
        return table

    def _judged(self) -> Table:
        return self._table(
            "judged",
            Column("sha256", String(64), primary_key=True),
            Column("person", String(80), primary_key=True),
            Column("content", LargeBinary, nullable=False),
            Column("until", String(32), nullable=False),
        )

    def _setup(self) -> Table:
        return self._table(
            "setup",
            Column("step", String(40), primary_key=True),
            Column("standing", String(10), nullable=False),
            Column("noted_by", String(80), nullable=False),
            Column("noted_at", String(32), nullable=False),
        )

    def _batch(self) -> Table:
        table = self._table(
            "batch",
            Column("id", String(40), primary_key=True),
            Column("kind", String(10), nullable=False),
            Column("person", String(80), nullable=False),
            Column("digest", String(64), nullable=False),
            Column("created_at", String(32), nullable=False),
            Column("until", String(32)),
            Column("said", Text),  # for all of its rows
            Column("total", Integer, nullable=False),
            Column("done", Integer, nullable=False),
            Column("refused", Integer, nullable=False),
        )
        waiting = text("done < total")
        Index(f"ix_{table.name}_waiting", table.c.created_at, postgresql_where=waiting, sqlite_where=waiting)
        return table

    def _batch_row(self) -> Table:
        table = self._table(
            "batch_row",
            Column("batch_id", String(40), primary_key=True),
            Column("row", Integer, primary_key=True, autoincrement=False),
            Column("request", Text, nullable=False),  # of an event: until it is done
            Column("outcome", Text),
            Column("content", LargeBinary),
            Column("mark", String(60)),  # how far the case was when that was made
        )
        back = _left(table.name, self._beside)
        _listen(table, "after_create", back)
        _listen(
            table,
            "after_create",
            _forgetting(table.name, self._beside, f"{self._beside}{self.prefix}{ERASURE}"),
        )
        _listen(table, "before_drop", back)
        return table

    def _token(self) -> Table:
        table = self._table(
            "token",
            Column("id", String(40), primary_key=True),
            Column("hash", String(64), nullable=False),
            Column("account", String(80), nullable=False),
            Column("unit", String(80)),
            Column("tenant", String(255)),
            Column("body", String(80)),
            Column("name", String(80), nullable=False),
            Column("scopes", String(400), nullable=False),
            Column("created_by", String(80), nullable=False),
            Column("created_at", String(32), nullable=False),
            Column("expires_on", String(10), nullable=False),
            Column("used_on", String(10)),
            Column("revoked_at", String(32)),
        )
        Index(f"ix_{table.name}_hash", table.c.hash, unique=True)
        return table

    def _feed(self) -> Table:
        table = self._table(
            "feed",
            Column("id", String(40), primary_key=True),
            Column("hash", String(64), nullable=False),
            Column("person", String(80), nullable=False),
            Column("of", String(10), nullable=False),
            Column("unit", String(80)),
            Column("language", String(2), nullable=False),
            Column("created_at", String(32), nullable=False),
            Column("used_on", String(10)),
            Column("revoked_at", String(32)),
        )
        Index(f"ix_{table.name}_hash", table.c.hash, unique=True)
        Index(f"ix_{table.name}_person", table.c.person)
        return table

    def _key(self) -> Table:
        return self._table(
            "key",
            Column("name", String(40), primary_key=True),
            Column("value", String(64), nullable=False),
        )

    def _receipt(self) -> Table:
        return self._table(
            "receipt",
            Column("hash", String(64), primary_key=True),
            Column("case_id", String(40), nullable=False),
            Column("said", String(64), nullable=False),  # a hash under the nonce, which is kept nowhere
            Column("created_at", String(32), nullable=False),
        )

    def _failure(self) -> Table:
        table = self._table(
            "failure",
            Column("key", String(64), primary_key=True),
            Column("until", String(32), nullable=False),
            Column("count", Integer, nullable=False),
        )
        Index(f"ix_{table.name}_until", table.c.until)
        return table

    def _account(self) -> Table:
        return self._table(
            "account",
            Column("person", String(80), primary_key=True),
            Column("hash", String(200), nullable=False),
            Column("made", Integer, nullable=False),
            Column("operator", Integer, nullable=False),
            Column("created_by", String(80), nullable=False),
            Column("created_at", String(32), nullable=False),
            Column("changed_at", String(32), nullable=False),
            Column("changes", Integer, nullable=False, server_default="0"),  # of its password or lock
            Column("used_on", String(10)),
            Column("locked_at", String(32)),
            Column("locked_by", String(80)),
        )

    def _acted(self) -> Table:
        table = self._table(
            "acted",
            Column("id", String(40), primary_key=True),
            Column("at", String(32), nullable=False),
            Column("account", String(80), nullable=False),
            Column("token_id", String(40), nullable=False),
            Column("person", String(80), nullable=False),
            Column("route", String(80), nullable=False),
            Column("case_id", String(40)),
        )
        Index(f"ix_{table.name}_case_id", table.c.case_id)
        return table

    def _subject(self) -> Table:
        table = self._table(
            "subject",
            Column("issuer", String(200), primary_key=True),
            Column("subject", String(255), primary_key=True),
            Column("person", String(80), nullable=False),
            Column("since", String(32), nullable=False),
        )
        Index(f"ix_{table.name}_person", table.c.issuer, table.c.person, unique=True)
        return table

    def _arrival(self) -> Table:
        return self._table(
            "arrival",
            Column("state", String(64), primary_key=True),
            Column("nonce", String(64), nullable=False),
            Column("verifier", String(64), nullable=False),
            Column("back", String(400), nullable=False),
            Column("until", String(32), nullable=False),
        )

    def _demo(self) -> Table:
        return self._table(
            "demo",
            Column("person", String(80), primary_key=True),
            Column("place", Integer, nullable=False),
            Column("password", String(200), nullable=False),
            Column("zh", String(80), nullable=False),
            Column("en", String(80), nullable=False),
        )

    def _factor(self) -> Table:
        return self._table(
            "factor",
            Column("person", String(80), primary_key=True),
            Column("key", String(400), nullable=False),
            Column("step", Integer, nullable=False),  # the last that was used
            Column("since", String(32), nullable=False),
        )

    def _recovery(self) -> Table:
        table = self._table(
            "recovery",
            Column("hash", String(64), primary_key=True),
            Column("person", String(80), nullable=False),
        )
        Index(f"ix_{table.name}_person", table.c.person)
        return table

    def _upload(self) -> Table:
        return self._table(
            "upload",
            Column("sha256", String(64), primary_key=True),
            Column("person", String(80), primary_key=True),
            Column("size", BigInteger, nullable=False),
            Column("at", String(32), nullable=False),  # when he last brought or named it
            Column(
                "leaving", String(32)
            ),  # since when it goes, because nobody named it: no longer his to name
        )

    def _named(self) -> Table:
        """Documents that a line of a case has named, whichever; and, without a hash, how far the lines were looked at."""
        return self._table(
            "named",
            Column("sha256", String(64), primary_key=True),
            Column("position", BigInteger, nullable=False),
        )

    def _security(self) -> Table:
        table = self._table(
            "security",
            Column("id", Integer, primary_key=True),  # in the order in which they were written
            Column("at", String(32), nullable=False),
            Column("kind", String(20), nullable=False),
            Column("good", Integer, nullable=False),
            Column("person", String(80)),
            Column("by", String(80)),
            Column("network", String(43)),
            Column("detail", String(200), nullable=False),
            sqlite_autoincrement=True,
        )
        Index(f"ix_{table.name}_at", table.c.at)
        Index(f"ix_{table.name}_person", table.c.person, table.c.id)
        _listen(table, "after_create", _only_added(table.name))
        return table

    def _session(self) -> Table:
        table = self._table(
            "session",
            Column("hash", String(64), primary_key=True),
            Column("id", String(40), nullable=False),
            Column("network", String(43)),
            Column("person", String(80), nullable=False),
            Column("way", String(10), nullable=False),
            Column("changes", Integer, nullable=False),  # the account's, when its password was proven
            Column("opened_at", String(32), nullable=False),
            Column("used_at", String(32), nullable=False),
        )
        Index(f"ix_{table.name}_person", table.c.person)
        return table


def _listen(table: Table, when: str, statements: Mapping[str, Sequence[str]]) -> None:
    """What is to be done, by dialect, when the table has been made or before it goes."""
    statement_of: Any = DDL  # it has no types
    for dialect, texts in statements.items():
        for text_ in texts:
            event.listen(table, when, statement_of(text_).execute_if(dialect=dialect))


def _forgetting(table: str, beside: str, lock: str) -> Mapping[str, Sequence[str]]:
    """By dialect, what takes documents that were made out of `table` in the transaction in which something is erased, whoever
    erases: what was erased may stand in any of them. Who asks for one then has it made anew.

    On PostgreSQL one that is being written meanwhile is waited for, by the lock its writer holds; SQLite has one writer.
    """
    forget = f"update {table} set content = null, mark = null where content is not null"
    value, person = f"{table}_erased_value after insert on {beside}erasure", f"{table}_erased_person"
    person += f" after insert on {beside}party_log"
    erased, call = "when (new.what = 'erased')", f"execute function {table}_forget()"
    return {
        "sqlite": [
            f"create trigger {value} begin {forget}; end",
            f"create trigger {person} {erased} begin {forget}; end",
        ],
        "postgresql": [
            f"""create or replace function {table}_forget() returns trigger language plpgsql as $$
begin
  perform pg_advisory_xact_lock(hashtext('{lock}'));
  {forget};
  return null;
end $$""",
            f"create trigger {value} for each statement {call}",
            f"create trigger {person} for each row {erased} {call}",
        ],
    }


def _left(table: str, beside: str) -> Mapping[str, Sequence[str]]:
    """The way back: what stands on the engine's tables would outlive `table`, and hinder every erasure."""
    names = (("erased_value", "erasure"), ("erased_person", "party_log"))
    return {
        "sqlite": [f"drop trigger if exists {table}_{name}" for name, _ in names],
        "postgresql": [f"drop trigger if exists {table}_{name} on {beside}{on}" for name, on in names],
    }


def _only_added(table: str) -> Mapping[str, Sequence[str]]:
    """By dialect, what refuses to change an entry, and to delete one younger than `LOG_DAYS` by the database's own clock."""
    words = f"{table}: entries are added, not changed"
    there = f"exists (select 1 from {table} where id = new.id)"
    young = f"old.at > strftime('%%Y-%%m-%%dT%%H:%%M:%%S', 'now', '-{LOG_DAYS} days')"
    return {
        "sqlite": tuple(  # the names are ours
            f"create trigger {table}_no_{name} before {what} begin select raise(abort, '{words}'); end"
            for name, what in (
                ("update", f"update on {table}"),
                ("delete", f"delete on {table} when {young}"),
                ("replace", f"insert on {table} when {there}"),
            )
        ),
        "postgresql": (
            f"""create or replace function {table}_refuse() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    if old.at::timestamptz < now() - interval '{LOG_DAYS} days' then return old; end if;
  end if;
  raise exception using errcode = 'restrict_violation', message = '{words}';
end $$""",
            f"create trigger {table}_fixed before update or delete on {table} for each row execute function {table}_refuse()",
            f"create trigger {table}_whole before truncate on {table} for each statement execute function {table}_refuse()",
        ),
    }


@cache
def tables_of(prefix: str, beside: str) -> Tables:
    """Described once for all that stand on a shelf of the process; nobody changes them."""
    return Tables(prefix, beside)


def granted(prefix: str) -> tuple[MetaData, str, Mapping[str, str]]:
    """The tables beside the engine's of that prefix, their own prefix, and of which the application may do less than everything:
    `tibandu grants` makes a sentence of each.
    """
    own = f"{prefix.rstrip('_')}api_"
    less = {"version": "select", "acted": "select, insert", "security": "select, insert, delete"}
    return Tables(own, prefix).metadata, own, less
