"""The services of docker-compose.yaml as tests use them: a project of its own, on free ports, gone at the end."""

import json
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import yaml
from pydantic import JsonValue

from retrainer.config.declaration import ModelConfig
from retrainer.config.load import load_declaration
from retrainer.demo.airflow_api import DagRun
from tests.docker.engine import PROJECT, docker
from tests.integration.loop import Airflow as LocalAirflow
from tests.ports import free_ports

ONE_SHOT = ("airflow-init", "example-data", "server-keys")
"""Services that do something once, and are not there to be asked."""

_POLL_SECONDS = 1.0
_DOWN_SECONDS = "5"


def compose_command() -> list[str]:
    """Compose v2 where the engine's client has it, else docker-compose 1.29."""
    has_plugin = docker("compose", "version", check=False).returncode == 0
    return ["docker", "compose"] if has_plugin else [str(shutil.which("docker-compose"))]


def compose(env_file: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run Compose on docker-compose.yaml with the values of `env_file`, and none of this process's own."""
    command = [*compose_command(), "--env-file", str(env_file), "--file", "docker-compose.yaml", *arguments]
    environ = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, env=environ, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def make_secrets(env_file: Path) -> str:
    """What `make secrets` does, to another file; what it says."""
    script = PROJECT / "config" / "compose" / "secrets.sh"
    return subprocess.run(["bash", script, env_file], capture_output=True, text=True, check=True).stdout


def read_env(env_file: Path) -> dict[str, str]:
    """The values in a .env file by name."""
    lines = env_file.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


class Airflow(LocalAirflow):
    """What these tests ask of Airflow beyond what those of the local one ask."""

    def paused(self) -> dict[str, bool]:
        """Every DAG, and whether it is paused."""
        return {dag["dag_id"]: dag["is_paused"] for dag in self._list("/api/v2/dags", "dags", params={"limit": "100"})}

    def instance(self, run: DagRun, task_id: str) -> dict[str, JsonValue]:
        """The last try of a task: its state, number, worker."""
        return self._ask("GET", f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task_id}")

    def hosts(self, run: DagRun) -> set[str]:
        """The hosts on which the tasks of a run ran."""
        where = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances"
        found = self._list(where, "task_instances", params={"limit": "100"})
        return {str(instance["hostname"]) for instance in found if instance["hostname"]}

    def log(self, run: DagRun, task_id: str, number: int) -> str:
        """The log of one try of a task, as the UI shows it."""
        where = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task_id}/logs/{number}"
        return json.dumps(self._ask("GET", where, missing_ok=True))


@dataclass(frozen=True)
class Service:
    """A container of the project."""

    name: str
    details: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.details["Id"])

    @property
    def is_well(self) -> bool:
        """Runs and is healthy, or has done what it was to do."""
        state = self.details["State"]
        if self.name in ONE_SHOT:
            return state["Status"] == "exited" and state["ExitCode"] == 0
        return state["Status"] == "running" and state["Health"]["Status"] == "healthy"


