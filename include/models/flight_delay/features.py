"""Row-level features of a flight: the first stage of the fitted pipeline, so they travel with the model."""

import pandas as pd

_ZONE = "America/New_York"


def row_features(frame: pd.DataFrame) -> pd.DataFrame:
    """Features that follow from one flight's own schedule.

    One row is one flight. Reads scheduled_departure and scheduled_arrival (datetime64, UTC). Adds departure_minute
    (float64, minutes since local midnight), weekday (float64, Monday is 0, local) and scheduled_minutes (float64,
    gate to gate). A missing time gives NaN. `frame` is not changed; no rows in, no rows out.
    """
    departure = pd.to_datetime(frame["scheduled_departure"], utc=True)
    arrival = pd.to_datetime(frame["scheduled_arrival"], utc=True)
    local = departure.dt.tz_convert(_ZONE)
    return frame.assign(
        departure_minute=(local.dt.hour * 60 + local.dt.minute).astype("float64"),
        weekday=local.dt.weekday.astype("float64"),
        scheduled_minutes=(arrival - departure).dt.total_seconds() / 60,
    )
