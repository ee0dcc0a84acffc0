"""The operator by which monitoring fires a training run. Imported only for the DAG that monitors."""

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from retrainer.airflow.links import TRAINING_RUN_KEY, TrainingRunLink
from retrainer.airflow.task_options import TaskOptions
from retrainer.errors import RetrainerError

if TYPE_CHECKING:
    from retrainer.contracts import Approval, Monitored


class RetrainOperator(TriggerDagRunOperator):
    """Fires the training run that monitor names: at once, or when the person whom ask has asked says so.

    The run's id follows from episode and interval: the same interval monitored again fires nothing. It is skipped
    where nothing is to be fired, and always in a backfill. What the person said is kept in the history.

    Args:
        train_dag_id: id of the DAG to fire.
        project_root: folder whose settings hold.
    """

    ui_color = "#e6f4ea"

    def __init__(self, *, train_dag_id: str, project_root: Path, **options: Unpack[TaskOptions]) -> None:
        options.setdefault("task_id", "retrain")
        super().__init__(trigger_dag_id=train_dag_id, logical_date=None, skip_when_already_exists=True, **options)
        self.operator_extra_links = [TrainingRunLink()]
        self.project_root = project_root

    def execute(self, context: Context) -> None:
        """Fire it.

        Raises:
            DagRunTriggerException: by which Airflow fires it.
            AirflowSkipException: nothing is to be fired, or the person says that retraining is held.
            AirflowFailException: monitor left no result, or names no run.
            AirflowException: the ledger does not answer.
        """
        # Imported here: each parse of the DAG file would pay for what only a running task needs.
        from retrainer.airflow.failures import as_task_failure
        from retrainer.airflow.retraining import answer, monitored, reason_not_to_act, reason_of_run

        try:
            found = monitored(context)
            if silent := reason_not_to_act(context, found):
                raise AirflowSkipException(silent)
            given = answer(context)
            if found.action == "ask":
                self._require_yes(found, given)
        except RetrainerError as error:
            raise as_task_failure(error, context) from error
        if self._is_there(context, found.train_run_id):
            return
        assert found.train_as_of is not None
        reason = reason_of_run(found, given)
        self.trigger_run_id, self.note = found.train_run_id, reason
        self.conf = {"as_of": found.train_as_of.isoformat(), "reason": reason}
        self._warn_of_pause(context)
        super().execute(context)

    def _require_yes(self, found: "Monitored", given: "Approval | None") -> None:
        from retrainer.airflow.retraining import take_answer

        if given is None:
            raise AirflowSkipException("held: nobody was asked")
        is_fired = take_answer(found, given, project_root=self.project_root)
        if not given.approved:
            raise AirflowSkipException(f"held by {given.by or 'nobody'}")
        if not is_fired:
            raise AirflowSkipException("too late: the episode has ended, or another run is under way")

    def _is_there(self, context: Context, run_id: str) -> bool:
        """Whether an earlier try, or an earlier monitoring of the same interval, has fired the run."""
        ti = context["ti"]
        if not ti.get_dr_count(self.trigger_dag_id, run_ids=[run_id]):
            return False
        self.log.info("%s of %s was fired before", run_id, self.trigger_dag_id)
        ti.xcom_push(key=TRAINING_RUN_KEY, value=run_id)
        return True

    def _warn_of_pause(self, context: Context) -> None:
        if context["ti"].get_dag(self.trigger_dag_id).is_paused:
            waits = f"{self.trigger_dag_id} is paused: the run waits until somebody unpauses it."
            self.log.warning("%s", waits)
            self.note = f"{self.note}\n\n{waits}"
