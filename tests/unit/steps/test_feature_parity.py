"""Offline, in a batch and online, a flight has the same features: on twelve days of real ones, the clocks change once.

Offline is the feature table of a training run; a batch is one interval by itself, from the partitions that it needs;
online is what a server finds at the flight's event time in tables that were made before.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from retrainer.columns import Columns, columns_of, with_row_features
from retrainer.config.declaration import ModelConfig
from retrainer.config.load import load_declaration
from retrainer.config.runtime import RuntimeSettings, load_settings
from retrainer.contracts import FeatureSet, Interval, StepName, StepRequest, TableRef, ValidationReport
from retrainer.contracts.columns import INTERVAL, LABEL, TIME
from retrainer.features import FeatureTables, build_features, feature_columns
from retrainer.online import OnlineTables, online_uri
from retrainer.snapshots import connect, open_view, table_window
from retrainer.sources.sample import land, load_flights, open_database
from retrainer.steps.catalog import load_step
from retrainer.steps.publish_online import publish_known
from retrainer.training.pipeline import build_pipeline, load_row_features

PROJECT = Path(__file__).parents[3]
AS_OF = datetime(2013, 3, 16, 4, tzinfo=UTC)
CLOCKS_CHANGE = date(2013, 3, 10)
HOUR = timedelta(hours=1)
TOLERANCE = 1e-12


@dataclass(frozen=True)
class Flights:
    """A training run on twelve days of flights: its result, and the rows of the feature table by time and key."""

    settings: RuntimeSettings
    config: ModelConfig
    snapshot: tuple[TableRef, ...]
    features: FeatureSet
    offline: pd.DataFrame

    @property
    def days(self) -> list[Interval]:
        window = self.features.table.window
        return self.config.schedule.intervals(window.start, window.end)

    def of(self, day: Interval) -> Columns:
        """The features offline of one day."""
        return columns_of(self.offline[self.offline[INTERVAL] == day.key])

    def run(self, step: StepName, as_of: datetime, inputs: dict[str, Any], *, home: Path | None = None) -> Any:
        settings = self.settings if home is None else self.settings.model_copy(update={"data_uri": str(home)})
        return load_step(step)(_request(step, self.config, as_of, inputs), settings)


def _request(step: StepName, config: ModelConfig, as_of: datetime, inputs: dict[str, Any]) -> StepRequest:
    return StepRequest(
        step=step,
        model=config.name,
        config=config.model_dump(mode="json"),
        inputs={name: value.model_dump(mode="json") for name, value in inputs.items()},
        interval=config.schedule.interval_before(as_of),
        as_of=as_of,
        seed=0,
        run_id="parity",
    )


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Flights:
    home = tmp_path_factory.mktemp("parity")
    url = f"sqlite:///{home / 'flights.sqlite'}"
    load_flights(url)
    land(open_database(url), date(2013, 3, 2), date(2013, 3, 15))
    environ = {
        "RETRAINER_HOME": str(home),
        "RETRAINER_MLFLOW_URI": "http://127.0.0.1:9",
        "RETRAINER_MLFLOW_RETRIES": "0",
        "RETRAINER_CONN_FLIGHTS_SOURCE": url,
    }
    settings = load_settings(environ, PROJECT)
    example = load_declaration(PROJECT / "config" / "models" / "flight_delay.yaml")
    sizes = {"training_days": 10, "holdout_days": 2, "min_training_rows": 100, "min_holdout_rows": 50}
    config = ModelConfig.model_validate({**example.model_dump(mode="json"), "windows": sizes, "serving": {}})
    results: dict[str, Any] = {}
    steps: tuple[StepName, ...] = ("snapshot", "validate_data", "build_features")
    for step in steps:
        results[step] = load_step(step)(_request(step, config, AS_OF, results), settings)
    report: ValidationReport = results["validate_data"]
    features: FeatureSet = results["build_features"]
    with connect() as connection:
        open_view(connection, features.table, "offline")
        frame = connection.sql(f"SELECT * FROM offline ORDER BY {INTERVAL}, {TIME}, flight_id").to_arrow_table()
    return Flights(settings, config, report.snapshot, features, frame.to_pandas())


def assert_equal(found: Columns, expected: Columns, names: tuple[str, ...]) -> None:
    """Texts and times to the byte, numbers to 1e-12, and missing where missing."""
    for name in names:
        ours, theirs = found[name], expected[name]
        assert ours.dtype == theirs.dtype, name
        if ours.dtype == np.float64:
            assert np.array_equal(np.isnan(ours), np.isnan(theirs)), name
            assert np.allclose(ours, theirs, rtol=0, atol=TOLERANCE, equal_nan=True), name
        elif ours.dtype.kind == "M":
            assert ours.tobytes() == theirs.tobytes(), name
        else:
            assert ours.tolist() == theirs.tolist(), name


def looked_up(config: ModelConfig) -> tuple[str, ...]:
    return tuple(name for name in feature_columns(config) if name not in config.features.inputs)


def ask(flights: Flights, folder: Path, rows: Columns) -> Columns:
    """The features of flights of which a client sends the inputs only, from the online tables under `folder`."""
    wanted, count = looked_up(flights.config), len(rows["flight_id"])
    sent = {name: rows[name] for name in flights.config.features.inputs}
    nothing = {name: np.full(count, np.nan) for name in wanted}
    tables = OnlineTables(Path(online_uri(str(folder), flights.config.name)))
    return tables.fill({**sent, **nothing}, dict.fromkeys(wanted, np.ones(count, bool)))


def tables_until(flights: Flights, moment: datetime, connection: Any) -> FeatureTables:
    """Views of the snapshot without anything whose interval ends after `moment`."""
    for ref in flights.snapshot:
        until = ref.model_copy(update={"window": Interval(start=ref.window.start, end=moment)})
        open_view(connection, until, ref.table)
    return FeatureTables(connection, {ref.table: ref.table for ref in flights.snapshot})


def test_there_are_ten_thousand_rows_with_and_without_values(flights: Flights) -> None:
    assert len(flights.offline) > 10_000
    assert flights.days[0].start.date() < CLOCKS_CHANGE < flights.days[-1].start.date()
    for name in looked_up(flights.config):
        assert 0 < flights.offline[name].notna().mean() <= 1
    assert flights.offline["dest_late_share"].isna().any()
    assert flights.offline[LABEL].notna().any()


def test_a_batch_of_one_interval_has_the_features_of_the_feature_table(flights: Flights) -> None:
    for day in flights.days:
        with connect() as connection:
            for ref in flights.snapshot:
                needed = table_window(flights.config, ref.table, day, as_of=day.end)
                start = max(needed.start, day.start - timedelta(days=2))
                open_view(connection, ref.model_copy(update={"window": Interval(start=start, end=day.end)}), ref.table)
            tables = FeatureTables(connection, {ref.table: ref.table for ref in flights.snapshot})
            batch = build_features(tables, flights.config, intervals=[day]).to_arrow_table().to_pandas()
        assert_equal(columns_of(batch), flights.of(day), ("flight_id", *feature_columns(flights.config)))


def test_a_server_knows_the_windows_of_an_interval_from_the_run_that_ends_where_it_begins(
    flights: Flights, tmp_path: Path
) -> None:
    for day in flights.days[1:]:
        with connect() as connection:
            publish_known(tables_until(flights, day.start, connection), flights.config, str(tmp_path), as_of=day.start)
        found = ask(flights, tmp_path, flights.of(day))
        assert_equal(found, flights.of(day), tuple(flights.config.features.windows))


@pytest.fixture(scope="module")
def online(flights: Flights, tmp_path_factory: pytest.TempPathFactory) -> Columns:
    """The features online of all flights, a day after the other, from tables refreshed from the source at its end."""
    folder = tmp_path_factory.mktemp("online")
    days = []
    for day in flights.days:
        flights.run("refresh_online", day.end, {}, home=folder)
        days.append(ask(flights, folder, flights.of(day)))
    return {name: np.concatenate([found[name] for found in days]) for name in feature_columns(flights.config)}


def test_online_the_features_are_those_of_the_feature_table(flights: Flights, online: Columns) -> None:
    assert_equal(online, columns_of(flights.offline), feature_columns(flights.config))


def hours(day: Interval) -> Iterator[datetime]:
    moment = day.start
    while moment < day.end:
        yield moment
        moment += HOUR


def test_tables_that_are_refreshed_every_hour_know_what_training_saw(flights: Flights, tmp_path: Path) -> None:
    """A flight is asked about from tables that were made before it, and not an hour before."""
    day = flights.days[6]
    assert day.start.date() == CLOCKS_CHANGE
    asked = 0
    for moment in hours(day):
        flights.run("refresh_online", moment, {}, home=tmp_path)
        rows = flights.of(day)
        here = (rows[TIME] >= np.datetime64(moment.replace(tzinfo=None), "us")) & (
            rows[TIME] < np.datetime64((moment + HOUR).replace(tzinfo=None), "us")
        )
        ours = {name: column[here] for name, column in rows.items()}
        if here.any():
            assert_equal(ask(flights, tmp_path, ours), ours, feature_columns(flights.config))
            asked += int(here.sum())
    assert asked == len(flights.of(day)["flight_id"]) > 500


def test_row_features_of_columns_are_the_first_step_of_the_fitted_pipeline(flights: Flights, online: Columns) -> None:
    config, names = flights.config, list(feature_columns(flights.config))
    known = flights.offline[flights.offline[LABEL].notna()].head(3000)
    pipeline = build_pipeline(config, parameters={"max_iter": 5}).fit(known[names], known[LABEL])

    first = pipeline.named_steps["row_features"].transform(flights.offline[names])
    served = with_row_features(online, load_row_features(config.features.module))

    assert_equal(served, columns_of(first), (*config.features.categorical, *config.features.numeric))
    offline_scores = pipeline.predict_proba(flights.offline[names])[:, 1]
    assert pipeline.predict_proba(pd.DataFrame(dict(online))[names])[:, 1].tobytes() == offline_scores.tobytes()
