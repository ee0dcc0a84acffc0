"""Memory does not grow with the rows."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb

from tests.unit.scoring.rows import DAYS
from tests.worlds import PROJECT

FEATURES = 20


def write_rows(path: Path, count: int) -> None:
    features = ", ".join(f"hash(i + {n}) / 1e19 AS f{n}" for n in range(FEATURES))
    duckdb.execute(
        f"COPY (SELECT i AS order_id, (i % 1000)::DOUBLE AS amount, 'text ' || i % 500 AS region, {features}, "
        f"TIMESTAMPTZ '{DAYS[0]}' AS _time, '{DAYS[0]}' AS _interval FROM range({count}) AS r(i)) "
        f"TO '{path}' (FORMAT parquet)"
    )


def peak_mb(rows: Path, table: Path) -> float:
    command = [sys.executable, str(Path(__file__).with_name("peak_memory.py")), str(rows), str(table)]
    environ = {**os.environ, "PYTHONPATH": str(PROJECT)}
    return float(subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout)


def test_three_times_the_rows_take_hardly_more_memory(tmp_path: Path) -> None:
    few, many = tmp_path / "few.parquet", tmp_path / "many.parquet"
    write_rows(few, 500_000)
    write_rows(many, 1_500_000)

    grown = peak_mb(many, tmp_path / "many") - peak_mb(few, tmp_path / "few")

    more = 1_000_000 * FEATURES * 8 / 2**20
    assert more > 150
    assert grown < 80
