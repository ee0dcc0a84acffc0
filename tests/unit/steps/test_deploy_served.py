"""deploy with a model server: done when that answers with the version; what it refuses or breaks does not stay."""

import threading
import time
from functools import partial

import pytest

from retrainer.config.serving import ServiceLevel, Serving
from retrainer.errors import ConfigurationError, ModelServerError
from retrainer.steps import deploy
from retrainer.steps.release_server import Follower
from tests.model_server import StandInServer, listening
from tests.released import Releases

SERVING = Serving(level=ServiceLevel(watch_seconds=0, min_requests=20, p95_ms=100, max_error_share=0.01))
WATCHED = SERVING.model_copy(update={"level": SERVING.level.model_copy(update={"watch_seconds": 1.0})})


@pytest.fixture
def served(releases: Releases, server: StandInServer) -> Releases:
    """A model that the server answers for."""
    return releases.served(SERVING, server.url)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second is a long time."""
    hasty = partial(Follower, patience_seconds=0.6, absence_seconds=0.3)
    monkeypatch.setattr(deploy, "Follower", hasty)


def posted(server: StandInServer) -> int:
    return sum(method == "POST" for method, _ in server.asked)


def test_a_release_is_done_when_the_server_answers_with_the_version(served, server):
    server.follows = False  # until it is told
    number = served.register()
    server.status(served.model)
    release = None

    def let_it_follow():
        while not served.actions() or not posted(server):
            time.sleep(0.02)
        time.sleep(0.5)
        assert release is None
        server.follows = True

    thread = threading.Thread(target=let_it_follow)
    thread.start()
    release = served.deploy(number)
    thread.join()
    assert (release.action, release.champion_version, release.served) == ("promote", 1, True)
    assert release.note == f"the model server at {server.url} answers with v1"
    assert served.aliases() == {"champion": 1}


def test_a_rejected_version_is_no_business_of_the_server(served, server):
    served.promote()
    before = len(server.asked)
    release = served.deploy(served.register(promote=False))
    assert (release.action, release.served, release.note) == ("reject", None, "")
    assert len(server.asked) == before


def test_a_version_that_the_server_refuses_is_rolled_back_and_the_ledger_says_why(served, server):
    served.promote()
    number = served.register()
    server.refuses[number] = "canonical input 'a warm day' gives 0.9, and must not be above 0.35"
    release = served.deploy(number)
    assert (release.action, release.version, release.champion_version, release.served) == ("rollback", 1, 1, True)
    assert release.reason == (
        "back from v2: the model server refused it: canonical input 'a warm day' gives 0.9, and must not be above 0.35"
    )
    assert release.note.endswith(" answers with v1")
    assert served.actions() == [("promote", 1), ("promote", 2), ("rollback", 1)]
    assert served.aliases() == {"champion": 1}
    assert served.now.barred == {2}
    entry = served.world.ledger.entries(served.model)[-1]
    assert entry.actor == "airflow run night 2"
    assert entry.evidence == {"from": 2, "to": 1, "automatic": True, "left": 2}


def test_a_refused_first_version_is_switched_off_and_the_rule_answers(served, server):
    number = served.register()
    server.refuses[number] = "it crashed"
    release = served.deploy(number)
    assert (release.action, release.champion_version, release.served) == ("switch_off", 1, True)
    assert release.reason == "back from v1: the model server refused it: it crashed"
    assert release.note.endswith(" answers with the rule: the model is switched off")
    assert served.actions() == [("promote", 1), ("switch_off", 1)]


def test_the_next_version_is_promoted_though_only_a_person_switches_on(served, server):
    server.refuses[1] = "it crashed"
    served.deploy(served.register())
    release = served.deploy(served.register())
    assert (release.action, release.champion_version) == ("promote", 2)
    assert release.note.endswith(" answers with the rule: the model is switched off")


def test_where_the_version_before_is_refused_too_it_goes_on_to_the_one_before_that(served, server):
    served.promote(2)
    number = served.register()
    server.refuses |= {2: "its files are gone", 3: "it crashed"}
    server.restart()
    release = served.deploy(number)
    assert (release.action, release.champion_version, release.served) == ("rollback", 1, True)
    assert served.actions()[2:] == [("promote", 3), ("rollback", 2), ("rollback", 1)]


@pytest.mark.parametrize(
    ("counted", "problem"),
    [
        ({"requests": 200, "errors": 3}, "3 of 200 requests failed (1.5%), at most 1.0% may"),
        ({"requests": 50, "p95_ms": 250.0}, "p95 of 250.0 ms over 50 requests, at most 100 ms is allowed"),
    ],
    ids=["errors", "latency"],
)
def test_a_version_that_breaks_its_level_while_it_is_watched_is_rolled_back(served, server, counted, problem):
    served.promote()
    watched = served.served(WATCHED, server.url)
    number = watched.register()
    looks = iter(range(1000))
    server.counted = lambda version, now: counted if version == number and next(looks) > 1 else {"requests": 30}
    release = watched.deploy(number)
    assert (release.action, release.champion_version) == ("rollback", 1)
    assert release.reason == f"back from v2: it broke its service level: {problem}"
    assert watched.aliases() == {"champion": 1}


def test_an_open_breaker_breaks_the_level(served, server):
    served.promote()
    number = served.register()
    server.breaker = "open"
    server.counted = lambda version, now: {"requests": 5, "errors": 3} if version == number else {}
    assert "the breaker opened" in served.deploy(number).reason


def test_with_too_few_requests_nothing_is_judged(served, server):
    server.counted = lambda version, now: {"requests": 19, "errors": 19}
    assert served.deploy(served.register()).action == "promote"


def test_a_version_is_watched_as_long_as_declared_and_not_again(served, server):
    watched = served.served(WATCHED, server.url)
    number = watched.register()
    started = time.monotonic()
    first = watched.deploy(number)
    assert time.monotonic() - started > 1
    server.asked.clear()
    assert watched.deploy(number) == first
    assert len(server.asked) <= 3  # told, waited for, looked at once


def test_a_persons_rollback_during_the_watch_ends_it(served, server):
    served.promote()
    watched = served.served(WATCHED, server.url)
    number = watched.register()

    def roll_back():
        while len(watched.actions()) < 2:
            time.sleep(0.02)
        watched.rollback()

    thread = threading.Thread(target=roll_back)
    thread.start()
    release = watched.deploy(number)
    thread.join()
    assert (release.action, release.version, release.served) == ("promote", 2, None)
    assert "asks the model server" in release.note
    assert watched.actions()[1:] == [("promote", 2), ("rollback", 1)]


def test_a_server_that_is_down_is_a_failure_that_a_retry_finishes(served, server, impatient):
    number = served.register()
    gone = served.served(SERVING, "http://127.0.0.1:9")
    with pytest.raises(ModelServerError) as told:
        gone.deploy(number)
    assert told.value.exit_status == 1
    assert "the model server at http://127.0.0.1:9 does not answer" in str(told.value)
    assert "Start it with `retrainer serve`" in str(told.value)
    assert served.actions() == [("promote", 1)]
    assert served.aliases() == {"champion": 1}
    release = served.deploy(number)
    assert (release.action, release.sequence, release.served) == ("promote", 1, True)
    assert served.actions() == [("promote", 1)]


def test_a_server_that_is_away_for_a_moment_is_waited_for(served, server):
    number = served.register()
    address = served.world.serving_uri
    port = int(address.rpartition(":")[2])
    later = StandInServer(served.world.settings.ledger_url)
    with listening(later) as free:
        spare = int(free.rpartition(":")[2])
    moved = served.served(SERVING, f"http://127.0.0.1:{spare}")
    stop = threading.Event()

    def come_back():
        time.sleep(0.5)
        with listening(later, spare):
            stop.wait(30)

    thread = threading.Thread(target=come_back)
    thread.start()
    release = moved.deploy(number)
    stop.set()
    thread.join()
    assert release.served is True
    assert port != spare


@pytest.mark.parametrize(
    ("change", "where"),
    [({"follows": False}, "it is at entry 0"), ({"knows": False}, "it does not serve that model")],
    ids=["does not follow", "does not know the model"],
)
def test_a_server_that_does_not_follow_in_time_is_a_failure_that_says_where_it_is(
    served, server, impatient, change, where
):
    number = served.register()
    server.status(served.model)
    for name, value in change.items():
        setattr(server, name, value)
    with pytest.raises(ModelServerError, match=rf"has not carried out entry 1 of .* in 0\.6 s: {where}"):
        served.deploy(number)
    assert served.actions() == [("promote", 1)]


def test_a_key_that_the_server_does_not_accept_is_told_at_once(served, server):
    server.admin_key = "another"
    with pytest.raises(ConfigurationError, match="does not accept the admin key"):
        served.deploy(served.register())


def test_what_a_backfilled_run_promotes_is_seen_through_to_the_server_as_well(served, server):
    server.follows = False  # until it is told
    release = served.deploy(served.register(), backfill=True)
    assert (release.action, release.served) == ("promote", True)


@pytest.mark.parametrize("missing", ["no section", "no server"])
def test_without_a_server_a_release_is_the_entry_and_the_aliases(releases, server, missing):
    model = releases.served(None, server.url) if missing == "no section" else releases.served(SERVING, "none")
    release = model.deploy(model.register())
    assert (release.action, release.served) == ("promote", None)
    assert server.asked == []
