"""The `docker` runtime: a step in a container of its own, which is gone when the step has ended in whatever way.

The connection to the engine and the login to a registry are those of Airflow's Docker provider. Its DockerOperator
makes no container with a read-only root, without capabilities and with a limit of processes; it mixes the two streams
of a step within a line, and removes the container before anybody can ask why it died. So the container is made here.
"""

import contextlib
import logging
import signal
import time
from collections.abc import Iterable, Mapping
from typing import TypedDict

from docker.errors import DockerException
from docker.types import DeviceRequest, Mount
from requests.exceptions import RequestException

from docker import APIClient
from retrainer.airflow.containers import engine
from retrainer.airflow.containers.task import TaskName
from retrainer.config.declaration import Runtime
from retrainer.contracts import StepRequest
from retrainer.errors import ConfigurationError, RetrainerError
from retrainer.runtimes.command import TIMED_OUT, step_command
from retrainer.runtimes.environment import step_environment
from retrainer.runtimes.outcome import StepOutcome
from retrainer.runtimes.output import LONGEST_LINE, LONGEST_RESULT, Lines, Log, StepOutput

_CANCEL_SECONDS = 2
"""Airflow kills a task five seconds after it was told to end."""

_OVERDUE_SECONDS = 600
_WAIT_SECONDS = 5
_KILLED = 128 + signal.SIGKILL
_CANCELLED = StepOutcome(-signal.SIGTERM, reason="cancelled", runtime="docker")

logger = logging.getLogger(__name__)


class DockerRuntime:
    """Runs one step. `cancel` may be called before, and from a signal handler.

    `runtime` has the section docker, `url` is the engine's, `environment` is added to that of the image.
    """

    def __init__(
        self, runtime: Runtime, task: TaskName, *, url: str, environment: Mapping[str, str], time_seconds: float
    ) -> None:
        if runtime.docker is None:
            raise ConfigurationError("runtime.docker: is missing")
        self._docker = runtime.docker
        self._limits = runtime.limits
        self._task = task
        self._url = url
        self._environment = step_environment(environment)
        self._time_seconds = time_seconds
        self._is_cancelled = False

    def run(self, request: StepRequest, log: Log) -> StepOutcome:
        """Run the step and hand each line of its output to `log` as it comes, the result apart.

        Raises:
            ConfigurationError: the image, a mount or the network is not there.
            StepFailedError: the engine cannot be used now.
        """
        client = engine.connect(self._url)
        engine.sweep(client, str(self._task))
        engine.ensure_image(
            client, self._docker.image, url=self._url, registry_connection=self._docker.registry_connection
        )
        container = self._create(client, request)
        try:
            if self._is_cancelled:
                return _CANCELLED
            return self._follow(client, container, StepOutput(log))
        except RetrainerError:
            if self._is_cancelled:  # the container was taken away in the middle of a call
                return _CANCELLED
            raise
        finally:
            self._remove(client, container)

    def cancel(self) -> None:
        """End the step and remove its container, on a connection of its own: `run` may be in the middle of a call."""
        self._is_cancelled = True
        try:
            client = engine.connect(self._url, timeout_seconds=_CANCEL_SECONDS * 2)
            engine.remove_all(client, str(self._task), grace_seconds=_CANCEL_SECONDS)
        except (RetrainerError, DockerException, RequestException) as error:
            logger.warning("the container of %s could not be removed; its next try will: %s", self._task, error)

    def _create(self, client: APIClient, request: StepRequest) -> str:
        with engine.translated(f"{request.step}: creating its container"):
            created: dict[str, str] = client.create_container(
                self._docker.image,
                step_command(request, time_seconds=self._time_seconds),
                environment=self._environment,
                labels=self._labels(request),
                host_config=client.create_host_config(**self._host_config()),
                healthcheck={"Test": ["NONE"]},
            )
        return created["Id"]

    def _labels(self, request: StepRequest) -> dict[str, str]:
        until = int(time.time() + self._time_seconds) + _OVERDUE_SECONDS
        return {
            engine.TASK: str(self._task),
            engine.UNTIL: str(until),
            "retrainer.try": str(self._task.try_number),
            "retrainer.model": request.model,
            "retrainer.step": request.step,
            "retrainer.request": request.identity(),
        }

    def _host_config(self) -> "_HostConfig":
        docker = self._docker
        memory = f"{self._limits.memory_mb}m"
        mounts = [Mount(each.target, each.source, each.type, read_only=each.read_only) for each in docker.mounts]
        gpus = [DeviceRequest(count=docker.gpus, capabilities=[["gpu"]])] if docker.gpus else None
        is_tmp_mounted = any(each.target == "/tmp" for each in docker.mounts)  # noqa: S108 a folder of the container
        return _HostConfig(
            network_mode=docker.network,
            mounts=mounts,
            device_requests=gpus,
            tmpfs={} if is_tmp_mounted else {"/tmp": f"rw,nosuid,nodev,mode=1777,size={docker.tmp_mb}m"},  # noqa: S108
            mem_limit=memory,
            memswap_limit=memory,
            nano_cpus=round(self._limits.cpus * 1e9) if self._limits.cpus else None,
            pids_limit=docker.pids,
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            init=True,
        )

    def _follow(self, client: APIClient, container: str, output: StepOutput) -> StepOutcome:
        """Start the container and read what it says until it has ended."""
        with engine.translated("starting the step's container"):
            stream = client.attach(container, stdout=True, stderr=True, stream=True, demux=True)
            client.start(container)
        started = time.monotonic()
        status: int | None = None
        with engine.translated("following the step's container", may_be_refused=False):
            while status is None:
                _read(stream, output)
                status = _status(client, container)
                if status is None:
                    logger.warning("the connection to the step's output was cut; the step goes on")
                    stream = client.attach(container, stdout=True, stderr=True, stream=True, demux=True)
            if output.result is None and not output.error:
                _read_marked(client, container, output)
            state = client.inspect_container(container)["State"]
        is_over = status == TIMED_OUT or (status == _KILLED and time.monotonic() - started > self._time_seconds)
        reason = self._why(is_over_time=is_over, is_over_memory=status == _KILLED and state.get("OOMKilled", False))
        return output.outcome(128 - status if status > 128 else status, reason=reason, runtime="docker")

    def _why(self, *, is_over_time: bool, is_over_memory: bool) -> str:
        if self._is_cancelled:
            return "cancelled"
        if is_over_memory:
            return f"memory limit {self._limits.memory_mb} MB exceeded (killed by the kernel)"
        return f"time limit {self._time_seconds:g} s exceeded" if is_over_time else ""

    def _remove(self, client: APIClient, container: str) -> None:
        try:
            engine.remove(client, container)
        except (RetrainerError, DockerException, RequestException) as error:
            logger.warning("container %s could not be removed; a later step will: %s", container[:12], error)


