"""The evaluation report of a comparison is in the training's run, and no decision depends on it."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from retrainer.contracts import FeatureSet, TrainedModel
from retrainer.evaluation import Comparison, Predictions
from retrainer.registry import connect
from retrainer.steps.evaluation_report import Evaluated, publish, render
from retrainer.steps.tracking import connect_tracking
from retrainer.training import Examples
from tests.unit.documents.facts import HOLDOUT, a_decision, a_trained
from tests.unit.documents.pages import Page, read
from tests.worlds import World, small_config

AS_OF = datetime(2013, 6, 3, 4, tzinfo=UTC)
HOSTILE = "</text><script>alert('$x$')</script>"


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)  # a local MLflow store keeps its artifacts under the working folder
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def compared(world: World, features: FeatureSet, *, judged_on: FeatureSet | None = None):
    trained: TrainedModel = world.run("train", AS_OF, {"build_features": features})
    decision = world.run("compare", AS_OF, {"build_features": judged_on or features, "train": trained})
    return trained, decision


def kept_page(world: World, run_id: str) -> tuple[str, Page]:
    html = Path(
        connect_tracking(world.settings).client.download_artifacts(run_id, "evaluation_report.html")
    ).read_text()
    return html, read(html)


def evaluated(value: str = "A") -> Evaluated:
    generator = np.random.default_rng(2)
    label = (generator.random(60) < 0.4).astype(float)
    outputs = [np.clip(0.3 * label + 0.6 * generator.random(60), 0, 1) for _ in range(2)]
    features = pd.DataFrame(
        {"carrier": [value] * 60, "distance": generator.random(60), "at": [AS_OF] * 30 + [None] * 30}
    )
    models = [Predictions(output, (output > 0.5).astype(float), classifier=True) for output in outputs]
    block = np.array([f"day {row % 6}" for row in range(60)], dtype=object)
    comparison = Comparison(
        holdout=HOLDOUT, label=label, block=block, features=features, challenger=models[0], reference=models[1],
        champion_version=3,
    )  # fmt: skip
    rows = Examples(features, label, block)
    return Evaluated(a_decision(), comparison, generator.normal(0.01, 0.005, 300), None, rows)


def test_a_comparison_leaves_its_report_in_the_training_run_and_its_address_in_the_decision(home):
    world = World(home, small_config())

    trained, decision = compared(world, world.features(AS_OF))

    html, page = kept_page(world, trained.run_id)
    assert decision.report_url == f"{trained.run_url}/artifacts/evaluation_report.html"
    assert "flight_delay as of 2013-06-03 04:00 UTC" in page.text
    assert f"Promote: {decision.reason}" in page.text
    for title in ("ROC", "Precision and recall", "Reliability", "Difference", "Importance of the columns"):
        assert title in page.text
    assert "threshold 0" in page.text
    assert page.text.count("disagree") >= 5
    assert page.text.count("at random") >= 5
    assert len(page.ids) == len(set(page.ids))
    assert len(html.encode()) < 1_000_000


def test_a_regressor_has_its_residuals_in_the_report(home):
    config = small_config()
    world = World(
        home,
        config.model_copy(
            update={
                "estimator": config.estimator.model_copy(
                    update={"type": "sklearn.ensemble.HistGradientBoostingRegressor"}
                ),
                "evaluation": config.evaluation.model_copy(update={"metric": "neg_mean_absolute_error"}),
                "gates": config.gates.model_copy(update={"min_value": None, "canonical": ()}),
            }
        ),
    )

    trained, decision = compared(world, world.features(AS_OF))

    _, page = kept_page(world, trained.run_id)
    assert decision.metric in page.text
    assert "Predicted and actual" in page.text
    assert "actual minus predicted" in page.text
    assert "ROC" not in page.text


def test_a_holdout_that_cannot_be_judged_has_a_report_that_says_so(home):
    world = World(home, small_config())
    features = world.features(AS_OF)
    trained: TrainedModel = world.run("train", AS_OF, {"build_features": features})

    one_class = world.features(AS_OF, label=0.0)
    decision = world.run("compare", AS_OF, {"build_features": one_class, "train": trained})

    _, page = kept_page(world, trained.run_id)
    assert decision.report_url
    assert "Reject: the holdout has one class only: every label is 0" in page.text
    assert "svg" not in page.tags


def test_where_mlflow_does_not_answer_there_is_no_address_and_a_warning(caplog):
    nowhere = connect("http://127.0.0.1:9", timeout_seconds=1, retries=0)

    assert publish(nowhere, small_config(), a_trained(), evaluated()) == ""
    assert "there is no evaluation report" in caplog.text


def test_the_same_comparison_gives_the_same_bytes():
    pages = [render(small_config(), a_trained(), evaluated(), as_of=AS_OF) for _ in range(2)]

    assert pages[0] == pages[1]


def test_values_of_the_data_are_shown_and_never_obeyed():
    page = read(render(small_config(), a_trained(), evaluated(HOSTILE), as_of=AS_OF))

    assert HOSTILE in page.text
    assert "missing" in page.text
    assert "2013-06-03 04:00" in page.text
