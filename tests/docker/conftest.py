"""The images that the tests share. They are built and run only where somebody asks for it: pytest -m docker."""

import pytest

from tests.docker.engine import TARGETS, Image, require_engine

_built: dict[str, Image] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without `-m docker` these tests say how to run them."""
    if "docker" in config.getoption("markexpr"):
        return
    skip = pytest.mark.skip(reason="builds images, which takes 20 minutes the first time; to run it: pytest -m docker")
    for item in items:
        if item.get_closest_marker("docker"):
            item.add_marker(skip)


def built(target: str) -> Image:
    """The image, built once for all tests."""
    require_engine()
    if target not in _built:
        image = Image(target)
        image.build()
        _built[target] = image
    return _built[target]


@pytest.fixture(params=TARGETS)
def image(request: pytest.FixtureRequest) -> Image:
    """Each of the images."""
    return built(request.param)


@pytest.fixture
def server_image() -> Image:
    return built("server")


@pytest.fixture
def steps_image() -> Image:
    return built("steps")


@pytest.fixture
def airflow_image() -> Image:
    return built("airflow")
