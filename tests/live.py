"""Live traffic of a model that is served: flights with their labels, and what two versions said of them."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from deltalake import write_deltalake

from retrainer.predictions import predictions_uri
from retrainer.predictions.columns import logged_columns, table_schema
from retrainer.snapshots import DataPlace, replace_partitions
from retrainer.snapshots.publish import snapshot_schema
from tests.worlds import World

FIRST_DAY = datetime(2013, 7, 1, 4, tzinfo=UTC)
"""Local midnight of New York: days of the traffic are whole intervals of the schedule."""


def as_of(days: int) -> datetime:
    """When so many days of traffic are over."""
    return FIRST_DAY + timedelta(days=days)


def make_flights(days: int, *, a_day: int, seed: int = 0) -> pa.Table:
    """So many flights on each day, in the snapshot's columns; one in three is late. A label is known 3 h later."""
    generator = np.random.default_rng(seed)
    count = days * a_day
    departures = [as_of(n // a_day) + timedelta(hours=1, minutes=(n % a_day) * 900 / a_day) for n in range(count)]
    late = generator.random(count) < 1 / 3
    return pa.table(
        {
            "flight_id": np.arange(count),
            "scheduled_departure": pa.array(departures, pa.timestamp("us", tz="UTC")),
            "scheduled_arrival": pa.array([at + timedelta(hours=2) for at in departures], pa.timestamp("us", tz="UTC")),
            "carrier": generator.choice(["AA", "UA"], count),
            "origin": generator.choice(["EWR", "JFK"], count),
            "dest": generator.choice(["ORD", "SFO"], count),
            "distance": np.full(count, 719.0),
            "arrival_delay": np.where(late, 40.0, 0.0),
            "arrived_at": pa.array([at + timedelta(hours=3) for at in departures], pa.timestamp("us", tz="UTC")),
        }
    )


def land(world: World, flights: pa.Table) -> None:
    """Put the flights into the validated snapshot."""
    schema = snapshot_schema(world.config, "flights")
    days = [world.config.schedule.interval_before(at + timedelta(days=1)) for at in _moments(flights)]
    rows = flights.append_column("_interval", pa.array([day.key for day in days])).select(schema.names).cast(schema)
    keys = sorted({day.key for day in days})
    replace_partitions(
        DataPlace(world.settings.data_uri, world.config.name).snapshot("flights"),
        rows.to_batches(),
        schema=schema,
        keys=keys,
    )


def scores(flights: pa.Table, *, signal: float, seed: int) -> np.ndarray:
    """Probabilities that know the label as well as `signal` says; 0: not at all."""
    late = flights["arrival_delay"].to_numpy() > 15
    noise = np.random.default_rng(seed).normal(size=len(flights))
    return 1 / (1 + np.exp(-(signal * (late - 0.5) + noise)))


def log_predictions(
    world: World,
    flights: pa.Table,
    outputs: np.ndarray,
    *,
    version: int,
    source: str,
    at: datetime | None = None,
    seconds: float = 0.001,
    prefix: str = "request",
) -> None:
    """Predictions of all flights, in their order, one a request, from `at` (now) on; the n-th has id <prefix>-<n>."""
    count, begin = len(flights), at or datetime.now(UTC)
    moments = [begin + timedelta(milliseconds=n) for n in range(count)]
    fixed = {
        "id": [f"{prefix}-{n}" for n in range(count)],
        "at": pa.array(moments, pa.timestamp("us", tz="UTC")),
        "day": pa.array([moment.date() for moment in moments]),
        "version": pa.array([version] * count, pa.int64()),
        "source": [source] * count,
        "seconds": np.full(count, seconds),
        "output": outputs,
    }
    schema = table_schema(logged_columns(world.config))
    there = {name: flights[name] for name in flights.column_names}
    columns = [(fixed | there).get(field.name, pa.nulls(count, field.type)) for field in schema]
    table = pa.table(columns, names=schema.names).cast(schema)
    uri = predictions_uri(world.settings.data_uri, world.config.name)
    write_deltalake(uri, table, mode="append", partition_by=["day"])


def _moments(flights: pa.Table) -> list[datetime]:
    return flights["scheduled_departure"].to_pylist()
