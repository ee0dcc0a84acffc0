"""/docs shows what the OpenAPI document says, without a script and without a network."""

import json
import re
from html import unescape
from pathlib import Path

import pytest

from retrainer.config.api_keys import keys_file, make_key
from retrainer.contracts import InputField
from tests.serving.flights import flight_fields
from tests.serving.world import Api, Made, flight_spec


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return Api(tmp_path)


def test_the_page_shows_each_field_and_a_request_that_is_answered(api):
    api.serve(Made(flight_spec(4)))
    with api.client() as client:
        page = client.get("/docs")
        for field in flight_fields():
            assert f"<code>{field.name}</code>" in page.text
        assert "Version 4 answers since 2013-06-03 04:00 UTC." in page.text
        requests = re.findall(
            r"curl (\S+) -H 'content-type: application/json' -d '\n(.*?)'</pre>", page.text, re.DOTALL
        )
        assert len(requests) == 2
        for address, body in requests:
            assert address == "http://testserver/v1/models/flight_delay/predict"
            answer = client.post(address, content=unescape(body), headers={"content-type": "application/json"})
            assert answer.status_code == 200

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page.text)


def test_what_an_example_holds_cannot_break_out_of_the_page(api):
    nasty = "</pre><script>alert('1')</script>"
    field = InputField(name="note", type="string", required=True, role="input", example=nasty)
    api.serve(Made(flight_spec(4).model_copy(update={"fields": (*flight_fields(), field)})))
    with api.client() as client:
        page = client.get("/docs").text
        document = client.get("/openapi.json").text
    assert json.dumps(nasty)[1:-1] in document
    assert "<script" not in page


def test_where_keys_are_needed_the_page_says_how(api):
    api.serve(Made(flight_spec(4)))
    _, key = make_key(keys_file(api.home), "predict")
    with api.client() as client:
        assert client.get("/docs").status_code == 401
        page = client.get("/docs", headers={"authorization": f"Bearer {key}"})
    assert "-H 'authorization: Bearer KEY'" in page.text


def test_the_page_is_there_before_a_model_is(api):
    with api.client() as client:
        page = client.get("/docs")
    assert page.status_code == 200
    assert "/health/ready" in page.text
    assert "Bearer" not in page.text
