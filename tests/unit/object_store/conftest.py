"""An S3 server in a process of its own, and a bucket of each test's own."""

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest

PROJECT = Path(__file__).parents[3]
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests"}
NO_PROXY = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """Address of the server."""
    command = [sys.executable, "-m", "tests.unit.object_store.server"]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL) as server:
        assert server.stdout is not None
        try:
            address = server.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:")
            yield address
        finally:
            server.kill()


@pytest.fixture(scope="module")
def given(endpoint: str) -> dict[str, str]:
    """What an administrator sets, and no more."""
    return {"AWS_ENDPOINT_URL": endpoint, **CREDENTIALS, **NO_PROXY}


@pytest.fixture(scope="module")
def variables(given: dict[str, str]) -> Iterator[dict[str, str]]:
    """The environment that `retrainer` makes of it, in force in this process."""
    from retrainer.config.object_store import object_store_variables

    complete = {**given, **object_store_variables(given)}
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in complete.items():
            patch.setenv(name, value)
        yield complete


@pytest.fixture(scope="module")
def bucket(variables: dict[str, str]) -> str:
    """A bucket of this module's own."""
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    boto3.client("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture
def uri(bucket: str) -> str:
    """A folder in it of this test's own."""
    return f"s3://{bucket}/{uuid.uuid4().hex[:8]}"


@pytest.fixture
def forbidding() -> Iterator[str]:
    """Address of a store that knows us not: every answer is 403, as S3 says it."""

    class Forbidding(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
            self.send_response(403)
            self.send_header("content-type", "application/xml")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_PUT = do_GET  # noqa: N815 names of http.server

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Forbidding) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
