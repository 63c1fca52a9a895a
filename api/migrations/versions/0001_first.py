"""The first schema of the service's own tables."""

from alembic import context, op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    context.config.attributes["metadata"].create_all(op.get_bind())


def downgrade() -> None:
    """Drop them, and what stands on the engine's for them."""
    context.config.attributes["metadata"].drop_all(op.get_bind(), checkfirst=False)
