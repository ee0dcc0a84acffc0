"""Keys: made on the command line, kept as hashes, demanded by the server, changed without a restart."""

import json
import re
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient

from retrainer.cli.keys import keys as command
from retrainer.config.api_keys import digest_key, drop_key, keep_key, keys_file, make_key, read_keys
from retrainer.errors import ConfigurationError
from retrainer.serving.keys import Keys, is_loopback
from tests.serving.flights import FLIGHT, body_of
from tests.serving.world import Api, Made, flight_spec

PREDICT = "/v1/models/flight_delay/predict"
JSON = {"content-type": "application/json"}
ANYWHERE = {"serving_host": "0.0.0.0"}


@pytest.fixture
def api(tmp_path: Path) -> Api:
    api = Api(tmp_path)
    api.serve(Made(flight_spec()))
    return api


@dataclass
class Said:
    out: str
    err: str
    status: int


@pytest.fixture
def retrainer_keys(tmp_path: Path) -> Callable[..., Said]:
    def call(*arguments: str, stdin: str = "") -> Said:
        done = CliRunner().invoke(command, arguments, env={"RETRAINER_HOME": str(tmp_path)}, input=stdin)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Said(done.stdout, done.stderr, done.exit_code)

    return call


def predict(client: TestClient, key: str | None = None, **headers: str) -> int:
    given = JSON | headers | ({"authorization": f"Bearer {key}"} if key else {})
    return client.post(PREDICT, content=body_of(FLIGHT), headers=given).status_code


def refresh(client: TestClient, key: str) -> int:
    return client.post("/v1/models/flight_delay/refresh", headers={"authorization": f"Bearer {key}"}).status_code


def test_on_the_loopback_no_key_is_needed(api):
    with api.client() as client:
        assert predict(client) == 200
        assert client.post("/v1/models/flight_delay/refresh").status_code == 202


def test_anywhere_else_a_key_is_needed_even_while_there_is_none(api):
    with api.client(**ANYWHERE) as client:
        answer = client.post(PREDICT, content=body_of(FLIGHT), headers=JSON)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"
        assert "retrainer keys new predict" in answer.json()["detail"]
        assert predict(client, "made-up") == 401


def test_as_soon_as_there_is_a_key_it_is_needed_on_the_loopback_too(api, tmp_path):
    _, key = make_key(keys_file(tmp_path), "predict")
    with api.client() as client:
        assert predict(client) == 401
        assert predict(client, key) == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_a_loopback_address_is_one(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "10.0.0.1", "example.org", ""])
def test_any_other_address_is_none(host):
    assert not is_loopback(host)


def test_each_key_is_good_for_its_role(api, tmp_path):
    _, predicting = make_key(keys_file(tmp_path), "predict")
    _, admin = make_key(keys_file(tmp_path), "admin")
    with api.client(**ANYWHERE) as client:
        for path in ("/v1/models", "/v1/models/flight_delay", "/metrics", "/openapi.json", "/version"):
            assert client.get(path).status_code == 401
            for key in (predicting, admin):
                assert client.get(path, headers={"authorization": f"bearer {key}"}).status_code == 200
        assert (predict(client, predicting), predict(client, admin)) == (200, 200)
        assert (refresh(client, predicting), refresh(client, admin)) == (403, 202)
        invocation = {"content": json.dumps({"dataframe_records": [FLIGHT]}), "headers": JSON}
        assert client.post("/invocations", **invocation).status_code == 401


def test_health_and_ping_are_open(api):
    with api.client(**ANYWHERE) as client:
        for path in ("/health/live", "/health/ready", "/health", "/ping"):
            assert client.get(path).status_code == 200


@pytest.mark.parametrize("header", ["", "Basic {}", "{}", "Bearer", "Bearer {}x", "Bearer é"])
def test_what_is_no_key_is_refused(api, tmp_path, header):
    _, key = make_key(keys_file(tmp_path), "admin")
    with api.client() as client:
        headers = [("content-type", "application/json"), ("authorization", header.format(key).encode("latin-1"))]
        assert client.post(PREDICT, content=body_of(FLIGHT), headers=headers).status_code == 401


def test_a_refusal_for_want_of_a_key_is_counted(api):
    with api.client(**ANYWHERE) as client:
        predict(client)
    assert b'retrainer_refusals_total{status="401"} 1.0' in api.metrics.render()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_change_of_the_keys_counts_within_half_a_second(tmp_path):
    file, clock = keys_file(tmp_path), Clock()
    keys = Keys(file, always=False, clock=clock)
    assert not keys.demanded

    old, first = make_key(file, "predict")
    _, second = make_key(file, "admin")
    assert not keys.demanded
    clock.now += 0.5
    assert keys.demanded
    assert (keys.role(first), keys.role(second)) == ("predict", "admin")

    drop_key(file, old.id)
    clock.now += 0.5
    assert (keys.role(first), keys.role(second)) == (None, "admin")


