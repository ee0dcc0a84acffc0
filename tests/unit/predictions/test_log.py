"""The log of predictions: never waits, never tears, and loses nothing that it need not lose."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from retrainer.predictions import PredictionLog
from retrainer.predictions import log as module
from retrainer.predictions.frames import Numbers, Objects, Times
from retrainer.predictions.segments import SUFFIX, Limits, closed_segments
from tests.unit.predictions.batches import MODEL, batch, frames_in, ids_in, until

PROJECT = Path(__file__).parents[3]
NEVER = 3600.0
"""Seconds between flushes in tests that flush by closing."""


@pytest.fixture
def opened() -> Iterator[list[PredictionLog]]:
    """Logs that are closed with the test."""
    logs: list[PredictionLog] = []
    yield logs
    for log in logs:
        log.close()


def test_what_was_appended_can_be_read_once_it_is_closed(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, flush_seconds=NEVER)
    log.append(batch("a-0", "a-1", outputs=[0.1, 0.9]))
    log.append(batch("b-0", version=None, source="fallback"))
    log.close()

    model, rule = frames_in(tmp_path / MODEL)
    assert (model.ids, model.version, model.source, model.sizes) == (["a-0", "a-1"], 3, "model", [2])
    assert np.frombuffer(model.outputs).tolist() == [0.1, 0.9]
    assert (rule.ids, rule.version, rule.source) == (["b-0"], None, "fallback")
    assert (log.written, log.dropped, log.waiting) == (3, 0, 0)


def test_a_column_keeps_its_kind_and_its_missing_values(tmp_path: Path) -> None:
    columns = {
        "number": np.array([1.5, np.nan]),
        "flag": np.array([True, False]),
        "time": np.array(["2013-06-01T12:00:00.000001", "NaT"], "datetime64[us]"),
        "text": np.array(["EWR", None], object),
        "unknown_text": np.array(["", float("nan")], object),
        "key": np.array([2**60 + 1, None], object),
    }
    log = PredictionLog(tmp_path, flush_seconds=NEVER)
    log.append(batch("a", "b", columns=columns))
    log.close()

    (frame,) = frames_in(tmp_path / MODEL)
    number, flag, moment, text, unknown, key = (frame.columns[name] for name in columns)
    assert isinstance(number, Numbers)
    assert np.array_equal(np.frombuffer(number.data), [1.5, np.nan], equal_nan=True)
    assert isinstance(flag, Numbers)
    assert np.frombuffer(flag.data).tolist() == [1.0, 0.0]
    assert isinstance(moment, Times)
    assert np.array_equal(np.frombuffer(moment.data, "M8[us]"), columns["time"], equal_nan=True)
    assert text == Objects(["EWR", None])
    assert unknown == Objects(["", None])
    assert key == Objects([2**60 + 1, None])


def test_each_model_has_segments_of_its_own(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, flush_seconds=NEVER)
    log.append(batch("a", model="one"))
    log.append(batch("b", model="two"))
    log.append(batch("c", model="one"))
    log.close()

    assert ids_in(tmp_path / "one") == ["a", "c"]
    assert ids_in(tmp_path / "two") == ["b"]


def test_rows_are_on_disk_soon_without_anybody_closing_the_log(tmp_path: Path, opened: list[PredictionLog]) -> None:
    log = PredictionLog(tmp_path, flush_seconds=0.05)
    opened.append(log)
    log.append(batch("a"))

    until(lambda: log.written == 1)

    (segment,) = (tmp_path / MODEL).glob(f"*{SUFFIX}")
    assert segment.stat().st_size > 50


def test_a_segment_that_is_being_written_belongs_to_its_writer(tmp_path: Path, opened: list[PredictionLog]) -> None:
    log = PredictionLog(tmp_path, flush_seconds=0.02)
    opened.append(log)
    log.append(batch("a"))
    until(lambda: log.written == 1)

    assert ids_in(tmp_path / MODEL) == []
    log.close()
    assert ids_in(tmp_path / MODEL) == ["a"]


def test_a_segment_is_let_go_when_it_is_old(tmp_path: Path, opened: list[PredictionLog]) -> None:
    opened.append(PredictionLog(tmp_path, flush_seconds=0.02, limits=Limits(segment_seconds=0.1)))
    opened[0].append(batch("a"))

    until(lambda: ids_in(tmp_path / MODEL) == ["a"])


def test_a_segment_is_let_go_when_it_is_full(tmp_path: Path, opened: list[PredictionLog]) -> None:
    opened.append(PredictionLog(tmp_path, flush_seconds=0.02, limits=Limits(segment_bytes=1)))
    log = opened[0]
    for number in range(3):
        log.append(batch(f"{number}"))
        until(lambda number=number: log.written == number + 1)

    assert ids_in(tmp_path / MODEL) == ["0", "1", "2"]
    assert len(list((tmp_path / MODEL).iterdir())) == 3


def test_a_segment_is_collected_by_one_at_a_time(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, flush_seconds=NEVER)
    log.append(batch("a"))
    log.close()

    with closed_segments(tmp_path / MODEL, most_bytes=2**30) as mine:
        with closed_segments(tmp_path / MODEL, most_bytes=2**30) as theirs:
            assert (len(mine), len(theirs)) == (1, 0)
        mine[0].remove()
    with closed_segments(tmp_path / MODEL, most_bytes=2**30) as left:
        assert left == []


def test_rows_beyond_the_bound_are_dropped_and_counted(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, flush_seconds=NEVER, max_rows=3)
    log.append(batch("a", "b"))
    log.append(batch("c", "d"))
    log.append(batch("e"))
    log.close()
    log.append(batch("f"))

    assert ids_in(tmp_path / MODEL) == ["a", "b", "e"]
    assert (log.written, log.dropped) == (3, 3)


def test_threads_that_append_at_once_lose_nothing(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, flush_seconds=0.01)
    batches = {thread: [batch(f"{thread}-{n}") for n in range(500)] for thread in range(4)}
    threads = [threading.Thread(target=lambda b=each: [log.append(one) for one in b]) for each in batches.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()

    found = ids_in(tmp_path / MODEL)
    assert len(found) == 2000 == log.written
    assert set(found) == {one.ids[0] for each in batches.values() for one in each}


def test_appending_takes_microseconds(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, flush_seconds=NEVER)
    batches = [batch(f"{n}") for n in range(5_000)]
    times = []
    for one in batches:
        start = time.perf_counter_ns()
        log.append(one)
        times.append(time.perf_counter_ns() - start)
    log.close()

    assert sorted(times)[len(times) // 2] < 20_000  # a tenth of that on a quiet machine


def test_a_batch_that_cannot_be_written_is_counted_and_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = PredictionLog(tmp_path, flush_seconds=NEVER)
    log.append(batch("a", "b", model="odd", columns={"x": np.array([1.0])}))
    log.append(batch("c"))
    log.close()

    assert ids_in(tmp_path / MODEL) == ["c"]
    assert (log.written, log.dropped) == (1, 2)
    assert "2 predictions of odd cannot be logged as they are" in caplog.text


FULL_DISK = """
import resource, signal, sys, time
from pathlib import Path
from retrainer.predictions import PredictionLog
from retrainer.predictions import log as module
from tests.unit.predictions.batches import batch

