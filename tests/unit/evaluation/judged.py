"""Cases that are judged: a pipeline whose answers are given, a comparison with the slices that are asked for."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from retrainer.contracts import Interval
from retrainer.evaluation import (
    Comparison,
    PairedDifference,
    Predictions,
)
from retrainer.evaluation.slices import judge_slices
from tests.factories import make_config

HOLDOUT = Interval(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 1, 15, tzinfo=UTC))
REGRESSION = {
    "estimator": {"type": "sklearn.ensemble.HistGradientBoostingRegressor"},
    "evaluation": {"metric": "neg_mean_absolute_error", "resamples": 300},
}


class Answer(RegressorMixin, BaseEstimator):
    """A regressor that answers the column `amount`, or raises."""

    def fit(self, rows, label=None):
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        if (rows["amount"] == 13).any():
            raise KeyError("thirteen")
        return rows["amount"].fillna(-1.0).to_numpy(dtype=float)


def pipeline() -> Pipeline:
    made = Pipeline([("row_features", FunctionTransformer()), ("estimator", Answer())])
    return made.fit(inputs())


def inputs(rows: int = 40, **columns) -> pd.DataFrame:
    base = {
        "ordered_at": pd.date_range("2026-01-01", periods=rows, freq="h", tz="UTC"),
        "region": ["north", "south"] * (rows // 2),
        "amount": np.arange(rows, dtype=float) + 100,
        "express": [True, False] * (rows // 2),
    }
    return pd.DataFrame(base | columns)


def measured(low: float, high: float, *, challenger: float = 0.7, reference: float = 0.6) -> PairedDifference:
    return PairedDifference(challenger, reference, low, high, low, high, 14, np.array([low, high]))


def regressor(output) -> Predictions:
    values = np.asarray(output, dtype=float)
    return Predictions(values, values, classifier=False)


def comparison(slices: dict, worse: np.ndarray | None = None, rows: int = 1400) -> Comparison:
    """14 days of a regression; the challenger's error is 1, the champion's 2, and where `worse` 4."""
    generator = np.random.default_rng(3)
    label = generator.normal(size=rows)
    error = np.where(np.zeros(rows, bool) if worse is None else worse, 4.0, 1.0)
    return Comparison(
        holdout=HOLDOUT,
        label=label,
        block=np.array([f"day {row % 14:02d}" for row in range(rows)], dtype=object),
        features=pd.DataFrame(slices),
        challenger=regressor(label + error + 0.01 * generator.normal(size=rows)),
        reference=regressor(label + 2),
        champion_version=3,
    )


def sliced(columns: list[str], found: Comparison, **gates):
    config = make_config(**REGRESSION, gates={"slices": columns, **gates}, features={"inputs": ["region", "amount"]})
    return judge_slices(config, found)
