"""schemathesis makes up requests from the OpenAPI document: no 5xx, and no answer that the document does not show."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import schemathesis
from schemathesis.engine import events, from_schema

from retrainer.contracts import InputField
from tests.serving.flights import flight_fields
from tests.serving.world import Api, Made, flight_spec

EXAMPLES = 30
MORE = (
    InputField(name="seats", type="integer", required=True, role="input", example=150),
    InputField(name="charter", type="boolean", required=False, role="input", example=False),
    InputField(name="tail", type="string", required=False, role="key", example="N14228"),
)
CONFIG = {
    "seed": 2013,
    "generation": {"max-examples": EXAMPLES, "deterministic": True},
    "checks": {
        # too many records are refused as such, whatever else is wrong with them
        "negative_data_rejection": {"expected-statuses": [400, 404, 405, 413, 415, 422]}
    },
    "operations": [
        {  # no schema says which texts are a CSV file, nor what pandas would turn into numbers
            "include-path": "/invocations",
            "checks": {"positive_data_acceptance": {"enabled": False}, "negative_data_rejection": {"enabled": False}},
        }
    ],
}


@dataclass
class Found:
    """What came of a run."""

    failures: set[str] = field(default_factory=set)
    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    checks: Counter[str] = field(default_factory=Counter)


def run(api: Api) -> Found:
    """Examples, cases at the limits of each schema, and made-up ones; every check that schemathesis has."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", api.app(), config=schemathesis.Config.from_dict(CONFIG))
    found = Found()
    for event in from_schema(schema).execute():
        assert not isinstance(event, events.FatalError | events.NonFatalError), event
        if isinstance(event, events.ScenarioFinished):
            label = event.label or "several"
            statuses = found.statuses.setdefault(label, Counter())
            statuses.update(
                int(each.response.status_code) for each in event.recorder.interactions.values() if each.response
            )
            for check in (check for checks in event.recorder.checks.values() for check in checks):
                found.checks[check.name] += 1
                if check.failure_info is not None:
                    failure = check.failure_info.failure
                    found.failures.add(f"{label}: {failure.title}: {failure.message}\n{check.failure_info.code_sample}")
    return found


@pytest.fixture
def api(tmp_path: Path) -> Api:
    api = Api(tmp_path)
    spec = flight_spec(4).model_copy(update={"fields": (*flight_fields(), *MORE)})
    api.serve(Made(spec, lambda columns: np.nan_to_num(columns["distance"], posinf=0, neginf=0)))
    return api


def test_every_made_up_request_gets_an_answer_that_is_documented(api):
    found = run(api)

    assert found.failures == set()
    predicted = found.statuses["POST /v1/models/flight_delay/predict"]
    assert predicted[200] >= EXAMPLES / 2
    assert predicted[422] >= EXAMPLES
    assert found.statuses["POST /invocations"].keys() >= {200, 400, 404}
    assert len(found.statuses) >= 11
    for check in ("not_a_server_error", "status_code_conformance", "response_schema_conformance"):
        assert found.checks[check] >= 300
