"""A DAG `<model>__train` for every declaration in config/models.

Each has doc_md (owner, schedule, what to do when it fails), tags, retries and timeouts from the declaration. A
declaration with a mistake has no DAG here and is an import error of declarations.py, which hides nobody else's DAG.
"""

import os
from pathlib import Path

from airflow.sdk import get_parsing_context

from retrainer.airflow.declared import read_declared

# A task's process parses this file again and needs one DAG of it; where that one is broken, its log must say why.
_only = get_parsing_context().dag_id
_declared = read_declared(os.environ, Path(__file__).parent)
for _dag in _declared.dags("train", only=_only):
    globals()[_dag.dag_id] = _dag
if _only:
    _declared.raise_problems(of=_only)
