"""The DAG `<model>__online`: keeps what the model server looks up close to what the source has now."""

from pathlib import Path

from airflow.sdk import DAG

from retrainer.airflow.interval_dag import as_of_param
from retrainer.airflow.operators.step import StepOperator
from retrainer.airflow.plan import TrainPlan
from retrainer.airflow.schedules import from_now_on
from retrainer.airflow.task_options import task_options


def build_online_dag(plan: TrainPlan, *, project_root: Path, slack_connection_id: str) -> DAG:
    """The DAG of one model that is served and looks something up: the step refresh_online."""
    assert plan.online_cron is not None
    dag = DAG(
        dag_id=f"{plan.model}__online",
        description=f"Refreshes the looked-up values and windows that the model server has of {plan.model}.",
        schedule=from_now_on(plan.online_cron, timezone=plan.timezone),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        tags={"retrainer", "online", plan.model, *plan.tags},
        doc_md=_doc(plan),
        default_args=dict(task_options(plan, slack_connection_id=slack_connection_id)),
    )
    StepOperator(dag=dag, step="refresh_online", declaration=Path(plan.declaration), project_root=project_root)
    dag.params["as_of"] = as_of_param("Look at what was known at this time. Empty: when the run was due.")
    return dag


def _doc(plan: TrainPlan) -> str:
    until = f" until {plan.end}; runs after it do nothing" if plan.end else ""
    return f"""### {plan.model}: refresh what the server looks up

**Owner:** {plan.owner}. **Schedule:** `{plan.online_cron}` ({plan.timezone}){until}. *Trigger* it at any time.

Reads from the source as far back as look-ups and windows reach and publishes online tables by the definition of the
features; a running server takes them up within seconds. A training run publishes them too. A newer table is never
replaced by an older one.

**When a task fails** the server goes on with the tables that it has; what grows too old counts as missing.
- the source did not answer: it is tried again, and by the next run.
- a column is missing or of another type: have the source repaired. `{plan.model}__train` will say the same.
- the log says that *windows stay as they are*: the interval has not landed as a whole. The next run tries again.
"""
