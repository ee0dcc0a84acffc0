"""The pipeline: the model's own row-level features, then encoding that fits the estimator, then the estimator."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from pydantic import JsonValue
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

from retrainer.columns import Columns, RowFeatures, Rule, add_row_features
from retrainer.config.boosting_names import missing_library
from retrainer.config.declaration import ModelConfig
from retrainer.config.estimators import PARAMETERS
from retrainer.errors import ConfigurationError
from retrainer.training.boosting import own_arguments

_TREES = ("HistGradientBoosting", "RandomForest", "ExtraTrees", "DecisionTree", "LGBM", "XGB")
"""Estimators that take ordinal codes and missing values as they are."""


def load_row_features(module: str) -> RowFeatures:
    """`row_features` of a model's own module; see `_load` for what it raises."""
    function: RowFeatures = _load(module, "row_features")
    return function


def load_rule(module: str) -> Rule:
    """`predict` of a model's baseline rule; see `_load` for what it raises."""
    function: Rule = _load(module, "predict")
    return function


def _load(module: str, name: str) -> Callable[[Columns], Any]:
    """The function `name` of a model's own module.

    Raises:
        ConfigurationError: the module does not import, or has no such function.
    """
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, SyntaxError, AttributeError) as error:
        raise ConfigurationError(f"module {module!r} does not give {name!r}: {error}") from error
    if not callable(function):
        raise ConfigurationError(f"{module}.{name} must be a function, got {type(function).__name__}")
    loaded: Callable[[Columns], Any] = function
    return loaded


def build_pipeline(config: ModelConfig, *, parameters: Mapping[str, JsonValue]) -> Pipeline:
    """An unfitted pipeline: steps row_features, encode, estimator.

    It takes a DataFrame with the declared inputs, looked-up values and windows. Categories never seen in training,
    missing categories and missing numbers are allowed when predicting.

    Raises:
        ConfigurationError: the estimator does not take one of `parameters`, or its library is not installed.
    """
    row_features = load_row_features(config.features.module)
    estimator = _estimator(config, parameters)
    return Pipeline(
        [
            ("row_features", FunctionTransformer(add_row_features, kw_args={"row_features": row_features})),
            ("encode", _encoder(config)),
            ("estimator", estimator),
        ]
    )


def _estimator(config: ModelConfig, parameters: Mapping[str, JsonValue]) -> BaseEstimator:
    missing = missing_library(config.estimator.type)
    if missing:
        raise ConfigurationError(f"estimator.type: {missing}")
    module, _, name = config.estimator.type.rpartition(".")
    factory = getattr(importlib.import_module(module), name)
    accepted = sorted(PARAMETERS[config.estimator.type])
    unknown = sorted(set(parameters) - set(accepted))
    if unknown:
        raise ConfigurationError(
            f"estimator.parameters: {config.estimator.type} has no {', '.join(unknown)} "
            f"(allowed: {', '.join(accepted)})"
        )
    arguments: dict[str, object] = {**own_arguments(config, parameters), **parameters}
    if "random_state" in accepted:
        arguments.setdefault("random_state", config.seed)
    if name.startswith("HistGradientBoosting"):
        arguments.setdefault("categorical_features", list(range(len(config.features.categorical))))
    estimator: BaseEstimator = factory(**arguments)
    return estimator


def _encoder(config: ModelConfig) -> ColumnTransformer:
    categorical, numeric = list(config.features.categorical), list(config.features.numeric)
    name = config.estimator.type.rpartition(".")[2]
    if name.startswith(_TREES):
        unknown = np.nan
        codes = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=unknown, encoded_missing_value=unknown, max_categories=250
        )
        numbers: BaseEstimator | str = "passthrough"
    else:
        codes = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10, sparse_output=False)
        numbers = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    parts = [("categorical", codes, categorical), ("numeric", numbers, numeric)]
    return ColumnTransformer([part for part in parts if part[2]])
