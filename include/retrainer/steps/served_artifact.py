"""Which artifact of a model is to serve, ONNX or the pipeline: whether both say the same, and what one answer takes."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from retrainer.columns import Columns, columns_of, with_row_features
from retrainer.config.declaration import ModelConfig
from retrainer.config.serving import Serving
from retrainer.contracts import ExportCheck, ServingRuntime
from retrainer.evaluation import predictions_of, time_predictions
from retrainer.exporting import OnnxModel
from retrainer.exporting.check import Expected, check_export
from retrainer.exporting.convert import Exported, export
from retrainer.saved import LoadedModel, row_features_of


def export_fitted(
    config: ModelConfig, pipeline: Pipeline, inputs: pd.DataFrame, *, outputs: NDArray[np.float64]
) -> Exported:
    """A fitted pipeline as ONNX, held against the `outputs` that it gave for `inputs`."""
    columns = with_row_features(columns_of(inputs), row_features_of(pipeline))
    return export(pipeline, columns, _expected(config, outputs, where="the saved sample"))


def check_on_holdout(
    config: ModelConfig, model: LoadedModel, features: pd.DataFrame, *, outputs: NDArray[np.float64]
) -> ExportCheck:
    """Does the ONNX of a saved model give the `outputs` that its pipeline gave for all of `features`?"""
    if model.onnx is None:
        return model.facts.export or ExportCheck(runtime="scikit-learn", message="it was saved without an ONNX model")
    columns = with_row_features(_inputs(model, features), model.row_features)
    return check_export(OnnxModel(model.onnx), columns, _expected(config, outputs, where="the holdout"))


def time_artifact(model: LoadedModel, runtime: ServingRuntime) -> NDArray[np.float64] | str:
    """Milliseconds of single predictions, row_features included, by what is to serve; or why there are none."""
    if runtime == "scikit-learn" or model.onnx is None:
        frames = [model.sample_inputs.iloc[[place]] for place in range(len(model.sample_inputs))]
        return time_predictions(lambda frame: predictions_of(model.pipeline, frame), frames)
    onnx, row_features = OnnxModel(model.onnx), model.row_features
    columns = _inputs(model, model.sample_inputs)
    records = [
        {name: values[place : place + 1] for name, values in columns.items()}
        for place in range(len(model.sample_inputs))
    ]
    return time_predictions(lambda record: onnx.predict(with_row_features(record, row_features)), records)


def _inputs(model: LoadedModel, features: pd.DataFrame) -> Columns:
    return columns_of(features[list(model.facts.columns)])


def _expected(config: ModelConfig, outputs: NDArray[np.float64], *, where: str) -> Expected:
    tolerance = (config.serving or Serving()).tolerance
    return Expected(outputs, classifier=config.estimator.is_classifier, tolerance=tolerance, where=where)
