"""Fills the example's source database: every flight of 2013, and the first days as if they had landed already.

EXAMPLE_URL is its SQLAlchemy URL, EXAMPLE_UNTIL the day after the last one that lands (empty: no example at all). What
has landed stays as it is, whatever was done to it since; a start that was interrupted is completed by the next one.
"""

import logging
import os
from datetime import date, timedelta

import sqlalchemy as sa

from retrainer.sources.sample.feed import land, local_days
from retrainer.sources.sample.load import load_flights
from retrainer.sources.sample.tables import LANDINGS, open_database

FIRST = date(2013, 4, 1)
"""As in the demo: what the windows of a run as of mid-June reach back to."""


def main(url: str, until: date) -> None:
    """Load the flights, and land the days that have never landed."""
    load_flights(url)
    engine = open_database(url)
    with engine.connect() as connection:
        last = connection.scalar(sa.select(sa.func.max(LANDINGS.c.interval_end)))
    days = (FIRST + timedelta(days=number) for number in range((until - FIRST).days))
    missing = [day for day in days if last is None or next(local_days(day, day)).start >= last]
    if missing:
        land(engine, missing[0], missing[-1])


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if os.environ["EXAMPLE_UNTIL"]:
        main(os.environ["EXAMPLE_URL"], date.fromisoformat(os.environ["EXAMPLE_UNTIL"]))
