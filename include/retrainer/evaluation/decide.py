"""The decision about a challenger: a pure function of the comparison, with its reason in one sentence."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import Decision, Gate, Interval
from retrainer.evaluation.bootstrap import PairedDifference, paired_difference
from retrainer.evaluation.metric import Predictions

_MIN_BLOCKS = 5
"""With fewer days than this a bootstrap of days says nothing."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Holdout rows newer than either model has seen, and what both say of them.

    `label` (float64) and `block` (interval key) have one value a row. `champion_version` is None where the reference is
    the baseline rule.
    """

    holdout: Interval
    label: NDArray[np.float64]
    block: NDArray[np.object_]
    challenger: Predictions
    reference: Predictions
    champion_version: int | None


def decide(config: ModelConfig, comparison: Comparison) -> Decision:
    """Promote only when every gate passed; the reason names the first that did not.

    A holdout that cannot be judged on is a rejection with that reason, never an error and never a NaN in the result.
    """
    problem = holdout_problem(config, comparison.label, comparison.block)
    if problem:
        return reject(config, problem, champion_version=comparison.champion_version, rows=len(comparison.label))
    measured = paired_difference(
        config.evaluation.metric,
        comparison.label,
        (comparison.challenger, comparison.reference),
        block=comparison.block,
        resamples=config.evaluation.resamples,
        confidence=config.evaluation.confidence,
        seed=config.seed,
    )
    if not all(map(math.isfinite, (measured.challenger, measured.reference, measured.low, measured.high))):
        problem = f"{config.evaluation.metric} is undefined on the holdout"
        return reject(config, problem, champion_version=comparison.champion_version, rows=len(comparison.label))
    gates = (_gain_gate(config, comparison.champion_version, measured), *_floor_gate(config, measured))
    failed = [gate for gate in gates if not gate.passed]
    return Decision(
        promote=not failed,
        reason=(failed or list(gates))[0].message,
        metric=config.evaluation.metric,
        reference=_reference(comparison.champion_version),
        champion_version=comparison.champion_version,
        rows=len(comparison.label),
        blocks=measured.blocks,
        holdout=comparison.holdout,
        challenger_value=measured.challenger,
        reference_value=measured.reference,
        difference=measured.difference,
        low=measured.low,
        high=measured.high,
        confidence=config.evaluation.confidence,
        gates=gates,
    )


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
    if blocks < _MIN_BLOCKS:
        return f"the holdout has rows of {blocks} intervals, at least {_MIN_BLOCKS} are needed for a bootstrap of them"
    if config.estimator.is_classifier and len(np.unique(label)) < 2:
        return f"the holdout has one class only: every label is {label[0]:g}"
    return None


def _reference(champion_version: int | None) -> str:
    return "baseline" if champion_version is None else "champion"


def _gain_gate(config: ModelConfig, champion_version: int | None, measured: PairedDifference) -> Gate:
    first = champion_version is None
    reference = "the baseline rule" if first else f"champion v{champion_version}"
    needed = (config.gates.min_gain_over_baseline or 0.0) if first else config.gates.min_gain
    if measured.low > needed:
        verdict = f"better than {reference}"
    elif measured.high < 0:
        verdict = f"worse than {reference}"
    else:
        verdict = f"not shown to be better than {reference}" + (f" by more than {needed:g}" if needed else "")
    values = f"{config.evaluation.metric} {measured.challenger:.4f} against {measured.reference:.4f}"
    interval = f"{config.evaluation.confidence:.0%} interval [{measured.low:+.4f}, {measured.high:+.4f}]"
    return Gate(
        name="baseline" if first else "superiority",
        passed=measured.low > needed,
        value=measured.low,
        threshold=needed,
        message=f"{verdict}: {values}, difference {measured.difference:+.4f}, {interval}",
    )


def _floor_gate(config: ModelConfig, measured: PairedDifference) -> tuple[Gate, ...]:
    floor = config.gates.min_value
    if floor is None:
        return ()
    passed = measured.challenger >= floor
    relation = "at or above" if passed else "below"
    message = f"{config.evaluation.metric} {measured.challenger:.4f} is {relation} the floor of {floor:g}"
    return (Gate(name="floor", passed=passed, value=measured.challenger, threshold=floor, message=message),)
