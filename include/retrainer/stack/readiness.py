"""Asking the services whether they are ready: health endpoints, and the step host's socket."""

import http.client
import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from retrainer.config.runtime import RuntimeSettings
from retrainer.stack.services import has_step_host

_TIMEOUT_SECONDS = 10.0
_AIRFLOW_JOBS = {"scheduler": "scheduler", "dag-processor": "dag_processor", "triggerer": "triggerer"}


class Readiness:
    """Which services of the local stack are ready, asked again at each call of `poll`."""

    def __init__(self, settings: RuntimeSettings, *, since: datetime) -> None:
        """`since`: heartbeats before that moment are those of an earlier stack."""
        self._settings = settings
        self._since = since
        self.pending = {"api-server", *_AIRFLOW_JOBS}
        if has_step_host():
            self.pending.add("step-host")
        if settings.runs_local_mlflow:
            self.pending.add("mlflow")
        if settings.runs_local_server:
            self.pending.add("model-server")

    def poll(self) -> list[str]:
        """The services that are ready and were not at the last call."""
        ready = [name for name in self._ready() if name in self.pending]
        self.pending.difference_update(ready)
        return ready

    def _ready(self) -> Iterator[str]:
        if "step-host" in self.pending and _accepts(self._settings.step_host_socket):
            yield "step-host"
        if "mlflow" in self.pending and _get(self._settings.mlflow_port, "/health") == b"OK":
            yield "mlflow"
        if "model-server" in self.pending and _get(self._settings.serving_port, "/health/live") is not None:
            yield "model-server"
        if self.pending & {"api-server", *_AIRFLOW_JOBS}:
            yield from self._airflow()

    def _airflow(self) -> Iterator[str]:
        answer = _get(self._settings.airflow_port, "/api/v2/monitor/health")
        if answer is None:
            return
        # the part of the API server that tasks talk to is built at its first request, which takes seconds
        if "api-server" in self.pending and _get(self._settings.airflow_port, "/execution/health") is None:
            return
        yield "api-server"
        health: dict[str, dict[str, JsonValue]] = json.loads(answer)
        for name, job in _AIRFLOW_JOBS.items():
            state = health.get(job) or {}
            beat = state.get(f"latest_{job}_heartbeat")
            if state.get("status") == "healthy" and isinstance(beat, str) and _moment(beat) >= self._since:
                yield name


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _get(port: int, path: str) -> bytes | None:
    """The body of a 200 answer from 127.0.0.1, or None."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.read() if answer.status == http.HTTPStatus.OK else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_TIMEOUT_SECONDS)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
