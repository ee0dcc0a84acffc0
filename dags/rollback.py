"""A DAG `<model>__rollback` for every declaration in config/models: a form that moves the champion back."""

import os
from pathlib import Path

from retrainer.airflow.declared import declared_dags

globals().update(declared_dags("rollback", os.environ, Path(__file__).parent))
