"""The database that the rows come from. Importing this loads SQLAlchemy and nothing heavier."""

from retrainer.sources.arrival import arrival
from retrainer.sources.engine import open_engine, source_name

__all__ = ["arrival", "open_engine", "source_name"]
