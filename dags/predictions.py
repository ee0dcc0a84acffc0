"""A DAG `<model>__predictions` for every model that is served: collects what the model server logged."""

import os
from pathlib import Path

from retrainer.airflow.declared import declared_dags

globals().update(declared_dags("predictions", os.environ, Path(__file__).parent))
