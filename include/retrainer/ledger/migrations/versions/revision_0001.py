"""The table of releases, as it was before there were migrations."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "releases",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("model", sa.String(63), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("previous_version", sa.Integer),
        sa.Column("champion_version", sa.Integer),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("identity", sa.String(64), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("reason", sa.String(2000), nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("model", "sequence", name="one_sequence_per_model"),
        sa.UniqueConstraint("model", "identity", name="one_entry_per_request"),
        sa.CheckConstraint("sequence > 0", name="sequence_is_positive"),
        sa.CheckConstraint("action IN ('promote', 'reject', 'rollback', 'approve')", name="action_is_known"),
    )
