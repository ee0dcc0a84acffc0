"""A DAG `<model>__train` for every declaration in config/models.

Each has doc_md (owner, schedule, what to do when it fails), tags, retries and timeouts from the declaration. A
declaration with a mistake has no DAG here and is an import error of declarations.py, which hides nobody else's DAG.
"""

import os
from pathlib import Path

from retrainer.airflow.declared import declared_dags

globals().update(declared_dags("train", os.environ, Path(__file__).parent))
