"""What is left of a log whose writer was killed, or whose last bytes never got to the disk."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from retrainer.predictions import LoggedBatch, PredictionLog
from retrainer.predictions.segments import SUFFIX
from tests.unit.predictions.batches import MODEL, batch, ids_in, until

PROJECT = Path(__file__).parents[3]

UNDER_LOAD = """
import sys, time
from pathlib import Path
from retrainer.predictions import PredictionLog
from tests.unit.predictions.batches import batch

log = PredictionLog(Path(sys.argv[1]))
number = 0
while True:
    for _ in range(20):
        log.append(batch(f"{number}"))
        number += 1
    print(number, flush=True)
    time.sleep(0.005)
"""


@pytest.mark.parametrize("seconds", [0.8, 1.3, 1.7])
def test_a_server_that_is_killed_under_load_loses_at_most_the_last_second(tmp_path: Path, seconds: float) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", UNDER_LOAD, str(tmp_path)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    appended: list[tuple[float, int]] = []
    try:
        begin = None
        for line in child.stdout:
            now = time.monotonic()
            begin = begin or now
            appended.append((now, int(line)))
            if now - begin > seconds:
                break
        os.kill(child.pid, signal.SIGKILL)
        killed = time.monotonic()
    finally:
        child.kill()
        child.wait()

    found = [int(each) for each in ids_in(tmp_path / MODEL)]
    safe = max((count for when, count in appended if when < killed - 1.0), default=0)
    assert found == list(range(len(found)))
    assert len(found) >= safe
    assert len(appended) > 10


def test_a_server_that_is_killed_leaves_a_segment_that_can_be_collected_at_once(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", UNDER_LOAD, str(tmp_path)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    try:
        until(lambda: any((tmp_path / MODEL).glob(f"*{SUFFIX}")))
        assert ids_in(tmp_path / MODEL) == []
    finally:
        child.kill()
        child.wait()

    assert ids_in(tmp_path / MODEL)[:2] == ["0", "1"]


def written_segment(folder: Path, batches: list[LoggedBatch]) -> Path:
    """A segment with one frame for each of `batches`."""
    log = PredictionLog(folder, flush_seconds=0.01)
    for number, one in enumerate(batches, start=1):
        log.append(one)
        until(lambda number=number: log.written == number)
    log.close()
    (segment,) = (folder / MODEL).glob(f"*{SUFFIX}")
    return segment


def test_a_segment_cut_off_at_any_byte_gives_every_whole_frame_before_the_cut(tmp_path: Path) -> None:
    segment = written_segment(tmp_path, [batch("a"), batch("b"), batch("c")])
    content = segment.read_bytes()
    found = set()
    for length in range(len(content) + 1):
        segment.write_bytes(content[:length])
        ids = ids_in(tmp_path / MODEL)
        assert ids == ["a", "b", "c"][: len(ids)]
        found.add(len(ids))
    assert found == {0, 1, 2, 3}


def test_a_frame_that_was_altered_ends_what_can_be_read(tmp_path: Path) -> None:
    segment = written_segment(tmp_path, [batch("a"), batch("b"), batch("c")])
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1  # in the second frame of three
    segment.write_bytes(content)

    assert ids_in(tmp_path / MODEL) == ["a"]


@pytest.mark.parametrize("rest", [b"\x00", b"\x00" * 8, b"\xff" * 64, b"not a frame"], ids=str)
def test_a_tail_that_is_no_frame_is_cut_off(tmp_path: Path, rest: bytes) -> None:
    segment = written_segment(tmp_path, [batch("a")])
    segment.write_bytes(segment.read_bytes() + rest)

    assert ids_in(tmp_path / MODEL) == ["a"]
