"""/invocations against MLflow's own scoring server with the same version, and by MLflow's own client."""

import json
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import uvicorn
from fastapi.testclient import TestClient

from retrainer.serving.mlflow_routes import mlflow_outputs
from tests.serving.flights import FLIGHT, flight, without
from tests.serving.world import Api, Made, failing, flight_spec

if TYPE_CHECKING:
    from tests.released import Releases

JSON = {"content-type": "application/json"}


@dataclass
class Both:
    """The same version behind this server and behind MLflow's."""

    ours: TestClient
    theirs: TestClient
    frame: pd.DataFrame
    outputs: np.ndarray

    def answers(self, body: str | bytes, kind: str = "application/json") -> np.ndarray:
        """The predictions of both, which are the same."""
        ours, theirs = (
            client.post("/invocations", content=body, headers={"content-type": kind})
            for client in (self.ours, self.theirs)
        )
        assert (ours.status_code, theirs.status_code) == (200, 200), (ours.text, theirs.text)
        assert ours.json().keys() == theirs.json().keys() == {"predictions"}
        answer = np.array(ours.json()["predictions"])
        np.testing.assert_allclose(answer, np.array(theirs.json()["predictions"]), rtol=0, atol=1e-6)
        return answer


@pytest.fixture(scope="module")
def both(trained_model: "Releases", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    import mlflow.pyfunc
    from mlflow.pyfunc import scoring_server

    from retrainer.registry import DIGEST, RUNTIME, Version, model_files
    from retrainer.saved import read_sample
    from retrainer.serving.local_copy import seal
    from retrainer.serving.predictor import load_predictor
    from retrainer.serving.supply.describe import write_copy

    folder = tmp_path_factory.mktemp("both")
    trained = trained_model.trained
    with model_files(trained.model_uri, digest=trained.artifact_digest) as files:
        shutil.copytree(files, folder / "files")
    tags = {DIGEST: trained.artifact_digest, RUNTIME: "onnx"}
    write_copy(folder / "files", folder / "copy", Version("flight_delay", 1, "", "", tags))
    seal(folder / "copy")
    frame, outputs = read_sample(folder / "files")
    naive = frame.assign(**{name: frame[name].dt.tz_localize(None) for name in frame.select_dtypes("datetimetz")})
    api = Api(folder)
    predictor = load_predictor(folder / "copy")
    assert predictor.spec.runtime == "onnx"
    api.serve(predictor)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")  # it refuses to load skops otherwise
        model = mlflow.pyfunc.load_model(str(folder / "files"))
        theirs = TestClient(scoring_server.init(model))
    with api.client() as ours, theirs:
        yield Both(ours, theirs, naive, outputs)


def columns_of(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """The columns as JSON takes them."""
    columns: dict[str, list[Any]] = json.loads(frame.to_json(orient="split", date_format="iso"))
    return dict(zip(columns["columns"], map(list, zip(*columns["data"], strict=True)), strict=True))


def test_a_data_frame_as_mlflow_s_client_writes_it(both):
    from mlflow.utils.proto_json_utils import dump_input_data

    answer = both.answers(dump_input_data(both.frame))
    assert answer.shape == (len(both.frame), 2)
    np.testing.assert_allclose(answer[:, 1], both.outputs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("orient", ["split", "records"])
def test_a_data_frame_as_pandas_writes_it(both, orient):
    content = json.loads(both.frame.to_json(orient=orient, date_format="iso"))
    both.answers(json.dumps({f"dataframe_{orient}": content}))


def test_columns_and_rows_of_tensors(both):
    columns = columns_of(both.frame.head(7))
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    together = both.answers(json.dumps({"inputs": columns}))
    assert together.shape == (7, 2)
    np.testing.assert_array_equal(both.answers(json.dumps({"instances": rows})), together)
    np.testing.assert_array_equal(both.answers(json.dumps({"inputs": rows})), together)


def test_one_record_of_plain_values(both):
    columns = columns_of(both.frame.head(1))
    both.answers(json.dumps({"inputs": {name: values[0] for name, values in columns.items()}}))


def test_a_csv_file_which_mlflow_takes_without_times_only(both):
    csv = both.frame.to_csv(index=False)
    ours, theirs = (
        client.post("/invocations", content=csv, headers={"content-type": "text/csv"})
        for client in (both.ours, both.theirs)
    )
    assert theirs.status_code == 400
    assert "datetime64[ns] is not supported" in theirs.json()["message"]
    np.testing.assert_allclose(np.array(ours.json()["predictions"])[:, 1], both.outputs, rtol=0, atol=1e-6)


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


def test_missing_values_are_missing(both):
    frame = both.frame.head(5).copy()
    frame.loc[1, "distance"] = np.nan
    frame.loc[2, "weather__temp"] = np.nan
    text = json.dumps({"dataframe_split": json.loads(frame.to_json(orient="split", date_format="iso"))})
    first = both.answers(text)
    np.testing.assert_array_equal(both.answers(text.replace("null", "NaN")), first)


def test_columns_that_the_model_does_not_read_are_left_aside(both):
    both.answers(json.dumps({"dataframe_records": json.loads(
        both.frame.head(3).assign(gate="B4").to_json(orient="records", date_format="iso")
    )}))  # fmt: skip


def test_numbers_that_are_texts_and_whole_numbers_are_numbers(both):
    frame = both.frame.head(3).assign(distance="719.5", weather__temp=60)
    both.answers(json.dumps({"dataframe_records": json.loads(frame.to_json(orient="records", date_format="iso"))}))


def test_parameters_are_taken_and_not_used(both):
    content = json.loads(both.frame.head(2).to_json(orient="split", date_format="iso"))
    both.answers(json.dumps({"dataframe_split": content, "params": {}}))


REFUSED = {
    "broken JSON": b"{",
    "no UTF-8": b"\xff",
    "an array": b"[1]",
    "a number": b"3",
    "no format": b'{"records": []}',
    "two formats": b'{"instances": [], "inputs": []}',
    "no rows": b'{"dataframe_records": []}',
    "records that are none": b'{"dataframe_records": 5}',
    "split that is none": b'{"dataframe_split": []}',
    "split without data": b'{"dataframe_split": {"columns": ["distance"]}}',
    "rows of another length": b'{"dataframe_split": {"columns": ["distance"], "data": [[1, 2]]}}',
    "no column that is needed": b'{"dataframe_split": {"columns": ["distance"], "data": [[1]]}}',
    "columns of two lengths": b'{"inputs": {"distance": [1, 2], "carrier": ["UA"]}}',
    "text for a number": json.dumps({"dataframe_records": [flight(distance="far")]}).encode(),
    "no time": json.dumps({"dataframe_records": [flight(scheduled_departure="soon")]}).encode(),
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_what_mlflow_refuses_is_refused_with_its_status_and_its_fields(both, body):
    ours, theirs = (client.post("/invocations", content=body, headers=JSON) for client in (both.ours, both.theirs))
    assert ours.status_code == theirs.status_code == 400
    assert ours.headers["content-type"] == "application/problem+json"
    assert theirs.json().keys() >= {"error_code", "message"}
    assert ours.json()["error_code"] == "BAD_REQUEST"
    assert ours.json()["message"]
    assert "Traceback" not in ours.text


def test_another_media_type_is_refused_as_mlflow_does(both):
    for kind in ("application/xml", "application/json; charset=latin-1", "application/json; colour=red"):
        answers = [
            c.post("/invocations", content=b"{}", headers={"content-type": kind}) for c in (both.ours, both.theirs)
        ]
        assert [answer.status_code for answer in answers] == [415, 415]


@pytest.mark.parametrize("path", ["/ping", "/health", "/version"])
def test_the_other_routes_answer_as_mlflow_does(both, path):
    ours, theirs = both.ours.get(path), both.theirs.get(path)
    assert ours.status_code == theirs.status_code == 200
    assert ours.content == theirs.content
    assert ours.headers["content-type"] == theirs.headers["content-type"]


def test_mlflow_s_own_client_works_unchanged_over_http(both):
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(both.ours.app, lifespan="off", log_level="critical"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        client = ScoringServerClient("127.0.0.1", listening.getsockname()[1])
        client.wait_server_ready(timeout=30)
        answer = client.invoke(both.frame).get_predictions(predictions_format="ndarray")
        np.testing.assert_allclose(answer[:, 1], both.outputs, rtol=0, atol=1e-6)
        assert client.get_version() == both.theirs.get("/version").text
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


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
