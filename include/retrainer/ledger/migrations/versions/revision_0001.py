"""The table of releases, as it was before there were migrations."""

from alembic import op

from retrainer.ledger.migrations import releases

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(releases.NAME, *releases.items(releases.FIRST_ACTIONS))
