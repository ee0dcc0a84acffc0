"""The operator that asks a person before a deployment. Imported only where a declaration asks for it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Context, Param

from retrainer.airflow.task_options import TaskOptions
from retrainer.errors import RetrainerError

if TYPE_CHECKING:
    from pydantic import JsonValue

_NOTE = "note"


class ApproveOperator(ApprovalOperator):
    """Puts the decision of compare before a person, in the Airflow UI. Holds no worker and no slot while it waits.

    Returns an Approval as JSON, also of a rejection: deploy is what acts on it and writes it into the ledger, so that,
    unlike its base class, it never skips a task. Does not ask where nothing would be deployed, nor in a backfill.

    Args:
        model: name of the model.
        declaration: the model's YAML file, read again when the task runs.
        approvers: ids of the Airflow users who may answer; empty: everybody who may answer in Airflow.
        response_timeout: how long it waits. Without an answer the challenger is rejected.
    """

    ui_color = "#fdf1dd"
    inherits_from_skipmixin = False

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
            defaults=self.REJECT,
            assigned_users=[{"id": user, "name": user} for user in approvers],
            response_timeout=response_timeout,
            params={_NOTE: _note()},
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
        self.subject, self.body = asked.subject, asked.body
        super().execute(context)  # raises TaskAwaitingInput
        raise AssertionError("unreachable")

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> "dict[str, JsonValue]":
        """What was answered, by whom and when; after the time-out, that nobody did."""
        from retrainer.contracts import Approval

        # Not ApprovalOperator's own, which would skip deploy.
        answer = super(ApprovalOperator, self).execute_complete(context, dict(event))
        approved = answer["chosen_options"] == [self.APPROVE]
        self.hitl_summary_extra["approved"] = approved
        user = answer["responded_by_user"]
        note = (answer["params_input"] or {}).get(_NOTE) or ""
        approval = Approval(
            asked=True,
            approved=approved,
            by=(user["name"] or user["id"]) if user else "",
            at=answer["responded_at"],
            message=str(note) if user else self._nobody(),
        )
        self.log.info("%s by %s", "approved" if approved else "rejected", approval.by or "nobody: the time was up")
        return approval.model_dump(mode="json")

    def _nobody(self) -> str:
        waited = self.response_timeout or timedelta()
        return f"nobody answered within {waited.total_seconds() / 3600:g} h"


def _note() -> Param:
    # Null, not "": Airflow's form cannot be sent while a text that must not be null is empty.
    return Param(
        None,
        source="task",
        type=["null", "string"],
        maxLength=500,
        title="Note",
        description="Why, in a sentence. Kept with the answer in the ledger of releases.",
    )
