"""The Models page where something is wrong: what people wrote, an address, a setting, a ledger that does not answer."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import JsonValue

from retrainer.airflow.models_page.access import may_read_dags, visible_models
from retrainer.airflow.models_page.app import create_app
from retrainer.airflow.models_page.dags import models_with_dags
from retrainer.contracts import Gate
from tests.dags.conftest import PROJECT
from tests.dags.models_page.conftest import environment, words
from tests.dags.models_page.releases import Releases, a_decision


def test_evidence_that_another_version_wrote_is_left_out_and_the_entry_shown(
    page: TestClient, releases: Releases
) -> None:
    releases.add("promote", 1, evidence={"decision": {"verdict": "yes"}, "approval": "?"})

    assert "v1 promoted, the first champion" in words(page.get("/models/flight_delay").text)


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//evil", "http://", "ftp://x/y", "http://["]
)
def test_an_address_that_is_no_web_address_is_no_link(page: TestClient, releases: Releases, url: str) -> None:
    releases.add("promote", 1, evidence={"run_url": url, "report_url": 3})

    assert "MLflow run" not in page.get("/models").text
    assert "MLflow run" not in page.get("/models/flight_delay").text


def test_what_people_wrote_is_text_and_never_markup(page: TestClient, releases: Releases) -> None:
    gate = Gate(name="<i>gate", passed=False, message="<img src=x onerror=alert(1)>")
    evidence: dict[str, JsonValue] = {
        "decision": a_decision(gates=(gate,)).model_dump(mode="json"),
        "run_url": 'http://x/"onmouseover="alert(1)',
    }
    releases.add("promote", 1, reason="<script>alert(1)</script>", actor="<b>eve</b>", evidence=evidence)

    for path in ("/models", "/models/flight_delay"):
        shown = page.get(path).text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
        assert not any(bad in shown for bad in ("<script>alert", "<b>eve", "<i>gate", "<img", '"onmouseover'))


def test_only_the_pages_own_style_and_script_may_run_and_only_airflow_may_frame_it(
    page: TestClient, releases: Releases
) -> None:
    for path in ("/models", "/models/none", "/nowhere"):
        headers = page.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy
        assert "frame-ancestors 'self'" in policy
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/models/flight_dely", "There is no model"),
        ("/models/%3Cscript%3E", "There is no model"),
        ("/models/flight_delay?page=2", "There is no page 2; the last one is 1."),
        ("/models/flight_delay?page=x", "There is no such page."),
        ("/models/flight_delay?entry=7", "flight_delay has no entry 7 in the ledger."),
        ("/elsewhere", "There is no such page."),
    ],
)
def test_what_does_not_exist_is_a_page_that_says_so(
    page: TestClient, releases: Releases, path: str, message: str
) -> None:
    releases.add("promote", 1)

    shown = page.get(path)

    assert shown.status_code == 404
    assert message in words(shown.text)


def test_a_ledger_that_does_not_answer_is_a_503_without_details_and_is_tried_again(
    page: TestClient, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger.sqlite"
    ledger.mkdir()

    failed = page.get("/models")
    ledger.rmdir()
    recovered = page.get("/models")

    assert failed.status_code == 503
    assert "The ledger's database does not answer." in words(failed.text.replace("&#39;", "'"))
    assert str(tmp_path) not in failed.text
    assert "Traceback" not in failed.text
    assert recovered.status_code == 200


def test_a_wrong_setting_is_a_500_without_its_value(tmp_path: Path) -> None:
    app = create_app(environment(tmp_path) | {"RETRAINER_LEDGER_URL": "nonsense://user:hunter2@host/x"}, PROJECT)
    app.dependency_overrides[may_read_dags] = lambda: None
    app.dependency_overrides[visible_models] = lambda: set
    app.dependency_overrides[models_with_dags] = lambda: {"flight_delay"}

    shown = TestClient(app).get("/models")

    assert shown.status_code == 500
    assert "hunter2" not in shown.text
    assert "The settings are wrong" in words(shown.text)
