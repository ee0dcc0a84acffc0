"""What a decision may change. Pure: the champion as it is now goes in, the entry to write comes out."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from retrainer.config.declaration import Deployment
from retrainer.contracts import Decision


@dataclass(frozen=True, slots=True)
class Champion:
    """The version in production, and the moment up to which its training run looked (aware)."""

    version: int
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write: promote or reject, and why, in one sentence."""

    action: Literal["promote", "reject"]
    reason: str


def plan_release(decision: Decision, champion: Champion | None, *, as_of: datetime, deployment: Deployment) -> Plan:
    """Promote only what was decided against the champion that is there now, and never backwards in time.

    `as_of` (aware) is the challenger's. A champion that changed since the decision, or that looked as far or further,
    keeps its place: the challenger is rejected with that reason.
    """
    if not decision.promote:
        return Plan("reject", decision.reason)
    current = champion.version if champion else None
    if decision.champion_version != current:
        against = f"v{decision.champion_version}" if decision.champion_version else "the baseline rule"
        now = f"v{current}" if current else "none"
        return Plan("reject", f"the champion changed during the run: compared with {against}, now {now}")
    if champion is not None and as_of <= champion.as_of:
        return Plan(
            "reject",
            f"champion v{champion.version} was trained as of {champion.as_of:%Y-%m-%d %H:%M} UTC, "
            f"not before {as_of:%Y-%m-%d %H:%M} UTC: a run never moves the champion backwards in time",
        )
    if not deployment.automatic:
        return Plan("reject", f"deployment.automatic is false; otherwise promoted: {decision.reason}")
    return Plan("promote", decision.reason)
