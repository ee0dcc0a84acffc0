"""The DAG `<model>__shadow_review`: whether the version in the shadow has earned the traffic."""

from pathlib import Path

from airflow.sdk import DAG

from retrainer.airflow.assets import model_asset
from retrainer.airflow.interval_dag import as_of_param, every_interval, first_day, reason_param
from retrainer.airflow.operators.step import StepOperator
from retrainer.airflow.plan import TrainPlan
from retrainer.airflow.task_options import TaskOptions, release_timeout, task_options


def build_shadow_review_dag(plan: TrainPlan, *, project_root: Path, slack_connection_id: str) -> DAG:
    """The DAG of one model whose versions go through the shadow: what the server logged, then its review."""
    dag = DAG(
        dag_id=f"{plan.model}__shadow_review",
        description=f"Promotes the version of {plan.model} in the shadow once live traffic shows that it is better.",
        schedule=every_interval(plan),
        start_date=first_day(plan),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        tags={"retrainer", "shadow_review", plan.model, *plan.tags},
        doc_md=_doc(plan),
        default_args=dict(task_options(plan, slack_connection_id=slack_connection_id)),
    )
    declaration = Path(plan.declaration)
    collect = StepOperator(dag=dag, step="collect_predictions", declaration=declaration, project_root=project_root)
    review = StepOperator(
        step="shadow_review",
        declaration=declaration,
        project_root=project_root,
        **TaskOptions(dag=dag, outlets=[model_asset(plan.model)], execution_timeout=release_timeout(plan)),
    )
    collect >> review
    as_of = as_of_param("Count the labels that were known at this time. Empty: the end of the run's data interval.")
    dag.params.update({"as_of": as_of, "reason": reason_param()})
    return dag


def _doc(plan: TrainPlan) -> str:
    return f"""### {plan.model}: review of the version in the shadow

**Owner:** {plan.owner}. **Schedule:** `{plan.cron}` ({plan.timezone}); *Trigger* it at any time. Backfilled runs decide
nothing.

Collects what the model server logged, and compares what the version in the shadow and the champion said of the same
requests: how often they agree, how long both take, and by the model's own metric which of them was right, where the
label is known by now. The version is promoted when it passes the test that the gates declare; rejected when it is shown
to be worse, too slow, or different more often than declared. Otherwise nothing is known yet: the task succeeds, nothing
is written, and the version stays in the shadow. The labels are looked at when there are `serving.review.min_rows` of
them, then twice as many and so on: a review each night does not find a difference that is not there.

**When a task fails** the champion serves on, or the ledger has the entry and only the model server is behind.
- the model server is away or too slow: clear the task once it is back. Clearing is always safe.
- the version does not give its recorded outputs: it stays in the shadow. Find out who changed its files.
- any other error: read the first one in the log, then clear the task.
"""
