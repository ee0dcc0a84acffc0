"""Any order of promotions, rejections, rollbacks, archives, hands in the MLflow UI and kills: what always holds."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from unittest.mock import patch

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from retrainer.contracts import Entry
from retrainer.deployment import standings
from retrainer.errors import ConfigurationError
from retrainer.ledger import Ledger
from retrainer.registry import Versions
from tests.released import Releases

kills = st.sampled_from(["no", "no", "before the entry", "after the entry", "after an alias"])
_names = itertools.count(1)


class Killed(BaseException):
    """Where the process would have died."""


@contextmanager
def killed(where: str) -> Iterator[None]:
    """What runs in the block dies there, if it comes there."""
    append, set_alias = Ledger.append, Versions.set_alias

    def append_and_die(*args: object, **options: object) -> None:
        append(*args, **options)
        raise Killed

    def set_alias_and_die(*args: object) -> None:
        set_alias(*args)
        raise Killed

    deaths = {
        "no": patch.object(Ledger, "append", append),
        "before the entry": patch.object(Ledger, "append", side_effect=Killed),
        "after the entry": patch.object(Ledger, "append", append_and_die),
        "after an alias": patch.object(Versions, "set_alias", set_alias_and_die),
    }
    with deaths[where]:
        yield


class Histories(RuleBasedStateMachine):
    """One model in a real ledger and a real registry. Each rule is what one process, or one person, does."""

    trained: Releases

    @initialize()
    def begin(self) -> None:
        self.releases = self.trained.another_model(f"history_{next(_names)}")
        self.undecided: list[int] = []
        self.runs = itertools.count(1)
        self.to_report = 0
        self.deploy_all(self.releases.register(), self.releases.register(promote=False))

    def deploy_all(self, *numbers: int) -> None:
        for number in numbers:
            self.step(lambda number=number: self.releases.deploy(number), "no")

    @rule(promote=st.booleans())
    def train(self, promote: bool) -> None:
        self.undecided.append(self.releases.register(promote=promote))

    @precondition(lambda self: self.undecided)
    @rule(data=st.data(), where=kills)
    def deploy(self, data: st.DataObject, where: str) -> None:
        number = data.draw(st.sampled_from(self.undecided))
        self.step(lambda: self.releases.deploy(number), where)

    @rule(to=st.just("previous") | st.integers(1, 6), where=kills)
    def rollback(self, to: int | str, where: str) -> None:
        run_id = f"run {next(self.runs)}"
        self.step(lambda: self.releases.rollback(to, run_id=run_id), where)

    @rule(data=st.data())
    def archive(self, data: st.DataObject) -> None:
        """What the step archive writes: never the champion, nor the previous one, nor what is undecided."""
        now = self.releases.now
        allowed = {entry.version for entry in self.entries()} - {now.champion, now.previous} - now.archived
        if allowed:
            self.releases.append("archive", data.draw(st.sampled_from(sorted(allowed))))

    @precondition(lambda self: self.mirrored == self.named() == self.said())  # no run was killed on its way
    @rule(alias=st.sampled_from(["champion", "previous"]), data=st.data())
    def move_by_hand(self, alias: str, data: st.DataObject) -> None:
        versions = self.releases.world.versions
        there = [None, *(version.version for version in versions.all())]
        to = data.draw(st.sampled_from([each for each in there if each != versions.alias(alias)]))
        versions.set_alias(alias, to) if to else versions.delete_alias(alias)
        self.to_report += 1

    def step(self, act: Callable[[], object], where: str) -> None:
        """Run a step. If it is not killed, everything is as the ledger says, and what a hand did is in it."""
        before = self.entries()
        try:
            with killed(where):
                act()
        except Killed:
            self.check_ledger()
            return
        except ConfigurationError:  # a rollback was refused: nothing moved, what was found out is recorded
            assert {entry.action for entry in self.entries()[len(before) :]} <= {"repair"}
            return
        self.mirrored = self.said()
        assert self.named() == self.mirrored
        assert sum(entry.action == "repair" for entry in self.entries()) == self.to_report
        self.check_ledger()

    def entries(self) -> Sequence[Entry]:
        return self.releases.world.ledger.entries(self.releases.model)

    def named(self) -> tuple[int | None, int | None]:
        aliases = self.releases.aliases()
        return aliases.get("champion"), aliases.get("previous")

    def said(self) -> tuple[int | None, int | None]:
        now = self.releases.now
        return now.champion, now.previous

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


def test_aliases_and_ledger_agree_after_any_history(trained_model, monkeypatch):
    """The artifact is not loaded here: that takes most of the time, and is seen to elsewhere."""
    for step in ("deploy", "rollback"):
        monkeypatch.setattr(f"retrainer.steps.{step}.check_reproduces", lambda *_, **__: ())
    machine = type("Machine", (Histories,), {"trained": trained_model})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=25, stateful_step_count=20, deadline=None, derandomize=True)
    )
