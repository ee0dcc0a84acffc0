"""Worlds in which flights were predicted, in a batch or by the server, and have landed since."""

from pathlib import Path

import pytest

from tests.live import land, log_predictions
from tests.unit.steps.monitor_labels.flights import FLIGHTS, OUTPUTS, score_flights, world_of
from tests.worlds import World


@pytest.fixture
def scored(tmp_path: Path) -> World:
    """Three days of flights have landed, and v1 has scored them."""
    world = world_of(tmp_path)
    land(world, FLIGHTS)
    score_flights(world, FLIGHTS, OUTPUTS)
    return world


@pytest.fixture
def served(tmp_path: Path) -> World:
    """Three days of flights have landed, and v1 was asked about them."""
    world = world_of(tmp_path, "served")
    land(world, FLIGHTS)
    log_predictions(world, FLIGHTS, OUTPUTS, version=1, source="model")
    return world
