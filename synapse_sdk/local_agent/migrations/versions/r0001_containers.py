"""The records and their labels."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    if {"containers", "container_labels"} <= set(sa.inspect(op.get_bind()).get_table_names()):
        return  # made by an agent from before there were revisions
    op.create_table(
        "containers",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("docker_id", sa.String(64), unique=True),
        sa.Column("plugin_release", sa.Text, nullable=False, index=True),
        sa.Column("status", sa.Text, nullable=False, index=True),
        sa.Column("status_reason", sa.Text),
        sa.Column("exit_code", sa.Integer),
        sa.Column("endpoint", sa.Text),
        sa.Column("host_port", sa.Integer),
        sa.Column("params", sa.JSON, nullable=False),
        sa.Column("metadata", sa.JSON, nullable=False),
        sa.Column("created_at", sa.String(27), nullable=False),
        sa.Column("updated_at", sa.String(27), nullable=False),
        sa.Column("owner", sa.Text, index=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "container_labels",
        sa.Column("container_id", _NUMBER, sa.ForeignKey("containers.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("label", sa.Text, nullable=False, index=True),
    )
