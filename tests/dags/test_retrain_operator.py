"""retrain: fires the run that monitor names once, with its reason, and nothing where there is no need."""

import json
from pathlib import Path

import pytest
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    DagRunTriggerException,
)

from retrainer.airflow.operators.retrain import RetrainOperator
from retrainer.contracts import Approval, Monitored, NewEpisodeEvent, RecordedEvent
from retrainer.ledger import Episodes
from tests.dags.conftest import PROJECT
from tests.dags.monitoring import ASK, NIGHT, NO, NOBODY, QUIET, RETRAIN, YES, context_after
from tests.ports import free_ports

ASKED = NewEpisodeEvent(
    model="one",
    topic="model",
    episode=2,
    event="asked",
    interval=NIGHT,
    severity="severe",
    identity="model/2/asked/2013-06-03",
    details={
        "run_id": ASK.train_run_id,
        "as_of": NIGHT.end.isoformat(),
        "subjects": ["feature temp"],
        "champion": 3,
        "reason": ASK.reason,
    },
)


@pytest.fixture
def ledger_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A ledger with an open episode in which somebody was asked."""
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    monkeypatch.setenv("RETRAINER_LEDGER_URL", url)
    opened = ASKED.model_copy(update={"event": "opened", "identity": "model/2/opened", "details": {}})
    Episodes.open(url).append([opened, ASKED])
    return url


def added(url: str) -> list[RecordedEvent]:
    return [event for event in Episodes.open(url).events("one") if event.event not in ("opened", "asked")]


def operator() -> RetrainOperator:
    return RetrainOperator(train_dag_id="one__train", project_root=PROJECT)


def fired(found: Monitored, *, answer: Approval | None = None) -> DagRunTriggerException:
    with pytest.raises(DagRunTriggerException) as raised:
        operator().execute(context_after(found, answer=answer))
    return raised.value


def test_the_run_has_the_id_that_monitor_gave_it_and_no_data_interval() -> None:
    run = fired(RETRAIN)

    assert (run.trigger_dag_id, run.dag_run_id) == ("one__train", "drift__2__2013-06-04")
    assert (run.logical_date, run.run_after, run.wait_for_completion, run.reset_dag_run) == (None, None, False, False)


def test_the_run_knows_as_of_when_it_trains_and_why() -> None:
    run = fired(RETRAIN)

    reason = "drift episode 2: drift of temp and dest, confirmed in 3 of 5 intervals"
    assert run.conf == {"as_of": "2013-06-04T04:00:00+00:00", "reason": reason}
    assert run.note == reason
    assert json.dumps(run.conf)


def test_a_long_reason_is_cut_to_what_the_form_takes() -> None:
    run = fired(RETRAIN.model_copy(update={"reason": "é" * 600}))

    assert len(run.conf["reason"]) == 500
    assert run.conf["reason"].endswith("é…")


@pytest.mark.parametrize("found", [QUIET, RETRAIN.model_copy(update={"action": "none", "reason": "cooling down"})])
def test_nothing_is_fired_where_nothing_is_to_be_done(found: Monitored) -> None:
    with pytest.raises(AirflowSkipException, match=found.reason):
        operator().execute(context_after(found))


@pytest.mark.parametrize(("found", "answer"), [(RETRAIN, None), (ASK, YES)])
def test_a_backfill_fires_nothing_whatever_monitor_says(found: Monitored, answer: Approval | None) -> None:
    context = context_after(found, answer=answer, run_type="backfill")

    with pytest.raises(AirflowSkipException, match="a backfilled run fires nothing"):
        operator().execute(context)


def test_a_run_that_is_there_is_not_fired_again_and_still_linked() -> None:
    context = context_after(RETRAIN)
    context["ti"].get_dr_count.return_value = 1

    operator().execute(context)

    context["ti"].get_dr_count.assert_called_once_with("one__train", run_ids=["drift__2__2013-06-04"])
    context["ti"].xcom_push.assert_called_once_with(key="trigger_run_id", value="drift__2__2013-06-04")


def test_a_run_that_somebody_fires_meanwhile_is_no_failure() -> None:
    assert fired(RETRAIN).skip_when_already_exists


def test_a_paused_training_is_fired_all_the_same_and_the_run_says_what_it_waits_for() -> None:
    context = context_after(RETRAIN)
    context["ti"].get_dag.return_value.is_paused = True

    with pytest.raises(DagRunTriggerException) as raised:
        operator().execute(context)

    assert raised.value.note.endswith("one__train is paused: the run waits until somebody unpauses it.")
    assert "paused" not in raised.value.conf["reason"]


def test_without_a_result_of_monitor_it_fails_for_good() -> None:
    with pytest.raises(AirflowFailException, match="monitor left no result"):
        operator().execute(context_after(None))


def test_a_result_that_names_no_run_fails_for_good() -> None:
    with pytest.raises(AirflowFailException, match="names no training run"):
        operator().execute(context_after(RETRAIN.model_copy(update={"train_run_id": ""})))


def test_yes_fires_the_run_and_says_who_said_so(ledger_url: str) -> None:
    run = fired(ASK, answer=YES)

    assert run.dag_run_id == "drift__2__2013-06-04"
    assert run.conf["reason"] == "drift episode 2: the month's budget is used up (ada: seen the weather)"


@pytest.mark.parametrize(("answer", "said"), [(NO, "held by ada"), (NOBODY, "held by nobody")], ids=["no", "nobody"])
def test_anything_else_holds_the_training(answer: Approval, said: str, ledger_url: str) -> None:
    with pytest.raises(AirflowSkipException, match=said):
        operator().execute(context_after(ASK, answer=answer))


def test_a_question_that_was_never_answered_holds_it_too() -> None:
    with pytest.raises(AirflowSkipException, match="nobody was asked"):
        operator().execute(context_after(ASK))


ANSWERS = {
    "yes": (YES, {"answer": "retrain", "by": "ada", "note": "seen the weather"}, ["answered", "fired"]),
    "no": (NO, {"answer": "hold", "by": "ada", "note": ""}, ["answered"]),
    "nobody": (NOBODY, {"answer": "hold", "by": "", "note": "nobody answered within 72 h"}, ["answered"]),
}


@pytest.mark.parametrize(("answer", "details", "kinds"), ANSWERS.values(), ids=ANSWERS)
def test_the_answer_and_what_it_fires_are_in_the_episodes_history_once(
    answer: Approval, details: dict, kinds: list[str], ledger_url: str
) -> None:
    for _ in range(2):  # a retry
        with pytest.raises((AirflowSkipException, DagRunTriggerException)):
            operator().execute(context_after(ASK, answer=answer))

    events = added(ledger_url)
    assert [event.event for event in events] == kinds
    assert (events[0].episode, events[0].interval) == (2, NIGHT)
    assert events[0].details == details | {"asked": ASKED.identity}
    assert all(event.details["run_id"] == ASK.train_run_id for event in events[1:])


def test_a_retry_after_yes_fires_the_run_again_where_it_is_not_there_yet(ledger_url: str) -> None:
    assert fired(ASK, answer=YES).dag_run_id == fired(ASK, answer=YES).dag_run_id


def test_a_yes_after_the_episode_has_ended_comes_too_late(ledger_url: str) -> None:
    ended = ASKED.model_copy(update={"event": "ended", "identity": "model/2/ended", "details": {}})
    Episodes.open(ledger_url).append([ended])

    with pytest.raises(AirflowSkipException, match="too late"):
        operator().execute(context_after(ASK, answer=YES))

    assert [event.event for event in added(ledger_url)] == ["ended", "answered"]


def test_an_answer_to_a_question_that_the_history_does_not_have_fails_for_good(ledger_url: str) -> None:
    other = ASK.model_copy(update={"train_run_id": "another"})

    with pytest.raises(AirflowFailException, match="nobody was asked about 'another'"):
        operator().execute(context_after(other, answer=YES))


def test_a_ledger_that_is_away_is_tried_again_before_anything_is_fired(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETRAINER_LEDGER_URL", f"postgresql+psycopg://127.0.0.1:{free_ports(1)[0]}/ledger")

    with pytest.raises(AirflowException) as raised:
        operator().execute(context_after(ASK, answer=YES))

    assert type(raised.value) is AirflowException
