"""Ten thousand rows as no training saw them: scikit-learn and ONNX give the same answer, or both refuse."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from retrainer.errors import BadDataError
from tests.unit.exporting.fitted import Fitted, fitted, fuzzed

ROWS = 10_000
TOLERANCE = 1e-6

Says = Callable[[pd.DataFrame], NDArray[np.float64]]


def answers(says: Says, frame: pd.DataFrame) -> NDArray[np.float64]:
    """What `says` answers, NaN for a row that it refuses: one refused row refuses all that are asked with it."""
    try:
        return says(frame)
    except (BadDataError, ValueError):
        if len(frame) == 1:
            return np.array([np.nan])
    middle = len(frame) // 2
    return np.concatenate([answers(says, frame.iloc[:middle]), answers(says, frame.iloc[middle:])])


def rows_for(model: Fitted) -> pd.DataFrame:
    """Fuzzed rows, among them the splits of the model; those that may be refused come last, and are asked apart."""
    estimator = model.pipeline["estimator"]
    splits: tuple[float, ...] = ()
    if hasattr(estimator, "_predictors"):
        nodes = np.concatenate([tree.nodes for (tree,) in estimator._predictors])
        splits = tuple(nodes["num_threshold"][nodes["is_leaf"] == 0][:200])
    elif hasattr(estimator, "estimators_"):
        splits = tuple(np.concatenate([each.tree_.threshold for each in np.ravel(estimator.estimators_)])[:200])
    frame = fuzzed(ROWS, seed=26, special=tuple(np.unique(splits)))
    numbers = frame.select_dtypes(float)
    far = (numbers.abs() > 1e30).any(axis=1)
    assert 200 < far.sum() < 1000
    assert numbers.isna().any(axis=1).sum() > 3000
    return pd.concat([frame[~far], frame[far]], ignore_index=True)


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore:Found unknown categories")
@pytest.mark.parametrize(
    ("estimator", "refuses"),
    [
        ("ensemble.HistGradientBoostingClassifier", False),
        ("ensemble.HistGradientBoostingRegressor", False),
        ("ensemble.RandomForestClassifier", True),
        ("ensemble.GradientBoostingClassifier", True),
        ("linear_model.LogisticRegression", True),
        ("linear_model.Ridge", True),
        ("neural_network.MLPClassifier", True),
    ],
)
def test_10_000_fuzzed_rows_are_answered_alike_or_refused_by_both(estimator, refuses):
    model = fitted(estimator)
    frame = rows_for(model)
    expected, found = answers(model.says, frame), answers(model.onnx_says, frame)
    assert np.flatnonzero(np.isnan(expected) != np.isnan(found)).tolist() == []
    assert (np.isnan(expected).sum() > 100) == refuses
    answered = ~np.isnan(expected)
    unit = 1.0 if hasattr(model.pipeline, "classes_") else np.maximum(1.0, np.abs(expected[answered]))
    assert (np.abs(found[answered] - expected[answered]) / unit).max() <= TOLERANCE
