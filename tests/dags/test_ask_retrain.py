"""ask: who is asked what, and what each answer becomes."""

from datetime import UTC, datetime, timedelta
from unittest.mock import Mock
from uuid import UUID

import pytest
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskAwaitingInput
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import CommsDecoder, CreateHITLDetailPayload

from retrainer.airflow.operators.ask_retrain import AskRetrainOperator
from retrainer.contracts import Approval, Monitored
from tests.dags.monitoring import ASK, QUIET, RETRAIN, context_after

ANSWERED = datetime(2013, 6, 5, 7, 30, tzinfo=UTC)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[CreateHITLDetailPayload]:
    """The questions that reached Airflow."""
    supervisor = Mock(spec=CommsDecoder)
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    sent: list[CreateHITLDetailPayload] = []
    supervisor.send.side_effect = lambda *, msg: sent.append(msg)
    return sent


def operator() -> AskRetrainOperator:
    return AskRetrainOperator(model="one", response_timeout=timedelta(hours=72))


def context_of(found: Monitored | None, *, run_type: str = "scheduled") -> Context:
    context = context_after(found, run_type=run_type)
    context["ti"].id = UUID(int=1)
    return context


def test_the_question_shows_what_is_needed_to_answer_it(asked: list[CreateHITLDetailPayload]) -> None:
    with pytest.raises(TaskAwaitingInput):
        operator().execute(context_of(ASK))

    (question,) = asked
    assert question.subject == "Retrain one?"
    assert question.body == (
        "the month's budget is used up\n\n"
        "| about |  | largest | severity | in words |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| feature | temp, dest | 0.6123 | severe | temp shifted by 0.61 \\| usually at most 0.14 |\n\n"
        "[Monitoring report](http://mlflow/report.html)\n\n"
        "*Retrain* fires `one__train` as of 2013-06-04 04:00 UTC. *Hold* leaves everything as it is. "
        "Without an answer within 72 h retraining stays held."
    )


def test_silence_holds_and_waiting_takes_no_worker(asked: list[CreateHITLDetailPayload]) -> None:
    with pytest.raises(TaskAwaitingInput) as parked:
        operator().execute(context_of(ASK))

    (question,) = asked
    assert (question.options, question.defaults) == (["Retrain", "Hold"], ["Hold"])
    assert (parked.value.timeout, parked.value.method_name) == (timedelta(hours=72), "execute_complete")


SILENT = {
    "nothing to be done": (context_of(QUIET), "nothing stands out"),
    "fired at once": (context_of(RETRAIN), "nobody is asked"),
    "a backfill": (context_of(ASK, run_type="backfill"), "asks nobody"),
}


@pytest.mark.parametrize(("context", "said"), SILENT.values(), ids=SILENT)
def test_nobody_is_asked_in_vain(context: Context, said: str, asked: list[CreateHITLDetailPayload]) -> None:
    with pytest.raises(AirflowSkipException, match=said):
        operator().execute(context)

    assert asked == []


def test_without_a_result_of_monitor_it_fails_for_good() -> None:
    with pytest.raises(AirflowFailException, match="monitor left no result"):
        operator().execute(context_of(None))


def event(choice: str, *, by: str | None = "ada", note: str | None = None) -> dict[str, object]:
    """What Airflow resumes the task with; as the scheduler does after the time-out, where `by` is None."""
    return {
        "chosen_options": [choice],
        "params_input": {"note": note},
        "responded_at": ANSWERED,
        "responded_by_user": {"id": by, "name": by} if by else None,
        "timedout": by is None,
    }


ANSWERS = {
    "yes": (
        event("Retrain", note="seen the weather"),
        Approval(asked=True, approved=True, by="ada", at=ANSWERED, message="seen the weather"),
    ),
    "no": (event("Hold"), Approval(asked=True, approved=False, by="ada", at=ANSWERED)),
    "nobody in time": (
        event("Hold", by=None),
        Approval(asked=True, approved=False, at=ANSWERED, message="nobody answered within 72 h"),
    ),
}


@pytest.mark.parametrize(("given", "approval"), ANSWERS.values(), ids=ANSWERS)
def test_every_answer_is_handed_to_retrain(given: dict[str, object], approval: Approval) -> None:
    result = operator().execute_complete(context_of(ASK), given)

    assert Approval.model_validate(result) == approval
