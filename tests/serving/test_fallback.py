"""The declared rule, from the code that was saved with a version."""

from pathlib import Path

import numpy as np
import pytest

from retrainer.config.load import load_declaration
from retrainer.errors import BadDataError, ConfigurationError
from retrainer.serving.fallback import Fallback
from tests.serving.flights import make_spec
from tests.worlds import PROJECT

CONFIG = load_declaration(PROJECT / "config" / "models" / "flight_delay.yaml").model_dump(mode="json")
MORNING = np.array(["2013-06-18T09:00:00", "NaT"], dtype="datetime64[us]")


def saved_rule(folder: Path, body: str) -> Path:
    """The folder of a version whose rule is `body`."""
    package = folder / "code" / "models" / "flight_delay"
    package.mkdir(parents=True)
    (package / "rule.py").write_text(f"import numpy as np\n\ndef predict(columns):\n    {body}\n", encoding="utf-8")
    return folder


def fallback(folder: Path | None) -> Fallback:
    return Fallback(folder, make_spec().model_copy(update={"declaration": CONFIG}))


def test_without_a_version_the_installed_rule_answers():
    scores = fallback(None).predict({"scheduled_departure": MORNING, "scheduled_arrival": MORNING})

    np.testing.assert_allclose(scores, [0.10, 0.225])  # at 5:00 local time, and in the middle of its range


def test_the_rule_of_the_version_answers_and_not_that_of_the_repository(tmp_path):
    rule = fallback(saved_rule(tmp_path, "return np.full(len(columns['carrier']), 0.75)"))

    assert rule.predict({"carrier": np.array(["UA"], dtype=object)}).tolist() == [0.75]


def test_a_column_that_was_not_sent_is_missing(tmp_path):
    rule = fallback(saved_rule(tmp_path, "return np.where(np.isnan(columns['distance']), 0.5, 0.25)"))

    assert rule.predict({"carrier": np.array(["UA", "AA"], dtype=object)}).tolist() == [0.5, 0.5]


def test_what_a_classifiers_rule_says_is_a_probability(tmp_path):
    rule = fallback(saved_rule(tmp_path, "return columns['distance']"))

    assert rule.predict({"distance": np.array([-3.0, 0.5, 7.0])}).tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param("return np.array([0.1])", ConfigurationError, id="another number of rows"),
        pytest.param("return columns['no_such_column']", ConfigurationError, id="a column that is not there"),
        pytest.param("return np.full(2, np.nan)", BadDataError, id="no number"),
    ],
)
def test_a_rule_that_cannot_answer_says_so(tmp_path, body, error):
    with pytest.raises(error):
        fallback(saved_rule(tmp_path, body)).predict({"distance": np.array([1.0, 2.0])})


def test_a_rule_without_predict_is_refused_when_it_is_loaded(tmp_path):
    folder = saved_rule(tmp_path, "pass")
    (folder / "code" / "models" / "flight_delay" / "rule.py").write_text("", encoding="utf-8")

    with pytest.raises(ConfigurationError, match="predict"):
        fallback(folder)
