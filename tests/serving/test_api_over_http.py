"""The API of a real server, a process of its own, with a version that was really trained."""

import json
import time
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from tests.serving.test_api_bad_input import CASES

if TYPE_CHECKING:
    from tests.serving.served import Served, Server

JSON = {"content-type": "application/json"}


@pytest.fixture
def released(served: "Served", server: "Server") -> "Served":
    """The model, with a version that serves."""
    served.promote(served.version(), server)
    return served


def operation(server: "Server", model: str) -> dict[str, Any]:
    with server.client() as client:
        found: dict[str, Any] = client.get("/openapi.json").json()["paths"][f"/v1/models/{model}/predict"]["post"]
    return found


def test_what_the_document_shows_is_answered_by_the_version(released, server):
    examples = operation(server, released.model)["requestBody"]["content"]["application/json"]["examples"]
    assert len(examples) == 2
    for example in examples.values():
        (answer,) = server.predict(released.model, example["value"]["records"])
        assert (answer["source"], answer["version"]) == ("model", 1)
        assert 0 <= answer["value"] <= 1


def test_bad_input_is_refused_and_the_log_tells_nothing_of_it(released, server):
    with server.client() as client:
        for name, (body, status, field) in CASES.items():
            answer = client.post(f"/v1/models/{released.model}/predict", content=body, headers=JSON)
            assert answer.status_code == status, name
            assert [error["field"] for error in answer.json()["errors"]] == [field]
            assert "Traceback" not in answer.text
    assert server.process.poll() is None
    assert "carrier" not in server.log


def test_a_body_that_is_too_much_is_refused_at_once_and_needs_no_memory(released, server):
    process = psutil.Process(server.process.pid)
    bodies = (b"x" * 50 * 2**20, b'{"records":' + b"[" * 1_000_000, b"[" + b"{}," * 340_000 + b"{}]")
    server.predict(released.model, released.records(1))
    before = process.memory_info().rss
    for body in bodies:
        start = time.monotonic()
        try:
            answer = httpx.post(
                f"{server.url}/v1/models/{released.model}/predict", content=body, headers=JSON, trust_env=False
            )
        except httpx.WriteError:  # the server has answered and closed the connection while this was still sending
            assert len(body) > 2**20
        else:
            assert answer.status_code in (400, 413, 422)
        assert time.monotonic() - start < 10
    assert process.memory_info().rss - before < 50 * 2**20


def test_mlflow_s_formats_are_answered_with_the_probabilities_of_both_classes(released, server):
    records = released.records(3)
    values = [each["value"] for each in server.predict(released.model, records)]
    content = json.dumps({"dataframe_split": {"columns": list(records[0]), "data": [[*r.values()] for r in records]}})
    with server.client() as client:
        answer = client.post(f"/invocations?model={released.model}", content=content, headers=JSON)
    assert answer.status_code == 200
    assert [pair[1] for pair in answer.json()["predictions"]] == values
    assert [sum(pair) for pair in answer.json()["predictions"]] == [pytest.approx(1)] * 3
