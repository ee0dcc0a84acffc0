"""Names of the columns that every feature table has beside its features."""

INTERVAL = "_interval"
"""Partition: key of the interval that the row belongs to (string)."""

TIME = "_time"
"""Prediction time of the row (timestamp, UTC): its event time."""

LABEL = "label"
"""The label (float64; 0 or 1 for a classifier); null where it never became known."""

KNOWN_AT = "_known_at"
"""When the label became known (timestamp, UTC); null: never."""
