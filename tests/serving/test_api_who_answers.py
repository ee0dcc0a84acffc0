"""Who answers: the champion, the version that shares its traffic, or the rule; and that nobody waits for others."""

import asyncio
import copy
import logging
import threading
from collections import Counter
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from retrainer.contracts import ServingSpec
from tests.serving.flights import FLIGHT, body_of, flight, flight_fields
from tests.serving.world import Api, Made, failing, flight_spec

PREDICT = "/v1/models/flight_delay/predict"
JSON = {"content-type": "application/json"}


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return Api(tmp_path)


def predict(client: TestClient, *records: Any) -> list[dict[str, Any]]:
    answer = client.post(PREDICT, content=body_of(*records), headers=JSON)
    assert answer.status_code == 200, answer.text
    predictions: list[dict[str, Any]] = answer.json()["predictions"]
    return predictions


def by_rule(prediction: dict[str, Any]) -> bool:
    """The departure is at 6:00 local time, an hour of sixteen after the rule's 5:00."""
    assert (prediction["source"] == "fallback") == (prediction["version"] is None)
    return bool(prediction["source"] == "fallback" and prediction["value"] == pytest.approx(0.10 + 0.25 / 16))


def test_without_a_version_and_a_rule_there_is_no_answer_yet(api):
    api.slots.ensure("flight_delay")
    with api.client() as client:
        answer = client.post(PREDICT, content=body_of(FLIGHT), headers=JSON)
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "1"


def test_the_rule_answers_while_there_is_no_champion(api):
    api.serve(None)
    with api.client() as client:
        assert by_rule(predict(client, FLIGHT)[0])


def test_the_rule_answers_while_the_model_is_switched_off(api):
    api.serve(Made(flight_spec(4)), off=True)
    with api.client() as client:
        assert by_rule(predict(client, FLIGHT)[0])
        assert client.get("/v1/models/flight_delay").json()["champion"] is None


def test_the_rule_answers_where_the_model_fails_and_the_log_names_no_value(api, caplog):
    slot = api.serve(Made(flight_spec(4), failing))
    with api.client() as client, caplog.at_level(logging.DEBUG, "retrainer"):
        answers = [predict(client, flight(carrier="SECRET"))[0] for _ in range(10)]

    assert all(by_rule(each) for each in answers)
    assert slot.stats[4].errors == 10
    assert [batch.source for batch in api.log.batches] == ["fallback"] * 10
    lines = [record.getMessage() for record in caplog.records if "v4 failed" in record.getMessage()]
    assert [line.partition(": ")[0] for line in lines] == [
        "flight_delay v4 failed 1 times",
        "flight_delay v4 failed 10 times",
    ]
    assert "ValueError in failing, " in lines[0]
    assert "SECRET" not in caplog.text


def test_the_breaker_opens_after_failures_and_then_the_model_is_not_asked(api):
    asked: list[int] = []

    def answers(columns):
        asked.append(1)
        raise ZeroDivisionError

    api.serve(Made(flight_spec(breaker={"min_requests": 3, "open_seconds": 3600}), answers))
    with api.client() as client:
        assert all(by_rule(predict(client, FLIGHT)[0]) for _ in range(8))
        assert client.get("/v1/models/flight_delay").json()["breaker"] == "open"
    assert len(asked) == 3


def test_where_the_rule_fails_too_the_answer_tells_nothing(api, caplog):
    slot = api.serve(Made(flight_spec(), failing))
    object.__setattr__(slot.line, "fallback", Made(flight_spec(), failing))
    with api.client() as client:
        answer = client.post(PREDICT, content=body_of(flight(carrier="SECRET")), headers=JSON)

    assert answer.status_code == 500
    assert answer.json() == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "the server could not answer; its log says where",
    }
    assert "ValueError in failing" in caplog.text
    assert "SECRET" not in caplog.text


def test_a_share_of_the_entities_meets_the_second_version_and_keeps_it_while_the_share_grows(api):
    flights = [flight(flight_id=number) for number in range(400)]
    met: dict[int, list[int]] = {}
    with api.client() as client:
        for percent in (10, 50):
            api.serve(Made(flight_spec(1)), split=(Made(flight_spec(2)), percent))
            together = [each["version"] for each in predict(client, *flights)]
            one_by_one = [predict(client, record)[0]["version"] for record in flights[:50]]
            assert together[:50] == one_by_one
            met[percent] = [place for place, version in enumerate(together) if version == 2]

    assert 20 <= len(met[10]) <= 65
    assert 160 <= len(met[50]) <= 240
    assert set(met[10]) < set(met[50])


def test_a_record_without_its_key_goes_by_its_content(api):
    api.serve(Made(flight_spec(1)), split=(Made(flight_spec(2)), 50))
    flights = [flight(distance=number) for number in range(100)]
    with api.client() as client:
        first, again = ([each["version"] for each in predict(client, *flights)] for _ in range(2))
    assert first == again
    assert 25 <= Counter(first)[2] <= 75


def test_the_declared_entity_decides_where_there_is_one(api):
    spec = flight_spec(1, entity=["carrier"])
    api.serve(Made(spec), split=(Made(flight_spec(2)), 50))
    carriers = ["UA", "DL", "AA", "B6", "EV", "MQ", "US", "9E", "WN", "FL", "VX", "F9"]
    flights = [flight(flight_id=number, carrier=carrier) for number in range(10) for carrier in carriers]
    with api.client() as client:
        versions = [each["version"] for each in predict(client, *flights)]

    for place in range(len(carriers)):
        assert len(set(versions[place :: len(carriers)])) == 1
    assert set(versions) == {1, 2}


