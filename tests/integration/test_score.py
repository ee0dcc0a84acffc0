"""Batch predictions through a real Airflow: before there is a version, of a past day, beside a training, and again.

The gates let every challenger pass. The tests share one stack and stand in the order of the story; run the whole file.
"""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from deltalake import DeltaTable

from retrainer.contracts import partition_key
from retrainer.contracts.columns import INTERVAL
from retrainer.demo.airflow_api import DagRun
from retrainer.evaluation import predictions_of
from retrainer.registry import Versions, load_model
from retrainer.scoring import scored_uri
from retrainer.snapshots import DataPlace
from retrainer.steps.tracking import connect_tracking
from tests.integration.loop import Loop

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

PASSING = {"gates": {"min_gain": -1.0, "min_gain_over_baseline": None, "max_calibration_error": None, "slices": []}}
SCORE_DAG = "flight_delay__score"
PAST, FIRST, SECOND = (date(2013, 6, day) for day in (9, 10, 11))

pytestmark.append(pytest.mark.parametrize("loop", [PASSING], indirect=True, scope="module", ids=["passing"]))


def day_of(table: str, loop: Loop, as_of: date) -> pd.DataFrame:
    """The rows of a Delta table of the run's own day, in order of the flights' ids."""
    partition = [(INTERVAL, "=", partition_key(loop.start_of(as_of)))]
    return DeltaTable(table).to_pandas(filters=partition).sort_values("flight_id", ignore_index=True)


def scored(loop: Loop, as_of: date) -> pd.DataFrame:
    return day_of(scored_uri(loop.settings.data_uri, loop.config.name), loop, as_of)


def said_by(loop: Loop, version: int, as_of: date) -> pd.DataFrame:
    """The day's rows of the feature table with what the pipeline of a version says of them."""
    registered = Versions(connect_tracking(loop.settings), loop.config.name).get(version)
    assert registered is not None
    model = load_model(registered.source, digest=registered.digest)
    rows = day_of(DataPlace(loop.settings.data_uri, loop.config.name).features(), loop, as_of)
    return rows.assign(said=predictions_of(model.pipeline, rows[list(model.facts.columns)]).output)


def score_by_hand(loop: Loop, as_of: date) -> DagRun:
    run_id = loop.airflow.trigger(SCORE_DAG, {"as_of": f"{as_of.isoformat()}T00:00:00"})
    return loop.over(run_id, dag_id=SCORE_DAG)


def test_before_the_first_release_a_run_succeeds_and_says_that_nothing_was_scored(loop):
    loop.land(date(2013, 5, 22), SECOND)
    loop.airflow.unpause(SCORE_DAG)

    run = score_by_hand(loop, FIRST)

    result = loop.result(run, "score")
    assert (result["skipped"], result["rows"], result["table"]) == ("no version is in production yet", 0, None)


def test_a_backfill_scores_every_flight_of_a_past_day_as_the_champions_pipeline_does(loop):
    loop.over(loop.airflow.train_by_hand(FIRST))
    assert loop.champion() == 1

    run = loop.over(loop.airflow.backfill(SCORE_DAG, loop.start_of(PAST)), dag_id=SCORE_DAG)

    result, found, right = loop.result(run, "score"), scored(loop, PAST), said_by(loop, 1, PAST)
    assert (result["version"], result["run_id"], result["rows"]) == (1, run.run_id, len(right))
    assert len(right) > 500
    assert found["flight_id"].tolist() == right["flight_id"].tolist()
    np.testing.assert_allclose(found["prediction"], right["said"], rtol=0, atol=1e-6)


def test_a_day_that_is_scored_while_it_is_trained_on_is_scored_once_and_both_runs_succeed(loop):
    training = loop.airflow.train_by_hand(SECOND)
    scoring = score_by_hand(loop, SECOND)
    loop.over(training)

    assert loop.result(scoring, "score")["rows"] == len(scored(loop, SECOND)) > 500
    assert loop.champion() == 2


def test_after_a_release_the_day_is_scored_again_by_the_later_version_and_then_left_as_it_is(loop):
    first, again = (loop.result(score_by_hand(loop, PAST), "score") for _ in range(2))

    assert (first["version"], first["replaced"]) == (2, True)
    assert again == first | {"replaced": False}
    assert set(scored(loop, PAST)["version"]) == {2}
    np.testing.assert_allclose(scored(loop, PAST)["prediction"], said_by(loop, 2, PAST)["said"], rtol=0, atol=1e-6)
