"""A step that is cancelled, over a limit, or whose client or supervisor is killed, ends with all it started."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from retrainer.errors import StepFailedError
from retrainer.runtimes.limits import Limits
from tests.faults.step_host.world import FOLDER, Runner, is_running, make_request, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the step host needs Linux")


@pytest.mark.parametrize("stubborn", [False, True], ids=["willing", "ignores SIGTERM"])
def test_a_cancelled_step_ends_with_everything_it_started(runner, stubborn):
    runtime = runner.runtime()

    def cancel_when_ready(line: str) -> None:
        if line.endswith("ready"):
            runtime.cancel()

    outcome = runtime.run(make_request(**runner.waiting(stubborn=stubborn)), cancel_when_ready)
    assert outcome.reason == "cancelled"
    assert outcome.exit_status == -(signal.SIGKILL if stubborn else signal.SIGTERM)
    runner.assert_nothing_left()


def test_an_interrupt_of_the_caller_ends_the_step_before_it_goes_on(runner):
    def interrupt(line: str) -> None:
        if line.endswith("ready"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner.runtime().run(make_request(**runner.waiting()), interrupt)
    runner.assert_nothing_left()


def test_a_step_that_is_cancelled_before_it_starts_does_not_start(runner):
    runtime = runner.runtime()
    runtime.cancel()
    outcome = runtime.run(make_request(act="describe"), runner.lines.append)
    assert (outcome.reason, runner.lines) == ("cancelled", [])


def test_a_step_that_ends_leaves_no_child_behind(runner):
    (runner.folder / "gate").touch()
    assert runner.run(**runner.waiting()).exit_status == 0
    runner.assert_nothing_left()


@contextlib.contextmanager
def client_of_waiting_step(runner: Runner) -> Iterator[subprocess.Popen]:
    """A client in a process of its own, whose step waits."""
    request = runner.folder / "request.json"
    request.write_text(make_request(**runner.waiting()).to_json())
    command = [sys.executable, str(FOLDER / "client_fake.py"), request, runner.host.socket_path if runner.host else ""]
    environ = os.environ | {"RETRAINER_PROJECT_ROOT": str(runner.folder)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as client:
        try:
            assert any(line.endswith("ready\n") for line in client.stdout)
            yield client
        finally:
            client.kill()


def test_killing_the_client_ends_the_step(runner):
    with client_of_waiting_step(runner) as client:
        client.kill()
    wait_until(lambda: not any(map(is_running, runner.pids()[2])))
    supervisor = runner.pids()[1]
    if runner.host:
        assert supervisor == runner.host.process.pid
        assert runner.run(act="describe").is_done
    else:
        wait_until(lambda: not is_running(supervisor))


def test_killing_both_the_client_and_the_supervisor_ends_the_step(runner):
    with client_of_waiting_step(runner) as client:
        step, supervisor, (_, *children) = runner.pids()
        client.send_signal(signal.SIGSTOP)
        os.kill(supervisor, signal.SIGKILL)
        wait_until(lambda: not is_running(step))
    for child in children:  # nobody is left who could have ended them
        os.kill(child, signal.SIGKILL)


def test_killing_the_supervisor_ends_the_step_and_is_a_failure_that_a_retry_may_help(runner):
    def kill_supervisor(line: str) -> None:
        if line.endswith("ready"):
            os.kill(runner.pids()[1], signal.SIGKILL)

    outcome = runner.runtime().run(make_request(**runner.waiting()), kill_supervisor)
    with pytest.raises(StepFailedError, match="train: the step host went away"):
        outcome.require_result("train")
    step, _, (_, child, stray) = runner.pids()
    wait_until(lambda: not is_running(step) and not is_running(child))
    os.kill(stray, signal.SIGKILL)  # it left the group, and nobody is left who knows it
    if runner.host:
        again = runner.runtime().run(make_request(act="describe"), runner.lines.append)
        assert (again.runtime, again.is_done) == ("plain", True)


def test_a_step_over_its_time_ends(runner):
    outcome = runner.run(Limits(time_seconds=4, grace_seconds=0.3), **runner.waiting())
    assert (outcome.reason, outcome.exit_status) == ("time limit 4 s exceeded", -signal.SIGTERM)
    runner.assert_nothing_left()


def test_a_step_over_its_memory_ends(runner):
    outcome = runner.run(Limits(memory_mb=150), act="allocate", mb=300, seconds=60)
    assert outcome.exit_status == -signal.SIGKILL
    with pytest.raises(StepFailedError, match=r"train: memory limit 150 MB exceeded \((1[5-9]|2\d|3\d)\d MB\)"):
        outcome.require_result("train")


def test_memory_that_a_step_shares_with_its_children_counts_once(runner):
    outcome = runner.run(Limits(memory_mb=250), act="allocate", mb=130, forks=3, seconds=1)
    assert outcome.is_done, outcome


def test_temporary_files_of_a_step_go_with_it_and_those_of_others_stay(runner):
    other = runner.folder / "tmp" / "of-another"
    other.mkdir(parents=True)
    runtime = runner.runtime(TMPDIR=str(other.parent))
    outcome = runtime.run(make_request(act="spool", spool=str(runner.folder / "spool"), gate=""), runner.lines.append)

    name, folder = map(Path, outcome.require_result("train")["value"])
    assert (name.parent, folder.parent) == (folder, other.parent)
    assert list(other.parent.iterdir()) == [other]


def test_temporary_files_of_a_step_that_is_killed_go_with_it(runner):
    runtime, spool = runner.runtime(), runner.folder / "spool"

    def cancel_when_ready(line: str) -> None:
        if line.endswith("ready"):
            assert Path(spool.read_text()).read_text() == "rows"
            runtime.cancel()

    request = make_request(act="spool", spool=str(spool), gate=str(runner.folder / "gate"), stubborn=True)
    assert runtime.run(request, cancel_when_ready).exit_status == -signal.SIGKILL
    assert not Path(spool.read_text()).parent.exists()
