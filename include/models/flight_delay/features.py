"""Row-level features of a flight: the first stage of the fitted pipeline, so they travel with the model."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrainer.timezones import local_time

_ZONE = "America/New_York"
_MINUTE, _DAY = np.timedelta64(1, "m"), np.timedelta64(1, "D")
_A_MONDAY = np.datetime64("1970-01-05")


def row_features(columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Features that follow from one flight's own schedule.

    One row is one flight. Reads scheduled_departure and scheduled_arrival (datetime64[us], UTC). Makes departure_minute
    (float64, whole minutes since local midnight), weekday (float64, Monday is 0, local) and scheduled_minutes (float64,
    gate to gate). A missing time gives NaN; no rows in, no rows out.
    """
    departure, arrival = columns["scheduled_departure"], columns["scheduled_arrival"]
    local = local_time(departure, _ZONE)
    midnight = local.astype("datetime64[D]")
    return {
        "departure_minute": np.floor((local - midnight) / _MINUTE),
        "weekday": (midnight - _A_MONDAY) / _DAY % 7,
        "scheduled_minutes": (arrival - departure) / _MINUTE,
    }
