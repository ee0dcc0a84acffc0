"""Predictions and the labels known by now: batch predictions, the server's log, and what can be odd in either."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from retrainer.monitoring.labelled import LabelledInterval
from retrainer.steps import monitor_labels
from retrainer.steps.monitor_labels import read_labelled
from tests.live import as_of, land, log_predictions, make_flights
from tests.unit.steps.monitor_labels.flights import (
    DAYS,
    FLIGHTS,
    LATE,
    OUTPUTS,
    day,
    evaluate,
    score_flights,
    world_of,
)
from tests.worlds import World


def read(world: World, *numbers: int, days: float = 30) -> list[LabelledInterval]:
    """Those days, with the labels known when so many days are over."""
    intervals = [day(number) for number in numbers or range(DAYS)]
    return read_labelled(world.config, world.settings.data_uri, intervals, as_of=as_of(0) + timedelta(days=days))


def pairs(*found: LabelledInterval) -> list[tuple[float, float]]:
    return sorted((output, label) for each in found for output, label in zip(each.outputs, each.labels, strict=True))


def expected(rows: slice = slice(None)) -> list[tuple[float, float]]:
    return sorted(zip(OUTPUTS[rows].tolist(), LATE[rows].tolist(), strict=True))


@pytest.mark.parametrize("source", ["scored", "served"])
def test_every_prediction_is_beside_the_label_of_its_own_row(source, request):
    world = request.getfixturevalue(source)
    found = read(world)
    assert [each.interval for each in found] == [day(0), day(1), day(2)]
    assert [(each.version, each.predictions, each.labelled, each.coverage) for each in found] == [(1, 40, 40, 1.0)] * 3
    assert pairs(*found) == expected()
    assert pairs(found[1]) == expected(slice(40, 80))
    assert [(each.unknown_keys, each.duplicates) for each in found] == [(0, 0)] * 3
    assert found[0].labels.dtype == found[0].outputs.dtype == np.float64


@pytest.mark.parametrize("source", ["scored", "served"])
def test_labels_count_from_when_they_are_known(source, request):
    """Day 1 begins at 24 h; departures are 22.5 min apart from 1 h on, and each label is known 3 h later."""
    world = request.getfixturevalue(source)
    found = read(world, days=1 + 8 / 24)
    assert [(each.predictions, each.labelled) for each in found] == [(40, 40), (40, 11), (40, 0)]
    assert pairs(found[1]) == expected(slice(40, 51))
    assert [len(each.labels) for each in found] == [40, 11, 0]


def test_the_sample_is_the_same_every_time_and_counts_see_every_row(scored, monkeypatch):
    monkeypatch.setattr(monitor_labels, "SAMPLE_ROWS", 25)
    first, again = read(scored, 0)[0], read(scored, 0)[0]
    assert (first.predictions, first.labelled, len(first.labels)) == (40, 40, 25)
    assert np.array_equal(first.outputs, again.outputs)
    assert np.array_equal(first.labels, again.labels)
    assert set(pairs(first)) <= set(expected(slice(0, 40)))
    assert evaluate(scored, "count(*)", 0) == 40


def test_a_label_that_is_corrected_later_counts_as_it_is_then(scored):
    assert read(scored, 0)[0].labels.mean() < 0.9
    late = pa.array(np.full(len(FLIGHTS), 60.0))
    land(scored, FLIGHTS.set_column(FLIGHTS.schema.get_field_index("arrival_delay"), "arrival_delay", late))
    assert read(scored, 0)[0].labels.tolist() == [1.0] * 40


def test_without_any_label_nothing_is_known(scored):
    never = pa.nulls(len(FLIGHTS), pa.float64())
    land(scored, FLIGHTS.set_column(FLIGHTS.schema.get_field_index("arrival_delay"), "arrival_delay", never))
    assert [(each.predictions, each.labelled, each.unknown_keys) for each in read(scored)] == [(40, 0, 0)] * 3
    assert evaluate(scored, "avg(label)") is None
    assert evaluate(scored, "count(*)") == 0


@pytest.mark.parametrize("predictions", ["scored", "served"])
def test_before_any_run_has_validated_rows_no_key_is_known(tmp_path, predictions):
    world = world_of(tmp_path, predictions)
    if predictions == "scored":
        score_flights(world, FLIGHTS, OUTPUTS)
    else:
        log_predictions(world, FLIGHTS, OUTPUTS, version=1, source="model")
    assert [(each.predictions, each.labelled, each.unknown_keys) for each in read(world)] == [(40, 0, 40)] * 3


@pytest.mark.parametrize("predictions", ["scored", "served"])
def test_an_interval_without_predictions_is_there_once_without_a_version(tmp_path, predictions):
    world = world_of(tmp_path, predictions)
    land(world, FLIGHTS)
    (never,) = read(world, 0)
    score_flights(world, FLIGHTS, OUTPUTS)
    log_predictions(world, FLIGHTS, OUTPUTS, version=1, source="model")
    (later,) = read(world, 5)
    for found in (never, later):
        assert (found.version, found.predictions, found.coverage, len(found.labels)) == (None, 0, None, 0)
    assert read(world, 0)[0].version == 1


@pytest.mark.parametrize("source", ["scored", "served"])
def test_predictions_of_unknown_keys_are_counted_and_labels_of_rows_nobody_predicted_are_left_out(source, request):
    world = request.getfixturevalue(source)
    few = FLIGHTS.filter(pc.greater_equal(FLIGHTS["flight_id"], 10))
    land(world, few)
    more = make_flights(1, a_day=50, seed=3)
    moved = more.set_column(0, "flight_id", pc.add(more["flight_id"], 5000))
    land(world, pa.concat_tables([few, moved]))
    found = read(world, 0)[0]
    assert (found.predictions, found.labelled, found.unknown_keys) == (40, 30, 10)
    assert pairs(found) == expected(slice(10, 40))


def test_of_several_predictions_of_a_key_the_first_counts_and_the_others_are_counted(served):
    for again in range(1, 3):
        later = datetime.now(UTC) + timedelta(hours=again)
        log_predictions(served, FLIGHTS, 1 - OUTPUTS, version=1, source="model", at=later, prefix=f"again {again}")
    found = read(served)
    assert [(each.predictions, each.labelled, each.duplicates) for each in found] == [(40, 40, 80)] * 3
    assert pairs(*found) == expected()
    assert evaluate(served, "avg(prediction)") == pytest.approx(OUTPUTS.mean())


def test_predictions_without_a_key_are_no_duplicates_of_each_other(served):
    no_key = FLIGHTS.set_column(0, "flight_id", pa.nulls(len(FLIGHTS), pa.int64()))
    log_predictions(served, no_key, OUTPUTS, version=1, source="model", prefix="without key")
    found = read(served, 0)[0]
    assert (found.predictions, found.labelled, found.unknown_keys, found.duplicates) == (80, 40, 40, 0)


def test_versions_that_changed_within_an_interval_are_measured_each_by_itself(served):
    some = FLIGHTS.slice(30, 20)
    log_predictions(served, some, np.full(20, 0.25), version=2, source="model", prefix="v2")
    found = read(served, 0, 1)
    assert [(each.interval, each.version, each.predictions) for each in found] == [
        (day(0), 1, 40),
        (day(0), 2, 10),
        (day(1), 1, 40),
        (day(1), 2, 10),
    ]
    assert set(found[1].outputs) == {0.25}
    assert evaluate(served, "avg(prediction)", version=2) == 0.25


def test_only_what_the_model_itself_answered_counts(served):
    for source in ("shadow", "fallback"):
        log_predictions(served, FLIGHTS, 1 - OUTPUTS, version=1, source=source, prefix=source)
    assert pairs(*read(served)) == expected()


def test_a_prediction_lies_in_the_interval_of_its_event_whenever_it_was_asked_for(served):
    assert [each.predictions for each in read(served)] == [40] * 3  # all were asked for just now
    assert read(served, 3)[0].predictions == 0


def test_without_an_event_time_a_prediction_lies_in_the_interval_in_which_it_was_asked_for(tmp_path):
    world = world_of(tmp_path, "served")
    land(world, FLIGHTS)
    at = FLIGHTS.schema.get_field_index("scheduled_departure")
    unplaced = FLIGHTS.set_column(at, "scheduled_departure", pa.nulls(len(FLIGHTS), FLIGHTS.schema.field(at).type))
    log_predictions(world, unplaced, OUTPUTS, version=1, source="model", at=as_of(2) + timedelta(hours=1))
    found = read(world)
    assert [each.predictions for each in found] == [0, 0, 120]
    assert pairs(found[2]) == expected()


def test_outputs_that_are_no_number_are_handed_on_as_they_are(served):
    broken = make_flights(1, a_day=5, seed=9)
    broken = broken.set_column(0, "flight_id", pc.add(broken["flight_id"], 9000))
    land(served, pa.concat_tables([FLIGHTS, broken]))
    log_predictions(served, broken, np.full(5, np.nan), version=2, source="model", prefix="nan")
    found = read(served, 0)[1]
    assert (found.version, found.predictions, found.labelled) == (2, 5, 5)
    assert np.isnan(found.outputs).all()