@dataclass
class Cluster:
    """A project that is up."""

    name: str
    env_file: Path
    models: Path
    values: Mapping[str, str]
    runs: dict[str, DagRun] = field(default_factory=dict)
    """Runs that a later test asks about, by model."""

    @cached_property
    def airflow(self) -> Airflow:
        url = f"http://127.0.0.1:{self.values['AIRFLOW_PORT']}"
        return Airflow(url, username="admin", password=self.values["AIRFLOW_ADMIN_PASSWORD"])

    @cached_property
    def server(self) -> httpx.Client:
        """A client of the model server, with its predict key."""
        headers = {"authorization": f"Bearer {self.values['SERVER_PREDICT_KEY']}"}
        url = f"http://127.0.0.1:{self.values['SERVER_PORT']}"
        return httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=10)

    def compose(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Compose, on this project only."""
        return compose(self.env_file, "--project-name", self.name, *arguments, check=check)

    def services(self, name: str = "") -> list[Service]:
        """Its containers as they are now; with a name, those of one service."""
        label = f"label=com.docker.compose.project={self.name}"
        ids = docker("ps", "--all", "--quiet", "--no-trunc", "--filter", label).stdout.split()
        found = json.loads(docker("inspect", *ids).stdout) if ids else []
        services = [Service(each["Config"]["Labels"]["com.docker.compose.service"], each) for each in found]
        return [service for service in services if name in ("", service.name)]

    def execute(self, name: str, *command: str) -> str:
        """What a command says on stdout in the first container of a service that runs."""
        running = [each for each in self.services(name) if each.details["State"]["Running"]]
        return docker("exec", running[0].id, *command).stdout.strip()

    def declaration(self, model: str) -> ModelConfig:
        return load_declaration(self.models / f"{model}.yaml")

    def backfill(self, model: str, as_of: date, kind: str = "train") -> str:
        """Backfill the interval that ends at local midnight of `as_of`; the id of its run."""
        schedule = self.declaration(model).schedule
        midnight = datetime(as_of.year, as_of.month, as_of.day, tzinfo=schedule.zone)
        return self.airflow.backfill(f"{model}__{kind}", schedule.interval_before(midnight).start)

    def over(self, model: str, run_id: str, kind: str = "train", *, seconds: float = 900) -> DagRun:
        """Wait for the end of a run, which must be a success."""
        run = self.airflow.wait(f"{model}__{kind}", run_id, watch=lambda _: None, timeout_seconds=seconds)
        if run.state != "success":
            failed = [task for task, state in run.tasks.items() if state in ("failed", "upstream_failed")]
            number = int(str(self.airflow.instance(run, failed[0])["try_number"]))
            raise AssertionError(f"{run}\n{self.airflow.log(run, failed[0], number)[-5000:]}")
        return run

    def history(self, model: str) -> list[dict[str, Any]]:
        """The ledger's entries of a model, oldest first."""
        entries: list[dict[str, Any]] = json.loads(self.execute("worker", "retrainer", "history", model, "--json"))
        return sorted(entries, key=lambda entry: entry["sequence"])

    def versions(self, model: str) -> list[int]:
        """Numbers of the versions that MLflow has, ascending."""
        url = f"http://127.0.0.1:{self.values['MLFLOW_PORT']}/api/2.0/mlflow/model-versions/search"
        answer = httpx.get(url, params={"filter": f"name='{model}'"}, trust_env=False, timeout=30)
        answer.raise_for_status()
        return sorted(int(version["version"]) for version in answer.json().get("model_versions", []))

    def until(self, what: str, happened: Callable[[], object], *, seconds: float) -> None:
        """Wait until something has happened."""
        deadline = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds:g} s: {what}\n{self.report()}")
            time.sleep(_POLL_SECONDS)

    def report(self) -> str:
        """How its containers are, and the end of the log of each that is not well."""
        lines = []
        for service in self.services():
            state = service.details["State"]
            health = state.get("Health", {})
            lines.append(f"{service.name}: {state['Status']}, {health.get('Status')}, exit {state['ExitCode']}")
            if not service.is_well:
                logs = docker("logs", "--tail", "40", service.id, check=False)
                lines += [logs.stdout, logs.stderr, *(str(each["Output"]) for each in health.get("Log", [])[-1:])]
        return "\n".join(lines)


@contextmanager
def running_cluster(
    folder: Path, declarations: Sequence[Mapping[str, JsonValue]], **settings: str
) -> Iterator[Cluster]:
    """A project with these models, after `up`; its containers, networks and volumes are removed at the end."""
    folder.chmod(0o755)
    models, env_file = folder / "models", folder / "env"
    models.mkdir()
    for declaration in declarations:
        path = models / f"{declaration['name']}.yaml"
        path.write_text(yaml.safe_dump(dict(declaration), sort_keys=False), encoding="utf-8")
    names = ("AIRFLOW_PORT", "MLFLOW_PORT", "SERVER_PORT")
    ports = {name: str(port) for name, port in zip(names, free_ports(len(names)), strict=True)}
    given = ports | {"TAG": "test", "MODELS_DIR": str(models)} | settings
    env_file.write_text("".join(f"{name}={value}\n" for name, value in given.items()), encoding="utf-8")
    make_secrets(env_file)
    cluster = Cluster(f"retrainer-test-{uuid.uuid4().hex[:8]}", env_file, models, read_env(env_file))
    try:
        cluster.compose("up", "--detach", "--no-build", "--scale", "worker=2")
        yield cluster
    finally:
        cluster.compose("down", "--volumes", "--remove-orphans", "--timeout", _DOWN_SECONDS)
