"""What a decision may change. Pure: where the model stands goes in, the action and its reason come out."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from retrainer.config.declaration import Deployment
from retrainer.config.serving import Serving
from retrainer.contracts import Approval, Decision
from retrainer.deployment.standing import Standing


@dataclass(frozen=True, slots=True)
class Challenger:
    """A registered version, the moment up to which its training looked (aware), and what compare decided about it.

    `backfilled`: its run is a backfill, which puts nothing on trial.
    """

    version: int
    as_of: datetime
    decision: Decision
    backfilled: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write: promote or reject, and why, in one sentence."""

    action: Literal["promote", "reject"]
    reason: str


Way = Literal["direct", "canary", "shadow"]
"""How a challenger gets into production: at once, in growing shares of the traffic, or through the shadow."""


def way_of(serving: Serving | None, now: Standing) -> Way:
    """The way that `serving` declares; None: nothing serves the model.

    Where no version is in production, or the rule answers instead of it, there is nothing to share or to compare with.
    """
    if serving is None or now.champion is None or now.off:
        return "direct"
    return serving.release


def plan_release(
    challenger: Challenger,
    now: Standing,
    *,
    deployment: Deployment,
    approval: Approval | None = None,
    serving: Serving | None = None,
) -> Plan:
    """Promote only what was decided against the champion that is there now, and never backwards in time.

    A challenger that was in production and rolled away from stays away, and so does every one that looked no further
    than it: the same night trained again would only bring its twin back. Where the declaration requires approval, a
    person has to have given it; no answer is a no.
    """
    decision = challenger.decision
    if not decision.promote:
        return Plan("reject", decision.reason)
    way = way_of(serving, now)
    obstacle = next(_obstacles(challenger, now, deployment, approval, way=way), None)
    return Plan("reject", obstacle) if obstacle else Plan("promote", decision.reason)


def held_back(deployment: Deployment, approval: Approval | None) -> str | None:
    """Why the declaration, as it is now, lets nothing promote a version whose run got `approval`; None: it may be."""
    if not deployment.automatic:
        return "deployment.automatic is false"
    return next(_missing_approval(approval), None) if deployment.approval == "required" else None


def _obstacles(
    challenger: Challenger, now: Standing, deployment: Deployment, approval: Approval | None, *, way: Way
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
    if challenger.backfilled and way != "direct":
        yield (
            f"backfilled runs put no version on trial, and serving.release is {way}; otherwise tried: "
            f"{challenger.decision.reason}"
        )
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
