"""The images as tests use them: built once, and run as they are meant to be run, with a root that is read only."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from retrainer import __version__

PROJECT = Path(__file__).parents[2]
TARGETS = ("server", "steps", "airflow")
REVISION = "0123456789abcdef0123456789abcdef01234567"
USER = 10001
READ_ONLY = ("--read-only", "--tmpfs=/tmp", f"--tmpfs=/var/lib/retrainer:uid={USER},gid={USER},mode=700")
"""What docs/images.md says: nothing but these two folders has to be written to."""
NEEDS_ENGINE = "needs a Docker engine that answers to `docker info`; start it, then: pytest -m docker"


def docker(*arguments: str, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the docker command line."""
    command = ["docker", *arguments]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, input=stdin, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def require_engine() -> None:
    """Skip the test where there is no engine."""
    if shutil.which("docker") is None or docker("info", check=False).returncode != 0:
        pytest.skip(NEEDS_ENGINE)


@dataclass(frozen=True)
class Image:
    """An image of this project. Its layers come out of the builder's cache where nothing has changed."""

    target: str

    @property
    def tag(self) -> str:
        return f"retrainer-{self.target}:test"

    def build(self) -> None:
        arguments = {"VERSION": __version__, "REVISION": REVISION}
        options = [part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")]
        docker("build", "--target", self.target, "--tag", self.tag, *options, ".")

    @cached_property
    def details(self) -> dict[str, Any]:
        found: list[dict[str, Any]] = json.loads(docker("image", "inspect", self.tag).stdout)
        return found[0]

    @property
    def labels(self) -> dict[str, str]:
        labels: dict[str, str] = self.details["Config"]["Labels"]
        return labels

    def run(
        self, *command: str, options: Sequence[str] = (), stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end in a new container."""
        with_input = [] if stdin is None else ["--interactive"]
        return docker("run", "--rm", *READ_ONLY, *with_input, *options, self.tag, *command, check=False, stdin=stdin)

    @contextmanager
    def running(self, *command: str, options: Sequence[str] = ()) -> Iterator["Container"]:
        """A container in the background, until the end of the block."""
        container = Container(docker("run", "--detach", *READ_ONLY, *options, self.tag, *command).stdout.strip())
        try:
            yield container
        finally:
            docker("rm", "--force", "--volumes", container.id)


@dataclass(frozen=True)
class Container:
    """A container that runs."""

    id: str

    @property
    def log(self) -> str:
        done = docker("logs", self.id)
        return done.stdout + done.stderr

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(docker("inspect", "--format", "{{json .State}}", self.id).stdout)
        return found

    @property
    def health(self) -> str:
        status: str = self.state["Health"]["Status"]
        return status

    def stop(self) -> None:
        """End it as a supervisor does."""
        docker("stop", self.id)

    def execute(self, *command: str) -> str:
        """What a command says on stdout in it."""
        return docker("exec", self.id, *command).stdout.strip()

    def address(self, port: int) -> str:
        """Where a published port of it is."""
        return f"http://{docker('port', self.id, str(port)).stdout.splitlines()[0]}"


def mounts(*folders: Path) -> list[str]:
    """Folders of this machine at the same place in a container, whose user may do there what it likes."""
    for folder in folders:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(path.stat().st_mode | (0o777 if path.is_dir() else 0o666))
    return [f"--mount=type=bind,source={folder},target={folder}" for folder in folders]


def variables(environ: dict[str, str]) -> list[str]:
    """Options that set these variables."""
    return [f"--env={name}={value}" for name, value in environ.items()]
