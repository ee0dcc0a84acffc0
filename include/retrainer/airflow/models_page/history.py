"""A model's entries in words: what was done, measured, answered, and where it can be looked up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pydantic import JsonValue, ValidationError

from retrainer.airflow.models_page.addresses import Link, links_in
from retrainer.airflow.models_page.numbers import signed
from retrainer.contracts import Action, Approval, Contract, Decision, Entry
from retrainer.deployment import Standing, percent_of, standing

PAGE_SIZE = 100
"""Entries on one page of a history."""

_LATEST = 5

_RUN = "airflow run "
"""How the actor of an entry that a run wrote begins; the run's id follows."""

_BY_DEPLOY = ("promote", "reject", "split", "shadow", "rollback", "switch_off")

_HEADLINES: Mapping[Action, str] = {
    "approve": "{} approved",
    "archive": "Files of {} deleted",
    "shadow": "{} in the shadow: it answers unseen",
    "switch_off": "Switched off: the rule answers instead of {}",
    "switch_on": "Switched on: {} answers again",
}
"""Of an action that is told in the same words each time; the braces stand for the version."""

Evidence = TypeVar("Evidence", bound=Contract)


@dataclass(frozen=True, slots=True)
class Line:
    """One entry. `run_id` is that of the training run that wrote it; empty where it was somebody else."""

    entry: Entry
    headline: str
    run_id: str
    decision: Decision | None
    measured: str
    approval: str
    links: tuple[Link, ...]

    @property
    def failed_gates(self) -> list[str]:
        """Names of the gates that were not passed."""
        return [gate.name for gate in self.decision.gates if not gate.passed] if self.decision else []


@dataclass(frozen=True, slots=True)
class History:
    """All that the ledger says of a model. `entries` are the newest first."""

    model: str
    has_dags: bool
    standing: Standing
    entries: tuple[Entry, ...]

    @property
    def champion(self) -> Line | None:
        """The entry with which the version in production was promoted: it has the version's links."""
        version = self.standing.champion
        places = (n for n, e in enumerate(self.entries) if e.action == "promote" and e.version == version)
        place = next(places, None)
        return None if place is None else self._line(place)

    @property
    def latest(self) -> list[Line]:
        """The newest few."""
        return self._lines(range(_LATEST))

    @property
    def newest_decision(self) -> int | None:
        """The newest entry that has a decision of compare; None where there is none."""
        return next((entry.sequence for entry in self.entries if "decision" in entry.evidence), None)

    @property
    def pages(self) -> int:
        """Of how many pages the history is; at least one."""
        return max(1, -(-len(self.entries) // PAGE_SIZE))

    def page(self, number: int) -> list[Line]:
        """The lines of page `number`, from 1."""
        return self._lines(range((number - 1) * PAGE_SIZE, number * PAGE_SIZE))

    def page_of(self, sequence: int) -> int | None:
        """The page that entry `sequence` is on; None where there is no such entry."""
        places = (place for place, entry in enumerate(self.entries) if entry.sequence == sequence)
        place = next(places, None)
        return None if place is None else place // PAGE_SIZE + 1

    def _lines(self, places: range) -> list[Line]:
        return [self._line(place) for place in places[: len(self.entries) - places.start]]

    def _line(self, place: int) -> Line:
        before = self.entries[place + 1].champion_version if place + 1 < len(self.entries) else None
        return _line(self.entries[place], before)


def history_of(model: str, entries: Sequence[Entry], *, has_dags: bool) -> History:
    """The history of `model` from all its entries, oldest first."""
    return History(model, has_dags, standing(entries), tuple(reversed(entries)))


def _line(entry: Entry, champion: int | None) -> Line:
    """`champion` was in production before the entry."""
    decision = _read(entry.evidence, "decision", Decision)
    approval = _read(entry.evidence, "approval", Approval)
    return Line(
        entry=entry,
        headline=_headline(entry, champion),
        run_id=_training_run(entry),
        decision=decision,
        measured=_measured(decision) if decision else "",
        approval=_answer(approval) if approval else "",
        links=links_in(entry.evidence, decision),
    )


def _training_run(entry: Entry) -> str:
    by_deploy = entry.action in _BY_DEPLOY and entry.actor.startswith(_RUN)
    return entry.actor.removeprefix(_RUN) if by_deploy else ""


def _headline(entry: Entry, champion: int | None) -> str:
    version = f"v{entry.version}"
    match entry.action:
        case "promote":
            return f"{version} promoted" + (f" over v{champion}" if champion else ", the first champion")
        case "reject":
            return f"{version} rejected" + (f", v{champion} stays" if champion else ", still no champion")
        case "rollback":
            return "Rolled back" + (f" from v{champion}" if champion else "") + f" to {version}"
        case "repair":
            return f"Alias set back to v{entry.champion_version or entry.version}"
        case "split":
            percent = percent_of(entry.evidence)
            return f"{version} gets {percent} % of the traffic" if percent else f"{version} gets no more traffic"
        case _:
            return _HEADLINES[entry.action].format(version)


def _measured(decision: Decision) -> str:
    """What both models were worth on the same rows; empty where the challenger could not be measured."""
    if decision.challenger_value is None:
        return ""
    words = f"{decision.metric} {decision.challenger_value:.4f}"
    if decision.reference_value is not None:
        version = f" v{decision.champion_version}" if decision.champion_version else ""
        words += f" against {decision.reference_value:.4f} of the {decision.reference}{version}"
    if decision.difference is not None:
        words += f": difference {signed(decision.difference)}"
    if decision.low is not None and decision.high is not None:
        words += f", {decision.confidence * 100:g} % interval {signed(decision.low)} to {signed(decision.high)}"
    return f"{words}, on {decision.rows:,} rows in {decision.blocks:,} blocks"


def _answer(approval: Approval) -> str:
    if not approval.asked:
        return approval.message or "no approval was asked for"
    answer = "approved" if approval.approved else "not approved"
    words = f"{answer} by {approval.by}" if approval.by else f"{answer}: nobody answered in time"
    return f"{words} ({approval.message})" if approval.message else words


def _read(evidence: Mapping[str, JsonValue], key: str, contract: type[Evidence]) -> Evidence | None:
    """The evidence under `key`; None where there is none, or it was written by a version with other fields."""
    try:
        return contract.model_validate(evidence[key])
    except (KeyError, ValidationError):
        return None
