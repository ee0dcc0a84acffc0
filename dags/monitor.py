"""A DAG `<model>__monitor` for every declaration in config/models: watches the version in production."""

import os
from pathlib import Path

from retrainer.airflow.declared import declared_dags

globals().update(declared_dags("monitor", os.environ, Path(__file__).parent))
