"""WaitForDataSensor and ArrivalTrigger, on a small real source."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pendulum
import pytest
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)

from retrainer.airflow.sensors.wait_for_data import WaitForDataSensor
from retrainer.airflow.triggers.arrival import ArrivalTrigger
from tests.dags.conftest import PROJECT, Declare, build_context

NIGHT = (pendulum.datetime(2013, 5, 26, 4), pendulum.datetime(2013, 5, 27, 4))
DAY = ("2013-05-26 04:00:00", "2013-05-27 04:00:00")


class Source:
    """The two tables of the example and their control table, with one day of two flights and one weather report."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.execute("create table flights (flight_id integer, scheduled_departure timestamp, dest text)")
        self.execute("create table weather (origin text, observed_at timestamp)")
        times = "interval_start timestamp, interval_end timestamp"
        self.execute(f"create table landings (table_name text, {times}, row_count integer)")

    def execute(self, statement: str, *values: object) -> None:
        connection = sqlite3.connect(self.path)
        with connection:
            connection.execute(statement, values)
        connection.close()

    def land(self, *, flights: int = 2) -> None:
        for flight in range(flights):
            self.execute("insert into flights values (?, '2013-05-26 12:00:00', 'ORD')", flight)
        self.execute("insert into weather values ('JFK', '2013-05-26 12:00:00')")
        self.execute("insert into landings values ('flights', ?, ?, 2)", *DAY)
        self.execute("insert into landings values ('weather', ?, ?, 1)", *DAY)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    path = tmp_path / "source.db"
    monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS_SOURCE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    return Source(path)


@pytest.fixture
def sensor(declare: Declare) -> WaitForDataSensor:
    return WaitForDataSensor(
        declaration=declare(),
        project_root=PROJECT,
        timeout=timedelta(hours=12),
        poke_interval=timedelta(seconds=5),
    )


def deferred(sensor: WaitForDataSensor) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as raised:
        sensor.execute(build_context(interval=NIGHT))
    return raised.value


def quick_trigger(sensor: WaitForDataSensor, *, seconds: float) -> ArrivalTrigger:
    """The sensor's trigger, made again from what Airflow keeps of it, looking often and giving up soon."""
    _, kwargs = deferred(sensor).trigger.serialize()
    deadline = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    return ArrivalTrigger(**json.loads(json.dumps(kwargs)) | {"poll_seconds": 0.05, "deadline": deadline})


async def first_event(trigger: ArrivalTrigger) -> dict:
    return (await anext(aiter(trigger.run()))).payload


def test_what_has_landed_is_returned_without_waiting(source: Source, sensor: WaitForDataSensor) -> None:
    source.land()

    arrival = sensor.execute(build_context(interval=NIGHT))

    assert arrival["interval"] == {"start": "2013-05-26T04:00:00Z", "end": "2013-05-27T04:00:00Z"}
    assert [(table["table"], table["rows"]) for table in arrival["tables"]] == [("flights", 2), ("weather", 1)]


@pytest.mark.parametrize("flights", [0, 1], ids=["empty", "half"])
def test_what_has_not_landed_as_a_whole_is_left_to_the_triggerer(
    flights: int, source: Source, sensor: WaitForDataSensor
) -> None:
    source.land(flights=flights)

    given = deferred(sensor)

    path, kwargs = given.trigger.serialize()
    assert path == "retrainer.airflow.triggers.arrival.ArrivalTrigger"
    assert (given.method_name, given.timeout, kwargs["poll_seconds"]) == ("resume", None, 5)
    wait = datetime.fromisoformat(kwargs["deadline"]) - datetime.now(UTC)
    assert timedelta(hours=11, minutes=59) < wait <= timedelta(hours=12)


def test_what_airflow_keeps_of_the_trigger_names_the_connection_and_no_address(
    source: Source, sensor: WaitForDataSensor
) -> None:
    _, kwargs = deferred(sensor).trigger.serialize()

    assert kwargs["source"]["connection"] == "flights_source"
    assert str(source.path) not in json.dumps(kwargs)


