"""Pictures of what monitoring measured over the last intervals. Equal numbers give equal bytes."""

import io
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from numpy.typing import NDArray

from retrainer.contracts import Recorded
from retrainer.contracts.monitoring import About

_FILES: Mapping[str, tuple[About, ...]] = {
    "drift.png": ("feature", "prediction", "label"),
    "performance.png": ("performance", "business"),
    "service.png": ("service",),
}

_MAIN_MEASURES = ("shift", "divergence")
"""Of a column; its other measures are drawn where they once stood out."""

_MOST_PANELS = 30
_COLUMNS = 3
_PANEL_WIDTH, _PANEL_HEIGHT = 3.6, 1.9  # inches
_LONGEST_TITLE = 40
_DOTS_PER_INCH = 110

_COLOUR, _FLAG, _GREY = "#2f7fd6", "#c8453b", "#8a8a8a"
_STYLE: dict[Any, object] = {
    "text.parse_math": False,
    "font.family": ["DejaVu Sans"],
    "font.size": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.2,
}

_Panel = tuple[About, str, str]
"""About, subject and measure."""


def draw_history(history: Iterable[Recorded]) -> dict[str, bytes]:
    """PNGs by file name: drift.png, performance.png and service.png; those of which there is nothing are left out.

    A panel for each column (metric, declared number, measure of the server): its value in each interval with its
    bounds, what it is compared with (dashed), the intervals that stand out (red) and where the version changed
    (dotted). An interval whose value is not known is a gap. Beyond 30 panels, those that stood out most are drawn.
    """
    panels: dict[_Panel, list[Recorded]] = {}
    for each in _newest_revisions(history):
        panels.setdefault((each.about, each.subject, each.measure), []).append(each)
    pictures = {name: _drawn(panels, about) for name, about in _FILES.items()}
    return {name: _png(drawn) for name, drawn in pictures.items() if drawn}


def _newest_revisions(history: Iterable[Recorded]) -> list[Recorded]:
    newest: dict[tuple[object, ...], Recorded] = {}
    for each in history:
        key = (each.interval.start, each.version, each.about, each.subject, each.measure)
        if key not in newest or newest[key].revision <= each.revision:
            newest[key] = each
    return sorted(newest.values(), key=lambda each: (each.interval.start, each.version or 0))


def _drawn(
    panels: Mapping[_Panel, Sequence[Recorded]], about: tuple[About, ...]
) -> list[tuple[_Panel, Sequence[Recorded]]]:
    """The panels of a picture, those that stood out most often first."""
    own = [
        (panel, course)
        for panel, course in panels.items()
        if panel[0] in about and _is_shown(panel, course) and any(each.value is not None for each in course)
    ]
    own.sort(key=lambda item: (-sum(each.flagged for each in item[1]), _order(item[0], about)))
    return own[:_MOST_PANELS]


def _order(panel: _Panel, about: tuple[About, ...]) -> tuple[int, str, bool, str]:
    """How much is known of a number stands after the number."""
    of, subject, measure = panel
    return about.index(of), subject, measure == "coverage", measure


def _is_shown(panel: _Panel, course: Sequence[Recorded]) -> bool:
    of_a_column = panel[0] in _FILES["drift.png"]
    return not of_a_column or panel[2] in _MAIN_MEASURES or any(each.flagged for each in course)


def _png(panels: Sequence[tuple[_Panel, Sequence[Recorded]]]) -> bytes:
    columns = min(_COLUMNS, len(panels))
    lines = -(-len(panels) // columns)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_PANEL_WIDTH * columns, _PANEL_HEIGHT * lines), layout="constrained")
        FigureCanvasAgg(figure)
        for place, (panel, course) in enumerate(panels, start=1):
            _paint(figure.add_subplot(lines, columns, place), panel, course)
        picture = io.BytesIO()
        figure.savefig(picture, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    return picture.getvalue()


def _paint(axes: Axes, panel: _Panel, course: Sequence[Recorded]) -> None:
    _, subject, measure = panel
    when: NDArray[np.float64] = date2num([each.interval.start for each in course])  # type: ignore[no-untyped-call]
    value, low, high, expected = (
        np.array([np.nan if number is None else number for number in numbers], dtype=np.float64)
        for numbers in zip(*((each.value, each.low, each.high, each.expected) for each in course), strict=True)
    )
    axes.plot(when, value, color=_COLOUR, marker=".", markersize=4)
    axes.fill_between(when, low, high, color=_COLOUR, alpha=0.18, linewidth=0)
    axes.plot(when, expected, color=_GREY, linestyle="dashed", linewidth=1)
    flagged = [place for place, each in enumerate(course) if each.flagged]
    axes.plot(when[flagged], value[flagged], "o", color=_FLAG, markersize=4.5)
    for place, (before, after) in enumerate(pairwise(course), start=1):
        if before.version != after.version:
            axes.axvline(float(when[place]), color=_GREY, linewidth=0.8, linestyle="dotted")
    if measure == "coverage":
        axes.set_ylim(0, 1.05)
    axes.set_title(_title(subject, measure), fontsize=8, loc="left")
    locator = AutoDateLocator(minticks=2, maxticks=5)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.locator_params(axis="y", nbins=4)


def _title(subject: str, measure: str) -> str:
    """In one line, without what no font can draw."""
    words = subject if subject == measure else f"{subject}: {measure}"
    text = " ".join("".join(character if character.isprintable() else " " for character in words).split())
    return text if len(text) <= _LONGEST_TITLE else f"{text[: _LONGEST_TITLE - 1]}…"
