"""Connections and transactions: ours, or the host's.

Ours: the driver's cursor on a connection from SQLAlchemy's pool (spare.py). A step that is one statement on PostgreSQL commits itself; everything else
stands between BEGIN (IMMEDIATE on SQLite, so no reader is ever upgraded into a lock error) and COMMIT.
The host's: we work in a SAVEPOINT inside its transaction and commit nothing. What can fail is a set-up in which a SAVEPOINT is
no promise: autocommit, or sqlite3's legacy mode that has not begun a transaction. That is refused with the mend.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any, Protocol

from sqlalchemy import Connection, event
from sqlalchemy import Engine as Database
from sqlalchemy.orm import Session, scoped_session

from ..errors import StoreError, Text
from ..given import wrong_kind
from .durable import assure, assure_driver, wal_is_sound
from .errors import Translated
from .spare import OURS, Spares

Host = Session | Connection
READ_ONLY = "tibandu_read_only"
"""execution option of connections that only read"""
CURSOR = "tibandu_cursor"
"""where a pooled connection keeps our cursor"""
IDLE = 0
"""libpq's word for a connection without a transaction"""
_BEGUN = (1, 2, 3)
"""its words for one with a transaction: with a statement under way, sound, failed; 4 is a connection that is gone"""
PATIENCE = 2_000
"""milliseconds for which an erasure waits, to empty SQLite's log, for whoever reads an older state"""
STANDSTILL_SECONDS = 300.0
"""PostgreSQL ends a transaction in which nothing has been asked for so long: its process stands still (SIGSTOP, a machine put to
sleep) and holds its locks; what it had begun is undone and done again by whoever is awake"""


class Work(Protocol):
    """A place to run statements."""

    cursor: Any
    hosted: bool

    def atomic(self, *, single: bool = False, nested: bool = False) -> Any:
        """All or nothing; `single`: it will be one statement; `nested`: inside a transaction already begun."""
        ...


class OwnWork:
    """On our own connection, outside any transaction until `atomic`."""

    hosted = False

    def __init__(self, driver: Any, cursor: Any, dialect: str, prefix: str) -> None:
        self._driver = driver
        self._dialect = dialect
        self._prefix = prefix
        self.cursor = cursor

    def atomic(self, *, single: bool = False, nested: bool = False) -> AbstractContextManager[None]:
        """Between BEGIN and COMMIT, unless one statement of PostgreSQL is all there is."""
        if nested:
            return _savepoint(self.cursor, self._prefix)
        if single and self._dialect == "postgresql":
            return Translated(self._prefix)
        return self._transaction()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with Translated(self._prefix):
            self.cursor.execute("begin immediate" if self._dialect == "sqlite" else "begin")
            try:
                yield
                self.cursor.execute("commit")
            except BaseException:
                self._undo()
                raise

    def _undo(self) -> None:
        """Unless the database has done it (a full disk) or is gone."""
        sqlite, driver = self._dialect == "sqlite", self._driver
        begun = driver.in_transaction if sqlite else driver.pgconn.transaction_status in _BEGUN
        if begun:
            self.cursor.execute("rollback")


class HostWork:
    """Inside the host's transaction."""

    hosted = True

    def __init__(self, cursor: Any, prefix: str) -> None:
        self._prefix = prefix
        self.cursor = cursor

    def atomic(self, *, single: bool = False, nested: bool = False) -> AbstractContextManager[None]:
        """Between SAVEPOINT and RELEASE."""
        return _savepoint(self.cursor, self._prefix)


@contextmanager
def _savepoint(cursor: Any, prefix: str) -> Iterator[None]:
    name = f"{prefix}step"
    with Translated(prefix):
        cursor.execute(f"savepoint {name}")
        try:
            yield
        except BaseException as error:
            try:
                cursor.execute(f"rollback to savepoint {name}")
                cursor.execute(f"release savepoint {name}")
            except Exception as second:  # the database has undone all of it (a full disk), or is gone
                raise error from second
            raise
        cursor.execute(f"release savepoint {name}")


