"""The DAG `<model>__monitor`: what became of the version in production, whom to tell, and whether to train again."""

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, BaseOperator, TriggerRule, chain

from retrainer.airflow.assets import features_asset, model_asset, scored_asset
from retrainer.airflow.interval_dag import WHEN_DATA_FAIL, as_of_param, data_tasks, every_interval, first_day
from retrainer.airflow.operators.step import StepOperator
from retrainer.airflow.plan import TrainPlan
from retrainer.airflow.score_dag import score_tasks
from retrainer.airflow.task_options import task_options
from retrainer.airflow.train_dag import train_dag_id

_OPEN_QUESTIONS = 16
"""Runs at once: one that waits for a person's answer must not keep the next nights back."""


def monitor_dag_id(model: str) -> str:
    """Id of the DAG that monitors `model`."""
    return f"{model}__monitor"


def build_monitor_dag(plan: TrainPlan, *, project_root: Path, slack_connection_id: str) -> DAG:
    """The DAG of one model: the interval is scored and monitored, then people are told and a training run is fired."""
    dag = DAG(
        dag_id=monitor_dag_id(plan.model),
        description=f"Watches {plan.model} in production; tells people, and trains it again when that is needed.",
        schedule=every_interval(plan),
        start_date=first_day(plan),
        catchup=False,
        max_active_runs=_OPEN_QUESTIONS,
        tags={"retrainer", "monitor", plan.model, *plan.tags},
        doc_md=_doc(plan),
        default_args=dict(task_options(plan, slack_connection_id=slack_connection_id)),
    )
    before = [*data_tasks(dag, plan, project_root=project_root), *score_tasks(dag, plan, project_root=project_root)]
    if plan.watches_served:
        declaration = Path(plan.declaration)
        before.append(
            StepOperator(dag=dag, step="collect_predictions", declaration=declaration, project_root=project_root)
        )
    monitor = _monitor(dag, plan, project_root)
    chain(*before, monitor)
    _consequences(dag, plan, monitor, project_root=project_root, slack_connection_id=slack_connection_id)
    dag.params["as_of"] = as_of_param(
        "Monitor the last interval that was over at this time. Empty: the run's data interval."
    )
    return dag


def _monitor(dag: DAG, plan: TrainPlan, project_root: Path) -> BaseOperator:
    return StepOperator(
        dag=dag,
        step="monitor",
        declaration=Path(plan.declaration),
        project_root=project_root,
        inlets=[features_asset(plan.model), scored_asset(plan.model), model_asset(plan.model)],
        max_active_tis_per_dag=1,  # an episode goes on where the interval before left it
    )


def _consequences(
    dag: DAG, plan: TrainPlan, monitor: BaseOperator, *, project_root: Path, slack_connection_id: str
) -> None:
    # Imported here: they cost every parse of the other DAG files 0.05 s.
    from retrainer.airflow.operators.alert import AlertOperator
    from retrainer.airflow.operators.ask_retrain import AskRetrainOperator
    from retrainer.airflow.operators.retrain import RetrainOperator

    # Whatever became of this night: what the nights before had to tell is not to wait for a source that is late.
    alert = AlertOperator(
        dag=dag,
        slack_connection_id=slack_connection_id,
        project_root=project_root,
        trigger_rule=TriggerRule.ALL_DONE,
    )
    ask = AskRetrainOperator(dag=dag, model=plan.model, response_timeout=timedelta(hours=plan.answer_within_hours))
    retrain = RetrainOperator(
        dag=dag,
        train_dag_id=train_dag_id(plan.model),
        project_root=project_root,
        # Nobody being asked is no reason not to fire; a night that was not monitored is.
        trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
    )
    monitor >> [alert, ask, retrain]
    ask >> retrain


def _doc(plan: TrainPlan) -> str:
    until = f" until {plan.end}" if plan.end else ""
    return f"""### {plan.model}: watch it in production

**Owner:** {plan.owner}. **Schedule:** `{plan.cron}` ({plan.timezone}) from {plan.start}{until}. *Backfill* measures
past intervals, one run at a time so that they are in their order, and fires nothing; *Trigger* with *As of* set
monitors a single one.

Scores the interval, then compares it with what the version in production learned from, measures that version on the
labels known by now, and reads what the model server says of itself. What is confirmed over several intervals is an
episode, which the declaration's rules (`monitoring`) call a warning or severe.

- `monitor` decides, and keeps every number. Its *Monitoring report* shows them beside Evidently's.
- `alert` tells Slack once when an episode begins and once when it ends. What Slack does not take is kept, and sent by a
  later run within a week.
- `ask` is skipped unless a person is to decide. It waits under *Required Actions*; no answer within
  {plan.answer_within_hours:g} h means *Hold*. The next nights run meanwhile.
- `retrain` fires `{train_dag_id(plan.model)}`, at most once for an interval, and is skipped when there is no need.
  While that DAG is paused, the run waits.

`retrainer monitor {plan.model}` prints the last weeks. The same interval monitored again changes nothing.

**When a task fails** production is as it was. Clearing is always safe.
{WHEN_DATA_FAIL}
- `monitor` failed: the interval has no numbers, and the next one is judged without it. Read the first error of its log,
  then clear it.
- `retrain` failed: its log says what Airflow answered. Clear it; a run that is there is not fired twice.
- any other task failed after its retries: read the first error of its log, then clear it.
"""
