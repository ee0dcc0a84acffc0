"""The decision about a challenger: a pure function of the comparison, with its reason in one sentence."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import Decision, Gate
from retrainer.evaluation.bootstrap import PairedDifference, paired_difference
from retrainer.evaluation.calibration import calibration_gate
from retrainer.evaluation.canonical import canonical_gate
from retrainer.evaluation.comparison import Candidate, Comparison
from retrainer.evaluation.gain import baseline_gate, champion_gate, floor_gate
from retrainer.evaluation.input_schema import input_schema_gate
from retrainer.evaluation.latency import latency_gate, size_gate
from retrainer.evaluation.metric import Predictions
from retrainer.evaluation.slices import MIN_BLOCKS, judge_slices


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision, and the difference on each draw of the bootstrap (float64; None where nothing was drawn)."""

    decision: Decision
    differences: NDArray[np.float64] | None = field(default=None, repr=False)


def decide(config: ModelConfig, comparison: Comparison, candidate: Candidate) -> Verdict:
    """Promote only when every gate passed; the reason names the first that did not.

    A holdout that cannot be judged on is a rejection with that reason, never an error and never a NaN in the result.
    """
    problem = holdout_problem(config, comparison.label, comparison.block)
    measured = None if problem else _measure(config, comparison, comparison.reference)
    if measured is None or not measured.is_finite:
        problem = problem or f"{config.evaluation.metric} is undefined on the holdout"
        rows = len(comparison.label)
        return Verdict(reject(config, problem, champion_version=comparison.champion_version, rows=rows))
    slices, slice_gates = judge_slices(config, comparison)
    optional = (
        *_metric_gates(config, comparison, measured),
        *slice_gates,
        *_other_gates(config, comparison, candidate),
    )
    gates = tuple(gate for gate in optional if gate is not None)
    failed = [gate for gate in gates if not gate.passed]
    decision = Decision(
        promote=not failed,
        reason=(failed or gates)[0].message,
        metric=config.evaluation.metric,
        reference=_reference(comparison.champion_version),
        champion_version=comparison.champion_version,
        rows=len(comparison.label),
        blocks=measured.blocks,
        holdout=comparison.holdout,
        challenger_value=measured.challenger,
        challenger_low=_finite(measured.challenger_low),
        challenger_high=_finite(measured.challenger_high),
        reference_value=measured.reference,
        difference=measured.difference,
        low=measured.low,
        high=measured.high,
        confidence=config.evaluation.confidence,
        gates=gates,
        slices=slices,
    )
    return Verdict(decision, measured.resampled)


def reject(config: ModelConfig, reason: str, *, champion_version: int | None, rows: int = 0) -> Decision:
    """The decision about a challenger that could not be measured: rejected, for that reason."""
    return Decision(
        promote=False,
        reason=reason,
        metric=config.evaluation.metric,
        reference=_reference(champion_version),
        champion_version=champion_version,
        rows=rows,
        blocks=0,
        confidence=config.evaluation.confidence,
        gates=(Gate(name="holdout", passed=False, message=reason),),
    )


def holdout_problem(config: ModelConfig, label: NDArray[np.float64], block: NDArray[np.object_]) -> str | None:
    """Why nothing can be decided on these holdout rows, in words; None if it can."""
    rows, needed = len(label), config.windows.min_holdout_rows
    if rows < needed:
        return f"the holdout has {rows} labelled rows, at least {needed} are needed (windows.min_holdout_rows)"
    blocks = len(np.unique(block.astype(str)))
    if blocks < MIN_BLOCKS:
        what = f"values of {config.evaluation.block}" if config.evaluation.block else "days"
        return f"the holdout has rows of {blocks} {what}, at least {MIN_BLOCKS} are needed for a bootstrap of them"
    if config.estimator.is_classifier and len(np.unique(label)) < 2:
        return f"the holdout has one class only: every label is {label[0]:g}"
    return None


def _metric_gates(config: ModelConfig, comparison: Comparison, measured: PairedDifference) -> tuple[Gate | None, ...]:
    """Against the champion, against the rule (always for the first model), against the floor."""
    floor = floor_gate(config, measured)
    if comparison.champion_version is None:
        return baseline_gate(config, measured), floor
    champion = champion_gate(config, comparison.champion_version, measured)
    if comparison.rule is None:
        return champion, floor
    return champion, baseline_gate(config, _measure(config, comparison, comparison.rule)), floor


def _other_gates(config: ModelConfig, comparison: Comparison, candidate: Candidate) -> tuple[Gate | None, ...]:
    sample = (candidate.sample_inputs, candidate.sample_outputs)
    return (
        calibration_gate(config, comparison.challenger, comparison.label),
        canonical_gate(config.gates.canonical, candidate.pipeline, sample),
        latency_gate(config, candidate.latencies_ms, runtime=candidate.runtime),
        size_gate(config, candidate.size_bytes),
        input_schema_gate(config, candidate.sample_inputs, candidate.champion_inputs, candidate.newest),
    )


def _measure(config: ModelConfig, comparison: Comparison, reference: Predictions) -> PairedDifference:
    return paired_difference(
        config.evaluation.metric,
        comparison.label,
        (comparison.challenger, reference),
        block=comparison.block,
        resamples=config.evaluation.resamples,
        confidence=config.evaluation.confidence,
        seed=config.seed,
    )


def _reference(champion_version: int | None) -> str:
    return "baseline" if champion_version is None else "champion"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
