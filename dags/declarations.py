"""No DAG: the mistakes of all declarations in config/models, as this file's import error in the Airflow UI.

An import error makes Airflow put aside every DAG of the same file. That is why it is not raised by train.py: there, one
bad declaration would hide all models.
"""

import os
from pathlib import Path

from retrainer.airflow.declared import read_declared

_declared = read_declared(os.environ, Path(__file__).parent)
_declared.check_dags()  # what only Airflow refuses is a mistake as well
_declared.raise_problems()
