"""What the DAGs that work on an interval's data share: when they run, their first tasks, the fields of their forms."""

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pendulum
from airflow.sdk import DAG, CronDataIntervalTimetable, Param

from retrainer.airflow.assets import features_asset, snapshot_asset, table_asset
from retrainer.airflow.operators.step import StepOperator
from retrainer.airflow.plan import TrainPlan
from retrainer.airflow.sensors.wait_for_data import WaitForDataSensor
from retrainer.airflow.steps import DATA_STEPS, PARTS
from retrainer.airflow.task_options import TaskOptions

if TYPE_CHECKING:
    from retrainer.airflow.operators.parts import Task
    from retrainer.contracts import StepName

_FIRST_LOOK = timedelta(minutes=10)
"""Once it has its place to run."""

LONGEST_REASON = 500
"""Characters of the reason that a run is given."""

WHEN_DATA_FAIL = """\
- `wait_for_data` timed out: its error says what had not landed. Clear it once the source has caught up.
- `validate_data` failed: the data are bad. Open *Data Docs*, have the source repaired, then clear the run from
  `snapshot` on. Nothing that was good before has been replaced, the champion serves on."""


def every_interval(plan: TrainPlan) -> CronDataIntervalTimetable:
    """The declared schedule."""
    return CronDataIntervalTimetable(plan.cron, timezone=plan.timezone)


def first_day(plan: TrainPlan) -> pendulum.DateTime:
    """Start of the declared schedule. There is no end_date beside it, even where the schedule ends: Airflow gives a run
    that a person starts after a DAG's end_date no tasks at all and calls it a success. wait_for_data skips what the
    clock starts after the end."""
    start = date.fromisoformat(plan.start)
    return pendulum.datetime(start.year, start.month, start.day, tz=plan.timezone)


def data_tasks(dag: DAG, plan: TrainPlan, *, project_root: Path) -> "list[Task]":
    """The tasks of DATA_STEPS in their order, each named after its step; the caller chains them. Where features are
    built in parts, the tasks for that come before build_features."""
    declaration = Path(plan.declaration)
    snapshot = snapshot_asset(plan.model)
    assets: dict[StepName, TaskOptions] = {
        "validate_data": {"outlets": [snapshot]},
        "build_features": {"inlets": [snapshot], "outlets": [features_asset(plan.model)]},
    }
    waiting = WaitForDataSensor(
        dag=dag,
        declaration=declaration,
        project_root=project_root,
        inlets=[table_asset(plan.source, plan.table)],
        timeout=timedelta(hours=plan.data_timeout_hours),
        poke_interval=timedelta(seconds=plan.poll_seconds),
        execution_timeout=_FIRST_LOOK + timedelta(minutes=plan.start_minutes),
    )
    tasks: list[Task] = [waiting]
    for step in DATA_STEPS[1:]:
        tasks += part_tasks(dag, plan, step, project_root=project_root)
        options = TaskOptions(dag=dag, **assets.get(step, {}))
        tasks.append(StepOperator(step=step, declaration=declaration, project_root=project_root, **options))
    return tasks


def part_tasks(dag: DAG, plan: TrainPlan, step: "StepName", *, project_root: Path) -> "list[Task]":
    """The tasks that do a step in parts, before the task that puts these together; none where it is not divided."""
    if not plan.mapped or step not in PARTS:
        return []
    # Imported here: most models are not divided.
    from retrainer.airflow.operators.parts import parts_of

    return parts_of(step, dag=dag, declaration=Path(plan.declaration), project_root=project_root)


def as_of_param(description: str) -> Param:
    """The field of a run's form that says as of when it looks; empty: the end of the run's data interval."""
    return Param(
        None, source="dag", type=["null", "string"], format="date-time", title="As of", description=description
    )


def reason_param() -> Param:
    """The field of a run's form that says why it was started."""
    return Param(
        None,  # Airflow's form cannot be sent while a text that must not be null is empty
        source="dag",
        type=["null", "string"],
        maxLength=LONGEST_REASON,
        title="Reason",
        description="Why this run was started. Kept with the run.",
    )
