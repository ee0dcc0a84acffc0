"""A DAG `<model>__rebuild` for every declaration in config/models: trains a version again, and compares."""

import os
from pathlib import Path

from retrainer.airflow.declared import declared_dags

globals().update(declared_dags("rebuild", os.environ, Path(__file__).parent))
