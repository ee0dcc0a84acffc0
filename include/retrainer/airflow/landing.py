"""Has an interval landed? One look at the source, and the answer in words."""

import logging
from dataclasses import dataclass
from pathlib import Path

from retrainer.config.source import Source
from retrainer.contracts import Arrival, Interval
from retrainer.errors import SourceUnavailableError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Look:
    """What one look found: `arrival` once everything has landed, else in words what is missing."""

    arrival: Arrival | None
    missing: str = ""


def look(source: Source, interval: Interval, *, url: str, project_root: Path) -> Look:
    """Ask the source at `url`, on a connection of its own. One that is down may come back: it counts as not landed.

    Raises:
        ConfigurationError: `url` is not one, or its driver is not installed.
    """
    # Imported here: a parse of the DAG file does not need SQLAlchemy.
    from retrainer.sources import arrival, open_engine

    engine = open_engine(source, connection_url=lambda _: url, root=project_root)
    try:
        found = arrival(engine, source, interval)
    except SourceUnavailableError as error:
        missing = str(error).splitlines()[0]
        logger.warning("%s: counts as not landed yet", missing)
        return Look(None, missing)
    finally:
        engine.dispose()
    missing = _what_is_missing(found)
    return Look(None if missing else found, missing)


def _what_is_missing(found: Arrival) -> str:
    """Each incomplete table with why, its rows and the expected rows; empty if there is none."""
    parts = []
    for table in found.tables:
        if not table.complete:
            expected = "not announced" if table.expected_rows is None else table.expected_rows
            parts.append(f"{table.table}: {table.missing or 'not complete'} (rows: {table.rows}, expected: {expected})")
    return "; ".join(parts)
