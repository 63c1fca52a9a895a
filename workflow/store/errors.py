"""Which of our errors an error of the database becomes: by constraint and trigger name, else by class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.exc import TimeoutError as PoolExhausted

from ..errors import Conflict, NotPermitted, Reason, StoreError, Text, WorkflowError


class KeyTaken(Exception):
    """The idempotency key was written meanwhile: its stored answer is the answer."""


RETRY = {"40001", "40P01", "55P03"}
"""serialization failure, deadlock, lock timeout: nothing is wrong, somebody was first"""

ASK_AGAIN = Text("稍后用同一幂等键再试", "ask again later with the same idempotency key")
FAULTS: Mapping[str, Text] = {
    "lost": Text("数据库暂时不可用", "the database is not there just now"),
    "full": Text("数据库的磁盘已满", "the database's disk is full"),
    "read_only": Text("数据库现在只读", "the database is read-only now"),
    "disk": Text("数据库的磁盘出错", "the database's disk reports an error"),
}
"""what passes or is put right without a change of the request (StoreError.which)"""
DAMAGED: Mapping[str, Text] = {
    "": Text(
        "数据库文件已损坏：停止服务，用 tibandu restore 从最近的备份恢复",
        "the database file is damaged: stop the service and restore the latest backup with tibandu restore",
    ),
    "XX001": Text(
        "数据库有损坏的数据页：停止服务，查看 PostgreSQL 日志，用 pg_amcheck 检查；数据无法读出时，用 tibandu restore 从最近的备份恢复",
        "the database has damaged pages: stop the service, look at PostgreSQL's log and run pg_amcheck; what cannot be read comes"
        " back by tibandu restore from the latest backup",
    ),
    "XX002": Text(
        "数据库有损坏的索引：查看 PostgreSQL 日志，对所指的索引执行 REINDEX；数据本身无须恢复",
        "an index of the database is damaged: look at PostgreSQL's log and run REINDEX on the one it names; the data need no restore",
    ),
}
"""what somebody has to mend, by SQLSTATE; without one it is SQLite's file"""
_STATES = {
    "53100": "full", "25006": "read_only", "58030": "disk", "25P03": "lost",
    "08": "lost", "53": "lost", "57P": "lost", "XX001": "damaged", "XX002": "damaged",
}  # fmt: skip
"""SQLSTATE, or how it begins: 08 connection, 53 resources, 57P the server goes or comes, 25P03 it stood still too long, XX00x pages it cannot read"""
_SQLITE = {
    "SQLITE_FULL": "full", "SQLITE_READONLY": "read_only", "SQLITE_IOERR": "disk", "SQLITE_CANTOPEN": "lost",
    "SQLITE_CORRUPT": "damaged", "SQLITE_NOTADB": "damaged",
}  # fmt: skip
_CLOSED = ("closed database", "connection is closed", "closed the connection")


class Translated:
    """Within it, an error of SQLAlchemy or the driver that we can explain becomes ours, with the driver's as its cause."""

    __slots__ = ("_prefix",)

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def __enter__(self) -> None:
        return

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, WorkflowError):
            cause = getattr(error, "orig", None) or error
            ours = translate(cause, self._prefix)
            if ours is not None:
                raise ours from cause


def translate(error: Exception, prefix: str) -> Exception | None:
    """Our error for the driver's, or None when it is none of ours to explain."""
    fault = _fault(error)
    if fault == "damaged":
        return StoreError(DAMAGED[str(getattr(error, "sqlstate", None) or "")], fault)
    if fault is not None:
        said = FAULTS[fault]
        return StoreError(Text(f"{said.zh}；{ASK_AGAIN.zh}", f"{said.en}; {ASK_AGAIN.en}"), fault)
    state = getattr(error, "sqlstate", None)
    message = str(error)
    if state in RETRY or "database is locked" in message or "database table is locked" in message:
        return Conflict(
            Text("数据库正忙或他人先行一步，请重试", "the database is busy or somebody was first; try again")
        )
    if _constraint(error, message, f"{prefix}answer"):
        return KeyTaken()
    if f"{prefix}separation" in message:
        return _barred()
    if f"{prefix}decision" in message:
        return _decision()
    if f"{prefix}refused: replacing" in message:  # SQLite's guard sees the row before its unique index does
        return Conflict(Text("已有此行，他人先行一步", "that row is there already: somebody was first"))
    if f"{prefix}refused" in message:
        return StoreError(
            Text("历史只能追加，数据库拒绝改写", "history is append-only; the database refused the change")
        )
    if "UNIQUE constraint" in message or state == "23505":
        return Conflict(Text("他人先行一步，请重新读取", "somebody was first; read again"))
    if "no such table" in message or state == "42P01":
        return StoreError(
            Text(
                "数据库中没有我们的表；先运行 tibandu init", "our tables are missing; run tibandu init first"
            ),
            "tables",
        )
    return None


def _fault(error: Exception) -> str | None:
    """Which of the faults it is: by SQLite's name for it, by SQLSTATE, or because there is no connection to have one from."""
    name = str(getattr(error, "sqlite_errorname", None) or "")
    state = getattr(error, "sqlstate", None)
    if name:
        return next((fault for start, fault in _SQLITE.items() if name.startswith(start)), None)
    if state:
        return next((fault for start, fault in _STATES.items() if state.startswith(start)), None)
    driver, kind = type(error).__module__.partition(".")[0], type(error).__name__
    silent = driver == "psycopg" and kind in _SILENT
    closed = driver in ("psycopg", "sqlite3") and any(said in str(error) for said in _CLOSED)
    return "lost" if silent or closed or isinstance(error, PoolExhausted) else None


_SILENT = ("OperationalError", "ConnectionTimeout")
"""psycopg's classes for what libpq says when no server did"""


def _constraint(error: Any, message: str, table: str) -> bool:
    diagnostics = getattr(error, "diag", None)
    if diagnostics is not None:
        return (
            getattr(diagnostics, "table_name", None) == table and getattr(error, "sqlstate", None) == "23505"
        )
    return f"UNIQUE constraint failed: {table}." in message


def _barred() -> WorkflowError:
    text = Text(
        "须回避单位的人员不得参与本案（数据库拒绝）",
        "members of a barred unit may not act here (refused by the database)",
    )
    return NotPermitted([Reason(code="separation", text=text)])


def _decision() -> WorkflowError:
    text = Text("系统不得作决定（数据库拒绝）", "the system may not decide (refused by the database)")
    return NotPermitted([Reason(code="decision", text=text)])
