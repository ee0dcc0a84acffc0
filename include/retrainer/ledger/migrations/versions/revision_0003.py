"""Four more actions: split, shadow, switch_off and switch_on.

As in 0002, SQLite copies the table, and is told what it is like.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_BEFORE = "action IN ('promote', 'reject', 'rollback', 'approve', 'archive', 'repair')"
_ACTIONS = (
    "action IN ('promote', 'reject', 'rollback', 'approve', 'archive', 'repair', 'split', 'shadow', 'switch_off', "
    "'switch_on')"
)


def upgrade() -> None:
    """Replace the constraint on the action."""
    with op.batch_alter_table("releases", copy_from=_releases()) as table:
        table.drop_constraint("action_is_known", type_="check")
        table.create_check_constraint("action_is_known", _ACTIONS)


def _releases() -> sa.Table:
    """The table of version 0002."""
    return sa.Table(
        "releases",
        sa.MetaData(),
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
        sa.CheckConstraint(_BEFORE, name="action_is_known"),
    )
