"""The first schema: cases, history, clocks, outbox, and the triggers that protect them."""

from alembic import context, op
from sqlalchemy.schema import DropTable

from workflow.store import postgresql, sqlite
from workflow.store.schema import Tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables and their triggers."""
    connection, prefix = op.get_bind(), context.config.attributes["prefix"]
    Tables(prefix).metadata.create_all(connection)
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    for statement in dialect.protection(prefix):
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    """Drop them."""
    connection, prefix = op.get_bind(), context.config.attributes["prefix"]
    for table in reversed(Tables(prefix).metadata.sorted_tables):
        connection.execute(DropTable(table))
    if connection.dialect.name == "postgresql":
        for function in ("refuse", "separate"):
            connection.exec_driver_sql(f"drop function if exists {prefix}{function}()")
