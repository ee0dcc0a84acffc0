"""A small image whose `retrainer run` does what the request's config asks for: the runtime without the libraries."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from retrainer.airflow.containers.docker import DockerRuntime
from retrainer.airflow.containers.task import TaskName
from retrainer.config.declaration import Runtime
from retrainer.contracts import Interval, StepRequest
from tests.docker.engine import docker

DOCKER_URL = "unix:///var/run/docker.sock"
TAG = "retrainer-stand-in:test"
FIRST = datetime(2013, 6, 1, tzinfo=UTC)

_PROGRAM = r"""#!/usr/local/bin/python3
import json, os, signal, sys, time
request = json.load(sys.stdin)
do = request["config"]["do"]
def done(**result):
    print("retrainer-result: " + json.dumps(result), flush=True)
if do == "say":
    for line in request["config"]["lines"]:
        print(line, file=sys.stderr if line.startswith("e") else sys.stdout, flush=True)
        time.sleep(request["config"].get("pause", 0))
    done(said=len(request["config"]["lines"]))
elif do == "measure":
    done(bytes=len(json.dumps(request)), environ=dict(os.environ), arguments=sys.argv[1:], uid=os.getuid())
elif do == "look round":
    def writable(path):
        try:
            with open(os.path.join(path, "new"), "w"):
                return True
        except OSError:
            return False
    status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
    done(
        writable=[path for path in ("/", "/usr/local/bin", "/var/lib", "/tmp", "/shared") if writable(path)],
        capabilities=status["CapBnd"].strip(),
        no_new_privileges=status["NoNewPrivs"].strip(),
        init=open("/proc/1/comm").read().strip(),
    )
elif do == "fail":
    print("retrainer-error: " + json.dumps(request["config"]["error"]), flush=True)
    sys.exit(request["config"]["status"])
elif do == "sleep":
    print("asleep", flush=True)
    time.sleep(600)
elif do == "ignore signals":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    print("asleep", flush=True)
    time.sleep(600)
elif do == "eat":
    eaten = []
    while True:
        eaten.append(b"x" * 2**24)
"""

_DOCKERFILE = """FROM python:3.12-slim-bookworm
RUN useradd --uid 10001 steps && mkdir /shared && chown steps /shared
COPY --chown=root retrainer /usr/local/bin/retrainer
USER 10001:10001
STOPSIGNAL SIGINT
"""


def build(folder: Path) -> str:
    """Build the image; its id."""
    (folder / "retrainer").write_text(_PROGRAM)
    (folder / "retrainer").chmod(0o755)
    (folder / "Dockerfile").write_text(_DOCKERFILE)
    docker("build", "--tag", TAG, str(folder))
    return docker("image", "inspect", "--format", "{{.Id}}", TAG).stdout.strip()


def request(do: str, **config: Any) -> StepRequest:
    """A request that has the stand-in do this."""
    return StepRequest(
        step="train",
        model="stand_in",
        config={"do": do, **config},
        interval=Interval(start=FIRST, end=FIRST + timedelta(days=1)),
        as_of=FIRST,
        seed=1,
        run_id="a_run",
    )


@dataclass
class Stand:
    """Runs of one task in containers of the image."""

    image: str
    task: str
    docker: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    url: str = DOCKER_URL
    lines: list[tuple[float, str]] = field(default_factory=list)
    """What came in the log, and when."""

    def runtime(self, *, seconds: float = 60, attempt: int = 1) -> DockerRuntime:
        """Another try of the task."""
        section = {
            "kind": "docker",
            "limits": {"memory_mb": 256} | self.limits,
            "docker": {"image": self.image} | self.docker,
        }
        return DockerRuntime(
            Runtime.model_validate(section),
            self.name(attempt),
            url=self.url,
            environment=self.environment,
            time_seconds=seconds,
        )

    def name(self, attempt: int = 1) -> TaskName:
        """The name of the task."""
        return TaskName("a_deployment", "a_dag", "a_run", self.task, -1, attempt)

    def take(self, line: str) -> None:
        """A line of the log."""
        self.lines.append((time.monotonic(), line))

    def containers(self) -> list[str]:
        """Containers of the task that there are, running or not."""
        listed = docker("ps", "--all", "--quiet", "--filter", f"label=retrainer.task={self.name()}")
        return listed.stdout.split()

    def wait_for_line(self, text: str, *, seconds: float = 60) -> None:
        """Until it is in the log."""
        deadline = time.monotonic() + seconds
        while text not in [line for _, line in self.lines]:
            assert time.monotonic() < deadline, self.lines
            time.sleep(0.05)

    def inspected(self) -> dict[str, Any]:
        """The one container of the task."""
        (container,) = self.containers()
        found: list[dict[str, Any]] = json.loads(docker("inspect", container).stdout)
        return found[0]

    @contextmanager
    def no_container_left(self) -> Iterator[None]:
        """Fails where one is left after the block, and removes it."""
        try:
            yield
            assert self.containers() == []
        finally:
            for container in self.containers():
                docker("rm", "--force", "--volumes", container, check=False)
