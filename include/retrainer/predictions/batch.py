"""What one call of a model comes to in the log."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrainer.columns import Columns
from retrainer.contracts import Source


@dataclass(frozen=True, slots=True, eq=False)
class LoggedBatch:
    """The predictions that one version (None: the rule) made in one call. Nobody may change its arrays any more.

    `at` is when, in seconds since 1970; `seconds` how long the call took. `columns` are inputs and keys, one value for
    each of `ids` and `outputs`. A key that is an integer may be an object array of int or None.
    """

    at: float
    model: str
    version: int | None
    source: Source
    ids: Sequence[str]
    columns: Columns
    outputs: NDArray[np.float64]
    seconds: float
