"""Statuses and labels of any length: PostgreSQL's usual index takes none of more than 2,700 bytes."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the indexes of what clients write hash indexes, where there are such."""
    for table, column in (("containers", "status"), ("container_labels", "label")):
        name = f"ix_{table}_{column}"
        op.drop_index(name, table)
        op.create_index(name, table, [column], postgresql_using="hash")
