"""Processes that write to one Delta table on S3 at once: nothing is lost, nothing is there twice, nothing by halves."""

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import boto3
import pytest
from deltalake import DeltaTable

from retrainer.contracts.columns import INTERVAL
from retrainer.snapshots import partition_counts, vacuum
from tests.unit.object_store.writer import replace

PROJECT = Path(__file__).parents[3]
DAYS = [f"2026-01-0{number}T00:00:00Z" for number in range(1, 5)]


def together(writers: Sequence[Sequence[object]], variables: dict[str, str]) -> list[list[str]]:
    """Have writers begin at once; what each of them printed."""
    command = [sys.executable, "-m", "tests.unit.object_store.writer"]
    environ = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **variables}
    started = [
        subprocess.Popen(
            [*command, *map(str, writer)],
            cwd=PROJECT,
            env=environ,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for writer in writers
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate()[0].split("\n")[:-1] for process in started]
    assert {process.returncode for process in started} <= {0, -signal.SIGKILL}
    return said


def values(uri: str) -> dict[str, Counter[int]]:
    """By partition, how often each value is there."""
    table = DeltaTable(uri).to_pyarrow_table(columns=["value", INTERVAL])
    found: dict[str, Counter[int]] = {}
    for value, key in zip(table["value"].to_pylist(), table[INTERVAL].to_pylist(), strict=True):
        found.setdefault(key, Counter())[value] += 1
    return found


def test_writers_of_different_partitions_of_a_new_table_all_commit(uri, variables):
    said = together([("replace", uri, key, number, 3) for number, key in enumerate(DAYS)], variables)
    assert said == [["done"]] * len(DAYS)
    assert values(uri) == {key: Counter({number: 3}) for number, key in enumerate(DAYS)}
    assert DeltaTable(uri).version() == len(DAYS)


def test_of_writers_of_one_partition_one_wins_and_the_others_are_told(uri, variables):
    said = together([("replace", uri, DAYS[0], number, 3) for number in range(4)], variables)
    winners = [number for number, lines in enumerate(said) if lines == ["done"]]
    assert winners
    assert all(lines in (["done"], ["conflict"]) for lines in said)
    ((value, count),) = values(uri)[DAYS[0]].items()
    assert value in winners
    assert count == 3
    assert DeltaTable(uri).version() == len(winners)


def test_predictions_that_several_append_at_once_are_all_there_once(uri, variables):
    writers = [("append", uri, "2026-01-01", number, 20) for number in range(3)]
    assert together(writers, variables) == [["20", "done"]] * 3
    assert together(writers[:1], variables) == [["0", "done"]]  # they are there already
    ids = Counter(DeltaTable(uri).to_pyarrow_table()["id"].to_pylist())
    assert ids == Counter([f"{number}: {i}" for number in range(3) for i in range(20)])


@pytest.mark.parametrize("rows", [20_000, 450_000], ids=["one row group", "in parts"])
def test_a_writer_that_is_killed_in_the_middle_leaves_nothing_that_is_found(rows, uri, variables, bucket):
    replace(uri, DAYS[0], 1, 5)
    assert together([("replace_until_killed", uri, DAYS[0], 2, rows)], variables) == [[]]
    assert values(uri) == {DAYS[0]: Counter({1: 5})}
    replace(uri, DAYS[0], 3, 4)
    assert values(uri) == {DAYS[0]: Counter({3: 4})}
    assert partition_counts(uri) == {DAYS[0]: 4}


def test_a_vacuum_frees_what_was_replaced_and_keeps_a_pinned_version(uri, variables, bucket):
    for value in range(4):
        replace(uri, DAYS[0], value, 5)
    freed = vacuum(uri, keep=[2], retention=timedelta(0))
    assert freed > 0
    left = boto3.client("s3").list_objects_v2(Bucket=bucket, Prefix=uri.removeprefix(f"s3://{bucket}/"))["Contents"]
    assert len([item for item in left if item["Key"].endswith(".parquet")]) == 2
    assert DeltaTable(uri, version=2).to_pyarrow_table()["value"].to_pylist() == [1] * 5
    assert values(uri) == {DAYS[0]: Counter({3: 5})}
