"""/invocations against MLflow's own scoring server with the same version, and by MLflow's own client."""

import json
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import uvicorn
from fastapi.testclient import TestClient

from tests.serving.flights import flight
from tests.serving.world import Api

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

    from retrainer.registry import DIGEST, RUNTIME, Version
    from retrainer.saved import read_sample
    from retrainer.serving.local_copy import seal
    from retrainer.serving.predictor import load_predictor
    from retrainer.serving.supply.describe import write_copy

    folder = tmp_path_factory.mktemp("both")
    trained = trained_model.trained
    with trained_model.files() as files:
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
