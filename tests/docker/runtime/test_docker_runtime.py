"""The docker runtime on a real engine, with a small image in place of `steps`: what goes in, comes out and stays."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from retrainer.errors import ConfigurationError, StepFailedError
from retrainer.runtimes.outcome import StepOutcome
from tests.docker.engine import PROJECT, docker
from tests.docker.runtime.stand_in import Stand, request

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

NOT_THERE = f"sha256:{'0' * 64}"


def in_background(
    stand: Stand, do: str, *, seconds: float = 60
) -> tuple[Callable[[], StepOutcome], Callable[[], None]]:
    """A step that runs; a function that waits for its outcome, and one that cancels it."""
    runtime, found = stand.runtime(), []
    thread = threading.Thread(target=lambda: found.append(runtime.run(request(do), stand.take)))
    thread.start()

    def outcome() -> StepOutcome:
        thread.join(60)
        return found[0]

    return outcome, runtime.cancel


def test_its_result_comes_out_of_a_log_that_streams_line_by_line(stand: Stand) -> None:
    lines = ["out 1", "err 1", "out 2", "err 2"]
    outcome = stand.runtime().run(request("say", lines=lines, pause=0.7), stand.take)

    assert outcome == StepOutcome(0, result={"said": 4}, runtime="docker")
    assert sorted(line for _, line in stand.lines) == sorted(lines)
    moments = [at for at, _ in stand.lines]
    assert moments[-1] - moments[0] > 1.5  # they did not come together at the end


@pytest.mark.parametrize("size", [10, 3_000_000], ids=["small", "3 MB"])
def test_a_request_of_any_size_gets_in_and_stdin_is_where_the_step_reads_it(size: int, stand: Stand) -> None:
    outcome = stand.runtime().run(request("measure", pad="pad " * (size // 4)), stand.take)

    assert outcome.result is not None
    assert outcome.result["bytes"] > size
    assert outcome.result["arguments"] == ["run", "train", "--request", "-"]


def test_a_request_that_is_too_large_is_refused_before_anything_starts(stand: Stand) -> None:
    noise = os.urandom(900_000).hex()
    with pytest.raises(ConfigurationError, match="a container takes at most"):
        stand.runtime().run(request("measure", pad=noise), stand.take)


def test_it_gets_the_environment_that_it_is_given_and_its_image_keeps_its_own(stand: Stand) -> None:
    stand.environment = {"RETRAINER_DATA_URI": "s3://bucket", "TOKEN": "a b'\"c"}
    outcome = stand.runtime().run(request("measure"), stand.take)

    assert outcome.result is not None
    environ = outcome.result["environ"]
    assert (environ["RETRAINER_DATA_URI"], environ["TOKEN"]) == ("s3://bucket", "a b'\"c")
    assert environ["PYTHON_VERSION" if "PYTHON_VERSION" in environ else "PATH"]
    assert environ["OMP_WAIT_POLICY"] == "passive"
    assert "RETRAINER_PROJECT_ROOT" not in environ
    assert outcome.result["uid"] == 10001


def test_it_can_write_to_tmp_and_to_mounts_alone_and_has_no_capabilities(stand: Stand, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    stand.docker = {"mounts": [{"type": "bind", "source": str(shared), "target": "/shared"}]}

    result = stand.runtime().run(request("look round"), stand.take).result

    assert result == {
        "writable": ["/tmp", "/shared"],
        "capabilities": "0000000000000000",
        "no_new_privileges": "1",
        "init": "docker-init",
    }
    assert (shared / "new").exists()


def test_processors_memory_processes_network_and_labels_are_as_declared(stand: Stand) -> None:
    stand.docker = {"network": "none", "pids": 100, "tmp_mb": 64}
    stand.limits = {"memory_mb": 300, "cpus": 0.5}
    outcome, cancel = in_background(stand, "sleep")
    stand.wait_for_line("asleep")

    found = stand.inspected()
    cancel()
    outcome()

    host = found["HostConfig"]
    assert (host["NanoCpus"], host["Memory"], host["MemorySwap"]) == (500_000_000, 300 * 2**20, 300 * 2**20)
    assert (host["PidsLimit"], host["NetworkMode"], host["Privileged"]) == (100, "none", False)
    assert host["Tmpfs"] == {"/tmp": "rw,nosuid,nodev,mode=1777,size=64m"}
    labels = found["Config"]["Labels"]
    assert labels["retrainer.task"] == f"a_deployment/a_dag/a_run/{stand.task}"
    assert (labels["retrainer.try"], labels["retrainer.step"], labels["retrainer.model"]) == ("1", "train", "stand_in")
    assert labels["retrainer.request"] == request("sleep").identity()


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [(78, "BadDataError", "BadDataError"), (1, "TrackingUnavailableError", "StepFailedError")],
)
def test_its_exit_status_and_its_error_are_what_the_step_said(status: int, kind: str, error: str, stand: Stand) -> None:
    said = {"kind": kind, "message": "because"}
    outcome = stand.runtime().run(request("fail", status=status, error=said), stand.take)

    with pytest.raises(Exception, match="train: because") as raised:
        outcome.require_result("train")
    assert type(raised.value).__name__ == error


def test_a_step_over_its_memory_is_said_to_be_so_with_the_limit(stand: Stand) -> None:
    stand.limits = {"memory_mb": 256}
    outcome = stand.runtime().run(request("eat"), stand.take)

    with pytest.raises(StepFailedError, match="train: memory limit 256 MB exceeded"):
        outcome.require_result("train")


@pytest.mark.parametrize("do", ["sleep", "ignore signals"])
def test_a_step_over_its_time_ends_and_says_so(do: str, stand: Stand) -> None:
    started = time.monotonic()
    outcome = stand.runtime(seconds=2).run(request(do), stand.take)

    with pytest.raises(StepFailedError, match="train: time limit 2 s exceeded"):
        outcome.require_result("train")
    assert time.monotonic() - started < 40


@pytest.mark.parametrize("do", ["sleep", "ignore signals"])
def test_a_cancelled_step_is_gone_before_airflow_loses_its_patience(do: str, stand: Stand) -> None:
    outcome, cancel = in_background(stand, do)
    stand.wait_for_line("asleep")

    started = time.monotonic()
    cancel()

    assert time.monotonic() - started < 5
    assert stand.containers() == []
    assert outcome().reason == "cancelled"


def test_what_is_raised_meanwhile_is_raised_again_without_the_container(stand: Stand) -> None:
    def fail(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stand.runtime().run(request("sleep"), fail)
    assert stand.containers() == []


def test_what_a_killed_worker_left_is_removed_by_the_next_try_before_it_starts(stand: Stand, tmp_path: Path) -> None:
    program = (
        "import sys, tests.dags.conftest\n"
        "from tests.docker.runtime.stand_in import Stand, request\n"
        "stand = Stand(sys.argv[1], task=sys.argv[2])\n"
        "stand.runtime().run(request('sleep'), print)\n"
    )
    environ = os.environ | {"PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-c", program, stand.image, stand.task]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        while "asleep" not in (line := worker.stdout.readline()):
            assert line, worker.wait()
        worker.send_signal(signal.SIGKILL)
    (left,) = stand.containers()

    outcome = stand.runtime(attempt=2).run(request("say", lines=[]), stand.take)

    assert outcome.is_done
    assert docker("inspect", left, check=False).returncode != 0


def test_another_tasks_container_stays_unless_nobody_can_be_waiting_for_it(stand: Stand) -> None:
    def leave(until: float, **other: str) -> str:
        labels = [f"--label=retrainer.task={replace(stand.name(), **other)}", f"--label=retrainer.until={until:.0f}"]
        return docker("create", *labels, stand.image, "true").stdout.strip()

    later, working = time.time() + 600, f"{stand.task}-working"
    stay = [leave(later, task_id=working), leave(later, deployment="another")]
    overdue = leave(time.time() - 2, task_id=working)
    try:
        assert stand.runtime().run(request("say", lines=[]), stand.take).is_done
        assert [docker("inspect", each, check=False).returncode for each in stay] == [0, 0]
        assert docker("inspect", overdue, check=False).returncode != 0
    finally:
        docker("rm", *stay)


def test_an_image_that_is_not_there_is_an_error_that_a_retry_does_not_help(stand: Stand) -> None:
    stand.image = NOT_THERE
    with pytest.raises(ConfigurationError, match=f"image {NOT_THERE} is not on the Docker engine at unix://"):
        stand.runtime().run(request("sleep"), stand.take)


def test_an_engine_that_does_not_answer_is_an_error_that_a_retry_may_help(stand: Stand) -> None:
    stand.url = "unix:///nowhere/docker.sock"
    with pytest.raises(StepFailedError, match=r"the Docker engine at unix:///nowhere/docker\.sock cannot be used"):
        stand.runtime().run(request("sleep"), stand.take)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"network": "no-such-network"}, "no-such-network"),
        ({"mounts": [{"type": "bind", "source": "/no/such/folder", "target": "/data"}]}, "/no/such/folder"),
    ],
    ids=["network", "folder"],
)
def test_a_network_or_a_folder_that_is_not_there_is_named_and_not_tried_again(
    section: dict[str, object], message: str, stand: Stand
) -> None:
    stand.docker = section
    with pytest.raises(ConfigurationError, match=message):
        stand.runtime().run(request("sleep"), stand.take)
