"""Models with versions to serve, and real servers of them that end with the tests."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.released import Releases
    from tests.serving.served import Served, Server

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a server's home and ledger, for all tests of a module."""
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def server(trained_model: "Releases", place: Path) -> Iterator["Server"]:
    """A server that runs through all tests of a module."""
    from tests.serving.served import Served, running_server  # every ML library: not for tests that need none of them

    with running_server(Served(trained_model, place)) as running:
        yield running


@pytest.fixture
def served(trained_model: "Releases", place: Path) -> "Served":
    """A model of the test's own, of which nothing is registered; the module's server follows its ledger."""
    from tests.serving.served import Served

    return Served(trained_model.another_model(f"served_{next(_numbers)}"), place)


@pytest.fixture
def alone(trained_model: "Releases", tmp_path: Path) -> "Served":
    """The same, for a test that runs servers itself."""
    from tests.serving.served import Served

    return Served(trained_model.another_model(f"served_{next(_numbers)}"), tmp_path)
