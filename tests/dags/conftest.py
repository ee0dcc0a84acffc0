"""An Airflow of the tests' own: its home is a temporary folder, set before anything imports Airflow."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock, create_autospec

import pytest

PROJECT = Path(__file__).parents[2]
EXAMPLE = PROJECT / "config" / "models" / "flight_delay.yaml"

_HOME = tempfile.mkdtemp(prefix="retrainer-airflow-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ |= {
    "AIRFLOW_HOME": _HOME,
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
}

from airflow.sdk import Context  # noqa: E402
from airflow.sdk.api.datamodels._generated import DagRun, DagRunState, DagRunType  # noqa: E402
from airflow.sdk.execution_time.cache import SecretCache  # noqa: E402
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance  # noqa: E402

from retrainer.airflow import execution  # noqa: E402
from retrainer.runtimes.outcome import StepOutcome  # noqa: E402
from retrainer.runtimes.process import ProcessRuntime  # noqa: E402
from tests.dags.webhook import Webhook, connect, running_webhook  # noqa: E402

Change = tuple[str, str]
Declare = Callable[..., Path]


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings are the defaults, whatever they are in the shell that runs the tests."""
    for name in os.environ:
        if name.startswith(("RETRAINER_", "AIRFLOW_CONN_")):
            monkeypatch.delenv(name)


@pytest.fixture
def models_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of declarations, which the settings name."""
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("RETRAINER_MODELS_DIR", str(folder))
    monkeypatch.setenv("RETRAINER_HOME", str(tmp_path / "home"))
    return folder


@pytest.fixture
def declare(models_dir: Path) -> Declare:
    """Writes the example's declaration under another name, with some of its text changed."""

    def write(name: str = "flight_delay", *changes: Change) -> Path:
        text = EXAMPLE.read_text()
        for old, new in (("name: flight_delay", f"name: {name}"), *changes):
            assert old in text
            text = text.replace(old, new, 1)
        path = models_dir / f"{name}.yaml"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    """A Slack that the connection `alerts` leads to."""
    with running_webhook() as server:
        connect(monkeypatch, server.server_port)
        yield server


@pytest.fixture
def no_kept_connections() -> Iterator[None]:
    """Airflow keeps connections that it looked up."""
    yield
    SecretCache.reset()


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """The class of the runtime, replaced; a step of it is done with an empty result."""
    fake = create_autospec(ProcessRuntime)
    fake.return_value.run.return_value = StepOutcome(0, result={})
    monkeypatch.setattr(execution, "ProcessRuntime", fake)
    return fake


@pytest.fixture
def make_context() -> Callable[..., Context]:
    return build_context


def build_context(
    *,
    interval: tuple[datetime, datetime] | None = None,
    run_after: datetime = datetime(2013, 6, 1, 12, tzinfo=UTC),
    params: dict[str, object] | None = None,
    announced: tuple[dict[str, object] | None, ...] = (),
    results: dict[str, object] | None = None,
    run_type: str = "manual",
) -> Context:
    """The template context of a task, as Airflow 3.3 builds it: no data interval at all where the run has none."""
    ti = Mock(spec=RuntimeTaskInstance)
    ti.configure_mock(dag_id="flight_delay__train", run_id="a_run", task_id="a_task", map_index=-1, try_number=1)
    ti.xcom_pull.side_effect = lambda *, task_ids: (results or {}).get(task_ids)
    start, end = interval or (None, None)
    run = DagRun(
        dag_id="flight_delay__train",
        run_id="a_run",
        logical_date=start,
        data_interval_start=start,
        data_interval_end=end,
        run_after=run_after,
        start_date=run_after,
        end_date=None,
        run_type=DagRunType(run_type),
        state=DagRunState.RUNNING,
        consumed_asset_events=[],
        partition_key=None,
    )
    context: dict[str, object] = {
        "ti": ti,
        "dag_run": run,
        "params": {"as_of": None, "reason": ""} | (params or {}),
        "triggering_asset_events": {"flights": [SimpleNamespace(extra=extra) for extra in announced]},
        "outlet_events": _OutletEvents(),
    }
    if interval:
        context |= {"data_interval_start": start, "data_interval_end": end}
    return context  # type: ignore[return-value]


class _OutletEvents(dict):  # type: ignore[type-arg]
    def __missing__(self, asset: object) -> SimpleNamespace:
        self[asset] = SimpleNamespace(extra={})
        return self[asset]
