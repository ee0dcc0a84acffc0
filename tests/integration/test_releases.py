"""Releases through a real Airflow: a person approves and refuses, an alias is moved by hand, two rollbacks, a rebuild.

The model asks for approval, and its gates let every challenger pass, so that people decide. The tests share one stack
and stand in the order of the story; run the whole file.
"""

import json
import subprocess
import sys
from datetime import date

import httpx
import pytest

from retrainer.demo.airflow_api import DagRun
from tests.integration.loop import REPOSITORY, Loop

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

GUARDED = {
    "deployment": {"approval": "required", "keep_versions": 2},
    "gates": {"min_gain": -1.0, "min_gain_over_baseline": None, "max_calibration_error": None},
}
"""What the declaration of this story says beyond the small one."""

FIRST, SECOND, THIRD, BACKFILLED, FOURTH = (date(2013, 6, day) for day in (10, 11, 12, 13, 14))
ROLLBACK_DAG, REBUILD_DAG, MAINTENANCE_DAG = "flight_delay__rollback", "flight_delay__rebuild", "maintenance"

pytestmark.append(pytest.mark.parametrize("loop", [GUARDED], indirect=True, scope="module", ids=["guarded"]))


def answered(loop: Loop, as_of: date, answer: str) -> DagRun:
    """A run by hand whose question was answered by the admin."""
    run_id = loop.airflow.train_by_hand(as_of)
    answer_when_asked(loop, run_id, answer)
    return loop.over(run_id)


def answer_when_asked(loop: Loop, run_id: str, answer: str) -> None:
    """Answer until it counts: Airflow asks again when the answer comes before the scheduler has seen the task pause."""

    def counted() -> bool:
        asks = loop.task_is(run_id, "approve", "awaiting_input")
        if asks and not loop.airflow.question(run_id)["response_received"]:
            loop.airflow.answer(run_id, answer)
        return loop.task_is(run_id, "approve", "success")

    loop.until("the answer counts", counted, seconds=150)


def said(loop: Loop, *arguments: str, status: int = 0) -> str:
    """What `retrainer` prints to stdout (and to stderr, where it fails)."""
    command = [sys.executable, "-m", "retrainer.cli.main", *arguments]
    environ = loop.settings.child_environment()
    done = subprocess.run(command, capture_output=True, text=True, env=environ, cwd=REPOSITORY, check=False)
    assert done.returncode == status, done.stderr
    return done.stdout if status == 0 else done.stderr


def test_what_a_person_approves_is_promoted_and_the_ledger_says_who_and_when(loop):
    loop.land(date(2013, 5, 22), date(2013, 6, 15))

    run = answered(loop, FIRST, "Approve")

    approve, promote = loop.entries()
    assert (approve.action, approve.actor, approve.version) == ("approve", "admin", 1)
    assert promote.action == loop.result(run, "deploy")["action"] == "promote"
    assert promote.evidence["approval"]["by"] == "admin"
    assert promote.evidence["approval"]["at"] is not None
    assert loop.champion() == 1


def test_the_question_shows_the_decision_and_leads_to_its_report(loop):
    run_id = loop.airflow.train_by_hand(SECOND)
    loop.until("approve asks", lambda: loop.task_is(run_id, "approve", "awaiting_input"), seconds=120)

    asked = loop.airflow.question(run_id)
    report = loop.result(loop.airflow.run("flight_delay__train", run_id), "compare")["report_url"]
    answer_when_asked(loop, run_id, "Approve")
    loop.over(run_id)

    assert "flight_delay" in asked["subject"]
    assert "v2" in asked["subject"]
    assert report in asked["body"]
    assert asked["defaults"] == ["Reject"]
    assert loop.champion() == 2


def test_what_a_person_refuses_is_rejected_in_their_name(loop):
    run = answered(loop, THIRD, "Reject")

    release = loop.result(run, "deploy")
    assert release["action"] == "reject"
    assert "admin" in release["reason"]
    assert loop.champion() == 2


