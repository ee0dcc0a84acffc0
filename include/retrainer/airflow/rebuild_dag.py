"""The DAG `<model>__rebuild`: trains a version again from its registry entry and says whether it comes out the same."""

from pathlib import Path

from airflow.sdk import DAG, Param

from retrainer.airflow.operators.rebuild import RebuildOperator
from retrainer.airflow.plan import TrainPlan
from retrainer.airflow.task_options import task_options


def build_rebuild_dag(plan: TrainPlan, *, project_root: Path, slack_connection_id: str) -> DAG:
    """The DAG of one model: its form, and the step rebuild."""
    dag = DAG(
        dag_id=f"{plan.model}__rebuild",
        description=f"Trains a version of {plan.model} again and says whether it comes out the same.",
        schedule=None,
        max_active_runs=1,
        is_paused_upon_creation=False,
        tags={"retrainer", "rebuild", plan.model, *plan.tags},
        doc_md=_doc(plan),
        default_args=dict(task_options(plan, slack_connection_id=slack_connection_id)),
    )
    RebuildOperator(dag=dag, step="rebuild", declaration=Path(plan.declaration), project_root=project_root)
    dag.params.update(
        {
            "version": Param(  # no default: the form cannot be sent without one
                source="dag",
                type="integer",
                minimum=1,
                title="Version",
                description="The registered version to train again.",
            )
        }
    )
    return dag


def _doc(plan: TrainPlan) -> str:
    return f"""### {plan.model}: rebuild a version

**Owner:** {plan.owner}. **Schedule:** none: *Trigger* it. On the command line:
`retrainer rebuild {plan.model}@VERSION`.

Reads the version's registry entry and nothing else, fetches the snapshot and the configuration that it pins, trains
again and compares: data, predictions, artifact. Changes nothing in production.

**When a task fails**
- *was not rebuilt*: the error names what differs first (code, lock, data, seed); the task's XCom has every check. A
  retry would say the same.
- any other error: read the first one in the log, then clear the task. Clearing is always safe.
"""
