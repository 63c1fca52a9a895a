"""What alembic runs: always on the connection it was given, never by a URL of its own."""

from alembic import context

connection, tables = context.config.attributes["connection"], context.config.attributes["tables"]
context.configure(
    connection=connection,
    target_metadata=tables.metadata,
    version_table=f"{tables.prefix}version",
    include_name=lambda name, kind, _: kind != "table" or (name or "").startswith(tables.prefix),
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
