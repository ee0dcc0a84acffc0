"""Deleting a version's files: they are gone, in a local store and behind a server; all that is known of it stays."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from retrainer.errors import UnsafeArtifactError
from retrainer.evaluation import predictions_of
from retrainer.registry import (
    Versions,
    connect,
    delete_files,
    download,
    find_run,
    load_model,
    log_results,
    start_run,
    store_model,
    upload,
)
from retrainer.runtimes.environment import step_environment
from retrainer.saved import Extra
from tests.unit.registry.conftest import MODELS

_START_SECONDS = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A tracking server that keeps artifacts itself, as the local stack runs it."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    stores = ("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}")
    artifacts = ("--artifacts-destination", (folder / "artifacts").as_uri())
    address = ("--host", "127.0.0.1", "--port", str(port), "--workers", "1")
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", *address, *stores, *artifacts],
        env=step_environment(os.environ) | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{url}/health")
        yield url, folder / "artifacts"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def register(tracking, pipeline, facts, examples):
    """A stored model as version 1, its run with a report and a metric."""
    inputs = examples.features.head(50)
    with start_run(tracking, facts.model, name="test", tags={}) as record:
        extra = Extra(facts, inputs, predictions_of(pipeline, inputs).output)
        stored = store_model(pipeline, extra, run_id=record.run_id, code=MODELS)
        log_results(tracking, record.run_id, parameters={"seed": 7}, metrics={"holdout_roc_auc": 0.7})
        upload(tracking, record.run_id, {"report/index.html": "<p>better</p>"})
    versions = Versions(tracking, facts.model)
    versions.ensure_model("test")
    return versions.register(
        source=stored.uri,
        run_id=record.run_id,
        identity=facts.identity,
        tags={"retrainer.artifact_digest": stored.digest},
        description="test",
    )


def saved_bytes(folder: Path) -> int:
    """Bytes of all saved models below a folder."""
    models = [path.parent for path in folder.rglob("MLmodel")]
    return sum(path.stat().st_size for model in models for path in model.rglob("*") if path.is_file())


def check_deletion(tracking, version, folder: Path) -> None:
    size = saved_bytes(folder)
    assert size > 0
    assert delete_files(tracking, version) == size
    assert saved_bytes(folder) == 0
    with pytest.raises(UnsafeArtifactError, match="has no files any more"):
        load_model(version.source, digest=version.digest)
    assert delete_files(tracking, version) == 0


def test_in_a_local_store_the_files_are_gone_and_a_second_time_changes_nothing(tracking, pipeline, facts, examples):
    check_deletion(tracking, register(tracking, pipeline, facts, examples), Path.cwd())


def test_behind_a_server_the_files_are_gone_and_a_second_time_changes_nothing(server, pipeline, facts, examples):
    url, folder = server
    tracking = connect(url, timeout_seconds=10, retries=0)
    check_deletion(tracking, register(tracking, pipeline, facts, examples), folder)


def test_the_record_the_run_and_its_report_stay(tracking, pipeline, facts, examples):
    version = register(tracking, pipeline, facts, examples)
    delete_files(tracking, version)
    assert Versions(tracking, facts.model).get(1) == version
    run = find_run(tracking, version.run_id)
    assert run is not None
    assert run.parameters["seed"] == "7"
    assert download(tracking, version.run_id, "report/index.html") == b"<p>better</p>"


def test_what_a_run_does_not_have_is_none(tracking, pipeline, facts, examples):
    version = register(tracking, pipeline, facts, examples)
    assert download(tracking, version.run_id, "config.json") is None
    assert find_run(tracking, "0" * 32) is None


def test_all_versions_are_listed_oldest_first_with_their_aliases(tracking, facts):
    versions = Versions(tracking, facts.model)
    assert (versions.all(), versions.aliases()) == ([], {})
    versions.ensure_model("test")
    for number in range(3):
        versions.register(source="file:///nowhere", run_id="", identity=str(number), tags={}, description="")
    versions.set_alias("shadow", 2)
    assert [version.version for version in versions.all()] == [1, 2, 3]
    assert versions.aliases() == {"shadow": 2}
