"""A version in the shadow of another, and a server that follows the ledger."""

import pytest

from tests.live import land
from tests.model_server import StandInServer, listening
from tests.released import Releases
from tests.unit.steps.shadow_review.trial import FLIGHTS, SERVING


@pytest.fixture
def server(releases: Releases):
    """The server, and the address at which it answers."""
    stand_in = StandInServer(releases.world.settings.ledger_url)
    with listening(stand_in) as stand_in.url:
        yield stand_in


@pytest.fixture
def served(releases: Releases, server: StandInServer) -> Releases:
    """A model with v2 in production, v1 before and v3 in the shadow; 480 flights of 8 days have landed."""
    releases.promote(2)
    model = releases.served(SERVING, server.url)
    model.deploy(model.register())
    assert model.now.shadow == 3
    land(model.world, FLIGHTS)
    return model
