"""Memory and speed of `validate`: 10 M rows in a process of their own, and 3 M rows against GX on pandas.

`measure()` is what `make bench` calls. The file is also the program of the child processes:
`python bench_validation.py peak|race <parquet file>` prints one line of JSON.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
from child import peak_mb

PEAK_ROWS = 10_000_000
RACE_ROWS = 3_000_000
ROUNDS = 3
MEMORY_LIMIT = "768MB"
THREADS = 2

_COLUMNS = """
    i::BIGINT AS flight_id,
    ['AA', 'B6', 'DL', 'EV', 'MQ', 'UA', 'US', 'WN'][1 + (hash(i) % 8)::INT] AS carrier,
    ['EWR', 'JFK', 'LGA'][1 + (hash(i + 1) % 3)::INT] AS origin,
    chr(65 + (hash(i + 2) % 5)::INT) || 'A' || chr(65 + (hash(i + 3) % 20)::INT) AS dest,
    'N' || lpad((hash(i + 4) % 4000)::VARCHAR, 5, '0') AS tailnum,
    TIMESTAMP '2013-01-01' + to_seconds(i * 3) AS scheduled_departure,
    TIMESTAMP '2013-01-01' + to_seconds(i * 3 + 7200) AS scheduled_arrival,
    (1 + hash(i + 5) % 12)::BIGINT AS month,
    (1 + hash(i + 6) % 28)::BIGINT AS day,
    (hash(i + 7) % 24)::BIGINT AS hour,
    (200 + hash(i + 8) % 2500)::DOUBLE AS distance,
    CASE WHEN hash(i + 9) % 50 > 0 THEN (hash(i + 10) % 10000) / 100.0 - 30 END::DOUBLE AS departure_delay,
    CASE WHEN hash(i + 9) % 50 > 0 THEN (hash(i + 11) % 12000) / 100.0 - 40 END::DOUBLE AS arrival_delay,
    (hash(i + 12) % 300)::BIGINT AS seats,
    hash(i + 13) % 100 = 0 AS diverted
