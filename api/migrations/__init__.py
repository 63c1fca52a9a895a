"""The history of the service's own tables, by alembic, beside the engine's and the host's."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData
from sqlalchemy import Engine as Database

HERE = Path(__file__).parent


class Tables(Protocol):
    """The tables under a prefix."""

    prefix: str
    metadata: MetaData


def configuration(connection: Connection, tables: Tables) -> Config:
    """An alembic configuration for this connection; the version table is `<prefix>version`."""
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes["connection"] = connection
    config.attributes["tables"] = tables
    return config


def upgrade(database: Database, tables: Tables, revision: str = "head") -> None:
    """Bring the tables to a revision; one transaction, and one migrator at a time."""
    with database.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"select pg_advisory_xact_lock(hashtext('{tables.prefix}migration'))")
        command.upgrade(configuration(connection, tables), revision)


def downgrade(database: Database, tables: Tables, revision: str = "base") -> None:
    """Take the tables back to a revision. At `base` they are gone, and all that was in them."""
    with database.begin() as connection:
        command.downgrade(configuration(connection, tables), revision)
