"""The table of releases as the scripts 0001 to 0003 know it. Frozen, as they are: it says what was, not what is."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.schema import SchemaItem

NAME = "releases"

ACTION_IS_KNOWN = "action_is_known"
"""Name of the constraint on the action: all that ever changed."""

FIRST_ACTIONS = ("promote", "reject", "rollback", "approve")
"""Of version 0001."""


def items(actions: Sequence[str]) -> list[SchemaItem]:
    """Columns and constraints of the table in which `actions` are allowed."""
    return [
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
        sa.CheckConstraint(one_of(actions), name=ACTION_IS_KNOWN),
    ]


def table(actions: Sequence[str]) -> sa.Table:
    """The table in which `actions` are allowed.

    SQLite cannot change a constraint: Alembic copies the table into a new one there, from this description, because
    check constraints are not read from a database.
    """
    return sa.Table(NAME, sa.MetaData(), *items(actions))


def one_of(actions: Sequence[str]) -> str:
    """The condition that the action is one of `actions`."""
    return f"action IN ({', '.join(repr(action) for action in actions)})"