def test_the_parts_of_a_shared_request_are_logged_and_counted_each_with_its_version(api):
    slot = api.serve(Made(flight_spec(1)), split=(Made(flight_spec(2), lambda columns: -columns["distance"]), 50))
    flights = [flight(flight_id=number, distance=number) for number in range(100)]
    with api.client() as client:
        predictions = predict(client, *flights)

    for number, each in enumerate(predictions):
        assert each["value"] == (number / 10_000 if each["version"] == 1 else -number)
    logged = {
        (name, batch.version, value)
        for batch in api.log.batches
        for name, value in zip(batch.ids, batch.outputs, strict=True)
    }
    assert logged == {(each["id"], each["version"], each["value"]) for each in predictions}
    assert (slot.stats[1].requests, slot.stats[2].requests) == (1, 1)


def test_where_the_second_version_fails_the_champion_answers_for_it(api):
    slot = api.serve(Made(flight_spec(1)), split=(Made(flight_spec(2), failing), 50))
    with api.client() as client:
        predictions = predict(client, *(flight(flight_id=number) for number in range(100)))
        assert client.get("/v1/models/flight_delay").json()["breaker"] == "closed"
    assert {each["version"] for each in predictions} == {1}
    assert slot.stats[2].errors == 1


def test_the_shadow_is_offered_each_request_with_its_own_columns(api):
    shadow = Made(flight_spec(2))
    api.serve(Made(flight_spec(1)), shadow=shadow)
    api.online.values = {"weather__temp": 61.5}
    with api.client() as client:
        (prediction,) = predict(client, flight(flight_id=3))

    ((predictor, columns, batch),) = api.shadows.copies
    assert predictor is shadow
    assert columns["weather__temp"].tolist() == [61.5]
    assert "flight_id" not in columns
    assert batch.columns["flight_id"].tolist() == [3]
    assert list(batch.ids) == [prediction["id"]]


def defined_otherwise(version: int) -> ServingSpec:
    """A version for which a measurement of the weather is too old after three hours, not six."""
    spec = flight_spec(version)
    declared: Any = copy.deepcopy(spec.declaration)
    declared["features"]["lookups"]["weather"]["max_age"] = "3h"
    return spec.model_copy(update={"declaration": declared})


def test_each_version_is_looked_up_for_as_it_defines_its_look_ups(api):
    api.serve(Made(flight_spec(1)), split=(Made(defined_otherwise(2)), 50), shadow=Made(defined_otherwise(3)))
    with api.client() as client:
        predictions = predict(client, *(flight(flight_id=number) for number in range(100)))

    assert {each["version"] for each in predictions} == {1, 2}
    second, first, shadow_of_second, shadow_of_first = [
        definitions["lookup-weather"] for _, definitions in api.online.asked
    ]
    assert second == shadow_of_second == shadow_of_first != first
    keys = [keys["flight_id"].tolist() for keys, _ in api.online.asked]
    assert sorted(keys[0] + keys[1]) == list(range(100))


def test_what_is_sent_in_full_is_not_looked_up(api):
    api.serve(Made(flight_spec(1)))
    with api.client() as client:
        predict(client, {field.name: FLIGHT.get(field.name) for field in flight_fields() if field.role != "key"})
    assert api.online.asked == []


class Waiting(Made):
    """Answers when it may, and says that it was asked."""

    def __init__(self, version: int, **serving: Any) -> None:
        super().__init__(flight_spec(version, **serving))
        self.asked, self.may = threading.Event(), threading.Event()

    def predict(self, columns):
        self.asked.set()
        assert self.may.wait(30)
        return super().predict(columns)


async def ask(app: FastAPI, *records: Any) -> list[dict[str, Any]]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://server") as client:
        answer = await client.post(PREDICT, content=body_of(*records), headers=JSON)
    assert answer.status_code == 200, answer.text
    predictions: list[dict[str, Any]] = answer.json()["predictions"]
    return predictions


def test_nobody_waits_for_many_records_of_another(api):
    slow = Waiting(1)
    api.serve(slow)
    app = api.app()

    async def both() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        many = asyncio.create_task(ask(app, *[FLIGHT] * 65))
        await asyncio.to_thread(slow.asked.wait, 30)
        api.serve(Made(flight_spec(2)))
        one = await ask(app, FLIGHT)
        slow.may.set()
        return one, await many

    one, many = asyncio.run(both())
    assert [each["version"] for each in one] == [2]
    assert [each["version"] for each in many] == [1] * 65, "a request finishes on the line that it has taken"


def test_a_prediction_that_takes_too_long_fails_and_the_rule_answers(api):
    slow = Waiting(1, breaker={"timeout_ms": 50})
    slot = api.serve(slow)

    async def at_once(requests: int) -> list[list[dict[str, Any]]]:
        app = api.app()
        try:
            return await asyncio.gather(*(ask(app, *[FLIGHT] * 65) for _ in range(requests)))
        finally:
            slow.may.set()

    answers = asyncio.run(at_once(10))
    assert all(by_rule(each) for answer in answers for each in answer)
    assert slot.stats[1].errors == 10


class Submitting(Made):
    """Answers in a thread of its own, like scikit-learn."""

    def submit(self, columns):
        answer: Future[np.ndarray] = Future()
        threading.Thread(target=lambda: answer.set_result(self.answers(columns))).start()
        return answer


def test_a_version_with_a_thread_of_its_own_is_not_asked_on_the_event_loop(api):
    threads: list[str] = []

    def answers(columns):
        threads.append(threading.current_thread().name)
        return columns["distance"]

    api.serve(Submitting(flight_spec(), answers))
    (prediction,) = asyncio.run(ask(api.app(), FLIGHT))
    assert prediction["value"] == 719
    assert threads != ["MainThread"]
