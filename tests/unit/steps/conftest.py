"""What tests of steps that release share."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.model_server import StandInServer, listening

if TYPE_CHECKING:
    from tests.released import Releases


@pytest.fixture
def server(releases: "Releases") -> Iterator[StandInServer]:
    """The server that follows the model's ledger, and the address at which it answers."""
    stand_in = StandInServer(releases.world.settings.ledger_url)
    with listening(stand_in) as stand_in.url:
        yield stand_in
