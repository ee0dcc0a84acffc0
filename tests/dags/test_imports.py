"""The Airflow layer stays light: what the DAG processor and every task process import."""

import os
import subprocess
import sys

from tests.dags.conftest import PROJECT

HEAVY = ("pandas", "numpy", "sklearn", "mlflow", "great_expectations", "evidently", "duckdb", "deltalake", "pyarrow")

EVERYTHING = """
import importlib, pkgutil, sys
import retrainer.airflow
for module in pkgutil.walk_packages(retrainer.airflow.__path__, "retrainer.airflow."):
    importlib.import_module(module.name)
"""

DAG_FILES = """
from airflow.dag_processing.dagbag import DagBag
assert len(DagBag({folder!r}).dags) >= 2
"""

LANDING = """
import retrainer.sources, retrainer.sources.sample
"""

BARE = """
import airflow.sdk
from airflow.dag_processing.dagbag import DagBag
from airflow.triggers.base import BaseTrigger
from airflow.sdk.execution_time import task_runner
"""


def loaded(code: str) -> set[str]:
    """Names of the heavy libraries that running `code` in a fresh process loads."""
    code += f"\nimport sys\nprint('loaded:', *(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("loaded:")]
    return set(line.split()[1:])


def test_nothing_of_it_loads_an_ml_library_that_airflow_itself_does_not() -> None:
    code = EVERYTHING + LANDING + DAG_FILES.format(folder=str(PROJECT / "dags"))

    assert loaded(code) - loaded(BARE) == set()


def test_the_check_can_fail() -> None:
    assert loaded("import numpy") == {"numpy"}
