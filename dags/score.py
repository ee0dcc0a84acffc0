"""A DAG `<model>__score` for every declaration in config/models: batch predictions for every interval."""

import os
from pathlib import Path

from retrainer.airflow.declared import declared_dags

globals().update(declared_dags("score", os.environ, Path(__file__).parent))
