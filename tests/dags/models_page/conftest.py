"""The Models page over a ledger of the test's own, for somebody who is logged in, and what a reader sees of it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from retrainer.airflow.models_page.access import may_read_dags, visible_models
from retrainer.airflow.models_page.app import create_app
from retrainer.airflow.models_page.dags import models_with_dags
from tests.dags.conftest import PROJECT
from tests.dags.models_page.releases import Releases

WHAT_A_TAG_HIDES = re.compile(r"<[^>]+>|\s+")


def environment(home: Path) -> dict[str, str]:
    return {"RETRAINER_HOME": str(home)}


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    return Releases(f"sqlite:///{tmp_path / 'ledger.sqlite'}")


@pytest.fixture
def hidden() -> set[str]:
    """Models whose DAG the user may not read."""
    return set()


@pytest.fixture
def with_dags() -> set[str]:
    """Models that have DAGs."""
    return set()


@pytest.fixture
def page(tmp_path: Path, hidden: set[str], with_dags: set[str]) -> Iterator[TestClient]:
    """The application for somebody who is logged in."""
    app = create_app(environment(tmp_path), PROJECT)
    app.dependency_overrides[may_read_dags] = lambda: None
    app.dependency_overrides[visible_models] = lambda: lambda models: set(models) - hidden
    app.dependency_overrides[models_with_dags] = lambda: with_dags
    with TestClient(app) as client:
        yield client


def words(html: str) -> str:
    """What a reader sees, in one line."""
    body = html.partition("<main>")[2].partition("</main>")[0]
    return re.sub(r"\s+", " ", WHAT_A_TAG_HIDES.sub(" ", body)).replace(" .", ".").replace(" ,", ",")
