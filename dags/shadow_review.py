"""A DAG `<model>__shadow_review` for every model whose versions go through the shadow: promotes what live traffic shows
to be better."""

import os
from pathlib import Path

from airflow.sdk import get_parsing_context

from retrainer.airflow.declared import read_declared

_only = get_parsing_context().dag_id  # see train.py
_declared = read_declared(os.environ, Path(__file__).parent)
for _dag in _declared.dags("shadow_review", only=_only):
    globals()[_dag.dag_id] = _dag
if _only:
    _declared.raise_problems(of=_only)
