"""The image in which the runtime is tested, and an Airflow of the tests' own."""

import uuid
from collections.abc import Iterator

import pytest

import tests.dags.conftest  # noqa: F401 sets Airflow's home before anything imports Airflow
from tests.docker.engine import require_engine
from tests.docker.runtime import stand_in
from tests.docker.runtime.stand_in import Stand


@pytest.fixture(scope="session")
def stand_in_image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Id of the small image; it is built in a second or two."""
    require_engine()
    return stand_in.build(tmp_path_factory.mktemp("stand_in"))


@pytest.fixture
def stand(stand_in_image: str) -> Iterator[Stand]:
    """A task of the test's own, whose containers have to be gone after it."""
    stand = Stand(stand_in_image, task=uuid.uuid4().hex)
    with stand.no_container_left():
        yield stand
