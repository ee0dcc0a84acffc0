"""The OpenAPI document says what is served now, and what it shows is answered."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from retrainer.config.api_keys import keys_file, make_key
from retrainer.contracts import InputField
from tests.serving.flights import FLIGHT, flight_fields
from tests.serving.world import Api, Made, flight_spec

PREDICT = "/v1/models/flight_delay/predict"


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return Api(tmp_path)


def document(api: Api, **settings: str) -> dict[str, Any]:
    with api.client(**settings) as client:
        found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def body(found: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = found["paths"][PREDICT]["post"]["requestBody"]["content"]["application/json"]
    return content


def test_a_model_has_a_path_of_its_own_with_its_real_fields(api):
    api.serve(Made(flight_spec(4)))
    found = document(api)
    record = body(found)["schema"]["properties"]["records"]["items"]

    assert set(record["properties"]) == {field.name for field in flight_fields()}
    assert record["required"] == list(FLIGHT)
    assert record["properties"]["distance"] | {"examples": []} == {
        "type": ["number", "null"],
        "description": "Has to be sent; null where it is not known.",
        "examples": [],
    }
    assert record["properties"]["scheduled_departure"]["format"] == "date-time"
    assert found["paths"][PREDICT]["post"]["description"] == "Version 4 answers since 2013-06-03 04:00 UTC."
    assert found["openapi"].startswith("3.1")


def test_its_examples_are_answered_and_fit_the_schemas(api):
    api.serve(Made(flight_spec(4)))
    found = document(api)
    examples = body(found)["examples"]
    assert set(examples) == {"required", "everything"}
    with api.client() as client:
        for example in examples.values():
            jsonschema.validate(example["value"], body(found)["schema"])
            answer = client.post(PREDICT, json=example["value"])
            assert answer.status_code == 200, answer.text
            response = found["paths"][PREDICT]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
            jsonschema.validate(answer.json(), response | {"components": found["components"]})


def test_it_changes_when_another_version_is_swapped_in(api):
    api.serve(Made(flight_spec(4)))
    before = document(api)
    more = (*flight_fields(), InputField(name="seats", type="integer", required=True, role="input", example=150))
    api.serve(Made(flight_spec(5).model_copy(update={"fields": more})))
    after = document(api)

    assert "seats" not in body(before)["schema"]["properties"]["records"]["items"]["properties"]
    assert body(after)["schema"]["properties"]["records"]["items"]["properties"]["seats"]["examples"] == [150]
    assert after["paths"][PREDICT]["post"]["description"].startswith("Version 5 answers")


def test_it_says_when_the_rule_answers_and_who_shares_the_traffic(api):
    api.serve(Made(flight_spec(4)), off=True)
    assert (
        document(api)["paths"][PREDICT]["post"]["description"]
        == "The declared rule answers: the model is switched off."
    )
    api.serve(Made(flight_spec(4)), split=(Made(flight_spec(5)), 10))
    assert document(api)["paths"][PREDICT]["post"]["description"].endswith(" Version 5 gets 10 % of the traffic.")


def test_without_a_model_there_is_no_path_to_predict_with(api):
    assert not [path for path in document(api)["paths"] if "predict" in path or "invocations" in path]


def test_keys_are_part_of_it_only_where_they_are_needed(api):
    api.serve(Made(flight_spec(4)))
    assert "security" not in json.dumps(document(api))
    _, key = make_key(keys_file(api.home), "predict")
    with api.client() as client:
        locked = client.get("/openapi.json", headers={"authorization": f"Bearer {key}"}).json()
    assert locked["components"]["securitySchemes"] == {"key": {"type": "http", "scheme": "bearer"}}
    assert locked["paths"][PREDICT]["post"]["security"] == [{"key": []}]
    assert {"401", "403"} <= locked["paths"][PREDICT]["post"]["responses"].keys()
    assert "security" not in locked["paths"]["/health/live"]["get"]
    assert "401" not in locked["paths"]["/health/live"]["get"]["responses"]


def test_every_answer_that_is_no_success_is_a_problem(api):
    api.serve(Made(flight_spec(4)))
    found = document(api)
    operations = [operation for path in found["paths"].values() for operation in path.values()]
    assert len(operations) >= 10
    for operation in operations:
        for status, answer in operation["responses"].items():
            if not status.startswith("2"):
                assert set(answer["content"]) == {"application/problem+json"}
    assert "ValidationError" not in json.dumps(found)
