"""The evaluation report of a comparison: one page in the training's MLflow run."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import Decision, TrainedModel
from retrainer.documents import Chart, Evidence, SampleRow, evaluation_report
from retrainer.errors import TrackingUnavailableError
from retrainer.evaluation import (
    Comparison,
    classifier_curves,
    column_importance,
    curve_svg,
    differences_svg,
    importance_svg,
    predicted_svg,
    residuals_svg,
    slices_svg,
)
from retrainer.registry import Tracking, find_finished_run, upload
from retrainer.saved import LoadedModel
from retrainer.training import Examples

log = logging.getLogger(__name__)

_PAGE = "evaluation_report.html"
_SAMPLES = 5
"""Rows of each kind: those on which the models disagree most, and those drawn at random."""

_COMPARED = {"champion": ("superiority", "non_inferiority"), "baseline": ("baseline",)}
"""The gates whose threshold the interval of the difference is held against, by what the reference is."""

_CURVES = {"roc": "ROC", "precision_recall": "Precision and recall", "reliability": "Reliability"}


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A decision and what it was made from; None for what there was no comparison to take from."""

    decision: Decision
    comparison: Comparison | None
    differences: NDArray[np.float64] | None
    """Challenger minus reference of each bootstrap resample."""
    challenger: LoadedModel | None
    rows: Examples | None


def publish(tracking: Tracking, config: ModelConfig, trained: TrainedModel, evaluated: Evaluated) -> str:
    """Keep the report in the training's run; its address in the MLflow UI.

    Where MLflow does not answer, the address is empty: the decision does not depend on who may look at it.
    """
    try:
        run = find_finished_run(tracking, config.name, trained.identity)
        if run is None:
            raise TrackingUnavailableError(f"run {trained.run_id} of {config.name} is not in MLflow")
        as_of = run.tags.get("retrainer.as_of")
        page = render(config, trained, evaluated, as_of=datetime.fromisoformat(as_of) if as_of else None)
        upload(tracking, trained.run_id, {_PAGE: page})
    except TrackingUnavailableError as error:
        log.warning("there is no evaluation report: %s", error)
        return ""
    log.info("evaluation report of %d KiB", len(page.encode()) // 1024)
    return tracking.artifact_url(run.experiment_id, trained.run_id, _PAGE)


def render(config: ModelConfig, trained: TrainedModel, evaluated: Evaluated, *, as_of: datetime | None) -> str:
    """The page. The same comparison gives the same bytes."""
    evidence = None
    if evaluated.comparison is not None and evaluated.rows is not None:
        evidence = _evidence(config, evaluated, evaluated.comparison, rows=evaluated.rows)
    return evaluation_report(config, evaluated.decision, trained=trained, as_of=as_of, evidence=evidence)


def _evidence(config: ModelConfig, evaluated: Evaluated, comparison: Comparison, *, rows: Examples) -> Evidence:
    inputs = evaluated.challenger.facts.columns if evaluated.challenger else tuple(rows.features.columns)
    judged = any(item.difference is not None for item in evaluated.decision.slices)
    slices = slices_svg(evaluated.decision.slices, loss=config.gates.max_slice_loss) if judged else None
    return Evidence(
        curves=tuple(_curves(comparison)),
        differences=_differences(evaluated.decision, evaluated.differences),
        slices=Chart("Difference on each slice", slices) if slices else None,
        importance=_importance(config, evaluated.challenger, rows),
        inputs=inputs,
        samples=tuple(_samples(comparison, rows.features[list(inputs)], seed=config.seed)),
    )


def _curves(comparison: Comparison) -> Iterator[Chart]:
    label = comparison.label
    version = comparison.champion_version
    names = ("challenger", "baseline rule" if version is None else f"champion v{version}")
    models = dict(zip(names, (comparison.challenger, comparison.reference), strict=True))
    if not comparison.challenger.classifier:
        outputs = {name: predictions.output for name, predictions in models.items()}
        yield Chart("Predicted and actual", predicted_svg(label, outputs))
        yield Chart("Residuals", residuals_svg(label, outputs))
    elif len(np.unique(label)) == 2:
        curves = {name: classifier_curves(predictions, label) for name, predictions in models.items()}
        for kind, title in _CURVES.items():
            yield Chart(title, curve_svg(kind, {name: found[kind] for name, found in curves.items()}))


def _differences(decision: Decision, differences: NDArray[np.float64] | None) -> Chart | None:
    finite = np.array([]) if differences is None else differences[np.isfinite(differences)]
    if len(finite) == 0 or decision.low is None or decision.high is None:
        return None
    names = _COMPARED.get(decision.reference, ())
    threshold = next((gate.threshold for gate in decision.gates if gate.name in names), None)
    interval = (decision.low, decision.high)
    return Chart("", differences_svg(finite, metric=decision.metric, interval=interval, threshold=threshold))


def _importance(config: ModelConfig, challenger: LoadedModel | None, rows: Examples) -> Chart | None:
    if challenger is None:
        return None
    features = rows.features[list(challenger.facts.columns)]
    metric = config.evaluation.metric
    found = column_importance(metric, challenger.pipeline, features, label=rows.label, seed=config.seed)
    return Chart("", importance_svg(found, metric=metric)) if found else None


def _samples(comparison: Comparison, inputs: pd.DataFrame, *, seed: int) -> Iterator[SampleRow]:
    challenger, reference = comparison.challenger.output, comparison.reference.output
    furthest = np.argsort(-np.abs(challenger - reference), kind="stable")[:_SAMPLES]
    others = np.setdiff1d(np.arange(len(challenger)), furthest)
    drawn = np.sort(np.random.default_rng(seed).permutation(others)[:_SAMPLES])
    for why, places in (("disagree", furthest), ("at random", drawn)):
        for place in places:
            yield SampleRow(
                why=why,
                inputs=tuple(_cell(value) for value in inputs.iloc[place]),
                label=float(comparison.label[place]),
                challenger=float(challenger[place]),
                reference=float(reference[place]),
            )


def _cell(value: object) -> str:
    """A value of the data, in words."""
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return "missing"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)[:80]
