"""Why a model may have got worse: its inputs have changed, or what they mean has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Cause = Literal["none", "features", "concept", "both", "unexplained", "not_known"]
"""features: inputs have changed, the performance has not fallen. concept: it has fallen and no input has changed, so
the relation between inputs and label has. both: it has fallen, and inputs have changed. unexplained: the predictions
have changed, and neither an input nor the performance has. not_known: as none, with too few labels to see."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A cause, and the same in words."""

    cause: Cause
    words: str


def cause(
    *, fell: bool | None, features: Sequence[str] = (), predictions: bool = False, labels: bool = False
) -> Diagnosis:
    """Tell concept drift from feature drift.

    `fell` says whether the performance is significantly lower, None where that is not known; `features` are the
    columns whose drift is confirmed; `predictions` and `labels` whether theirs is.
    """
    named = _listed(features)
    share = ", and how often labels are what they are has changed too" if labels else ""
    if fell and features:
        words = f"the performance has fallen while {named} changed: the inputs may be the reason{share}"
        return Diagnosis("both", words)
    if fell:
        words = f"the performance has fallen and no feature has changed: the relation to the label has{share}"
        return Diagnosis("concept", words)
    known = "the performance has not fallen" if fell is False else "whether the performance has fallen is not known yet"
    if features:
        return Diagnosis("features", f"{named} changed; {known}{share}")
    if predictions:
        return Diagnosis("unexplained", f"the predictions have changed and no feature has; {known}{share}")
    if fell is None:
        return Diagnosis("not_known", f"no feature and no prediction has changed; {known}{share}")
    return Diagnosis("none", f"no feature and no prediction has changed; {known}{share}")


def _listed(columns: Sequence[str], most: int = 5) -> str:
    shown = ", ".join(columns[:most])
    return f"{shown} and {len(columns) - most} more" if len(columns) > most else shown
