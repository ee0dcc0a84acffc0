"""The model server at the end of a real DAG: a release is complete when it answers, and a bad one is undone by itself.

The gates let every challenger pass, so that what is wrong shows only where it is served. The tests share one stack and
stand in the order of the story; run the whole file.
"""

import subprocess
import sys
from datetime import date

import deltalake
import httpx
import pytest
from pydantic import JsonValue

from retrainer.contracts import ModelStatus
from retrainer.demo.steady import SteadyClient, example_record
from tests.integration.loop import REPOSITORY, Loop

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

SERVED = {
    "serving": {"level": {"watch_seconds": 1}},
    "gates": {"min_gain": -1.0, "min_gain_over_baseline": None, "max_calibration_error": None, "slices": []},
}
"""What the declaration of this story says beyond the small one."""

FIRST, BAD, GOOD = date(2013, 6, 10), date(2013, 6, 11), date(2013, 6, 12)
PREDICTIONS_DAG, ROLLBACK_DAG = "flight_delay__predictions", "flight_delay__rollback"

pytestmark.append(pytest.mark.parametrize("loop", [SERVED], indirect=True, scope="module", ids=["served"]))


def status(loop: Loop) -> ModelStatus:
    """What the server says of the model."""
    answer = httpx.get(f"{loop.stack.server_url}/v1/models/flight_delay", trust_env=False)
    return ModelStatus.model_validate_json(answer.raise_for_status().text)


def served(loop: Loop) -> int | None:
    """The version that the server answers with."""
    champion = status(loop).champion
    return champion.version if champion else None


def predict(loop: Loop, **changes: JsonValue) -> httpx.Response:
    """Ask the server about the example's flight."""
    record = example_record(loop.config) | changes
    url = f"{loop.stack.server_url}/v1/models/flight_delay/predict"
    return httpx.post(url, json={"records": [record]}, trust_env=False)


def said(loop: Loop, *arguments: str) -> str:
    """What `retrainer` prints."""
    command = [sys.executable, "-m", "retrainer.cli.main", *arguments]
    environ = loop.settings.child_environment()
    return subprocess.run(command, capture_output=True, text=True, env=environ, cwd=REPOSITORY, check=True).stdout


def test_a_release_is_complete_when_the_server_answers_with_it(loop):
    loop.land(date(2013, 5, 22), date(2013, 6, 14))

    run = loop.over(loop.airflow.train_by_hand(FIRST))

    release = loop.result(run, "deploy")
    assert (release["action"], release["served"]) == ("promote", True)
    assert served(loop) == 1
    (prediction,) = predict(loop).json()["predictions"]
    assert (prediction["version"], prediction["source"]) == (1, "model")
    assert 0 < prediction["value"] < 1


def test_what_is_looked_up_changes_the_answer_and_need_not_be_sent(loop):
    """The weather of the last landed night is known; sent along, the record's own counts."""
    last = {"scheduled_departure": "2013-06-10T12:00:00-04:00", "scheduled_arrival": "2013-06-10T14:00:00-04:00"}

    looked_up = predict(loop, **last, flight_id=1).json()["predictions"][0]["value"]
    missing = predict(loop, **last, **dict.fromkeys(_looked_up(loop))).json()["predictions"][0]["value"]

    assert looked_up != missing


def test_a_version_that_answers_wrong_where_it_is_served_is_caught_and_rolled_back(loop):
    good = loop.features.read_text(encoding="utf-8")
    late = '{**columns, "scheduled_departure": columns["scheduled_departure"] + np.timedelta64(9, "h")}'
    wrong = f'    if "uvicorn" in sys.modules:\n        columns = {late}\n'
    marker = "    departure, arrival = columns"
    assert marker in good
    loop.features.write_text("import sys\n" + good.replace(marker, wrong + marker), encoding="utf-8")

    with SteadyClient(loop.stack.server_url, "flight_delay", example_record(loop.config)) as client:
        run = loop.over(loop.airflow.train_by_hand(BAD))
    loop.features.write_text(good, encoding="utf-8")

    release = loop.result(run, "deploy")
    assert (release["action"], release["champion_version"]) == ("rollback", 1)
    assert "the model server refused it" in release["reason"]
    assert [(entry.action, entry.version) for entry in loop.entries()][-2:] == [("promote", 2), ("rollback", 1)]
    assert (loop.champion(), served(loop)) == (1, 1)
    traffic = client.traffic()
    assert (traffic.failures, list(traffic.answers)) == (0, ["v1"])


def test_the_next_good_version_is_served(loop):
    run = loop.over(loop.airflow.train_by_hand(GOOD))

    assert loop.result(run, "deploy")["served"] is True
    assert (loop.champion(), served(loop)) == (3, 3)


def test_the_rollback_dag_moves_the_server_too(loop):
    loop.over(loop.airflow.trigger(ROLLBACK_DAG, {"target": "previous", "reason": "a look back"}), dag_id=ROLLBACK_DAG)

    assert (loop.champion(), served(loop)) == (1, 1)


def test_switched_off_the_rule_answers_and_on_the_model_again(loop):
    said(loop, "switch", "flight_delay", "off", "--reason", "wrong since noon")
    off = predict(loop).json()["predictions"][0]
    said(loop, "switch", "flight_delay", "on", "--reason", "repaired")
    on = predict(loop).json()["predictions"][0]

    assert off["source"] == "fallback"
    assert (on["source"], on["version"]) == ("model", 1)


def test_every_answer_arrives_in_the_table_of_predictions(loop):
    ids = [predict(loop).json()["predictions"][0]["id"] for _ in range(3)]
    loop.airflow.unpause(PREDICTIONS_DAG)

    def arrived() -> bool:
        loop.over(loop.airflow.trigger(PREDICTIONS_DAG, {}), dag_id=PREDICTIONS_DAG)
        folder = f"{loop.settings.data_uri}/flight_delay/predictions"
        if not deltalake.DeltaTable.is_deltatable(folder):
            return False
        found = deltalake.DeltaTable(folder).to_pyarrow_table(columns=["id"]).column("id").to_pylist()
        return [found.count(each) for each in ids] == [1, 1, 1]

    loop.until("the predictions arrived", arrived, seconds=180)


def test_a_bad_record_is_refused_by_the_name_of_its_field(loop):
    answer = predict(loop, distance="far")

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == "records[0].distance"


def _looked_up(loop: Loop) -> list[str]:
    features = loop.config.features
    weather = [f"{name}__{column}" for name, lookup in features.lookups.items() for column in lookup.columns]
    return [*weather, *features.windows]
