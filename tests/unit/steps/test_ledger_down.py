"""deploy while the ledger is down: nothing is promoted, and the same run, tried again, promotes once."""

import subprocess
import sys
from contextlib import ExitStack

import pytest

from retrainer.errors import LedgerUnavailableError
from retrainer.ledger import Ledger
from retrainer.steps import deploy, release_candidate
from tests.postgres import running_postgresql
from tests.worlds import PROJECT

DOWN = "postgresql+psycopg://me:not-to-be-told@127.0.0.1:9/ledger"


@pytest.fixture
def candidate(releases) -> int:
    """A challenger that is to replace v1."""
    pytest.importorskip("psycopg", reason="needs psycopg: pip install 'retrainer[postgres]'")
    releases.promote()
    return releases.register()


def deploy_with(releases, number: int, ledger_url: str):
    settings = releases.world.settings.model_copy(update={"ledger_url": ledger_url})
    return deploy.run(releases.deploy_request(number), settings)


def test_nothing_is_promoted_and_a_retry_promotes(releases, candidate):
    with pytest.raises(LedgerUnavailableError) as failed:
        deploy_with(releases, candidate, DOWN)
    assert failed.value.exit_status == 1
    assert releases.aliases() == {"champion": 1}
    assert "retrainer.release" not in releases.world.versions.get(candidate).tags
    assert releases.deploy(candidate).action == "promote"
    assert releases.actions() == [("promote", 1), ("promote", candidate)]
    assert releases.aliases() == {"champion": candidate, "previous": 1}


def test_the_process_of_the_step_says_so_and_ends_with_the_status_of_what_a_retry_may_help(releases, candidate):
    environ = {"PATH": "/usr/bin:/bin", **releases.world.environ, "RETRAINER_LEDGER_URL": DOWN}
    done = subprocess.run(
        [sys.executable, "-m", "retrainer.cli.main", "run", "deploy", "--request", "-"],
        input=releases.deploy_request(candidate).to_json(),
        env=environ | {"RETRAINER_PROJECT_ROOT": str(PROJECT)},
        cwd=releases.world.home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "the ledger at postgresql+psycopg://me:***@127.0.0.1:9/ledger failed: connection failed" in done.stderr
    assert "not-to-be-told" not in done.stderr + done.stdout
    assert releases.aliases() == {"champion": 1}


def test_a_server_that_goes_down_while_the_version_is_checked_gets_no_promotion_past_it(releases, monkeypatch):
    check = release_candidate.check_reproduces
    with ExitStack() as running:
        url = running.enter_context(running_postgresql()).new_database()
        first, second = releases.register(), releases.register(against=1)
        assert deploy_with(releases, first, url).action == "promote"

        def check_slowly(*args, **options):
            found = check(*args, **options)
            running.close()
            return found

        monkeypatch.setattr(release_candidate, "check_reproduces", check_slowly)
        with pytest.raises(LedgerUnavailableError, match="the ledger at postgresql"):
            deploy_with(releases, second, url)
    assert releases.aliases() == {"champion": first}


@pytest.mark.parametrize("method", ["entries", "exclusive"])
def test_a_ledger_that_goes_down_after_the_entry_leaves_the_alias_to_the_retry(
    releases, candidate, monkeypatch, method
):
    append, state = Ledger.append, {"down": False}

    def append_the_last(self, entry, *, after):
        state["down"] = True
        return append(self, entry, after=after)

    def unless_down(self, model):
        if state["down"]:
            raise LedgerUnavailableError("the ledger failed")
        return working(self, model)

    working = getattr(Ledger, method)
    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "append", append_the_last)
        patched.setattr(Ledger, method, unless_down)
        with pytest.raises(LedgerUnavailableError):
            releases.deploy(candidate)
    assert releases.actions() == [("promote", 1), ("promote", candidate)]
    assert releases.aliases() == {"champion": 1}
    releases.deploy(candidate)
    assert releases.actions() == [("promote", 1), ("promote", candidate)]
    assert releases.aliases() == {"champion": candidate, "previous": 1}
