"""The example's own code: hand-worked features of a flight and what the rule says of it."""

import numpy as np
import pandas as pd
import pytest

from models.flight_delay.features import row_features
from models.flight_delay.rule import predict
from retrainer.columns import columns_of


def flights(*times: tuple[str, str]) -> dict[str, np.ndarray]:
    departures, arrivals = zip(*times, strict=True)
    return {
        "scheduled_departure": np.array(departures, dtype="datetime64[us]"),
        "scheduled_arrival": np.array(arrivals, dtype="datetime64[us]"),
    }


@pytest.mark.parametrize(
    ("departure", "arrival", "minute", "weekday", "minutes"),
    [
        ("2013-07-01T10:00", "2013-07-01T13:07", 360, 0, 187),
        ("2013-01-01T10:15", "2013-01-01T13:30", 315, 1, 195),
        ("2013-07-01T03:59:59", "2013-07-01T05:00:29", 1439, 6, 60.5),
        ("2013-11-03T05:30", "2013-11-03T06:30", 90, 6, 60),
        ("2013-11-03T06:30", "2013-11-03T07:30", 90, 6, 60),
    ],
    ids=["summer, a Monday", "winter, a Tuesday", "still Sunday", "repeated hour, first", "repeated hour, second"],
)
def test_a_flight_s_features_are_in_the_time_of_new_york(departure, arrival, minute, weekday, minutes):
    made = row_features(flights((departure, arrival)))

    assert {name: column.tolist() for name, column in made.items()} == {
        "departure_minute": [minute],
        "weekday": [weekday],
        "scheduled_minutes": [minutes],
    }


def test_a_missing_time_gives_nan_and_the_middle_of_what_the_rule_says():
    missing = flights(("NaT", "2013-07-01T13:00"), ("2013-07-01T10:00", "NaT"))
    made = row_features(missing)

    assert np.isnan(made["departure_minute"]).tolist() == [True, False]
    assert np.isnan(made["weekday"]).tolist() == [True, False]
    assert np.isnan(made["scheduled_minutes"]).tolist() == [True, True]
    assert predict(missing).tolist() == pytest.approx([0.225, 0.10 + 0.25 * 60 / 960])


@pytest.mark.parametrize(
    ("departure", "chance"),
    [("2013-07-01T08:00", 0.10), ("2013-07-01T09:00", 0.10), ("2013-07-01T17:00", 0.225), ("2013-07-02T02:00", 0.35)],
    ids=["4:00", "5:00", "13:00", "22:00"],
)
def test_the_rule_rises_through_the_day(departure, chance):
    assert predict(flights((departure, departure))).tolist() == pytest.approx([chance])


def test_rows_with_zones_and_rows_without_give_the_same():
    naive = pd.DataFrame({name: pd.Series(column) for name, column in flights(("2013-07-01T10:00", "NaT")).items()})
    aware = naive.apply(lambda column: column.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"))

    for name, column in row_features(columns_of(aware)).items():
        assert np.array_equal(column, row_features(columns_of(naive))[name], equal_nan=True)


def test_no_flights_give_no_features():
    none = {name: column[:0] for name, column in flights(("2013-07-01T10:00", "2013-07-01T13:07")).items()}

    assert {name: len(column) for name, column in row_features(none).items()} == {
        "departure_minute": 0,
        "weekday": 0,
        "scheduled_minutes": 0,
    }
    assert len(predict(none)) == 0
