"""What a version in the shadow and the champion said of the same requests, and what became of them.

Read from the Delta table of predictions and from the validated snapshot of the row table, in DuckDB: memory holds the
rows that are judged.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError
from numpy.typing import NDArray

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import Interval
from retrainer.predictions import predictions_uri
from retrainer.predictions.columns import logged_columns
from retrainer.snapshots import DataPlace, open_view, pin
from retrainer.snapshots.connection import identifier
from retrainer.steps.label_rows import ROW_EVENT, ROW_KNOWN_AT, ROW_LABEL, first_moment, labelled_rows, rows_between

_SHADOW = "_retrainer_shadow"
_CHAMPION = "_retrainer_champion"


@dataclass(frozen=True, slots=True)
class Trial:
    """The version in the shadow, the champion beside it, and since when (aware)."""

    shadow: int
    champion: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Pairs:
    """Predictions that both versions made of the same record. Numbers are null where there is none."""

    count: int = 0
    agreement: float | None = None
    """Share of them that differ by no more than the declared tolerance."""
    shadow_p95_ms: float | None = None
    champion_p95_ms: float | None = None


@dataclass(frozen=True, slots=True)
class LabelledPairs:
    """Predictions of both whose label is known, and the block that is drawn together; one value a row."""

    label: NDArray[np.float64]
    shadow: NDArray[np.float64]
    champion: NDArray[np.float64]
    block: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.label)

    def first(self, rows: int) -> "LabelledPairs":
        """The first so many of them."""
        return LabelledPairs(self.label[:rows], self.shadow[:rows], self.champion[:rows], self.block[:rows])


_NO_NUMBERS = np.empty(0, dtype=np.float64)
NO_LABELS = LabelledPairs(_NO_NUMBERS, _NO_NUMBERS, _NO_NUMBERS, np.empty(0, dtype=np.object_))


class TrialRows:
    """The predictions of one trial, in the table `pairs` of `connection`."""

    def __init__(self, config: ModelConfig, data_uri: str, connection: duckdb.DuckDBPyConnection) -> None:
        self._config = config
        self._data_uri = data_uri
        self._connection = connection
        self._row_table = config.source.tables[config.source.rows]
        stored = {column.name: column.stored for column in logged_columns(config)}
        self._keys = {key: stored[key] for key in self._row_table.key}
        self._logged_event = stored.get(self._row_table.event_time)

    def read_pairs(self, trial: Trial, *, tolerance: float) -> Pairs:
        """Match the predictions of both versions by their id; predictions that differ by no more than that agree."""
        try:
            table = DeltaTable(predictions_uri(self._data_uri, self._config.name))
        except TableNotFoundError:  # nothing was collected yet
            return Pairs()
        since = pc.field("at") >= pc.scalar(trial.since)
        self._connection.register("logged", table.to_pyarrow_dataset().filter(since))
        kept = [*self._keys.values(), *([self._logged_event] if self._logged_event else [])]
        columns = "".join(f", s.{identifier(name)}" for name in dict.fromkeys(kept))
        self._connection.execute(
            f'CREATE OR REPLACE TEMP TABLE pairs AS SELECT s.id, s."at"{columns}, s.output AS shadow, '
            "c.output AS champion, s.seconds AS shadow_seconds, c.seconds AS champion_seconds "
            "FROM (SELECT * FROM logged WHERE source = 'shadow' AND version = $shadow) AS s "
            "JOIN (SELECT * FROM logged WHERE source = 'model' AND version = $champion) AS c "
            "ON s.id = c.id AND s.day = c.day",
            {"shadow": trial.shadow, "champion": trial.champion},
        )
        found = self._connection.execute(
            "SELECT count(*), avg(CAST(abs(shadow - champion) <= $tolerance AS DOUBLE)), "
            "1000 * quantile_cont(shadow_seconds, 0.95), 1000 * quantile_cont(champion_seconds, 0.95) FROM pairs",
            {"tolerance": tolerance},
        ).fetchone()
        assert found is not None
        return Pairs(*found)

    def read_labels(self, as_of: datetime) -> LabelledPairs:
        """The pairs whose label was known at `as_of` (aware), in the order in which that became known.

        A row of the row table counts once, with the first prediction of it: asking often gives nobody more weight.
        """
        window = self._window(as_of)
        if window is None:
            return NO_LABELS
        place = DataPlace(self._data_uri, self._config.name)
        rows = self._config.source.rows
        open_view(self._connection, pin(place.snapshot(rows), table=rows, window=window), "row_table")
        equal = " AND ".join(f"p.{identifier(logged)} = r.{identifier(key)}" for key, logged in self._keys.items())
        partition = ", ".join(identifier(logged) for logged in self._keys.values())
        order = ", ".join((ROW_KNOWN_AT, ROW_EVENT, *(f"r.{identifier(key)}" for key in self._keys)))
        query = (
            f"SELECT p.shadow AS {_SHADOW}, p.champion AS {_CHAMPION}, r.* FROM (SELECT * FROM pairs "
            f'QUALIFY row_number() OVER (PARTITION BY {partition} ORDER BY "at", id) = 1) AS p '
            f"JOIN ({self._labels()}) AS r ON {equal} "
            f"WHERE r.{ROW_LABEL} IS NOT NULL AND r.{ROW_KNOWN_AT} <= $as_of ORDER BY {order}"
        )
        frame: pd.DataFrame = self._connection.sql(query, params={"as_of": as_of}).to_arrow_table().to_pandas()
        return LabelledPairs(
            label=frame[ROW_LABEL].to_numpy(np.float64),
            shadow=frame[_SHADOW].to_numpy(np.float64),
            champion=frame[_CHAMPION].to_numpy(np.float64),
            block=self._blocks(frame),
        )

    def _window(self, as_of: datetime) -> Interval | None:
        """The partitions of the row table that the predictions may be about; None where all of that is yet to come."""
        first: datetime | None = first_moment(self._config)
        if self._logged_event is not None:
            earliest = self._connection.execute(f"SELECT min({identifier(self._logged_event)}) FROM pairs").fetchone()
            first = earliest[0] if earliest else None
        return rows_between(self._config, first, as_of)

    def _labels(self) -> str:
        """Every row of the row table with its label, when that became known, its key, event time and block."""
        block = self._config.evaluation.block
        return labelled_rows(self._config, [*self._row_table.key, *([block] if block else [])], view="row_table")

    def _blocks(self, frame: pd.DataFrame) -> NDArray[np.object_]:
        block = self._config.evaluation.block
        if block is None:
            values: pd.Series[Any] = frame[ROW_EVENT].dt.tz_convert(self._config.schedule.zone).dt.strftime("%Y-%m-%d")
        else:
            values = frame[block]
        return values.astype("object").where(values.notna(), "(missing)").astype(str).to_numpy(np.object_)
