"""What must hold between the sections of a declaration."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from pydantic import JsonValue, ValidationError

from retrainer.config.estimator import Estimator
from retrainer.config.estimators import ESTIMATORS
from retrainer.config.evaluation import Evaluation, Gates
from retrainer.config.expression import expression_mistake
from retrainer.config.features import Features, Lookup, lookup_column
from retrainer.config.monitoring import Monitoring
from retrainer.config.near_miss import listed, unknown
from retrainer.config.schedule import Schedule, Windows
from retrainer.config.section import Mistake, Section
from retrainer.config.sklearn_names import METRICS
from retrainer.config.source import Source
from retrainer.contracts.columns import KNOWN_AT, LABEL, TIME

_Kind = TypeVar("_Kind", bound=Section)

_NUMERIC = ("integer", "float", "boolean")


@dataclass(frozen=True, slots=True)
class Sections:
    """The sections that are read together; None stands for one that is wrong in itself."""

    schedule: Schedule | None = None
    source: Source | None = None
    windows: Windows | None = None
    features: Features | None = None
    estimator: Estimator | None = None
    evaluation: Evaluation | None = None
    gates: Gates | None = None
    monitoring: Monitoring | None = None

    @classmethod
    def valid_in(cls, content: Mapping[str, JsonValue]) -> "Sections":
        """Those sections of a declaration that are right in themselves, whatever is wrong elsewhere."""
        return cls(
            schedule=_valid(Schedule, content.get("schedule")),
            source=_valid(Source, content.get("source")),
            windows=_valid(Windows, content.get("windows")),
            features=_valid(Features, content.get("features")),
            estimator=_valid(Estimator, content.get("estimator")),
            evaluation=_valid(Evaluation, content.get("evaluation")),
            gates=_valid(Gates, content.get("gates")),
            monitoring=_valid(Monitoring, content.get("monitoring")),
        )


def _valid(kind: type[_Kind], content: JsonValue) -> _Kind | None:
    try:
        return kind.model_validate(content)
    except ValidationError:
        return None


def inconsistencies(sections: Sections) -> Iterator[Mistake]:
    """Every mistake that shows only between sections; those that are None are passed over."""
    s = sections
    if s.estimator and s.evaluation:
        yield from _metric(s.estimator, s.evaluation)
    if s.evaluation and s.gates:
        yield from _floor(("gates", "min_value"), s.gates.min_value, s.evaluation)
    if s.evaluation and s.monitoring:
        yield from _floor(("monitoring", "performance", "floor"), s.monitoring.performance.floor, s.evaluation)
    if s.source and s.features:
        yield from _features(s.source, s.features)
    if s.features and s.gates:
        yield from _gate_columns(s.features, s.gates)
    if s.features and s.monitoring:
        yield from _watched(s.features, s.monitoring)
    if s.source and s.features and s.evaluation:
        yield from _block(s.source, s.features, s.evaluation)
    if s.schedule and s.windows:
        yield from _windows(s.schedule, s.windows)
    if s.source and s.windows:
        yield from _labels(s.source, s.windows)


def _metric(estimator: Estimator, evaluation: Evaluation) -> Iterator[Mistake]:
    kind = ESTIMATORS[estimator.type]
    if METRICS[evaluation.metric] != kind:
        allowed = listed(name for name, of in METRICS.items() if of == kind)
        yield ("evaluation", "metric"), f"{evaluation.metric!r} does not fit a {kind} (allowed: {allowed})"


def _floor(at: tuple[str, ...], floor: float | None, evaluation: Evaluation) -> Iterator[Mistake]:
    highest = 0 if evaluation.metric.startswith("neg_") else 1
    if floor is not None and floor > highest:
        yield at, f"can never be reached: {evaluation.metric} is at most {highest}, got {floor}"


def _gate_columns(features: Features, gates: Gates) -> Iterator[Mistake]:
    columns = _feature_columns(features)
    yield from _columns(("gates", "slices"), gates.slices, columns)
    yield from _columns(("gates", "new_inputs"), gates.new_inputs, dict.fromkeys(features.inputs, ""))
    for index, case in enumerate(gates.canonical):
        for name in case.input:
            message = unknown(name, columns, what="feature column")
            if message:
                yield ("gates", "canonical", index, "input", name), message


def _watched(features: Features, monitoring: Monitoring) -> Iterator[Mistake]:
    watched = dict.fromkeys([*features.categorical, *features.numeric], "")
    yield from _columns(("monitoring", "drift", "ignore"), monitoring.drift.ignore, watched)
    columns = [*_feature_columns(features), "prediction", LABEL]
    for index, business in enumerate(monitoring.performance.business):
        message = expression_mistake(business.value, columns)
        if message:
            yield ("monitoring", "performance", "business", index, "value"), message


def _feature_columns(features: Features) -> dict[str, str]:
    looked_up = [lookup_column(name, column) for name, each in features.lookups.items() for column in each.columns]
    return dict.fromkeys([*features.inputs, *looked_up, *features.windows], "")


def _block(source: Source, features: Features, evaluation: Evaluation) -> Iterator[Mistake]:
    if evaluation.block is not None:
        allowed = [*features.inputs, *source.tables[source.rows].key]
        message = unknown(evaluation.block, allowed, what="input or key column")
        if message:
            yield ("evaluation", "block"), message


def _features(source: Source, features: Features) -> Iterator[Mistake]:
    rows = source.tables[source.rows].columns
    yield from _columns(("features", "inputs"), features.inputs, rows)
    for name, lookup in features.lookups.items():
        yield from _lookup(("features", "lookups", name), lookup, source)
    for name, window in features.windows.items():
        at = ("features", "windows", name)
        yield from _columns((*at, "by"), window.by, rows)
        if window.value == LABEL:
            continue
        message = unknown(window.value, [*rows, LABEL], what="column")
        if message:
            yield (*at, "value"), message
        elif rows[window.value] not in _NUMERIC and window.aggregate != "count":
            message = f"column {window.value!r} is of type {rows[window.value]}: {window.aggregate} needs a number"
            yield (*at, "value"), message
    yield from _names(source, features)


def _names(source: Source, features: Features) -> Iterator[Mistake]:
    """Columns of the feature table that would get the name of a key, or a key that of another column."""
    key = {name.casefold() for name in source.tables[source.rows].key}
    for index, name in enumerate(source.tables[source.rows].key):
        if name.casefold() in (LABEL, TIME, KNOWN_AT):
            message = f"the name {name!r} is taken: it is another column of every feature table"
            yield ("source", "tables", source.rows, "key", index), message
    for name in features.windows:
        if name.casefold() in key:
            yield ("features", "windows", name), f"the name is taken: {name!r} is in the key of table {source.rows!r}"
    for name, lookup in features.lookups.items():
        for index, column in enumerate(lookup.columns):
            if lookup_column(name, column).casefold() in key:
                message = f"gives column {lookup_column(name, column)!r}, which is in the key of table {source.rows!r}"
                yield ("features", "lookups", name, "columns", index), message


def _lookup(at: tuple[str, ...], lookup: Lookup, source: Source) -> Iterator[Mistake]:
    message = unknown(lookup.table, source.tables, what="table")
    if message:
        yield (*at, "table"), message
        return
    if lookup.table == source.rows:
        yield (*at, "table"), f"{lookup.table!r} is the row table: each row would find itself; use a window"
        return
    rows, other = source.tables[source.rows].columns, source.tables[lookup.table].columns
    yield from _columns((*at, "columns"), lookup.columns, other)
    for index, column in enumerate(lookup.by):
        both = set(rows) & set(other)
        message = unknown(column, sorted(both), what="column of both tables")
        if message:
            yield (*at, "by", index), message
        elif rows[column] != other[column]:
            types = f"{rows[column]} in table {source.rows!r} and {other[column]} in {lookup.table!r}"
            yield (*at, "by", index), f"column {column!r} is of type {types}"


def _columns(at: tuple[str, ...], columns: Iterable[str], allowed: Mapping[str, str]) -> Iterator[Mistake]:
    for index, column in enumerate(columns):
        message = unknown(column, allowed, what="column")
        if message:
            yield (*at, index), message


def _windows(schedule: Schedule, windows: Windows) -> Iterator[Mistake]:
    longest = schedule.longest_interval()
    for name, days in (("training_days", windows.training_days), ("holdout_days", windows.holdout_days)):
        if timedelta(days=days) < longest - timedelta(hours=1):  # the clocks may change in it
            message = f"must hold an interval of the schedule, which lasts up to {_in_words(longest)}, got {days} days"
            yield ("windows", name), message
    if schedule.end is not None:
        days = (schedule.end - schedule.start).days
        needed = windows.min_coverage * (windows.training_days + windows.holdout_days)
        if days < needed:
            message = (
                f"{days} days after start: no run could ever fill {windows.min_coverage:g} of"
                f" training_days {windows.training_days} and holdout_days {windows.holdout_days}"
            )
            yield ("schedule", "end"), message


def _labels(source: Source, windows: Windows) -> Iterator[Mistake]:
    known_after = source.label.known_after
    if known_after is not None and known_after >= timedelta(days=windows.holdout_days):
        message = f"must be shorter than the holdout, {windows.holdout_days} days: none of its rows would have a label"
        yield ("source", "label", "known_after"), message


def _in_words(length: timedelta) -> str:
    hours = round(length.total_seconds() / 3600)
    return f"{hours // 24} days" if hours % 24 in (0, 1, 23) and hours > 23 else f"{hours} hours"
