"""Four more actions: split, shadow, switch_off and switch_on."""

from alembic import op

from retrainer.ledger.migrations import releases

revision = "0003"
down_revision = "0002"

_BEFORE = ("promote", "reject", "rollback", "approve", "archive", "repair")
_ACTIONS = (*_BEFORE, "split", "shadow", "switch_off", "switch_on")


def upgrade() -> None:
    """Replace the constraint on the action."""
    with op.batch_alter_table(releases.NAME, copy_from=releases.table(_BEFORE)) as table:
        table.drop_constraint(releases.ACTION_IS_KNOWN, type_="check")
        table.create_check_constraint(releases.ACTION_IS_KNOWN, releases.one_of(_ACTIONS))
