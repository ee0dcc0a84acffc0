"""A version in the shadow of another."""

import pytest

from tests.live import land
from tests.model_server import StandInServer
from tests.released import Releases
from tests.unit.steps.shadow_review.trial import FLIGHTS, SERVING


@pytest.fixture
def served(releases: Releases, server: StandInServer) -> Releases:
    """A model with v2 in production, v1 before and v3 in the shadow; 480 flights of 8 days have landed."""
    releases.promote(2)
    model = releases.served(SERVING, server.url)
    model.deploy(model.register())
    assert model.now.shadow == 3
    land(model.world, FLIGHTS)
    return model
