"""A row of small bars: how a number went, on one line."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.text import Text

_BARS = "▁▂▃▄▅▆▇█"
_NOTHING = "·"


@dataclass(frozen=True, slots=True)
class Point:
    """One interval: its value, None where it is not known, and whether it stands out."""

    value: float | None
    flagged: bool = False


def sparkline(points: Sequence[Point], *, width: int) -> Text:
    """One bar for each point, at most `width`; flagged ones red, a dot where there is no value.

    Of more points, some share a bar: their largest value, red where any of them is flagged.
    """
    cells = [_joined(cell) for cell in _cells(points, width)]
    values = [cell.value for cell in cells if cell.value is not None]
    line = Text(no_wrap=True)
    for cell in cells:
        line.append(_bar(cell.value, values), style="bold red" if cell.flagged else "")
    return line


def _cells(points: Sequence[Point], width: int) -> list[Sequence[Point]]:
    count = min(len(points), width)
    bounds = [len(points) * cell // count for cell in range(count + 1)] if count else []
    return [points[start:end] for start, end in pairwise(bounds)]


def _joined(points: Sequence[Point]) -> Point:
    values = [point.value for point in points if point.value is not None]
    return Point(max(values, default=None), any(point.flagged for point in points))


def _bar(value: float | None, values: Sequence[float]) -> str:
    if value is None:
        return _NOTHING
    low, high = min(values), max(values)
    share = (value - low) / (high - low) if high > low else 0.0
    return _BARS[min(int(share * len(_BARS)), len(_BARS) - 1)]
