"""No DAG: the mistakes of all declarations in config/models, as this file's import error in the Airflow UI.

An import error makes Airflow put aside every DAG of the same file. That is why it is not raised by train.py: there, one
bad declaration would hide all models.
"""

import os
from pathlib import Path

from retrainer.airflow.declared import train_dags
from retrainer.config.runtime import find_project_root, load_settings

train_dags(load_settings(os.environ, find_project_root(Path(__file__).parent))).raise_problems()
