"""What history, show and rollback have in common: MLflow is not asked to read, and a wrong model or ledger is told."""

import pytest

from tests.worlds import World, small_config

NOBODY_LISTENS = "http://127.0.0.1:9"
READING = [("history", "flight_delay"), ("show", "flight_delay"), ("show", "flight_delay@2", "--json")]
COMMANDS = [("history",), ("show",), ("rollback", "--reason", "complaints")]
NAMES = ["history", "show", "rollback"]


@pytest.fixture
def empty(tmp_path) -> World:
    """A home in which nothing happened."""
    return World(tmp_path, small_config())


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_with_mlflow_down_the_ledger_answers_as_ever(story, retrainer, command):
    up = retrainer(story.world, *command)
    assert up.status == 0
    assert retrainer(story.world, *command, RETRAINER_MLFLOW_URI=NOBODY_LISTENS) == up


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_an_unknown_model_is_refused_and_the_nearest_one_is_named(story, retrainer, command):
    said = retrainer(story.world, *command, "flight_delai")
    assert (said.status, said.out) == (78, "")
    assert said.err.startswith("Error: unknown model 'flight_delai'; did you mean 'flight_delay'? (allowed: ")


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_an_empty_ledger_says_that_nothing_was_trained(empty, retrainer, command):
    said = retrainer(empty, *command, "flight_delay")
    assert (said.status, said.out) == (78, "")
    assert said.err == ("Error: the ledger has no entry yet, so none of 'flight_delay'\n\nHint: Train a model first.\n")


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_a_ledger_that_is_no_database_is_named_and_may_be_tried_again(empty, retrainer, command):
    (empty.home / "ledger.sqlite").write_text("not a database at all")
    said = retrainer(empty, *command, "flight_delay")
    assert (said.status, said.out) == (1, "")
    assert said.err == f"Error: the ledger at sqlite:///{empty.home}/ledger.sqlite failed: file is not a database\n"


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_a_ledger_that_is_down_is_named_without_its_password(empty, retrainer, command):
    pytest.importorskip("psycopg", reason="needs psycopg: pip install 'retrainer[postgres]'")
    url = "postgresql+psycopg://me:not-to-be-told@127.0.0.1:9/ledger"
    said = retrainer(empty, *command, "flight_delay", RETRAINER_LEDGER_URL=url)
    assert (said.status, said.out) == (1, "")
    assert said.err.startswith("Error: the ledger at postgresql+psycopg://me:***@127.0.0.1:9/ledger failed: connection")
    assert "not-to-be-told" not in said.err


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_a_url_that_is_no_ledgers_is_a_wrong_setting(empty, retrainer, command):
    said = retrainer(empty, *command, "flight_delay", RETRAINER_LEDGER_URL="mysql://me@localhost/ledger")
    assert (said.status, said.out) == (78, "")
    assert said.err == "Error: ledger_url must name one of sqlite, postgresql, got mysql\n"
