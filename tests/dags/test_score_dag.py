"""The DAG that scores every interval: it begins as training does, and says in an event which interval it scored."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from unittest.mock import Mock, create_autospec

import pendulum
import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, Context, CronDataIntervalTimetable
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.timetables.interval import CronDataIntervalTimetable as SchedulersTimetable

from retrainer.airflow import execution
from retrainer.airflow.steps import DATA_STEPS
from retrainer.contracts import StepRequest
from retrainer.runtimes.outcome import StepOutcome
from retrainer.runtimes.process import ProcessRuntime
from tests.dags.conftest import PROJECT, Declare, build_context

NIGHT = (datetime(2013, 5, 26, 4, tzinfo=UTC), datetime(2013, 5, 27, 4, tzinfo=UTC))
FEATURES = {"table": {"uri": "/data/features", "version": 3}}


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """The class of the runtime, replaced."""
    fake = create_autospec(ProcessRuntime)
    monkeypatch.setattr(execution, "ProcessRuntime", fake)
    return fake


def dag(kind: str = "score") -> DAG:
    bag = DagBag(PROJECT / "dags" / f"{kind}.py")
    assert bag.import_errors == {}
    return bag.dags[f"one__{kind}"]


def execute(runtime: Mock, outcome: StepOutcome) -> Context:
    runtime.return_value.run.return_value = outcome
    context = build_context(interval=NIGHT, results={"build_features": FEATURES, "snapshot": {"of": "another"}})
    dag().get_task("score").execute(context)
    return context


def sent_request(runtime: Mock) -> StepRequest:
    return runtime.return_value.run.call_args.args[0]


def test_the_data_take_the_steps_of_training_then_they_are_scored(declare: Declare) -> None:
    declare("one")
    steps = (*DATA_STEPS, "score")

    found = dag()

    assert [task.task_id for task in found.topological_sort()] == list(steps)
    for before, after in pairwise(steps):
        assert found.get_task(before).downstream_task_ids == {after}


def test_the_steps_that_both_have_are_the_same_tasks(declare: Declare) -> None:
    declare("one")
    score, train = dag(), dag("train")

    for step in DATA_STEPS:
        one, other = score.get_task(step), train.get_task(step)
        assert type(one) is type(other)
        for name in ("inlets", "outlets", "retries", "execution_timeout", "owner"):
            assert getattr(one, name) == getattr(other, name), f"{step}: {name}"


def test_it_runs_by_the_models_own_clock_alone_and_waits_to_be_switched_on(declare: Declare) -> None:
    declare("one", ('cron: "0 0 * * *"', 'cron: "30 2 * * 1"'))

    found = dag()

    assert found.schedule == CronDataIntervalTimetable("30 2 * * 1", timezone="America/New_York")
    assert (found.catchup, found.max_active_runs, found.end_date) == (False, 1, None)
    assert found.is_paused_upon_creation is None
    assert found.start_date == pendulum.datetime(2013, 1, 1, tz="America/New_York")


def test_past_intervals_can_be_backfilled_and_each_is_a_local_day(declare: Declare) -> None:
    declare("one")
    timetable = SchedulersTimetable("0 0 * * *", timezone=dag().schedule.timezone)

    interval = timetable.infer_manual_data_interval(run_after=pendulum.datetime(2013, 3, 11, 12))

    assert (interval.end - interval.start) == timedelta(hours=23)  # the clocks went forward that night


def test_the_form_takes_an_as_of_or_none(declare: Declare) -> None:
    declare("one")

    params = dag().params

    assert list(params) == ["as_of"]
    params.validate()
    params["as_of"] = "2013-05-27T00:00:00-04:00"
    params.validate()


def test_the_step_gets_the_features_of_its_interval_and_nothing_else(declare: Declare, runtime: Mock) -> None:
    declare("one")

    execute(runtime, StepOutcome(0, result={"rows": 3}))

    request = sent_request(runtime)
    assert (request.step, request.inputs, request.params) == ("score", {"build_features": FEATURES}, {})
    assert (request.interval.start, request.interval.end, request.as_of) == (*NIGHT, NIGHT[1])


def test_a_scored_interval_is_an_event_of_the_predictions(declare: Declare, runtime: Mock) -> None:
    declare("one")

    context = execute(runtime, StepOutcome(0, result={"rows": 3, "skipped": ""}))

    (event,) = {asset.name: event.extra for asset, event in context["outlet_events"].items()}.items()
    assert event == (
        "one.scored",
        {"as_of": "2013-05-27T04:00:00+00:00", "run_id": "a_run", "run_type": "manual"},
    )


def test_an_interval_that_was_not_scored_is_no_event_and_no_failure(declare: Declare, runtime: Mock) -> None:
    declare("one")

    context = execute(runtime, StepOutcome(0, result={"skipped": "no version is in production yet"}))

    assert context["outlet_events"] == {}


def test_a_version_that_reads_what_is_not_there_is_not_tried_again(declare: Declare, runtime: Mock) -> None:
    declare("one")
    said = "v3 reads what the feature table does not have: seats"

    with pytest.raises(AirflowFailException, match="does not have: seats"):
        execute(runtime, StepOutcome(78, error_kind="ConfigurationError", error_message=said))


def test_what_the_clock_starts_after_the_schedules_end_is_skipped(declare: Declare) -> None:
    declare("one")
    after = (datetime(2014, 1, 1, 5, tzinfo=UTC), datetime(2014, 1, 2, 5, tzinfo=UTC))

    with pytest.raises(AirflowSkipException):
        dag().get_task("wait_for_data").execute(build_context(interval=after, run_type="scheduled"))


def test_the_graph_shows_what_is_scored_by_what(declare: Declare) -> None:
    declare("one")

    task = dag().get_task("score")

    assert [asset.name for asset in task.inlets] == ["one.features", "one.model"]
    assert [asset.name for asset in task.outlets] == ["one.scored"]
