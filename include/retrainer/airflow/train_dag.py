"""The DAG `<model>__train`, made from a declaration."""

from datetime import date, timedelta
from pathlib import Path

import pendulum
from airflow.sdk import DAG, AssetOrTimeSchedule, BaseOperator, CronDataIntervalTimetable, Param, chain

from retrainer.airflow.assets import features_asset, model_asset, snapshot_asset, source_asset
from retrainer.airflow.notifiers.failure import FailureAlert
from retrainer.airflow.operators.step import StepOperator
from retrainer.airflow.sensors.wait_for_data import WaitForDataSensor
from retrainer.airflow.task_options import TaskOptions
from retrainer.config.declaration import ModelConfig
from retrainer.config.runtime import RuntimeSettings
from retrainer.config.schedule import Schedule
from retrainer.contracts import STEP_NAMES, StepName

_MARGIN = timedelta(minutes=5)
"""What a task gets on top of its step's own time limit, so that the step is the one to end and can say why."""

_FIRST_LOOK = timedelta(minutes=10)


def train_dag_id(model: str) -> str:
    """Id of the DAG that trains `model`."""
    return f"{model}__train"


def build_train_dag(config: ModelConfig, declaration: Path, settings: RuntimeSettings) -> DAG:
    """The DAG of the model that `declaration` declares as `config`: one task for each step, named after it.

    It has no end_date, even where the schedule ends: Airflow gives a run that a person starts after a DAG's end_date no
    tasks at all and calls it a success. wait_for_data skips what the clock starts after the end.
    """
    schedule, runtime = config.schedule, config.runtime
    dag = DAG(
        dag_id=train_dag_id(config.name),
        description=config.description,
        schedule=_timetable(config),
        start_date=_midnight(schedule, schedule.start),
        catchup=False,
        max_active_runs=1,
        tags={"retrainer", "train", config.name, *config.tags},
        doc_md=_doc(config, declaration),
        params=_params(),
        default_args={
            "owner": config.owner,
            "retries": runtime.retries,
            "retry_delay": timedelta(seconds=runtime.retry_delay_seconds),
            "execution_timeout": timedelta(minutes=runtime.limits.timeout_minutes) + _MARGIN,
            "on_failure_callback": FailureAlert(settings.slack_connection_id, schedule=schedule),
        },
    )
    chain(*_tasks(dag, config, declaration, settings.project_root))
    return dag


def _params() -> dict[str, Param]:
    return {
        "as_of": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="As of",
            description="Train on what was known at this time. Empty: the end of the run's data interval.",
        ),
        "reason": Param(
            "",
            type="string",
            maxLength=500,
            title="Reason",
            description="Why this run was started by hand. Kept with the run.",
        ),
    }


def _tasks(dag: DAG, config: ModelConfig, declaration: Path, root: Path) -> list[BaseOperator]:
    snapshot, features = snapshot_asset(config.name), features_asset(config.name)
    assets: dict[StepName, TaskOptions] = {
        "validate_data": {"outlets": [snapshot]},
        "build_features": {"inlets": [snapshot], "outlets": [features]},
        "train": {"inlets": [features]},
        "deploy": {"outlets": [model_asset(config.name)]},
    }
    tasks: list[BaseOperator] = [
        WaitForDataSensor(
            dag=dag,
            declaration=declaration,
            project_root=root,
            inlets=[source_asset(config.source)],
            timeout=timedelta(hours=config.runtime.data_timeout_hours),
            poke_interval=timedelta(seconds=config.runtime.poll_seconds),
            execution_timeout=_FIRST_LOOK,
        )
    ]
    for step in STEP_NAMES[1:]:
        options = TaskOptions(dag=dag, **assets.get(step, {}))
        tasks.append(StepOperator(step=step, declaration=declaration, project_root=root, **options))
    return tasks


def _timetable(config: ModelConfig) -> CronDataIntervalTimetable | AssetOrTimeSchedule:
    nightly = CronDataIntervalTimetable(config.schedule.cron, timezone=config.schedule.timezone)
    if not config.schedule.on_new_data:
        return nightly
    return AssetOrTimeSchedule(timetable=nightly, assets=[source_asset(config.source)])


def _midnight(schedule: Schedule, day: date) -> pendulum.DateTime:
    return pendulum.datetime(day.year, day.month, day.day, tz=schedule.timezone)


def _doc(config: ModelConfig, declaration: Path) -> str:
    schedule = config.schedule
    also = f", and when `{source_asset(config.source).name}` gets new data" if schedule.on_new_data else ""
    until = f" until {schedule.end}" if schedule.end else ""
    return f"""### {config.name}: train, compare, deploy if better

{config.description}

**Owner:** {config.owner}. **Declared in:** `{declaration.name}`.

**Schedule:** `{schedule.cron}` ({schedule.timezone}) from {schedule.start}{until}{also}. A run's holdout is the last
{config.windows.holdout_days} days of its past; it trains on the {config.windows.training_days} days before.

**By hand:** *Trigger* with *As of* set retrains as of that time; *Backfill* runs past intervals. Neither moves the
champion backwards: only a run whose as-of is newer than the champion's may promote.

**When a task fails**
- `wait_for_data` timed out: its error says what had not landed. Clear it once the source has caught up.
- `validate_data` failed: the data are bad. Open *Data Docs*, have the source repaired, then clear the run from
  `snapshot` on. Nothing that was good before has been replaced, the champion serves on.
- any other task failed after its retries: read the first error of its log, then clear it. Clearing is always safe.
- `compare` said no: that is a result, not a failure. Its reason is in the log and in the ledger.
"""
