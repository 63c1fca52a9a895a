"""Copies of our tables as they were at one instant, while everybody goes on writing; and back into an empty place.

SQLite: its own online backup, one step: readers and the copy see one state, writers wait for it. PostgreSQL: one REPEATABLE READ
transaction, COPY of every table under the prefix, so neither a tool of the server's version nor a second connection is needed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, Table, func, select

from ..errors import StoreError, Text
from .sql import Store

Open = Callable[[str], AbstractContextManager[IO[bytes]]]
"""name of a part -> the file it is written into or read from"""
BLOCK = 1 << 20
DATABASE = "tibandu.db"


def dump(store: Store, write: Open, scratch: Path, beside: Sequence[Table] = ()) -> None:
    """Write every part of a snapshot, with the tables of others `beside` ours; `scratch` names a file that may be used meanwhile.
    Raises StoreError.
    """
    if store.is_sqlite:
        _dump_file(store, write, scratch)
        return
    with store.database.connect() as connection:
        connection.exec_driver_sql("set transaction isolation level repeatable read, read only")
        driver: Any = connection.connection.driver_connection
        for table in (*_tables(store), *beside):
            with write(f"{table.name}.copy") as out, driver.cursor() as cursor:
                names = ", ".join(f'"{column.name}"' for column in table.columns)
                with cursor.copy(f"copy {table.name}({names}) to stdout") as copy:
                    for block in copy:
                        out.write(block)


def _dump_file(store: Store, write: Open, scratch: Path) -> None:
    """A copy of the whole file, looked through before it is called a backup."""
    raw = store.database.raw_connection()
    try:
        source: Any = raw.driver_connection
        with closing(sqlite3.connect(scratch)) as target:
            source.backup(target)
            _whole(target)
    finally:
        raw.close()
    with write(DATABASE) as out, scratch.open("rb") as copied:
        while block := copied.read(BLOCK):
            out.write(block)


def _whole(connection: sqlite3.Connection) -> None:
    found = connection.execute("pragma integrity_check").fetchone()[0]
    if found != "ok":
        raise StoreError(Text(f"数据库文件已损坏：{found}", f"the database file is damaged: {found}"))


def load_file(read: Open, path: Path) -> None:
    """Put a SQLite copy where no file is. Raises StoreError when what comes out is damaged."""
    with read(DATABASE) as source, path.open("xb") as target:
        while block := source.read(BLOCK):
            target.write(block)
    with closing(sqlite3.connect(path)) as connection:
        _whole(connection)


def load(store: Store, read: Open, beside: Sequence[Table] = ()) -> None:
    """Fill empty tables of PostgreSQL from a snapshot, all or nothing. Raises StoreError when they are not empty.

    The triggers that keep history append-only and separate powers judge acts, not copies: they sleep for this transaction, which
    only the owner of the tables can bring about.
    """
    with store.database.begin() as connection:
        tables = [*_tables(store), *beside]
        for table in tables:
            if connection.execute(
                select(func.count()).select_from(select(table).limit(1).subquery())
            ).scalar_one():
                raise StoreError(
                    Text(
                        f"{table.name} 不是空的：只能恢复到空库",
                        f"{table.name} is not empty: restore into an empty database",
                    )
                )
        for table in tables:
            connection.exec_driver_sql(f"alter table {table.name} disable trigger user")
        for table in tables:
            _fill(connection, table, read)
        for table in tables:
            connection.exec_driver_sql(f"alter table {table.name} enable trigger user")


def _fill(connection: Connection, table: Table, read: Open) -> None:
    driver: Any = connection.connection.driver_connection
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    with (
        read(f"{table.name}.copy") as source,
        driver.cursor() as cursor,
        cursor.copy(f"copy {table.name}({names}) from stdin") as copy,
    ):
        while block := source.read(BLOCK):
            copy.write(block)
    for column in table.columns:
        if column.identity is not None or column is table.autoincrement_column:
            sequence = f"pg_get_serial_sequence('{table.name}', '{column.name}')"
            newest = f"(select coalesce(max({column.name}), 0) + 1 from {table.name})"
            connection.exec_driver_sql(f"select setval({sequence}, {newest}, false)")


def _tables(store: Store) -> Iterator[Table]:
    """Ours, those that others point to first."""
    yield from store.tables.metadata.sorted_tables
