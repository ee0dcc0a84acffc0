"""The step host itself: its socket, its stop, its fresh start when the code changes, and doing without it."""

import os
import signal
import stat
import sys
import threading
from pathlib import Path

import pytest

from retrainer.errors import ConfigurationError, StackError
from retrainer.runtimes.outcome import StepOutcome
from retrainer.runtimes.process import ProcessRuntime
from retrainer.steps.host import StepHost
from retrainer.steps.libraries import LIBRARIES
from tests.faults.step_host.world import PLAIN, QUICK, Host, Runner, is_running, make_request, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the step host needs Linux")


def test_stopping_the_host_ends_its_steps_and_removes_its_socket(host, folder):
    runner = Runner(folder, host)

    def stop_host(line: str) -> None:
        if line.endswith("ready"):
            host.process.terminate()

    outcome = runner.runtime().run(make_request(**runner.waiting(stubborn=True)), stop_host)
    assert (outcome.reason, outcome.exit_status) == ("the step host was stopped", -signal.SIGKILL)
    assert host.process.wait(10) == 0
    assert not host.socket_path.exists()
    runner.assert_nothing_left()


def test_two_steps_run_at_once(host, folder):
    runners = [Runner(folder / name, host) for name in ("a", "b")]
    outcomes: dict[int, StepOutcome] = {}
    idle_descriptors = sum(1 for _ in Path(f"/proc/{host.process.pid}/fd").iterdir())
    for number, runner in enumerate(runners):
        runner.folder.mkdir()
        threading.Thread(
            target=lambda n=number, r=runner: outcomes.update({n: r.run(**r.waiting())}), daemon=True
        ).start()
    wait_until(lambda: all(any(line.endswith("ready") for line in runner.lines) for runner in runners))
    # One connection for each, and no end of their pipes: a client could not see that its step has closed them.
    assert sum(1 for _ in Path(f"/proc/{host.process.pid}/fd").iterdir()) == idle_descriptors + 2
    for runner in runners:
        (runner.folder / "gate").touch()
    wait_until(lambda: len(outcomes) == 2)
    assert all(outcome.is_done for outcome in outcomes.values())
    for runner in runners:
        runner.assert_nothing_left()


def test_a_stale_host_starts_afresh_once_its_step_has_ended_and_steps_run_plain_meanwhile(host, folder):
    busy = Runner(folder, host)
    outcomes: list[StepOutcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(busy.run(**busy.waiting())), daemon=True)
    thread.start()
    wait_until(lambda: any(line.endswith("ready") for line in busy.lines))
    host.lock.write_text("two")

    def describe() -> StepOutcome:
        return busy.runtime().run(make_request(act="describe"), lambda _: None)

    assert describe().runtime == "plain"
    (folder / "gate").touch()
    thread.join(20)
    assert outcomes[0].is_done
    wait_until(lambda: host.log.read_text().count("listening") == 2)
    again = describe()
    assert (again.runtime, again.is_done, host.process.poll()) == ("host", True, None)


def test_a_host_whose_socket_is_gone_ends(host):
    host.socket_path.unlink()
    assert host.process.wait(20) != 0


def test_without_a_host_a_step_is_a_plain_process(folder):
    left_behind = folder / "h.sock"
    runner = Runner(folder, None)
    for path in (left_behind, Path("/dev/null")):
        runtime = ProcessRuntime(environment=os.environ, socket_path=path, limits=QUICK, command=PLAIN)
        assert runtime.run(make_request(act="describe"), runner.lines.append).runtime == "plain"


def test_a_host_that_does_not_answer_is_done_without(host, folder):
    os.kill(host.process.pid, signal.SIGSTOP)
    try:
        outcome = Runner(folder, host).runtime().run(make_request(act="describe"), lambda _: None)
    finally:
        os.kill(host.process.pid, signal.SIGCONT)
    assert (outcome.runtime, outcome.is_done) == ("plain", True)
    assert Runner(folder, host).run(act="describe").is_done


def test_the_socket_is_for_its_owner_only(host):
    assert stat.S_IMODE(host.socket_path.stat().st_mode) == 0o600
    assert stat.S_IMODE(host.socket_path.parent.stat().st_mode) == 0o700


def test_a_folder_that_others_can_enter_is_refused(folder):
    (folder / "open").mkdir(mode=0o755)
    with pytest.raises(ConfigurationError, match=r"must be yours and private \(mode 700\), .*/open has mode 755"):
        StepHost(folder / "open" / "h.sock", folder / "lock", libraries=()).serve()


def test_a_second_host_on_the_same_socket_is_refused(host):
    with pytest.raises(StackError, match="another step host listens on"):
        StepHost(host.socket_path, host.lock, libraries=()).serve()


def test_a_library_that_starts_a_thread_is_an_error(folder, monkeypatch):
    (folder / "threaded.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(99,), daemon=True).start()"
    )
    monkeypatch.setenv("PYTHONPATH", str(folder))
    with pytest.raises(AssertionError, match="a library started a thread at import"):
        Host(folder, ("threaded",))


def test_models_trained_in_a_forked_step_are_those_of_a_plain_process(folder):
    found = Host(folder, LIBRARIES, seconds=120)
    try:
        runner = Runner(folder, found)
        forked = [runner.run(act="learn") for _ in range(2)]
        plain = Runner(folder, None).run(act="learn")
        draws = [runner.run(act="random").require_result("train")["value"] for _ in range(2)]
        assert is_running(found.process.pid)
    finally:
        found.stop()
    assert forked[0].require_result("train") == forked[1].require_result("train") == plain.require_result("train")
    assert draws[0][0] != draws[1][0]
