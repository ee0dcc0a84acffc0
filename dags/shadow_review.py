"""A DAG `<model>__shadow_review` for every model whose versions go through the shadow: promotes what live traffic shows
to be better."""

import os
from pathlib import Path

from retrainer.airflow.declared import declared_dags

globals().update(declared_dags("shadow_review", os.environ, Path(__file__).parent))
