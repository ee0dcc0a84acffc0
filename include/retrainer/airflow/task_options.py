"""The arguments of Airflow's BaseOperator that tasks here are given."""

from datetime import timedelta
from pathlib import Path
from typing import TypedDict

from airflow.sdk import DAG, Asset, BaseNotifier, TriggerRule

from retrainer.airflow.notifiers.failure import FailureAlert
from retrainer.airflow.plan import TrainPlan

_MARGIN = timedelta(minutes=5)
"""What a task gets on top of its step's own time limit, so that the step is the one to end and can say why."""


class TaskOptions(TypedDict, total=False):
    """See airflow.sdk.BaseOperator."""

    dag: DAG
    task_id: str
    owner: str
    inlets: list[Asset]
    outlets: list[Asset]
    execution_timeout: timedelta
    pool: str
    retries: int
    retry_delay: timedelta
    trigger_rule: TriggerRule
    max_active_tis_per_dag: int
    on_failure_callback: BaseNotifier


def task_options(plan: TrainPlan, *, slack_connection_id: str) -> TaskOptions:
    """What every task of the model has: its owner, its pool, its retries, its time and the alert when it fails."""
    return TaskOptions(
        owner=plan.owner,
        pool=plan.pool,
        retries=plan.retries,
        retry_delay=timedelta(seconds=plan.retry_delay_seconds),
        execution_timeout=_own_time(plan),
        on_failure_callback=FailureAlert(slack_connection_id, declaration=Path(plan.declaration)),
    )


def release_timeout(plan: TrainPlan) -> timedelta:
    """The time of a task that releases: it watches the version beside its step's own work."""
    return _own_time(plan) + timedelta(seconds=plan.release_seconds)


def _own_time(plan: TrainPlan) -> timedelta:
    return timedelta(minutes=plan.timeout_minutes) + _MARGIN
