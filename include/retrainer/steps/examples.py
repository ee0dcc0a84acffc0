"""Labelled examples out of the pinned feature table."""

from datetime import datetime

import pandas as pd

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import FeatureSet, Interval
from retrainer.contracts.columns import INTERVAL, TIME
from retrainer.snapshots import connect, open_view
from retrainer.training import Examples, labelled_examples


def read_examples(
    config: ModelConfig, features: FeatureSet, *, window: Interval, known_by: datetime, columns: tuple[str, ...]
) -> Examples:
    """The examples inside `window` whose label was known at `known_by` (aware), in order of time and key."""
    keys = config.source.tables[config.source.rows].key
    ordered = ", ".join([INTERVAL, TIME, *(f'"{key}"' for key in keys)])
    narrowed = features.table.model_copy(update={"window": window})
    with connect() as connection:
        open_view(connection, narrowed, "examples")
        frame: pd.DataFrame = connection.sql(f"SELECT * FROM examples ORDER BY {ordered}").to_arrow_table().to_pandas()
    return labelled_examples(frame, window=window, known_by=known_by, columns=columns)
