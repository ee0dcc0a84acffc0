"""The DAGs of models that are served: one refreshes what the server looks up, one collects what it logged."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock, create_autospec

import pendulum
import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization

from retrainer.airflow import execution
from retrainer.contracts import StepRequest
from retrainer.runtimes.outcome import StepOutcome
from retrainer.runtimes.process import ProcessRuntime
from tests.dags.conftest import PROJECT, Declare, build_context

KINDS = ("online", "predictions")
STEPS = {"online": "refresh_online", "predictions": "collect_predictions"}


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """The class of the runtime, replaced; a step of it is done with an empty result."""
    fake = create_autospec(ProcessRuntime)
    fake.return_value.run.return_value = StepOutcome(0, result={})
    monkeypatch.setattr(execution, "ProcessRuntime", fake)
    monkeypatch.setattr(execution, "source_url", lambda source, settings: "sqlite:///read-by-this-step")
    return fake


def declare_with(declare: Declare, name: str, serving: str | None) -> Path:
    """The example under another name, whose section serving is `serving`."""
    path = declare(name)
    text = re.sub(r"^serving:.*\n(?:[ ].*\n)*", "", path.read_text(), flags=re.MULTILINE)
    assert "\nserving:" not in text
    path.write_text(text if serving is None else f"{text}\nserving: {serving}\n")
    return path


def dags(kind: str) -> dict[str, DAG]:
    bag = DagBag(PROJECT / "dags" / f"{kind}.py")
    assert bag.import_errors == {}
    return bag.dags


def sent(runtime: Mock) -> StepRequest:
    return runtime.return_value.run.call_args.args[0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_is_served_has_one_with_one_task(kind: str, declare: Declare) -> None:
    declare_with(declare, "one", "{}")
    declare_with(declare, "two", None)

    (dag,) = dags(kind).values()

    assert dag.dag_id == f"one__{kind}"
    assert dag.task_ids == [STEPS[kind]]
    assert (dag.catchup, dag.max_active_runs, dag.is_paused_upon_creation, dag.start_date) == (False, 1, False, None)
    assert dag.tags >= {"retrainer", kind, "one"}


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_who_owns_it_and_what_to_do_when_it_fails(kind: str, declare: Declare) -> None:
    declare_with(declare, "one", "{}")
    dag = dags(kind)[f"one__{kind}"]

    for part in ("Owner:", "Schedule:", "When a task fails"):
        assert part in dag.doc_md
    (task,) = dag.tasks
    assert (task.owner, task.retries >= 1) == ("flight-operations", True)
    assert task.execution_timeout == timedelta(minutes=35)
    assert len(task.on_failure_callback) == 1
    for name in dag.params:
        param = dag.params.get_param(name)
        assert {"type", "title"} <= set(param.schema)
        assert param.description


@pytest.mark.parametrize("kind", KINDS)
def test_it_survives_serialisation(kind: str, declare: Declare) -> None:
    declare_with(declare, "one", "{}")
    dag = dags(kind)[f"one__{kind}"]

    assert DagSerialization.from_dict(DagSerialization.to_dict(dag)).task_ids == dag.task_ids


def test_a_model_that_looks_nothing_up_has_nothing_to_refresh(declare: Declare) -> None:
    path = declare_with(declare, "one", "{}")
    text = re.sub(r"^  (?:lookups|windows):\n(?:    .*\n)*", "", path.read_text(), flags=re.MULTILINE)
    text = re.sub(r"^ +- \w+(?:__\w+|_late_share)\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^ +(?:weather__\w+|\w+_late_share): .*\n", "", text, flags=re.MULTILINE)
    path.write_text(text)

    assert dags("online") == {}
    assert list(dags("predictions")) == ["one__predictions"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_task_process_builds_only_its_own_dag(kind: str, declare: Declare, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two", "three"):
        declare_with(declare, name, "{}")
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", f"two__{kind}")

    assert set(dags(kind)) == {f"two__{kind}"}


def test_a_refresh_looks_at_the_moment_of_its_run_not_at_the_end_of_an_interval(
    declare: Declare, runtime: Mock
) -> None:
    declare_with(declare, "one", "{}")
    due = pendulum.datetime(2013, 6, 3, 14, 7)

    dags("online")["one__online"].get_task("refresh_online").execute(build_context(interval=(due, due)))

    request = sent(runtime)
    assert (request.step, request.model, request.inputs, request.params) == ("refresh_online", "one", {}, {})
    assert request.as_of == datetime(2013, 6, 3, 14, 7, tzinfo=UTC)
    assert request.interval.end == datetime(2013, 6, 3, 4, tzinfo=UTC)


def test_a_refresh_may_be_asked_for_as_of_another_time(declare: Declare, runtime: Mock) -> None:
    declare_with(declare, "one", "{}")
    now = pendulum.datetime(2026, 11, 21, 9)
    context = build_context(interval=(now, now), params={"as_of": "2013-06-03T10:07:00"})

    dags("online")["one__online"].get_task("refresh_online").execute(context)

    assert sent(runtime).as_of == datetime(2013, 6, 3, 14, 7, tzinfo=UTC)


def test_a_refresh_after_the_schedule_is_told_so_and_does_not_see_an_earlier_time(
    declare: Declare, runtime: Mock
) -> None:
    declare_with(declare, "one", "{}")
    now = pendulum.datetime(2026, 11, 21, 9)

    dags("online")["one__online"].get_task("refresh_online").execute(build_context(interval=(now, now)))

    assert sent(runtime).as_of == now


def test_a_refresh_reads_the_source_and_a_collection_does_not(declare: Declare, runtime: Mock) -> None:
    declare_with(declare, "one", "{}")
    now = pendulum.datetime(2013, 6, 3, 14, 7)
    urls = []
    for kind, step in STEPS.items():
        dags(kind)[f"one__{kind}"].get_task(step).execute(build_context(interval=(now, now)))
        urls.append(runtime.call_args.kwargs["environment"].get("RETRAINER_CONN_FLIGHTS_SOURCE"))

    assert urls == ["sqlite:///read-by-this-step", None]


@pytest.mark.parametrize("as_of", [7, True])
def test_a_form_takes_a_time_and_nothing_else(as_of: object, declare: Declare) -> None:
    declare_with(declare, "one", "{}")

    with pytest.raises(ParamValidationError, match="as_of"):
        dags("online")["one__online"].params["as_of"] = as_of
