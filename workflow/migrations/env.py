"""What alembic runs: always on the connection it was given, never by a URL of its own."""

from alembic import context

from workflow.store.schema import tables_of

connection = context.config.attributes["connection"]
prefix = context.config.attributes["prefix"]
context.configure(
    connection=connection,
    target_metadata=tables_of(prefix).metadata,
    version_table=f"{prefix}version",
    # A host's tables are none of our business, even when an autogenerate looks at the whole database.
    include_name=lambda name, kind, _: kind != "table" or (name or "").startswith(prefix),
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
