"""The ledger's one table, as the newest migration leaves it."""

from sqlalchemy import JSON, CheckConstraint, Column, DateTime, Integer, MetaData, String, Table, UniqueConstraint

REVISIONS = ("0001", "0002", "0003")
"""The versions of the schema, oldest first; each has its script in `migrations/versions`."""

HEAD = REVISIONS[-1]

metadata = MetaData()

releases = Table(
    "releases",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("model", String(63), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("action", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("previous_version", Integer),
    Column("champion_version", Integer),
    Column("as_of", DateTime(timezone=True), nullable=False),
    Column("identity", String(64), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("reason", String(2000), nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("model", "sequence", name="one_sequence_per_model"),
    UniqueConstraint("model", "identity", name="one_entry_per_request"),
    CheckConstraint("sequence > 0", name="sequence_is_positive"),
    CheckConstraint(
        "action IN ('promote', 'reject', 'rollback', 'approve', 'archive', 'repair', 'split', 'shadow', 'switch_off', "
        "'switch_on')",
        name="action_is_known",
    ),
)
"""Append-only. `champion_version` is the version in production after the entry, null while there is none;
`previous_version` the one that a rollback would go to; `identity` that of the request that was decided."""

version_table = Table("retrainer_ledger_version", MetaData(), Column("version_num", String(32), primary_key=True))
"""Alembic's, under a name of our own: another program may use it in the same database. It has one row."""
