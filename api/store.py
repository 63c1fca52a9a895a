"""The service's own tables beside the engine's, under a prefix and a version table of their own; what a case is stands in none.

Authoritative for cases is the engine alone. Here stand bulk jobs and who may come in: all of it can be thrown away without the
loss of anything that happened to a case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from workflow import Engine
from workflow.errors import StoreError
from workflow.errors import Text as Words
from workflow.migrations import check, upgrade

from .tables import tables_of

SCRIPTS = Path(__file__).with_name("migrations")


class Shelf:
    """The tables in the engine's database."""

    def __init__(self, engine: Engine) -> None:
        self.database = engine.database
        self._store = engine.store
        self._clock = engine.clock
        self.tables = tables_of(f"{engine.store.prefix.rstrip('_')}api_", engine.store.prefix)

    def create_schema(self) -> None:
        """Bring the tables to the newest version. Safe to repeat. Raises StoreError when some of these or of the engine's lacks
        what should be there.
        """
        with self.database.connect() as connection:
            check(connection, self._store.tables.metadata)
        upgrade(self.database, self.tables.prefix, scripts=SCRIPTS, metadata=self.tables.metadata)

    def check(self) -> None:
        """Raises StoreError when one of these tables or of the engine's, or a column, is not there."""
        with self._store.connection() as connection:
            for described in (self._store.tables.metadata, self.tables.metadata):
                check(connection, described)
            for first in (self._store.tables.cases, self.tables.account):  # where there are none at all
                connection.execute(first.select().limit(0))

    def now(self) -> datetime:
        """The present instant, in UTC."""
        return self._clock.now().astimezone(UTC)

    def lock_name(self, connection: Connection, name: str) -> None:
        """Wait until no other transaction is past this point under that name: what is counted next stays true."""
        self._store.lock_name(connection, f"{self.tables.prefix}{name}")

    @contextmanager
    def connection(self, *, write: bool = False) -> Iterator[Connection]:
        """A transaction; what only reads has none to wait for. Raises StoreError when the tables are not there."""
        try:
            with self._store.connection(write=write) as connection:
                yield connection
        except StoreError as error:
            if error.which != "tables":
                raise
            text = Words(
                "缺少本服务的表。清除演示数据时稍候再试；否则运行 tibandu init 并重启服务（嵌入时 api.create_schema(engine)）",
                "the service's own tables are missing. While demo data is being removed, try again soon; else run tibandu init"
                " and start the service anew (in a host: api.create_schema(engine))",
            )
            raise StoreError(text, error.which) from error


def stamp(instant: datetime) -> str:
    """An instant in UTC as it is written here: texts in the order of time, to the second."""
    return instant.isoformat(timespec="seconds")


def insert_once(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless its key is there; whether it was. Who is second waits for the first to be done."""
    module = postgresql if connection.dialect.name == "postgresql" else sqlite
    query = module.insert(table).values(**values).on_conflict_do_nothing().returning(*table.primary_key)
    return connection.execute(query).first() is not None


def create_schema(engine: Engine) -> None:
    """Make or renew the service's own tables in the engine's database. Safe to repeat."""
    Shelf(engine).create_schema()
