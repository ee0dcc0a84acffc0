"""The DAG that monitors: begins as scoring does, and ends with whom to tell, whom to ask and what to fire."""

from datetime import timedelta
from pathlib import Path
from unittest.mock import Mock

import pendulum
import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, CronDataIntervalTimetable, TriggerRule
from airflow.serialization.serialized_objects import DagSerialization

from retrainer.airflow.steps import DATA_STEPS
from retrainer.contracts import StepRequest
from tests.dags.conftest import PROJECT, Declare, build_context

NIGHT = (pendulum.datetime(2013, 6, 3, 4), pendulum.datetime(2013, 6, 4, 4))
FEATURES = {"table": {"uri": "/data/features", "version": 3}}
SCORED = {"table": {"uri": "/data/scored", "version": 7}}
CONSEQUENCES = {"alert", "ask", "retrain"}


def dag(kind: str = "monitor") -> DAG:
    bag = DagBag(PROJECT / "dags" / f"{kind}.py")
    assert bag.import_errors == {}
    return bag.dags[f"one__{kind}"]


def declare_watching(declare: Declare, predictions: str, *, serving: str | None = "{}") -> Path:
    path = declare("one")
    text = path.read_text().partition("\nserving:")[0]
    served = f"\nserving: {serving}" if serving else ""
    path.write_text(f"{text}\nmonitoring: {{ predictions: {predictions} }}{served}\n")
    return path


def sent_request(runtime: Mock) -> StepRequest:
    return runtime.return_value.run.call_args.args[0]


def test_an_interval_is_scored_then_monitored_then_told_asked_about_and_acted_on(declare: Declare) -> None:
    declare("one")

    found = dag()

    order = [task.task_id for task in found.topological_sort()]
    assert order[:-3] == [*DATA_STEPS, "score", "monitor"]
    assert found.get_task("monitor").upstream_task_ids == {"score"}
    assert found.get_task("monitor").downstream_task_ids == CONSEQUENCES
    assert found.get_task("retrain").upstream_task_ids == {"monitor", "ask"}
    assert found.get_task("alert").downstream_task_ids == set()


def test_until_it_is_scored_the_tasks_are_those_of_the_dag_that_scores(declare: Declare) -> None:
    declare("one")
    monitor, score = dag(), dag("score")

    for step in (*DATA_STEPS, "score"):
        one, other = monitor.get_task(step), score.get_task(step)
        for name in ("inlets", "outlets", "retries", "execution_timeout", "owner"):
            assert getattr(one, name) == getattr(other, name), f"{step}: {name}"


@pytest.mark.parametrize(
    ("predictions", "serving", "collects"),
    [("served", "{}", True), ("scored", "{}", False), ("served", None, False)],
    ids=["a served model", "batch predictions", "a model without a server"],
)
def test_what_the_server_answered_is_collected_first_where_that_is_watched(
    predictions: str, serving: str | None, collects: bool, declare: Declare
) -> None:
    declare_watching(declare, predictions, serving=serving)

    found = dag()

    assert ("collect_predictions" in found.task_ids) == collects
    before = "collect_predictions" if collects else "score"
    assert found.get_task("monitor").upstream_task_ids == {before}


def test_it_runs_by_the_models_own_clock_and_a_question_keeps_no_night_back(declare: Declare) -> None:
    declare("one")

    found = dag()

    assert found.schedule == CronDataIntervalTimetable("0 0 * * *", timezone="America/New_York")
    assert (found.catchup, found.end_date, found.is_paused_upon_creation) == (False, None, None)
    assert found.start_date == pendulum.datetime(2013, 1, 1, tz="America/New_York")
    assert found.max_active_runs == 16
    assert found.get_task("ask").max_active_tis_per_dag is None


def test_intervals_are_judged_one_at_a_time(declare: Declare) -> None:
    declare("one")

    assert dag().get_task("monitor").max_active_tis_per_dag == 1


def test_what_was_to_be_told_is_sent_whatever_became_of_the_night(declare: Declare) -> None:
    declare("one")

    found = dag()

    assert found.get_task("alert").trigger_rule == TriggerRule.ALL_DONE
    # Its success hides no failure: these end the run too, and fail with monitor.
    assert found.get_task("ask").trigger_rule == TriggerRule.ALL_SUCCESS
    assert found.get_task("retrain").trigger_rule == TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS


def test_the_page_says_whose_it_is_when_it_runs_and_what_to_do(declare: Declare) -> None:
    declare("one", ("monitoring:\n", "monitoring:\n  retraining: { answer_within_hours: 8 }\n"))

    found = dag()

    for part in ("Owner:", "Schedule:", "When a task fails", "Required Actions", "within\n  8 h", "one__train"):
        assert part in found.doc_md
    assert found.get_task("ask").response_timeout == timedelta(hours=8)


def test_it_survives_serialisation_and_says_what_it_fires(declare: Declare) -> None:
    declare("one")

    data = DagSerialization.to_dict(dag())

    kept = DagSerialization.from_dict(data)
    assert kept.get_task("monitor").downstream_task_ids == CONSEQUENCES
    fired = [each["target"] for each in data["dag"]["dag_dependencies"] if each["dependency_type"] == "trigger"]
    assert fired == ["one__train"]


def test_the_links_lead_to_the_report_and_to_the_run_that_was_fired(declare: Declare) -> None:
    declare("one")

    found = dag()

    links = {task.task_id: [link.name for link in task.operator_extra_links] for task in found.tasks}
    assert {task_id: names for task_id, names in links.items() if names} == {
        "validate_data": ["Data Docs"],
        "monitor": ["Monitoring report"],
        "retrain": ["Training run"],
    }


@pytest.mark.parametrize(("run_type", "params"), [("scheduled", {}), ("manual", {}), ("backfill", {"backfill": True})])
def test_the_step_gets_features_and_predictions_and_is_told_of_a_backfill(
    run_type: str, params: dict, declare: Declare, runtime: Mock
) -> None:
    declare("one")
    results = {"build_features": FEATURES, "score": SCORED, "snapshot": {"of": "another"}}

    dag().get_task("monitor").execute(build_context(interval=NIGHT, results=results, run_type=run_type))

    request = sent_request(runtime)
    assert (request.step, request.model, request.params) == ("monitor", "one", params)
    assert request.inputs == {"build_features": FEATURES, "score": SCORED}
    assert (request.interval.start, request.interval.end, request.as_of) == (*NIGHT, NIGHT[1])


def test_the_form_takes_an_as_of_or_none(declare: Declare) -> None:
    declare("one")

    params = dag().params

    assert list(params) == ["as_of"]
    params.validate()
    params["as_of"] = "2013-06-04T00:00:00-04:00"
    params.validate()


def test_the_training_that_it_fires_takes_as_of_and_reason_from_it(declare: Declare) -> None:
    declare("one")

    params = dag("train").params

    params["as_of"] = "2013-06-04T04:00:00+00:00"
    params["reason"] = "x" * 500
    params.validate()
