"""The command of a container, run by a real shell with a `retrainer` of the test's own."""

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from retrainer.contracts import Interval, StepRequest
from retrainer.errors import ConfigurationError
from retrainer.runtimes.command import TIMED_OUT, step_command

FIRST = datetime(2013, 6, 1, tzinfo=UTC)
ECHO = '#!/bin/sh\necho "$@"\ncat\n'


def request(**config: object) -> StepRequest:
    return StepRequest(
        step="train",
        model="flight_delay",
        config=config,  # type: ignore[arg-type]
        interval=Interval(start=FIRST, end=FIRST + timedelta(days=1)),
        as_of=FIRST,
        seed=1,
        run_id="a_run",
    )


def run(asked: StepRequest, folder: Path, *, program: str = ECHO, seconds: float = 60) -> subprocess.CompletedProcess:
    (folder / "retrainer").write_text(program)
    (folder / "retrainer").chmod(0o755)
    environ = {"PATH": f"{folder}:{os.environ['PATH']}"}
    command = [part.replace("/tmp/", f"{folder}/") for part in step_command(asked, time_seconds=seconds)]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("size", [0, 400_000, 5_000_000])
def test_the_step_reads_its_request_from_stdin_whatever_its_size(size: int, tmp_path: Path) -> None:
    asked = request(pad='it\'s $(not) a "command" `é` ' * (size // 30))
    done = run(asked, tmp_path)

    assert done.returncode == 0, done.stderr
    arguments, _, text = done.stdout.partition("\n")
    assert arguments == "run train --request -"
    assert text == asked.to_json()
    assert all(len(part) < 128 * 1024 for part in step_command(asked, time_seconds=1))


def test_the_same_request_is_the_same_command() -> None:
    assert step_command(request(), time_seconds=60) == step_command(request(), time_seconds=60)


def test_the_exit_status_is_the_steps(tmp_path: Path) -> None:
    assert run(request(), tmp_path, program="#!/bin/sh\nexit 78\n").returncode == 78


def test_a_step_that_takes_too_long_is_interrupted(tmp_path: Path) -> None:
    done = run(request(), tmp_path, program="#!/bin/sh\nexec sleep 60\n", seconds=0.5)
    assert done.returncode == TIMED_OUT


def test_what_no_container_takes_is_refused() -> None:
    noise = os.urandom(900_000).hex()
    with pytest.raises(
        ConfigurationError, match=r"train: the request has \d+ bytes, packed; a container takes at most"
    ):
        step_command(request(noise=noise), time_seconds=60)
