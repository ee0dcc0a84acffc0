"""shadow_review: may the version in the shadow have the traffic that it has answered unseen?

Its predictions and the champion's, of the same requests, are compared with each other and with the labels that have
become known since. It is promoted when it passes the test that the gates declare, rejected when it is shown to be
worse, and stays in the shadow otherwise: then nothing is written. It stays there too where the declaration by now lets
nothing be promoted, or not without an approval that it does not have. A verdict is released as deploy does it.
"""

import logging
from dataclasses import dataclass
from typing import Literal

from retrainer.config.declaration import ModelConfig
from retrainer.config.runtime import RuntimeSettings
from retrainer.config.serving import Serving
from retrainer.contracts import Approval, Entry, ShadowReview, StepRequest
from retrainer.deployment import held_back, standing
from retrainer.errors import ConfigurationError
from retrainer.evaluation import PairedDifference
from retrainer.evaluation.slices import MIN_BLOCKS
from retrainer.ledger import Ledger
from retrainer.registry import Versions
from retrainer.snapshots import connect
from retrainer.steps.inputs import declaration
from retrainer.steps.mirror import report_moved
from retrainer.steps.release_candidate import APPROVAL, TrialOverError
from retrainer.steps.release_finish import Production, finish_release
from retrainer.steps.release_server import Follower, model_server
from retrainer.steps.release_verdict import Verdict, give_verdict, verdict_on
from retrainer.steps.reproduce import check_reproduces
from retrainer.steps.review_judge import Judgement, judge, judge_service, look_at
from retrainer.steps.review_rows import NO_LABELS, Trial, TrialRows
from retrainer.steps.tracking import connect_tracking

log = logging.getLogger(__name__)

REVIEW = "review"
"""Key of the review in the evidence of the entry that it led to."""


def run(request: StepRequest, settings: RuntimeSettings) -> ShadowReview:
    """Review the version in the shadow; run again after a kill, finish the release that the same run began.

    Raises:
        ModelServerError: the model server is away or too slow. Running it again goes on from there.
        UnsafeArtifactError: the version does not give what it gave when it was trained. Nothing was written.
    """
    config = declaration(request)
    ledger = Ledger.open(settings.ledger_url)
    trial = next((entry for entry in reversed(ledger.entries(config.name)) if entry.action == "shadow"), None)
    if trial is None:
        return _nothing(config.name, "no version has been in the shadow yet")
    if config.serving is None:
        return _nothing(config.name, "the declaration has no section serving: no server answers for the model")
    if not config.serving.log_predictions:
        return _nothing(config.name, "serving.log_predictions is false: there is nothing to compare")
    if request.params.get("backfill") is True:
        return _nothing(config.name, "backfilled runs decide nothing about what the model server answers with")
    return _Review(request, settings, config, config.serving, ledger, trial).conduct()