"""
EXPECTATIONS: list[tuple[str, dict[str, object]]] = [
    ("expect_table_row_count_to_be_between", {"min_value": 1}),
    ("expect_column_values_to_not_be_null", {"column": "flight_id"}),
    ("expect_column_values_to_not_be_null", {"column": "scheduled_departure"}),
    ("expect_column_values_to_not_be_null", {"column": "departure_delay", "mostly": 0.9}),
    ("expect_column_values_to_be_unique", {"column": "flight_id"}),
    ("expect_column_values_to_be_in_set", {"column": "origin", "value_set": ["EWR", "JFK", "LGA"]}),
    ("expect_column_values_to_be_in_set", {"column": "carrier", "value_set": ["AA", "B6", "DL", "EV", "MQ", "UA"]}),
    ("expect_column_values_to_be_between", {"column": "month", "min_value": 1, "max_value": 12}),
    ("expect_column_values_to_be_between", {"column": "distance", "min_value": 50, "max_value": 6000}),
    ("expect_column_values_to_be_between", {"column": "departure_delay", "max_value": 60, "mostly": 0.8}),
    ("expect_column_mean_to_be_between", {"column": "arrival_delay", "min_value": -60, "max_value": 60}),
    ("expect_column_value_lengths_to_equal", {"column": "carrier", "value": 2}),
    ("expect_column_values_to_match_regex", {"column": "dest", "regex": "^[A-Z]{3}$"}),
    (
        "expect_column_pair_values_a_to_be_greater_than_b",
        {"column_A": "scheduled_arrival", "column_B": "scheduled_departure"},
    ),
]


def measure(scale: float = 1.0) -> dict[str, dict[str, object]]:
    """Both figures; `scale` multiplies the numbers of rows."""
    with tempfile.TemporaryDirectory() as folder:
        peak = _child("peak", _write(Path(folder) / "peak.parquet", int(PEAK_ROWS * scale)))
        race = _child("race", _write(Path(folder) / "race.parquet", int(RACE_ROWS * scale)))
    return {
        "validate_10m_peak_mb": {
            "value": round(peak["peak_mb"]),
            "unit": "MB",
            "target": 2000,
            "better": "lower",
            "what": f"highest memory of a fresh process that validates {peak['rows'] / 1e6:.3g} M rows, 15 columns and "
            f"{len(EXPECTATIONS)} expectations, imports included ({peak['seconds']:.1f} s)",
        },
        "validate_vs_gx_pandas": {
            "value": round(race["pandas_seconds"] / race["seconds"], 1),
            "unit": "times",
            "target": 3,
            "better": "higher",
            "what": f"GX on pandas, reading included ({race['pandas_seconds']:.1f} s), over validate "
            f"({race['seconds']:.1f} s): {race['rows'] / 1e6:.3g} M rows of one Parquet file, same expectations and "
            f"result format, median of {ROUNDS} alternating rounds in one process",
        },
    }


def _write(path: Path, rows: int) -> Path:
    with duckdb.connect(config={"threads": THREADS, "memory_limit": MEMORY_LIMIT}) as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute(f"COPY (SELECT {_COLUMNS} FROM range({rows}) t(i)) TO '{path}' (FORMAT parquet)")
    return path


def _child(mode: str, path: Path) -> dict[str, float]:
    command = [sys.executable, "-W", "ignore", __file__, mode, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def _validate(path: Path) -> tuple[float, list[tuple[bool, int]]]:
    from retrainer.validation import Batch, Expectation, Suite, validate

    expectations = [Expectation(name, kwargs) for name, kwargs in EXPECTATIONS]
    started = time.monotonic()
    settings = {"threads": THREADS, "memory_limit": MEMORY_LIMIT, "temp_directory": str(path.parent / "spill")}
    with duckdb.connect(config=settings) as connection:
        connection.execute(f"CREATE VIEW flights AS SELECT * FROM '{path}'")
        types = {row[0]: row[1] for row in connection.execute("DESCRIBE flights").fetchall()}
        suite = Suite("flights", expectations, key=("flight_id",))
        outcome = validate(Batch("flights", "interval", connection, "flights", types), suite)
    seconds = time.monotonic() - started
    return seconds, [(check.success, check.failed_rows) for check in outcome.checks[-len(expectations) :]]


def _gx_on_pandas(path: Path) -> tuple[float, list[tuple[bool, int]]]:
    import pandas as pd

    from retrainer.validation import Expectation, Suite
    from retrainer.validation.gx_duckdb import pandas_engine, run_on

    suite = Suite("flights", [Expectation(name, kwargs) for name, kwargs in EXPECTATIONS])
    started = time.monotonic()
    results = run_on(pandas_engine(pd.read_parquet(path)), suite.configurations())
    seconds = time.monotonic() - started
    results.sort(key=lambda result: int(result.expectation_config.id))
    return seconds, [(bool(each.success), int(each.result.get("unexpected_count") or 0)) for each in results]


def _peak(path: Path) -> dict[str, float]:
    seconds, _ = _validate(path)
    return {"peak_mb": peak_mb(), "seconds": seconds, "rows": _rows(path)}


def _race(path: Path) -> dict[str, float]:
    """Alternating rounds; the built-in checks of `validate` (null, infinite, repeated keys) count against it."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        seconds, found = _validate(path)
        pandas_seconds, expected = _gx_on_pandas(path)
        if found != expected:
            raise AssertionError(f"verdicts differ: {found} is not {expected}")
        ours.append(seconds)
        theirs.append(pandas_seconds)
    return {"seconds": statistics.median(ours), "pandas_seconds": statistics.median(theirs), "rows": _rows(path)}


def _rows(path: Path) -> int:
    with duckdb.connect() as connection:
        return int(connection.execute(f"SELECT count(*) FROM '{path}'").fetchall()[0][0])


if __name__ == "__main__":
    mode, file = sys.argv[1:]
    sys.stdout.write(json.dumps({"peak": _peak, "race": _race}[mode](Path(file))) + "\n")
