"""What the tests of the loop ask of a running stack, and the declarations that it runs.

The good one is the example's, made small: a week of training, few trees, so that a whole run takes seconds.
"""

import contextlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import httpx
import psutil
import yaml
from pydantic import JsonValue

from retrainer.config.declaration import ModelConfig
from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import Entry
from retrainer.demo.airflow_api import AirflowApi, AirflowHasItError, DagRun
from retrainer.demo.progress import Progress
from retrainer.demo.story import FEED_DAG, TRAIN_DAG
from retrainer.deployment import standing
from retrainer.ledger import Ledger
from retrainer.stack.local import Stack

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "config" / "models" / "flight_delay.yaml"
RUN_SECONDS = 120.0
LOG_LINES = 25
POLL_SECONDS = 0.3

BROKEN = "broken_model.yaml"
"""A second declaration, with a misspelt key on the line MISSPELT_LINE."""


def small_declaration(changes: dict[str, JsonValue] | None = None) -> dict[str, JsonValue]:
    """The example's declaration with a small slice of data, few trees, and little patience; `changes` by section."""
    content = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    content["windows"] = {"training_days": 7, "holdout_days": 6, "min_training_rows": 1000, "min_holdout_rows": 500}
    content["estimator"]["parameters"] = {"max_iter": 25, "learning_rate": 0.2, "early_stopping": False}
    content["evaluation"] |= {"confidence": 0.5, "resamples": 300}
    content["runtime"] |= {"retries": 4, "retry_delay_seconds": 1, "poll_seconds": 1}
    for section, values in (changes or {}).items():
        content[section] = content.get(section, {}) | values
    return content


def misspelt(text: str) -> str:
    """The example's declaration under another name, with `retries` misspelt."""
    return text.replace("name: flight_delay", "name: broken_model").replace("  retries: 2", "  retrise: 2")


_APPROVE = f"/api/v2/dags/{TRAIN_DAG}/dagRuns/{{}}/taskInstances/approve/-1"


