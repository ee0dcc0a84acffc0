"""Labelled examples out of the pinned feature table."""

from datetime import datetime

import pandas as pd

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import FeatureSet, Interval
from retrainer.contracts.columns import INTERVAL, TIME
from retrainer.snapshots import connect, open_view
from retrainer.training import Examples, labelled_examples

_NO_BLOCK = "(missing)"


def read_examples(
    config: ModelConfig, features: FeatureSet, *, window: Interval, known_by: datetime, columns: tuple[str, ...]
) -> Examples:
    """The examples inside `window` whose label was known at `known_by` (aware), in order of time and key."""
    frame = _read(config, features, window)
    return labelled_examples(frame, window=window, known_by=known_by, columns=columns)


def read_holdout(
    config: ModelConfig, features: FeatureSet, *, window: Interval, columns: tuple[str, ...]
) -> tuple[Examples, pd.DataFrame]:
    """The examples to compare models on, and `columns` of the newest rows there are, labelled or not.

    The examples are those whose label was known at as_of; what they have as `block` is drawn together: the value of
    `evaluation.block`, or the local day. The newest rows are those of the last local day inside `window`.
    """
    frame = _read(config, features, window)
    day = frame[TIME].dt.tz_convert(config.schedule.zone).dt.strftime("%Y-%m-%d")
    block = day if config.evaluation.block is None else frame[config.evaluation.block]
    together = block.astype("object").where(block.notna(), _NO_BLOCK).astype(str)
    examples = labelled_examples(
        frame.assign(**{INTERVAL: together}), window=window, known_by=features.as_of, columns=columns
    )
    inside = (frame[TIME] >= window.start) & (frame[TIME] < window.end)
    newest = frame.loc[inside & (day == day[inside].max()), list(columns)]
    return examples, newest.reset_index(drop=True)


def _read(config: ModelConfig, features: FeatureSet, window: Interval) -> pd.DataFrame:
    """The rows of the feature table in the intervals that touch `window`, in order of time and key."""
    keys = config.source.tables[config.source.rows].key
    ordered = ", ".join([INTERVAL, TIME, *(f'"{key}"' for key in keys)])
    first = config.schedule.interval_before(window.start).end  # the interval that is under way there begins then
    touched = Interval(start=max(first, features.table.window.start), end=window.end)
    narrowed = features.table.model_copy(update={"window": touched})
    with connect() as connection:
        open_view(connection, narrowed, "examples")
        frame: pd.DataFrame = connection.sql(f"SELECT * FROM examples ORDER BY {ordered}").to_arrow_table().to_pandas()
    return frame
