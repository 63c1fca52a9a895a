"""The schema's history, by alembic, callable by a host: our tables, our version table, the host's own left alone."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, inspect
from sqlalchemy import Engine as Database

from ..errors import StoreError, Text
from ..store.durable import assure
from ..store.schema import tables_of

HERE = Path(__file__).parent


def configuration(
    connection: Connection, prefix: str, scripts: Path = HERE, metadata: MetaData | None = None
) -> Config:
    """An alembic configuration for this connection and prefix; the version table is `<prefix>version`.

    `scripts`, `metadata`: of somebody else's tables that come and go in the same way.
    """
    config = Config()
    config.set_main_option("script_location", str(scripts))
    config.attributes["connection"] = connection
    config.attributes["prefix"] = prefix
    config.attributes["metadata"] = metadata
    return config


def upgrade(
    database: Database, prefix: str, revision: str = "head", scripts: Path = HERE, metadata: MetaData | None = None
) -> None:  # fmt: skip
    """Bring the tables under that prefix to a revision; one transaction, and one migrator at a time. Raises StoreError on
    settings under which what is acknowledged could be lost.
    """
    with database.begin() as connection:
        assure(connection)
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"select pg_advisory_xact_lock(hashtext('{prefix}migration'))")
        command.upgrade(configuration(connection, prefix, scripts, metadata), revision)
        if revision == "head":
            check(connection, metadata or tables_of(prefix).metadata)


def check(connection: Connection, metadata: MetaData) -> None:
    """Raises StoreError when some tables or columns of these are missing: an earlier state of this version made them. That
    there are none at all says whoever looks for them.
    """
    there = {
        table: {column["name"] for column in columns}
        for (_, table), columns in inspect(connection).get_multi_columns().items()
    }
    missing = [
        f"{table.name}.{column.name}" if table.name in there else table.name
        for table in metadata.sorted_tables
        for column in table.columns
        if column.name not in there.get(table.name, ())
    ]
    if missing and any(table.name in there for table in metadata.sorted_tables):
        names = ", ".join(dict.fromkeys(missing))
        text = Text(
            f"数据库由较早的程序建立，缺少：{names}。请改用新数据库，并用 tibandu restore 从备份恢复",
            f"an earlier program made this database; it lacks {names}: use a new one, and tibandu restore to fill it",
        )
        raise StoreError(text)


def downgrade(
    database: Database, prefix: str, revision: str = "base", scripts: Path = HERE, metadata: MetaData | None = None
) -> None:  # fmt: skip
    """Take the tables under that prefix back to a revision. At `base` they are gone, and all that was in them."""
    with database.begin() as connection:
        command.downgrade(configuration(connection, prefix, scripts, metadata), revision)
