"""deploy: write the decision into the ledger, then let the aliases follow it.

The ledger entry is the release; everything after it can be repeated and repaired from it. Before a promotion is written
the version is loaded afresh from the registry and has to give, to the byte, what it gave when it was trained.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from retrainer.config.declaration import Deployment
from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import (
    Approval,
    Decision,
    Entry,
    NewEntry,
    Registration,
    Release,
    StepRequest,
    TrainedModel,
    digest_json,
)
from retrainer.deployment import Challenger, Plan, Standing, plan_release, standing
from retrainer.errors import ConfigurationError
from retrainer.ledger import Ledger
from retrainer.registry import Versions
from retrainer.steps.compare import DECISION
from retrainer.steps.inputs import declaration, result_of
from retrainer.steps.mirror import mirror, report_moved
from retrainer.steps.reproduce import check_reproduces
from retrainer.steps.tracking import connect_tracking

log = logging.getLogger(__name__)

APPROVAL = "approval"
"""Key of a person's answer in a ledger entry's evidence."""


def run(request: StepRequest, settings: RuntimeSettings) -> Release:
    """Promote or reject, once for each request; run again, it only repairs the aliases."""
    config = declaration(request)
    versions = Versions(connect_tracking(settings), config.name)
    ledger = Ledger.open(settings.ledger_url)
    candidate = _Candidate(
        request=request,
        deployment=config.deployment,
        trained=result_of(request, "train", TrainedModel),
        registration=result_of(request, "register", Registration),
        decision=result_of(request, "compare", Decision),
        approval=result_of(request, "approve", Approval) if "approve" in request.inputs else None,
        versions=versions,
    )
    report_moved(ledger, versions, config.name)
    entry = ledger.find(config.name, candidate.trained.identity) or _release(candidate, ledger)
    mirror(ledger, versions, decided=entry)
    log.info("entry %d of the ledger: %s v%d: %s", entry.sequence, entry.action, entry.version, entry.reason)
    return Release(**entry.model_dump(include=set(Release.model_fields)))


@dataclass
class _Candidate:
    """A challenger and all that was decided about it; `reproduces` once it was seen to."""

    request: StepRequest
    deployment: Deployment
    trained: TrainedModel
    registration: Registration
    decision: Decision
    approval: Approval | None
    versions: Versions
    reproduces: bool = False

    @property
    def version(self) -> int:
        return self.registration.version

    @property
    def approve_identity(self) -> str:
        return digest_json({"action": "approve", "of": self.trained.identity})

    def plan(self, now: Standing) -> Plan:
        """What it comes to where the model stands now.

        Raises:
            UnsafeArtifactError: it would be promoted, and does not give what it gave when it was trained.
        """
        challenger = Challenger(self.version, self.request.as_of, self.decision)
        plan = plan_release(challenger, now, deployment=self.deployment, approval=self.approval)
        if plan.action == "promote" and not self.reproduces:
            registered = self.versions.get(self.version)
            if registered is None:
                raise ConfigurationError(f"v{self.version} is not in the MLflow registry; it was not promoted")
            check_reproduces(registered, recorded=self.trained.artifact_digest)
            self.reproduces = True
        return plan

    def entry(self, entries: Sequence[Entry]) -> NewEntry:
        """The entry that promotes or rejects it."""
        now = standing(entries)
        plan = self.plan(now)
        then = now.then(plan.action, self.version, as_of=self.request.as_of)
        return NewEntry(
            model=self.request.model,
            action=plan.action,
            version=self.version,
            previous_version=then.previous,
            champion_version=then.champion,
            as_of=self.request.as_of,
            identity=self.trained.identity,
            actor=f"airflow run {self.request.run_id}"[:200],
            reason=plan.reason[:2000],
            evidence=self.evidence(),
        )

    def approve_entry(self, approval: Approval, entries: Sequence[Entry]) -> NewEntry:
        """The entry that says who approved the promotion."""
        now = standing(entries)
        return NewEntry(
            model=self.request.model,
            action="approve",
            version=self.version,
            previous_version=now.previous,
            champion_version=now.champion,
            as_of=self.request.as_of,
            identity=self.approve_identity,
            actor=approval.by[:200],
            reason=(approval.message or f"approved the promotion of v{self.version}")[:2000],
            evidence=self.evidence(),
        )

    def evidence(self) -> dict[str, JsonValue]:
        found: dict[str, JsonValue] = {
            DECISION: self.request.inputs["compare"],
            "run_id": self.trained.run_id,
            "run_url": self.trained.run_url,
            "report_url": self.decision.report_url,
            "card_url": self.registration.card_url,
            "version_url": self.registration.version_url,
            "artifact_digest": self.trained.artifact_digest,
        }
        if self.approval is not None:
            found[APPROVAL] = self.approval.model_dump(mode="json")
        return found


def _release(candidate: _Candidate, ledger: Ledger) -> Entry:
    """Append what the decision means for the champion that is there now; before a promotion, who approved it.

    Raises:
        LedgerConflictError: other releases took the next place each time.
        UnsafeArtifactError: the version does not give what it gave when it was trained.
    """
    model, approval = candidate.request.model, candidate.approval
    now = standing(ledger.entries(model))
    if approval is not None and approval.approved and candidate.plan(now).action == "promote":
        ledger.write(model, candidate.approve_identity, lambda entries: candidate.approve_entry(approval, entries))
    return ledger.write(model, candidate.trained.identity, candidate.entry)