class Airflow(AirflowApi):
    """What the tests do beyond what the demo does."""

    def clear(self, run_id: str) -> None:
        """Clear a whole run of the training DAG, as the button in the UI does."""
        body: dict[str, JsonValue] = {"dry_run": False, "only_failed": False}
        self._ask("POST", f"/api/v2/dags/{TRAIN_DAG}/dagRuns/{run_id}/clear", json=body, repeatable=True)

    def train_by_hand(self, as_of: date) -> str:
        """Start a training run by hand, as of local midnight; its run id."""
        return self.trigger(TRAIN_DAG, {"as_of": f"{as_of.isoformat()}T00:00:00", "reason": "a test"})

    def run_ids(self, dag_id: str) -> list[str]:
        """The runs of a DAG, in no order."""
        answer = self._ask("GET", f"/api/v2/dags/{dag_id}/dagRuns", params={"limit": "100"})
        return [run["dag_run_id"] for run in answer["dag_runs"]]

    def tries(self, run_id: str) -> dict[str, int]:
        """How often each task of a training run was tried."""
        answer = self._ask("GET", f"/api/v2/dags/{TRAIN_DAG}/dagRuns/{run_id}/taskInstances")
        return {item["task_id"]: item["try_number"] for item in answer["task_instances"]}

    def mapped(self, dag_id: str, run_id: str, task_id: str) -> list[dict[str, JsonValue]]:
        """The instances of a mapped task of a run, in order."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/listMapped"
        return sorted(self._ask("GET", path)["task_instances"], key=lambda item: item["map_index"])

    def clear_part(self, dag_id: str, run_id: str, task_id: str, map_index: int) -> None:
        """Clear one instance of a mapped task and what follows it."""
        body: dict[str, JsonValue] = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": [[task_id, map_index]],
            "include_downstream": True,
            "only_failed": False,
        }
        self._ask("POST", f"/api/v2/dags/{dag_id}/clearTaskInstances", json=body)

    def question(self, run_id: str) -> dict[str, JsonValue]:
        """What `approve` of a training run asks."""
        return self._ask("GET", f"{_APPROVE.format(run_id)}/hitlDetails")

    def answer(self, run_id: str, option: str) -> None:
        """Answer the question of a training run, as the button in the UI does."""
        with contextlib.suppress(AirflowHasItError):
            self._ask(
                "PATCH", f"{_APPROVE.format(run_id)}/hitlDetails", json={"chosen_options": [option]}, repeatable=True
            )

    def page(self, path: str) -> str:
        """A page of this server, as the logged-in user sees it."""
        self._log_in()
        response = self._http.get(path)
        assert response.status_code == 200, response.text
        return response.text

    def import_errors(self) -> list[dict[str, str]]:
        """The import errors as the UI shows them."""
        return self._ask("GET", "/api/v2/importErrors")["import_errors"]

    def knows(self, dag_id: str) -> bool:
        """Is there such a DAG?"""
        return self._ask("GET", f"/api/v2/dags/{dag_id}", missing_ok=True) is not None


@dataclass
class Loop:
    """The running stack, and what the tests did with it so far."""

    settings: RuntimeSettings
    stack: Stack
    airflow: Airflow
    config: ModelConfig
    progress: Progress
    runs: dict[str, str] = field(default_factory=dict)
    """Run ids that a later test asks about, by what they are."""

    @property
    def features(self) -> Path:
        """The module of the model's row features, which a test may change."""
        return self.settings.home / "code" / "models" / "flight_delay" / "features.py"

    def land(self, first: date, until: date | None = None, *, also: dict[str, JsonValue] | None = None) -> DagRun:
        """Have the feed land the days from `first` to `until` (exclusive; None: one day), with `also` in its form."""
        end = until or first + timedelta(days=1)
        run_id = self.airflow.trigger(FEED_DAG, {"from": first.isoformat(), "to": end.isoformat(), **(also or {})})
        return self.over(run_id, dag_id=FEED_DAG)

    def backfill(self, as_of: date) -> str:
        """Backfill the interval that ends at local midnight of `as_of`; the id of its run."""
        return self.airflow.backfill(TRAIN_DAG, self.start_of(as_of))

    def over(self, run_id: str, *, dag_id: str = TRAIN_DAG, expected: str = "success") -> DagRun:
        """Wait for a run's end, which must be as expected; if it is not, the logs of its tasks are printed."""
        try:
            run = self.airflow.wait(dag_id, run_id, watch=self._watch, timeout_seconds=RUN_SECONDS)
        except Exception:
            self.print_logs(dag_id, run_id)
            raise
        if run.state != expected:
            self.print_logs(dag_id, run_id)
        assert run.state == expected, f"{dag_id} {run_id}: {run.state}, {dict(run.tasks)}"
        return run

    def until(self, what: str, happened: Callable[[], bool], *, seconds: float = 60) -> None:
        """Wait until something has happened."""
        deadline = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
            time.sleep(POLL_SECONDS)

    def task_is(self, run_id: str, task_id: str, *states: str) -> bool:
        """Is a task of a training run in one of `states` now?"""
        return self.airflow.run(TRAIN_DAG, run_id).tasks.get(task_id) in states

    def start_of(self, as_of: date) -> datetime:
        """Start of the interval that ends at local midnight of `as_of`."""
        midnight = datetime(as_of.year, as_of.month, as_of.day, tzinfo=self.config.schedule.zone)
        return self.config.schedule.interval_before(midnight).start

    def result(self, run: DagRun, step: str) -> dict[str, JsonValue]:
        """What a step of a run handed on."""
        found = self.airflow.result(run, step)
        assert isinstance(found, dict), f"{step} of {run.run_id} handed on {found!r}"
        return found

    def entries(self) -> list[Entry]:
        """The ledger, oldest entry first."""
        return list(Ledger.open(self.settings.ledger_url).entries(self.config.name))

    def champion(self) -> int | None:
        """The version in production by the ledger, which the alias in MLflow must mirror."""
        version = standing(self.entries()).champion
        assert self.alias("champion") == version
        return version

    def versions(self) -> list[int]:
        """Numbers of the registered versions, ascending."""
        found = self._mlflow("model-versions/search", filter=f"name='{self.config.name}'")
        return sorted(int(version["version"]) for version in found.get("model_versions", []))

    def alias(self, alias: str) -> int | None:
        """The version that an alias names in MLflow."""
        found = self._mlflow("registered-models/alias", name=self.config.name, alias=alias)
        return int(found["model_version"]["version"]) if "model_version" in found else None

    def move_alias(self, alias: str, version: int) -> None:
        """Move an alias in MLflow by hand."""
        body = {"name": self.config.name, "alias": alias, "version": str(version)}
        url = f"{self.stack.mlflow_url}/api/2.0/mlflow/registered-models/alias"
        httpx.post(url, json=body, trust_env=False).raise_for_status()

    def processes(self, words: str) -> list[psutil.Process]:
        """Processes of this stack with `words` in their command line, oldest first."""
        family = psutil.Process(self.stack.guard_pid).children(recursive=True)
        found = [process for process in family if words in " ".join(_command(process))]
        return sorted(found, key=lambda process: process.create_time())

    def print_logs(self, dag_id: str, run_id: str) -> None:
        """The end of every log of a run's tasks, for whoever reads the failed test."""
        folder = self.settings.home / "airflow" / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}"
        for log in sorted(folder.rglob("*.log")):
            said = [_said(line) for line in log.read_text(errors="replace").splitlines()[-LOG_LINES:]]
            sys.stderr.write("\n".join([f"--- {log.relative_to(folder)}", *said, ""]))

    def _mlflow(self, path: str, **params: str) -> dict:
        response = httpx.get(f"{self.stack.mlflow_url}/api/2.0/mlflow/{path}", params=params, trust_env=False)
        return response.json() if response.status_code in (200, 404) or "INVALID" in response.text else {}

    def _watch(self, run: DagRun) -> None:
        self.progress.show(f"{run.dag_id} {run.run_id}", run)


def _said(line: str) -> str:
    """A line of an Airflow log without the fields that say where it comes from."""
    try:
        fields = json.loads(line)
    except ValueError:
        return line
    return f"{fields.get('timestamp')} {str(fields.get('event'))[:400]} {fields.get('error_detail', '')}"


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []
