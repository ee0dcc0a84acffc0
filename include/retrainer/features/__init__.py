"""Features of a row as they were known at its prediction time: point-in-time joins and windows, in DuckDB."""

from retrainer.features.build import FeatureTables, build_features
from retrainer.features.columns import feature_columns
from retrainer.features.known import FROM, UNTIL, KnownValues, known_lookups, known_windows

__all__ = [
    "FROM",
    "UNTIL",
    "FeatureTables",
    "KnownValues",
    "build_features",
    "feature_columns",
    "known_lookups",
    "known_windows",
]
