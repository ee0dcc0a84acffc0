"""Whatever is sent, the answer is a 4xx problem that names what is wrong, and never a stack trace."""

import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from tests.serving.flights import FLIGHT, body_of, flight, without
from tests.serving.world import Api, Made, flight_spec

PREDICT = "/v1/models/flight_delay/predict"
JSON = "application/json"


@pytest.fixture
def api(tmp_path: Path) -> Api:
    api = Api(tmp_path)
    api.serve(Made(flight_spec()))
    return api


@pytest.fixture
def client(api: Api) -> Iterator[TestClient]:
    with api.client() as client:
        yield client


def send(client: TestClient, body: bytes, kind: str | None = JSON, **headers: str) -> httpx.Response:
    given = headers | ({"content-type": kind} if kind else {})
    return client.post(PREDICT, content=body, headers=given)


def problem(answer: httpx.Response) -> dict[str, object]:
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, object] = answer.json()
    assert found["status"] == answer.status_code
    assert found["type"] == "about:blank"
    assert found["title"]
    assert "Traceback" not in answer.text
    assert 'File "' not in answer.text
    return found


def raw(**values: str) -> bytes:
    """A flight with values that are written as they stand."""
    text = json.dumps(flight(**dict.fromkeys(values, "@")))
    for value in values.values():
        text = text.replace('"@"', value, 1)
    return f'{{"records": [{text}]}}'.encode()


CASES = {
    "missing field": (body_of(without("distance")), 422, "records[0].distance"),
    "wrong type": (body_of(flight(distance="far")), 422, "records[0].distance"),
    "unknown field": (body_of(flight(distanse=1)), 422, "records[0].distanse"),
    "NaN": (raw(distance="NaN"), 422, "records[0].distance"),
    "Infinity": (raw(distance="Infinity"), 422, "records[0].distance"),
    "-Infinity": (raw(distance="-Infinity"), 422, "records[0].distance"),
    "1e400": (raw(distance="1e400"), 422, "records[0].distance"),
    "huge number": (raw(distance="9" * 5000), 422, "records[0].distance"),
    "huge key": (raw(flight_id="9" * 30), 422, "records[0].flight_id"),
    "naive time": (body_of(flight(scheduled_departure="2013-06-18T06:00:00")), 422, "records[0].scheduled_departure"),
    "no time": (body_of(flight(scheduled_departure="soon")), 422, "records[0].scheduled_departure"),
    "long text": (body_of(flight(carrier="x" * 1001)), 422, "records[0].carrier"),
    "half a character": (raw(carrier='"\\ud800"'), 422, "records[0].carrier"),
    "empty batch": (body_of(), 422, "records"),
    "no records": (b"{}", 422, "records"),
    "an array": (b"[]", 422, "records"),
    "too many records": (body_of(*[{}] * 100_000), 413, "records"),
}


@pytest.mark.parametrize(("body", "status", "field"), CASES.values(), ids=CASES)
def test_what_is_wrong_is_named(client, body, status, field):
    answer = send(client, body)
    assert answer.status_code == status
    errors = problem(answer)["errors"]
    assert isinstance(errors, list)
    assert [error["field"] for error in errors] == [field]
    assert errors[0]["message"]


def test_every_wrong_field_is_named_up_to_twenty(client):
    answer = send(client, body_of(*[flight(distance="far", carrier=3)] * 15))
    errors = problem(answer)["errors"]
    assert isinstance(errors, list)
    assert len(errors) == 20
    assert {error["field"] for error in errors[:2]} == {"records[0].distance", "records[0].carrier"}


@pytest.mark.parametrize("body", [b"", b"{", b'{"records": [', b"\xff\xfe", b"null x", b"[" * 900_000], ids=len)
def test_what_is_not_json_is_a_bad_request(client, body):
    answer = send(client, body)
    assert answer.status_code == 400
    assert str(problem(answer)["detail"]).startswith("the body is not")


def test_an_unseen_category_is_answered(client):
    assert send(client, body_of(flight(carrier="Pan Am ✈", origin="", dest="\x00"))).status_code == 200


KINDS = (
    None,
    "",
    "text/plain",
    "text/csv",
    "application/xml",
    "application/json; charset=latin-1",
    "multipart/form-data",
)


@pytest.mark.parametrize("kind", KINDS)
def test_another_content_type_is_refused_with_the_one_that_is_taken(client, kind):
    answer = send(client, body_of(FLIGHT), kind)
    assert answer.status_code == 415
    assert "must be application/json in UTF-8" in str(problem(answer)["detail"])


def test_a_compressed_body_is_refused(client):
    answer = send(client, b"\x1f\x8b", **{"content-encoding": "gzip"})
    assert answer.status_code == 415
    assert "must not be compressed" in str(problem(answer)["detail"])


def test_fifty_megabytes_are_refused_at_once(client):
    start = time.perf_counter()
    answer = send(client, b"x" * 50 * 2**20)
    assert answer.status_code == 413
    assert "the body may have 1,048,576 bytes" in str(problem(answer)["detail"])
    assert time.perf_counter() - start < 5


def test_an_unknown_model_is_not_found_whatever_its_name(client):
    for name in ("x", "flight_delay%00", "%F0%9F%9B%AB", "a" * 3000, "%2e%2e", "'; drop table"):
        answer = client.post(f"/v1/models/{name}/predict", content=body_of(FLIGHT), headers={"content-type": JSON})
        assert answer.status_code == 404
        assert len(answer.text) < 1000
        problem(answer)


def test_values_are_never_in_the_log(client, caplog):
    with caplog.at_level(logging.DEBUG):
        send(client, body_of(flight(distance="SECRET", carrier=5)))
        send(client, body_of(flight(SECRET=1)))
    assert "SECRET" not in caplog.text


def test_what_nobody_foresaw_is_an_answer_that_tells_nothing_and_a_line_without_values(api, caplog):
    def broken(*_: object, **__: object) -> None:
        raise KeyError("SECRET")

    api.online.fill = broken  # type: ignore[method-assign]
    with api.client() as client:
        answer = send(client, body_of(FLIGHT))

    assert answer.status_code == 500
    assert problem(answer)["detail"] == "the server could not answer; its log says where"
    (line,) = [record.getMessage() for record in caplog.records if record.name == "retrainer.serving.failures"]
    assert line.startswith(f"POST {PREDICT}: KeyError in broken, ")
    assert "SECRET" not in caplog.text + answer.text
