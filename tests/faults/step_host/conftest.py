"""Fixtures of the step host's tests."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.step_host.world import Host, Runner


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: that of a Unix socket has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="rt-") as name:
        yield Path(name)


@pytest.fixture
def host(folder) -> Iterator[Host]:
    found = Host(folder)
    yield found
    found.stop()


@pytest.fixture(params=["host", "plain"])
def runner(request, folder) -> Iterator[Runner]:
    found = Host(folder) if request.param == "host" else None
    yield Runner(folder, found)
    if found:
        found.stop()
