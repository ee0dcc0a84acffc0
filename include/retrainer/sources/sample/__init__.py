"""The upstream system of the example: real flights, loaded once and landed day by day."""

from retrainer.sources.sample.feed import Landed, Mishap, land, local_days, rename_column, restore_column
from retrainer.sources.sample.load import load_flights
from retrainer.sources.sample.tables import open_database

__all__ = [
    "Landed",
    "Mishap",
    "land",
    "load_flights",
    "local_days",
    "open_database",
    "rename_column",
    "restore_column",
]
