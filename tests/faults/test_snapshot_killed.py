"""SIGKILL in the middle of snapshot and of publishing: the retried run ends as an undisturbed one."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from retrainer.contracts import StagedSnapshot, ValidationReport
from retrainer.snapshots import partition_counts
from retrainer.steps import snapshot, validate_data
from tests.factories import ORDERS_A_DAY, change_source, day, environment, make_request, make_settings, small_source

KILL_AT = Path(__file__).with_name("kill_at.py")
ROWS = {"orders": ORDERS_A_DAY, "rates": 4}

IN_SNAPSHOT = [
    "before retrainer.snapshots.staging:_spool",
    "after retrainer.snapshots.staging:_spool",
    "after retrainer.snapshots.digest:PartitionDigests.update",
    "after retrainer.snapshots.replace:write_partition",
    "before retrainer.snapshots.replace:commit_files",
    "after retrainer.snapshots.replace:commit_files",
    "after retrainer.steps.snapshot:stage",
]
IN_VALIDATE_DATA = [
    "before retrainer.steps.validate_data:publish",
    "after retrainer.snapshots.replace:write_partition",
    "before retrainer.snapshots.changed:commit_files",
    "after retrainer.snapshots.changed:commit_files",
    "after retrainer.steps.validate_data:publish",
    "after retrainer.steps.validate_data:pin",
]


@pytest.fixture
def source(tmp_path):
    return small_source(tmp_path / "s.sqlite")


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The pins of a run that nobody disturbs."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return pins(validated(make_settings(folder, small_source(folder / "s.sqlite"))))


def snapshot_request():
    return make_request("snapshot")


def validate_request(staged: StagedSnapshot):
    return make_request("validate_data", inputs={"snapshot": staged})


def validated(settings) -> ValidationReport:
    return validate_data.run(validate_request(snapshot.run(snapshot_request(), settings)), settings)


def pins(report: ValidationReport) -> list[tuple]:
    return [(ref.table, ref.version, ref.rows, ref.digest, ref.window) for ref in report.snapshot]


def start(home: Path, source: Path, request, at: str = "") -> subprocess.Popen:
    child = subprocess.Popen(
        [sys.executable, str(KILL_AT), at, request.step],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | environment(home, source) | {"TMPDIR": str(source.parent)},  # it cannot clean up
        text=True,
    )
    child.stdin.write(request.to_json())
    child.stdin.close()
    return child


def run_and_die(home: Path, source: Path, request, at: str) -> None:
    child = start(home, source, request, at)
    try:
        assert child.wait(timeout=120) == -signal.SIGKILL, f"{at} was never reached"
    finally:
        child.kill()
        child.wait()


def assert_no_partial_partition(settings) -> None:
    """Whatever can be read of the snapshot is whole."""
    for table, rows in ROWS.items():
        counts = partition_counts(f"{settings.data_uri}/order_late/snapshots/{table}")
        assert set(counts.values()) <= {rows}


@pytest.mark.parametrize("at", IN_SNAPSHOT)
def test_a_snapshot_that_is_killed_publishes_nothing_and_is_taken_again(tmp_path, source, expected, at):
    home = tmp_path / "killed"
    run_and_die(home, source, snapshot_request(), at)
    settings = make_settings(home, source)
    for table in ROWS:
        assert partition_counts(f"{settings.data_uri}/order_late/snapshots/{table}") == {}
    assert pins(validated(settings)) == expected


@pytest.mark.parametrize("at", IN_VALIDATE_DATA)
def test_publishing_that_is_killed_leaves_whole_partitions_and_is_finished_by_the_retry(tmp_path, source, expected, at):
    home = tmp_path / "killed"
    settings = make_settings(home, source)
    staged = snapshot.run(snapshot_request(), settings)
    run_and_die(home, source, validate_request(staged), at)
    assert_no_partial_partition(settings)
    assert pins(validate_data.run(validate_request(staged), settings)) == expected
    assert pins(validated(settings)) == expected


def test_a_bad_interval_whose_run_is_killed_while_it_is_set_aside_is_set_aside_by_the_retry(tmp_path, source):
    change_source(source, "UPDATE orders SET amount = NULL WHERE order_id >= 84")
    home = tmp_path / "killed"
    settings = make_settings(home, source)
    staged = snapshot.run(snapshot_request(), settings)
    run_and_die(home, source, validate_request(staged), "before retrainer.snapshots.quarantine:write_file")
    with pytest.raises(Exception, match="`amount` is null in all 12 rows"):
        validate_data.run(validate_request(staged), settings)
    folder = Path(settings.data_uri, "order_late", "quarantine", "orders", day(7).key)
    assert partition_counts(str(folder)) == {day(7).key: 12}
    assert (folder / "reason.json").exists()


def test_a_kill_while_partition_files_are_being_written_leaves_no_partition_to_read(tmp_path, source, expected):
    """Not at a chosen line: as soon as the first file of the snapshot is on disk."""
    home = tmp_path / "killed"
    settings = make_settings(home, source)
    staged = snapshot.run(snapshot_request(), settings)
    child = start(home, source, validate_request(staged))
    try:
        folder = Path(settings.data_uri, "order_late", "snapshots", "orders")
        deadline = time.monotonic() + 120
        while not any(folder.glob("*/*.parquet")) and child.poll() is None:
            assert time.monotonic() < deadline, "nothing was written"
        child.kill()
    finally:
        child.kill()
        child.wait()
    assert_no_partial_partition(settings)
    assert pins(validate_data.run(validate_request(staged), settings)) == expected