class own_work:  # noqa: N801 - used like the functions of contextlib, and a generator would cost more than what it does
    """A connection of ours for a time: one that waits, else from the pool; given back clean."""

    __slots__ = (
        "_before", "_database", "_dialect", "_driver", "_prefix", "_raw", "_spares", "_work", "detached",
    )  # fmt: skip

    def __init__(self, database: Database, prefix: str, spares: Spares) -> None:
        self._database = database
        self._dialect = database.dialect.name
        self._prefix = prefix
        self._spares = spares
        self._work: OwnWork | None = None
        self.detached = False

    def __enter__(self) -> OwnWork:
        work = self._work
        if work is None:
            with Translated(self._prefix):
                return self._opened()
        if self._dialect == "sqlite":
            work.cursor = _cursor(self._driver, self._dialect)
        return work

    def _opened(self) -> OwnWork:
        raw = self._database.raw_connection()
        try:
            driver: Any = raw.driver_connection
            assure_driver(raw.info, driver, self._dialect)
            cursor = raw.info.get(CURSOR)
            if cursor is None:
                cursor = _cursor(driver, self._dialect)
                if self._dialect != "sqlite":  # there an unfinished statement would hold a lock
                    raw.info[CURSOR] = cursor
            self._before = _begin_by_hand(driver, cursor, self._dialect)
        except BaseException:
            raw.invalidate()
            raise
        self._raw, self._driver = raw, driver
        self._work = OwnWork(driver, cursor, self._dialect, self._prefix)
        return self._work

    def __exit__(self, kind: object, error: BaseException | None, _trace: object) -> None:
        self._put_back(kind)
        if error is not None:
            Translated(self._prefix).__exit__(
                kind, error, None
            )  # of a question that no transaction surrounds

    def _put_back(self, kind: object) -> None:
        raw, work = self._raw, self._work
        # A connection that broke in the middle of something is not given to the next one.
        if kind is not None and _in_transaction(self._driver, self._dialect):
            self._spares.close()
            if self._dialect != "sqlite" and self._driver.closed:
                self._spares.doubt_all()
            if self.detached:
                self._spares.lost()
            else:
                raw.invalidate()
        elif self._before is None and work is not None:
            if self._dialect == "sqlite":
                work.cursor.close()
            if self._spares.keep(self):
                return
        if self._before is not None and raw.driver_connection is not None and raw.is_valid:
            mode, value = self._before
            setattr(self._driver, mode, value)
        raw.close()

    def detach(self) -> None:
        """Out of the pool, for good."""
        self._raw.detach()
        self.detached = True

    def close(self) -> None:
        """It is not needed any more."""
        self._raw.close()


def _cursor(driver: Any, dialect: str, *, hosted: bool = False) -> Any:
    """For statements with PostgreSQL's own placeholders, $1. On a connection of ours they are prepared by us, unless its owner
    forbids that (a pooler between us and the server) or the text there is not UTF-8.
    """
    if dialect == "sqlite":
        return driver.cursor()
    if hosted or driver.prepare_threshold is None or driver.info.encoding != "utf-8":
        from .prepared import HostedCursor

        return HostedCursor(driver)
    from .prepared import PreparedCursor

    return PreparedCursor(driver)


def _begin_by_hand(driver: Any, cursor: Any, dialect: str) -> tuple[str, Any] | None:
    """From here on nothing begins a transaction but we; returns what has to be set back, and to what. What we have prepared goes
    past psycopg, which then begins nothing whatever its mode.
    """
    if dialect == "sqlite":
        if driver.isolation_level is None:
            return None
        mode, ours = "isolation_level", None
    elif driver.autocommit or (
        driver.pgconn.transaction_status == IDLE and hasattr(cursor, "past_the_driver")
    ):
        return None
    else:
        mode, ours = "autocommit", True
    before = getattr(driver, mode)
    setattr(driver, mode, ours)
    return mode, before


def _in_transaction(driver: Any, dialect: str) -> bool:
    if dialect == "sqlite":
        return bool(driver.in_transaction)
    return bool(driver.closed) or driver.pgconn.transaction_status != IDLE


def connection_of(host: Host) -> Connection:
    """The connection of the host's transaction. Raises FormInvalid for what has none, such as an engine."""
    if isinstance(host, Connection):
        return host
    if isinstance(host, (Session, scoped_session)):
        return host.connection()
    raise wrong_kind(
        "session", host, " SQLAlchemy 的 Session 或 Connection", "a Session or Connection of SQLAlchemy"
    )


@contextmanager
def host_work(host: Host, prefix: str) -> Iterator[HostWork]:
    """Inside the host's transaction. Raises StoreError."""
    with Translated(prefix):
        yield _hosts(host, prefix)


