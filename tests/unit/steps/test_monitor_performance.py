"""Performance of the past as a monitoring run measures it: labels read, the promise of the ledger, business metrics."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrainer.config.monitoring import Monitoring
from retrainer.config.serving import Serving
from retrainer.contracts import Decision, Entry
from retrainer.contracts.monitoring import Measurement
from retrainer.errors import ConfigurationError
from retrainer.evaluation import Predictions
from retrainer.evaluation.metric import scorer
from retrainer.monitoring.labelled import Promise
from retrainer.steps.monitor_performance import LabelledPast, measure_past, metric_of, promise_of
from tests.live import as_of, land, log_predictions, make_flights, scores
from tests.worlds import World, small_config

DAYS = 12
FLIGHTS = make_flights(DAYS, a_day=120)
BUSINESS = [
    {"name": "missed", "value": "avg(CASE WHEN prediction <= 0.5 THEN label END)", "max": 0.3},
    {"name": "flights", "value": "count(*)", "min": 200},
]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Twelve days of flights about which v1 was asked; for the last five it has no idea."""
    world = declaring(World(tmp_path, small_config()), business=BUSINESS)
    land(world, FLIGHTS)
    outputs = scores(FLIGHTS, signal=2, seed=1)
    outputs[7 * 120 :] = scores(FLIGHTS, signal=0, seed=2)[7 * 120 :]
    log_predictions(world, FLIGHTS, outputs, version=1, source="model")
    return world


def declaring(world: World, **performance: Any) -> World:
    monitoring = Monitoring.model_validate({"predictions": "served", "performance": performance})
    config = world.config.model_copy(update={"monitoring": monitoring, "serving": Serving()})
    return World(world.home, config)


def promoted(version: int = 1, action: str = "promote", **decision: Any) -> Entry:
    numbers = {"challenger_value": 0.92, "challenger_low": 0.9, "challenger_high": 0.94} | decision
    made = Decision.model_validate(
        {"promote": True, "reason": "better", "metric": "roc_auc", "reference": "baseline", "rows": 1000}
        | {"blocks": 14, "confidence": 0.9}
        | numbers
    )
    moment = datetime(2013, 7, 1, tzinfo=UTC)
    return Entry.model_validate(
        {"model": "flight_delay", "action": action, "version": version, "previous_version": None, "sequence": version}
        | {"champion_version": version, "as_of": moment, "created_at": moment, "identity": f"{version}", "actor": "a"}
        | {"reason": "", "evidence": {"decision": made.model_dump(mode="json")}}
    )


def measure(world: World, *, days: float = DAYS + 1, entries: tuple[Entry, ...] = ()) -> LabelledPast:
    intervals = world.config.schedule.intervals(as_of(0), as_of(DAYS))
    assert len(intervals) == DAYS
    return measure_past(
        world.config, world.settings.data_uri, intervals, as_of=as_of(0) + (as_of(1) - as_of(0)) * days, entries=entries
    )


def of(past: LabelledPast, measure: str, subject: str = "roc_auc") -> list[Measurement]:
    return [each for each in past.measurements if (each.measure, each.subject) == (measure, subject)]


def test_every_interval_is_measured_and_the_window_is_held_to_what_the_release_promised(world):
    past = measure(world, entries=(promoted(),))
    assert [each.value for each in of(past, "coverage")] == [1.0] * DAYS
    values = [each.value for each in of(past, "roc_auc")]
    assert min(values[:7]) > 0.75
    assert max(values[7:]) < 0.65
    (window,) = of(past, "window")
    assert window.interval == past.intervals[-1].interval
    assert (window.flagged, window.expected, window.rows) == (True, 0.92, 7 * 120)
    assert window.note.endswith("is significantly under the 0.9200 that the release promised")


def test_before_it_got_worse_nothing_is_flagged(world):
    past = measure(world, days=7.2, entries=(promoted(challenger_value=0.91),))
    (window,) = of(past, "window")
    assert (window.interval, window.flagged) == (past.intervals[6].interval, False)
    assert [each.note[:13] for each in of(past, "roc_auc")[7:]] == ["not known yet"] * 5
    assert [each.value for each in of(past, "flights", "flights")[7:]] == [None] * 5


