"""What the lineage events say about a step: datasets by OpenLineage's names, with the versions that were pinned."""

from unittest.mock import Mock, create_autospec

import pytest
from openlineage.client.event_v2 import Dataset

from retrainer.airflow import execution
from retrainer.airflow.lineage import Place, Places, delta_table, source_table, step_lineage
from retrainer.airflow.operators.step import StepOperator
from retrainer.config.declaration import ModelConfig
from retrainer.runtimes.outcome import StepOutcome
from retrainer.runtimes.process import ProcessRuntime
from tests.dags.conftest import PROJECT, Declare, build_context
from tests.factories import make_config, make_request

PLACES = Places(
    source_url="postgresql+psycopg://reader:hunter2@db.internal/shop", mlflow_uri="http://me:hunter2@mlflow:5000"
)
RAW = {"uri": "/data/m/staging/orders/2026", "version": 0}
SNAPSHOT = {"uri": "/data/m/snapshots/orders", "version": 4}
FEATURES = {"uri": "s3://lake/m/features/", "version": 7}
RESULTS = {
    "snapshot": {"tables": [RAW]},
    "validate_data": {"snapshot": [SNAPSHOT]},
    "build_features": {"table": FEATURES, "snapshot": [SNAPSHOT]},
    "train": {"model_uri": "models:/m-abc"},
    "compare": {"promote": True},
    "register": {"version": 3},
    "deploy": {"action": "promote"},
    "rollback": {"action": "rollback"},
    "score": {"table": {"uri": "/data/m/scored", "version": 2}},
}
SOURCE = ("postgres://db.internal:5432", "shop.public.orders", "")
RAW_TABLE = ("file", "/data/m/staging/orders/2026", "0")
SNAPSHOT_TABLE = ("file", "/data/m/snapshots/orders", "4")
FEATURE_TABLE = ("s3://lake", "m/features", "7")
TRAINED = ("http://mlflow:5000", "models:/m-abc", "")
VERSION = ("http://mlflow:5000", "order_late", "3")

FLOWS = {
    "snapshot": ([SOURCE, ("postgres://db.internal:5432", "shop.public.rates", "")], [RAW_TABLE]),
    "validate_data": ([RAW_TABLE], [SNAPSHOT_TABLE]),
    "build_features": ([SNAPSHOT_TABLE], [FEATURE_TABLE]),
    "train": ([FEATURE_TABLE], [TRAINED]),
    "compare": ([FEATURE_TABLE, TRAINED], []),
    "register": ([TRAINED], [VERSION]),
    "deploy": ([VERSION], []),
    "rollback": ([], []),
    "score": ([FEATURE_TABLE], [("file", "/data/m/scored", "2")]),
}


def lineage(step: str, result: dict) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    config: ModelConfig = make_config()
    request = make_request(step, config).model_copy(update={"inputs": RESULTS})  # type: ignore[arg-type]
    found = step_lineage(request, result, source=config.source, places=PLACES)
    return [named(dataset) for dataset in found.inputs], [named(dataset) for dataset in found.outputs]


def named(dataset: Dataset) -> tuple[str, ...]:
    version = (dataset.facets or {}).get("version")
    return dataset.namespace, dataset.name, version.datasetVersion if version else ""


@pytest.mark.parametrize(("step", "flow"), FLOWS.items(), ids=FLOWS)
def test_each_step_goes_from_what_it_read_to_what_it_wrote(step: str, flow: tuple) -> None:
    assert lineage(step, RESULTS[step]) == flow


def test_the_steps_are_one_chain_from_the_source_to_the_version() -> None:
    reached = {SOURCE}
    for step in FLOWS:
        read, written = lineage(step, RESULTS[step])
        reached |= set(written) if reached & set(read) else set()

    assert VERSION in reached


def test_a_step_that_failed_wrote_nothing() -> None:
    assert lineage("train", {}) == ([FEATURE_TABLE], [])


@pytest.mark.parametrize(
    ("url", "table", "place"),
    [
        ("postgresql://db:6543/shop", "sales.orders", ("postgres://db:6543", "shop.sales.orders")),
        ("mysql+mysqldb://u:p@db/shop", "orders", ("mysql://db:3306", "shop.orders")),
        ("mssql+pyodbc://u:p@db:1433/shop", "orders", ("mssql://db:1433", "shop.orders")),
        ("sqlite:////data/shop.db", "orders", ("sqlite:///data/shop.db", "orders")),
    ],
)
def test_a_source_table_is_named_as_openlineage_names_it(url: str, table: str, place: tuple[str, str]) -> None:
    assert source_table(url, table) == Place(*place)


def test_a_delta_table_given_as_a_file_address_is_the_same_dataset() -> None:
    assert delta_table(SNAPSHOT) == delta_table({"uri": "file:///data/m/snapshots/orders", "version": 4})


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Mock:
    fake = create_autospec(ProcessRuntime)
    monkeypatch.setattr(execution, "ProcessRuntime", fake)
    monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS_SOURCE", "postgres://reader:hunter2@db.internal:5433/air")
    return fake


def test_the_operator_tells_the_provider_after_the_step(declare: Declare, runtime: Mock) -> None:
    runtime.return_value.run.return_value = StepOutcome(0, result={"tables": [RAW]})
    task = StepOperator(step="snapshot", declaration=declare(), project_root=PROJECT)
    assert task.get_openlineage_facets_on_complete(None) is None

    task.execute(build_context())

    found = task.get_openlineage_facets_on_complete(None)
    assert ("postgres://db.internal:5433", "air.public.flights", "") in [named(each) for each in found.inputs]
    assert [named(each) for each in found.outputs] == [RAW_TABLE]
    assert "hunter2" not in repr(found)
