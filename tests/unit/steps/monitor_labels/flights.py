"""Three days of flights, what a version said of them, and expressions over both."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from retrainer.config.monitoring import Business, Monitoring
from retrainer.config.serving import Serving
from retrainer.contracts import Interval
from retrainer.contracts.columns import INTERVAL
from retrainer.scoring import Scorer, Stamp, Unscored, score, scored_uri
from retrainer.snapshots import connect
from retrainer.steps.monitor_labels import LabelledRows
from tests.live import as_of, make_flights, scores
from tests.worlds import World, small_config

DAYS, A_DAY = 3, 40
FLIGHTS = make_flights(DAYS, a_day=A_DAY)
OUTPUTS = scores(FLIGHTS, signal=2, seed=1)
LATE = (FLIGHTS["arrival_delay"].to_numpy() > 15).astype(float)


def world_of(home: Path, predictions: str = "scored") -> World:
    config = small_config()
    monitoring = Monitoring.model_validate({"predictions": predictions})
    return World(home, config.model_copy(update={"monitoring": monitoring, "serving": Serving()}))


def day(number: int) -> Interval:
    return small_config().schedule.interval_before(as_of(number + 1))


def score_flights(world: World, flights: pa.Table, outputs: np.ndarray, *, version: int = 1) -> None:
    """Batch predictions of the flights: what `outputs` says of each flight_id."""
    keys = [day((at.date() - as_of(0).date()).days).key for at in flights["scheduled_departure"].to_pylist()]
    rows = flights.drop_columns(["arrival_delay", "arrived_at"]).append_column(INTERVAL, pa.array(keys))
    stamp = Stamp(version, "a run", datetime(2026, 1, 1, tzinfo=UTC), f"by {version}")
    scorer = Scorer(("flight_id",), lambda columns: outputs[columns["flight_id"].astype(int)], stamp)
    with connect() as connection:
        connection.register("unscored", rows)
        unscored = Unscored(connection, "unscored", sorted(set(keys)))
        score(unscored, scorer, scored_uri(world.settings.data_uri, world.config.name))


def evaluate(world: World, expression: str, *numbers: int, version: int = 1, days: float = 30) -> object:
    moment = as_of(0) + timedelta(days=days)
    with connect() as connection:
        rows = LabelledRows(world.config, world.settings.data_uri, connection, as_of=moment)
        declared = Business(name="worth", value=expression)
        return rows.evaluate(declared, [day(number) for number in numbers or range(DAYS)], version=version)
