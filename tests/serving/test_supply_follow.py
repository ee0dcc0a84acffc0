"""Following the ledger: what is said and when, while ledger and registry come and go."""

import logging
import time

import pytest

from retrainer.errors import TrackingUnavailableError
from retrainer.ledger import Ledger
from retrainer.registry import DIGEST, Version
from retrainer.serving.local_copy import ASSIGNMENT_FILE, SPEC_FILE, seal
from retrainer.serving.supply.copies import Copies as RealCopies
from retrainer.serving.supply.copies import Provided, Wanted
from retrainer.serving.supply.follow import Follower
from retrainer.serving.supply.outages import Outages
from tests.ports import free_ports
from tests.serving.world import flight_spec
from tests.unit.ledger.entries import MODEL, new_entry

DOWN = "MLflow failed while downloading: connection refused"


class Copies:
    """Provides versions out of a folder; `down`: the registry is; `unforeseen`: what goes wrong; `refused`: why a
    version is."""

    def __init__(self, folder):
        self.folder = folder
        self.down = False
        self.unforeseen = None
        self.refused = {}
        self.asked = []

    def provide(self, wanted: Wanted) -> Provided:
        self.asked.append(wanted.version)
        if self.unforeseen:
            raise self.unforeseen
        if self.down:
            raise TrackingUnavailableError(f"{DOWN}\nmore")
        folder = self.folder / MODEL / f"v{wanted.version}-abc"
        if not folder.exists():
            folder.mkdir(parents=True)
            (folder / SPEC_FILE).write_text(flight_spec(wanted.version, model=MODEL).to_json())
            seal(folder)
        return Provided(folder, self.refused.get(wanted.version, ""))

    def tidy(self, model, in_use):
        self.in_use = in_use


@pytest.fixture
def ledger(tmp_path):
    return Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}")


@pytest.fixture
def copies(tmp_path):
    return Copies(tmp_path / "serving")


@pytest.fixture
def said():
    return []


@pytest.fixture
def follower(tmp_path, ledger, copies, said):
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    return Follower(url, tmp_path / "serving", copies, say=said.append, outages=Outages())


def append(ledger, action, version, *, after):
    ledger.append(new_entry(f"{action} {version} {after}", action=action, version=version), after=after)


def look(follower, until, *, asked=frozenset(), seconds=20):
    """Look again and again until something is so."""
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline
        follower.look(set(asked))


def test_an_entry_is_said_once_what_it_needs_is_here(ledger, follower, copies, said):
    append(ledger, "promote", 4, after=0)
    follower.look(set())
    look(follower, lambda: said)
    (supplied,) = said
    assert (supplied.assignment.sequence, supplied.assignment.champion) == (1, 4)
    assert (supplied.folders, supplied.rule, supplied.refused) == ({4: "v4-abc"}, 4, ())
    assert copies.in_use == {"v4-abc"}


def test_nothing_is_read_or_said_again_while_nothing_changes(ledger, follower, copies, said, monkeypatch):
    append(ledger, "promote", 4, after=0)
    look(follower, lambda: said)
    read = []
    monkeypatch.setattr(Ledger, "entries", lambda *_: read.append(1))
    for _ in range(5):
        follower.look(set())
    assert (len(said), read, copies.asked) == (1, [], [4])


def test_who_asks_is_told_again(ledger, follower, said):
    append(ledger, "promote", 4, after=0)
    look(follower, lambda: said)
    follower.look({MODEL})
    assert len(said) == 2
    assert said[0] == said[1]
    follower.look({"unknown"})
    assert len(said) == 2


def test_while_the_registry_is_down_it_is_said_once_and_the_version_follows_later(
    ledger, follower, copies, said, caplog
):
    caplog.set_level(logging.INFO)
    copies.down = True
    append(ledger, "promote", 4, after=0)
    look(follower, lambda: len(copies.asked) >= 2)  # it is asked for again after a pause
    assert said == []
    copies.down = False

    def messages():  # the fetching thread says it after the version is there
        return [record.getMessage() for record in caplog.records if "registry" in record.getMessage()]

    look(follower, lambda: said and len(messages()) > 1)
    assert messages() == [
        f"the registry is down; the server goes on with what it has: {DOWN}",
        "the registry is back",
    ]