module._RETRY_SECONDS = 0.05
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = PredictionLog(Path(sys.argv[1]), flush_seconds=0.02, max_rows=5)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

def until(happened):
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)

log.append(batch("before"))
until(lambda: log.written == 1)
resource.setrlimit(resource.RLIMIT_FSIZE, (600, hard))
for number in range(9):
    log.append(batch(f"while-{number}"))
until(lambda: log.failing)
print(log.dropped, log.waiting)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
until(lambda: log.waiting == 0)
log.append(batch("after"))
log.close()
print(log.written)
"""


def test_a_disk_that_takes_no_more_is_said_once_and_what_fits_into_memory_is_written_later(tmp_path: Path) -> None:
    """The limit is the kernel's own on the size of a file: a frame is cut off in its middle."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], cwd=PROJECT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["4", "5", "7"]
    assert ids_in(tmp_path / MODEL) == ["before", *(f"while-{n}" for n in range(5)), "after"]
    assert done.stderr.count(f"predictions of {MODEL} cannot be logged") == 1
    assert done.stderr.count(f"predictions of {MODEL} are logged again; 4 rows were lost so far") == 1


def test_segments_that_nobody_collects_do_not_fill_the_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    limits = Limits(segment_bytes=1, folder_bytes=1)
    log = PredictionLog(tmp_path, flush_seconds=0.02, limits=limits)
    log.append(batch("a"))
    until(lambda: log.written == 1)
    log.append(batch("b"))
    until(lambda: log.failing)
    log.close()

    assert ids_in(tmp_path / MODEL) == ["a"]
    assert "1 bytes of predictions wait to be collected" in caplog.text
    assert caplog.text.count(f"predictions of {MODEL} cannot be logged") == 1


def test_a_model_whose_segments_nobody_collects_costs_the_others_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RETRY_SECONDS", 0.05)
    log = PredictionLog(tmp_path, flush_seconds=0.02, max_rows=5, limits=Limits(segment_bytes=1, folder_bytes=400))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "nobody-collects").write_bytes(bytes(400))
    for number in range(9):
        log.append(batch(f"{number}", model="full"))
    until(lambda: log.failing)
    log.append(batch("a", "b", "c", "d", "e", model="other"))
    until(lambda: log.written == 5)
    time.sleep(0.2)  # several attempts of the other one

    assert (log.dropped, log.waiting, log.failing) == (4, 5, True)
    assert caplog.text.count("cannot be logged") == caplog.text.count("predictions of full cannot be logged") == 1
    assert "logged again" not in caplog.text
    (tmp_path / "full" / "nobody-collects").unlink()
    until(lambda: log.waiting == 0)
    log.close()
    assert ids_in(tmp_path / "full") == ["0", "1", "2", "3", "4"]
    assert ids_in(tmp_path / "other") == ["a", "b", "c", "d", "e"]
    assert "predictions of full are logged again; 4 rows were lost so far" in caplog.text


def test_the_log_is_light() -> None:
    heavy = ("pandas", "pyarrow", "duckdb", "deltalake", "sklearn", "mlflow", "sqlalchemy")
    code = f"import sys, retrainer.predictions\nprint(*(name for name in {heavy!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == []


def test_files_of_the_log_are_the_owners_alone(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, flush_seconds=NEVER)
    log.append(batch("a"))
    log.close()
    (segment,) = (tmp_path / MODEL).iterdir()

    assert segment.stat().st_mode & 0o077 == 0
