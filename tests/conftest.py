"""What tests of several packages share."""

import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from retrainer.runtimes.environment import THREADS
from tests.postgres import PostgreSQL, running_postgresql

if TYPE_CHECKING:
    from tests.released import Releases

_numbers = itertools.count(1)

for _name, _value in THREADS.items():  # a step in the tests' own process has what a step in a process of its own has
    os.environ.setdefault(_name, _value)


def pytest_configure() -> None:
    """A shell that runs pytest in the background has Ctrl-C ignored, by it and by all that it starts; tests send it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL server that ends with the tests; each test takes a database of its own."""
    with running_postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def trained_model(tmp_path_factory: pytest.TempPathFactory) -> "Releases":
    """A world with one trained model; each test takes a model name of its own."""
    from tests.released import train_once  # every ML library: not for tests that need none of them

    folder, before = tmp_path_factory.mktemp("trained"), Path.cwd()
    home = folder / "home"
    home.mkdir()
    os.chdir(home)  # a local MLflow store keeps its artifacts under the working folder
    try:
        return train_once(home)
    finally:
        os.chdir(before)


@pytest.fixture
def releases(trained_model: "Releases") -> "Releases":
    """A model of which nothing is registered."""
    return trained_model.another_model(f"model_{next(_numbers)}")
