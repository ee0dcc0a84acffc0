"""deploy: write the decision into the ledger, then let the aliases follow it.

The ledger entry is the release; everything after it can be repeated and repaired from it. Before a promotion is written
the version is loaded afresh from the registry and has to give, to the byte, what it gave when it was trained.
"""

import logging

from retrainer.config.declaration import ModelConfig
from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import Decision, Entry, NewEntry, Registration, Release, StepRequest, TrainedModel
from retrainer.deployment import Champion, Plan, plan_release
from retrainer.errors import LedgerConflictError, UnsafeArtifactError
from retrainer.evaluation import predictions_of
from retrainer.ledger import Ledger
from retrainer.registry import CHALLENGER, CHAMPION, PREVIOUS, Versions, load_model
from retrainer.steps.compare import DECISION
from retrainer.steps.inputs import declaration, result_of
from retrainer.steps.tracking import connect_tracking

log = logging.getLogger(__name__)

_TRIES = 5


def run(request: StepRequest, settings: RuntimeSettings) -> Release:
    """Promote or reject, once for each request; run again, it only repairs the aliases."""
    config = declaration(request)
    registration = result_of(request, "register", Registration)
    trained = result_of(request, "train", TrainedModel)
    versions = Versions(connect_tracking(settings), config.name)
    ledger = Ledger.open(settings.ledger_url)
    entry = ledger.find(config.name, trained.identity)
    if entry is None:
        entry = _release(request, config, ledger, versions=versions, version=registration.version)
    mirror(versions, ledger.champion(config.name), decided=entry)
    log.info("entry %d of the ledger: %s v%d: %s", entry.sequence, entry.action, entry.version, entry.reason)
    return Release(**entry.model_dump(include=set(Release.model_fields)))


def mirror(versions: Versions, champion: Entry | None, *, decided: Entry) -> None:
    """Let the aliases say what the ledger says; a version that was decided about is no longer the challenger."""
    if champion is not None and champion.champion_version is not None:
        _point(versions, CHAMPION, champion.champion_version)
        if champion.previous_version is not None:
            _point(versions, PREVIOUS, champion.previous_version)
    if versions.alias(CHALLENGER) == decided.version:
        versions.delete_alias(CHALLENGER)
    versions.tag(decided.version, {"retrainer.release": f"{decided.action} (entry {decided.sequence})"})


def _point(versions: Versions, alias: str, version: int) -> None:
    found = versions.alias(alias)
    if found != version:
        log.info("alias %s: v%s, now v%d", alias, found, version)
        versions.set_alias(alias, version)


def _release(request: StepRequest, config: ModelConfig, ledger: Ledger, *, versions: Versions, version: int) -> Entry:
    """Append to the ledger what the decision means for the champion as it is now.

    Raises:
        LedgerConflictError: other releases took the next place each time.
        UnsafeArtifactError: the version does not give what it gave when it was trained.
    """
    decision = result_of(request, "compare", Decision)
    checked = False
    for attempt in range(1, _TRIES + 1):
        last, current = ledger.last(config.name), ledger.champion(config.name)
        plan = plan_release(decision, _champion(current), as_of=request.as_of, deployment=config.deployment)
        if plan.action == "promote" and not checked:
            _check_reproduces(versions, version)
            checked = True
        entry = _entry(request, plan, version=version, current=current)
        try:
            return ledger.append(entry, after=last.sequence if last else 0)
        except LedgerConflictError:
            if attempt == _TRIES:
                raise
            log.info("another release came first; deciding again on what is there now")
    raise AssertionError("unreachable")


def _champion(entry: Entry | None) -> Champion | None:
    if entry is None or entry.champion_version is None:
        return None
    return Champion(entry.champion_version, entry.as_of)


def _entry(request: StepRequest, plan: Plan, *, version: int, current: Entry | None) -> NewEntry:
    champion = current.champion_version if current else None
    trained = result_of(request, "train", TrainedModel)
    promoted = plan.action == "promote"
    return NewEntry(
        model=request.model,
        action=plan.action,
        version=version,
        previous_version=champion if promoted else (current.previous_version if current else None),
        champion_version=version if promoted else champion,
        as_of=request.as_of,
        identity=trained.identity,
        actor=f"airflow run {request.run_id}"[:200],
        reason=plan.reason[:2000],
        evidence={DECISION: request.inputs["compare"], "run_id": trained.run_id, "run_url": trained.run_url},
    )


def _check_reproduces(versions: Versions, number: int) -> None:
    version = versions.get(number)
    if version is None:
        raise UnsafeArtifactError(f"version {number} is not in the MLflow registry")
    loaded = load_model(version.source, digest=version.digest)
    output = predictions_of(loaded.pipeline, loaded.sample_inputs).output
    if output.tobytes() != loaded.sample_outputs.tobytes():
        raise UnsafeArtifactError(
            f"version {number}, loaded afresh, does not give what it gave when it was trained; it was not promoted"
        )
