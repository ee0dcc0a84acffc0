"""Light stand-ins for the services, so that the supervision itself is tested in seconds."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from tests.ports import stack_ports

from retrainer.config.runtime import RuntimeSettings, load_settings
from retrainer.stack.launch import Launch
from retrainer.stack.lock import StackLock
from retrainer.stack.plan import Plan, Service
from retrainer.stack.services import state_file

STAND_IN = Path(__file__).with_name("stand_in.py")
DEADLINE_SECONDS = 20.0

Eventually = Callable[[Callable[[], object]], None]


@pytest.fixture
def eventually() -> Eventually:
    """Wait until a condition holds, and fail when it does not within 20 s."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come to hold"
            time.sleep(0.05)

    return wait


@pytest.fixture
def settings(tmp_path: Path) -> RuntimeSettings:
    """Settings of an empty project, with free ports."""
    (tmp_path / "project").mkdir()
    environ = dict(os.environ) | stack_ports() | {"RETRAINER_STEP_HOST_SOCKET": str(tmp_path / "s.sock")}
    loaded = load_settings(environ, tmp_path / "project")
    state_file(loaded).parent.mkdir(parents=True)
    return loaded


class StandIns:
    """Plans of stand-ins, and which of their processes are alive."""

    def __init__(self, folder: Path, settings: RuntimeSettings) -> None:
        self.folder = folder
        self.settings = settings

    def service(self, name: str, mode: str, *arguments: str, once: bool = False, after: str = "") -> Service:
        return Service(
            name=name,
            command=(sys.executable, str(STAND_IN), mode, str(self.folder), *arguments),
            environment=dict(os.environ),
            working_directory=str(self.folder),
            log_file=str(self.folder.parent / f"{name}.log"),
            once=once,
            after=after,
            done_file=str(self.folder.parent / f"{name}.done") if once else "",
            done_text="done",
        )

    def plan(self, *services: Service) -> Plan:
        state = str(state_file(self.settings))
        return Plan(services=services, state_file=state, grace_seconds=0.5, backoff_seconds=0.05, max_restarts=2)

    def started(self) -> list[int]:
        """Every stand-in process there has ever been."""
        return [int(item.name) for item in self.folder.iterdir()]

    def alive(self) -> list[int]:
        """Those that still run."""
        return [pid for pid in self.started() if is_alive(pid)]


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def stand_ins(tmp_path: Path, settings: RuntimeSettings) -> Iterator[StandIns]:
    folder = tmp_path / "pids"
    folder.mkdir()
    made = StandIns(folder, settings)
    yield made
    for pid in made.alive():  # only after a test that failed
        psutil.Process(pid).kill()


@pytest.fixture
def launch(stand_ins: StandIns, tmp_path: Path) -> Iterator[Callable[[Plan], Launch]]:
    """Start plans that end with the test."""
    launches: list[Launch] = []

    def start(plan: Plan) -> Launch:
        lock = StackLock.take(Path(plan.state_file).with_name("lock"))
        assert lock is not None
        launches.append(Launch(plan, lock=lock, environment=os.environ, log_file=tmp_path / "stack.log"))
        lock.close()
        return launches[-1]

    yield start
    for started in launches:
        started.stop()
