"""The tables of the ledger's database, as the newest migration leaves them."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

REVISIONS = ("0001", "0002", "0003", "0004")
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

measurements = Table(
    "measurements",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("model", String(63), nullable=False),
    Column("interval_start", DateTime(timezone=True), nullable=False),
    Column("interval_end", DateTime(timezone=True), nullable=False),
    Column("version", Integer, nullable=False),
    Column("about", String(16), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("measure", String(200), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("value", Double),
    Column("low", Double),
    Column("high", Double),
    Column("expected", Double),
    Column("p_value", Double),
    Column("rows", BigInteger, nullable=False),
    Column("flagged", Boolean, nullable=False),
    Column("note", Text, nullable=False),
    Column("run_id", String(250), nullable=False),
    Column("measured_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint(
        *("model", "interval_start", "interval_end", "version", "about", "subject", "measure", "revision"),
        name="one_value_per_revision",
    ),
    CheckConstraint("revision > 0", name="revision_is_positive"),
)
"""Append-only: a value that changed is one more revision. `version` is 0 where the rule answered: nulls are not equal
to each other, so a unique key would not hold for them."""

episode_events = Table(
    "episode_events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("model", String(63), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("topic", String(16), nullable=False),
    Column("episode", Integer, nullable=False),
    Column("event", String(16), nullable=False),
    Column("interval_start", DateTime(timezone=True), nullable=False),
    Column("interval_end", DateTime(timezone=True), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("identity", String(250), nullable=False),
    Column("details", JSON, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("model", "sequence", name="one_sequence_of_events_per_model"),
    UniqueConstraint("model", "identity", name="one_event_per_identity"),
)
"""Append-only."""

alerts = Table(
    "alerts",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("model", String(63), nullable=False),
    Column("identity", String(250), nullable=False),
    Column("text", Text, nullable=False),
    Column("run_id", String(250), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("claimed_until", DateTime(timezone=True)),
    Column("sent_at", DateTime(timezone=True)),
    UniqueConstraint("model", "identity", name="one_alert_per_identity"),
)
"""`claimed_until`: somebody is sending it, and has until then."""

version_table = Table("retrainer_ledger_version", MetaData(), Column("version_num", String(32), primary_key=True))
"""Alembic's, under a name of our own: another program may use it in the same database. It has one row."""
