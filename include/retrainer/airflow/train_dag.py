"""The DAG `<model>__train`, made from the plan of a declaration."""

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pendulum
from airflow.sdk import DAG, AssetOrTimeSchedule, BaseOperator, CronDataIntervalTimetable, Param, chain

from retrainer.airflow.assets import features_asset, model_asset, snapshot_asset, table_asset
from retrainer.airflow.operators.step import StepOperator
from retrainer.airflow.plan import TrainPlan
from retrainer.airflow.sensors.wait_for_data import WaitForDataSensor
from retrainer.airflow.steps import INPUTS
from retrainer.airflow.task_options import TaskOptions, release_timeout, task_options

if TYPE_CHECKING:
    from retrainer.contracts import StepName

_FIRST_LOOK = timedelta(minutes=10)

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
    """The DAG of one model: one task for each step, named after it, and `approve` where a person is to be asked.

    It has no end_date, even where the schedule ends: Airflow gives a run that a person starts after a DAG's end_date no
    tasks at all and calls it a success. wait_for_data skips what the clock starts after the end.
    """
    declaration = Path(plan.declaration)
    start = date.fromisoformat(plan.start)
    dag = DAG(
        dag_id=train_dag_id(plan.model),
        description=plan.description,
        schedule=_timetable(plan),
        start_date=pendulum.datetime(start.year, start.month, start.day, tz=plan.timezone),
        catchup=False,
        max_active_runs=1,
        tags={"retrainer", "train", plan.model, *plan.tags},
        doc_md=_doc(plan),
        default_args=dict(task_options(plan, slack_connection_id=slack_connection_id)),
    )
    chain(*_tasks(dag, plan, declaration, project_root))
    # After the tasks: each would get a deep copy of them, and DAG(params=) checks each schema against its meta-schema.
    dag.params.update(_params())
    return dag


def _params() -> dict[str, Param]:
    return {
        "as_of": Param(
            None,
            source="dag",
            type=["null", "string"],
            format="date-time",
            title="As of",
            description="Train on what was known at this time. Empty: the end of the run's data interval.",
        ),
        "reason": Param(
            None,  # Airflow's form cannot be sent while a text that must not be null is empty
            source="dag",
            type=["null", "string"],
            maxLength=500,
            title="Reason",
            description="Why this run was started by hand. Kept with the run.",
        ),
    }


def _tasks(dag: DAG, plan: TrainPlan, declaration: Path, root: Path) -> list[BaseOperator]:
    snapshot, features = snapshot_asset(plan.model), features_asset(plan.model)
    assets: dict[StepName, TaskOptions] = {
        "validate_data": {"outlets": [snapshot]},
        "build_features": {"inlets": [snapshot], "outlets": [features]},
        "train": {"inlets": [features]},
        "deploy": {"outlets": [model_asset(plan.model)], "execution_timeout": release_timeout(plan)},
    }
    tasks: list[BaseOperator] = [
        WaitForDataSensor(
            dag=dag,
            declaration=declaration,
            project_root=root,
            inlets=[table_asset(plan.source, plan.table)],
            timeout=timedelta(hours=plan.data_timeout_hours),
            poke_interval=timedelta(seconds=plan.poll_seconds),
            execution_timeout=_FIRST_LOOK,
        )
    ]
    for step in list(INPUTS)[1:]:
        options = TaskOptions(dag=dag, **assets.get(step, {}))
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
    nightly = CronDataIntervalTimetable(plan.cron, timezone=plan.timezone)
    if not plan.on_new_data:
        return nightly
    return AssetOrTimeSchedule(timetable=nightly, assets=[table_asset(plan.source, plan.table)])


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

**When a task fails**
- `wait_for_data` timed out: its error says what had not landed. Clear it once the source has caught up.
- `validate_data` failed: the data are bad. Open *Data Docs*, have the source repaired, then clear the run from
  `snapshot` on. Nothing that was good before has been replaced, the champion serves on.
- any other task failed after its retries: read the first error of its log, then clear it. Clearing is always safe.
- `compare` said no: that is a result, not a failure. Its reason is in the log and in the ledger.
{_SERVER if plan.serves else ""}{_APPROVAL if plan.approval else ""}"""
