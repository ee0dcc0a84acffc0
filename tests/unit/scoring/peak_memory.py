"""Scores a Parquet file in a process of its own: `peak_memory.py FILE TABLE` prints its peak memory in megabytes."""

import re
import sys
from pathlib import Path

import duckdb

from retrainer.scoring import Unscored, score
from tests.unit.scoring.rows import DAYS, scorer


def main() -> None:
    file, table = sys.argv[1:]
    with duckdb.connect(config={"memory_limit": "256MB"}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE VIEW rows AS SELECT * FROM read_parquet('{file}')")
        score(Unscored(connection, "rows", DAYS[:1]), scorer(), table)
    # Not getrusage's number: that of a child begins at what its parent had.
    (peak_kb,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    sys.stdout.write(str(int(peak_kb) / 1024))


if __name__ == "__main__":
    main()
