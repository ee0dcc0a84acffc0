"""When the DAGs that have no interval of their own run first, by the timetable that Airflow's scheduler reads."""

from datetime import UTC, datetime

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables import trigger
from airflow.timetables.base import TimeRestriction

from tests.dags.conftest import PROJECT, Declare

SUNDAY = datetime(2026, 11, 22, 5, tzinfo=UTC)
NEXT_SUNDAY = datetime(2026, 11, 29, 5, tzinfo=UTC)


def dag_of(name: str, dag_id: str) -> DAG:
    return DagBag(PROJECT / "dags" / f"{name}.py").dags[dag_id]


def first_run(dag: DAG, *, now: datetime, monkeypatch: pytest.MonkeyPatch) -> datetime:
    """When a scheduler that meets this DAG for the first time `now` would run it."""
    monkeypatch.setattr(trigger, "utcnow", lambda: now)
    timetable = DagSerialization.from_dict(DagSerialization.to_dict(dag)).timetable
    info = timetable.next_dagrun_info(
        last_automated_data_interval=None,
        restriction=TimeRestriction(earliest=dag.start_date, latest=None, catchup=dag.catchup),
    )
    return info.run_after


@pytest.mark.parametrize(
    ("now", "first"),
    [
        pytest.param(datetime(2026, 11, 18, 12, tzinfo=UTC), SUNDAY, id="on a Wednesday"),
        pytest.param(datetime(2026, 11, 22, 4, 59, 59, tzinfo=UTC), SUNDAY, id="a second before"),
        pytest.param(datetime(2026, 11, 22, 5, 0, 1, tzinfo=UTC), NEXT_SUNDAY, id="a second after"),
        pytest.param(datetime(2026, 11, 22, 6, 23, tzinfo=UTC), NEXT_SUNDAY, id="later that morning"),
    ],
)
def test_maintenance_first_runs_on_the_sunday_to_come(
    now: datetime, first: datetime, declare: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare("one")

    assert first_run(dag_of("maintenance", "maintenance"), now=now, monkeypatch=monkeypatch) == first


def test_predictions_are_collected_every_hour(declare: Declare, monkeypatch: pytest.MonkeyPatch) -> None:
    declare("one")
    now = datetime(2026, 11, 22, 6, 28, tzinfo=UTC)

    first = first_run(dag_of("predictions", "one__predictions"), now=now, monkeypatch=monkeypatch)

    assert first == datetime(2026, 11, 22, 7, 27, tzinfo=UTC)


def test_values_are_refreshed_when_the_declaration_says_in_its_time_zone(
    declare: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = declare("one", ("\nserving:", "\nserving:\n  online_cron: '20 3 * * *'"))
    assert "online_cron: '20 3" in path.read_text()
    now = datetime(2026, 11, 22, 8, 21, tzinfo=UTC)  # 3:21 in New York

    first = first_run(dag_of("online", "one__online"), now=now, monkeypatch=monkeypatch)

    assert first == datetime(2026, 11, 23, 8, 20, tzinfo=UTC)
