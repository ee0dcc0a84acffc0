"""What the tests of the policy share."""

import pytest

from tests.unit.monitoring.played import Played


@pytest.fixture
def played() -> Played:
    """A model of which nothing has been monitored yet."""
    return Played()
