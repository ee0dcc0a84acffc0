"""The reference of a version: the rows that it learned from and was judged on, sketched once and kept as a file.

Predictions of it are those of the holdout, which the version had not seen. Intervals of earlier years, where the
feature table has some of the same time of year, tell how much such intervals differ from one another.
"""

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
from pydantic import JsonValue

from retrainer.contracts import Interval, TableRef, digest_json
from retrainer.contracts.columns import INTERVAL, LABEL
from retrainer.errors import BadDataError
from retrainer.monitoring.calibration import calibrated
from retrainer.monitoring.labelled import intervals_a_year
from retrainer.monitoring.reference import Batch, Reference, build_reference
from retrainer.monitoring.stored import from_bytes, to_bytes
from retrainer.monitoring.watched import PREDICTION
from retrainer.snapshots import DataPlace, connect, open_view, partition_counts, read_file, write_file
from retrainer.snapshots.delta import open_table, view_partitions
from retrainer.steps.monitor_version import WatchedVersion
from retrainer.steps.recorded import pinned_tables

log = logging.getLogger(__name__)

SEASON = timedelta(days=45)
"""How far from the middle of the interval's month an interval of an earlier year may be."""

EARLIER_YEARS = 3

_PINNED, _EARLIER = "reference_rows", "earlier_rows"


def reference_of(watched: WatchedVersion, data_uri: str, interval: Interval) -> Reference:
    """The reference that `interval` is compared with, out of its file; made and kept where there is none.

    Raises:
        BadDataError: the version does not say which data it was trained on.
        StoreConflictError: these data are gone.
    """
    features, _ = pinned_tables(watched.version)
    place = DataPlace(data_uri, watched.version.name)
    earlier = earlier_keys(list(partition_counts(features.uri)), interval, before=features.window.start)
    uri = place.monitoring("references", f"v{watched.number}-{_identity(watched, features, earlier)[:16]}.bin")
    kept = _read(uri)
    drift, seed = watched.config.monitoring.drift, watched.config.seed
    reference = kept or _build(watched, features, earlier)
    a_year = intervals_a_year(watched.config.schedule)
    ready = calibrated(reference, drift, intervals_per_year=a_year, seed=seed)
    if ready is not kept:
        write_file(uri, to_bytes(ready))
        log.info("reference of v%d: %d intervals, %d of earlier years", watched.number, len(ready.keys), len(earlier))
    return ready


def earlier_keys(keys: Sequence[str], interval: Interval, *, before: datetime) -> list[str]:
    """Those of the partitions `keys` that lie before `before` (aware), at the time of year of `interval`."""
    middle = interval.start.replace(day=15, hour=0, minute=0, second=0, microsecond=0)
    middles = [middle - timedelta(days=365.25 * years) for years in range(1, EARLIER_YEARS + 1)]
    starts = {key: datetime.fromisoformat(key).astimezone(UTC) for key in keys}
    return [
        key for key, start in starts.items() if start < before and any(abs(start - each) <= SEASON for each in middles)
    ]


def _identity(watched: WatchedVersion, features: TableRef, earlier: Sequence[str]) -> str:
    columns: list[JsonValue] = [[each.name, each.kind] for each in watched.columns]
    return digest_json([watched.version.digest, features.digest, columns, list(earlier)])


def _read(uri: str) -> Reference | None:
    stored = read_file(uri)
    if stored is None:
        return None
    try:
        return from_bytes(stored)
    except BadDataError as error:
        log.warning("%s is made again: %s", uri, error)
        return None


def _build(watched: WatchedVersion, features: TableRef, earlier: Sequence[str]) -> Reference:
    with connect() as connection:
        open_view(connection, features, _PINNED)
        table = open_table(features.uri)
        if table is not None:
            view_partitions(connection, table, list(earlier), _EARLIER)

        def read() -> Iterator[Batch]:
            yield from _batches(watched, connection, _keys(connection, _PINNED), earlier=False)
            yield from _batches(watched, connection, earlier, earlier=True)

        return build_reference(watched.columns, read, seed=watched.config.seed)


def _keys(connection: duckdb.DuckDBPyConnection, view: str) -> list[str]:
    return [key for (key,) in connection.execute(f"SELECT DISTINCT {INTERVAL} FROM {view} ORDER BY 1").fetchall()]


def _batches(
    watched: WatchedVersion, connection: duckdb.DuckDBPyConnection, keys: Sequence[str], *, earlier: bool
) -> Iterator[Batch]:
    """The rows of some intervals: watched features and labels, and predictions where the version had not seen them."""
    view = _EARLIER if earlier else _PINNED
    for key in keys:
        relation = connection.sql(f"SELECT * FROM {view} WHERE {INTERVAL} = '{key}'")
        for columns, rest in watched.read(relation, {name: name for name in relation.columns}):
            found = dict(watched.features(columns))
            if not (earlier or watched.learned_from(key)):
                found[PREDICTION] = watched.predict(columns)
            found[LABEL] = rest.column(LABEL).to_numpy(zero_copy_only=False).astype(np.float64)
            yield Batch(key, found, earlier)
