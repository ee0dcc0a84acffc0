"""The DAG `maintenance`: every week, a task for every declaration in config/models that archives old versions.

A declaration with a mistake has no task here. It is an import error of declarations.py.
"""

import os
from pathlib import Path

from airflow.sdk import get_parsing_context

from retrainer.airflow.declared import read_declared

_context = get_parsing_context()
_declared = read_declared(os.environ, Path(__file__).parent)
maintenance = _declared.maintenance()
if _context.task_id:  # a task's own parse: where its model's declaration broke meanwhile, its log must say why
    _declared.raise_problems(of=_context.task_id)
