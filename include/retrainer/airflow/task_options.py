"""The arguments of Airflow's BaseOperator that tasks here are given one by one; the rest are the DAG's defaults."""

from datetime import timedelta
from typing import TypedDict

from airflow.sdk import DAG, Asset


class TaskOptions(TypedDict, total=False):
    """See airflow.sdk.BaseOperator."""

    dag: DAG
    inlets: list[Asset]
    outlets: list[Asset]
    execution_timeout: timedelta
    retries: int
