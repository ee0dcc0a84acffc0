"""Predictions, status, health and metrics over the application, as a client sees them."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from tests.serving.flights import FLIGHT, body_of, flight
from tests.serving.world import Api, Made, flight_spec

PREDICT = "/v1/models/flight_delay/predict"
JSON = {"content-type": "application/json"}


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return Api(tmp_path)


def predict(client: TestClient, *records: Any, path: str = PREDICT) -> list[dict[str, Any]]:
    answer = client.post(path, content=body_of(*records), headers=JSON)
    assert answer.status_code == 200, answer.text
    predictions: list[dict[str, Any]] = answer.json()["predictions"]
    return predictions


def test_an_answer_carries_model_version_id_and_source(api):
    api.serve(Made(flight_spec(4)))
    with api.client() as client:
        answer = client.post(PREDICT, content=body_of(flight(distance=719)), headers=JSON)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    request_id = answer.headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{24}", request_id)
    assert answer.json() == {
        "model": "flight_delay",
        "predictions": [{"id": f"{request_id}-0", "value": 0.0719, "version": 4, "source": "model"}],
    }
    assert "access-control-allow-origin" not in answer.headers


def test_many_records_are_answered_in_order_under_ids_of_their_own(api):
    api.serve(Made(flight_spec()))
    with api.client() as client:
        first = predict(client, *(flight(distance=place) for place in range(500)))
        second = predict(client, FLIGHT)

    assert [each["value"] for each in first] == [place / 10_000 for place in range(500)]
    assert len({each["id"] for each in [*first, *second]}) == 501


def test_charset_and_case_of_the_content_type_do_not_matter(api):
    api.serve(Made(flight_spec()))
    with api.client() as client:
        for kind in ("application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'):
            assert client.post(PREDICT, content=body_of(FLIGHT), headers={"content-type": kind}).status_code == 200


def test_what_is_not_sent_is_looked_up_and_a_null_is_not(api):
    asked: list[Any] = []

    def answers(columns):
        asked.append(columns["weather__temp"].tolist())
        return columns["distance"] * 0

    api.serve(Made(flight_spec(), answers))
    api.online.values = {"weather__temp": 61.5}
    with api.client() as client:
        predict(client, flight(), flight(weather__temp=40), flight(weather__temp=None))

    (temperatures,) = asked
    assert temperatures[:2] == [61.5, 40]
    assert np.isnan(temperatures[2])


def test_the_log_gets_inputs_looked_up_values_keys_and_outputs_under_the_ids_of_the_answer(api):
    api.serve(Made(flight_spec(4)))
    api.online.values = {"weather__temp": 61.5}
    with api.client() as client:
        predictions = predict(client, flight(flight_id=7), flight(distance=100))

    (batch,) = api.log.batches
    assert list(batch.ids) == [each["id"] for each in predictions]
    assert (batch.model, batch.version, batch.source) == ("flight_delay", 4, "model")
    assert batch.columns["flight_id"].tolist() == [7, None]
    assert batch.columns["weather__temp"].tolist() == [61.5, 61.5]
    assert batch.columns["carrier"].tolist() == ["UA", "UA"]
    assert batch.outputs.tolist() == [0.0719, 0.01]
    assert 0 < batch.seconds < 1


def test_nothing_is_logged_where_the_declaration_says_so(api):
    api.serve(Made(flight_spec(log_predictions=False)), shadow=Made(flight_spec(2)))
    with api.client() as client:
        predict(client, FLIGHT)

    assert api.log.batches == []
    assert api.shadows.copies == []


def test_each_request_meets_the_line_that_serves_when_it_comes(api):
    api.serve(Made(flight_spec(1)))
    with api.client() as client:
        before = predict(client, FLIGHT)
        api.serve(Made(flight_spec(2), lambda columns: columns["distance"] / 1000))
        after = predict(client, FLIGHT)

    assert [(each["version"], each["value"]) for each in [*before, *after]] == [(1, 0.0719), (2, 0.719)]


def test_several_models_are_told_apart(api):
    api.serve(Made(flight_spec(1)))
    api.serve(Made(flight_spec(9, model="delay_minutes"), lambda columns: columns["distance"]))
    with api.client() as client:
        assert predict(client, FLIGHT, path="/v1/models/delay_minutes/predict")[0]["value"] == 719
        assert predict(client, FLIGHT)[0]["value"] == 0.0719
        assert [each["model"] for each in client.get("/v1/models").json()["models"]] == [
            "delay_minutes",
            "flight_delay",
        ]


def test_the_status_says_what_answers_since_when_and_why(api):
    api.serve(Made(flight_spec(4)), split=(Made(flight_spec(5)), 10), shadow=Made(flight_spec(6)))
    with api.client() as client:
        predict(client, FLIGHT)
        status = client.get("/v1/models/flight_delay").json()

    assert (status["sequence"], status["ready"], status["off"], status["breaker"]) == (1, True, False, "closed")
    assert (status["since"], status["reason"], status["report_url"]) == (
        "2013-06-03T04:00:00Z",
        "better",
        "http://mlflow/report",
    )
    assert status["split"] == {"version": 5, "percent": 10}
    assert status["champion"]["version"] == 4
    assert status["shadow"]["version"] == 6
    assert status["champion"]["requests"] + status["split_version"]["requests"] == 1
    assert status["champion"]["p95_ms"] or status["split_version"]["p95_ms"]


def test_a_model_that_is_not_served_is_not_found_and_the_nearest_is_named(api):
    api.serve(Made(flight_spec()))
    with api.client() as client:
        for method, path in (("GET", "/v1/models/flight_dela"), ("POST", "/v1/models/flight_dela/predict")):
            answer = client.request(method, path, content=body_of(FLIGHT), headers=JSON)
            assert answer.status_code == 404
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["detail"].startswith("unknown model 'flight_dela'; did you mean 'flight_delay'?")


def test_health_is_live_at_once_and_ready_when_a_model_answers(api):
    with api.client() as client:
        assert client.get("/health/live").json() == {"status": "live"}
        early = client.get("/health/ready")
        api.serve(Made(flight_spec()))
        late = client.get("/health/ready")

    assert (early.status_code, early.headers["content-type"]) == (503, "application/problem+json")
    assert early.headers["retry-after"] == "1"
    assert (late.status_code, late.json()) == (200, {"status": "ready"})


def test_a_refresh_is_passed_on_for_any_name_that_a_model_can_have(api):
    with api.client() as client:
        assert client.post("/v1/models/brand_new/refresh").status_code == 202
        assert client.post("/v1/models/Not-A-Model/refresh").status_code == 404
        assert client.post(f"/v1/models/{'x' * 64}/refresh").status_code == 404
    assert api.refreshed == ["brand_new"]


def test_metrics_count_answers_and_refusals(api):
    api.serve(Made(flight_spec(4)))
    with api.client() as client:
        predict(client, FLIGHT, FLIGHT)
        client.post(PREDICT, content=b"{", headers=JSON)
        client.get("/nowhere")
        answer = client.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=")
    labels = '{model="flight_delay",source="model",version="4"}'
    assert f"retrainer_requests_total{labels} 1.0" in answer.text
    assert f"retrainer_predictions_total{labels} 2.0" in answer.text
    assert 'retrainer_refusals_total{status="400"} 1.0' in answer.text
    assert 'retrainer_refusals_total{status="404"} 1.0' in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", PREDICT, 405), ("DELETE", "/v1/models", 405), ("GET", "/invocations", 405), ("GET", "/nowhere", 404)],
)
def test_routes_that_are_not_there_are_problems_too(api, method, path, status):
    with api.client() as client:
        answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(answer.text)["status"] == status
    assert ("allow" in answer.headers) == (status == 405)
