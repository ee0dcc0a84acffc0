"""A DAG `<model>__score` for every declaration in config/models: batch predictions for every interval."""

import os
from pathlib import Path

from airflow.sdk import get_parsing_context

from retrainer.airflow.declared import read_declared

_only = get_parsing_context().dag_id  # see train.py
_declared = read_declared(os.environ, Path(__file__).parent)
for _dag in _declared.dags("score", only=_only):
    globals()[_dag.dag_id] = _dag
if _only:
    _declared.raise_problems(of=_only)
