"""A model whose data and whose MLflow artifacts are on S3, by settings alone: from its source to its archive."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import httpx
import pandas as pd
import pytest
from deltalake import DeltaTable
from mlflow import MlflowClient

from retrainer.config.declaration import ModelConfig
from retrainer.config.runtime import RuntimeSettings, load_settings
from retrainer.contracts import Scored, StepName
from retrainer.errors import UnsafeArtifactError
from retrainer.registry import load_model
from retrainer.scoring import scored_uri
from retrainer.snapshots import DataPlace, partition_counts, remove_staging
from retrainer.steps.catalog import load_step
from retrainer.steps.tracking import connect_tracking
from tests.factories import day, environment, make_config, make_request, small_source
from tests.mlflow_store import new_store
from tests.ports import free_ports

NIGHT = 17
PIPELINE: tuple[StepName, ...] = (
    "snapshot", "validate_data", "build_features", "train", "compare", "register", "deploy",
)  # fmt: skip


@dataclass
class Stored:
    """The small source's model, all of whose files are in a bucket."""

    home: Path
    bucket: str
    environ: dict[str, str]
    config: ModelConfig

    @property
    def settings(self) -> RuntimeSettings:
        return load_settings(self.environ, self.home)

    @property
    def place(self) -> DataPlace:
        return DataPlace(self.settings.data_uri, self.config.name)

    def run(self, step: StepName, number: int, inputs: dict[str, Any]) -> Any:
        return load_step(step)(make_request(step, self.config, interval=day(number), inputs=inputs), self.settings)

    def keys(self, below: str) -> list[str]:
        pages = boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=below)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]


CODE = {
    "__init__": "",
    "features": "def row_features(columns):\n    return {'digit': columns['amount'] % 10}\n",
    "rule": "def predict(columns):\n    return columns['amount'] * 0 + 0.5\n",
}


