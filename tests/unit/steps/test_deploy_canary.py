"""release: canary. Growing shares of the traffic, each an entry and each watched; a broken level gives it all back."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from retrainer.config.serving import Canary, ServiceLevel, Serving
from retrainer.contracts import Approval, Split
from retrainer.errors import ModelServerError
from retrainer.steps import deploy
from retrainer.steps.release_server import Follower
from tests.model_server import StandInServer
from tests.released import Releases

SERVING = Serving(
    release="canary",
    canary=Canary(percents=(10, 50), step_seconds=1),
    level=ServiceLevel(watch_seconds=0, min_requests=20, p95_ms=100, max_error_share=0.01),
)


@pytest.fixture
def served(releases: Releases, server: StandInServer) -> Releases:
    """A model with v1 and v2 in production so far, whose next versions are tried on shares of the traffic."""
    releases.promote(2)
    return releases.served(SERVING, server.url)


def shares(model: Releases) -> list[tuple[str, int, int | None]]:
    """Every entry since v2 was promoted: action, version, share."""
    entries = model.world.ledger.entries(model.model)[2:]
    return [(entry.action, entry.version, entry.evidence.get("percent")) for entry in entries]


def during_the_trial(model: Releases, act: Callable[[], object]) -> threading.Thread:
    """Do something as soon as a version has a share of the traffic."""

    def wait_and_act() -> None:
        while model.now.split is None:
            time.sleep(0.02)
        act()

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    return thread


def test_the_first_version_gets_all_traffic_at_once(releases, server):
    model = releases.served(SERVING, server.url)
    assert model.deploy(model.register()).served is True
    assert model.actions() == [("promote", 1)]


def test_a_version_gets_growing_shares_for_as_long_as_declared_and_then_all(served, server):
    seen = []
    server.counted = lambda version, now: seen.append((now.split, now.champion)) or {"requests": 30}
    number = served.register()
    started = time.monotonic()
    release = served.deploy(number)
    assert time.monotonic() - started > 2
    assert (release.action, release.champion_version, release.served) == ("promote", 3, True)
    assert shares(served) == [("split", 3, 10), ("split", 3, 50), ("promote", 3, None)]
    in_turn = list(dict.fromkeys(seen))
    assert in_turn[-3:] == [(Split(version=3, percent=10), 2), (Split(version=3, percent=50), 2), (None, 3)]
    assert served.aliases() == {"champion": 3, "previous": 2}


def test_every_share_says_what_it_rests_on(served):
    served.deploy(served.register())
    first = served.world.ledger.entries(served.model)[2]
    assert (first.actor, first.champion_version) == ("airflow run night 3", 2)
    assert first.reason == "gets 10 % of the traffic; better"
    assert first.evidence["artifact_digest"] == served.trained.artifact_digest
    assert first.evidence["decision"]["promote"] is True


@pytest.mark.parametrize(
    ("percent", "trail"),
    [
        (10, [("split", 3, 10), ("split", 3, 0), ("reject", 3, None)]),
        (50, [("split", 3, 10), ("split", 3, 50), ("split", 3, 0), ("reject", 3, None)]),
    ],
)
def test_a_broken_level_gives_all_traffic_back_and_rejects_the_version(served, server, percent, trail):
    broken, well = {"requests": 100, "errors": 20}, {"requests": 30}
    server.counted = lambda version, now: broken if now.split == Split(version=3, percent=percent) else well
    number = served.register()
    release = served.deploy(number)
    assert (release.action, release.version, release.champion_version, release.served) == ("reject", 3, 2, True)
    assert release.reason == (
        f"v3 got {percent} % of the traffic, and it broke its service level: "
        "20 of 100 requests failed (20.0%), at most 1.0% may"
    )
    assert shares(served) == trail
    assert served.now.split is None
    assert server.status(served.model).champion.version == 2
    assert served.aliases() == {"champion": 2, "previous": 1}
    assert served.deploy(number) == release


def test_the_champions_own_errors_do_not_end_the_trial(served, server):
    server.counted = lambda version, now: {"requests": 100, "errors": 50 if version == 2 else 0}
    assert served.deploy(served.register()).action == "promote"


def test_the_champions_open_breaker_does_not_end_the_trial(served, server):
    during_the_trial(served, lambda: setattr(server, "breaker", "open"))

    def counted(version, now):
        if now.champion == 3:
            server.breaker = "closed"  # a new champion has a breaker of its own
        return {"requests": 100, "errors": 50 if version == 2 else 0}

    server.counted = counted
    assert served.deploy(served.register()).action == "promote"
    assert shares(served) == [("split", 3, 10), ("split", 3, 50), ("promote", 3, None)]


def test_a_version_that_the_server_refuses_gets_no_traffic(served, server):
    server.refuses[3] = "it crashed"
    release = served.deploy(served.register())
    assert (release.action, release.champion_version) == ("reject", 2)
    assert release.reason == "v3 got 10 % of the traffic, and the model server refused it: it crashed"


def test_who_approved_stands_before_the_first_share(served):
    config = served.world.config
    deployment = config.deployment.model_copy(update={"approval": "required"})
    world = replace(served.world, config=config.model_copy(update={"deployment": deployment}))
    guarded = replace(served, world=world)
    assert guarded.deploy(guarded.register(), approval=Approval(asked=True, approved=True, by="ada")).version == 3
    assert [action for action, *_ in shares(guarded)] == ["approve", "split", "split", "promote"]
    assert guarded.deploy(guarded.register()).action == "reject"
    assert shares(guarded)[4:] == [("reject", 4, None)]


def test_run_again_a_canary_that_is_over_is_not_begun_again(served):
    number = served.register()
    first = served.deploy(number)
    before = shares(served)
    assert served.deploy(number) == first
    assert shares(served) == before


def test_a_server_that_goes_away_leaves_the_share_and_the_retry_goes_on_from_there(served, server, monkeypatch):
    monkeypatch.setattr(deploy, "Follower", partial(Follower, absence_seconds=0.2))
    number = served.register()
    server.down_when = lambda now: now.split == Split(version=3, percent=50)
    with pytest.raises(ModelServerError, match="answers 503"):
        served.deploy(number)
    assert served.now.split == Split(version=3, percent=50)
    server.down_when = lambda now: False
    assert served.deploy(number).action == "promote"
    assert shares(served) == [("split", 3, 10), ("split", 3, 50), ("promote", 3, None)]


@pytest.mark.parametrize(
    ("act", "entry", "reason"),
    [
        (
            lambda model: model.rollback(),
            ("rollback", 1),
            "the champion changed during the run: compared with v2, now v1",
        ),
        (
            lambda model: model.append("switch_off", 2),
            ("switch_off", 2),
            "the model was switched off while v3 was on trial",
        ),
    ],
    ids=["rolled back", "switched off"],
)
def test_what_a_person_does_meanwhile_ends_the_trial(served, act, entry, reason):
    number = served.register()
    thread = during_the_trial(served, lambda: act(served))
    release = served.deploy(number)
    thread.join()
    assert (release.action, release.version) == ("reject", 3)
    assert reason in release.reason
    assert served.actions()[2:] == [("split", 3), entry, ("reject", 3)]
    assert served.now.split is None


def test_a_newer_version_takes_the_place_of_one_whose_run_has_stopped(served, server):
    stopped = served.register()
    server.down_when = lambda now: now.split is not None
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(deploy, "Follower", partial(Follower, absence_seconds=0.1))
        with pytest.raises(ModelServerError):
            served.deploy(stopped)
    server.down_when = lambda now: False
    assert served.deploy(served.register()).action == "promote"
    assert shares(served) == [
        ("split", 3, 10),
        ("reject", 3, None),
        ("split", 4, 10),
        ("split", 4, 50),
        ("promote", 4, None),
    ]
    release = served.deploy(stopped)
    assert (release.action, release.reason) == ("reject", "v4 takes its place on trial")


@pytest.mark.parametrize(("backfill", "action"), [(True, "reject"), (False, "promote")])
def test_a_backfilled_run_tries_nothing(served, server, backfill, action):
    release = served.deploy(served.register(), **({"backfill": True} if backfill else {}))
    assert release.action == action
    if backfill:
        assert server.asked == []
        assert "backfilled runs put no version on trial, and serving.release is canary" in release.reason
