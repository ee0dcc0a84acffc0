"""score: what the champion says of every row of the interval, into the model's Delta table of batch predictions."""

import logging
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from retrainer.columns import Columns, with_row_features
from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import FeatureSet, Scored, StepRequest, TableRef, TableVersion
from retrainer.deployment import Standing, standing
from retrainer.errors import ConfigurationError
from retrainer.evaluation import predictions_of
from retrainer.exporting import OnnxModel
from retrainer.ledger import Ledger
from retrainer.registry import Version, Versions, load_model
from retrainer.saved import LoadedModel
from retrainer.scoring import Predict, ScoredTable, Scorer, Unscored, score, scored_uri
from retrainer.snapshots import connect, open_view
from retrainer.steps.inputs import declaration, result_of
from retrainer.steps.score_parts import runtime_of, stamp_of, take_parts
from retrainer.steps.tracking import connect_tracking

log = logging.getLogger(__name__)

MEMORY_MB = 256
"""What DuckDB may use: rows are only passed through."""


def run(request: StepRequest, settings: RuntimeSettings) -> Scored:
    """Score the rows of the request's interval by the version that is in production now.

    Without such a version, and while the model is switched off, nothing is scored: the result says so. An interval that
    the same version has scored before is left as it is, unless its rows have changed since. What mapped tasks have
    scored is not scored again: their version counts, also where another one was released meanwhile.

    Raises:
        ConfigurationError: the version reads a column that the feature table does not have, or is not in the registry.
        UnsafeArtifactError: its files are not what was registered.
        BadDataError: it gives no finite number for a row.
        StoreConflictError: another run scored the interval at the same time.
    """
    config = declaration(request)
    features = result_of(request, "build_features", FeatureSet).table
    now = standing(Ledger.open(settings.ledger_url).entries(config.name))
    reason = reason_to_skip(now)
    if reason:
        log.info("nothing is scored: %s", reason)
        return Scored(model=config.name, interval=request.interval, skipped=reason)
    versions = Versions(connect_tracking(settings), config.name)
    uri = scored_uri(settings.data_uri, config.name)
    done = take_parts(request, features, versions, uri=uri)
    table, trained_until = done or _score_all(request, features, champion_of(versions, now), uri)
    stamp = table.stamps.get(request.interval.key)
    return Scored(
        model=config.name,
        interval=request.interval,
        table=TableVersion(uri=uri, version=table.version),
        rows=table.rows,
        replaced=bool(table.replaced),
        version=stamp and stamp.version,
        run_id=stamp and stamp.run_id,
        scored_at=stamp and stamp.scored_at,
        trained_until=stamp and trained_until,
    )


def _score_all(request: StepRequest, features: TableRef, version: Version, uri: str) -> tuple[ScoredTable, datetime]:
    model = load_to_score(version, request)
    scorer = Scorer(model.facts.columns, predict_by(model, version), stamp_of(version, request, features))
    table = score_table(features.model_copy(update={"window": request.interval}), scorer, uri)
    return table, model.facts.training.end


def score_table(interval: TableRef, scorer: Scorer, uri: str) -> ScoredTable:
    """Score the rows of a feature table, pinned for one interval, into the Delta table at `uri`."""
    with connect(memory_mb=MEMORY_MB) as connection:
        open_view(connection, interval, "unscored")
        return score(Unscored(connection, "unscored", [interval.window.key]), scorer, uri)


def reason_to_skip(now: Standing) -> str:
    """Why nothing is scored; empty where there is a version to ask."""
    if now.champion is None:
        return "no version is in production yet"
    return "the model is switched off" if now.off else ""


def champion_of(versions: Versions, now: Standing) -> Version:
    """The version in production, which there is.

    Raises:
        ConfigurationError: the registry does not have it.
    """
    assert now.champion is not None
    version = versions.get(now.champion)
    if version is None:
        raise ConfigurationError(
            f"champion v{now.champion} of the ledger is not in the MLflow registry",
            hint="Restore it there, or roll back to a version that is there.",
        )
    return version


def load_to_score(version: Version, request: StepRequest) -> LoadedModel:
    """The version's files; the log says so where it may know the answers."""
    model = load_model(version.source, digest=version.digest)
    if model.facts.training.end > request.interval.start:
        log.warning(
            "v%d learned from rows up to %s: it may know the answers", version.version, model.facts.training.end
        )
    return model


def predict_by(model: LoadedModel, version: Version) -> Predict:
    """The version as a server has it: ONNX after its own row_features where both say the same, or its pipeline."""
    if runtime_of(version) != "onnx" or model.onnx is None:
        return _pipeline(model)
    onnx, row_features = OnnxModel(model.onnx), model.row_features
    return lambda columns: onnx.predict(with_row_features(columns, row_features))


def _pipeline(model: LoadedModel) -> Predict:
    """On one thread, which must be said in the thread that predicts."""
    libraries = ThreadpoolController()

    def predict(columns: Columns) -> NDArray[np.float64]:
        with libraries.limit(limits=1):
            return predictions_of(model.pipeline, pd.DataFrame(dict(columns))).output

    return predict
