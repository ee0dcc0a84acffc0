"""The DAG `<model>__rollback`: a form that moves the champion back."""

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, Param

from retrainer.airflow.assets import model_asset
from retrainer.airflow.operators.step import StepOperator
from retrainer.airflow.plan import TrainPlan
from retrainer.airflow.task_options import TaskOptions, task_options

_URGENT = TaskOptions(pool="default_pool", retries=2, retry_delay=timedelta(seconds=5))
"""Somebody waits: it does not queue behind the model's trainings, and a ledger or an MLflow that is away for a moment
is asked again soon."""


def build_rollback_dag(plan: TrainPlan, *, project_root: Path, slack_connection_id: str) -> DAG:
    """The DAG of one model: its form, and the step rollback."""
    options = task_options(plan, slack_connection_id=slack_connection_id) | _URGENT
    dag = DAG(
        dag_id=f"{plan.model}__rollback",
        description=f"Moves the champion of {plan.model} back to an earlier version.",
        schedule=None,
        max_active_runs=1,
        is_paused_upon_creation=False,
        tags={"retrainer", "rollback", plan.model, *plan.tags},
        doc_md=_doc(plan),
        default_args=dict(options),
    )
    StepOperator(
        dag=dag,
        step="rollback",
        declaration=Path(plan.declaration),
        project_root=project_root,
        outlets=[model_asset(plan.model)],
    )
    dag.params.update(_params(plan.model))
    return dag


def _params(model: str) -> dict[str, Param]:
    return {
        "target": Param(
            "previous",
            source="dag",
            type="string",
            pattern=r"^(previous|[1-9][0-9]*)$",
            title="Target",
            description=f"previous, or the number of a version. The model's page under Models shows those that are "
            f"kept, and so does: retrainer history {model}",
        ),
        "reason": Param(  # no default: the form cannot be sent without one
            source="dag",
            type="string",
            minLength=3,
            maxLength=500,
            title="Reason",
            description="Why, in a sentence. Kept in the ledger of releases, with your name.",
        ),
    }


def _doc(plan: TrainPlan) -> str:
    return f"""### {plan.model}: move the champion back

**Owner:** {plan.owner}. **Schedule:** none: *Trigger* it. On the command line:
`retrainer rollback {plan.model} [--to VERSION] --reason "..."`.

Loads the target and checks that it gives its canonical outputs; writes who, when and why into the ledger; moves the
alias `champion`; tells the model server, and says in its log and its result whether that answers with the version. The
version rolled away from is not promoted again by the next run. Rolling back twice goes to the version before that one,
not back and forth.

**When a task fails** nothing has moved, or the ledger has the entry and only an alias is behind.
- refused: the target does not exist, was archived, or does not give its outputs. The error says which versions would
  do; trigger it again with one of these.
- the ledger or MLflow is away: it was tried three times. Clear the task once they are back; clearing is always safe.
"""