def test_measured_twice_it_is_the_same(world):
    assert measure(world).measurements == measure(world).measurements


def test_business_metrics_are_computed_by_interval_and_over_the_window(world):
    past = measure(world)
    assert [each.value for each in of(past, "flights", "flights")] == [120] * DAYS
    assert all(each.flagged for each in of(past, "flights", "flights"))
    (window,) = of(past, "window", "flights")
    assert (window.value, window.flagged, window.rows) == (7 * 120, False, 7 * 120)
    assert {each.about for each in of(past, "window", "missed")} == {"business"}
    missed = of(past, "missed", "missed")
    assert len(missed) == DAYS
    outputs, labels = past.intervals[3].outputs, past.intervals[3].labels
    assert missed[3].value == pytest.approx(labels[outputs <= 0.5].mean())


def test_a_wrong_business_expression_stops_the_run_and_names_itself(world):
    wrong = declaring(world, business=[{"name": "cost", "value": "avg(prediction, 1, 2)"}])
    with pytest.raises(ConfigurationError, match=r"monitoring\.performance\.business\[cost\]: DuckDB refuses"):
        measure(wrong)


def test_the_floor_is_that_of_the_gates_unless_another_is_declared(world):
    gates = world.config.gates.model_copy(update={"min_value": 0.85})
    held = World(world.home, world.config.model_copy(update={"gates": gates}))
    assert of(measure(held), "window")[0].expected == 0.85
    lower = declaring(held, floor=0.3)
    assert (of(measure(lower), "window")[0].expected, of(measure(lower), "window")[0].flagged) == (0.3, False)


@pytest.mark.parametrize("metric", ["roc_auc", "accuracy", "neg_log_loss"])
def test_the_metric_is_that_of_the_evaluation(metric):
    config = small_config()
    config = config.model_copy(update={"evaluation": config.evaluation.model_copy(update={"metric": metric})})
    generator = np.random.default_rng(0)
    labels, outputs = (generator.random(200) < 0.4).astype(float), generator.random(200)
    predictions = Predictions(outputs, (outputs > 0.5).astype(float), classifier=True)
    assert metric_of(config)(labels, outputs) == scorer(metric)(predictions, labels)


@pytest.mark.filterwarnings("error")
def test_the_metric_of_one_class_is_not_a_number_and_no_warning():
    assert np.isnan(metric_of(small_config())(np.zeros(50), np.linspace(0, 1, 50)))


def test_the_promise_is_that_of_the_last_promotion_of_the_version():
    entries = (promoted(1), promoted(2), promoted(1, challenger_value=0.95), promoted(1, action="rollback"))
    assert promise_of(entries, 1, metric="roc_auc") == Promise(0.95, 0.9, 0.94, 0.9, 14)
    assert promise_of(entries, 2, metric="roc_auc") == Promise(0.92, 0.9, 0.94, 0.9, 14)


@pytest.mark.parametrize(
    "entry",
    [
        promoted(2),
        promoted(1, action="reject"),
        promoted(1, metric="accuracy"),
        promoted(1, challenger_low=None),
        promoted(1).model_copy(update={"evidence": {}}),
        promoted(1).model_copy(update={"evidence": {"decision": {"promote": True}}}),
    ],
    ids=["another version", "rejected", "another metric", "no bounds", "no decision", "not understood"],
)
def test_a_release_that_promised_nothing_has_no_promise(entry):
    assert promise_of((entry,), 1, metric="roc_auc") is None


def test_what_a_version_learned_from_does_not_say_how_good_it_is(world):
    holdout = {"start": as_of(7).isoformat(), "end": as_of(DAYS).isoformat()}
    entries = (promoted(holdout=holdout),)

    past = measure(world, entries=entries)

    assert [each.value for each in of(past, "coverage")] == [1.0] * DAYS
    values = of(past, "roc_auc")
    assert [each.value is None for each in values] == [True] * 7 + [False] * 5
    assert "v1 may have learned from these rows" in values[0].note
    (window,) = of(past, "window")
    assert window.rows == 5 * 120
    assert window.value < 0.65
    assert [each.value is None for each in of(past, "missed", "missed")][:7] == [True] * 7
