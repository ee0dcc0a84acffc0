"""compare: champion and challenger on the same rows, newer than either has seen; the first model against the rule."""

import logging
from dataclasses import dataclass

import pandas as pd

from retrainer.columns import columns_of, rule_scores
from retrainer.config.declaration import ModelConfig
from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import Decision, FeatureSet, Interval, ServingRuntime, StepRequest, TrainedModel
from retrainer.deployment import standing
from retrainer.errors import BadDataError, ConfigurationError
from retrainer.evaluation import (
    Candidate,
    Comparison,
    Predictions,
    decide,
    holdout_problem,
    predictions_of,
    reject,
    rule_predictions,
)
from retrainer.features import feature_columns
from retrainer.ledger import Ledger
from retrainer.registry import Tracking, Versions, load_model, log_results, upload
from retrainer.saved import LoadedModel
from retrainer.steps.evaluation_report import Evaluated, publish
from retrainer.steps.examples import read_holdout
from retrainer.steps.inputs import declaration, result_of
from retrainer.steps.served_artifact import check_on_holdout, time_artifact
from retrainer.steps.tracking import connect_tracking
from retrainer.training import Examples, load_rule

log = logging.getLogger(__name__)

DECISION = "decision"
"""Key of the decision in a ledger entry's evidence."""


@dataclass(frozen=True, slots=True)
class _Champion:
    """The model in production."""

    model: LoadedModel
    version: int


def run(request: StepRequest, settings: RuntimeSettings) -> Decision:
    """Decide about the challenger, or find what was decided about this very request before."""
    config = declaration(request)
    trained = result_of(request, "train", TrainedModel)
    features = result_of(request, "build_features", FeatureSet)
    ledger = Ledger.open(settings.ledger_url)
    before = ledger.find(config.name, trained.identity)
    if before is not None:
        log.info("this request was decided before, entry %d of the ledger", before.sequence)
        return Decision.model_validate(before.evidence[DECISION])
    tracking = connect_tracking(settings)
    now = standing(ledger.entries(config.name))
    champion = _load_champion(Versions(tracking, config.name), now.champion)
    try:
        evaluated = _evaluate(config, features, trained, champion=champion)
    except BadDataError as error:  # what cannot be computed has not been shown
        evaluated = _rejected(config, str(error), now.champion)
    decision = evaluated.decision
    log.info("%s: %s", "promote" if decision.promote else "reject", decision.reason)
    for gate in decision.gates:
        log.info("gate %s %s: %s", gate.name, "passed" if gate.passed else "FAILED", gate.message)
    if decision.export is not None:
        log.info("to be served by %s: %s", decision.export.runtime, decision.export.message)
    decision = decision.model_copy(update={"report_url": publish(tracking, config, trained, evaluated)})
    _log_decision(tracking, trained, decision)
    return decision


def _load_champion(versions: Versions, number: int | None) -> _Champion | None:
    if number is None:
        return None
    version = versions.get(number)
    if version is None:
        raise ConfigurationError(
            f"champion v{number} of the ledger is not in the MLflow registry",
            hint="Restore it there: nothing is compared against a model that is gone.",
        )
    return _Champion(load_model(version.source, digest=version.digest), version.version)


def _evaluate(
    config: ModelConfig, features: FeatureSet, trained: TrainedModel, *, champion: _Champion | None
) -> Evaluated:
    version = champion.version if champion else None
    holdout = _unseen(features.holdout, trained, champion)
    if holdout is None:
        return _rejected(config, f"champion v{version} learned from all rows of the holdout", version)
    columns = tuple(dict.fromkeys((*feature_columns(config), *(champion.model.facts.columns if champion else ()))))
    rows, newest = read_holdout(config, features, window=holdout, columns=columns)
    problem = holdout_problem(config, rows.label, rows.block)
    if problem:
        return _rejected(config, problem, version, rows=len(rows))
    challenger = load_model(trained.model_uri, digest=trained.artifact_digest)
    comparison = _compare(config, holdout, rows, challenger=challenger, champion=champion)
    export = check_on_holdout(config, challenger, rows.features, outputs=comparison.challenger.output)
    candidate = _candidate(config, challenger, champion, newest=newest, runtime=export.runtime)
    verdict = decide(config, comparison, candidate)
    decision = verdict.decision.model_copy(update={"export": export})
    return Evaluated(decision, comparison, verdict.differences, challenger, rows)


def _rejected(config: ModelConfig, reason: str, champion_version: int | None, *, rows: int = 0) -> Evaluated:
    return Evaluated(reject(config, reason, champion_version=champion_version, rows=rows), None, None, None, None)


def _unseen(holdout: Interval, trained: TrainedModel, champion: _Champion | None) -> Interval | None:
    """The part of the holdout that neither model learned from; None if there is none."""
    ends = [holdout.start, trained.training.end]
    if champion is not None:
        ends.append(champion.model.facts.training.end)
    return Interval(start=max(ends), end=holdout.end) if max(ends) < holdout.end else None


def _compare(
    config: ModelConfig, holdout: Interval, rows: Examples, *, challenger: LoadedModel, champion: _Champion | None
) -> Comparison:
    champion_says = predictions_of(champion.model.pipeline, rows.features) if champion else None
    asked = champion is None or config.gates.min_gain_over_baseline is not None
    rule_says = _rule(config, rows) if asked else None
    reference = champion_says or rule_says
    assert reference is not None
    return Comparison(
        holdout=holdout,
        label=rows.label,
        block=rows.block,
        features=rows.features,
        challenger=predictions_of(challenger.pipeline, rows.features),
        reference=reference,
        champion_version=champion.version if champion else None,
        rule=rule_says if champion else None,
    )


def _rule(config: ModelConfig, rows: Examples) -> Predictions:
    rule = load_rule(config.evaluation.baseline)
    scores = rule_scores(rule, columns_of(rows.features))
    return rule_predictions(scores, classifier=config.estimator.is_classifier)


def _candidate(
    config: ModelConfig,
    challenger: LoadedModel,
    champion: _Champion | None,
    *,
    newest: pd.DataFrame,
    runtime: ServingRuntime,
) -> Candidate:
    timed = config.gates.max_latency_p95_ms is not None
    return Candidate(
        pipeline=challenger.pipeline,
        sample_inputs=challenger.sample_inputs,
        sample_outputs=challenger.sample_outputs,
        size_bytes=challenger.size_bytes,
        latencies_ms=time_artifact(challenger, runtime) if timed else "not asked for",
        champion_inputs=champion.model.sample_inputs if champion else None,
        newest=newest,
        runtime=runtime,
    )


def _log_decision(tracking: Tracking, trained: TrainedModel, decision: Decision) -> None:
    numbers = {
        f"holdout_{decision.metric}": decision.challenger_value,
        f"holdout_{decision.metric}_{decision.reference}": decision.reference_value,
        "difference": decision.difference,
        "difference_low": decision.low,
        "difference_high": decision.high,
        "holdout_rows": float(decision.rows),
    }
    tags = {"retrainer.decision": "promote" if decision.promote else "reject", "retrainer.reason": decision.reason}
    metrics = {name: value for name, value in numbers.items() if value is not None}
    log_results(tracking, trained.run_id, metrics=metrics, tags=tags)
    upload(tracking, trained.run_id, {"decision.json": decision.to_json()})
