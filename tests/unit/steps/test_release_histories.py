"""Any order of releases, trials, rollbacks, switches, archives, hands in the MLflow UI and kills: what always holds."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import ClassVar, Literal, get_args
from unittest.mock import patch

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from retrainer.config.serving import Serving
from retrainer.contracts import Action, Entry, NewEntry, ServedVersion
from retrainer.deployment import Progress, is_wanted, standing, standings
from retrainer.errors import ConfigurationError
from retrainer.ledger import Ledger
from retrainer.registry import Versions
from retrainer.steps.mirror import mirror, report_moved
from retrainer.steps.release_candidate import TrialOverError
from retrainer.steps.release_switch import Switch, switch
from retrainer.steps.release_verdict import Verdict, give_verdict, trial_of
from tests.released import Releases

PLACES = ("before an entry", "after an entry", "after the decision", "after an alias", "after the aliases")
"""Where a step is killed. After an entry: the first of several, such as that of a repair. After the aliases: before the
tag that says which entry they follow."""

kills = st.sampled_from(["no", "no", "no", *PLACES])
_names = itertools.count(1)


class Killed(BaseException):
    """Where the process would have died."""


@contextmanager
def killed(where: str) -> Iterator[None]:
    """What runs in the block dies there, if it comes there."""

    def then_die(method: Callable[..., object]) -> Callable[..., None]:
        def act_and_die(*args: object, **options: object) -> None:
            method(*args, **options)
            raise Killed

        return act_and_die

    append = Ledger.append

    def append_and_die_after_the_decision(ledger: Ledger, entry: NewEntry, *, after: int) -> Entry:
        written = append(ledger, entry, after=after)
        if entry.action != "repair":
            raise Killed
        return written

    deaths = {
        "no": (),
        "before an entry": (patch.object(Ledger, "append", side_effect=Killed),),
        "after an entry": (patch.object(Ledger, "append", then_die(append)),),
        "after the decision": (patch.object(Ledger, "append", append_and_die_after_the_decision),),
        "after an alias": (
            patch.object(Versions, "set_alias", then_die(Versions.set_alias)),
            patch.object(Versions, "delete_alias", then_die(Versions.delete_alias)),
        ),
        "after the aliases": (patch.object(Versions, "tag_model", side_effect=Killed),),
    }
    with ExitStack() as patched:
        for death in deaths[where]:
            patched.enter_context(death)
        yield


class Follower:
    """In the place of a model server that is followed: what becomes of a version there is its fate."""

    fates: ClassVar[dict[tuple[str, int], str]] = {}
    name = "the model server"

    def __init__(self, _: object, ledger: Ledger) -> None:
        self._ledger = ledger

    def carried_out(self, entry: Entry) -> Progress:
        if not is_wanted(entry, standing(self._ledger.entries(entry.model))):
            return Progress("superseded")
        return self._fate(entry, "refused")

    def held(self, entry: Entry, *_: object, **__: object) -> Progress:
        return self._fate(entry, "broken")

    def _fate(self, entry: Entry, bad: Literal["refused", "broken"]) -> Progress:
        is_new = entry.action in ("promote", "shadow") or entry.evidence.get("percent")
        if is_new and self.fates.get((entry.model, entry.version)) == bad:
            return Progress(bad, reason="as the test wants it")
        return Progress("served", ServedVersion(version=entry.version, runtime="onnx", since=entry.created_at))


class Histories(RuleBasedStateMachine):
    """One model in a real ledger and a real registry. Each rule is what one process, or one person, does."""

    trained: Releases
    died: Counter[tuple[str, str]]
    """How often a step was killed, by the last entry that it had written and by where."""
    written: Counter[str]
    """Entries of all histories, by their action; `retreat` are those that went back by themselves."""

    @initialize()
    def begin(self) -> None:
        self.releases = self.trained.another_model(f"history_{next(_names)}")
        self.versions = self.releases.world.versions
        self.ledger = self.releases.world.ledger
        self.undecided: list[int] = []
        self.interrupted: list[Callable[[], object]] = []
        self.runs = itertools.count(1)
        self.to_report = 0
        self.deploy_all(self.releases.register(), self.releases.register(promote=False))

    def deploy_all(self, *numbers: int) -> None:
        for number in numbers:
            self.step(lambda number=number: self.releases.deploy(number), "no")

    @rule(promote=st.sampled_from([True, True, False]), where=kills)
    def night(self, promote: bool, where: str) -> None:
        """A run from beginning to end."""
        number = self.releases.register(promote=promote)
        self.step(lambda: self.releases.deploy(number), where)

    @rule(promote=st.booleans())
    def begin_a_run(self, promote: bool) -> None:
        self.undecided.append(self.releases.register(promote=promote))

    @precondition(lambda self: self.undecided)
    @rule(data=st.data(), where=kills)
    def end_a_run(self, data: st.DataObject, where: str) -> None:
        number = data.draw(st.sampled_from(self.undecided))
        self.undecided.remove(number)
        self.step(lambda: self.releases.deploy(number), where)

    @rule(
        release=st.sampled_from(["direct", "canary", "shadow"]),
        fate=st.sampled_from(["good", "good", "refused", "broken"]),
        where=kills,
    )
    def served_night(self, release: Literal["direct", "canary", "shadow"], fate: str, where: str) -> None:
        """A run from beginning to end, of a model that is served."""
        number = self.releases.register()
        Follower.fates[self.releases.model, number] = fate
        served = self.releases.served(Serving(release=release), "http://127.0.0.1:9")
        self.step(lambda: served.deploy(number), where)

    @precondition(lambda self: self.releases.now.shadow)
    @rule(verdict=st.sampled_from(["promote", "reject"]), where=kills)
    def review(self, verdict: Literal["promote", "reject"], where: str) -> None:
        """What the step shadow_review does once it knows."""
        trial = trial_of(self.entries(), self.releases.now.shadow)
        self.step(partial(self.give_verdict, trial, Verdict(verdict, "seen on live traffic", "a review")), where)

    def give_verdict(self, trial: Entry, verdict: Verdict) -> None:
        report_moved(self.ledger, self.versions, self.releases.model)
        with suppress(TrialOverError):
            give_verdict(trial, verdict, self.ledger)
        mirror(self.ledger, self.versions, decided=self.entries()[-1])

    @rule(off=st.booleans())
    def switch(self, off: bool) -> None:
        before = self.releases.now
        asked = Switch(self.releases.model, off, "complaints", "ada", f"switch {next(self.runs)}")
        entry, is_new = switch(asked, self.ledger)
        assert is_new == (before.off != off)
        assert self.releases.now.off == off
        assert not is_new or entry.champion_version == before.champion

    @rule(to=st.just("previous") | st.integers(1, 6), where=kills)
    def rollback(self, to: int | str, where: str) -> None:
        run_id = f"run {next(self.runs)}"
        self.step(lambda: self.releases.rollback(to, run_id=run_id), where)

    @precondition(lambda self: self.interrupted)
    @rule(where=kills)
    def retry(self, where: str) -> None:
        """A run that was killed is tried again, at once or after others."""
        self.step(self.interrupted.pop(), where)

    @rule(data=st.data())
    def archive(self, data: st.DataObject) -> None:
        """What the step archive writes: never the champion, nor the previous one, nor what is undecided."""
        now = self.releases.now
        allowed = {entry.version for entry in self.entries() if entry.action in ("promote", "reject", "rollback")}
        allowed -= {now.champion, now.previous} | now.archived | now.on_trial
        if allowed:
            self.releases.append("archive", data.draw(st.sampled_from(sorted(allowed))))

    @precondition(lambda self: self.is_settled)  # else a hand may do what a killed run was about to do
    @rule(alias=st.sampled_from(["champion", "previous", "shadow"]), data=st.data())
    def move_by_hand(self, alias: str, data: st.DataObject) -> None:
        there = [None, *(version.version for version in self.versions.all())]
        to = data.draw(st.sampled_from([each for each in there if each != self.versions.alias(alias)]))
        self.versions.set_alias(alias, to) if to else self.versions.delete_alias(alias)
        self.to_report += 1
        self.is_settled = False

    def teardown(self) -> None:
        """Whatever happened, the next run that is left alone sets it right."""
        self.deploy_all(self.releases.register(promote=False))
        self.written.update("retreat" if "automatic" in entry.evidence else entry.action for entry in self.entries())

    def step(self, act: Callable[[], object], where: str) -> None:
        """Run a step. If it is not killed, everything is as the ledger says, and what a hand did is in it."""
        before = self.entries()
        try:
            with killed(where):
                act()
        except Killed:
            written = [entry.action for entry in self.entries()[len(before) :]]
            self.died[written[-1] if written else "nothing", where] += 1
            self.interrupted.append(act)
            self.is_settled = False
            self.check_ledger()
            return
        except ConfigurationError:  # a rollback was refused: nothing moved, what was found out is recorded
            assert {entry.action for entry in self.entries()[len(before) :]} <= {"repair"}
            return
        self.is_settled = True
        entries, aliases = self.entries(), self.versions.aliases()
        now = standing(entries)
        named = tuple(aliases.get(alias) for alias in ("champion", "previous", "shadow"))
        assert named == (now.champion, now.previous, now.shadow)
        assert sum(entry.action == "repair" for entry in entries) == self.to_report
        self.check_ledger()

    def entries(self) -> Sequence[Entry]:
        return self.ledger.entries(self.releases.model)

    def check_ledger(self) -> None:
        entries = self.entries()
        assert [entry.sequence for entry in entries] == list(range(1, len(entries) + 1))
        for entry, (before, after) in zip(entries, itertools.pairwise(standings(entries)), strict=True):
            assert (entry.champion_version, entry.previous_version) == (after.champion, after.previous)
            assert after.champion == before.champion or entry.action in ("promote", "rollback")
            assert after.champion not in after.archived
            assert after.champion not in after.barred
            assert entry.action != "promote" or entry.version not in before.barred
            assert entry.action != "promote" or before.trained_until is None or entry.as_of > before.trained_until
            assert not after.on_trial & ({after.champion} | after.barred | after.archived)
            assert entry.action not in ("promote", "rollback") or not after.on_trial
            assert entry.action != "reject" or entry.version not in after.on_trial
            assert after.off == (before.off if not entry.action.startswith("switch") else entry.action == "switch_off")


@pytest.mark.timeout(900)
def test_aliases_and_ledger_agree_after_any_history(trained_model, monkeypatch):
    """The artifact is not loaded here: that takes most of the time, and is seen to elsewhere."""
    for module in ("release_candidate", "rollback"):
        monkeypatch.setattr(f"retrainer.steps.{module}.check_reproduces", lambda *_, **__: ())
    monkeypatch.setattr("retrainer.steps.deploy.Follower", Follower)
    machine = type("Machine", (Histories,), {"trained": trained_model, "died": Counter(), "written": Counter()})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=15, stateful_step_count=20, deadline=None, derandomize=True)
    )
    assert set(machine.written) == {"retreat", *get_args(Action)} - {"approve"}
    assert {place for _, place in machine.died} == set(PLACES)
    assert {"promote", "rollback", "split", "shadow"} <= {
        last for last, place in machine.died if place not in PLACES[:1]
    }
