"""The real stack: Airflow, MLflow and the step host come up, listen on 127.0.0.1 only, and leave nothing behind."""

import os
import socket
from pathlib import Path

import httpx
import psutil
import pytest

from retrainer.config.runtime import load_settings
from retrainer.stack.local import running_stack
from tests.ports import stack_ports

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def settings(tmp_path):
    environ = dict(os.environ) | stack_ports() | {"RETRAINER_HOME": str(tmp_path)}
    return load_settings(environ, REPOSITORY)


def family(pid: int) -> list[psutil.Process]:
    guard = psutil.Process(pid)
    return [guard, *guard.children(recursive=True)]


def listening(processes: list[psutil.Process]) -> set[tuple[str, int]]:
    """Address and port of every listening TCP socket."""
    found = set()
    for process in processes:
        try:
            connections = process.net_connections("inet")
        except psutil.NoSuchProcess:
            continue
        found |= {tuple(c.laddr) for c in connections if c.status == psutil.CONN_LISTEN or c.type == socket.SOCK_DGRAM}
    return found


@pytest.mark.stack
@pytest.mark.timeout(240)
def test_the_stack_comes_up_on_this_machine_only_and_leaves_no_process(settings):
    said: list[str] = []

    with running_stack(settings, report=said.append) as stack:
        processes = family(stack.guard_pid)
        credentials = {"username": stack.username, "password": stack.password}
        token = httpx.post(f"{stack.airflow_url}/auth/token", json=credentials)
        headers = {"Authorization": f"Bearer {token.json()['access_token']}"}
        version = httpx.get(f"{stack.airflow_url}/api/v2/version", headers=headers)
        wrong = httpx.post(f"{stack.airflow_url}/auth/token", json=credentials | {"password": "admin"})
        connections = httpx.get(f"{stack.airflow_url}/api/v2/connections")
        mlflow = httpx.get(f"{stack.mlflow_url}/health")
        live = httpx.get(f"{stack.server_url}/health/live")
        sockets = listening(processes)
        commands = [" ".join(process.cmdline()) for process in processes]

    assert token.status_code == 201
    assert version.json()["version"].startswith("3.3.")
    assert wrong.status_code == connections.status_code == 401
    assert mlflow.text == "OK"
    ports = {settings.airflow_port, settings.mlflow_port, settings.serving_port}
    assert sockets == {("127.0.0.1", port) for port in ports}
    assert live.status_code == 200
    assert not [command for command in commands if stack.password in command]
    assert len([line for line in said if "is ready" in line]) >= 7
    assert len(processes) >= 10
    assert [process for process in processes if process.is_running()] == []
