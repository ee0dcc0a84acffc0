"""deploy: write the decision into the ledger, then let aliases and model server follow it.

The ledger entry is the release; everything after it can be repeated and repaired from it. Before a promotion is written
the version is loaded afresh from the registry and has to give, to the byte, what it gave when it was trained. Where a
model server answers for the model, the release is complete when that answers with the version: at once, after growing
shares of the traffic, or from the shadow after a review, as `serving.release` says. A backfilled run puts
nothing on trial.
"""

import logging

from retrainer.config.declaration import ModelConfig
from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import Approval, Decision, Entry, Registration, Release, StepRequest, TrainedModel
from retrainer.deployment import standing, way_of
from retrainer.ledger import Ledger
from retrainer.registry import Versions
from retrainer.steps.inputs import declaration, result_of
from retrainer.steps.mirror import report_moved
from retrainer.steps.release_canary import Canary
from retrainer.steps.release_candidate import Candidate
from retrainer.steps.release_finish import Production, finish_release
from retrainer.steps.release_server import Follower, model_server
from retrainer.steps.release_verdict import make_room
from retrainer.steps.tracking import connect_tracking

log = logging.getLogger(__name__)


def run(request: StepRequest, settings: RuntimeSettings) -> Release:
    """Promote, try or reject, once for each request; run again, it finishes what was begun.

    Raises:
        LedgerConflictError: other releases took the next place each time.
        ModelServerError: the model server is away or too slow. Running it again goes on from there.
        UnsafeArtifactError: the version does not give what it gave when it was trained. Nothing was written.
    """
    config = declaration(request)
    versions = Versions(connect_tracking(settings), config.name)
    ledger = Ledger.open(settings.ledger_url)
    candidate = _candidate(request, config, versions, has_server=settings.has_server)
    server = model_server(settings) if candidate.serving else None
    follower = Follower(server, ledger) if server else None
    production = Production(ledger, versions, candidate.serving, follower)
    report_moved(ledger, versions, config.name)
    entry = ledger.find(config.name, candidate.identity) or _release(candidate, production)
    return finish_release(entry, production, actor=candidate.actor)


def _candidate(request: StepRequest, config: ModelConfig, versions: Versions, *, has_server: bool) -> Candidate:
    return Candidate(
        request=request,
        deployment=config.deployment,
        serving=config.serving if has_server else None,
        trained=result_of(request, "train", TrainedModel),
        registration=result_of(request, "register", Registration),
        decision=result_of(request, "compare", Decision),
        approval=result_of(request, "approve", Approval) if "approve" in request.inputs else None,
        versions=versions,
    )


def _release(candidate: Candidate, production: Production) -> Entry:
    """Append what the decision means for the champion that is there now; before a promotion, who approved it."""
    ledger, model, approval = production.ledger, candidate.model, candidate.approval
    entries = ledger.entries(model)
    now = standing(entries)
    is_tried = candidate.was_tried(entries)
    if not is_tried and candidate.plan(now).action == "reject":
        return ledger.write(model, candidate.identity, candidate.entry)
    if approval is not None and approval.approved:
        ledger.write(model, candidate.approve_identity, lambda entries: candidate.approve_entry(approval, entries))
    way = "canary" if is_tried else way_of(candidate.serving, now)
    if way == "canary" and candidate.serving and production.follower:
        return Canary(candidate, candidate.serving, ledger, production.follower).conduct()
    if way == "shadow":
        make_room(ledger, model, version=candidate.version, actor=candidate.actor)
        return ledger.write(model, candidate.identity, candidate.shadow_entry)
    return ledger.write(model, candidate.identity, candidate.entry)
