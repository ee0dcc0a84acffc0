"""The Models page and that of one model: what the ledger holds, in words, and where the links lead."""

import os
import re
from typing import get_args

import pytest
from fastapi.testclient import TestClient
from pydantic import JsonValue

from retrainer.airflow.declared import read_declared
from retrainer.airflow.models_page.addresses import Addresses, DagKind, dag_id
from retrainer.contracts import Approval, Gate
from tests.dags.conftest import PROJECT, Declare
from tests.dags.models_page.conftest import words
from tests.dags.models_page.releases import AS_OF, Releases, a_decision


def links(html: str) -> dict[str, str]:
    return {text: url for url, text in re.findall(r'<a [^>]*?href="([^"]*)"[^>]*>([^<]*)</a>', html)}


def test_a_model_is_shown_with_its_champion_since_when_and_what_a_rollback_goes_to(
    page: TestClient, releases: Releases
) -> None:
    releases.add("promote", 1)
    releases.add("promote", 3)
    since = releases.ledger.entries("flight_delay")[-1].created_at

    shown = page.get("/models")

    assert shown.status_code == 200
    assert (
        f"v3 in production since {since.day} {since:%b %Y, %H:%M} UTC, trained as of 8 Jul 2013, 04:00 UTC."
        in words(shown.text)
    )
    assert "A rollback goes to v1." in words(shown.text)
    assert f'<time datetime="{since:%Y-%m-%dT%H:%M:%SZ}"' in shown.text


def test_the_last_five_decisions_are_told_in_words_newest_first(page: TestClient, releases: Releases) -> None:
    releases.add("promote", 1)
    releases.add("reject", 2)
    releases.add("promote", 3)
    releases.add("rollback", 1, actor="jonas", reason="evening flights")
    releases.add("archive", 2)
    releases.add("repair", 1)

    text = words(page.get("/models").text)

    headlines = [
        "Alias set back to v1",
        "Files of v2 deleted",
        "Rolled back from v3 to v1",
        "v3 promoted over v1",
        "v2 rejected, v1 stays",
    ]
    assert [text.index(each) for each in headlines] == sorted(text.index(each) for each in headlines)
    assert "v1 promoted, the first champion" not in text
    assert "evening flights" in text
    assert "jonas" in text


def test_trials_and_the_switch_are_told_in_words(page: TestClient, releases: Releases) -> None:
    releases.add("promote", 1)
    releases.add("split", 2, evidence={"percent": 10})
    releases.add("split", 2, evidence={"percent": 0})
    releases.add("shadow", 3)
    releases.add("switch_off", 1, actor="grace")
    releases.add("switch_on", 1, actor="grace")

    text = words(page.get("/models/flight_delay").text)

    headlines = [
        "Switched on: v1 answers again",
        "Switched off: the rule answers instead of v1",
        "v3 in the shadow: it answers unseen",
        "v2 gets no more traffic",
        "v2 gets 10 % of the traffic",
    ]
    assert [text.index(each) for each in headlines] == sorted(text.index(each) for each in headlines)


def test_what_is_on_trial_and_that_the_model_is_switched_off_stand_beside_the_champion(
    page: TestClient, releases: Releases
) -> None:
    releases.add("promote", 1)
    releases.add("split", 2, evidence={"percent": 10})
    releases.add("shadow", 3)
    releases.add("switch_off", 1)

    shown = words(page.get("/models").text)

    assert "On trial: v2 gets 10 % of the traffic." in shown
    assert "In the shadow: v3 answers unseen until its review." in shown
    assert "Switched off: the rule answers until a person switches the model on again." in shown


def test_models_of_the_ledger_are_shown_and_those_that_only_have_dags(
    page: TestClient, releases: Releases, with_dags: set[str]
) -> None:
    with_dags.add("brand_new")
    releases.add("reject", 1, model="long_gone")

    shown = page.get("/models").text

    assert words(shown).index("brand_new") < words(shown).index("long_gone")
    assert "v1 rejected, still no champion" in words(shown)
    assert "It has no DAGs: its declaration is gone, or has a mistake." in words(shown)
    assert links(shown)["Roll back …"] == "/dags/brand_new__rollback"
    assert links(shown)["Training"] == "/dags/brand_new__train"
    assert links(shown)["Rebuild …"] == "/dags/brand_new__rebuild"


