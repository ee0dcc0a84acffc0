"""Is the challenger shown to be worse on a part of the rows? One interval a slice, corrected for their number.

The intervals are Student's t on the bootstrap's standard error over the slice's own blocks, at a confidence corrected
after Bonferroni over all judged slices of all columns: quantiles of 2,000 draws do not reach that far out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import Gate, SliceResult
from retrainer.evaluation.bootstrap import PairedDifference, paired_difference
from retrainer.evaluation.comparison import Comparison, reference_name

MIN_BLOCKS = 5
"""With fewer days than this a bootstrap of days says nothing."""

MISSING = "(missing)"

_MOST_VALUES = 200
_MOST_NUMBERS = 20
_MOST_DRAWS = 500
"""Enough for a standard error (to 3 %); metrics that are scored draw by draw would take minutes over all slices."""
_MOST_NAMED = 10
_FAULTS = ("failed", "not_judged")


@dataclass(frozen=True, slots=True)
class _Slice:
    """Rows (positions) with one value of a column; `measured` is None where they cannot be judged, for `problem`."""

    column: str
    value: str
    rows: NDArray[np.intp]
    measured: PairedDifference | None
    problem: str


def judge_slices(config: ModelConfig, comparison: Comparison) -> tuple[tuple[SliceResult, ...], tuple[Gate, ...]]:
    """Every slice of the declared columns, and one gate a column."""
    found = {column: list(_slices(config, comparison, column)) for column in config.gates.slices}
    judged = sum(each.measured is not None for slices in found.values() for each in slices)
    tail = (1 - config.evaluation.confidence) / 2 / max(judged, 1)
    loss = config.gates.max_slice_loss
    results = {column: [_result(each, tail, loss) for each in slices] for column, slices in found.items()}
    gates = tuple(
        _too_many(comparison, column) or _gate(column, of_column, reference_name(comparison.champion_version), loss)
        for column, of_column in results.items()
    )
    return tuple(result for of_column in results.values() for result in of_column), gates


def slice_names(values: pd.Series) -> pd.Series:
    """The slice (text) of each row by its value; missing values are one of their own.

    A column of numbers with more than 20 different ones is cut at its quartiles.
    """
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if numeric and values.nunique() > _MOST_NUMBERS:
        return _quarters(values.astype("float64"))
    return values.astype("object").map(str).where(values.notna(), MISSING)


def _quarters(values: pd.Series) -> pd.Series:
    edges = np.unique(np.quantile(values.dropna(), [0, 0.25, 0.5, 0.75, 1], method="lower"))
    place = np.searchsorted(edges[1:-1], values.to_numpy(), side="left")
    names = [f"{low:g} to {high:g}" for low, high in pairwise(edges.tolist())]
    return pd.Series(names, dtype="object").reindex(place).set_axis(values.index).where(values.notna(), MISSING)


def _slices(config: ModelConfig, comparison: Comparison, column: str) -> Iterator[_Slice]:
    """The slices of a column in order of name; none where it has too many values."""
    names = slice_names(comparison.features[column])
    if names.nunique() > _MOST_VALUES:
        return
    for value in sorted(names.unique()):
        rows = np.flatnonzero(names == value)
        problem = _problem(config, comparison, rows)
        measured = None if problem else _measure(config, comparison, rows)
        if measured is not None and not measured.is_finite:
            measured, problem = None, f"{config.evaluation.metric} is undefined on it"
        yield _Slice(column, value, rows, measured, problem)


def _problem(config: ModelConfig, comparison: Comparison, rows: NDArray[np.intp]) -> str:
    needed = config.gates.min_slice_rows
    if len(rows) < needed:
        return f"{len(rows)} rows, at least {needed} are needed"
    blocks = len(np.unique(comparison.block[rows].astype(str)))
    if blocks < MIN_BLOCKS:
        return f"rows of {blocks} blocks, at least {MIN_BLOCKS} are needed"
    label = comparison.label[rows]
    if comparison.challenger.classifier and len(np.unique(label)) < 2:
        return f"one class only, every label is {label[0]:g}"
    return ""


def _measure(config: ModelConfig, comparison: Comparison, rows: NDArray[np.intp]) -> PairedDifference:
    return paired_difference(
        config.evaluation.metric,
        comparison.label[rows],
        (comparison.challenger.take(rows), comparison.reference.take(rows)),
        block=comparison.block[rows],
        resamples=min(config.evaluation.resamples, _MOST_DRAWS),
        confidence=config.evaluation.confidence,
        seed=config.seed,
    )


def _result(each: _Slice, tail: float, loss: float) -> SliceResult:
    if each.measured is None:
        message = f"not judged: {each.problem}"
        return SliceResult(
            column=each.column, value=each.value, rows=len(each.rows), status="not_judged", message=message
        )
    low, high = each.measured.t_interval(tail)
    failed = high < -loss
    interval = f"{1 - 2 * tail:.2%} interval [{low:+.4f}, {high:+.4f}]"
    verdict = "shown to be worse" if failed else "not shown to be worse"
    return SliceResult(
        column=each.column,
        value=each.value,
        rows=len(each.rows),
        status="failed" if failed else "passed",
        challenger_value=each.measured.challenger,
        reference_value=each.measured.reference,
        difference=each.measured.difference,
        low=low,
        high=high,
        message=f"{verdict}: difference {each.measured.difference:+.4f}, {interval}",
    )


def _too_many(comparison: Comparison, column: str) -> Gate | None:
    values = slice_names(comparison.features[column]).nunique()
    if values <= _MOST_VALUES:
        return None
    message = f"{column} has {values} different values, at most {_MOST_VALUES} can be judged"
    return Gate(name=f"slices {column}", passed=False, message=message)


def _gate(column: str, results: list[SliceResult], reference: str, loss: float) -> Gate:
    """`value` is the highest difference that the worst judged slice may still have."""
    reasons = {status: {each.value: _reason(each) for each in results if each.status == status} for status in _FAULTS}
    failed, skipped = reasons["failed"], reasons["not_judged"]
    judged = [result.high for result in results if result.high is not None]
    worse = f"shown to be worse than {reference}" + (f" by more than {loss:g}" if loss else "")
    parts = [f"{column}: {len(judged)} of {len(results)} values judged"]
    if failed:
        parts.append(f"{worse} for {_named(failed)}")
    elif judged:
        parts.append(f"none {worse}")
    if skipped:
        parts.append(f"not judged: {_named(skipped)}")
    return Gate(
        name=f"slices {column}",
        passed=bool(judged) and not failed,
        value=min(judged, default=None),
        threshold=-loss or 0.0,
        message="; ".join(parts),
    )


def _reason(result: SliceResult) -> str:
    """The message without its verdict; of a slice that was not judged without what would be needed."""
    reason = result.message.partition(": ")[2]
    return reason.partition(",")[0] if result.status == "not_judged" else reason


def _named(reasons: Mapping[str, str]) -> str:
    """Each slice with its reason, ten at most."""
    named = [f"{value} ({reason})" for value, reason in list(reasons.items())[:_MOST_NAMED]]
    left = len(reasons) - len(named)
    return ", ".join(named) + (f" and {left} more" if left else "")
