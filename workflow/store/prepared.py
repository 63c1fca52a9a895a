"""The hot statements on a psycopg connection of ours: each text prepared once, then sent and awaited in one call of libpq.

psycopg's own cursor does more for everybody (adapts any type, finds placeholders, waits so that Ctrl-C is heard at once), which
costs more than to send our statement. Ours knows only text, numbers and truth. The connection must be psycopg's, in UTF-8, and
may be given statements of psycopg's own cursors as well: the names differ. While a statement runs no other thread is held up,
but a signal to this one is heard when it has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from psycopg import Connection, DataError, OperationalError, RawCursor
from psycopg.adapt import Transformer
from psycopg.errors import InvalidSqlStatementName, error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from .spare import SELDOM

__all__ = ["MOST", "HostedCursor", "PreparedCursor"]

MOST = 400
"""prepared statements per connection: one for each shape of a step"""
_BEGIN = "begin"
_NAME = b"tibandu_%d"
_DONE = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


class HostedCursor(RawCursor[Any]):
    """psycopg's cursor for the hot statements inside a host's transaction. On a connection that prepares nothing by itself (`SELDOM`)
    they are prepared all the same: each is asked again and again, and finds its rows by their keys.
    """

    def execute(self, query: Any, params: Any = None, **how: Any) -> Self:
        """Run one statement."""
        if self.connection.prepare_threshold == SELDOM:
            how = {"prepare": True, **how}
        return super().execute(query, params, **how)


class PreparedCursor:
    """What the store asks of a cursor, in the statements' own placeholders ($1). Raises psycopg's errors."""

    past_the_driver = True
    """whatever the connection's mode: psycopg sees nothing of what is sent, and begins no transaction for it"""

    def __init__(self, driver: Connection[Any]) -> None:
        self._connection = driver.pgconn
        self._loading = Transformer(driver)
        self._names: dict[str, bytes] = {}
        self._made = 0
        self._result: PGresult | None = None
        self._awaited: int | None = None
        """rows that what was sent last has to bring; None when nothing is under way"""
        self._whole = True
        self._prepare(_BEGIN)

    def execute(self, sql: str, arguments: Sequence[str | int | bool | None] = ()) -> None:
        """Run one statement; of what it returns nothing is read before `fetchone` or `fetchall`.

        What was sent before is waited for first, and what it raised is raised; not by a rollback, which undoes it.
        """
        values = _encoded(arguments)
        if undoing := sql.startswith("rollback"):
            self._whole = True
        if self._awaited is not None:
            self._collect(undoing=undoing)
        try:
            self._result = self._run(sql, values)
        except InvalidSqlStatementName:
            self._again()
            self._result = self._run(sql, values)

    def send(self, sql: str, arguments: Sequence[str | int | bool | None], rows: int) -> None:
        """Send one statement that has to bring so many rows, and do not wait for it: `arrived` does, or what is run next."""
        values, connection = _encoded(arguments), self._connection
        self._collect()
        name = self._names.get(sql) or self._prepare(sql)
        self._awaited = rows  # first, so that whatever breaks from here on, the answer is waited for
        connection.nonblocking = 0  # all of it is on its way when this returns
        try:
            connection.send_query_prepared(name, values)
        finally:
            connection.nonblocking = 1

    def arrived(self) -> bool:
        """Wait; whether everything sent since the last question has brought its rows."""
        self._collect()
        whole, self._whole = self._whole, True
        return whole

    @property
    def rowcount(self) -> int:
        """How many rows came back."""
        return self._result.ntuples if self._result else -1

    def fetchall(self) -> list[tuple[Any, ...]]:
        """The rows of the last statement."""
        result = self._result
        if result is None:
            return []
        self._loading.set_pgresult(result)
        return self._loading.load_rows(0, result.ntuples, tuple)

    def fetchone(self) -> tuple[Any, ...] | None:
        """The first of them."""
        return next(iter(self.fetchall()), None)

    def _collect(self, *, undoing: bool = False) -> None:
        if self._awaited is None:
            return
        result = self._connection.get_result()
        while result is not None and self._connection.get_result() is not None:
            pass
        rows, self._awaited = self._awaited, None
        if undoing:
            return
        if result is None:
            raise OperationalError("the answer to what was sent is lost")
        self._whole &= _sound(result).ntuples == rows

    def _run(self, sql: str, values: list[bytes | None]) -> PGresult:
        name = self._names.get(sql) or self._prepare(sql)
        return _sound(self._connection.exec_prepared(name, values))  # type: ignore[arg-type] # None is a value

    def _prepare(self, sql: str) -> bytes:
        if len(self._names) > MOST:
            oldest = next(known for known in self._names if known != _BEGIN)
            _sound(self._connection.exec_(b"deallocate " + self._names.pop(oldest)))
        self._made += 1
        name = _NAME % self._made
        _sound(self._connection.prepare(name, sql.encode()))
        self._names[sql] = name
        return name

    def _again(self) -> None:
        """Called where a statement was not there any more. `begin` is always prepared, so a transaction finds that out first;
        everything else is a single statement, and can be sent again.
        """
        self._names.clear()
        self._prepare(_BEGIN)


def _encoded(arguments: Sequence[str | int | bool | None]) -> list[bytes | None]:
    values = [
        value.encode() if type(value) is str else None if value is None else str(value).encode()
        for value in arguments
    ]
    if b"\0" in b"".join(filter(None, values)):
        raise DataError("a text with NUL: PostgreSQL would cut it there")
    return values


def _sound(result: PGresult) -> PGresult:
    if result.status not in _DONE:
        raise error_from_result(result)
    return result
