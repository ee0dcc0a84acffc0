"""Importance by permutation: what a model leans on falls, what it does not look at does not."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline

from retrainer.evaluation import column_importance


@pytest.fixture
def features() -> pd.DataFrame:
    generator = np.random.default_rng(5)
    return pd.DataFrame(generator.normal(size=(3_000, 3)), columns=["strong", "weak", "unused"])


def test_columns_are_ordered_by_how_much_the_metric_falls_without_them(features):
    label = (2 * features["strong"] + 0.5 * features["weak"] > 0).to_numpy(float)
    pipeline = Pipeline([("model", LogisticRegression())]).fit(features, label.astype(int))

    found = column_importance("roc_auc", pipeline, features, label=label, seed=1)

    assert [item.column for item in found] == ["strong", "weak", "unused"]
    assert found[0].low > 0.2
    assert abs(found[2].mean) < 0.01
    assert all(item.low <= item.mean <= item.high for item in found)


def test_a_regressor_has_importances_in_its_metric(features):
    label = 3 * features["strong"].to_numpy()
    pipeline = Pipeline([("model", LinearRegression())]).fit(features, label)

    found = column_importance("neg_mean_absolute_error", pipeline, features, label=label, seed=1)

    # The mean of |3 (a - b)| of two independent standard normal values: 3 * 2 / sqrt(pi).
    assert found[0].column == "strong"
    assert found[0].mean == pytest.approx(3.385, rel=0.05)


def test_the_same_seed_gives_the_same_numbers(features):
    label = (features["strong"] > 0).to_numpy(float)
    pipeline = Pipeline([("model", LogisticRegression())]).fit(features, label.astype(int))

    first, again = (column_importance("roc_auc", pipeline, features, label=label, seed=1) for _ in range(2))

    assert first == again


def test_nothing_is_important_where_one_class_leaves_the_metric_undefined(features):
    label = (features["strong"] > 0).to_numpy(float)
    pipeline = Pipeline([("model", LogisticRegression())]).fit(features, label.astype(int))

    assert column_importance("roc_auc", pipeline, features, label=np.ones(len(features)), seed=1) == ()
