"""The image of the model server: small, quick to start, and it serves a version that was released."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.docker.engine import Container, Image, docker, mounts, variables

if TYPE_CHECKING:
    from tests.released import Releases
    from tests.serving.served import Served

pytestmark = [pytest.mark.docker, pytest.mark.timeout(2400)]

MEGABYTE = 1_000_000
PUBLISHED = "--publish=127.0.0.1::8000"
SECONDS = 120.0


@pytest.fixture
def served(trained_model: "Releases", tmp_path: Path) -> "Served":
    """A model of which one version is in production."""
    from tests.serving.served import Served

    served = Served(trained_model.another_model("served_from_an_image"), tmp_path)
    served.append("promote", served.version())
    return served


@pytest.fixture
def running(server_image: Image, served: "Served") -> Iterator[Container]:
    """A server of that model; its home is its own, ledger and registry are those of this machine."""
    environ = {name: value for name, value in served.environ.items() if name != "RETRAINER_HOME"}
    folders = mounts(served.folder, served.releases.world.home)
    with server_image.running(options=[PUBLISHED, "--init", *folders, *variables(environ)]) as container:
        yield container


def wait_live(container: Container) -> str:
    """The address of the server as soon as it answers."""
    address = container.address(8000)
    wait(container, lambda: httpx.get(f"{address}/health/live", trust_env=False, timeout=1).status_code == 200)
    return address


def wait(container: Container, question) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            if question():
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, container.log
        time.sleep(0.02)


def test_it_adds_less_than_600_megabytes_to_its_base(server_image: Image) -> None:
    base = int(docker("image", "inspect", "--format", "{{.Size}}", "python:3.12-slim-bookworm").stdout)
    assert server_image.details["Size"] - base < 600 * MEGABYTE


def test_it_answers_after_less_than_three_seconds_of_work(server_image: Image) -> None:
    with server_image.running(options=[PUBLISHED]) as container:
        wait_live(container)
        user, system = container.execute("cat", "/proc/1/stat").rpartition(")")[2].split()[11:13]
    ticks = os.sysconf("SC_CLK_TCK")
    assert (int(user) + int(system)) / ticks < 3  # of its own: other programs of this machine may be busy


def test_it_predicts_what_the_released_version_says_through_a_published_port(
    running: Container, served: "Served"
) -> None:
    address = wait_live(running)
    key = running.execute("retrainer", "keys", "new", "predict")
    url = f"{address}/v1/models/{served.model}"
    assert httpx.get(url, trust_env=False).status_code in (401, 404)
    with httpx.Client(trust_env=False, headers={"authorization": f"Bearer {key}"}, timeout=10) as client:
        wait(running, lambda: client.get(url).status_code == 200 and client.get(url).json()["ready"])
        answer = client.post(f"{url}/predict", json={"records": served.records(3)})
    assert answer.status_code == 200, answer.text
    predictions = answer.json()["predictions"]
    assert [each["source"] for each in predictions] == ["model"] * 3
    assert [each["value"] for each in predictions] == pytest.approx(served.answers[1][:3], abs=1e-6)


def test_the_engine_sees_that_it_is_well_and_it_ends_when_asked(running: Container) -> None:
    wait_live(running)
    wait(running, lambda: running.health == "healthy")
    running.stop()
    assert running.state["ExitCode"] == 0, running.log


def test_the_libraries_that_only_some_models_need_load_too(server_image: Image) -> None:
    program = (
        "import boto3, lightgbm, xgboost; from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository; "
        "boto3.client('s3', region_name='eu-west-1'); print(lightgbm.__version__, xgboost.__version__)"
    )
    with server_image.running() as container:
        assert container.execute("python", "-c", program) == "4.7.0 3.2.0"