def _hosts(host: Host, prefix: str) -> HostWork:
    """The host's connection, checked. Raises StoreError when a SAVEPOINT on it would promise nothing."""
    connection = connection_of(host)
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        if not driver.in_transaction and driver.isolation_level is None:
            raise _unsafe("本连接没有打开事务", "this connection has no open transaction")
        if not driver.in_transaction:
            raise _unsafe(
                "sqlite3 的默认事务方式在 SAVEPOINT 前不会 BEGIN，宿主回滚将无效",
                "sqlite3's default mode does not BEGIN before a SAVEPOINT, so the host's rollback would undo nothing",
            )
    elif driver.autocommit or connection.get_isolation_level() == "AUTOCOMMIT":
        raise _unsafe("本连接是自动提交", "this connection is in autocommit")
    elif not connection.in_transaction():
        # its commit would do nothing, and what the driver has begun would be rolled back
        raise _unsafe("本连接没有打开事务", "this connection has no open transaction")
    assure(connection)
    return HostWork(_cursor(driver, connection.dialect.name, hosted=True), prefix)


def _unsafe(zh: str, en: str) -> StoreError:
    return StoreError(
        Text(
            f"{zh}；请用 Engine.connect(url) 建立数据库引擎，并在 session.begin() 之内调用",
            f"{en}; make the database engine with Engine.connect(url) and call us inside session.begin()",
        )
    )


def reading(database: Database) -> dict[str, Any]:
    """Execution options of a connection that only reads.

    On PostgreSQL, where the connections are ours, each question stands for itself and is one way to the server and back: in READ
    COMMITTED a transaction around several would not make them agree.
    """
    options: dict[str, Any] = {READ_ONLY: True}
    if database.dialect.name == "postgresql" and OURS in database.get_execution_options():
        options["isolation_level"] = "AUTOCOMMIT"
    return options


def prepare_postgresql(database: Database) -> None:
    """What somebody left open on a connection of this SQLAlchemy engine is rolled back when it comes back to the pool.

    The engine is made with `pool_reset_on_return=None`: this asks the server only when there is something. A server that ends
    transactions standing still by a rule of its own keeps it. Nothing is compiled just in time: what a question about many cases
    may cost is more than what the server compiles from, what it costs is a few milliseconds, and compiling it takes a hundred.
    """

    @event.listens_for(database, "connect")
    def _connect(driver: Any, _record: Any) -> None:
        name = "idle_in_transaction_session_timeout"
        driver.execute(
            "select set_config('jit', 'off', false), case when current_setting(%(name)s) = '0'"
            " then set_config(%(name)s, %(limit)s, false) end",
            {"name": name, "limit": f"{STANDSTILL_SECONDS * 1000:.0f}ms"},
        )
        driver.commit()

    @event.listens_for(database, "reset")
    def _reset(driver: Any, _record: Any, state: Any) -> None:
        if not state.terminate_only and driver.pgconn.transaction_status != IDLE:
            driver.rollback()


def prepare_sqlite(database: Database) -> None:
    """Make every connection of this SQLAlchemy engine safe: real BEGIN IMMEDIATE, FULL synchronous, foreign keys, a patient wait."""

    @event.listens_for(database, "connect")
    def _connect(driver: Any, _record: Any) -> None:
        driver.isolation_level = None
        for pragma in (
            "busy_timeout = 30000",
            "foreign_keys = on",
            "synchronous = full",
            "secure_delete = on",
        ):
            driver.execute(f"pragma {pragma}")
        driver.execute(f"pragma journal_mode = {_journal_mode(driver)}").fetchone()

    @event.listens_for(database, "begin")
    def _begin(connection: Connection) -> None:
        # A reader must not queue behind writers, a writer must never be upgraded from a reader.
        reading = connection.get_execution_options().get(READ_ONLY)
        connection.exec_driver_sql("begin" if reading else "begin immediate")


def emptied(database: Database) -> bool:
    """Whether SQLite's write-ahead log is empty now: by a checkpoint, outside any transaction. In other modes there is none."""
    with closing(database.raw_connection()) as pooled:
        driver: Any = pooled.driver_connection
        (patience,) = driver.execute("pragma busy_timeout").fetchone()
        driver.execute(f"pragma busy_timeout = {PATIENCE}")  # writers wait for this, and it for readers
        try:
            return bool(driver.execute("pragma wal_checkpoint(truncate)").fetchone()[0] == 0)
        except database.dialect.loaded_dbapi.Error:  # a full disk: what was erased is committed all the same
            return False
        finally:
            driver.execute(f"pragma busy_timeout = {patience}")


def _journal_mode(driver: Any) -> str:
    """WAL only where its reset bug is mended (3.51.3); else the rollback journal, kept as a file to spare its re-creation."""
    return "wal" if wal_is_sound(driver) else "truncate"
