"""The DAG `<model>__predictions`: what the model server logged, into a Delta table."""

from pathlib import Path

from airflow.sdk import DAG

from retrainer.airflow.operators.step import StepOperator
from retrainer.airflow.plan import TrainPlan
from retrainer.airflow.schedules import from_now_on
from retrainer.airflow.task_options import task_options

_HOURLY = "27 * * * *"


def build_predictions_dag(plan: TrainPlan, *, project_root: Path, slack_connection_id: str) -> DAG:
    """The DAG of one model that is served: the step collect_predictions."""
    dag = DAG(
        dag_id=f"{plan.model}__predictions",
        description=f"Collects what the model server logged of {plan.model}.",
        schedule=from_now_on(_HOURLY, timezone="UTC"),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        tags={"retrainer", "predictions", plan.model, *plan.tags},
        doc_md=_doc(plan),
        default_args=dict(task_options(plan, slack_connection_id=slack_connection_id)),
    )
    StepOperator(dag=dag, step="collect_predictions", declaration=Path(plan.declaration), project_root=project_root)
    return dag


def _doc(plan: TrainPlan) -> str:
    return f"""### {plan.model}: collect predictions

**Owner:** {plan.owner}. **Schedule:** every hour at 27 minutes past; *Trigger* it at any time.

Moves what the model server logged into the Delta table `{plan.model}/predictions` of the data folder, one partition per
day (UTC), each prediction once. Where the declaration says `log_predictions: false`, what lies there is deleted unread.

**When a task fails** nothing is lost: the log stays where it is until its rows are in the table. Clearing is always
safe.
- a column has another type than it is declared with now: declare it as before, or move the table away.
- any other error: read the first one in the log, then clear the task.
"""
