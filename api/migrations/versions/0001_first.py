"""The first schema of the service's own tables."""

from alembic import context, op
from sqlalchemy.schema import DropTable

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    context.config.attributes["metadata"].create_all(op.get_bind())


def downgrade() -> None:
    """Drop them."""
    for table in reversed(context.config.attributes["metadata"].sorted_tables):
        op.get_bind().execute(DropTable(table))
