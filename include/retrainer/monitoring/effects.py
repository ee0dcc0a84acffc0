"""Effect sizes that people can read, of one column in one set of rows against another, from their tallies.

All take the tallies' leading axes together, so that a reference of many intervals is compared in one call.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr  # type: ignore[import-untyped]

from retrainer.monitoring.sketch import CategoryLayout, Layout, NumberLayout, Tally

Effects = NDArray[np.float64]

_PSI_CELLS = 10
_LEAST_SHARE = 1e-4
"""A share counts as no smaller than this in PSI, as is usual."""


def scale_of(layout: Layout, reference: Tally) -> float:
    """What a shift is measured in: the standard deviation of the reference; of a constant its size, 1 for zero."""
    values = int(reference.values)
    if not isinstance(layout, NumberLayout) or not values:
        return 1.0
    offset = float(reference.sums.sum()) / values
    variance = float(reference.squares) / values - offset**2
    mean = layout.center + offset
    if variance > (1e-12 * mean) ** 2 and variance > 1e-14 * float(reference.squares) / values:
        return float(np.sqrt(variance))
    return abs(mean) or 1.0


def effects(layout: Layout, reference: Tally, now: Tally, *, scale: float) -> Mapping[str, Effects]:
    """Each measure of a column of this layout. NaN where one side has no values (for `missing`: no rows)."""
    found = {"missing": missing(reference, now)}
    if isinstance(layout, CategoryLayout):
        found["divergence"] = divergence(reference, now)
        if layout.complete:
            found["unseen"] = unseen(now)
    else:
        found["shift"] = shift(reference, now, scale=scale)
    return found


def shift(reference: Tally, now: Tally, *, scale: float) -> Effects:
    """Wasserstein-1 distance over `scale`, each cell's values standing at their mean."""
    shares = np.broadcast_arrays(_shares(reference), -_shares(now))
    means = np.broadcast_arrays(_means(reference), _means(now))
    at, mass = np.stack(means, axis=-1), np.stack(shares, axis=-1)
    at = np.where(np.isnan(at), at[..., ::-1], at)  # an empty cell's mass is nothing, wherever it stands
    order = np.argsort(at, axis=-1)
    at, mass = (np.take_along_axis(each, order, axis=-1) for each in (at, mass))
    flat = (*at.shape[:-2], at.shape[-2] * 2)
    at = np.fmax.accumulate(at.reshape(flat), axis=-1)
    gaps = np.nan_to_num(np.diff(at, axis=-1))
    ahead = np.cumsum(mass.reshape(flat), axis=-1)[..., :-1]
    distance: Effects = np.sum(np.abs(ahead) * gaps, axis=-1) / scale
    return distance


def divergence(reference: Tally, now: Tally) -> Effects:
    """Jensen-Shannon distance to base 2, 0 to 1 (Lin 1991), of the values that are not missing."""
    shares = _shares(reference), _shares(now)
    middle = (shares[0] + shares[1]) / 2
    bits = sum(rel_entr(share, middle).sum(axis=-1) for share in shares) / (2 * np.log(2))
    distance: Effects = np.sqrt(np.maximum(bits, 0))
    return distance


def missing(reference: Tally, now: Tally) -> Effects:
    """Share of missing values now, minus that of the reference."""
    return _ratio(now.missing, now.rows) - _ratio(reference.missing, reference.rows)


def unseen(now: Tally) -> Effects:
    """Share of the values that are categories which the reference does not have."""
    return _ratio(now.counts[..., -1], now.values)


def psi(layout: Layout, reference: Tally, now: Tally) -> Effects:
    """Population stability index: of the ten tenths of the reference's numbers, or of the categories."""
    shares = [_shares(reference), _shares(now)]
    if isinstance(layout, NumberLayout):
        middle = np.nan_to_num(np.cumsum(shares[0], axis=-1) - shares[0] / 2)
        tenth = np.minimum((middle * _PSI_CELLS).astype(np.int64), _PSI_CELLS - 1)
        shares = [np.stack([(each * (tenth == number)).sum(-1) for number in range(_PSI_CELLS)], -1) for each in shares]
    expected, found = (np.maximum(each, _LEAST_SHARE) for each in shares)
    index: Effects = np.sum((found - expected) * np.log(found / expected), axis=-1)
    return index


def _shares(tally: Tally) -> NDArray[np.float64]:
    return _ratio(tally.counts, tally.values[..., None])


def _means(tally: Tally) -> NDArray[np.float64]:
    return _ratio(tally.sums, tally.counts)


def _ratio(part: NDArray[np.int64] | Effects, whole: NDArray[np.int64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: NDArray[np.float64] = np.where(whole > 0, part / whole, np.nan)
    return ratio