@dataclass(frozen=True, slots=True)
class _Review:
    """The review of one trial; `trial` is the entry that put the version in the shadow."""

    request: StepRequest
    settings: RuntimeSettings
    config: ModelConfig
    serving: Serving
    ledger: Ledger
    trial: Entry

    @property
    def actor(self) -> str:
        """Who writes the verdict."""
        return f"shadow review, airflow run {self.request.run_id}"[:200]

    def conduct(self) -> ShadowReview:
        """Compare, decide, release."""
        model, version = self.config.name, self.trial.version
        entry = verdict_on(self.trial, self.ledger)
        if entry is None:
            now = standing(self.ledger.entries(model))
            if now.shadow != version or now.champion is None:
                return _nothing(model, f"no version is in the shadow: v{now.champion} came into production meanwhile")
            found = self._unless_held_back(self._compare(now.champion))
            log.info("v%d in the shadow: %s: %s", version, found.verdict, found.reason)
            if found.verdict == "unknown":
                return found
            try:
                entry = self._decide(found, found.verdict)
            except TrialOverError as over:
                return _nothing(model, str(over))
        if entry.actor != self.actor:
            return _nothing(model, f"no version is in the shadow: entry {entry.sequence} decided about the last one")
        return self._release(entry)

    def _compare(self, champion: int) -> ShadowReview:
        asked = self.serving.review
        trial = Trial(self.trial.version, champion, self.trial.created_at)
        with connect() as connection:
            rows = TrialRows(self.config, self.settings.data_uri, connection)
            pairs = rows.read_pairs(trial, tolerance=asked.tolerance)
            labelled = rows.read_labels(self.request.as_of) if pairs.count else NO_LABELS
        look = look_at(labelled, min_rows=asked.min_rows)
        if look is None:
            needed = f"at least {asked.min_rows:,} of {MIN_BLOCKS} blocks are needed"
            said = f"{pairs.count:,} predictions were made by both, {len(labelled):,} of rows that have a label by now"
            judgement = Judgement("unknown", f"not known yet: {said}; {needed}")
        else:
            service = judge_service(self.serving, pairs)
            judgement = judge(self.config, labelled, look, champion=champion, service=service)
        return ShadowReview(
            model=self.config.name,
            version=self.trial.version,
            champion_version=champion,
            verdict=judgement.verdict,
            reason=judgement.reason,
            pairs=pairs.count,
            agreement=pairs.agreement,
            shadow_p95_ms=pairs.shadow_p95_ms,
            champion_p95_ms=pairs.champion_p95_ms,
            labelled=len(labelled),
            metric=self.config.evaluation.metric,
            confidence=judgement.confidence,
            gates=judgement.gates,
            **_numbers(judgement.measured),
        )

    def _unless_held_back(self, found: ShadowReview) -> ShadowReview:
        """The same, but not known yet where a promotion is not the review's to make."""
        answer = self.trial.evidence.get(APPROVAL)
        approval = Approval.model_validate(answer) if answer is not None else None
        obstacle = held_back(self.config.deployment, approval) if found.verdict == "promote" else None
        if obstacle is None:
            return found
        reason = f"{obstacle}; otherwise promoted: {found.reason}"
        return found.model_copy(update={"verdict": "unknown", "reason": reason})

    def _decide(self, found: ShadowReview, verdict: Literal["promote", "reject"]) -> Entry:
        """Write the verdict. A version is promoted only while it gives what it gave when it was trained."""
        versions = self._versions()
        report_moved(self.ledger, versions, self.config.name)
        if verdict == "promote":
            registered = versions.get(self.trial.version)
            if registered is None:
                raise ConfigurationError(f"v{self.trial.version} is not in the MLflow registry; it was not promoted")
            check_reproduces(registered, recorded=str(self.trial.evidence["artifact_digest"]))
        evidence = {REVIEW: found.model_dump(mode="json")}
        return give_verdict(self.trial, Verdict(verdict, found.reason, self.actor, evidence), self.ledger)

    def _release(self, entry: Entry) -> ShadowReview:
        server = model_server(self.settings)
        follower = Follower(server, self.ledger) if server else None
        production = Production(self.ledger, self._versions(), self.serving, follower)
        release = finish_release(entry, production, actor=self.actor)
        found = ShadowReview.model_validate(entry.evidence[REVIEW])
        went_back = release.sequence != entry.sequence
        return found.model_copy(
            update={
                "reason": release.reason if went_back else found.reason,
                "champion_version": release.champion_version,
                "action": release.action,
                "sequence": release.sequence,
                "as_of": release.as_of,
                "served": release.served,
                "note": release.note,
            }
        )

    def _versions(self) -> Versions:
        return Versions(connect_tracking(self.settings), self.config.name)


def _numbers(measured: PairedDifference | None) -> dict[str, float | None]:
    if measured is None or not measured.is_finite:
        return {}
    return {
        "shadow_value": measured.challenger,
        "champion_value": measured.reference,
        "difference": measured.difference,
        "low": measured.low,
        "high": measured.high,
    }


def _nothing(model: str, reason: str) -> ShadowReview:
    log.info("%s", reason)
    return ShadowReview(model=model, verdict="unknown", reason=reason)
