"""compare: champion and challenger on the same rows, newer than either has seen; the first model against the rule."""

import logging
from dataclasses import dataclass

from retrainer.config.declaration import ModelConfig
from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import Decision, Entry, FeatureSet, Interval, StepRequest, TrainedModel
from retrainer.errors import BadDataError, ConfigurationError
from retrainer.evaluation import (
    Comparison,
    Predictions,
    classifier_curves,
    decide,
    draw_curves,
    holdout_problem,
    predictions_of,
    reject,
    rule_predictions,
)
from retrainer.features import feature_columns
from retrainer.ledger import Ledger
from retrainer.registry import LoadedModel, Tracking, Versions, load_model, log_results, upload
from retrainer.steps.examples import read_examples
from retrainer.steps.inputs import declaration, result_of
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
    champion = _load_champion(Versions(tracking, config.name), ledger.champion(config.name))
    try:
        decision = _decide(tracking, config, features, trained=trained, champion=champion)
    except BadDataError as error:  # what cannot be computed has not been shown
        decision = reject(config, str(error), champion_version=champion.version if champion else None)
    log.info("%s: %s", "promote" if decision.promote else "reject", decision.reason)
    _log_decision(tracking, trained, decision)
    return decision


def _load_champion(versions: Versions, entry: Entry | None) -> _Champion | None:
    if entry is None or entry.champion_version is None:
        return None
    version = versions.get(entry.champion_version)
    if version is None:
        raise ConfigurationError(
            f"champion v{entry.champion_version} of the ledger is not in the MLflow registry",
            hint="Restore it there: nothing is compared against a model that is gone.",
        )
    return _Champion(load_model(version.source, digest=version.digest), version.version)


def _decide(
    tracking: Tracking,
    config: ModelConfig,
    features: FeatureSet,
    *,
    trained: TrainedModel,
    champion: _Champion | None,
) -> Decision:
    version = champion.version if champion else None
    holdout = _unseen(features.holdout, trained, champion)
    if holdout is None:
        return reject(config, f"champion v{version} learned from all rows of the holdout", champion_version=version)
    columns = tuple(dict.fromkeys((*feature_columns(config), *(champion.model.facts.columns if champion else ()))))
    rows = read_examples(config, features, window=holdout, known_by=features.as_of, columns=columns)
    problem = holdout_problem(config, rows.label, rows.block)
    if problem:
        return reject(config, problem, champion_version=version, rows=len(rows))
    challenger = load_model(trained.model_uri, digest=trained.artifact_digest)
    comparison = Comparison(
        holdout=holdout,
        label=rows.label,
        block=rows.block,
        challenger=predictions_of(challenger.pipeline, rows.features),
        reference=_reference(config, champion, rows),
        champion_version=version,
    )
    _log_curves(tracking, trained, comparison)
    return decide(config, comparison)


def _unseen(holdout: Interval, trained: TrainedModel, champion: _Champion | None) -> Interval | None:
    """The part of the holdout that neither model learned from; None if there is none."""
    ends = [holdout.start, trained.training.end]
    if champion is not None:
        ends.append(champion.model.facts.training.end)
    return Interval(start=max(ends), end=holdout.end) if max(ends) < holdout.end else None


def _reference(config: ModelConfig, champion: _Champion | None, rows: Examples) -> Predictions:
    if champion is not None:
        return predictions_of(champion.model.pipeline, rows.features)
    rule = load_rule(config.evaluation.baseline)
    return rule_predictions(rule(rows.features), rows=len(rows), classifier=config.estimator.is_classifier)


def _log_curves(tracking: Tracking, trained: TrainedModel, comparison: Comparison) -> None:
    if not comparison.challenger.classifier:
        return
    models = {"challenger": comparison.challenger}
    models["champion" if comparison.champion_version else "baseline rule"] = comparison.reference
    curves = {name: classifier_curves(predictions, comparison.label) for name, predictions in models.items()}
    upload(tracking, trained.run_id, draw_curves(curves))


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
