"""What a decision may change. Pure: where the model stands goes in, the action and its reason come out."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from retrainer.config.declaration import Deployment
from retrainer.contracts import Approval, Decision
from retrainer.deployment.standing import Standing


@dataclass(frozen=True, slots=True)
class Challenger:
    """A registered version, the moment up to which its training looked (aware), and what compare decided about it."""

    version: int
    as_of: datetime
    decision: Decision


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write: promote or reject, and why, in one sentence."""

    action: Literal["promote", "reject"]
    reason: str


def plan_release(
    challenger: Challenger, now: Standing, *, deployment: Deployment, approval: Approval | None = None
) -> Plan:
    """Promote only what was decided against the champion that is there now, and never backwards in time.

    A challenger that was in production and rolled away from stays away, and so does every one that looked no further
    than it: the same night trained again would only bring its twin back. Where the declaration requires approval, a
    person has to have given it; no answer is a no.
    """
    decision = challenger.decision
    if not decision.promote:
        return Plan("reject", decision.reason)
    obstacle = next(_obstacles(challenger, now, deployment, approval), None)
    return Plan("reject", obstacle) if obstacle else Plan("promote", decision.reason)


def _obstacles(
    challenger: Challenger, now: Standing, deployment: Deployment, approval: Approval | None
) -> Iterator[str]:
    """Why the ledger, the declaration or a person stand against what compare would promote."""
    version, compared = challenger.version, challenger.decision.champion_version
    if compared != now.champion:
        against = f"v{compared}" if compared else "the baseline rule"
        present = f"v{now.champion}" if now.champion else "none"
        yield f"the champion changed during the run: compared with {against}, now {present}"
    if version in now.barred:
        yield f"v{version} was rolled away from: only a person puts it back, with another rollback"
    if version in now.archived:
        yield f"v{version} is archived: its files are deleted"
    if now.trained_until is not None and challenger.as_of <= now.trained_until:
        yield (
            f"a version trained as of {now.trained_until:%Y-%m-%d %H:%M} UTC has been in production, this one looked "
            f"no further than {challenger.as_of:%Y-%m-%d %H:%M} UTC: a run never moves the champion backwards in time"
        )
    if not deployment.automatic:
        yield f"deployment.automatic is false; otherwise promoted: {challenger.decision.reason}"
    if deployment.approval == "required":
        yield from _missing_approval(approval)


def _missing_approval(approval: Approval | None) -> Iterator[str]:
    if approval is None:
        yield "a promotion of this model needs approval, and no answer came to deploy"
    elif not approval.asked:
        yield approval.message or "a promotion of this model needs approval, and nobody was asked"
    elif not approval.approved:
        who = f"{approval.by} rejected it" if approval.by else "nobody approved it in time"
        when = f" on {approval.at:%Y-%m-%d at %H:%M} UTC" if approval.by and approval.at else ""
        yield f"{who}{when}" + (f": {approval.message}" if approval.message else "")
    elif not approval.by:
        yield "the approval does not say who gave it"