class _HostConfig(TypedDict):
    """Arguments of docker's create_host_config."""

    network_mode: str
    mounts: list[Mount]
    device_requests: list[DeviceRequest] | None
    tmpfs: dict[str, str]
    mem_limit: str
    memswap_limit: str
    nano_cpus: int | None
    pids_limit: int
    read_only: bool
    cap_drop: list[str]
    security_opt: list[str]
    init: bool


def _read(stream: Iterable[tuple[bytes | None, bytes | None]], output: StepOutput) -> None:
    """Both streams until they end or the connection does. The lines of each come in their order."""
    stdout, stderr = Lines(output.take, LONGEST_RESULT), Lines(output.take_unmarked, LONGEST_LINE)
    with contextlib.suppress(OSError):
        for of_stdout, of_stderr in stream:
            if of_stdout:
                stdout.feed(of_stdout)
            if of_stderr:
                stderr.feed(of_stderr)
    stdout.feed(b"")
    stderr.feed(b"")


def _read_marked(client: APIClient, container: str, output: StepOutput) -> None:
    """Look for the result in all of stdout, where the stream was cut before it came."""
    ignored = StepOutput(lambda _: None)
    lines = Lines(ignored.take, LONGEST_RESULT)
    lines.feed(client.logs(container, stdout=True, stderr=False))
    lines.feed(b"")
    output.result, output.error = ignored.result, ignored.error


def _status(client: APIClient, container: str) -> int | None:
    """Its exit status; None where it still runs after some seconds."""
    try:
        return int(client.wait(container, timeout=_WAIT_SECONDS)["StatusCode"])
    except RequestException:
        state = client.inspect_container(container)["State"]
        return None if state["Running"] else int(state["ExitCode"])
