"""What tests of several packages share."""

from collections.abc import Iterator

import pytest

from tests.postgres import PostgreSQL, running_postgresql


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL server that ends with the tests; each test takes a database of its own."""
    with running_postgresql() as server:
        yield server
