"""Fitted pipelines of the example's model with any estimator, and rows to ask them about."""

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from retrainer.columns import Columns, columns_of, with_row_features
from retrainer.config.declaration import ModelConfig
from retrainer.config.sklearn_names import ESTIMATORS
from retrainer.contracts import Interval
from retrainer.evaluation import predictions_of
from retrainer.exporting import OnnxModel
from retrainer.exporting.convert import to_onnx
from retrainer.features import feature_columns
from retrainer.saved import row_features_of
from retrainer.training import Examples, fit, labelled_examples
from tests.worlds import FIRST, feature_table, small_config

FAST = {
    "HistGradientBoosting": {"max_iter": 20},
    "MLP": {"max_iter": 30},
    "Forest": {"n_estimators": 8},
    "ExtraTrees": {"n_estimators": 8},
}
_DAYS, _ROWS_A_DAY = 10, 80


@dataclass(frozen=True)
class Fitted:
    """A fitted pipeline, and the same as ONNX."""

    pipeline: Pipeline
    onnx: OnnxModel
    model_bytes: bytes

    def says(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """What scikit-learn says of the rows."""
        return predictions_of(self.pipeline, frame).output

    def columns(self, frame: pd.DataFrame) -> Columns:
        """The rows as the exported model reads them."""
        return with_row_features(columns_of(frame), row_features_of(self.pipeline))

    def onnx_says(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        return self.onnx.predict(self.columns(frame))


def declared(estimator: str, **parameters: Any) -> ModelConfig:
    """The example's declaration with another estimator, by its name in scikit-learn, such as `linear_model.Ridge`."""
    config = small_config()
    name = f"sklearn.{estimator}"
    metric = "roc_auc" if ESTIMATORS[name] == "classifier" else "neg_mean_absolute_error"
    fast = next((value for part, value in FAST.items() if part in estimator), {})
    return config.model_copy(
        update={
            "estimator": config.estimator.model_copy(update={"type": name, "parameters": fast | parameters}),
            "evaluation": config.evaluation.model_copy(update={"metric": metric}),
        }
    )


@cache
def examples() -> Examples:
    """Some hundred rows with missing numbers and texts, and some rare categories."""
    config = small_config()
    table = feature_table(config, FIRST, FIRST + timedelta(days=_DAYS), rows_a_day=_ROWS_A_DAY, signal=2.0, seed=0)
    window = Interval(start=FIRST, end=FIRST + timedelta(days=_DAYS))
    found = labelled_examples(table.to_pandas(), window=window, known_by=window.end, columns=feature_columns(config))
    generator = np.random.default_rng(1)
    features = found.features.copy()
    for name in ("carrier", "dest", "weather__temp", "weather__visib", "dest_late_share"):
        features.loc[generator.random(len(features)) < 0.05, name] = None
    features.loc[features.index[:3], "dest"] = "rare"
    features.loc[features.index[3:7], "origin"] = "seldom"
    return replace(found, features=features)


def fitted(estimator: str, **parameters: Any) -> Fitted:
    """Fitted on `examples`; a regressor on a positive number instead of the label."""
    config = declared(estimator, **parameters)
    learned = examples()
    if not config.estimator.is_classifier:
        amount = 20 + 5 * learned.features["weather__humid"].to_numpy() + 8 * learned.label
        learned = replace(learned, label=np.abs(amount) + 1.0)
    pipeline = fit(config, learned, parameters=config.estimator.parameters)
    model_bytes = to_onnx(pipeline)
    return Fitted(pipeline, OnnxModel(model_bytes), model_bytes)


def fuzzed(rows: int, *, seed: int, special: tuple[float, ...] = ()) -> pd.DataFrame:
    """Rows as no training saw them: missing, unknown and odd texts, and numbers from all over double precision.

    `special` are numbers that matter to a model, such as its thresholds: they and their neighbours are among them.
    About one row in twenty-five has an infinite number, or one that is too large for single precision.
    """
    generator = np.random.default_rng(seed)
    frame = examples().features.sample(rows, replace=True, random_state=seed).reset_index(drop=True)
    texts = np.array([None, "", "A", "a", "never seen", "None", "nan", "rare", "é\0", "A\0", "x" * 1000], dtype=object)
    near = [np.nextafter(value, way) for value in special for way in (-np.inf, np.inf)]
    usual = np.array([0.0, -0.0, 1e-300, 5e-324, 1e20, -1e20, *special, *near])
    extreme = np.array([np.inf, -np.inf, 1e39, -3.5e38, 1.7e308, -1.7e308])
    for name in frame.columns:
        odd = generator.random(rows) < 0.25
        if frame[name].dtype == object:
            frame.loc[odd, name] = generator.choice(texts, int(odd.sum()))
        elif frame[name].dtype.kind == "f":
            frame.loc[odd, name] = generator.choice(usual, int(odd.sum()))
            frame.loc[generator.random(rows) < 0.1, name] = np.nan
            far = generator.random(rows) < 0.004
            frame.loc[far, name] = generator.choice(extreme, int(far.sum()))
        else:
            frame.loc[generator.random(rows) < 0.02, name] = pd.NaT
    return frame
