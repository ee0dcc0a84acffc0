"""The guard and the supervisor: order, restarts, and that nothing outlives any of the processes involved."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from retrainer.stack.launch import Event, Launch
from retrainer.stack.local import stop_stack
from retrainer.stack.lock import StackLock
from retrainer.stack.plan import Plan

LAUNCHER = Path(__file__).with_name("launcher.py")
SLEEPERS = 3  # processes of one stand-in that sleeps


def events_until(launch: Launch, kind: str) -> list[Event]:
    """The events up to the first of `kind`."""
    events: list[Event] = []
    while not events or events[-1].kind != kind:
        event = launch.next_event(20.0)
        assert event is not None, f"no event {kind!r} after {events}"
        events.append(event)
    return events


def pid_of(plan: Plan, name: str) -> int:
    return int(json.loads(Path(plan.state_file).read_text())[name]["pid"])


def is_free(plan: Plan) -> bool:
    """Whether guard and supervisor are gone."""
    lock = StackLock.take(Path(plan.state_file).with_name("lock"))
    if lock:
        lock.close()
    return lock is not None


@pytest.fixture
def launcher(tmp_path):
    """A launcher in a process of its own."""
    started = []

    def start(plan: Plan, *options: str) -> subprocess.Popen[bytes]:
        path = tmp_path / "plan.json"
        path.write_text(plan.to_json())
        started.append(subprocess.Popen([sys.executable, str(LAUNCHER), str(path), *options]))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_service_starts_after_the_one_it_waits_for_has_ended(stand_ins, launch, tmp_path):
    first = stand_ins.service("migrate", "0", once=True)
    server = stand_ins.service("server", "sleep", after="migrate")

    started = launch(stand_ins.plan(server, first))

    events = events_until(started, "ended") + events_until(started, "started")
    assert [(e.kind, e.facts["service"]) for e in events] == [
        ("started", "migrate"),
        ("ended", "migrate"),
        ("started", "server"),
    ]
    assert (tmp_path / "migrate.done").read_text() == "done"


def test_a_service_that_runs_once_and_fails_stops_the_stack(stand_ins, launch, tmp_path):
    started = launch(stand_ins.plan(stand_ins.service("migrate", "7", once=True), stand_ins.service("other", "sleep")))

    failed = events_until(started, "failed")[-1]

    assert failed.describe() == "migrate ended with status 7 and is not started again"
    events_until(started, "stopped")
    assert not (tmp_path / "migrate.done").exists()


def test_a_killed_service_is_started_again_and_its_descendants_are_ended(stand_ins, launch, eventually):
    plan = stand_ins.plan(stand_ins.service("worker", "sleep"))
    started = launch(plan)
    eventually(lambda: len(stand_ins.alive()) == SLEEPERS)
    before = set(stand_ins.alive())

    os.kill(pid_of(plan, "worker"), signal.SIGKILL)

    restarting = events_until(started, "restarting")[-1]
    assert restarting.describe() == "worker ended with signal SIGKILL; starting it again in 0.05 s"
    eventually(lambda: len(stand_ins.started()) == 2 * SLEEPERS and len(stand_ins.alive()) == SLEEPERS)
    assert not before & set(stand_ins.alive())


def test_a_service_that_keeps_dying_stops_the_stack(stand_ins, launch, eventually):
    plan = stand_ins.plan(stand_ins.service("broken", "3"), stand_ins.service("other", "sleep"))
    started = launch(plan)

    events = events_until(started, "failed")

    waits = [event.facts["seconds"] for event in events if event.kind == "restarting"]
    assert waits == ["0.05", "0.1"]
    assert events[-1].facts["service"] == "broken"
    eventually(lambda: started.exit_status() is not None)
    assert started.exit_status() == 1
    assert stand_ins.alive() == []


def test_a_command_that_does_not_exist_is_reported(stand_ins, launch):
    service = stand_ins.service("ghost", "sleep")
    plan = stand_ins.plan(type(service)(**{**_fields(service), "command": ("/no/such/command",)}))

    failed = events_until(launch(plan), "failed")[-1]

    assert "No such file or directory" in failed.facts["how"]


def test_stop_ends_descendants_in_other_sessions_that_ignore_sigterm(stand_ins, launch, eventually):
    started = launch(stand_ins.plan(stand_ins.service("worker", "sleep")))
    eventually(lambda: len(stand_ins.alive()) == SLEEPERS)

    started.stop()

    assert stand_ins.alive() == []
    assert started.exit_status() == 0


def is_alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


@pytest.mark.parametrize("victim", ["launcher", "guard", "supervisor"])
@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux: there orphans are adopted by the supervisor")
def test_nothing_outlives_a_sigkill_of(victim, stand_ins, launcher, eventually):
    plan = stand_ins.plan(stand_ins.service("worker", "sleep"), stand_ins.service("other", "sleep"))
    process = launcher(plan)
    eventually(lambda: len(stand_ins.alive()) == 2 * SLEEPERS)
    parents = [psutil.Process(pid_of(plan, name)) for name in ("guard", "supervisor")]

    os.kill(process.pid if victim == "launcher" else pid_of(plan, victim), signal.SIGKILL)

    eventually(lambda: not stand_ins.alive() and is_free(plan))
    eventually(lambda: not [parent for parent in parents if is_alive(parent)])
    assert not Path(plan.state_file).exists()


def test_a_detached_stack_outlives_its_launcher_and_is_stopped_from_elsewhere(
    stand_ins, launcher, eventually, settings
):
    plan = stand_ins.plan(stand_ins.service("worker", "sleep"))
    launcher(plan, "--detach").wait()
    eventually(lambda: len(stand_ins.alive()) == SLEEPERS)

    assert stop_stack(settings) is True

    assert stand_ins.alive() == []
    assert stop_stack(settings) is False


def test_services_that_outlived_both_guard_and_supervisor_are_ended_by_stop(stand_ins, launcher, eventually, settings):
    plan = stand_ins.plan(stand_ins.service("worker", "sleep"))
    launcher(plan)
    eventually(lambda: len(stand_ins.alive()) == SLEEPERS)
    guard, supervisor = pid_of(plan, "guard"), pid_of(plan, "supervisor")
    os.kill(guard, signal.SIGSTOP)  # so that it cannot act while the other one dies
    os.kill(supervisor, signal.SIGKILL)
    os.kill(guard, signal.SIGKILL)
    eventually(lambda: is_free(plan))

    assert stop_stack(settings) is True

    eventually(lambda: not stand_ins.alive())


def test_a_stale_state_file_does_no_harm_to_a_process_that_got_the_same_id(stand_ins, settings):
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as innocent:
        state = Path(stand_ins.plan().state_file)
        started = psutil.Process(innocent.pid).create_time()
        state.write_text(json.dumps({"guard": {"pid": innocent.pid, "started": started - 3600}}))

        assert stop_stack(settings) is False

        assert innocent.poll() is None
        assert not state.exists()
        innocent.kill()


def _fields(service):
    return {name: getattr(service, name) for name in service.__dataclass_fields__}