def test_a_damaged_file_makes_every_key_bad_and_the_log_says_so(tmp_path, caplog):
    file, clock = keys_file(tmp_path), Clock()
    _, key = make_key(file, "predict")
    keys = Keys(file, always=False, clock=clock)
    file.write_text('[{"id": "x"')
    clock.now += 0.5

    assert keys.demanded
    assert keys.role(key) is None
    assert "no key is good until this is mended" in caplog.text


def test_the_command_prints_a_key_once_and_keeps_its_hash_only(retrainer_keys, tmp_path):
    said = retrainer_keys("new", "predict")
    key = said.out.strip()
    file = keys_file(tmp_path)

    assert re.fullmatch(r"retrainer-predict-[0-9a-f]{8}-[\w-]{43}", key)
    assert key not in file.read_text()
    assert key.split("-")[-1] not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert key.split("-")[2] in said.err
    listed = retrainer_keys("list").out
    assert key.split("-")[2] in listed
    assert key not in listed


def test_an_older_key_stays_good_until_it_is_dropped(retrainer_keys, api):
    old, new = (retrainer_keys("new", "predict").out.strip() for _ in range(2))
    with api.client() as client:
        assert (predict(client, old), predict(client, new)) == (200, 200)
    said = retrainer_keys("drop", old.split("-")[2])
    assert said.out == f"Key {old.split('-')[2]} is dropped, 1 left.\n"
    with api.client() as client:
        assert (predict(client, old), predict(client, new)) == (401, 200)


def test_replace_drops_the_other_keys_of_the_role_at_once(retrainer_keys, api):
    old, admin = retrainer_keys("new", "predict").out.strip(), retrainer_keys("new", "admin").out.strip()
    new = retrainer_keys("new", "predict", "--replace").out.strip()
    with api.client() as client:
        assert [predict(client, key) for key in (old, new, admin)] == [401, 200, 200]


def test_after_the_last_key_is_dropped_the_server_refuses_everybody(retrainer_keys, api):
    key = retrainer_keys("new", "predict").out.strip()
    said = retrainer_keys("drop", key.split("-")[2])
    assert "The server refuses every request now" in said.err
    with api.client() as client:
        assert (predict(client), predict(client, key)) == (401, 401)


def test_an_id_that_is_not_there_is_refused_with_those_that_are(retrainer_keys):
    key = retrainer_keys("new", "admin").out.strip()
    with pytest.raises(ConfigurationError, match=f"no key with the id 'nope' .there are: {key.split('-')[2]}"):
        retrainer_keys("drop", "nope")


def test_a_role_that_is_none_is_refused(retrainer_keys):
    assert retrainer_keys("new", "root").status == 2


def test_keys_that_are_made_at_the_same_time_are_all_kept(tmp_path):
    file = keys_file(tmp_path)
    with ThreadPoolExecutor(8) as makers:
        made = list(makers.map(lambda _: make_key(file, "predict")[0].id, range(40)))
    assert sorted(key.id for key in read_keys(file)) == sorted(made)


def test_a_key_that_was_made_elsewhere_is_good_and_is_there_once(
    api: Api, retrainer_keys: Callable[..., Said], tmp_path: Path
) -> None:
    text = "k" * 40
    for _ in range(2):
        assert retrainer_keys("keep", "predict", stdin=f"{text}\n").status == 0
    assert [key.role for key in read_keys(keys_file(tmp_path))] == ["predict"]
    assert text not in keys_file(tmp_path).read_text()
    with api.client(**ANYWHERE) as client:
        assert predict(client, text) == 200


def test_a_new_admin_key_from_elsewhere_takes_the_place_of_the_old_one(
    retrainer_keys: Callable[..., Said], tmp_path: Path
) -> None:
    retrainer_keys("keep", "predict", stdin="p" * 40)
    for text in ("a" * 40, "b" * 40):
        retrainer_keys("keep", "admin", "--replace", stdin=text)
    found = {key.sha256: key.role for key in read_keys(keys_file(tmp_path))}
    assert found == {digest_key("p" * 40): "predict", digest_key("b" * 40): "admin"}


@pytest.mark.parametrize("text", ["", "short", "with a space " * 5, "é" * 40])
def test_a_key_that_is_no_good_secret_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="at least 32 printable ASCII characters"):
        keep_key(keys_file(tmp_path), "predict", text)
    assert read_keys(keys_file(tmp_path)) == ()
