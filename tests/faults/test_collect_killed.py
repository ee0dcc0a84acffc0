"""SIGKILL while predictions are collected: each row is there once after the retry, and none is lost before."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from retrainer.config.runtime import RuntimeSettings
from retrainer.predictions import PredictionLog, log_folder, predictions_uri
from retrainer.steps import collect_predictions
from tests.factories import environment, make_config, make_request, make_settings
from tests.unit.predictions.batches import MODEL, batch, ids_in, stored_ids

KILL_AT = Path(__file__).with_name("kill_at.py")
SEGMENTS, ROWS = 4, 300
EVERY_ID = sorted(f"{segment}-{row}" for segment in range(SEGMENTS) for row in range(ROWS))

AT = [
    "before retrainer.predictions.collect:_move",
    "after retrainer.predictions.collect:batch_of",
    "before retrainer.predictions.collect:append",
    "after retrainer.predictions.table:open_or_create",
    "before retrainer.predictions.table:write_deltalake",
    "after retrainer.predictions.table:write_deltalake",
    "after retrainer.predictions.collect:append",
    "before retrainer.predictions.segments:Segment.remove",
    "after retrainer.predictions.segments:Segment.remove",
]

REQUEST = make_request("collect_predictions", make_config(serving={}))


@pytest.fixture
def settings(tmp_path: Path) -> RuntimeSettings:
    return make_settings(tmp_path, tmp_path / "no_source.sqlite")


@pytest.fixture
def uri(settings: RuntimeSettings) -> str:
    for segment in range(SEGMENTS):
        log = PredictionLog(log_folder(settings.home), flush_seconds=3600)
        log.append(batch(*(f"{segment}-{row}" for row in range(ROWS))))
        log.close()
    return predictions_uri(settings.data_uri, MODEL)


def start(home: Path, at: str = "") -> subprocess.Popen:
    child = subprocess.Popen(
        [sys.executable, str(KILL_AT), at, REQUEST.step],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | environment(home, home / "no_source.sqlite") | {"TMPDIR": str(home)},  # it cannot clean up
        text=True,
    )
    child.stdin.write(REQUEST.to_json())
    child.stdin.close()
    return child


def assert_every_row_is_in_the_table_or_in_the_log(settings: RuntimeSettings, uri: str) -> None:
    there = stored_ids(uri) if Path(uri, "_delta_log").is_dir() else []
    assert len(there) == len(set(there))
    assert sorted({*there, *ids_in(log_folder(settings.home) / MODEL)}) == EVERY_ID


@pytest.mark.parametrize("at", AT)
def test_a_collection_that_is_killed_is_finished_by_the_next(
    tmp_path: Path, settings: RuntimeSettings, uri: str, at: str
) -> None:
    child = start(tmp_path, at)
    try:
        assert child.wait(timeout=120) == -signal.SIGKILL, f"{at} was never reached"
    finally:
        child.kill()
        child.wait()
    assert_every_row_is_in_the_table_or_in_the_log(settings, uri)

    collect_predictions.run(REQUEST, settings)

    assert sorted(stored_ids(uri)) == EVERY_ID
    assert list((log_folder(settings.home) / MODEL).iterdir()) == []


def test_a_collection_that_is_killed_at_any_moment_again_and_again_loses_and_doubles_nothing(
    tmp_path: Path, settings: RuntimeSettings, uri: str
) -> None:
    """Not at a chosen line: a little later each time, counted from when it begins to write its scratch file."""
    for delay in (0.0, 0.02, 0.05, 0.1, 0.2):
        child = start(tmp_path)
        try:
            deadline = time.monotonic() + 120
            while not any(tmp_path.glob("retrainer-*/predictions.parquet")) and child.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.002)
            time.sleep(delay)
        finally:
            child.kill()
            child.wait()
        for left in tmp_path.glob("retrainer-*/predictions.parquet"):
            left.unlink()
        assert_every_row_is_in_the_table_or_in_the_log(settings, uri)

    collect_predictions.run(REQUEST, settings)

    assert sorted(stored_ids(uri)) == EVERY_ID
