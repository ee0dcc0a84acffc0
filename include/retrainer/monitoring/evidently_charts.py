"""Evidently's charts of two samples. The only module that imports Evidently; nothing is decided by what it says.

Evidently writes texts into a script of its page as they are. Here no text reaches it that could end that script.
"""

import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from evidently import BinaryClassification, DataDefinition, Dataset, Regression, Report
from evidently.core.metric_types import render_widgets
from evidently.legacy.renderers.html_widgets import group_widget
from evidently.presets import ClassificationPreset, DataDriftPreset, DataSummaryPreset, RegressionPreset

log = logging.getLogger(__name__)

_MOST_CATEGORIES = 30
"""Categories of a column that are drawn; a chart with a bar for each of thousands shows nothing."""

_OTHER = "(other)"
_FEWEST_ROWS = 2


@dataclass(frozen=True, slots=True)
class ReportColumns:
    """What the columns of a sample are."""

    numbers: tuple[str, ...]
    categories: tuple[str, ...]
    is_classifier: bool
    """Whether `prediction` is the probability of label 1."""
    prediction: str = "prediction"
    label: str = "label"
    """Missing in rows whose label is not known."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A page of charts, empty where nothing could be drawn, and what is not on it and why."""

    page: str
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Sample:
    """Rows as Evidently gets them."""

    reference: pd.DataFrame
    current: pd.DataFrame
    numbers: list[str]
    categories: list[str]
    problems: list[str]


class _NotDrawableError(Exception):
    """Why there is nothing to draw, in words."""


def draw(reference: pd.DataFrame, current: pd.DataFrame, *, columns: ReportColumns) -> Drawing:
    """Drift and quality of the columns, and the performance where labels are known."""
    sample = _sample(reference, current, columns)
    parts: dict[str, Callable[[], list[Any]]] = {
        "Drift": lambda: _widgets(sample, DataDriftPreset()),
        "Quality": lambda: _widgets(sample, DataSummaryPreset()),
        "Performance": lambda: _performance(sample, columns),
    }
    problems, groups = list(sample.problems), []
    for title, make in parts.items():
        try:
            groups.append(group_widget(title=title, widgets=make()))
        except _NotDrawableError as reason:
            problems.append(f"{title}: {reason}")
        except Exception as error:  # without these charts it is a report all the same
            log.warning("Evidently cannot draw %s: %s", title, type(error).__name__, exc_info=True)
            problems.append(f"{title}: Evidently cannot draw it ({type(error).__name__})")
    return Drawing(render_widgets(groups, as_iframe=False) if groups else "", tuple(problems))


def _sample(reference: pd.DataFrame, current: pd.DataFrame, columns: ReportColumns) -> _Sample:
    sample = _Sample(pd.DataFrame(index=reference.index), pd.DataFrame(index=current.index), [], [], [])
    for name, is_number in _drawn(columns):
        missing_from = [where for where, frame in _places(reference, current) if not _has_values(frame, name)]
        if missing_from:
            if name != columns.label:
                sample.problems.append(f"{name}: without any value in {' and '.join(missing_from)}")
            continue
        shown = _plain(name)
        make = _numbers if is_number else _categories
        sample.reference[shown], sample.current[shown] = make(reference[name], current[name])
        (sample.numbers if is_number else sample.categories).append(shown)
    return sample


def _drawn(columns: ReportColumns) -> Iterator[tuple[str, bool]]:
    """Each column, and whether it is a number."""
    yield from ((name, True) for name in columns.numbers)
    yield from ((name, False) for name in columns.categories)
    yield columns.prediction, True
    yield columns.label, True


def _places(reference: pd.DataFrame, current: pd.DataFrame) -> tuple[tuple[str, pd.DataFrame], ...]:
    return (("the reference", reference), ("the interval", current))


def _has_values(frame: pd.DataFrame, name: str) -> bool:
    return name in frame and bool(frame[name].notna().any())


def _numbers(reference: pd.Series, current: pd.Series) -> tuple[pd.Series, pd.Series]:
    both = (pd.to_numeric(column, errors="coerce").astype("float64") for column in (reference, current))
    first, second = (column.replace([np.inf, -np.inf], np.nan) for column in both)
    return first, second


def _categories(reference: pd.Series, current: pd.Series) -> tuple[pd.Series, pd.Series]:
    """The most frequent categories of both; the others are one."""
    texts = [column.map(_plain, na_action="ignore").astype(object) for column in (reference, current)]
    shares = [column.value_counts(normalize=True) for column in texts]
    frequent = shares[0].add(shares[1], fill_value=0).sort_index().sort_values(ascending=False, kind="stable")
    kept = set(frequent.index[:_MOST_CATEGORIES])
    first, second = (column.where(column.isna() | column.isin(kept), _OTHER) for column in texts)
    return first, second


def _plain(value: object) -> str:
    """A text that ends neither a script nor a chart's label."""
    text = "".join(character if character.isprintable() else " " for character in str(value))
    return text.replace("<", "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}").replace(
        ">", "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
    )


def _performance(sample: _Sample, columns: ReportColumns) -> list[Any]:
    label, prediction = _plain(columns.label), _plain(columns.prediction)
    if label not in sample.numbers or prediction not in sample.numbers:
        raise _NotDrawableError("no label is known yet, or there are no predictions")
    reference, current = (
        frame.loc[frame[[label, prediction]].notna().all(axis="columns"), [label, prediction]]
        for frame in (sample.reference, sample.current)
    )
    for where, frame in _places(reference, current):
        if len(frame) < _FEWEST_ROWS:
            raise _NotDrawableError(f"{len(frame)} rows of {where} have a label and a prediction")
        if columns.is_classifier and frame[label].nunique() == 1:
            raise _NotDrawableError(f"every known label of {where} is {frame[label].iloc[0]:g}")
    if columns.is_classifier:
        reference, current = (frame.astype({label: "int64"}) for frame in (reference, current))
        task = BinaryClassification(target=label, prediction_probas=prediction, pos_label=1)
        definition = DataDefinition(classification=[task], numerical_columns=[prediction], categorical_columns=[label])
        return _run(reference, current, definition, ClassificationPreset())
    regression = Regression(target=label, prediction=prediction)
    definition = DataDefinition(regression=[regression], numerical_columns=[label, prediction])
    return _run(reference, current, definition, RegressionPreset())


def _widgets(sample: _Sample, preset: Any) -> list[Any]:
    for where, frame in _places(sample.reference, sample.current):
        if len(frame) < _FEWEST_ROWS:
            raise _NotDrawableError(f"{where} has {len(frame)} rows")
    definition = DataDefinition(numerical_columns=sample.numbers, categorical_columns=sample.categories)
    return _run(sample.reference, sample.current, definition, preset)


def _run(reference: pd.DataFrame, current: pd.DataFrame, definition: DataDefinition, preset: Any) -> list[Any]:
    datasets = [Dataset.from_pandas(frame, data_definition=definition) for frame in (current, reference)]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        # A private name: in 0.7 a snapshot gives its widgets to nobody, and each of its own pages brings 3.5 MB along.
        return list(Report([preset]).run(*datasets)._widgets)
