"""/invocations in the server's own terms: what is looked up, which model is meant, who answers."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from retrainer.serving.mlflow_routes import mlflow_outputs
from tests.serving.flights import FLIGHT, flight, without
from tests.serving.world import Api, Made, failing, flight_spec


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return Api(tmp_path)


def test_what_is_left_out_and_can_be_looked_up_is_looked_up(api):
    asked: list[Any] = []

    def answers(columns):
        asked.append(columns["weather__temp"].tolist())
        return columns["distance"] * 0

    api.serve(Made(flight_spec(), answers))
    api.online.values = {"weather__temp": 61.5}
    with api.client() as client:
        records = [flight(), flight(weather__temp=40)]
        assert client.post("/invocations", json={"dataframe_records": records}).status_code == 200
    assert asked == [[61.5, 40]]


def test_times_without_an_offset_are_utc(api):
    asked: list[Any] = []

    def answers(columns):
        asked.extend(columns["scheduled_departure"].astype(str).tolist())
        return columns["distance"] * 0

    api.serve(Made(flight_spec(), answers))
    times = ["2013-06-18T10:00:00", "2013-06-18 10:00", "2013-06-18T06:00:00-04:00", "2013-06-18", "NaT", None]
    with api.client() as client:
        records = [flight(scheduled_departure=time) for time in times]
        assert client.post("/invocations", json={"dataframe_records": records}).status_code == 200
    assert asked == ["2013-06-18T10:00:00.000000"] * 3 + ["2013-06-18T00:00:00.000000", "NaT", "NaT"]


def test_a_column_that_is_needed_and_not_there_is_named(api):
    api.serve(Made(flight_spec()))
    with api.client() as client:
        answer = client.post("/invocations", json={"dataframe_records": [without("distance")]})
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"field": "distance", "message": "is missing; send null where it is not known"},
    ]


def test_too_many_records_are_refused(api):
    api.serve(Made(flight_spec(max_records=3)))
    with api.client() as client:
        for content in ({"dataframe_records": [{}] * 4}, {"inputs": {"distance": [1] * 4}}):
            answer = client.post("/invocations", json=content)
            assert answer.status_code == (413 if "inputs" in content else 400)


def test_the_model_has_to_be_named_where_there_are_several(api):
    api.serve(Made(flight_spec()))
    api.serve(Made(flight_spec(model="delay_minutes"), lambda columns: columns["distance"] / 1000))
    content = {"dataframe_records": [FLIGHT]}
    with api.client() as client:
        unnamed = client.post("/invocations", json=content)
        named = client.post("/invocations?model=delay_minutes", json=content)
        unknown = client.post("/invocations?model=delay", json=content)

    assert unnamed.status_code == 400
    assert unnamed.json()["detail"] == "say which model with ?model=, one of delay_minutes, flight_delay"
    assert named.json()["predictions"][0][1] == 0.719
    assert unknown.status_code == 404


def test_without_a_model_ping_and_invocations_say_so(api):
    with api.client() as client:
        assert client.get("/ping").status_code == 503
        answer = client.post("/invocations", json={"dataframe_records": [FLIGHT]})
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_rule_answers_in_the_same_shape(api):
    api.serve(Made(flight_spec(), failing))
    with api.client() as client:
        ((no, yes),) = client.post("/invocations", json={"instances": [FLIGHT]}).json()["predictions"]
    assert yes == pytest.approx(0.10 + 0.25 / 16)
    assert no == pytest.approx(1 - yes)


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        ({"type": "sklearn.linear_model.LogisticRegression"}, [[0.75, 0.25], [0.25, 0.75]]),
        ({"type": "sklearn.linear_model.RidgeClassifier"}, [0, 1]),
        ({"type": "sklearn.linear_model.SGDClassifier"}, [0, 1]),
        (
            {"type": "sklearn.linear_model.SGDClassifier", "parameters": {"loss": "log_loss"}},
            [[0.75, 0.25], [0.25, 0.75]],
        ),
        ({"type": "sklearn.linear_model.Ridge"}, [0.25, 0.75]),
    ],
)
def test_a_version_without_probabilities_gives_what_its_predict_gives(estimator, expected):
    spec = flight_spec().model_copy(update={"declaration": {"estimator": estimator}})
    assert mlflow_outputs(spec, np.array([0.25, 0.75])) == expected


def test_missing_values_and_an_index_in_a_csv_file(api):
    asked: list[Any] = []

    def answers(columns):
        asked.append((columns["distance"].tolist(), columns["carrier"].tolist()))
        return np.zeros(2)

    api.serve(Made(flight_spec(), answers))
    frame = pd.DataFrame([flight(distance=None), flight(carrier=None)])
    with api.client() as client:
        answer = client.post("/invocations", content=frame.to_csv(), headers={"content-type": "text/csv"})
        torn = client.post("/invocations", content="a,b\n1\n", headers={"content-type": "text/csv"})

    assert answer.status_code == 200, answer.text
    ((distances, carriers),) = asked
    assert np.isnan(distances[0])
    assert (distances[1], carriers) == (719, ["UA", None])
    assert torn.status_code == 400
    assert "row 0 must have 2 values" in torn.json()["message"]
