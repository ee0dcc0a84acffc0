"""The DAG `<model>__score`: batch predictions for every interval, stamped with the version that made them."""

from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import DAG, chain

from retrainer.airflow.assets import features_asset, model_asset, scored_asset
from retrainer.airflow.interval_dag import (
    WHEN_DATA_FAIL,
    as_of_param,
    data_tasks,
    every_interval,
    first_day,
    part_tasks,
)
from retrainer.airflow.operators.step import StepOperator
from retrainer.airflow.plan import TrainPlan
from retrainer.airflow.task_options import task_options

if TYPE_CHECKING:
    from retrainer.airflow.operators.parts import Task


def build_score_dag(plan: TrainPlan, *, project_root: Path, slack_connection_id: str) -> DAG:
    """The DAG of one model: from the source to features as in training, then the step score."""
    dag = DAG(
        dag_id=f"{plan.model}__score",
        description=f"Scores every interval of {plan.model} by the version in production.",
        schedule=every_interval(plan),
        start_date=first_day(plan),
        catchup=False,
        max_active_runs=1,
        tags={"retrainer", "score", plan.model, *plan.tags},
        doc_md=_doc(plan),
        default_args=dict(task_options(plan, slack_connection_id=slack_connection_id)),
    )
    chain(*data_tasks(dag, plan, project_root=project_root), *score_tasks(dag, plan, project_root=project_root))
    dag.params["as_of"] = as_of_param(
        "Score the last interval that was over at this time. Empty: the run's data interval."
    )
    return dag


def score_tasks(dag: DAG, plan: TrainPlan, *, project_root: Path) -> "list[Task]":
    """The step score, which monitoring takes too; before it the tasks that do it in parts, where it is divided."""
    score = StepOperator(
        dag=dag,
        step="score",
        declaration=Path(plan.declaration),
        project_root=project_root,
        inlets=[features_asset(plan.model), model_asset(plan.model)],
        outlets=[scored_asset(plan.model)],
    )
    return [*part_tasks(dag, plan, "score", project_root=project_root), score]


def _doc(plan: TrainPlan) -> str:
    until = f" until {plan.end}" if plan.end else ""
    return f"""### {plan.model}: score every interval

**Owner:** {plan.owner}. **Schedule:** `{plan.cron}` ({plan.timezone}) from {plan.start}{until}. *Backfill* scores past
intervals, *Trigger* with *As of* set a single one.

Builds the features of the interval as `{plan.model}__train` does, asks the version in production, and replaces the
interval's partition of the Delta table `{plan.model}/scored` in the data folder: key, time, features, `prediction`,
`version`, `run_id` and `scored_at`. Scored again by the same version on the same rows, it stays as it is. A backfill
asks today's version, which may have learned from the rows that it scores: the log says so.

Before the first release, and while the model is switched off, nothing is scored. That is a result, not a failure.

**When a task fails** the interval has the predictions that it had before. Clearing is always safe.
{WHEN_DATA_FAIL}
- `score` says that the version reads what the feature table does not have: the declaration has changed since it was
  trained. Train and release a version that reads what is declared now, then clear the task.
- any other task failed after its retries: read the first error of its log, then clear it.
"""
