"""The operator of a question with two answers. Imported only where somebody may be asked."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn, Unpack

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Context, Param

from retrainer.airflow.task_options import TaskOptions

if TYPE_CHECKING:
    from pydantic import JsonValue

_NOTE = "note"


class AskOperator(HITLOperator):
    """Puts a question before a person, in the Airflow UI. Holds no worker and no slot while it waits.

    Returns an Approval as JSON, whatever the answer: it never skips a task. The next task acts on the answer and keeps
    it; a retry there does not ask again, as a retry of this one would.

    Args:
        subject: the question, until `ask` is given its words.
        answers: yes and no, as they stand on the buttons.
        users: ids of the Airflow users who may answer; empty: everybody who may answer in Airflow.
        response_timeout: how long it waits. Without an answer it is no.
    """

    ui_color = "#fdf1dd"

    def __init__(
        self,
        *,
        subject: str,
        answers: tuple[str, str],
        response_timeout: timedelta,
        users: Sequence[str] = (),
        **options: Unpack[TaskOptions],
    ) -> None:
        super().__init__(
            subject=subject,
            options=list(answers),
            defaults=answers[1],
            assigned_users=[{"id": user, "name": user} for user in users],
            response_timeout=response_timeout,
            params={_NOTE: _note()},
            **options,
        )
        self.answers = answers

    def ask(self, context: Context, *, subject: str, body: str) -> NoReturn:
        """Ask. To be called by `execute`.

        Raises:
            TaskAwaitingInput: always; Airflow goes on with `execute_complete` once there is an answer.
        """
        self.subject, self.body = subject, body
        super().execute(context)
        raise AssertionError("unreachable")

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> "dict[str, JsonValue]":
        """What was answered, by whom and when; after the time-out, that nobody did."""
        from retrainer.contracts import Approval

        answer = super().execute_complete(context, dict(event))
        approved = answer["chosen_options"] == [self.answers[0]]
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
        self.log.info("%s: %s", self.answers[0 if approved else 1], approval.by or self._nobody())
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
        description="Why, in a sentence. Kept with the answer.",
    )
