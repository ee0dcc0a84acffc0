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

    holdout: Interval | None
    label: NDArray[np.float64]
    block: NDArray[np.object_]
    challenger: Predictions
    reference: Predictions
    champion_version: int | None

    @property
    def reference_name(self) -> str:
        """`champion` or `baseline`."""
        return "baseline" if self.champion_version is None else "champion"

    @property
    def reference_words(self) -> str:
        """The reference in a sentence."""
        return "the baseline rule" if self.champion_version is None else f"champion v{self.champion_version}"


def decide(config: ModelConfig, comparison: Comparison) -> Decision:
    """Promote only when every gate passed; the reason names the first that did not.

    A holdout with too few rows or days, or with one class, is a rejection with that reason, never an error and never a
    NaN in the result.
    """
    unusable = _unusable(config, comparison)
    if unusable:
        gate = Gate(name="holdout", passed=False, message=unusable)
        return _decision(config, comparison, gates=(gate,), measured=None)
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
        message = f"{config.evaluation.metric} is undefined on the holdout"
        gate = Gate(name="holdout", passed=False, message=message)
        return _decision(config, comparison, gates=(gate,), measured=None)
    gates = (_gain_gate(config, comparison, measured), *_floor_gate(config, measured))
    return _decision(config, comparison, gates=gates, measured=measured)


def _unusable(config: ModelConfig, comparison: Comparison) -> str | None:
    rows, needed = len(comparison.label), config.windows.min_holdout_rows
    if comparison.holdout is None:
        return f"no holdout is newer than what {comparison.reference_words} learned from"
    if rows < needed:
        return f"the holdout has {rows} labelled rows, at least {needed} are needed (windows.min_holdout_rows)"
    blocks = len(np.unique(comparison.block.astype(str)))
    if blocks < _MIN_BLOCKS:
        return f"the holdout has rows of {blocks} intervals, at least {_MIN_BLOCKS} are needed for an interval"
    if config.estimator.is_classifier and len(np.unique(comparison.label)) < 2:
        return f"the holdout has one class only: every label is {comparison.label[0]:g}"
    return None


def _gain_gate(config: ModelConfig, comparison: Comparison, measured: PairedDifference) -> Gate:
    first = comparison.champion_version is None
    needed = config.gates.min_gain_over_baseline if first else config.gates.min_gain
    passed = measured.low > needed
    interval = f"{config.evaluation.confidence:.0%} interval [{measured.low:+.4f}, {measured.high:+.4f}]"
    values = f"{config.evaluation.metric} {measured.challenger:.4f} against {measured.reference:.4f}"
    if passed:
        verdict = f"better than {comparison.reference_words}"
    elif measured.high < needed:
        verdict = f"worse than {comparison.reference_words}" if needed == 0 else f"gain is below {needed:+g}"
    else:
        verdict = f"not shown to be better than {comparison.reference_words}"
    message = f"{verdict}: {values}, difference {measured.difference:+.4f}, {interval}"
    return Gate(
        name="superiority" if not first else "baseline",
        passed=passed,
        value=measured.low,
        threshold=needed,
        message=message,
    )


def _floor_gate(config: ModelConfig, measured: PairedDifference) -> tuple[Gate, ...]:
    floor = config.gates.min_value
    if floor is None:
        return ()
    passed = measured.challenger >= floor
    relation = "at or above" if passed else "below"
    message = f"{config.evaluation.metric} {measured.challenger:.4f} is {relation} the floor of {floor:g}"
    return (Gate(name="floor", passed=passed, value=measured.challenger, threshold=floor, message=message),)


def _decision(
    config: ModelConfig, comparison: Comparison, *, gates: tuple[Gate, ...], measured: PairedDifference | None
) -> Decision:
    failed = [gate for gate in gates if not gate.passed]
    return Decision(
        promote=not failed,
        reason=(failed or list(gates))[0].message,
        metric=config.evaluation.metric,
        reference=comparison.reference_name,
        champion_version=comparison.champion_version,
        rows=len(comparison.label),
        blocks=len(np.unique(comparison.block.astype(str))),
        holdout=comparison.holdout,
        challenger_value=measured.challenger if measured else None,
        reference_value=measured.reference if measured else None,
        difference=measured.difference if measured else None,
        low=measured.low if measured else None,
        high=measured.high if measured else None,
        confidence=config.evaluation.confidence,
        gates=gates,
    )
