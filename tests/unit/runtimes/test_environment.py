"""The environment of a step's process, and what importing the client costs."""

import subprocess
import sys

from retrainer.runtimes.environment import step_environment


def test_usage_tracking_is_off_whatever_is_set():
    environment = step_environment({"MLFLOW_DISABLE_TELEMETRY": "false", "PATH": "/bin"})
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert environment["GX_ANALYTICS_ENABLED"] == "false"
    assert environment["DO_NOT_TRACK"] == "true"
    assert environment["PATH"] == "/bin"


def test_threads_sleep_while_they_wait_so_that_a_busy_machine_does_not_slow_training_twentyfold():
    assert step_environment({})["OMP_WAIT_POLICY"] == "passive"


def test_the_number_of_blas_threads_is_one_unless_it_is_set():
    assert step_environment({})["OPENBLAS_NUM_THREADS"] == "1"
    assert step_environment({"OPENBLAS_NUM_THREADS": "4"})["OPENBLAS_NUM_THREADS"] == "4"


def test_the_client_imports_no_library_that_is_slow_to_import():
    code = "import retrainer.runtimes.process, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    names = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert "pydantic" in names
    assert not names & {"numpy", "pandas", "sklearn", "mlflow", "great_expectations", "duckdb", "deltalake", "airflow"}


def test_the_supervisor_of_a_plain_process_imports_the_standard_library_only():
    code = "import retrainer.runtimes.once, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    names = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert names - sys.stdlib_module_names - {"retrainer"} <= {"sitecustomize", "usercustomize"} | {
        name for name in names if name.startswith(("_", "__editable__"))
    }
