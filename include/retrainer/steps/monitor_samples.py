"""Rows for people to look at: a sample of what a version learned from, and one of the interval."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from retrainer.columns import Columns
from retrainer.contracts import Interval
from retrainer.contracts.columns import INTERVAL, LABEL
from retrainer.errors import BadDataError, StoreConflictError
from retrainer.monitoring.evidently_charts import ReportColumns
from retrainer.snapshots import connect, open_view
from retrainer.snapshots.connection import identifier
from retrainer.steps.label_rows import ROW_LABEL
from retrainer.steps.monitor_labels import LabelledRows
from retrainer.steps.monitor_predictions import OUTPUT
from retrainer.steps.monitor_version import WatchedVersion
from retrainer.steps.recorded import pinned_tables

_VIEW = "reference_rows"


def report_columns(watched: WatchedVersion) -> ReportColumns:
    """What the columns of both samples are."""
    features = [each for each in watched.columns if each.about == "feature"]
    return ReportColumns(
        numbers=tuple(each.name for each in features if each.kind == "number"),
        categories=tuple(each.name for each in features if each.kind == "category"),
        is_classifier=watched.config.estimator.is_classifier,
    )


def reference_sample(watched: WatchedVersion, *, rows: int) -> pd.DataFrame:
    """Watched features, label, and for rows of the holdout the prediction; empty where the data are gone.

    The same every time: the rows whose keys have the smallest hash.
    """
    key = watched.config.source.tables[watched.config.source.rows].key
    with connect() as connection:
        try:
            features, _ = pinned_tables(watched.version)
            open_view(connection, features, _VIEW)
        except (BadDataError, StoreConflictError):
            return pd.DataFrame()
        order = f"hash({', '.join(map(identifier, key))}, {watched.config.seed})"
        relation = connection.sql(f"SELECT * FROM {_VIEW} ORDER BY {order} LIMIT {rows}")
        frames = []
        for columns, batch in watched.read(relation, {name: name for name in relation.columns}):
            learned = np.array([watched.learned_from(key) for key in batch.column(INTERVAL).to_pylist()], dtype=bool)
            said = np.where(learned, np.nan, watched.predict(columns))
            frames.append(_frame(watched, columns, prediction=said, label=batch.column(LABEL)))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def interval_sample(watched: WatchedVersion, labelled: LabelledRows, interval: Interval, *, rows: int) -> pd.DataFrame:
    """Watched features, prediction, and the label where it is known; empty where the version predicted nothing."""
    found = labelled.sample(interval, version=watched.number, rows=rows)
    if found is None:
        return pd.DataFrame()
    relation, names = found
    frames = [
        _frame(watched, columns, prediction=batch.column(OUTPUT), label=batch.column(ROW_LABEL))
        for columns, batch in watched.read(relation, names)
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _frame(watched: WatchedVersion, columns: Columns, *, prediction: Any, label: pa.Array) -> pd.DataFrame:
    made = dict(watched.features(columns))
    return pd.DataFrame({**made, "prediction": np.asarray(prediction), "label": np.asarray(label, dtype=np.float64)})
