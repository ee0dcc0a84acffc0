"""A registered challenger, all that was decided about it, and the entries of the ledger that it may lead to."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from retrainer.config.declaration import Deployment
from retrainer.config.serving import Serving
from retrainer.contracts import (
    Action,
    Approval,
    Decision,
    Entry,
    NewEntry,
    Registration,
    StepRequest,
    TrainedModel,
    digest_json,
)
from retrainer.deployment import Challenger, Plan, Standing, plan_release, standing
from retrainer.errors import ConfigurationError
from retrainer.registry import Versions
from retrainer.steps.compare import DECISION
from retrainer.steps.reproduce import check_reproduces

APPROVAL = "approval"
"""Key of a person's answer in a ledger entry's evidence."""

PERCENT = "percent"
"""Key of the share of the traffic in the evidence of an entry `split`."""

VERDICT = "verdict"
"""Key, in the evidence of an entry that puts a version on trial, of the identity that the entry ending it will have."""


class TrialOverError(Exception):
    """A version on trial cannot stay there; the message says why."""


@dataclass
class Candidate:
    """`serving` is None where no server answers for the model; `reproduces` is true once it was seen to."""

    request: StepRequest
    deployment: Deployment
    serving: Serving | None
    trained: TrainedModel
    registration: Registration
    decision: Decision
    approval: Approval | None
    versions: Versions
    reproduces: bool = False

    @property
    def model(self) -> str:
        """The model's name."""
        return self.request.model

    @property
    def version(self) -> int:
        """The number under which it was registered."""
        return self.registration.version

    @property
    def identity(self) -> str:
        """Of the entry that decides about it: promote, reject or shadow."""
        return self.trained.identity

    @property
    def approve_identity(self) -> str:
        """Of the entry that says who approved it."""
        return digest_json({"action": "approve", "of": self.identity})

    @property
    def review_identity(self) -> str:
        """Of the entry that ends its time in the shadow."""
        return digest_json({"action": "review", "of": self.identity})

    def split_identity(self, percent: int) -> str:
        """Of the entry that gives it that share of the traffic."""
        return digest_json({"action": "split", "of": self.identity, "percent": percent})

    @property
    def actor(self) -> str:
        """Who writes the entries."""
        return f"airflow run {self.request.run_id}"[:200]

    @property
    def is_backfilled(self) -> bool:
        """Is its run a backfill?"""
        return self.request.params.get("backfill") is True

    def was_tried(self, entries: Sequence[Entry]) -> bool:
        """Has it had a share of the traffic?"""
        return any(entry.action == "split" and entry.version == self.version for entry in entries)

    def plan(self, now: Standing) -> Plan:
        """What it comes to where the model stands now.

        Raises:
            UnsafeArtifactError: it would be promoted, and does not give what it gave when it was trained.
        """
        challenger = Challenger(self.version, self.request.as_of, self.decision, backfilled=self.is_backfilled)
        plan = plan_release(challenger, now, deployment=self.deployment, approval=self.approval, serving=self.serving)
        if plan.action == "promote" and not self.reproduces:
            registered = self.versions.get(self.version)
            if registered is None:
                raise ConfigurationError(f"v{self.version} is not in the MLflow registry; it was not promoted")
            check_reproduces(registered, recorded=self.trained.artifact_digest)
            self.reproduces = True
        return plan

    def check_trial(self, entries: Sequence[Entry]) -> None:
        """May it get a share of the traffic, or keep the one that it has?

        Raises:
            TrialOverError: it may not; says why.
        """
        now = standing(entries)
        plan = self.plan(now)
        if plan.action == "reject":
            raise TrialOverError(plan.reason)
        if now.off:
            raise TrialOverError(f"the model was switched off while v{self.version} was on trial")
        if self.was_tried(entries) and self.version not in now.on_trial:
            raise TrialOverError(f"somebody ended the trial of v{self.version}")

    def entry(self, entries: Sequence[Entry]) -> NewEntry:
        """The entry that promotes or rejects it."""
        plan = self.plan(standing(entries))
        return self._entry(plan.action, entries, reason=plan.reason, identity=self.identity)

    def tried_entry(self, entries: Sequence[Entry]) -> NewEntry:
        """The entry that promotes it after its last share of the traffic.

        Raises:
            TrialOverError: it is not to be promoted where the model stands now.
        """
        self.check_trial(entries)
        return self._entry("promote", entries, reason=self.decision.reason, identity=self.identity)

    def reject_entry(self, entries: Sequence[Entry], reason: str) -> NewEntry:
        """The entry that rejects it after a trial."""
        return self._entry("reject", entries, reason=reason, identity=self.identity)

    def shadow_entry(self, entries: Sequence[Entry]) -> NewEntry:
        """The entry that puts it in the shadow, or rejects it."""
        plan = self.plan(standing(entries))
        if plan.action == "reject":
            return self.reject_entry(entries, plan.reason)
        reason = f"answers unseen until its review; {plan.reason}"
        evidence: dict[str, JsonValue] = {VERDICT: self.review_identity}
        return self._entry("shadow", entries, reason=reason, identity=self.identity, evidence=evidence)

    def split_entry(self, entries: Sequence[Entry], percent: int) -> NewEntry:
        """The entry that gives it a share of the traffic.

        Raises:
            TrialOverError: it is not to get one where the model stands now.
        """
        self.check_trial(entries)
        return self._split(entries, percent, f"gets {percent} % of the traffic; {self.decision.reason}")

    def no_split_entry(self, entries: Sequence[Entry], reason: str) -> NewEntry:
        """The entry that takes its share away."""
        return self._split(entries, 0, reason)

    def approve_entry(self, approval: Approval, entries: Sequence[Entry]) -> NewEntry:
        """The entry that says who approved the promotion."""
        reason = approval.message or f"approved the promotion of v{self.version}"
        entry = self._entry("approve", entries, reason=reason, identity=self.approve_identity)
        return entry.model_copy(update={"actor": approval.by[:200]})

    def _split(self, entries: Sequence[Entry], percent: int, reason: str) -> NewEntry:
        evidence: dict[str, JsonValue] = {PERCENT: percent, VERDICT: self.identity}
        identity = self.split_identity(percent)
        return self._entry("split", entries, reason=reason, identity=identity, evidence=evidence)

    def _entry(
        self,
        action: Action,
        entries: Sequence[Entry],
        *,
        reason: str,
        identity: str,
        evidence: dict[str, JsonValue] | None = None,
    ) -> NewEntry:
        then = standing(entries).then(action, self.version, as_of=self.request.as_of)
        return NewEntry(
            model=self.model,
            action=action,
            version=self.version,
            previous_version=then.previous,
            champion_version=then.champion,
            as_of=self.request.as_of,
            identity=identity,
            actor=self.actor,
            reason=reason[:2000],
            evidence=self._evidence() | (evidence or {}),
        )

    def _evidence(self) -> dict[str, JsonValue]:
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
