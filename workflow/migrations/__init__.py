"""The schema's history, by alembic, callable by a host: our tables, our version table, the host's own left alone."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData
from sqlalchemy import Engine as Database

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
    """Bring the tables under that prefix to a revision; one transaction, and one migrator at a time."""
    with database.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"select pg_advisory_xact_lock(hashtext('{prefix}migration'))")
        command.upgrade(configuration(connection, prefix, scripts, metadata), revision)


def downgrade(
    database: Database, prefix: str, revision: str = "base", scripts: Path = HERE, metadata: MetaData | None = None
) -> None:  # fmt: skip
    """Take the tables under that prefix back to a revision. At `base` they are gone, and all that was in them."""
    with database.begin() as connection:
        command.downgrade(configuration(connection, prefix, scripts, metadata), revision)
