"""The image of Airflow: its components start from it, and it knows the DAGs of the declared models."""

import time

import httpx
import pytest

from tests.docker.engine import Image

pytestmark = [pytest.mark.docker, pytest.mark.timeout(2400)]


def test_all_dags_are_there_and_import_without_an_error(airflow_image: Image) -> None:
    commands = "airflow db migrate >/tmp/log 2>&1 && airflow dags reserialize >>/tmp/log 2>&1 || cat /tmp/log"
    done = airflow_image.run(
        "sh", "-c", f"{commands}; airflow dags list-import-errors -o plain; airflow dags list -o plain"
    )
    assert "No data found" in done.stdout, done.stdout + done.stderr
    assert "flight_delay__train" in done.stdout
    assert "flight_delay__score" in done.stdout


def test_the_api_server_becomes_healthy(airflow_image: Image) -> None:
    command = ("sh", "-c", "airflow db migrate && exec airflow api-server")
    health = "--health-cmd=config/images/health_airflow.sh api-server"  # the first process is another one until then
    with airflow_image.running(*command, options=["--publish=127.0.0.1::8080", health]) as container:
        deadline = time.monotonic() + 240
        while container.health != "healthy":
            assert time.monotonic() < deadline, container.log
            time.sleep(1)
        assert "version" not in container.state["Health"]["Log"][-1]["Output"]
        answer = httpx.get(f"{container.address(8080)}/api/v2/version", trust_env=False, timeout=10)
    assert answer.json()["version"].startswith("3.3.")


def test_a_task_on_it_can_run_every_step_in_a_process(airflow_image: Image) -> None:
    program = "from retrainer.steps.catalog import STEPS, load_step; print(len([load_step(name) for name in STEPS]))"
    done = airflow_image.run("python", "-c", program)
    assert int(done.stdout or 0) > 10, done.stderr
