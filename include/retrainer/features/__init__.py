"""Features of a row as they were known at its prediction time: point-in-time joins and windows, in DuckDB."""

from retrainer.features.build import FeatureTables, build_features
from retrainer.features.columns import feature_columns

__all__ = ["FeatureTables", "build_features", "feature_columns"]
