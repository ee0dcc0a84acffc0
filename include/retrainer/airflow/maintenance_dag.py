"""The DAG `maintenance`: every week, for every model, what is no longer needed goes."""

from collections.abc import Iterable
from pathlib import Path

from airflow.sdk import DAG

from retrainer.airflow.operators.step import StepOperator
from retrainer.airflow.plan import TrainPlan
from retrainer.airflow.schedules import from_now_on
from retrainer.airflow.task_options import TaskOptions, task_options

MAINTENANCE = "maintenance"
"""Id of the DAG."""

_SUNDAY_MORNING = "0 5 * * 0"


def build_maintenance_dag(plans: Iterable[TrainPlan], *, project_root: Path, slack_connection_id: str) -> DAG:
    """One task for each model; none waits for another, and none stops because another failed."""
    dag = DAG(
        dag_id=MAINTENANCE,
        description="Archives model versions beyond those that are kept, and vacuums their data.",
        schedule=from_now_on(_SUNDAY_MORNING, timezone="UTC"),
        catchup=False,
        max_active_runs=1,
        max_active_tasks=1,  # the other places are for trainings
        is_paused_upon_creation=False,
        tags={"retrainer", "maintenance"},
        doc_md=_DOC,
    )
    for plan in plans:
        options = task_options(plan, slack_connection_id=slack_connection_id)
        options |= TaskOptions(dag=dag, task_id=f"{plan.model}__archive")
        StepOperator(step="archive", declaration=Path(plan.declaration), project_root=project_root, **options)
    return dag


_DOC = """### maintenance: archive old versions

**Owner:** each model's own. **Schedule:** Sundays at 05:00 UTC; *Trigger* it at any time.

For each model a task `<model>__archive`: versions beyond `deployment.keep_versions` lose their files and keep their
record. The champion, the one before it, versions in a shadow and pinned ones (tag `retrainer.pinned`) stay. Versions of
Delta tables that no kept model was trained on are vacuumed.

**When a task fails** the other models' tasks go on. Read the first error of its log, then clear it: it goes on where it
stopped, and clearing is always safe. Nothing in production depends on it.
"""
