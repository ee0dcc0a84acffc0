"""Columns: what a model's own code takes and gives, in training, in batches and for one request alike.

A column is a one-dimensional array, and all columns of a table have one length. A text column is an object array of str
or None; a timestamp column is datetime64[us], UTC, with NaT where it is missing; numbers and booleans are float64 with
NaN. A module of a model has either function:

    row_features(columns) -> the columns that follow from one row alone; those it was given are kept beside them
    predict(columns) -> one number a row
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from retrainer.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd

Columns = Mapping[str, NDArray[Any]]
RowFeatures = Callable[[Columns], Columns]
Rule = Callable[[Columns], NDArray[np.float64]]


def columns_of(frame: "pd.DataFrame") -> dict[str, NDArray[Any]]:
    """The columns of a DataFrame. Timestamps may be aware, or naive in UTC. The arrays cannot be written to.

    Raises:
        ConfigurationError: a column holds something that is none of text, timestamp, number and boolean.
    """
    columns = {str(name): _column(str(name), frame[name]) for name in frame.columns}
    for values in columns.values():
        values.flags.writeable = False
    return columns


def with_row_features(columns: Columns, row_features: RowFeatures) -> dict[str, NDArray[Any]]:
    """`columns` and what `row_features` makes of them; a column that it makes anew stands in for the old one.

    Raises:
        ConfigurationError: it reads a column that is not there, or does not give columns of the same length.
    """
    rows = number_of_rows(columns)
    made = _called(row_features, columns)
    if not isinstance(made, Mapping):
        raise ConfigurationError(f"{name_of(row_features)} must return a dict of arrays, got {type(made).__name__}")
    return {**columns, **{name: _made(row_features, name, values, rows) for name, values in made.items()}}


def rule_scores(rule: Rule, columns: Columns) -> NDArray[np.float64]:
    """What a baseline rule says of each row.

    Raises:
        ConfigurationError: it reads a column that is not there, or does not give one number a row.
    """
    rows = number_of_rows(columns)
    said = _called(rule, columns)
    if not isinstance(said, np.ndarray) or said.shape != (rows,) or said.dtype.kind not in "fiub":
        raise ConfigurationError(f"{name_of(rule)} must return one number a row, {rows} in all, got {_shown(said)}")
    return said.astype(np.float64, copy=False)


def add_row_features(frame: "pd.DataFrame", row_features: RowFeatures) -> "pd.DataFrame":
    """The first stage of a fitted pipeline: a DataFrame of the columns of `frame` and what `row_features` makes."""
    return type(frame)(with_row_features(columns_of(frame), row_features), index=frame.index)


def number_of_rows(columns: Columns) -> int:
    """The length that all columns have; 0 without a column."""
    return len(next(iter(columns.values()), ()))


def name_of(function: Callable[..., Any]) -> str:
    """Module and name of a function of a model's own code."""
    return f"{function.__module__}.{getattr(function, '__qualname__', type(function).__qualname__)}"


def _called(function: Callable[[Columns], Any], columns: Columns) -> Any:
    try:
        return function(columns)
    except KeyError as error:
        name = error.args[0] if error.args else None
        if not isinstance(name, str) or name in columns:
            raise
        raise ConfigurationError(
            f"{name_of(function)} reads column {name!r}, which is not there (there are: {', '.join(columns)})"
        ) from error


def _made(function: RowFeatures, name: str, values: Any, rows: int) -> NDArray[Any]:
    """A column that `function` made, as one of the three types."""
    if isinstance(values, np.ndarray) and values.shape == (rows,):
        kind = values.dtype.kind
        if kind == "O" or values.dtype == np.float64:
            return values
        if kind in "fiub":
            return values.astype(np.float64)
        if kind == "M":
            return values.astype("datetime64[us]", copy=False)
        if kind == "U":
            return values.astype(object)
    raise ConfigurationError(
        f"{name_of(function)} must make column {name!r} an array of {rows} texts, timestamps or numbers, "
        f"got {_shown(values)}"
    )


def _shown(values: Any) -> str:
    if not isinstance(values, np.ndarray):
        return type(values).__name__
    return f"an array of shape {values.shape} and type {values.dtype}"


def _column(name: str, series: "pd.Series") -> NDArray[Any]:
    kind = series.dtype.kind
    if kind == "M":
        return series.to_numpy(dtype="datetime64[us]").view()
    if kind in "fiub":
        return series.to_numpy(dtype=np.float64, na_value=np.nan).view()
    values, missing = series.to_numpy(dtype=object), series.isna().to_numpy(dtype=bool)
    first = next(iter(values[~missing]), None)
    if first is None or isinstance(first, str):
        texts = values.copy()
        texts[missing] = None
        return texts
    if isinstance(first, bool | int | float | np.number | np.bool_):
        return np.where(missing, np.nan, values).astype(np.float64)
    raise ConfigurationError(
        f"column {name!r} must hold texts, timestamps, numbers or booleans, got {type(first).__name__}"
    )
