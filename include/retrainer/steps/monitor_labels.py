"""Predictions of past intervals beside the labels that are known by now, joined by key in DuckDB.

Where predictions lie depends on monitoring.predictions: batch predictions have one version an interval; of what a
server answered there may be several. Of several predictions of one key by one version in one interval the first
counts. Labels are those that the validated snapshot of the row table has now: of one that was corrected since, the
corrected one. The label of a row that nobody predicted is left out. One interval is joined at a time, and a sample of
it handed on.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import duckdb
import numpy as np
from numpy.typing import NDArray

from retrainer.config.declaration import ModelConfig
from retrainer.config.monitoring import Business
from retrainer.contracts import Interval
from retrainer.contracts.columns import LABEL
from retrainer.contracts.interval import partition_key
from retrainer.errors import ConfigurationError
from retrainer.features import feature_columns
from retrainer.monitoring.business import Uncomputable
from retrainer.monitoring.labelled import LabelledInterval
from retrainer.snapshots import DataPlace, connect
from retrainer.snapshots.connection import identifier
from retrainer.snapshots.delta import open_table, partition_keys, view_partitions
from retrainer.snapshots.publish import snapshot_schema
from retrainer.steps.label_rows import ROW_KNOWN_AT, ROW_LABEL, labelled_rows
from retrainer.steps.monitor_predictions import ORDER, OUTPUT, PLACE, VERSION, Predictions, open_predictions

MEMORY_MB = 512
"""What DuckDB may use for a join; the rest goes to disk."""

SAMPLE_ROWS = 50_000
"""Labels and outputs of an interval that are handed on: what a metric of so many rows lacks in precision is far less
than what one day differs from another. Counts and business expressions see every row."""

_AGAIN = "_retrainer_again"
_FOUND = "_retrainer_found"
_PLACE = "_retrainer_place"
_IN_PLACE = f"ORDER BY {_PLACE}, {OUTPUT}, {ROW_LABEL}"
_NO_NUMBERS = np.empty(0, dtype=np.float64)


def read_labelled(
    config: ModelConfig, data_uri: str, intervals: Sequence[Interval], *, as_of: datetime
) -> list[LabelledInterval]:
    """What each version said in each of `intervals`, and the labels known at `as_of` (aware), in order.

    An interval without predictions is there once, with version None.
    """
    with connect(memory_mb=MEMORY_MB) as connection:
        rows = LabelledRows(config, data_uri, connection, as_of=as_of)
        return [each for interval in intervals for each in rows.read(interval)]


class LabelledRows:
    """The predictions of one model with the labels known at `as_of` (aware), through `connection`."""

    def __init__(
        self, config: ModelConfig, data_uri: str, connection: duckdb.DuckDBPyConnection, *, as_of: datetime
    ) -> None:
        self._config = config
        self._data_uri = data_uri
        self._connection = connection
        self._as_of = as_of
        self._joined: tuple[Sequence[Interval], frozenset[str], Predictions] | None = None

    def read(self, interval: Interval) -> list[LabelledInterval]:
        """What each version said in the interval; once with version None where nobody said anything."""
        found = []
        if self._join([interval], self._named_in(*self._config.monitoring.performance.business)) is not None:
            counts = self._connection.execute(
                f"SELECT {VERSION}, count(*) FILTER (NOT {_AGAIN}), count({ROW_LABEL}) FILTER (NOT {_AGAIN}), "
                f"count(*) FILTER (NOT {_AGAIN} AND NOT {_FOUND}), count(*) FILTER ({_AGAIN}) "
                f"FROM joined GROUP BY ALL ORDER BY {VERSION}"
            ).fetchall()
            found = [self._labelled(interval, counted) for counted in counts]
        return found or [LabelledInterval(interval, None, 0, 0, _NO_NUMBERS, _NO_NUMBERS)]

    def sample(
        self, interval: Interval, *, version: int, rows: int
    ) -> tuple[duckdb.DuckDBPyRelation, Mapping[str, str]] | None:
        """At most so many of the rows that the version predicted in the interval, the same every time.

        Its columns are OUTPUT, ROW_LABEL (null where it is not known), and one for each feature, by the feature's name.
        None where nothing was ever predicted.
        """
        predictions = self._join([interval], frozenset(feature_columns(self._config)))
        if predictions is None:
            return None
        columns = ", ".join((OUTPUT, ROW_LABEL, *predictions.features.values()))
        relation = self._connection.sql(
            f"SELECT {columns} FROM joined {self._counting(version)} {_IN_PLACE} LIMIT {rows}"
        )
        return relation, predictions.features

    def evaluate(self, declared: Business, intervals: Sequence[Interval], *, version: int) -> object:
        """What a business expression gives of the rows of `intervals` that the version predicted and whose label is
        known. None where nothing was ever predicted, Uncomputable where it cannot be computed of these rows.

        Raises:
            ConfigurationError: DuckDB does not understand the expression, or it is no aggregate.
        """
        named = self._named_in(declared)
        predictions = self._join(intervals, named)
        if predictions is None:
            return None
        features = "".join(
            f", {column} AS {identifier(name)}"
            for name, column in predictions.features.items()
            if name in named and name.casefold() != "prediction"
        )
        counting = f"{self._counting(version)} AND {ROW_LABEL} IS NOT NULL"
        rows = f"SELECT {OUTPUT} AS prediction, {ROW_LABEL} AS {LABEL}{features} FROM joined {counting}"
        self._check(declared, rows)
        try:
            ((result,),) = self._connection.execute(f"SELECT ({declared.value}) FROM ({rows}) AS r").fetchall()
        except duckdb.Error as error:  # it is understood, and these rows are not for it
            return Uncomputable(_first_line(error))
        return result

    def _check(self, declared: Business, rows: str) -> None:
        """An aggregate gives one row of no rows; whatever else gives none."""
        name = f"monitoring.performance.business[{declared.name}]"
        try:
            given = self._connection.execute(f"SELECT ({declared.value}) FROM ({rows} LIMIT 0) AS r").fetchall()
        except duckdb.Error as error:
            raise ConfigurationError(f"{name}: DuckDB refuses {declared.value!r}: {_first_line(error)}") from error
        if len(given) != 1:
            raise ConfigurationError(
                f"{name}: {declared.value!r} must be an aggregate that gives one number, such as "
                "avg(CASE WHEN prediction > 0.5 THEN label END)"
            )

    def _labelled(self, interval: Interval, counted: tuple[int, ...]) -> LabelledInterval:
        """With a sample of the rows that is the same every time: those whose keys have the smallest hash."""
        version, predictions, labelled, unknown_keys, duplicates = counted
        sample = self._connection.execute(
            f"SELECT {ROW_LABEL}, {OUTPUT} FROM joined {self._counting(version)} AND {ROW_LABEL} IS NOT NULL "
            f"{_IN_PLACE} LIMIT {SAMPLE_ROWS}"
        ).fetchnumpy()
        labels, outputs = (_numbers(sample[name]) for name in (ROW_LABEL, OUTPUT))
        return LabelledInterval(interval, version, predictions, labelled, labels, outputs, unknown_keys, duplicates)

    def _counting(self, version: int) -> str:
        """The rows of a version that count."""
        return f"WHERE NOT {_AGAIN} AND {VERSION} = {int(version)}"

    def _named_in(self, *declared: Business) -> frozenset[str]:
        """The features whose names are in the text of an expression: others need not be read."""
        texts = [each.value.casefold() for each in declared]
        return frozenset(
            name for name in feature_columns(self._config) if any(name.casefold() in text for text in texts)
        )

    def _join(self, intervals: Sequence[Interval], features: frozenset[str]) -> Predictions | None:
        """Make the table `joined`: each prediction, whether it is one of a key again, whether its key is one of the row
        table's, its label where that is known, and its place among all by the hash of its key. What was joined last
        is not joined again."""
        if self._joined is not None and self._joined[0] == intervals and self._joined[1] >= features:
            return self._joined[2]
        predictions = open_predictions(self._config, self._data_uri, intervals, connection=self._connection)
        if predictions is None:
            return None
        self._view_rows(predictions, intervals)
        keys = list(predictions.keys.values())
        partition = ", ".join((PLACE, VERSION, *keys))
        order = f"{ORDER}, {OUTPUT}"
        is_again = " AND ".join(
            (
                *(f"{key} IS NOT NULL" for key in keys),
                f"row_number() OVER (PARTITION BY {partition} ORDER BY {order}) > 1",
            )
        )
        equal = " AND ".join(f"p.{column} = r.{identifier(key)}" for key, column in predictions.keys.items())
        kept = "".join(f", p.{column}" for name, column in predictions.features.items() if name in features)
        labels = labelled_rows(self._config, predictions.keys, view="row_table")
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE joined AS SELECT p.{VERSION}, p.{OUTPUT}, p.{_AGAIN}, "
            f"r.{identifier(next(iter(predictions.keys)))} IS NOT NULL AS {_FOUND}, "
            f"CASE WHEN r.{ROW_KNOWN_AT} <= $as_of THEN r.{ROW_LABEL} END AS {ROW_LABEL}, "
            f"hash({', '.join(f'p.{key}' for key in keys)}) AS {_PLACE}{kept} "
            f"FROM (SELECT *, {is_again} AS {_AGAIN} FROM {predictions.view}) AS p "
            f"LEFT JOIN ({labels}) AS r ON {equal}",
            {"as_of": self._as_of},
        )
        self._joined = (intervals, features, predictions)
        return predictions

    def _view_rows(self, predictions: Predictions, intervals: Sequence[Interval]) -> None:
        """Make the view `row_table`: the rows that the predictions may be about, as they were validated last."""
        source = self._config.source
        table = open_table(DataPlace(self._data_uri, self._config.name).snapshot(source.rows))
        if table is None:  # no run has validated anything yet
            self._connection.register("no_rows", snapshot_schema(self._config, source.rows).empty_table())
            self._connection.execute("CREATE OR REPLACE TEMP VIEW row_table AS SELECT * FROM no_rows")
            return
        keys = [each.key for each in intervals]
        if not predictions.by_event:
            keys = [key for key in partition_keys(table) if key <= partition_key(self._as_of)]
        view_partitions(self._connection, table, keys, "row_table")


def _numbers(values: object) -> NDArray[np.float64]:
    """A column as DuckDB gives it: masked where it has nulls."""
    found: NDArray[np.float64] = np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan)
    return found


def _first_line(error: duckdb.Error) -> str:
    return str(error).splitlines()[0]
