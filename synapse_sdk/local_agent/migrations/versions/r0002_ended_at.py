"""When a container's program ended."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column, empty."""
    op.add_column("containers", sa.Column("ended_at", sa.String(27)))
