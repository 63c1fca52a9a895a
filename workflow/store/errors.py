"""Which of our errors an error of the database becomes: by constraint and trigger name, else by class."""

from __future__ import annotations

from typing import Any

from ..errors import Conflict, NotPermitted, Reason, StoreError, Text, WorkflowError


class KeyTaken(Exception):
    """The idempotency key was written meanwhile: its stored answer is the answer."""


RETRY = {"40001", "40P01", "55P03"}
"""serialization failure, deadlock, lock timeout: nothing is wrong, somebody was first"""


def translate(error: Exception, prefix: str) -> Exception | None:
    """Our error for the driver's, or None when it is none of ours to explain."""
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
            )
        )
    return None


def _constraint(error: Any, message: str, table: str) -> bool:
    diagnostics = getattr(error, "diag", None)
    if diagnostics is not None:
        return (
            getattr(diagnostics, "table_name", None) == table and getattr(error, "sqlstate", None) == "23505"
        )
    return f"UNIQUE constraint failed: {table}." in message


def _barred() -> WorkflowError:
    text = Text(
        "承办单位的人员不得参与本案（数据库拒绝）",
        "members of a handling unit may not act here (refused by the database)",
    )
    return NotPermitted([Reason(code="separation", text=text)])


def _decision() -> WorkflowError:
    text = Text("系统不得作决定（数据库拒绝）", "the system may not decide (refused by the database)")
    return NotPermitted([Reason(code="decision", text=text)])