def test_an_error_that_nobody_foresaw_is_said_and_the_version_follows_later(ledger, follower, copies, said, caplog):
    copies.unforeseen = LookupError("no such page")
    append(ledger, "promote", 4, after=0)
    look(follower, lambda: len(copies.asked) >= 2)
    assert said == []
    assert caplog.text.count("the registry is down") == 1
    assert f"{MODEL} v4 cannot be fetched: LookupError: no such page" in caplog.text
    copies.unforeseen = None
    look(follower, lambda: said)
    assert said[0].folders == {4: "v4-abc"}


class Registered:
    """A registry whose versions have their files on S3."""

    def __init__(self):
        self.asked = 0

    def get(self, number):
        self.asked += 1
        return Version(MODEL, number, "s3://bucket/model", "a run", {DIGEST: "d" * 64})


def test_a_store_of_artifacts_that_cannot_be_reached_is_asked_again(tmp_path, ledger, said, caplog, monkeypatch):
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", f"http://127.0.0.1:{free_ports(1)[0]}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "tests")
    registered, url = Registered(), f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    copies = RealCopies(tmp_path / "serving", lambda _: registered, None, before=lambda _: None)
    follower = Follower(url, tmp_path / "serving", copies, say=said.append, outages=Outages())
    append(ledger, "promote", 4, after=0)
    look(follower, lambda: registered.asked >= 3, seconds=60)
    assert said == []
    assert caplog.text.count("the registry is down") == 1
    assert "MLflow failed while downloading s3://bucket/model: " in caplog.text
    assert "Could not connect to the endpoint URL" in caplog.text


def test_a_model_that_is_served_is_switched_off_though_its_version_cannot_be_had(ledger, follower, copies, said):
    (copies.folder / MODEL).mkdir(parents=True)
    (copies.folder / MODEL / ASSIGNMENT_FILE).touch()
    copies.down = True
    append(ledger, "promote", 4, after=0)
    append(ledger, "switch_off", 4, after=1)
    look(follower, lambda: said)
    assert (said[0].assignment.off, said[0].folders) == (True, {})
    copies.down = False
    look(follower, lambda: len(said) == 2)
    assert (said[1].assignment.off, said[1].folders, said[1].rule) == (True, {4: "v4-abc"}, 4)


def test_a_refused_version_is_said_to_be_and_tried_again_for_the_next_entry_only(ledger, follower, copies, said):
    copies.refused[4] = "it crashed"
    append(ledger, "promote", 4, after=0)
    look(follower, lambda: said)
    (refusal,) = said[0].refused
    assert (refusal.version, refusal.sequence, refusal.reason) == (4, 1, "it crashed")
    assert said[0].rule == 4
    follower.look({MODEL})
    assert copies.asked == [4]
    copies.refused.clear()
    append(ledger, "reject", 5, after=1)
    look(follower, lambda: len(said) == 3)
    assert said[2].refused == ()
    assert copies.asked == [4, 4]


def test_a_copy_that_was_changed_is_provided_again(ledger, follower, copies, said):
    append(ledger, "promote", 4, after=0)
    look(follower, lambda: said)
    (copies.folder / MODEL / "v4-abc" / SPEC_FILE).write_text("changed")
    look(follower, lambda: copies.asked == [4, 4], asked={MODEL})


def test_while_the_ledger_is_down_that_is_said_once(tmp_path, copies, said, caplog):
    caplog.set_level(logging.INFO)
    url = "postgresql+psycopg://nobody@127.0.0.1:1/ledger"
    follower = Follower(url, tmp_path, copies, say=said.append, outages=Outages())
    for _ in range(3):
        follower.look(set())
    assert [record.getMessage().partition(";")[0] for record in caplog.records] == ["the ledger is down"]
