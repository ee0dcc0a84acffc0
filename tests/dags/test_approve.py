"""approve: what is asked and when, what each answer becomes, and that a rejection reaches deploy."""

from datetime import UTC, datetime, timedelta
from unittest.mock import Mock
from uuid import UUID

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, Context
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import CommsDecoder, CreateHITLDetailPayload
from airflow.serialization.serialized_objects import DagSerialization

from retrainer.airflow.operators.approve import ApproveOperator
from retrainer.contracts import PIPELINE, Approval, Decision, Gate, Registration
from tests.dags.conftest import PROJECT, Declare, build_context

FIRST = datetime(2013, 5, 27, 4, tzinfo=UTC)
ANSWERED = datetime(2013, 5, 28, 7, 30, tzinfo=UTC)

DECISION = Decision(
    promote=True,
    reason="better by 0.0078 | at least 0.0012",
    metric="roc_auc",
    reference="champion",
    champion_version=3,
    rows=13_000,
    blocks=14,
    challenger_value=0.6921,
    challenger_low=0.6801,
    challenger_high=0.7012,
    reference_value=0.6843,
    difference=0.0078,
    low=0.0012,
    high=0.0144,
    confidence=0.9,
    gates=(Gate(name="min_value", passed=True, message="0.6921, at least 0.55"),),
    report_url="http://mlflow/report.html",
)
REGISTRATION = Registration(name="flight_delay", version=4, version_url="http://mlflow/v4", created=True)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[CreateHITLDetailPayload]:
    """The questions that reached Airflow."""
    supervisor = Mock(spec=CommsDecoder)
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    sent: list[CreateHITLDetailPayload] = []
    supervisor.send.side_effect = lambda *, msg: sent.append(msg)
    return sent


def train_dag(declare: Declare, *more: str) -> DAG:
    deployment = "\n  ".join(("deployment:", "approval: required", *more))
    declare("flight_delay", ("seed: 2013", f"{deployment}\nseed: 2013"))
    bag = DagBag(PROJECT / "dags" / "train.py")
    assert bag.import_errors == {}
    return bag.dags["flight_delay__train"]


def approve(declare: Declare, *more: str) -> ApproveOperator:
    task = train_dag(declare, *more).get_task("approve")
    assert isinstance(task, ApproveOperator)
    return task


def context_of(decision: Decision | None = DECISION, *, run_type: str = "scheduled") -> Context:
    results = {
        "compare": decision.model_dump(mode="json") if decision else None,
        "register": REGISTRATION.model_dump(mode="json"),
    }
    context = build_context(interval=(FIRST - timedelta(days=1), FIRST), results=results, run_type=run_type)
    context["ti"].id = UUID(int=1)
    context["task_instance"] = context["ti"]
    return context


def test_it_stands_before_deploy_where_the_declaration_asks_for_it(declare: Declare) -> None:
    dag = train_dag(declare)

    order = [task.task_id for task in dag.topological_sort()]
    assert order == [*PIPELINE[:-1], "approve", "deploy"]
    assert dag.get_task("deploy").upstream_task_ids == {"approve"}
    assert "Required Actions" in dag.doc_md


def test_its_dag_survives_serialisation(declare: Declare) -> None:
    kept = DagSerialization.from_dict(DagSerialization.to_dict(train_dag(declare)))

    assert kept.get_task("approve").downstream_task_ids == {"deploy"}


def test_the_question_shows_what_is_needed_to_answer_it(declare: Declare, asked: list[CreateHITLDetailPayload]) -> None:
    with pytest.raises(TaskAwaitingInput):
        approve(declare).execute(context_of())

    (question,) = asked
    assert question.subject == "Deploy flight_delay v4?"
    assert question.body == (
        "better by 0.0078 \\| at least 0.0012\n\n"
        "| model | roc_auc | interval at 90% |\n"
        "| --- | --- | --- |\n"
        "| challenger v4 | 0.6921 | 0.6801 to 0.7012 |\n"
        "| champion v3 | 0.6843 |  |\n"
        "| difference | +0.0078 | +0.0012 to +0.0144 |\n\n"
        "On the same 13000 rows in 14 blocks.\n\n"
        "| gate |  | in words |\n"
        "| --- | --- | --- |\n"
        "| min_value | passed | 0.6921, at least 0.55 |\n\n"
        "[Evaluation report](http://mlflow/report.html) · [Version 4 in MLflow](http://mlflow/v4)\n\n"
        "Without an answer within 24 h it is rejected; what is in production stays there."
    )


