"""A small feature table in memory, a version that is a formula, and what is in the Delta table afterwards."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from deltalake import DeltaTable

from retrainer.columns import Columns
from retrainer.contracts.columns import INTERVAL, KNOWN_AT, LABEL, TIME
from retrainer.scoring import Predict, ScoredTable, Scorer, Stamp, Unscored, score

MOMENT = pa.timestamp("us", tz="UTC")
START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]


def feature_rows(key: str = DAYS[0], *, amounts: tuple[float | None, ...] = (1.0, 2.0, None), **more: Any) -> pa.Table:
    """One row for each amount, and the columns `more` beside."""
    rows = len(amounts)
    times = pa.array([datetime.fromisoformat(key) + timedelta(hours=n) for n in range(rows)], MOMENT)
    columns = {
        "order_id": pa.array(range(rows), pa.int64()),
        "region": pa.array(["north", None, "south", "north"][:rows], pa.string()),
        "amount": pa.array(amounts, pa.float64()),
        **more,
        TIME: times,
        LABEL: pa.array([1.0] * rows),
        KNOWN_AT: times,
        INTERVAL: pa.array([key] * rows, pa.string()),
    }
    return pa.table(columns)


def stamp(version: int = 1, *, run_id: str = "night", at: datetime = START, identity: str = "") -> Stamp:
    return Stamp(version, run_id, at, identity or f"v{version}")


def twice_the_amount(columns: Columns) -> np.ndarray:
    """Of what is missing, -1."""
    return np.nan_to_num(columns["amount"] * 2, nan=-1.0)


def scorer(of: Stamp | None = None, *, reads: tuple[str, ...] = ("amount",), predict: Predict | None = None) -> Scorer:
    return Scorer(reads, predict or twice_the_amount, of or stamp())


def score_rows(
    rows: pa.Table, uri: Path, by: Scorer | None = None, *, keys: tuple[str, ...] = (DAYS[0],)
) -> ScoredTable:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("rows", rows)
        return score(Unscored(connection, "rows", keys), by or scorer(), str(uri))


def stored(uri: Path, *columns: str) -> list[dict[str, Any]]:
    """Rows of the newest version, in order of time."""
    table = DeltaTable(str(uri)).to_pyarrow_table().sort_by(TIME)
    return (table.select(list(columns)) if columns else table).to_pylist()


def meanwhile(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Call it while a table is written: Delta's writer does not let its own thread begin another."""
    with ThreadPoolExecutor(1) as another:
        return another.submit(function, *args, **options).result()


def raising(error: Exception, *, after: int = 0) -> Callable[[Columns], np.ndarray]:
    """A version that raises `error` once it has answered for `after` batches."""
    asked = iter(range(after))

    def predict(columns: Columns) -> np.ndarray:
        if next(asked, None) is None:
            raise error
        return twice_the_amount(columns)

    return predict
