"""The DAG `<model>__train`, made from the plan of a declaration."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import DAG, AssetOrTimeSchedule, BaseOperator, CronDataIntervalTimetable, chain

from retrainer.airflow.assets import features_asset, model_asset, table_asset
from retrainer.airflow.interval_dag import (
    WHEN_DATA_FAIL,
    as_of_param,
    data_tasks,
    every_interval,
    first_day,
    reason_param,
)
from retrainer.airflow.operators.step import StepOperator
from retrainer.airflow.plan import TrainPlan
from retrainer.airflow.steps import MODEL_STEPS
from retrainer.airflow.task_options import TaskOptions, release_timeout, task_options

if TYPE_CHECKING:
    from retrainer.contracts import StepName

_APPROVAL = """- `approve` waits for an answer under *Required Actions*. Nothing is deployed without one;
  cleared, it asks again.
"""

_SERVER = """- `deploy` names the model server in its error: the ledger has the release, and the server follows it.
  Clear the task once the server is back. What the server refuses is rolled back by itself, and is no failure.
"""


def train_dag_id(model: str) -> str:
    """Id of the DAG that trains `model`."""
    return f"{model}__train"


def build_train_dag(plan: TrainPlan, *, project_root: Path, slack_connection_id: str) -> DAG:
    """The DAG of one model: one task for each step, named after it, and `approve` where a person is to be asked."""
    dag = DAG(
        dag_id=train_dag_id(plan.model),
        description=plan.description,
        schedule=_timetable(plan),
        start_date=first_day(plan),
        catchup=False,
        max_active_runs=1,
        tags={"retrainer", "train", plan.model, *plan.tags},
        doc_md=_doc(plan),
        default_args=dict(task_options(plan, slack_connection_id=slack_connection_id)),
    )
    chain(*data_tasks(dag, plan, project_root=project_root), *_model_tasks(dag, plan, project_root))
    # After the tasks: each would get a deep copy of them, and DAG(params=) checks each schema against its meta-schema.
    as_of = as_of_param("Train on what was known at this time. Empty: the end of the run's data interval.")
    dag.params.update({"as_of": as_of, "reason": reason_param()})
    return dag


def _model_tasks(dag: DAG, plan: TrainPlan, root: Path) -> list[BaseOperator]:
    declaration = Path(plan.declaration)
    special: dict[StepName, TaskOptions] = {
        "train": {"inlets": [features_asset(plan.model)]},
        "deploy": {"outlets": [model_asset(plan.model)], "execution_timeout": release_timeout(plan)},
    }
    tasks: list[BaseOperator] = []
    for step in MODEL_STEPS:
        options = TaskOptions(dag=dag, **special.get(step, {}))
        tasks.append(StepOperator(step=step, declaration=declaration, project_root=root, **options))
    if plan.approval:
        tasks.insert(-1, _approve(dag, plan, declaration))
    return tasks


def _approve(dag: DAG, plan: TrainPlan, declaration: Path) -> BaseOperator:
    # Imported here: it costs every parse 0.1 s, and most models ask nobody.
    from retrainer.airflow.operators.approve import ApproveOperator

    return ApproveOperator(
        dag=dag,
        model=plan.model,
        declaration=declaration,
        approvers=plan.approvers,
        response_timeout=timedelta(hours=plan.approval_timeout_hours),
    )


def _timetable(plan: TrainPlan) -> CronDataIntervalTimetable | AssetOrTimeSchedule:
    if not plan.on_new_data:
        return every_interval(plan)
    return AssetOrTimeSchedule(timetable=every_interval(plan), assets=[table_asset(plan.source, plan.table)])


def _doc(plan: TrainPlan) -> str:
    also = f", and when `{table_asset(plan.source, plan.table).name}` gets new data" if plan.on_new_data else ""
    until = f" until {plan.end}" if plan.end else ""
    return f"""### {plan.model}: train, compare, deploy if better

{plan.description}

**Owner:** {plan.owner}. **Declared in:** `{Path(plan.declaration).name}`.

**Schedule:** `{plan.cron}` ({plan.timezone}) from {plan.start}{until}{also}. A run's holdout is the last
{plan.holdout_days} days of its past; it trains on the {plan.training_days} days before.

**By hand:** *Trigger* with *As of* set retrains as of that time; *Backfill* runs past intervals. Neither moves the
champion backwards: only a run whose as-of is newer than the champion's may promote.

**By `{plan.model}__monitor`:** where the model has drifted or got worse; *Reason* names the episode.

**When a task fails**
{WHEN_DATA_FAIL}
- any other task failed after its retries: read the first error of its log, then clear it. Clearing is always safe.
- `compare` said no: that is a result, not a failure. Its reason is in the log and in the ledger.
{_SERVER if plan.serves else ""}{_APPROVAL if plan.approval else ""}"""
