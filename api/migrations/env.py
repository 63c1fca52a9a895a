"""What alembic runs: always on the connection it was given, never by a URL of its own."""

from alembic import context

given = context.config.attributes
prefix = given["prefix"]
context.configure(
    connection=given["connection"],
    target_metadata=given["metadata"],
    version_table=f"{prefix}version",
    include_name=lambda name, kind, _: kind != "table" or (name or "").startswith(prefix),
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
