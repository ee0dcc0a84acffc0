"""Steps in real processes, forked from a step host or plain, when something is killed, slow or too large."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from retrainer.contracts import Interval, StepRequest
from retrainer.errors import BadDataError, ConfigurationError, StackError, StepFailedError
from retrainer.runtimes.limits import Limits
from retrainer.runtimes.outcome import StepOutcome
from retrainer.runtimes.process import ProcessRuntime
from retrainer.steps.host import StepHost
from retrainer.steps.libraries import LIBRARIES

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the step host needs Linux")

FOLDER = Path(__file__).parent / "step_host"
PLAIN = (sys.executable, "-P", str(FOLDER / "run_fake.py"))
QUICK = Limits(grace_seconds=0.3)


def make_request(**config) -> StepRequest:
    start, end = datetime(2013, 5, 27, tzinfo=UTC), datetime(2013, 5, 28, tzinfo=UTC)
    interval = Interval(start=start, end=end)
    return StepRequest(step="train", model="m", config=config, interval=interval, as_of=end, seed=7, run_id="r1")


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Host:
    """A step host in a process of its own, with the fake steps."""

    def __init__(self, folder: Path, libraries: tuple[str, ...] = (), seconds: float = 20) -> None:
        self.socket_path = folder / "run" / "h.sock"
        self.lock = folder / "requirements.lock"
        self.lock.write_text("one")
        self.log = folder / "host.log"
        command = [sys.executable, str(FOLDER / "host_fake.py"), self.socket_path, self.lock, ",".join(libraries)]
        with self.log.open("wb") as log:
            environ = os.environ | {"ONLY_IN_HOST": "1"}
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environ)
        wait_until(lambda: self.socket_path.exists() or self.process.poll() is not None, seconds)
        assert self.process.poll() is None, self.log.read_text()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        finally:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: that of a Unix socket has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="rt-") as name:
        yield Path(name)


@pytest.fixture
def host(folder) -> Iterator[Host]:
    found = Host(folder)
    yield found
    found.stop()


class Runner:
    """Runs fake steps with or without a host, and keeps their output."""

    def __init__(self, folder: Path, host: Host | None) -> None:
        self.folder = folder
        self.host = host
        self.kind = "plain" if host is None else "host"
        self.lines: list[str] = []
        self.pids_file = folder / "pids"

    def runtime(self, limits: Limits = QUICK, **environment: str) -> ProcessRuntime:
        base = {"PATH": os.environ["PATH"], "RETRAINER_PROJECT_ROOT": str(self.folder)}
        socket_path = self.host.socket_path if self.host else None
        return ProcessRuntime(environment=base | environment, socket_path=socket_path, limits=limits, command=PLAIN)

    def run(self, limits: Limits = QUICK, **config) -> StepOutcome:
        outcome = self.runtime(limits).run(make_request(**config), self.lines.append)
        assert outcome.runtime == self.kind
        return outcome

    def waiting(self, **more) -> dict:
        """Config of a step that waits, with one child in its group and one that left it."""
        return {"act": "wait", "pids": str(self.pids_file), "gate": str(self.folder / "gate"), **more}

    def pids(self) -> tuple[int, int, list[int]]:
        """Ids of the waiting step, of its supervisor, and of the step with its two children."""
        step, parent, *children = map(int, self.pids_file.read_text().split())
        assert len(children) == 2
        return step, parent, [step, *children]

    def assert_nothing_left(self) -> None:
        left = [pid for pid in self.pids()[2] if is_running(pid)]
        assert not left


@pytest.fixture(params=["host", "plain"])
def runner(request, folder) -> Iterator[Runner]:
    found = Host(folder) if request.param == "host" else None
    yield Runner(folder, found)
    if found:
        found.stop()


def test_a_step_has_its_own_session_and_the_environment_and_folder_of_its_client(runner):
    outcome = runner.runtime(ONLY_HERE="1", TZ="America/New_York").run(
        make_request(act="describe"), runner.lines.append
    )
    seen = outcome.require_result("train")["value"]
    assert seen["pid"] == seen["group"] == seen["session"]
    assert seen["cwd"] == str(Path.cwd())
    assert seen["environment"]["ONLY_HERE"] == "1"
    assert seen["environment"]["GX_ANALYTICS_ENABLED"] == "false"
    assert "ONLY_IN_HOST" not in seen["environment"]
    assert seen["zone"] == "EST"


def test_a_step_imports_the_code_of_the_project_afresh_and_inherits_no_open_files(runner):
    seen = runner.run(act="describe").require_result("train")["value"]
    assert "retrainer.steps.execute" in seen["modules"]
    assert "retrainer.steps.host" not in seen["modules"]
    assert "retrainer.runtimes.supervisor" not in seen["modules"]
    assert seen["descriptors"] <= 5  # three streams, the real stdout, and the folder that is being listed


def test_the_first_line_is_the_request(runner):
    runner.run(act="describe")
    first = runner.lines[0]
    assert StepRequest.from_json(first.removeprefix("retrainer-request: ")) == make_request(act="describe")


def test_a_request_may_be_larger_than_an_argument(runner):
    outcome = runner.run(act="write", writes=[], ballast="x" * 3_000_000)
    assert outcome.exit_status == 0


@pytest.mark.parametrize("descriptor", [1, 2])
def test_output_arrives_while_the_step_runs(runner, descriptor):
    gates = [runner.folder / f"gate{number}" for number in range(2)]
    writes = [[descriptor, f"line {number}\n", str(gate)] for number, gate in enumerate(gates)]
    seen = []

    def open_gate(line: str) -> None:
        if line.startswith("line"):
            seen.append(line)
            gates[int(line[-1])].touch()

    outcome = runner.runtime().run(make_request(act="write", writes=writes), open_gate)
    assert outcome.is_done
    assert seen == ["line 0", "line 1"]


def test_what_a_step_prints_is_log_even_if_it_looks_like_a_result(runner):
    writes = [
        [2, "10 %\r50 %\r100 %\n", ""],
        [1, 'retrainer-result: {"forged": 1}\n', ""],
        [2, 'retrainer-result: {"forged": 2}\n', ""],
        [1, "half", ""],
    ]
    outcome = runner.run(act="write", writes=writes)
    assert outcome.result == {"value": None}
    assert 'retrainer-result: {"forged": 1}' in runner.lines
    assert 'retrainer-result: {"forged": 2}' in runner.lines
    assert any(line.startswith("half") for line in runner.lines)
    assert "100 %" in runner.lines


@pytest.mark.parametrize(
    ("config", "status", "error", "message"),
    [
        ({"act": "fail", "kind": "BadDataError", "message": "a\nb"}, 78, BadDataError, "train: a"),
        ({"act": "fail", "kind": "ConfigurationError", "message": "a"}, 78, ConfigurationError, "train: a"),
        ({"act": "fail", "kind": "Source", "message": "a\nb"}, 1, StepFailedError, "train: a"),
        ({"act": "fail", "kind": "Bug", "message": "a"}, 1, StepFailedError, "train: ValueError: a"),
        ({"act": "exit", "status": 0}, 0, StepFailedError, "train: exit status 0 but no result line"),
        ({"act": "exit", "status": 3}, 3, StepFailedError, "train: exit status 3 and no error message; see its log"),
        ({"act": "crash"}, -signal.SIGSEGV, StepFailedError, "train: killed by SIGSEGV"),
    ],
    ids=["bad data", "configuration", "source", "bug", "silent", "status", "crash"],
)
def test_the_exit_status_and_the_error_are_those_of_the_step(runner, config, status, error, message):
    outcome = runner.run(**config)
    assert outcome.exit_status == status
    with pytest.raises(error) as raised:
        outcome.require_result("train")
    assert str(raised.value) == message


def test_a_crash_shows_where_it_happened(runner):
    runner.run(act="crash")
    assert any("act_crash" in line for line in runner.lines)


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
