"""`retrainer serve` as a process: how it starts, what it imports, and how it ends."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from retrainer.serving.server import own_address
from tests.serving.served import first, running_server

HEAVY = {"mlflow", "sqlalchemy", "pandas", "sklearn", "skops", "scipy", "pyarrow", "duckdb", "airflow", "onnx"}


def waits_for(file: Path):
    """A version that takes a second for the carrier WAIT, and says in `file` that it has begun."""
    condition = 'if len(columns["carrier"]) == 1 and columns["carrier"][0] == "WAIT":'
    return lambda folder: first(
        folder, "import pathlib, time", condition, f"    pathlib.Path({str(file)!r}).touch()", "    time.sleep(1)"
    )


def test_the_server_imports_neither_mlflow_nor_sqlalchemy_nor_pandas_nor_scikit_learn():
    program = "import sys, retrainer.serving.server, retrainer.exporting; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    assert "retrainer.serving.app" in imported
    assert not imported & HEAVY


def test_the_server_answers_after_less_than_three_seconds_of_work(alone):
    with running_server(alone) as server:
        spent = psutil.Process(server.process.pid).cpu_times()
    assert spent.user + spent.system < 3  # of its own: other programs of this machine may be busy


def test_a_version_is_served_when_the_ledger_says_so(served, server):
    version = served.version()
    sequence = served.append("promote", version)
    server.refresh(served.model)
    status = server.carried_out(served.model, sequence)
    assert (status.champion.version, status.champion.runtime, status.ready) == (version, "onnx", True)
    assert (status.reason, status.report_url) == (f"promote v{version}", f"mlflow/report/{version}")
    answers = server.predict(served.model, served.records(3))
    assert [(answer["version"], answer["source"]) for answer in answers] == [(version, "model")] * 3
    assert server.status(served.model).champion.requests == 1
    with server.client() as client:
        metrics = client.get("/metrics").text
    assert "retrainer_supply_up 1.0" in metrics
    assert "retrainer_log_dropped_rows_total 0.0" in metrics


def test_at_its_end_the_server_answers_what_is_under_way_writes_its_log_and_takes_its_child_along(alone):
    begun = alone.folder / "begun"
    sequence = alone.append("promote", alone.version(waits_for(begun)))
    with running_server(alone) as server:
        server.carried_out(alone.model, sequence)
        supply = psutil.Process(server.supply_pid())
        answers = []
        record = alone.records(1)[0] | {"carrier": "WAIT"}
        asking = threading.Thread(target=lambda: answers.extend(server.predict(alone.model, [record])))
        asking.start()
        server.wait(begun.exists)
        assert server.stop() == 0
        asking.join()
    assert [answer["source"] for answer in answers] == ["model"]
    logged = b"".join(path.read_bytes() for path in (alone.home / "serving" / "predictions").rglob("*.*"))
    assert answers[0]["id"].encode() in logged
    assert not _lives(supply)


def test_no_process_is_left_when_the_server_is_killed(alone):
    with running_server(alone) as server:
        pid = server.wait(server.supply_pid)
        server.wait(lambda: psutil.Process(pid).children())  # the process that trials are forked from
        family = [psutil.Process(pid), *psutil.Process(pid).children()]
        server.process.send_signal(signal.SIGKILL)
        _, left = psutil.wait_procs(family, timeout=20)
    assert len(family) == 2
    assert left == []


def test_an_address_that_is_taken_is_an_error_that_names_it(alone, server):
    port = server.url.rpartition(":")[2]
    command = [sys.executable, "-m", "retrainer.cli.main", "serve", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=alone.folder)
    assert done.returncode == 1
    assert done.stderr == f"Error: cannot listen on 127.0.0.1:{port}: Address already in use\n"


@pytest.mark.parametrize(
    ("bound", "asked"),
    [
        (("127.0.0.1", 8000), ("127.0.0.1", 8000)),
        (("0.0.0.0", 8000), ("127.0.0.1", 8000)),
        (("::", 8000, 0, 0), ("::1", 8000)),
        (("10.0.0.7", 8000), ("10.0.0.7", 8000)),
    ],
)
def test_a_candidate_is_asked_where_this_process_reaches_the_server(bound, asked):
    assert own_address(bound) == asked


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
