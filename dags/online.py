"""A DAG `<model>__online` for every model that is served and looks something up: refreshes what the server has."""

import os
from pathlib import Path

from retrainer.airflow.declared import declared_dags

globals().update(declared_dags("online", os.environ, Path(__file__).parent))
