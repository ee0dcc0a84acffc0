"""The encoding before the estimator: categories to numbers, missing numbers filled in, all of it one matrix."""

import warnings

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

from retrainer.exporting.graph import ML, Graph, NotConvertibleError
from retrainer.exporting.onnx_model import MISSING_CATEGORY

_NEVER_SEEN = MISSING_CATEGORY + "never seen"
"""Stands for every category that was not there in training."""

_ENCODERS = (OrdinalEncoder, OneHotEncoder)


def add_encoding(graph: Graph, encode: ColumnTransformer) -> str:
    """The matrix [rows, columns] (double) that a fitted `encode` makes of its columns, which become inputs.

    Raises:
        NotConvertibleError: it holds something that is not of those that Retrainer's pipelines have.
    """
    parts = []
    for _, transformer, columns in encode.transformers_:
        if isinstance(transformer, _ENCODERS):
            parts += [_category(graph, transformer, place) for place in range(len(columns))]
        elif transformer != "drop":
            inputs = [graph.input(str(name), "double") for name in columns]
            parts += inputs if _changes_nothing(transformer) else [_numbers(graph, _joined(graph, inputs), transformer)]
    return _joined(graph, parts)


def _joined(graph: Graph, parts: list[str]) -> str:
    return graph.node("Concat", parts, axis=1) if len(parts) > 1 else parts[0]


def _changes_nothing(transformer: BaseEstimator) -> bool:
    return isinstance(transformer, FunctionTransformer) and transformer.func is None


def _numbers(graph: Graph, matrix: str, transformer: BaseEstimator) -> str:
    if isinstance(transformer, Pipeline):
        for _, step in transformer.steps:
            matrix = _numbers(graph, matrix, step)
        return matrix
    if _changes_nothing(transformer):
        return matrix
    if isinstance(transformer, SimpleImputer) and not transformer.add_indicator:
        filled = graph.constant(transformer.statistics_.astype(np.float64))
        return graph.node("Where", [graph.node("IsNaN", [matrix]), filled, matrix])
    if isinstance(transformer, StandardScaler) and transformer.with_mean and transformer.with_std:
        centred = graph.node("Sub", [matrix, graph.constant(transformer.mean_)])
        return graph.node("Div", [centred, graph.constant(transformer.scale_)])
    raise NotConvertibleError(f"{type(transformer).__name__} before the estimator has no equal in ONNX")


def _category(graph: Graph, encoder: BaseEstimator, place: int) -> str:
    """What the encoder makes of its column `place`: the encoder itself is asked, once for each category."""
    name, categories = str(encoder.feature_names_in_[place]), encoder.categories_[place]
    if categories.dtype.kind == "f":
        return _numbered_category(graph, encoder, place)
    known = [value for value in categories if value is not None]
    if not all(isinstance(value, str) for value in known):
        raise NotConvertibleError(f"categories of {name} are neither texts nor numbers")
    table = _encoded(encoder, place, [*known, None, _NEVER_SEEN])
    values, default = _codes(table)
    coded = graph.node(
        "LabelEncoder",
        [graph.input(name, "string")],
        domain=ML,
        keys_strings=[*known, MISSING_CATEGORY],
        values_tensor=numpy_helper.from_array(values),
        default_tensor=numpy_helper.from_array(default),
    )
    return _looked_up(graph, coded, table)


def _numbered_category(graph: Graph, encoder: BaseEstimator, place: int) -> str:
    """A category that is a number. One that is infinite is refused, as scikit-learn does."""
    name, categories = str(encoder.feature_names_in_[place]), encoder.categories_[place]
    known = categories[~np.isnan(categories)]
    never_seen = np.abs(known).sum() + 1.0
    table = _encoded(encoder, place, [*known, np.nan, never_seen])
    values, default = _codes(table)
    column = graph.input(name, "double")
    graph.refuse_where(graph.node("IsInf", [column]))
    coded = graph.node(
        "LabelEncoder",
        [column],
        domain=ML,
        keys_tensor=numpy_helper.from_array(known),
        values_tensor=numpy_helper.from_array(values[:-1]),
        default_tensor=numpy_helper.from_array(default),
    )
    missing = graph.node("IsNaN", [column])
    return _looked_up(graph, graph.node("Where", [missing, graph.constant(values[-1]), coded]), table)


def _encoded(encoder: BaseEstimator, place: int, values: list[object]) -> NDArray[np.float64]:
    """One row for each of `values` in column `place`: what the encoder makes of it."""
    columns = {
        name: values if other == place else [categories[0]] * len(values)
        for other, (name, categories) in enumerate(zip(encoder.feature_names_in_, encoder.categories_, strict=True))
    }
    kinds = {name: kind.dtype for name, kind in zip(columns, encoder.categories_, strict=True)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of a category that it does not know
        made = np.asarray(encoder.transform(pd.DataFrame(columns).astype(kinds)), dtype=np.float64)
    start = sum(_width(encoder, other) for other in range(place))
    return made[:, start : start + _width(encoder, place)]


def _width(encoder: BaseEstimator, place: int) -> int:
    """How many columns the encoder makes of its column `place`."""
    if isinstance(encoder, OrdinalEncoder):
        return 1
    rare = getattr(encoder, "infrequent_categories_", None)  # there only where the encoder looks for rare ones
    together = 0 if rare is None or rare[place] is None else len(rare[place]) - 1
    return len(encoder.categories_[place]) - together


def _codes(table: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What a value is looked up as: its number where the table has one column, else its row. The last row is that of a
    value which was never seen."""
    codes = table[:, 0] if table.shape[1] == 1 else np.arange(len(table), dtype=np.float64)
    return np.ascontiguousarray(codes[:-1]), np.ascontiguousarray(codes[-1:])


def _looked_up(graph: Graph, coded: str, table: NDArray[np.float64]) -> str:
    width = table.shape[1]
    if width == 1:
        return coded
    rows = graph.node("Gather", [graph.constant(table), graph.node("Cast", [coded], to=TensorProto.INT64)], axis=0)
    return graph.node("Reshape", [rows, graph.constant(np.array([-1, width]))])
