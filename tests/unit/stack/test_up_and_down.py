"""`retrainer up` and `retrainer down` with one stand-in that answers for every service."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from retrainer.config.runtime import RuntimeSettings, load_settings
from retrainer.errors import StackError
from retrainer.stack import local
from retrainer.stack.local import StackRunningError, StartedStack, running_stack
from retrainer.stack.services import stack_plan

SCRIPT = """
import sys
from pathlib import Path
from retrainer.cli.main import main
from retrainer.stack import local
from retrainer.stack.plan import Plan
plan = Plan.from_json(Path(sys.argv.pop(1)).read_text())
local.stack_plan = lambda settings: plan
main()
"""


@pytest.fixture
def plan(stand_ins, settings: RuntimeSettings):
    ports = str(settings.airflow_port), str(settings.mlflow_port), str(settings.serving_port)
    (settings.home / "logs").mkdir(parents=True)
    return stand_ins.plan(
        stand_ins.service("all", "answer", *ports, str(settings.step_host_socket)),
        stand_ins.service("worker", "sleep"),
    )


@pytest.fixture
def retrainer(plan, settings: RuntimeSettings, tmp_path: Path):
    """The command line, in a process of its own, with the stand-ins instead of the services."""
    (tmp_path / "plan.json").write_text(plan.to_json())
    started = []

    def run(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", SCRIPT, str(tmp_path / "plan.json"), *arguments]
        environment = settings.child_environment() | {"NO_COLOR": "1"}
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True))
        return started[-1]

    yield run
    run("down").communicate(timeout=60)
    for process in started:
        process.kill()
        process.communicate()


def lines_until(process: subprocess.Popen[str], text: str) -> list[str]:
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or text not in lines[-1]:
        lines.append(process.stdout.readline())
        assert lines[-1], f"no {text!r} in {lines}"
    return lines


def test_up_says_what_is_ready_and_where_and_ctrl_c_stops_everything(retrainer, stand_ins, settings):
    process = retrainer("up")
    lines = "".join(lines_until(process, "Ctrl-C"))

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)

    for service in ("api-server", "scheduler", "dag-processor", "triggerer", "mlflow", "model-server", "step-host"):
        assert f"{service} is ready" in lines
    assert f"http://127.0.0.1:{settings.airflow_port} " in lines
    assert f"http://127.0.0.1:{settings.mlflow_port}\n" in lines
    assert f"password in {settings.home / 'airflow-password.json'}" in lines
    assert process.returncode == 0
    assert stand_ins.started()
    assert stand_ins.alive() == []


def test_a_detached_stack_is_not_started_twice_and_down_stops_it_once(retrainer, stand_ins, settings):
    first = retrainer("up", "--detach")
    first.communicate(timeout=30)
    assert first.returncode == 0
    running = stand_ins.started()

    again = retrainer("up")
    said, _ = again.communicate(timeout=30)
    assert f"the stack in {settings.home} is running already" in said
    assert again.returncode == 0
    assert stand_ins.started() == running

    assert retrainer("down").communicate(timeout=30)[0] == "Stopped.\n"
    assert stand_ins.alive() == []
    last = retrainer("down")
    assert last.communicate(timeout=30)[0] == f"Nothing is running in {settings.home}.\n"
    assert last.returncode == 0


def test_up_in_the_foreground_ends_when_down_is_called_elsewhere(retrainer, stand_ins):
    process = retrainer("up")
    lines_until(process, "Ctrl-C")

    retrainer("down").communicate(timeout=30)

    assert "was stopped from elsewhere" in process.communicate(timeout=30)[0]
    assert process.returncode == 0


def test_sigterm_of_up_stops_everything(retrainer, stand_ins):
    process = retrainer("up")
    lines_until(process, "Ctrl-C")

    process.terminate()
    process.communicate(timeout=30)

    assert process.returncode == 143
    assert stand_ins.alive() == []


def test_up_waits_for_the_end_of_everything_when_the_guard_is_killed(retrainer, plan, stand_ins):
    process = retrainer("up")
    lines_until(process, "Ctrl-C")

    os.kill(json.loads(Path(plan.state_file).read_text())["guard"]["pid"], signal.SIGKILL)
    _, said = process.communicate(timeout=30)

    assert said.startswith("Error: the guard of the stack ended with signal 9")
    assert process.returncode == 1
    assert stand_ins.alive() == []


@pytest.mark.parametrize("setting", ["airflow_port", "mlflow_port", "serving_port"])
def test_a_taken_port_is_an_error_that_names_the_setting_before_anything_starts(
    retrainer, settings, stand_ins, setting
):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", getattr(settings, setting)))
        taken.listen()

        process = retrainer("up")
        _, said = process.communicate(timeout=30)

    assert process.returncode == 1
    port = getattr(settings, setting)
    assert f"port {port} on 127.0.0.1, the setting {setting}, is taken by process {os.getpid()}" in said
    assert f"RETRAINER_{setting.upper()}=<port>" in said
    assert "Traceback" not in said
    assert stand_ins.started() == []


def test_a_wrong_setting_is_a_text_and_status_78_without_a_traceback(retrainer, settings, monkeypatch):
    monkeypatch.setitem(settings._environ, "RETRAINER_HOEM", "x")

    process = retrainer("up")
    _, said = process.communicate(timeout=30)

    assert process.returncode == 78
    assert said.startswith("Error: unknown setting RETRAINER_HOEM; did you mean RETRAINER_HOME?")
    assert "Traceback" not in said
    monkeypatch.undo()


def test_running_stack_stops_at_the_end_of_the_block_even_after_an_error(plan, settings, stand_ins, monkeypatch):
    monkeypatch.setattr(local, "stack_plan", lambda _: plan)

    def fail() -> None:
        with running_stack(settings) as stack:
            assert stack.airflow_url == f"http://127.0.0.1:{settings.airflow_port}"
            assert stack.password not in repr(stack)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert stand_ins.started()
    assert stand_ins.alive() == []


def test_a_home_has_one_stack_at_a_time(plan, settings, monkeypatch):
    monkeypatch.setattr(local, "stack_plan", lambda _: plan)

    with running_stack(settings), pytest.raises(StackRunningError, match="is running already"):
        StartedStack(settings)


def test_a_service_that_does_not_stay_up_fails_the_start_with_the_end_of_its_log(stand_ins, settings, monkeypatch):
    (settings.home / "logs").mkdir()
    broken = stand_ins.plan(stand_ins.service("mlflow", "5"))
    Path(broken.services[0].log_file).write_text("no module named nothing\n")
    monkeypatch.setattr(local, "stack_plan", lambda _: broken)

    with pytest.raises(StackError, match=r"(?s)mlflow ended with status 5.*no module named nothing"):
        StartedStack(settings).wait_ready(report=print)


def test_the_real_plan_keeps_secrets_private_and_out_of_the_commands(settings, tmp_path):
    plan = stack_plan(settings)

    password = json.loads((settings.home / "airflow-password.json").read_text())["admin"]
    assert len(password) >= 20
    for path in (settings.home / "airflow-password.json", settings.home / "airflow-keys.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.home.stat().st_mode) == 0o700
    commands = [part for service in plan.services for part in service.command]
    assert password not in " ".join(commands)
    assert "0.0.0.0" not in " ".join(commands)
    assert stack_plan(settings) == plan


def test_with_another_mlflow_server_none_is_started_here(settings):
    elsewhere = settings.child_environment() | {"RETRAINER_MLFLOW_URI": "https://mlflow.example"}

    plan = stack_plan(load_settings(elsewhere, settings.project_root))

    assert "mlflow" not in [service.name for service in plan.services]
    assert plan.services[0].environment["MLFLOW_TRACKING_URI"] == "https://mlflow.example"


def test_a_long_log_is_put_aside_at_the_next_start(plan, settings, monkeypatch):
    monkeypatch.setattr(local, "stack_plan", lambda _: plan)
    monkeypatch.setattr(local, "_LONG_LOG_BYTES", 10)
    logs = settings.home / "logs"
    (logs / "scheduler.log").write_text("a line of more than ten bytes")
    (logs / "mlflow.log").write_text("short")

    with running_stack(settings):
        pass

    assert sorted(log.name for log in logs.iterdir()) == ["mlflow.log", "scheduler.log.1", "stack.log"]


def test_every_process_of_the_real_plan_has_usage_tracking_off_and_writes_bytecode(settings, monkeypatch):
    monkeypatch.setitem(settings._environ, "PYTHONDONTWRITEBYTECODE", "1")

    plan = stack_plan(settings)

    assert len(plan.services) == 8
    for service in plan.services:
        assert service.environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
        assert service.environment["DO_NOT_TRACK"] == "true"
        assert service.environment["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
        assert "PYTHONDONTWRITEBYTECODE" not in service.environment


@pytest.mark.parametrize("variable", ["AIRFLOW_CONN_FLIGHTS_SOURCE", "RETRAINER_CONN_FLIGHTS_SOURCE"])
def test_a_source_that_the_user_has_set_is_left_alone(settings, monkeypatch, variable):
    monkeypatch.setitem(settings._environ, variable, "postgresql://somewhere/else")

    environment = stack_plan(settings).services[0].environment

    found = {name: value for name, value in environment.items() if name.endswith("_CONN_FLIGHTS_SOURCE")}
    assert found == {variable: "postgresql://somewhere/else"}
