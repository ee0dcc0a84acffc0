"""The judgement of a review: what was measured goes in, a verdict comes out. Pure.

A review runs every night, and whoever looks often enough sees a difference that is not there: with an interval of 90 %
on each of 15 nights, 22 % of equally good versions were promoted in a simulation, and not 5 %. So the labels are looked
at when there are enough of them, twice as many, four times as many and so on, always at the first ones in the order in
which they became known: between two looks each night sees the same rows and says the same. Look number k has 1/2**k of
the error that the declaration's confidence allows, so all looks together have no more than that.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from retrainer.config.declaration import ModelConfig
from retrainer.config.serving import Serving
from retrainer.contracts import Gate
from retrainer.evaluation import PairedDifference, Predictions, paired_difference
from retrainer.evaluation.gain import champion_gate
from retrainer.evaluation.slices import MIN_BLOCKS
from retrainer.steps.review_rows import LabelledPairs, Pairs


@dataclass(frozen=True, slots=True)
class Look:
    """Look number `number`, from 1, at the first `rows` labelled pairs."""

    number: int
    rows: int

    def confidence(self, declared: float) -> float:
        """That of the interval at this look, where all looks together are to have `declared`."""
        return 1.0 - (1.0 - declared) / float(2**self.number)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict and what it rests on; `measured` is None where the labels were not looked at."""

    verdict: Literal["promote", "reject", "unknown"]
    reason: str
    gates: tuple[Gate, ...] = ()
    measured: PairedDifference | None = None
    confidence: float | None = None


def look_at(labelled: LabelledPairs, *, min_rows: int) -> Look | None:
    """The look that so many labels are enough for; None where they are too few, or of too few blocks, for the first."""
    _, first_seen = np.unique(labelled.block.astype(str), return_index=True)
    if len(first_seen) < MIN_BLOCKS:
        return None
    enough = max(min_rows, int(np.sort(first_seen)[MIN_BLOCKS - 1]) + 1)
    number = (len(labelled) // enough).bit_length()
    return Look(number, enough * 2 ** (number - 1)) if number else None


def judge_service(serving: Serving, pairs: Pairs) -> tuple[Gate, ...]:
    """What needs no labels: how often both agree, and how long the version in the shadow takes."""
    assert pairs.agreement is not None
    disagreement, most = 1 - pairs.agreement, serving.review.max_disagreement
    differ = f"{disagreement:.1%} of {pairs.count:,} predictions differ by more than {serving.review.tolerance:g}"
    p95, slowest = pairs.shadow_p95_ms, serving.level.p95_ms
    slow = f"p95 {p95:.1f} ms, the champion's {pairs.champion_p95_ms:.1f} ms" if p95 is not None else "no latency"
    return (
        Gate(
            name="agreement",
            passed=disagreement <= most,
            value=disagreement,
            threshold=most,
            message=f"{differ}, at most {most:.1%} may",
        ),
        Gate(
            name="latency",
            passed=p95 is not None and p95 <= slowest,
            value=p95,
            threshold=slowest,
            message=f"{slow}, at most {slowest:g} ms is allowed",
        ),
    )


def judge(
    config: ModelConfig, labelled: LabelledPairs, look: Look, *, champion: int, service: tuple[Gate, ...]
) -> Judgement:
    """Promote what passes the gates' own test against the champion; reject what is shown to be worse."""
    failed = next((gate for gate in service if not gate.passed), None)
    if failed is not None:
        return Judgement("reject", f"{failed.name}: {failed.message}", service)
    confidence = look.confidence(config.evaluation.confidence)
    stricter = config.evaluation.model_copy(update={"confidence": confidence})
    config = config.model_copy(update={"evaluation": stricter})
    measured = _measure(config, labelled.first(look.rows))
    gate = champion_gate(config, champion, measured)
    reason = f"on {look.rows:,} live predictions with a label (look {look.number}): {gate.message}"
    if gate.passed:
        return Judgement("promote", reason, (*service, gate), measured, confidence)
    margin = config.gates.margin if config.gates.test == "non_inferiority" else None
    is_worse = measured.is_finite and measured.high < -(margin or 0.0)
    return Judgement("reject" if is_worse else "unknown", reason, (*service, gate), measured, confidence)


def _measure(config: ModelConfig, labelled: LabelledPairs) -> PairedDifference:
    is_classifier = config.estimator.is_classifier
    said_by_shadow = _predictions(labelled.shadow, is_classifier=is_classifier)
    said_by_champion = _predictions(labelled.champion, is_classifier=is_classifier)
    return paired_difference(
        config.evaluation.metric,
        labelled.label,
        (said_by_shadow, said_by_champion),
        block=labelled.block,
        resamples=config.evaluation.resamples,
        confidence=config.evaluation.confidence,
        seed=config.seed,
    )


def _predictions(output: NDArray[np.float64], *, is_classifier: bool) -> Predictions:
    return Predictions(output, (output > 0.5).astype(np.float64) if is_classifier else output, is_classifier)
