"""A DAG `<model>__train` for every declaration in config/models.

Each has doc_md (owner, schedule, what to do when it fails), tags, retries and timeouts from the declaration. A
declaration with a mistake has no DAG here and is an import error of declarations.py, which hides nobody else's DAG.
"""

import os
from pathlib import Path

from airflow.sdk import get_parsing_context

from retrainer.airflow.declared import train_dags
from retrainer.config.runtime import find_project_root, load_settings

# A task's process parses this file again and needs one DAG of it; where that one is broken, its log must say why.
_only = get_parsing_context().dag_id
_declared = train_dags(load_settings(os.environ, find_project_root(Path(__file__).parent)), only=_only)
if _only:
    _declared.raise_problems()
for _dag in _declared.dags:
    globals()[_dag.dag_id] = _dag
