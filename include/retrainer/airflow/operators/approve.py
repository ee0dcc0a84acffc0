"""The operator that asks a person before a deployment. Imported only where a declaration asks for it."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from airflow.sdk import Context

from retrainer.airflow.operators.ask import AskOperator
from retrainer.airflow.task_options import TaskOptions
from retrainer.errors import RetrainerError

if TYPE_CHECKING:
    from pydantic import JsonValue


class ApproveOperator(AskOperator):
    """Puts the decision of compare before a person.

    Returns an Approval as JSON, also of a rejection: deploy is what acts on it and writes it into the ledger. Does not
    ask where nothing would be deployed, nor in a backfill.

    Args:
        model: name of the model.
        declaration: the model's YAML file, read again when the task runs.
        approvers: ids of the Airflow users who may answer; empty: everybody who may answer in Airflow.
        response_timeout: how long it waits. Without an answer the challenger is rejected.
    """

    def __init__(
        self,
        *,
        model: str,
        declaration: Path,
        approvers: Sequence[str],
        response_timeout: timedelta,
        **options: Unpack[TaskOptions],
    ) -> None:
        options.setdefault("task_id", "approve")
        super().__init__(
            subject=f"Deploy {model}?",
            answers=("Approve", "Reject"),
            users=approvers,
            response_timeout=response_timeout,
            **options,
        )
        self.declaration = declaration

    def execute(self, context: Context) -> "dict[str, JsonValue]":
        """Ask, unless there is nothing to ask.

        Raises:
            TaskAwaitingInput: asked; Airflow goes on with `execute_complete` once there is an answer.
            AirflowFailException: the declaration is wrong, or compare or register left no result.
        """
        # Imported here: each parse of the DAG file would pay 0.1 s for what only a running task needs.
        from retrainer.airflow.approval import question, reason_not_to_ask
        from retrainer.airflow.failures import as_task_failure
        from retrainer.contracts import Approval

        try:
            silent = reason_not_to_ask(context, self.declaration)
            if silent:
                self.log.info("%s", silent)
                return Approval(asked=False, approved=False, message=silent).model_dump(mode="json")
            asked = question(context, self.declaration)
        except RetrainerError as error:
            raise as_task_failure(error, context) from error
        return self.ask(context, subject=asked.subject, body=asked.body)
