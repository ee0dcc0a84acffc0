"""The plugin in Airflow's own API server: who gets in, what the navigation shows, and what it costs everybody else."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.models.dag import DagModel, DagTag
from airflow.models.dagbundle import DagBundleModel
from airflow.utils.session import create_session
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.dags.api_server import api_server, login
from tests.dags.conftest import PROJECT
from tests.dags.models_page.releases import Releases

PATHS = ("/retrainer/models", "/retrainer/models/flight_delay")

DAGS = (
    ("flight_delay__train", ["retrainer", "train", "flight_delay"], False),
    ("flight_delay__score", ["retrainer", "score", "flight_delay"], False),
    ("brand_new__train", ["retrainer", "train", "brand_new"], False),
    ("gone__train", ["retrainer", "train", "gone"], True),
    ("of_another_team__train", ["train"], False),
)
"""Id, tags, and whether the DAG is gone."""

LOADS = """
import sys, airflow.plugins_manager
before = set(sys.modules)
from importlib.machinery import SourceFileLoader
SourceFileLoader("retrainer_plugin", {plugin!r}).load_module()
print("loads:", *sorted(set(sys.modules) - before))
"""


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    home = tmp_path_factory.mktemp("home")
    Releases(f"sqlite:///{home / 'ledger.sqlite'}").add("promote", 1, reason="a secret of the house")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETRAINER_HOME", str(home))
        patch.setenv(
            "AIRFLOW__API_AUTH__JWT_SECRET", "a key of the tests, as long as the signature asks for: 64 bytes and more"
        )
        with api_server() as app:
            for name, tags, is_stale in DAGS:
                know_of(name, tags, is_stale=is_stale)
            yield app


def know_of(name: str, tags: list[str], *, is_stale: bool) -> None:
    """Have Airflow know of a DAG, as its DAG processor does."""
    with create_session() as session:
        session.merge(DagBundleModel(name="dags-folder"))
        session.flush()
        dag = DagModel(dag_id=name, bundle_name="dags-folder", is_stale=is_stale)
        dag.tags = [DagTag(name=tag, dag_id=name) for tag in tags]
        session.add(dag)


@pytest.fixture(autouse=True)
def no_settings_of_this_machine() -> None:
    """The settings of this module are those of its server."""


@pytest.mark.parametrize("path", PATHS)
def test_without_a_login_there_is_a_401_and_no_data(airflow: FastAPI, path: str) -> None:
    shown = TestClient(airflow).get(path)

    assert shown.status_code == 401
    assert "secret" not in shown.text
    assert "/api/v2/auth/login?next=%2Fplugin%2Fmodels" in shown.text


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("cookie", ["", "nonsense"])
def test_a_token_that_airflow_did_not_sign_is_no_login(airflow: FastAPI, path: str, cookie: str) -> None:
    shown = TestClient(airflow, cookies={"_token": cookie}).get(path)

    assert shown.status_code in (401, 403)
    assert "secret" not in shown.text


@pytest.mark.parametrize("path", PATHS)
def test_a_user_who_may_not_read_dags_gets_a_403_and_no_data(airflow: FastAPI, path: str) -> None:
    shown = login(airflow, None).get(path)

    assert shown.status_code == 403
    assert "secret" not in shown.text


@pytest.mark.parametrize("role", ["viewer", "admin"])
@pytest.mark.parametrize("path", PATHS)
def test_who_may_read_dags_sees_the_models(airflow: FastAPI, path: str, role: str) -> None:
    shown = login(airflow, role).get(path)

    assert shown.status_code == 200
    assert "a secret of the house" in shown.text
    assert 'href="/dags/flight_delay__rollback"' in shown.text


def test_a_model_is_shown_while_its_dags_are_there_wherever_the_declaration_is(airflow: FastAPI) -> None:
    shown = login(airflow, "viewer").get("/retrainer/models").text

    assert 'href="/dags/brand_new__rollback"' in shown
    assert "gone" not in shown.replace("declaration is gone", "")
    assert "of_another_team" not in shown


def test_the_navigation_has_the_page_and_airflow_found_nothing_wrong_with_the_plugin(airflow: FastAPI) -> None:
    admin = login(airflow, "admin")

    plugins = {plugin["name"]: plugin for plugin in admin.get("/api/v2/plugins").json()["plugins"]}
    errors = admin.get("/api/v2/plugins/importErrors").json()

    (view,) = plugins["retrainer"]["external_views"]
    assert (view["name"], view["destination"], view["url_route"]) == ("Models", "nav", "models")
    assert admin.get("/" + view["href"]).status_code == 200
    assert errors["import_errors"] == []


def test_loading_the_plugin_loads_nothing_else() -> None:
    code = LOADS.format(plugin=str(PROJECT / "plugins" / "retrainer_plugin.py"))

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    (line,) = [line for line in done.stdout.splitlines() if line.startswith("loads:")]
    assert line.split()[1:] == ["retrainer_plugin"]


def test_plugins_hold_this_one_file_only() -> None:
    assert [path.name for path in Path(PROJECT, "plugins").rglob("*.py")] == ["retrainer_plugin.py"]
