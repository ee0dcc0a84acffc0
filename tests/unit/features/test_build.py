"""Features are what was known at prediction time, and nothing later."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from retrainer.config.declaration import ModelConfig
from retrainer.config.load import load_declaration
from retrainer.errors import ConfigurationError
from retrainer.features import FeatureTables, build_features, feature_columns

PROJECT = Path(__file__).parents[3]
MIDNIGHT = datetime(2013, 6, 3, 4, tzinfo=UTC)  # local midnight in New York
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def config():
    return load_declaration(PROJECT / "config" / "models" / "flight_delay.yaml")


def changed(config, window: dict) -> ModelConfig:
    """With another definition of carrier_late_share."""
    content = config.model_dump(mode="json")
    content["features"]["windows"]["carrier_late_share"] = window
    return ModelConfig.model_validate(content)


def flight(number: int, departure: datetime, *, late: bool | None = False, **changes) -> dict:
    """A flight from JFK by AA that takes three hours; `late` is null where it never arrived."""
    arrival = departure + timedelta(hours=3)
    delay = None if late is None else 30.0 if late else 0.0
    flown = {
        "flight_id": number,
        "scheduled_departure": departure,
        "scheduled_arrival": arrival,
        "carrier": "AA",
        "origin": "JFK",
        "dest": "LAX",
        "distance": 2475.0,
        "arrival_delay": delay,
        "arrived_at": None if delay is None else arrival + timedelta(minutes=delay),
    }
    return flown | changes


def observation(at: datetime, temp: float, origin: str = "JFK") -> dict:
    numbers = {"humid": 50.0, "wind_speed": 5.0, "precip": 0.0, "pressure": 1000.0, "visib": 10.0}
    return {"origin": origin, "observed_at": at, "temp": temp, **numbers}


def features_of(config, flights: list[dict], weather: list[dict], *, days: int = 1) -> list[dict]:
    moment = pa.timestamp("us", tz="UTC")
    flight_types = {"flight_id": pa.int64(), "distance": pa.float64(), "arrival_delay": pa.float64()}
    flight_types |= dict.fromkeys(("scheduled_departure", "scheduled_arrival", "arrived_at"), moment)
    flight_types |= dict.fromkeys(("carrier", "origin", "dest", "_interval"), pa.string())
    weather_types = dict.fromkeys(("temp", "humid", "wind_speed", "precip", "pressure", "visib"), pa.float64())
    weather_types |= {"origin": pa.string(), "observed_at": moment, "_interval": pa.string()}
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name, rows, types, at in (
        ("flights", flights, flight_types, "scheduled_departure"),
        ("weather", weather, weather_types, "observed_at"),
    ):
        keyed = [row | {"_interval": config.schedule.interval_before(row[at] + DAY).key} for row in rows]
        connection.register(name, pa.Table.from_pylist(keyed, schema=pa.schema(types)))
    tables = FeatureTables(connection, {"flights": "flights", "weather": "weather"})
    intervals = config.schedule.intervals(MIDNIGHT, MIDNIGHT + days * DAY)
    return build_features(tables, config, intervals=intervals).to_arrow_table().to_pylist()


def test_weather_is_the_latest_that_was_published_at_departure(config):
    departure = MIDNIGHT + timedelta(hours=12, minutes=30)
    weather = [
        observation(MIDNIGHT + timedelta(hours=10), 50.0),
        observation(MIDNIGHT + timedelta(hours=11), 60.0),  # published at 12:00, an hour after it was observed
        observation(MIDNIGHT + timedelta(hours=12), 70.0),  # published at 13:00: not known at 12:30
    ]
    (row,) = features_of(config, [flight(1, departure)], weather)
    assert row["weather__temp"] == 60.0


def test_weather_of_another_airport_is_not_taken(config):
    weather = [observation(MIDNIGHT + timedelta(hours=10), 50.0, origin="EWR")]
    (row,) = features_of(config, [flight(1, MIDNIGHT + timedelta(hours=12))], weather)
    assert row["weather__temp"] is None


def test_weather_older_than_its_max_age_counts_as_missing(config):
    weather = [observation(MIDNIGHT + timedelta(hours=5), 50.0)]
    flights = [flight(1, MIDNIGHT + timedelta(hours=11)), flight(2, MIDNIGHT + timedelta(hours=11, minutes=1))]
    at_the_limit, beyond = features_of(config, flights, weather)
    assert (at_the_limit["weather__temp"], beyond["weather__temp"]) == (50.0, None)


def test_a_planted_future_changes_no_feature_of_the_past(config):
    today = [flight(number, MIDNIGHT + timedelta(hours=6 + number)) for number in range(1, 9)]
    yesterday = [flight(100 + n, MIDNIGHT - timedelta(hours=20 - n), late=n % 2 == 0) for n in range(8)]
    weather = [observation(MIDNIGHT + timedelta(hours=hour), 40.0 + hour) for hour in range(-6, 12)]
    honest = features_of(config, today + yesterday, weather)
    planted = [
        observation(MIDNIGHT + timedelta(hours=30), 999.0),
        observation(MIDNIGHT + timedelta(hours=14), 999.0),
    ]
    later = [flight(200 + n, MIDNIGHT + timedelta(hours=20), late=True) for n in range(50)]
    with_future = features_of(config, today + yesterday + later, weather + planted)
    assert [row for row in with_future if row["flight_id"] < 200] == honest
    assert len(honest) == 8


def test_the_late_share_counts_only_flights_whose_delay_was_known_at_midnight(config):
    flights = [
        flight(1, MIDNIGHT + timedelta(hours=12)),
        flight(2, MIDNIGHT - timedelta(hours=12), late=True),
        flight(3, MIDNIGHT - timedelta(hours=11), late=False),
        flight(4, MIDNIGHT - timedelta(hours=1), late=True),  # lands after midnight
        flight(5, MIDNIGHT - timedelta(hours=10), late=None),  # never landed
        flight(6, MIDNIGHT - timedelta(hours=25), late=True),  # before the window
        flight(7, MIDNIGHT - timedelta(hours=9), late=True, carrier="UA"),
    ]
    (row,) = features_of(config, flights, [])
    assert row["carrier_late_share"] == 0.5
    assert row["origin_late_share"] == pytest.approx(2 / 3)


def test_a_column_that_only_the_label_needs_counts_once_the_label_is_known(config):
    window = {"by": ["carrier"], "value": "arrival_delay", "aggregate": "count", "over": "1d"}
    config = changed(config, window)
    flights = [
        flight(1, MIDNIGHT + timedelta(hours=12)),
        flight(2, MIDNIGHT - timedelta(hours=12), late=True),
        flight(3, MIDNIGHT - timedelta(hours=1), late=True),  # lands after midnight
    ]
    (row,) = features_of(config, flights, [])
    assert row["carrier_late_share"] == 1


def test_labels_and_when_they_were_known_are_kept_beside_the_features(config):
    departure = MIDNIGHT + timedelta(hours=1)
    flights = [flight(1, departure, late=True), flight(2, departure, late=None)]
    late, never = features_of(config, flights, [])
    assert (late["label"], late["_known_at"]) == (1.0, departure + timedelta(hours=3, minutes=30))
    assert (never["label"], never["_known_at"]) == (None, None)


def test_no_rows_give_no_features_and_all_columns(config):
    assert features_of(config, [], []) == []


def test_rows_outside_of_the_intervals_are_left_out(config):
    rows = features_of(config, [flight(1, MIDNIGHT - DAY), flight(2, MIDNIGHT), flight(3, MIDNIGHT + DAY)], [])
    assert [row["flight_id"] for row in rows] == [2]


def test_every_feature_column_is_in_the_table(config):
    (row,) = features_of(config, [flight(1, MIDNIGHT)], [])
    assert set(feature_columns(config)) <= set(row)


def test_the_same_tables_give_the_same_rows_in_the_same_order(config):
    flights = [flight(n, MIDNIGHT + timedelta(minutes=n % 7), late=n % 3 == 0) for n in range(500)]
    assert features_of(config, flights, []) == features_of(config, list(reversed(flights)), [])


def test_a_label_expression_that_is_no_sql_is_named(config):
    label = config.source.label.model_copy(update={"expression": "arrival_delay >>> 15"})
    source = config.source.model_copy(update={"label": label})
    with pytest.raises(ConfigurationError, match="features of model 'flight_delay' cannot be built"):
        features_of(config.model_copy(update={"source": source}), [flight(1, MIDNIGHT)], [])
