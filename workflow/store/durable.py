"""Whether what is committed on a connection is on the disk: asked once of each connection, before anything is written on it.

Some of the settings belong to a connection, not to the database, and a host makes its connections as it likes; so none of them
is believed because another one was sound, and no event pays for it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection

from ..errors import StoreError, Text

__all__ = ["SOUND", "assure", "assure_driver", "wal_is_sound"]

SOUND = "tibandu_sound"
"""where a pooled connection keeps that it was asked"""
FULL, EXTRA = 2, 3
"""SQLite's numbers for `synchronous`"""
UNDONE_BY_FILE = ("delete", "truncate", "persist")
"""journal modes in which a crash in the middle of a commit is undone from a file"""
MENDED = (3, 51, 3)
_POSTGRESQL = ("fsync", "full_page_writes", "synchronous_commit")
_SAFE = ("on", "remote_apply", "remote_write")

Ask = Callable[[str], Sequence[Any]]
"""the row that a question brings"""


def assure(connection: Connection) -> None:
    """Raises StoreError when an acknowledged action could be lost on it, or a crash could spoil the file."""
    if SOUND not in connection.info:
        driver = connection.connection.driver_connection
        _look(lambda sql: connection.exec_driver_sql(sql).one(), connection.dialect.name, driver)
        connection.info[SOUND] = True


def assure_driver(info: dict[Any, Any], driver: Any, dialect: str) -> None:
    """The same for a driver's connection that stands in no transaction, and its `info`."""
    if SOUND not in info:
        _look(lambda sql: driver.execute(sql).fetchone(), dialect, driver)
        if dialect == "postgresql":
            driver.rollback()
        info[SOUND] = True


def _look(ask: Ask, dialect: str, driver: Any) -> None:
    if dialect == "sqlite":
        _look_sqlite(ask, driver)
        return
    values = ask("select " + ", ".join(f"current_setting('{name}')" for name in _POSTGRESQL))
    for name, value in zip(_POSTGRESQL, values, strict=True):
        if value not in _SAFE:
            raise _weak(f"{name} = {value}", f"{name} = on")


def _look_sqlite(ask: Ask, driver: Any) -> None:
    level, mode = int(ask("pragma synchronous")[0]), str(ask("pragma journal_mode")[0])
    if level < FULL:
        raise _weak(f"synchronous = {level}", "synchronous = FULL")
    if mode == "delete" and level < EXTRA:
        # A commit is the journal's deletion, and only EXTRA waits for it: the power gone, the journal is back and undoes the commit.
        raise _weak(
            "journal_mode = delete, synchronous = FULL", "journal_mode = truncate, or synchronous = EXTRA"
        )
    if mode in UNDONE_BY_FILE or (mode == "wal" and wal_is_sound(driver)):
        return
    if mode == "wal":
        raise _weak("journal_mode = wal (SQLite < 3.51.3)", "journal_mode = truncate")
    if ask("pragma database_list")[2]:  # a database in memory has no file, and keeps nothing anyway
        raise _weak(f"journal_mode = {mode}", "journal_mode = truncate")


def wal_is_sound(driver: Any) -> bool:
    """Whether the SQLite behind a driver's connection has the mend of the WAL's reset (3.51.3). Python's own says so unasked;
    another driver brings a library of its own.
    """
    if isinstance(driver, sqlite3.Connection):
        return sqlite3.sqlite_version_info >= MENDED
    version = str(driver.execute("select sqlite_version()").fetchone()[0])
    return tuple(int(part) for part in version.split(".")) >= MENDED


def _weak(found: str, wanted: str) -> StoreError:
    return StoreError(
        Text(
            f"数据库设置 {found} 会丢失已确认的操作；须为 {wanted}",
            f"{found} can lose acknowledged actions; it must be {wanted}",
        )
    )
