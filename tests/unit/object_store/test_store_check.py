"""A store that is not there, or not ours: said at the start of a step, in seconds, and whether a retry may help."""

import io
import socket
import time

import pytest

from retrainer.config.object_store import object_store_variables
from retrainer.config.runtime import load_settings
from retrainer.contracts import StepRequest
from retrainer.errors import ConfigurationError, StoreUnavailableError
from retrainer.object_store import check_store
from retrainer.steps.execute import Frame, execute
from tests.factories import environment, make_request, small_source

LIMIT_SECONDS = 40.0


@pytest.fixture
def elsewhere(variables, monkeypatch):
    """Point every library to another address; the environment that says so."""

    def point(endpoint: str) -> dict[str, str]:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        return {**variables, "AWS_ENDPOINT_URL": endpoint}

    return point


def test_a_bucket_that_is_there_is_no_news(uri, variables, bucket):
    check_store(uri, variables)
    check_store(f"s3://{bucket}", variables)


def test_a_local_folder_asks_nobody(tmp_path, monkeypatch):
    monkeypatch.setattr("urllib.request.urlopen", None)
    check_store(str(tmp_path), {})
    check_store(f"file://{tmp_path}", {})


@pytest.mark.parametrize("prefix", ["", "/data"])
def test_a_bucket_that_is_not_there_is_a_mistake_in_the_settings(prefix, variables):
    with pytest.raises(ConfigurationError, match="there is no bucket 'no-such-bucket-at-all'"):
        check_store(f"s3://no-such-bucket-at-all{prefix}", variables)


def test_nobody_at_the_address_is_worth_a_retry(elsewhere):
    with pytest.raises(StoreUnavailableError, match=r"http://127.0.0.1:9 does not answer: .*refused"):
        check_store("s3://bucket/data", elsewhere("http://127.0.0.1:9"))


def test_a_server_that_says_nothing_is_waited_for_ten_seconds(elsewhere):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        with pytest.raises(StoreUnavailableError, match=r"does not answer: .*timed out"):
            check_store("s3://bucket/data", elsewhere(f"http://127.0.0.1:{silent.getsockname()[1]}"))
        assert time.monotonic() - started < LIMIT_SECONDS


def test_who_is_refused_is_told_so_and_not_tried_again(forbidding, elsewhere):
    with pytest.raises(ConfigurationError, match="does not let us read s3://bucket/data"):
        check_store("s3://bucket/data", elsewhere(forbidding))


def test_an_address_without_a_scheme_is_a_mistake(variables):
    with pytest.raises(ConfigurationError, match=r"must be http://... or https://..., got 'minio:9000'"):
        check_store("s3://bucket", {**variables, "AWS_ENDPOINT_URL": "minio:9000"})


@pytest.mark.parametrize(("bucket_name", "status"), [("no-such-bucket-at-all", 78), (None, 1)])
def test_a_steps_exit_status_says_whether_a_retry_may_help(bucket_name, status, tmp_path, elsewhere, variables):
    environ = variables if bucket_name else elsewhere("http://127.0.0.1:9")
    environ = environment(tmp_path, small_source(tmp_path / "source.sqlite")) | environ
    environ["RETRAINER_DATA_URI"] = f"s3://{bucket_name or 'bucket'}/data"
    request: StepRequest = make_request("snapshot")
    output = io.StringIO()
    assert execute("snapshot", request.to_json(), Frame(environ, tmp_path, output, io.StringIO())) == status
    assert "bucket" in output.getvalue() or "does not answer" in output.getvalue()


@pytest.mark.parametrize(
    ("given", "added"),
    [
        ({}, {}),
        ({"AWS_REGION": "eu-west-1"}, {"AWS_DEFAULT_REGION": "eu-west-1"}),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, {"AWS_REGION": "eu-west-1"}),
        ({"AWS_REGION": "a", "AWS_DEFAULT_REGION": "b"}, {}),
        (
            {"AWS_ENDPOINT_URL": "http://minio:9000"},
            {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true"},
        ),
        (
            {"AWS_ENDPOINT_URL_S3": "https://s3.example", "AWS_REGION": "x"},
            {"AWS_ENDPOINT": "https://s3.example", "AWS_DEFAULT_REGION": "x"},
        ),
        (
            {"AWS_ENDPOINT_URL": "http://minio:9000", "AWS_REGION": "x", "AWS_ALLOW_HTTP": "false"},
            {"AWS_DEFAULT_REGION": "x"},
        ),
    ],
)
def test_the_standard_names_are_said_in_the_words_of_every_library(given, added):
    assert object_store_variables(given) == added


def test_a_steps_process_is_given_the_stores_settings(tmp_path):
    given = {"AWS_ENDPOINT_URL": "http://minio:9000", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    child = load_settings(given, tmp_path).child_environment()
    assert {name: value for name, value in child.items() if name.startswith("AWS_")} == {
        **given, "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true",
    }  # fmt: skip