def test_the_trigger_fires_once_the_rest_has_landed(source: Source, sensor: WaitForDataSensor) -> None:
    trigger = quick_trigger(sensor, seconds=30)

    async def land_while_it_waits() -> dict:
        waiting = asyncio.create_task(first_event(trigger))
        done, _ = await asyncio.wait({waiting}, timeout=0.3)
        assert not done
        await asyncio.to_thread(source.land)
        return await waiting

    event = asyncio.run(land_while_it_waits())

    assert sensor.resume(build_context(interval=NIGHT), event, "a day") == event["arrival"]
    assert [table["complete"] for table in event["arrival"]["tables"]] == [True, True]


def test_the_trigger_does_not_hold_up_others_while_it_looks(source: Source, sensor: WaitForDataSensor) -> None:
    trigger = quick_trigger(sensor, seconds=0.5)

    async def count_turns() -> int:
        waiting = asyncio.create_task(first_event(trigger))
        turns = 0
        while not waiting.done():
            await asyncio.sleep(0.01)
            turns += 1
        return turns

    assert asyncio.run(count_turns()) > 10


def test_the_time_out_says_what_was_missing(source: Source, sensor: WaitForDataSensor) -> None:
    source.land(flights=1)
    event = asyncio.run(first_event(quick_trigger(sensor, seconds=0)))
    context = build_context(interval=NIGHT)

    with pytest.raises(AirflowSensorTimeout) as raised:
        sensor.resume(context, event, "2013-05-26")

    message = str(raised.value)
    assert message.startswith("2013-05-26 did not land in time: flights: 1 of 2 rows")
    assert "(rows: 1, expected: 2)" in message
    assert "weather" not in message
    context["ti"].xcom_push.assert_called_once_with(key="error", value=message)


def test_a_source_that_is_down_counts_as_not_landed_and_is_warned_about(
    source: Source, sensor: WaitForDataSensor, caplog: pytest.LogCaptureFixture
) -> None:
    source.path.unlink()

    event = asyncio.run(first_event(quick_trigger(sensor, seconds=0)))

    assert event["arrival"] is None
    assert "connection 'flights_source' did not answer" in event["missing"]
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert any("connection 'flights_source' did not answer" in warning for warning in warnings)


def test_a_source_that_comes_back_is_seen(source: Source, sensor: WaitForDataSensor, tmp_path: Path) -> None:
    source.land()
    source.path.rename(tmp_path / "away.db")
    trigger = quick_trigger(sensor, seconds=30)

    async def come_back() -> dict:
        waiting = asyncio.create_task(first_event(trigger))
        done, _ = await asyncio.wait({waiting}, timeout=0.3)
        assert not done
        (tmp_path / "away.db").rename(source.path)
        return await waiting

    assert asyncio.run(come_back())["arrival"] is not None


def test_a_connection_that_does_not_exist_is_named_at_once(
    sensor: WaitForDataSensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_FLIGHTS_SOURCE", raising=False)

    with pytest.raises(AirflowException, match="Airflow connection 'flights_source' was not found"):
        sensor.execute(build_context(interval=NIGHT))


def test_a_parameter_that_cannot_be_used_fails_for_good(source: Source, sensor: WaitForDataSensor) -> None:
    with pytest.raises(AirflowFailException, match="outside the schedule"):
        sensor.execute(build_context(params={"as_of": "2020-01-01T00:00:00Z"}))


def test_what_the_clock_starts_after_the_schedule_is_skipped(source: Source, sensor: WaitForDataSensor) -> None:
    interval = (pendulum.datetime(2026, 5, 26, 4), pendulum.datetime(2026, 5, 27, 4))

    with pytest.raises(AirflowSkipException, match="the schedule of flight_delay ended on 2014-01-01"):
        sensor.execute(build_context(interval=interval, run_type="scheduled"))


@pytest.fixture(autouse=True)
def no_kept_connections() -> Iterator[None]:
    """Airflow keeps connections that it looked up."""
    from airflow.sdk.execution_time.cache import SecretCache

    yield
    SecretCache.reset()