def test_a_backfilled_run_asks_nobody_and_deploys_nothing(loop):
    run = loop.over(loop.backfill(BACKFILLED))

    release = loop.result(run, "deploy")
    assert loop.result(run, "approve")["asked"] is False
    assert (release["action"], loop.champion()) == ("reject", 2)
    assert "backfilled runs do not deploy" in release["reason"]


def test_an_alias_moved_by_hand_is_set_back_by_the_next_run_which_says_so(loop):
    loop.move_alias("champion", 1)

    answered(loop, FOURTH, "Approve")

    repair = next(entry for entry in loop.entries() if entry.action == "repair")
    assert "v1" in repair.reason
    assert "v2" in repair.reason
    assert loop.champion() == 5
    assert loop.alias("previous") == 2


def test_one_command_rolls_back_to_the_version_before(loop):
    said(loop, "rollback", "flight_delay", "--reason", "complaints from the gate")

    entry = loop.entries()[-1]
    assert (entry.action, entry.version, entry.reason) == ("rollback", 2, "complaints from the gate")
    assert (loop.champion(), loop.alias("previous")) == (2, 1)


def test_the_rollback_dag_goes_one_version_further_back_in_the_name_of_who_triggered_it(loop):
    run_id = loop.airflow.trigger(ROLLBACK_DAG, {"target": "previous", "reason": "still complaints"})
    loop.over(run_id, dag_id=ROLLBACK_DAG)

    entry = loop.entries()[-1]
    assert (entry.action, entry.version, entry.actor) == ("rollback", 1, "admin")
    assert (loop.champion(), loop.alias("previous")) == (1, None)


def test_a_rollback_with_nowhere_to_go_is_refused_at_the_first_try_and_says_which_versions_would_do(loop):
    before = loop.entries()

    run_id = loop.airflow.trigger(ROLLBACK_DAG, {"target": "99", "reason": "a typing error"})
    run = loop.over(run_id, dag_id=ROLLBACK_DAG, expected="failed")

    error = str(loop.airflow.result(run, "rollback", key="error"))
    assert "99" in error
    assert loop.entries() == before
    assert "v2" in said(loop, "rollback", "flight_delay", "--to", "99", "--reason", "a typing error", status=78)


def test_the_champion_rebuilt_from_its_registry_entry_is_the_same_model(loop):
    run = loop.over(loop.airflow.trigger(REBUILD_DAG, {"version": 1}), dag_id=REBUILD_DAG)

    assert loop.result(run, "rebuild")["matches"] is True


def test_the_maintenance_archives_what_is_neither_new_nor_needed(loop):
    loop.over(loop.airflow.trigger(MAINTENANCE_DAG, {}), dag_id=MAINTENANCE_DAG)

    archived = {entry.version for entry in loop.entries() if entry.action == "archive"}
    assert archived == {2, 3}
    assert "archived" in said(loop, "rollback", "flight_delay", "--to", "3", "--reason", "too late", status=78)


def test_history_and_show_tell_the_story(loop):
    history = json.loads(said(loop, "history", "flight_delay", "--json"))
    champion = json.loads(said(loop, "show", "flight_delay", "--json"))

    assert [entry["sequence"] for entry in history] == list(range(len(loop.entries()), 0, -1))
    assert champion["version"] == 1


def test_the_models_page_is_behind_the_log_in_and_shows_the_champion_and_why(loop):
    address = f"{loop.stack.airflow_url}/retrainer/models"

    anonymous = httpx.get(address, trust_env=False)
    page = loop.airflow.page("/retrainer/models/flight_delay")

    assert anonymous.status_code in (302, 303, 307, 401, 403)
    assert "complaints" not in anonymous.text
    assert "still complaints" in page


def test_lineage_is_in_a_file(loop):
    lines = [line for file in (loop.settings.home / "lineage").iterdir() for line in file.read_text().splitlines()]

    events = [json.loads(line) for line in lines]
    outputs = {output["name"] for event in events for output in event.get("outputs", [])}
    assert len(events) > 10
    assert any("features" in name for name in outputs)
    assert any("flight_delay" in name for name in outputs)