def test_a_model_whose_dag_the_user_may_not_read_is_on_no_page(
    page: TestClient, releases: Releases, hidden: set[str]
) -> None:
    releases.add("promote", 1)
    releases.add("promote", 1, model="secret")
    hidden.add("secret")

    assert "secret" not in page.get("/models").text
    assert page.get("/models/secret").status_code == 404
    assert page.get("/models/flight_delay").status_code == 200


def test_an_entry_shows_the_comparison_the_gates_the_approval_and_its_links(
    page: TestClient, releases: Releases
) -> None:
    gates = (
        Gate(name="superiority", passed=True, value=0.0028, threshold=0, message="begins above 0"),
        Gate(name="model_size", passed=False, value=25_000_000, threshold=20_000_000, message="25 MB is too much"),
        Gate(name="latency_p95", passed=False, message="could not be measured"),
    )
    approval = Approval(asked=True, approved=True, by="maria", at=AS_OF, message="fine")
    evidence: dict[str, JsonValue] = {
        "decision": a_decision(gates=gates).model_dump(mode="json"),
        "approval": approval.model_dump(mode="json"),
        "run_url": "http://mlflow/runs/1",
        "report_url": "http://mlflow/report.html",
        "version_url": "https://mlflow/versions/3",
        "data_sheet_url": "https://mlflow/sheet.html",
    }
    releases.add("promote", 1)
    releases.add("promote", 3, evidence=evidence, actor="airflow run manual__2013-07-08T04:00:00+00:00")

    shown = page.get("/models/flight_delay").text

    text = words(shown)
    assert (
        "roc_auc 0.6912 against 0.6841 of the champion v1: difference +0.0071, 90 % interval +0.0028 to +0.0114,"
        " on 14,210 rows in 14 blocks"
    ) in text
    assert "3 gates, 2 not passed: model_size, latency_p95" in text
    assert "superiority yes 0.0028 0 begins above 0" in text
    assert "model_size no 25,000,000 20,000,000 25 MB is too much" in text
    assert "latency_p95 no could not be measured" in text
    assert "Approval: approved by maria (fine)." in text
    found = links(shown)
    assert found["MLflow run"] == "http://mlflow/runs/1"
    assert found["Evaluation report"] == "http://mlflow/report.html"
    assert found["Version in MLflow"] == "https://mlflow/versions/3"
    assert found["Data sheet"] == "https://mlflow/sheet.html"
    run = "/dags/flight_delay__train/runs/manual__2013-07-08T04%3A00%3A00%2B00%3A00"
    assert found["manual__2013-07-08T04:00:00+00:00"] == run
    assert 'id="entry-2"' in shown


def test_a_long_history_comes_in_pages_of_a_hundred_and_an_entry_finds_its_page(
    page: TestClient, releases: Releases
) -> None:
    for version in range(1, 251):
        releases.add("reject", version)

    first, last = page.get("/models/flight_delay"), page.get("/models/flight_delay?page=3")

    assert re.findall(r'id="entry-(\d+)"', first.text) == [str(n) for n in range(250, 150, -1)]
    assert re.findall(r'id="entry-(\d+)"', last.text) == [str(n) for n in range(50, 0, -1)]
    assert links(first.text)["Older →"] == "/models/flight_delay?page=2".replace("/models", "/retrainer/models")
    assert "Page 3 of 3" in words(last.text)
    assert page.get("/models/flight_delay?entry=50").text.count('id="entry-50"') == 1
    assert page.get("/models/flight_delay?entry=151").text.count('id="entry-151"') == 1


def test_addresses_hold_where_airflow_is_served_below_a_path() -> None:
    to = Addresses("/airflow/")

    assert to.entry("flight_delay", 7) == "/airflow/retrainer/models/flight_delay?entry=7#entry-7"
    assert to.dag("flight_delay", "rollback") == "/airflow/dags/flight_delay__rollback"
    assert to.login() == "/airflow/api/v2/auth/login?next=%2Fairflow%2Fplugin%2Fmodels"


@pytest.mark.parametrize("kind", get_args(DagKind))
def test_the_dag_that_is_linked_is_the_dag_that_is_built(declare: Declare, kind: DagKind) -> None:
    declare("flight_delay")

    (dag,) = read_declared(os.environ, PROJECT).dags(kind)

    assert dag.dag_id == dag_id("flight_delay", kind)
