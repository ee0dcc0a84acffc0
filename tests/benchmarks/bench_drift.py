"""The drift decision: against Evidently's default preset on the same frames, and the memory that ten million rows take.

`measure()` is what `make bench` calls. The file is also the program of the child processes:
`python bench_drift.py race|table|peak HOME ROWS` prints one line of JSON.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from child import Numbers, answer, peak_mb, run_child

SIZES = {"race": 336_776, "peak": 10_000_000}
OURS_A_ROUND, ROUNDS = 5, 2
BATCH = 100_000
BLOCKS = 74
CATEGORIES = {"carrier": 16, "origin": 3, "dest": 105}
NUMBERS = 12


def measure(scale: float = 1.0) -> dict[str, dict[str, object]]:
    """Both figures; `scale` multiplies the numbers of rows."""
    with tempfile.TemporaryDirectory(prefix="retrainer-bench-") as folder:
        home = Path(folder)
        race = run_child(__file__, "race", home, int(SIZES["race"] * scale))
        rows = int(SIZES["peak"] * scale)
        run_child(__file__, "table", home, rows)
        peak = run_child(__file__, "peak", home, rows)
    return {"drift_vs_evidently": _speed(race), "drift_10m_peak_mb": _memory(peak)}


def _speed(race: Numbers) -> dict[str, object]:
    return {
        "value": round(race["evidently_seconds"] / race["seconds"], 1),
        "unit": "ratio",
        "target": 50,
        "better": "higher",
        "what": f"Evidently's DataDriftPreset ({race['evidently_seconds']:.1f} s) over sketch and decision "
        f"({race['seconds']:.2f} s) on {race['rows']:,.0f} rows by {NUMBERS + len(CATEGORIES)} columns, both from "
        f"frames in memory against as many rows of reference; medians of {ROUNDS} and {ROUNDS * OURS_A_ROUND} "
        "alternating rounds",
    }


def _memory(peak: Numbers) -> dict[str, object]:
    return {
        "value": round(peak["peak_mb"]),
        "unit": "MB",
        "target": 1000,
        "better": "lower",
        "what": f"highest memory of a fresh process that sketches {peak['rows'] / 1e6:.3g} M rows of Parquet as a "
        f"reference, calibrates it, then sketches and judges them as an interval, imports included "
        f"({peak['seconds']:.0f} s)",
    }


def _frame(rows: int, seed: int):  # type: ignore[no-untyped-def]
    """Fifteen columns; 5 % of the numbers are missing."""
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(seed)
    columns: dict[str, object] = {}
    for place in range(NUMBERS):
        values = random.normal(size=rows)
        columns[f"number_{place}"] = np.where(random.random(rows) < 0.05, np.nan, values)
    for name, count in CATEGORIES.items():
        texts = np.array([f"{name[0]}{number:03}" for number in range(count)], dtype=object)
        columns[name] = texts[random.integers(0, count, rows)]
    return pd.DataFrame(columns)


def _watched():  # type: ignore[no-untyped-def]
    from retrainer.monitoring.watched import WatchedColumn

    numbers = [WatchedColumn(f"number_{place}", "number", "feature") for place in range(NUMBERS)]
    return (*numbers, *(WatchedColumn(name, "category", "feature") for name in CATEGORIES))


def _interval(number: int):  # type: ignore[no-untyped-def]
    from retrainer.contracts import Interval

    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number)
    return Interval(start=start, end=start + timedelta(days=1))


def _judge(reference, batches):  # type: ignore[no-untyped-def]
    """Sketch an interval and decide."""
    from retrainer.config.monitoring import Drift
    from retrainer.monitoring.drift import measure_drift

    sketch = reference.sketch(batches)
    interval = _interval(100)
    return measure_drift(reference, sketch, Drift(), interval=interval, version=1, intervals_per_year=365, seed=1)


def _reference(read):  # type: ignore[no-untyped-def]
    from retrainer.config.monitoring import Drift
    from retrainer.monitoring.calibration import calibrated
    from retrainer.monitoring.reference import build_reference

    built = build_reference(_watched(), read, seed=1)
    return calibrated(built, Drift(), intervals_per_year=365, seed=1)


def _race(_: Path, rows: int) -> Numbers:
    """Alternating rounds in one process. Both begin with the interval's frame; each has its reference as it keeps it:
    ours sketched with its level, Evidently's as a Dataset."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    from retrainer.columns import columns_of
    from retrainer.monitoring.reference import Batch

    before, now = _frame(rows, 1), _frame(rows, 2)
    step = -(-rows // BLOCKS)
    reference = _reference(
        lambda: (Batch(_interval(n).key, columns_of(before.iloc[n * step : (n + 1) * step])) for n in range(BLOCKS))
    )
    definition = DataDefinition(
        numerical_columns=[f"number_{place}" for place in range(NUMBERS)], categorical_columns=[*CATEGORIES]
    )
    kept = Dataset.from_pandas(before, data_definition=definition)
    ours, theirs = [], []
    for _round in range(ROUNDS):
        for _ours in range(OURS_A_ROUND):
            started = time.monotonic()
            judged = _judge(reference, [columns_of(now)])
            ours.append(time.monotonic() - started)
        started = time.monotonic()
        data = Dataset.from_pandas(now, data_definition=definition)
        Report([DataDriftPreset()]).run(data, kept).dict()
        theirs.append(time.monotonic() - started)
    if any(each.rows != rows or each.flagged for each in judged):
        raise AssertionError("every row must be counted, and nothing has drifted")
    medians = {"seconds": statistics.median(ours), "evidently_seconds": statistics.median(theirs)}
    return {"rows": rows, **medians}


def _table(home: Path, rows: int) -> Numbers:
    """One Parquet file of so many rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer = None
    for done in range(0, rows, BATCH):
        table = pa.Table.from_pandas(_frame(min(BATCH, rows - done), done), preserve_index=False)
        writer = writer or pq.ParquetWriter(home / "rows.parquet", table.schema)
        writer.write_table(table)
    if writer:
        writer.close()
    return {"rows": rows}


def _batches(home: Path) -> Iterator[dict[str, object]]:
    import pyarrow.parquet as pq

    from retrainer.scoring.columns import columns_of_batch

    # Buffered ahead, as is the default, the whole file is in memory in the end.
    for batch in pq.ParquetFile(home / "rows.parquet", pre_buffer=False).iter_batches(BATCH // 2):
        yield dict(columns_of_batch(batch, batch.schema.names))


def _peak(home: Path, rows: int) -> Numbers:
    from retrainer.monitoring.reference import Batch

    started = time.monotonic()
    reference = _reference(
        lambda: (Batch(_interval(number % BLOCKS).key, batch) for number, batch in enumerate(_batches(home)))
    )
    judged = _judge(reference, _batches(home))
    if any(each.rows != rows for each in judged):
        raise AssertionError(f"{judged[0].rows} of {rows} rows were counted")
    return {"rows": rows, "peak_mb": peak_mb(), "seconds": time.monotonic() - started}


if __name__ == "__main__":
    answer({"race": _race, "table": _table, "peak": _peak})
