"""Two more actions: archive and repair."""

from alembic import op

from retrainer.ledger.migrations import releases

revision = "0002"
down_revision = "0001"

_ACTIONS = (*releases.FIRST_ACTIONS, "archive", "repair")


def upgrade() -> None:
    """Replace the constraint on the action."""
    with op.batch_alter_table(releases.NAME, copy_from=releases.table(releases.FIRST_ACTIONS)) as table:
        table.drop_constraint(releases.ACTION_IS_KNOWN, type_="check")
        table.create_check_constraint(releases.ACTION_IS_KNOWN, releases.one_of(_ACTIONS))
