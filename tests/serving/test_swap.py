"""Swaps under load: no request fails, no answer mixes versions, and a version that answers wrongly never serves."""

import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.serving.served import RULE, first, running_server, warmer

SWAPS = 24


@dataclass
class Load:
    """Clients that ask for the same records over and over, and check each answer."""

    server: object
    served: object
    clients: int = 4
    problems: list[str] = field(default_factory=list)
    versions: Counter = field(default_factory=Counter)
    _end: threading.Event = field(default_factory=threading.Event)

    def __enter__(self):
        self._records = self.served.records(4)
        self._threads = [threading.Thread(target=self._ask) for _ in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _ask(self):
        with self.server.client() as client:
            while not self._end.is_set():
                try:
                    answer = client.post(f"/v1/models/{self.served.model}/predict", json={"records": self._records})
                    problem = self._problem(answer)
                except httpx.HTTPError as error:
                    problem = repr(error)
                if problem:
                    self.problems.append(problem)

    def _problem(self, answer):
        if answer.status_code != 200:
            return answer.text
        predictions = answer.json()["predictions"]
        ((version, source),) = {(each["version"], each["source"]) for each in predictions}
        self.versions[version] += 1
        expected = self.served.answers[version][: len(predictions)]
        right = all(abs(each["value"] - value) < 1e-9 for each, value in zip(predictions, expected, strict=True))
        return "" if right and source == "model" else f"v{version} did not answer so: {predictions}"


def test_no_request_fails_and_no_answer_mixes_versions_while_versions_are_swapped(served, server):
    versions = [served.version(warmer(degrees)) for degrees in (0, 0.5, -0.5, 1)]
    assert len({tuple(served.answers[version]) for version in versions}) == len(versions)
    served.promote(versions[0], server)
    with Load(server, served) as load:
        for place in range(1, SWAPS + 1):
            before = sum(load.versions.values())
            status = served.promote(versions[place % len(versions)], server)
            assert status.champion.version == versions[place % len(versions)]
            server.wait(lambda: sum(load.versions.values()) > before)  # noqa: B023
    assert load.problems == []
    assert set(load.versions) == set(versions)
    assert server.status(served.model).previous == versions[(SWAPS - 1) % len(versions)]


def test_a_request_under_way_is_answered_by_the_version_that_it_began_with(served, server, tmp_path):
    begun, go = tmp_path / "begun", tmp_path / "go"
    waiting = served.version(waits_for(begun, go), breaker={"timeout_ms": 60_000})
    other = served.version(warmer(20))
    served.promote(waiting, server)
    answers = []
    records = [record | {"carrier": "WAIT"} for record in served.records(65)]  # so many are not asked on the event loop
    asking = threading.Thread(target=lambda: answers.extend(server.predict(served.model, records)))
    asking.start()
    server.wait(begun.exists)
    assert served.promote(other, server).champion.version == other
    assert server.predict(served.model, served.records(1))[0]["version"] == other
    go.touch()
    asking.join()
    assert {(answer["version"], answer["source"]) for answer in answers} == {(waiting, "model")}


def waits_for(begun: Path, go: Path):
    """A version that says when it has begun to answer for the carrier WAIT, and goes on when it is told to."""
    return lambda folder: first(
        folder,
        "import pathlib, time",
        'if columns["carrier"][0] == "WAIT":',
        f"    pathlib.Path({str(begun)!r}).touch()",
        f"    while not pathlib.Path({str(go)!r}).exists():",
        "        time.sleep(0.01)",
    )


WRONG = {"name": "a flight", "input": {"carrier": "A"}, "min": 2.0}
RIGHT = {"name": "a flight", "input": {"carrier": "A"}, "max": 1.0}


def raises(folder):
    first(folder, 'raise ValueError("in its own code")')


def crashes(folder):
    first(folder, "import os, signal", "os.kill(os.getpid(), signal.SIGSEGV)")
    first(folder, "return np.full(len(columns['carrier']), 0.5)", file=RULE)


def is_no_model(folder):
    (folder / "extra_files" / "model.onnx").write_bytes(b"not a model")


def slow(folder):
    first(folder, "import time", "time.sleep(0.02)")


REFUSED = {
    "wrong answers to its canonical inputs": (
        warmer(1), {"canonical": (WRONG,)}, {}, r"canonical input 'a flight' gives 0\.\d+, expected at least 2"
    ),
    "other answers than when trained": (
        warmer(20), {}, {"honest": False}, "other answers than when it was trained to .* of the 200 records"
    ),
    "too slow": (
        slow, {}, {"level": {"p95_ms": 5}}, r"single predictions over HTTP have a p95 of .* ms, above the 5 ms"
    ),
    "an error in its own code": (raises, {}, {"honest": False}, "its rule cannot be used: ValueError: in its own code"),
    "a file that is no model": (is_no_model, {}, {}, "its model cannot be used: .*ONNX Runtime cannot load the model"),
    "a crash of the interpreter": (
        crashes, {}, {"honest": False}, "trying its model out ended the process: SIGSEGV"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_version_that_is_not_to_serve_is_refused_and_the_old_one_goes_on(served, server, case):
    edit, declared, options, reason = REFUSED[case]
    served.canonical = (RIGHT,)
    good = served.version()
    served.promote(good, server)
    served.canonical = declared.get("canonical", (RIGHT,))
    bad = served.version(edit, **options)
    status = served.promote(bad, server)
    assert status.champion.version == good
    assert status.reason == f"promote v{good}"
    (refusal,) = status.refused
    assert (refusal.version, refusal.sequence) == (bad, status.sequence)
    assert re.search(reason, refusal.reason), refusal.reason
    assert server.predict(served.model, served.records(1))[0]["version"] == good
    assert server.process.poll() is None


def test_what_was_refused_stays_so_for_its_entry_of_the_ledger_and_is_tried_again_for_the_next(served, server):
    good = served.version()
    served.canonical = (WRONG,)
    bad = served.version(warmer(1))
    served.promote(good, server)
    first_time = served.promote(bad, server)

    def tries():
        return server.log.count(f"{served.model} v{bad} does not serve")

    assert tries() == 1
    server.refresh(served.model)
    marker = served.append("reject", good)  # another entry, after which the wish is the same
    server.refresh(served.model)
    second_time = server.carried_out(served.model, marker)
    assert tries() == 2
    assert (second_time.champion.version, second_time.refused[0].sequence) == (good, first_time.sequence + 1)
    back = served.append("rollback", good)
    server.refresh(served.model)
    status = server.carried_out(served.model, back)
    assert (status.champion.version, status.refused, status.reason) == (good, (), f"rollback v{good}")


def test_where_the_first_version_is_refused_the_rule_saved_with_it_answers(served, server):
    served.canonical = (WRONG,)
    status = served.promote(served.version(), server)
    assert (status.ready, status.champion) == (True, None)
    (answer,) = server.predict(served.model, served.records(1))
    assert (answer["version"], answer["source"]) == (None, "fallback")
    served.canonical = (RIGHT,)
    good = served.version()
    assert served.promote(good, server).champion.version == good
    assert server.predict(served.model, served.records(1))[0]["version"] == good


def test_a_split_and_a_shadow_are_loaded_beside_the_champion_and_end_with_its_successor(served, server):
    champion, second, third = (served.version(warmer(degrees)) for degrees in (0, 0.5, 1))
    served.promote(champion, server)
    served.append("split", second, percent=50)
    sequence = served.append("shadow", third)
    server.refresh(served.model)
    status = server.carried_out(served.model, sequence)
    assert (status.split.version, status.split.percent) == (second, 50)
    assert (status.split_version.version, status.shadow.version, status.champion.version) == (second, third, champion)
    records = [record | {"flight_id": place} for place, record in enumerate(served.records(50))]
    answered = {answer["version"] for answer in server.predict(served.model, records)}
    assert answered == {champion, second}
    requests = server.status(served.model).split_version.requests
    status = served.promote(second, server)
    assert (status.champion.version, status.split, status.shadow) == (second, None, None)
    assert status.champion.requests == requests > 0  # it was in memory, and is the same


def seconds_until(served, server, action, version):
    """From an entry of the ledger, of which nobody tells the server, until that is carried out."""
    sequence = served.append(action, version)
    started = time.monotonic()
    server.carried_out(served.model, sequence)
    return time.monotonic() - started


def test_the_switch_takes_effect_within_three_seconds_of_its_entry_without_a_push(served, server):
    version = served.version()
    served.promote(version, server)
    taken = {"switch_off": [], "switch_on": []}
    for action in ("switch_off", "switch_on") * 2:
        taken[action].append(seconds_until(served, server, action, version))
        status = server.status(served.model)
        answers = {(each["version"], each["source"]) for each in server.predict(served.model, served.records(2))}
        if action == "switch_off":
            assert (status.off, status.champion, answers) == (True, None, {(None, "fallback")})
        else:
            assert (status.off, status.champion.version, answers) == (False, version, {(version, "model")})
    assert min(taken["switch_off"]) < 3  # the better of two: other programs of this machine may have been busy
    assert min(taken["switch_on"]) < 3


def test_a_new_version_is_served_within_three_seconds_of_its_entry_without_a_push(served, server):
    versions = [served.version(warmer(place / 10)) for place in range(4)]
    served.promote(versions[0], server)
    taken = [seconds_until(served, server, "promote", version) for version in versions[1:]]
    assert server.status(served.model).champion.version == versions[-1]
    assert min(taken) < 3


def test_the_door_for_candidates_is_closed_to_everybody_else(served, server):
    with server.client() as client:
        answer = client.post("/candidates/token", json={"records": served.records(1)})
    assert answer.status_code == 404
    assert "token" not in answer.json().get("errors", [])


def test_a_version_that_is_not_onnx_is_served_by_scikit_learn_and_says_why(alone):
    version = alone.version(runtime="scikit-learn")
    sequence = alone.append("promote", version)
    with running_server(alone) as server:
        status = server.carried_out(alone.model, sequence)
        assert (status.champion.runtime, status.champion.runtime_note) == ("scikit-learn", "a test says scikit-learn")
        answers = [answer["value"] for answer in server.predict(alone.model, alone.records(3))]
    assert answers == pytest.approx(alone.answers[version][:3], abs=1e-12)
