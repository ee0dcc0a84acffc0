"""Scores a Parquet file in a process of its own: `peak_memory.py FILE TABLE` prints its peak memory in megabytes."""

import resource
import sys

import duckdb

from retrainer.scoring import Unscored, score
from tests.unit.scoring.rows import DAYS, scorer


def main() -> None:
    file, table = sys.argv[1:]
    with duckdb.connect(config={"memory_limit": "256MB"}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE VIEW rows AS SELECT * FROM read_parquet('{file}')")
        score(Unscored(connection, "rows", DAYS[:1]), scorer(), table)
    sys.stdout.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


if __name__ == "__main__":
    main()