def test_silence_rejects_after_the_declared_time_and_holds_no_worker(
    declare: Declare, asked: list[CreateHITLDetailPayload]
) -> None:
    with pytest.raises(TaskAwaitingInput) as parked:
        approve(declare, "approval_timeout_hours: 1.5").execute(context_of())

    (question,) = asked
    assert (question.options, question.defaults) == (["Approve", "Reject"], ["Reject"])
    assert (parked.value.timeout, parked.value.method_name) == (timedelta(hours=1.5), "execute_complete")


@pytest.mark.parametrize(("more", "users"), [((), []), (("approvers: [ada, grace]",), ["ada", "grace"])])
def test_the_declared_users_are_asked(
    more: tuple[str, ...], users: list[str], declare: Declare, asked: list[CreateHITLDetailPayload]
) -> None:
    with pytest.raises(TaskAwaitingInput):
        approve(declare, *more).execute(context_of())

    (question,) = asked
    assert [user.id for user in question.assigned_users] == users


SILENT = {
    "compare said no": (
        {"decision": DECISION.model_copy(update={"promote": False})},
        "not asked: the challenger is not to be promoted",
    ),
    "a backfill": (
        {"run_type": "backfill"},
        "backfilled runs do not deploy a model that needs approval",
    ),
}


@pytest.mark.parametrize(("run", "message"), SILENT.values(), ids=SILENT)
def test_nobody_is_asked_in_vain(
    run: dict, message: str, declare: Declare, asked: list[CreateHITLDetailPayload]
) -> None:
    result = approve(declare).execute(context_of(**run))

    assert Approval.model_validate(result) == Approval(asked=False, approved=False, message=message)
    assert asked == []


def test_nobody_is_asked_where_nothing_is_deployed(declare: Declare, asked: list[CreateHITLDetailPayload]) -> None:
    result = approve(declare, "automatic: false").execute(context_of())

    assert (result["asked"], asked) == (False, [])
    assert "deployment.automatic is false" in result["message"]


def test_without_a_decision_there_is_nothing_to_ask_about(declare: Declare) -> None:
    with pytest.raises(AirflowFailException, match="approve needs the result of compare, and it left none"):
        approve(declare).execute(context_of(None))


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
    "yes": (event("Approve"), Approval(asked=True, approved=True, by="ada", at=ANSWERED)),
    "yes, with a note": (
        event("Approve", note="seen the slices"),
        Approval(asked=True, approved=True, by="ada", at=ANSWERED, message="seen the slices"),
    ),
    "no": (
        event("Reject", by="grace", note="not before Easter"),
        Approval(asked=True, approved=False, by="grace", at=ANSWERED, message="not before Easter"),
    ),
    "nobody in time": (
        event("Reject", by=None),
        Approval(asked=True, approved=False, at=ANSWERED, message="nobody answered within 24 h"),
    ),
}


@pytest.mark.parametrize(("given", "approval"), ANSWERS.values(), ids=ANSWERS)
def test_every_answer_is_handed_to_deploy_and_skips_nothing(
    given: dict[str, object], approval: Approval, declare: Declare
) -> None:
    task, context = approve(declare), context_of()

    result = task.execute_complete(context, given)

    assert Approval.model_validate(result) == approval
    context["ti"].xcom_push.assert_not_called()  # SkipMixin would leave there what is to be skipped


def test_an_answer_without_the_form_is_taken(declare: Declare) -> None:
    given = event("Approve") | {"params_input": {}}

    assert approve(declare).execute_complete(context_of(), given)["approved"] is True


def test_an_answer_that_is_none_of_the_two_is_refused(declare: Declare) -> None:
    with pytest.raises(ValueError, match="Perhaps"):
        approve(declare).execute_complete(context_of(), event("Perhaps"))
