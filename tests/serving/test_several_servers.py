"""Several servers of one ledger, as in a cluster: a release reaches each, whichever of them `deploy` happens to ask."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import pytest

from retrainer.contracts import ModelStatus
from retrainer.deployment.server import ModelServer
from retrainer.errors import ModelServerError
from retrainer.steps.release_server import Follower
from tests.model_server import StandInServer
from tests.serving.served import Served, Server, running_server


@dataclass
class OneAfterTheOther(ModelServer):
    """What is behind the one name of several servers: each question goes to the next of them."""

    servers: list[StandInServer]
    asked: list[StandInServer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._next = cycle(self.servers)

    @property
    def name(self) -> str:
        return "the model server at http://model-server-each:8000"

    def status(self, model: str) -> ModelStatus | None:
        server = next(self._next)
        self.asked.append(server)
        if server.is_down(model):
            raise ModelServerError("one of them does not answer")
        return server.status(model)

    def refresh(self, model: str) -> None:
        next(self._next)


@contextmanager
def two_servers(served: Served) -> Iterator[tuple[Server, Server]]:
    """Two servers with homes of their own, on one ledger and one registry."""
    other = {"RETRAINER_HOME": str(served.folder / "another home")}
    with running_server(served) as first, running_server(served, **other) as second:
        yield first, second


def test_what_one_is_told_both_do(alone: Served) -> None:
    before, after = alone.version(), alone.version()
    with two_servers(alone) as (told, other):
        for action, version in (("promote", before), ("promote", after), ("rollback", before)):
            sequence = alone.append(action, version)
            told.refresh(alone.model)
            for server in (told, other):
                status = server.carried_out(alone.model, sequence)
                assert status.champion is not None
                assert status.champion.version == version
        off = alone.append("switch_off", before)
        told.refresh(alone.model)
        assert [server.carried_out(alone.model, off).off for server in (told, other)] == [True, True]


def test_each_logs_its_answers_into_the_folder_that_they_share(alone: Served, tmp_path: Path) -> None:
    """As a claim does that every pod mounts: segments of several writers lie side by side."""
    shared = tmp_path / "predictions"
    shared.mkdir()
    for home in (alone.home, alone.folder / "another home"):
        (home / "serving").mkdir(parents=True)
        (home / "serving" / "predictions").symlink_to(shared)
    sequence = alone.append("promote", alone.version())
    ids = []
    with two_servers(alone) as servers:
        for server in servers:
            server.carried_out(alone.model, sequence)
            ids += [answer["id"] for answer in server.predict(alone.model, alone.records(2))]
            assert server.stop() == 0

    logged = b"".join(path.read_bytes() for path in shared.rglob("*.*"))
    assert len(set(ids)) == 4
    assert all(each.encode() in logged for each in ids)
    assert len(list(shared.rglob("*.segment1"))) == 2


@pytest.fixture
def promoted(alone: Served) -> Served:
    """A ledger with a version in production. No server runs."""
    alone.append("promote", 1)
    return alone


def stand_ins(served: Served) -> list[StandInServer]:
    return [StandInServer(served.ledger_url), StandInServer(served.ledger_url)]


def test_a_release_is_done_when_the_first_of_them_serves_it(promoted: Served) -> None:
    ready, behind = stand_ins(promoted)
    behind.status(promoted.model)
    behind.follows = False
    promoted.append("promote", 2)
    entry = promoted.ledger.entries(promoted.model)[-1]
    servers = OneAfterTheOther([behind, ready])

    seen = Follower(servers, promoted.ledger).carried_out(entry)

    assert (seen.state, seen.served and seen.served.version) == ("served", 2)


def test_one_that_refuses_the_version_is_heard_as_long_as_the_release_is_watched(promoted: Served) -> None:
    willing, unwilling = stand_ins(promoted)
    unwilling.refuses[1] = "too slow here"
    entry = promoted.ledger.entries(promoted.model)[-1]
    servers = OneAfterTheOther([willing, unwilling])
    follower = Follower(servers, promoted.ledger)
    level = promoted.serving.level

    seen = follower.held(entry, level, seconds=30)

    assert (seen.state, seen.reason) == ("refused", "too slow here")
    assert servers.asked == [willing, unwilling]
