"""train: a challenger, from the training window, tracked in MLflow. The same request gives the same model."""

import logging
from datetime import datetime

from pydantic import JsonValue
from sklearn.pipeline import Pipeline

from retrainer.config.declaration import ModelConfig
from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import FeatureSet, Interval, StepRequest, TrainedModel, canonical_json
from retrainer.evaluation import learning_curve, predictions_of
from retrainer.features import feature_columns
from retrainer.registry import (
    RunRecord,
    Tracking,
    find_finished_run,
    log_inputs,
    log_results,
    start_run,
    store_model,
    upload,
)
from retrainer.saved import Extra, ModelFacts
from retrainer.steps.examples import read_examples
from retrainer.steps.inputs import declaration, result_of
from retrainer.steps.provenance import Provenance, models_folder, provenance, training_identity
from retrainer.steps.saved_declaration import CONFIG_FILE
from retrainer.steps.served_artifact import export_fitted
from retrainer.steps.tracking import connect_tracking
from retrainer.training import Examples, Trial, check_examples, examples_digest, fit, search_parameters

log = logging.getLogger(__name__)

RESULT_TAG = "retrainer.result"
_SAMPLE_ROWS = 200
"""The first examples, and what the model says of them: what it is checked by whenever it is loaded."""


def run(request: StepRequest, settings: RuntimeSettings) -> TrainedModel:
    """Train, or find the model that this very request trained before."""
    config = declaration(request)
    features = result_of(request, "build_features", FeatureSet)
    made_by = provenance(config, settings.project_root)
    examples = _examples(config, features, window=features.training, known_by=features.holdout.start)
    holdout = _examples(config, features, window=features.holdout, known_by=features.as_of)
    identity = training_identity(request, [examples_digest(examples), examples_digest(holdout)], made_by)
    tracking = connect_tracking(settings)
    before = find_finished_run(tracking, config.name, identity, tag=RESULT_TAG)
    if before is not None:
        log.info("this request was trained before: %s", before.url)
        return TrainedModel.from_json(before.tags[RESULT_TAG])
    check_examples(config, examples)
    tags = _tags(request, config, made_by, identity)
    with start_run(tracking, config.name, name=f"{config.name} {request.as_of:%Y-%m-%d}", tags=tags) as record:
        trained = _train(tracking, record, config=config, features=features, examples=examples, identity=identity)
        log_results(tracking, record.run_id, tags={RESULT_TAG: trained.to_json()})
    log.info("MLflow run: %s", record.url)
    return trained


def _examples(config: ModelConfig, features: FeatureSet, *, window: Interval, known_by: datetime) -> Examples:
    return read_examples(config, features, window=window, known_by=known_by, columns=feature_columns(config))


def _train(
    tracking: Tracking,
    record: RunRecord,
    *,
    config: ModelConfig,
    features: FeatureSet,
    examples: Examples,
    identity: str,
) -> TrainedModel:
    parameters = _search(tracking, record, config, examples)
    pipeline = fit(config, examples, parameters=parameters)
    log.info("fitted %s on %d rows", config.estimator.type, len(examples))
    inputs = examples.features.head(_SAMPLE_ROWS)
    outputs = predictions_of(pipeline, inputs).output
    exported = export_fitted(config, pipeline, inputs, outputs=outputs)
    log.info("%s", exported.check.message)
    facts = ModelFacts(
        model=config.name,
        feature_module=config.features.module,
        columns=feature_columns(config),
        training=features.training,
        identity=identity,
        canonical=config.gates.canonical,
        declaration=config.model_dump(mode="json"),
        export=exported.check,
    )
    extra = Extra(facts, inputs, outputs, exported.onnx)
    stored = store_model(pipeline, extra, run_id=record.run_id, code=models_folder(config))
    trained = TrainedModel(
        run_id=record.run_id,
        run_url=record.url,
        model_uri=stored.uri,
        artifact_digest=stored.digest,
        training=features.training,
        rows=len(examples),
        parameters=parameters,
        identity=identity,
    )
    _log(tracking, trained, config=config, features=features, pipeline=pipeline, examples=examples)
    return trained


def _search(tracking: Tracking, record: RunRecord, config: ModelConfig, examples: Examples) -> dict[str, JsonValue]:
    """The parameters to fit with; each trial of a search is a run nested in this one."""

    def on_trial(trial: Trial) -> None:
        tags = {"mlflow.parentRunId": record.run_id}
        with start_run(tracking, config.name, name=f"trial {trial.number}", tags=tags) as nested:
            log_results(
                tracking,
                nested.run_id,
                parameters=trial.parameters,
                metrics={f"validation_{config.evaluation.metric}": trial.score},
            )

    return search_parameters(config, examples, on_trial=on_trial)


def _log(
    tracking: Tracking,
    trained: TrainedModel,
    *,
    config: ModelConfig,
    features: FeatureSet,
    pipeline: Pipeline,
    examples: Examples,
) -> None:
    curve = learning_curve(config.evaluation.metric, pipeline, examples.features, examples.label)
    rows = {"training_rows": float(trained.rows), "positive_share": float(examples.label.mean())}
    log_results(
        tracking,
        trained.run_id,
        parameters={"estimator": config.estimator.type, "seed": config.seed, **trained.parameters},
        metrics=rows if config.estimator.is_classifier else {"training_rows": rows["training_rows"]},
        curve=(f"training_{config.evaluation.metric}", curve),
    )
    log_inputs(tracking, trained.run_id, {"features": features.table, **{ref.table: ref for ref in features.snapshot}})
    upload(tracking, trained.run_id, {CONFIG_FILE: canonical_json(config.model_dump(mode="json"))})


def _tags(request: StepRequest, config: ModelConfig, made_by: Provenance, identity: str) -> dict[str, str]:
    return {
        "retrainer.model": config.name,
        "retrainer.owner": config.owner,
        "retrainer.identity": identity,
        "retrainer.as_of": request.as_of.isoformat(),
        "retrainer.airflow_run": request.run_id,
        "retrainer.code_digest": made_by.code_digest,
        "retrainer.lock_digest": made_by.lock_digest,
        "retrainer.version": made_by.version,
        "mlflow.source.git.commit": made_by.commit,
        "mlflow.note.content": config.description,
    }
