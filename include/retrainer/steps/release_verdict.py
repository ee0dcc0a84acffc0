"""How a trial ends: a verdict about a version that got a share of the traffic, or answered in the shadow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from pydantic import JsonValue

from retrainer.contracts import Entry, NewEntry
from retrainer.deployment import standing
from retrainer.ledger import Ledger
from retrainer.steps.release_candidate import PERCENT, VERDICT, TrialOverError


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be written about a version on trial, by whom and why; `evidence` beside that of its trial."""

    action: Literal["promote", "reject"]
    reason: str
    actor: str
    evidence: Mapping[str, JsonValue] = field(default_factory=dict)


def trial_of(entries: Sequence[Entry], version: int) -> Entry:
    """The entry that put `version` on trial last."""
    return next(entry for entry in reversed(entries) if entry.version == version and VERDICT in entry.evidence)


def verdict_on(trial: Entry, ledger: Ledger) -> Entry | None:
    """The verdict that ended `trial`; None while there is none."""
    return ledger.find(trial.model, _identity(trial))


def give_verdict(trial: Entry, verdict: Verdict, ledger: Ledger) -> Entry:
    """End `trial`. There is one verdict on each: where it has one, that is it.

    Raises:
        LedgerConflictError: other releases took the next place each time.
        TrialOverError: it is to be promoted, and the trial has ended without a verdict: nobody compared the version
            with what is in production now.
    """
    return ledger.write(trial.model, _identity(trial), partial(_entry, trial, verdict))


def make_room(ledger: Ledger, model: str, *, version: int, actor: str) -> None:
    """Reject every other version on trial: one at a time, and the newest has learned from the most."""
    entries = ledger.entries(model)
    for other in sorted(standing(entries).on_trial - {version}):
        verdict = Verdict("reject", f"v{version} takes its place on trial", actor)
        give_verdict(trial_of(entries, other), verdict, ledger)


def _entry(trial: Entry, verdict: Verdict, entries: Sequence[Entry]) -> NewEntry:
    now = standing(entries)
    if verdict.action == "promote" and trial.version not in now.on_trial:
        raise TrialOverError(f"v{trial.version} of {trial.model} is not on trial any more, now v{now.champion}")
    then = now.then(verdict.action, trial.version, as_of=trial.as_of)
    kept = {key: value for key, value in trial.evidence.items() if key not in (PERCENT, VERDICT)}
    return NewEntry(
        model=trial.model,
        action=verdict.action,
        version=trial.version,
        previous_version=then.previous,
        champion_version=then.champion,
        as_of=trial.as_of,
        identity=_identity(trial),
        actor=verdict.actor,
        reason=verdict.reason[:2000],
        evidence=kept | dict(verdict.evidence),
    )


def _identity(trial: Entry) -> str:
    return str(trial.evidence[VERDICT])
