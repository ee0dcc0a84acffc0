"""The real flights of 2013 with the example's own features, day by day, for replays."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from retrainer.columns import Columns, columns_of, with_row_features
from retrainer.config.declaration import ModelConfig
from retrainer.config.load import load_declaration
from retrainer.contracts import Interval
from retrainer.contracts.columns import INTERVAL, LABEL
from retrainer.features import FeatureTables, build_features, feature_columns
from retrainer.monitoring.watched import watched_columns
from retrainer.sources.sample import load_flights, local_days, open_database
from retrainer.training import build_pipeline, load_row_features
from tests.unit.monitoring.play import REFERENCE_DAYS, Replay
from tests.worlds import PROJECT


@dataclass(frozen=True)
class FlightsYear:
    """The feature table of the year, and what the estimator gets of it."""

    config: ModelConfig
    intervals: tuple[Interval, ...]
    frame: pd.DataFrame
    columns: Columns
    """The estimator's columns and the label, in the order of `frame`."""
    day: np.ndarray
    """Number of each row's interval."""

    def rows(self, days: np.ndarray) -> np.ndarray:
        """Whether each row is of one of these days."""
        return np.isin(self.day, days)

    def of_day(self, day: int, **more: np.ndarray) -> Columns:
        """The columns of one day; `more` columns are of the whole year."""
        first, last = np.searchsorted(self.day, [day, day + 1])
        return {name: values[first:last] for name, values in {**self.columns, **more}.items()}

    def predictions(self, learned_from: np.ndarray) -> np.ndarray:
        """What a model says of every row of the year that has learned from these days."""
        parameters = {**self.config.estimator.parameters, "max_iter": 60}
        pipeline = build_pipeline(self.config, parameters=parameters)
        features = self.frame[list(feature_columns(self.config))]
        known = self.rows(learned_from) & np.isfinite(self.columns[LABEL])
        pipeline.fit(features[known], self.columns[LABEL][known])
        return pipeline.predict_proba(features)[:, 1]


def flights_year(home: Path) -> FlightsYear:
    """Load the flights into a database in `home` and build every feature as it was known at its prediction time."""
    config = load_declaration(PROJECT / "config" / "models" / "flight_delay.yaml")
    url = f"sqlite:///{home / 'flights.sqlite'}"
    load_flights(url)
    intervals = tuple(local_days(date(2013, 1, 1), date(2013, 12, 31)))
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        views = {name: _view(connection, url, name, config, intervals) for name in ("flights", "weather")}
        built = build_features(FeatureTables(connection, views), config, intervals=intervals)
        frame = built.to_df()
    columns = columns_of(frame[list(feature_columns(config))])
    made = with_row_features(columns, load_row_features(config.features.module))
    watched = {name: made[name] for name in (*config.features.categorical, *config.features.numeric)}
    numbers = {interval.key: number for number, interval in enumerate(intervals)}
    day = frame[INTERVAL].map(numbers).to_numpy(dtype=np.int64)
    return FlightsYear(config, intervals, frame, {**watched, LABEL: frame[LABEL].to_numpy(np.float64)}, day)


def _view(connection, url: str, name: str, config: ModelConfig, intervals: tuple[Interval, ...]) -> str:
    """The declared columns of a source table of the whole year, with the partition of each row."""
    table = config.source.tables[name]
    frame = pd.read_sql(f"SELECT {', '.join(table.columns)} FROM upstream_{name}", open_database(url))
    for column, kind in table.columns.items():
        if kind == "timestamp":
            frame[column] = pd.to_datetime(frame[column], utc=True, format="ISO8601").astype("datetime64[us, UTC]")
    starts = pd.DatetimeIndex([interval.start for interval in intervals])
    place = starts.searchsorted(frame[table.event_time], side="right") - 1
    frame = frame[place >= 0].assign(**{INTERVAL: np.array([each.key for each in intervals])[place[place >= 0]]})
    connection.register(f"frame_{name}", frame)
    connection.execute(f"CREATE TABLE {name} AS SELECT * FROM frame_{name}")
    return name


def shuffled(year: FlightsYear, seed: int) -> Replay:
    """The weeks of the year in random order: no season is left in them, and all that days and weeks differ by is."""
    weeks = np.random.default_rng(seed).permutation(len(year.intervals) // 7)
    return _replay(year, (weeks[:, None] * 7 + np.arange(7)).ravel())


def in_order(year: FlightsYear) -> Replay:
    """The year as it was."""
    return _replay(year, np.arange(len(year.intervals)))


def _replay(year: FlightsYear, order: np.ndarray) -> Replay:
    """Days in this order, with the predictions of a model that has learned from the reference's but for 14."""
    predictions = year.predictions(order[: REFERENCE_DAYS - 14])
    return Replay(watched_columns(year.config), lambda day: year.of_day(order[day], prediction=predictions), len(order))
