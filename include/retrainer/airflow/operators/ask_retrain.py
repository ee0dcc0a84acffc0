"""The operator that asks a person whether a model is to be trained again. Imported only for the DAG that monitors."""

from datetime import timedelta
from typing import TYPE_CHECKING, Unpack

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from retrainer.airflow.operators.ask import AskOperator
from retrainer.airflow.task_options import TaskOptions
from retrainer.errors import RetrainerError

if TYPE_CHECKING:
    from pydantic import JsonValue


class AskRetrainOperator(AskOperator):
    """Puts what monitor found before a person, where monitor says that one is to decide.

    Returns an Approval as JSON; the task retrain acts on it and keeps it in the history.

    Args:
        model: name of the model.
        response_timeout: how long it waits. Without an answer retraining stays held.
    """

    def __init__(self, *, model: str, response_timeout: timedelta, **options: Unpack[TaskOptions]) -> None:
        options.setdefault("task_id", "ask")
        super().__init__(
            subject=f"Retrain {model}?", answers=("Retrain", "Hold"), response_timeout=response_timeout, **options
        )

    def execute(self, context: Context) -> "dict[str, JsonValue]":
        """Ask.

        Raises:
            TaskAwaitingInput: asked; Airflow goes on with `execute_complete` once there is an answer.
            AirflowSkipException: there is nothing to ask.
            AirflowFailException: monitor left no result.
        """
        # Imported here: each parse of the DAG file would pay for what only a running task needs.
        from retrainer.airflow.failures import as_task_failure
        from retrainer.airflow.retraining import monitored, question, reason_not_to_act

        try:
            found = monitored(context)
        except RetrainerError as error:
            raise as_task_failure(error, context) from error
        if silent := reason_not_to_act(context, found):
            raise AirflowSkipException(silent)
        if found.action != "ask":
            raise AirflowSkipException("nobody is asked: the run is fired at once")
        body = question(found, wait=self.response_timeout or timedelta())
        return self.ask(context, subject=self.subject, body=body)
