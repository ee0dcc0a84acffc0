"""The part of Airflow's REST API that a person's clicks amount to: unpause, trigger, backfill, watch."""

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import httpx
from pydantic import JsonValue

from retrainer.errors import StackError

_POLL_SECONDS = 0.7
_TIMEOUT_SECONDS = 30.0
_TRIES = 4
_BACKFILL_SECONDS = 180.0
_BUSY = 503
_HAS_IT = 409

FINAL = ("success", "failed")
"""States in which a DAG run stays."""


class AirflowBusyError(StackError):
    """Airflow could not do it now, such as for a locked database."""


class AirflowHasItError(StackError):
    """What Airflow was to make is there already."""


_REFUSALS: Mapping[int, type[StackError]] = {_BUSY: AirflowBusyError, _HAS_IT: AirflowHasItError}


@dataclass(frozen=True, slots=True)
class DagRun:
    """A DAG run as it is now. `tasks` maps task id to state, in the order of the DAG; "" is not yet scheduled."""

    dag_id: str
    run_id: str
    state: str
    tasks: Mapping[str, str]

    @property
    def is_over(self) -> bool:
        """Will its state not change any more?"""
        return self.state in FINAL


Watch = Callable[[DagRun], None]


class AirflowApi:
    """A logged-in client of one Airflow API server."""

    def __init__(self, url: str, *, username: str, password: str) -> None:
        self._credentials = {"username": username, "password": password}
        self._http = httpx.Client(base_url=url, timeout=_TIMEOUT_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def unpause(self, dag_id: str, *, timeout_seconds: float = 120) -> None:
        """Unpause a DAG, as soon as Airflow has parsed it.

        Raises:
            StackError: Airflow does not know it in time; says what its import errors are.
        """
        deadline = time.monotonic() + timeout_seconds
        while self._ask("GET", f"/api/v2/dags/{dag_id}", missing_ok=True) is None:
            if time.monotonic() > deadline:
                raise StackError(f"Airflow has no DAG {dag_id} after {timeout_seconds:g} s: {self._import_errors()}")
            time.sleep(_POLL_SECONDS)
        self._ask("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": False}, repeatable=True)

    def trigger(self, dag_id: str, conf: dict[str, JsonValue]) -> str:
        """Start a run by hand; its run id, which is given to it here, so that asking again starts no second run."""
        run_id = f"manual__{datetime.now(UTC).isoformat()}"
        body: dict[str, JsonValue] = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        with contextlib.suppress(AirflowHasItError):  # asked again, where the first time was done after all
            self._ask("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body, repeatable=True)
        return run_id

    def backfill(self, dag_id: str, logical_date: datetime) -> str:
        """Backfill the one interval that starts at `logical_date` (aware); the id of its run.

        Waits until no other backfill of the DAG is open: Airflow takes one at a time, and notices only every half
        minute that one is over. Cancelling it instead would leave it paused for ever, and every run of it that is
        cleared later would stay queued. Where Airflow's database is locked, it leaves an open backfill without runs,
        closes that after two minutes, and is asked again.
        """
        moment = logical_date.isoformat()
        body: dict[str, JsonValue] = {"dag_id": dag_id, "from_date": moment, "to_date": moment, "max_active_runs": 1}
        for attempt in range(1, _TRIES + 1):
            self._until(lambda: not self._has_open_backfill(dag_id), f"another backfill of {dag_id} does not end")
            try:
                self._ask("POST", "/api/v2/backfills", json={**body, "reprocess_behavior": "completed"})
                break
            except AirflowBusyError:
                if attempt == _TRIES:
                    raise
        query = {"logical_date_gte": moment, "logical_date_lte": moment}
        found: list[JsonValue] = []

        def has_run() -> bool:
            found[:] = self._list(f"/api/v2/dags/{dag_id}/dagRuns", "dag_runs", params=query)
            return bool(found)

        self._until(has_run, f"the backfill of {dag_id} for {moment} made no run")
        return str(_mapping(found[-1])["dag_run_id"])

    def run(self, dag_id: str, run_id: str) -> DagRun:
        """A run and its tasks, as they are now."""
        where = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"
        state = str(_mapping(self._ask("GET", where))["state"])
        instances = self._list(f"{where}/taskInstances", "task_instances")
        tasks = {str(_mapping(item)["task_id"]): str(_mapping(item)["state"] or "") for item in instances}
        return DagRun(dag_id, run_id, state, tasks)

    def wall_seconds(self, dag_id: str, run_id: str) -> float:
        """How long a run took that is over, in seconds, by Airflow's own clock: scheduling included."""
        run = _mapping(self._ask("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"))
        start, end = (datetime.fromisoformat(str(run[name])) for name in ("start_date", "end_date"))
        return (end - start).total_seconds()

    def wait(self, dag_id: str, run_id: str, *, watch: Watch, timeout_seconds: float) -> DagRun:
        """Wait until a run is over; `watch` is called with each look at it.

        Raises:
            StackError: it is not over in time.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            run = self.run(dag_id, run_id)
            watch(run)
            if run.is_over:
                return run
            if time.monotonic() > deadline:
                raise StackError(f"{dag_id} {run_id} is still {run.state} after {timeout_seconds:g} s: {run.tasks}")
            time.sleep(_POLL_SECONDS)

    def result(self, run: DagRun, task_id: str, *, key: str = "return_value") -> JsonValue:
        """What a task handed on; None if it did not."""
        where = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        answer = self._ask("GET", where, params={"deserialize": "false", "stringify": "false"}, missing_ok=True)
        return None if answer is None else _mapping(answer)["value"]

    def _import_errors(self) -> str:
        errors = self._list("/api/v2/importErrors", "import_errors")
        texts = [str(_mapping(error)["stack_trace"]).strip().splitlines()[-1] for error in errors]
        return "; ".join(texts) or "it reports no import error"

    def _has_open_backfill(self, dag_id: str) -> bool:
        backfills = self._list("/api/v2/backfills", "backfills", params={"dag_id": dag_id, "order_by": "-id"})
        return any(_mapping(backfill)["completed_at"] is None for backfill in backfills)

    def _until(self, happened: Callable[[], bool], problem: str) -> None:
        deadline = time.monotonic() + _BACKFILL_SECONDS
        while not happened():
            if time.monotonic() > deadline:
                raise StackError(f"{problem} within {_BACKFILL_SECONDS:g} s")
            time.sleep(_POLL_SECONDS)

    def _list(self, path: str, key: str, *, params: dict[str, str] | None = None) -> list[JsonValue]:
        found = _mapping(self._ask("GET", path, params=params))[key]
        if not isinstance(found, list):
            raise StackError(f"Airflow answered GET {path} without a list {key!r}")
        return found

    def _ask(
        self,
        method: str,
        path: str,
        *,
        json: dict[str, JsonValue] | None = None,
        params: dict[str, str] | None = None,
        missing_ok: bool = False,
        repeatable: bool = False,
    ) -> JsonValue:
        """One request. A busy server is asked again; a write that cannot be repeated only where nothing was received.

        Airflow answers 500 to a write where SQLite finds that another one was faster: no waiting helps that one.
        """
        repeatable = repeatable or method == "GET"
        for attempt in range(1, _TRIES + 1):
            try:
                self._log_in()
                response = self._http.request(method, path, json=json, params=params)
            except httpx.TransportError as error:
                if attempt == _TRIES or (not repeatable and not isinstance(error, httpx.ConnectError)):
                    raise StackError(f"Airflow does not answer: {method} {path}: {error!r}") from error
                time.sleep(_POLL_SECONDS)
                continue
            if response.status_code >= 500 and repeatable and attempt < _TRIES:
                time.sleep(_POLL_SECONDS)
                continue
            break
        if missing_ok and response.status_code == 404:
            return None
        if response.is_error:
            kind = _REFUSALS.get(response.status_code, StackError)
            raise kind(f"Airflow refused {method} {path}: {response.status_code} {response.text[:500]}")
        answer: JsonValue = response.json()
        return answer

    def _log_in(self) -> None:
        if "Authorization" in self._http.headers:
            return
        response = self._http.post("/auth/token", json=self._credentials)
        if response.is_error:
            raise StackError(f"Airflow does not let {self._credentials['username']!r} in: {response.status_code}")
        self._http.headers["Authorization"] = f"Bearer {response.json()['access_token']}"


def _mapping(value: JsonValue) -> dict[str, JsonValue]:
    if not isinstance(value, dict):
        raise StackError(f"Airflow answered with {type(value).__name__}, expected an object")
    return value