def declared() -> ModelConfig:
    return make_config(
        windows={"training_days": 8, "holdout_days": 8},
        features={"module": "stored_code.features", "numeric": ["amount", "digit", "rates__rate", "region_late"]},
        estimator={"type": "lightgbm.LGBMClassifier", "parameters": {"n_estimators": 5, "min_child_samples": 5}},
        serving={"level": {"p95_ms": 60_000}},
        evaluation={"baseline": "stored_code.rule", "resamples": 200, "confidence": 0.9},
        gates={"min_gain_over_baseline": None, "max_calibration_error": None, "max_latency_p95_ms": 60_000.0},
    )


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory, bucket: str, variables: dict[str, str]) -> Iterator[Stored]:
    home = tmp_path_factory.mktemp("stored")
    for name, text in CODE.items():
        path = home / "code" / "stored_code" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    config = declared()
    environ = environment(home, small_source(home / "source.sqlite", days=range(NIGHT + 3)))
    environ |= variables | {
        "RETRAINER_DATA_URI": f"s3://{bucket}/data",
        "RETRAINER_MLFLOW_URI": new_store(home / "mlflow.sqlite"),
        "RETRAINER_SERVING_URI": "none",
    }
    client = MlflowClient(environ["RETRAINER_MLFLOW_URI"])
    for name in (config.name, f"{config.name}__data", f"{config.name}__monitor"):
        client.create_experiment(name, artifact_location=f"s3://{bucket}/mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(home / "code")
        yield Stored(home, bucket, environ, config)


@pytest.fixture(scope="module")
def results(stored: Stored) -> dict[str, Any]:
    """A night's run: the result of each step."""
    found: dict[str, Any] = {}
    for step in PIPELINE:
        found[step] = stored.run(step, NIGHT, found)
    return found


@pytest.fixture(scope="module")
def scored(stored: Stored, results: dict[str, Any]) -> Scored:
    found: Scored = stored.run("score", NIGHT, results)
    return found


def test_the_nights_run_releases_a_version_and_leaves_no_data_on_this_machine(stored, results):
    assert results["deploy"].action == "promote", results["compare"].reason
    assert results["validate_data"].snapshot[0].uri == f"s3://{stored.bucket}/data/order_late/snapshots/orders"
    assert partition_counts(stored.place.features()) == {day(n).key: 12 for n in range(NIGHT - 15, NIGHT + 1)}
    assert not (stored.home / "home" / "data").exists()
    assert not [path for path in stored.home.rglob("*") if path.suffix in (".parquet", ".skops", ".html")]


def test_the_validations_report_is_a_page_in_the_bucket(stored, results):
    (page,) = [key for key in stored.keys("data/order_late/validation") if key.endswith("index.html")]
    body = boto3.client("s3").get_object(Bucket=stored.bucket, Key=page)["Body"].read()
    assert b"<html" in body


def test_the_models_files_are_in_the_bucket_and_are_verified_when_they_are_loaded(stored, results):
    trained = results["train"]
    assert [key for key in stored.keys("mlflow/models") if key.endswith("/model.skops")]
    connect_tracking(stored.settings)
    model = load_model(trained.model_uri, digest=trained.artifact_digest)
    assert type(model.pipeline["estimator"]).__name__ == "LGBMClassifier"
    with pytest.raises(UnsafeArtifactError, match="digest"):
        load_model(trained.model_uri, digest="0" * 64)


def test_the_same_request_again_changes_nothing(stored, results):
    before = stored.keys("data/order_late/features")
    again = stored.run("build_features", NIGHT, results)
    assert again == results["build_features"]
    assert stored.keys("data/order_late/features") == before
    assert stored.run("train", NIGHT, results) == results["train"]


def test_an_interval_is_scored_and_monitored(stored, results, scored):
    assert (scored.rows, scored.version) == (12, 1)
    assert partition_counts(scored_uri(stored.settings.data_uri, "order_late")) == {day(NIGHT).key: 12}
    found = stored.run("monitor", NIGHT, {**results, "score": scored})
    assert (found.version, found.skipped) == (1, "")
    assert stored.keys("data/order_late/monitoring")


def test_the_archive_step_and_the_vacuum_delete_from_the_bucket(stored, results, scored):
    assert stored.keys("data/order_late/staging")
    assert stored.run("archive", NIGHT, {}).kept == {1: "champion"}
    freed = remove_staging(stored.place, before=datetime.now(UTC) + timedelta(minutes=1))
    assert freed > 0
    assert not [key for key in stored.keys("data/order_late/staging") if not key.endswith("/")]  # Arrow marks folders
    assert stored.keys("data/order_late/features")


def test_a_server_that_is_given_nothing_but_the_settings_serves_the_model_from_the_bucket(stored, scored, given):
    rows = DeltaTable(scored_uri(stored.settings.data_uri, "order_late")).to_pandas()
    (port,) = free_ports(1)
    settings = {name: value for name, value in stored.environ.items() if name.startswith("RETRAINER_")}
    environ = {**os.environ, **settings, "RETRAINER_SERVING_PORT": str(port)}
    environ = {name: value for name, value in environ.items() if not name.startswith("AWS_")} | given
    environ["PYTHONPATH"] = str(stored.home / "code")
    with subprocess.Popen(
        [sys.executable, "-m", "retrainer.cli.main", "serve"], env=environ, cwd=stored.home
    ) as server:
        try:
            answer = _predicted(f"http://127.0.0.1:{port}/v1/models/order_late", rows)
        finally:
            server.terminate()
    assert [each["source"] for each in answer] == ["model"] * len(rows)
    assert [each["value"] for each in answer] == pytest.approx(rows["prediction"].tolist(), abs=1e-12)
    (model,) = (stored.home / "home" / "serving" / "order_late").glob("v1-*/model.skops")
    assert model.stat().st_size > 0


def _predicted(url: str, rows: pd.DataFrame) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 120  # some seconds on a machine that has nothing else to do
    names = ["ordered_at", "region", "amount", "express", "rates__rate", "region_late"]
    records = json.loads(rows[names].to_json(orient="records", date_format="iso", double_precision=15))
    with httpx.Client(trust_env=False, timeout=10) as client:
        while time.monotonic() < deadline:
            try:
                found = client.get(url)
                if found.status_code == 200 and found.json()["ready"]:
                    answer = client.post(f"{url}/predict", json={"records": records})
                    assert answer.status_code == 200, answer.text
                    predictions: list[dict[str, Any]] = answer.json()["predictions"]
                    return predictions
            except httpx.TransportError:
                pass
            time.sleep(0.1)
    raise AssertionError(f"the server did not get ready: {found.text}")
