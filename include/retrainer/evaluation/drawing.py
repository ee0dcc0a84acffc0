"""Charts of a comparison, as SVG that stands inside a page.

A chart has no script and no font and asks for nothing; its ids begin with the chart's name, so several stand in one
page; its text has the colour of the page around it; equal numbers give equal bytes.
"""

import html
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from numpy.typing import NDArray

from retrainer.contracts import SliceResult
from retrainer.evaluation.curves import Curve
from retrainer.evaluation.importance import Importance

_AXES = {
    "roc": ("false positive rate", "true positive rate"),
    "precision_recall": ("recall", "precision"),
    "reliability": ("predicted probability", "share that was 1"),
}
_WIDTH = 4.2
"""Inches: what a phone shows without shrinking the text."""

_TEXT = "#010203"
"""Stands for the colour of the page's text until the SVG is written."""

_COLOURS = ("#2f7fd6", "#d27a1c")
"""Challenger and reference: apart on white and on black, and to the colour-blind."""

_LIMIT = "#c8453b"
_GREY = "#8a8a8a"
_LONGEST_LABEL = 22
_DOTS = 300
_DRAWN_SLICES = 40
_DRAWN_COLUMNS = 25
_STYLE: dict[Any, object] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), _TEXT),
}


def curve_svg(kind: str, curves: Mapping[str, Curve]) -> str:
    """`roc`, `precision_recall` or `reliability` of two models by name, the challenger first."""

    def paint(axes: Axes) -> None:
        for (name, curve), colour in zip(curves.items(), _COLOURS, strict=False):
            axes.plot(
                *curve, label=_label(name), color=colour, marker="o" if kind == "reliability" else "", markersize=4
            )
        if kind != "precision_recall":
            axes.plot([0, 1], [0, 1], color=_GREY, linewidth=0.8, linestyle="dotted")
        axes.set(xlabel=_AXES[kind][0], ylabel=_AXES[kind][1], xlim=(0, 1), ylim=(0, 1.02))
        axes.legend()

    return _svg(kind, f"{kind.replace('_', '-')} curves of {' and '.join(curves)}", paint)


def predicted_svg(label: NDArray[np.float64], outputs: Mapping[str, NDArray[np.float64]]) -> str:
    """What two models predicted of the same rows against what was true: at most 300 evenly spaced rows."""
    rows = np.unique(np.linspace(0, len(label) - 1, min(_DOTS, len(label))).astype(int))

    def paint(axes: Axes) -> None:
        for (name, output), colour in reversed(list(zip(outputs.items(), _COLOURS, strict=False))):
            axes.plot(output[rows], label[rows], ".", label=_label(name), color=colour, markersize=4, alpha=0.6)
        ends = [float(label[rows].min()), float(label[rows].max())]
        axes.plot(ends, ends, color=_GREY, linewidth=0.8, linestyle="dotted")
        axes.set(xlabel="predicted", ylabel="actual")
        axes.legend()

    return _svg("predicted", f"predicted and actual values of {len(rows)} rows", paint)


def residuals_svg(label: NDArray[np.float64], outputs: Mapping[str, NDArray[np.float64]]) -> str:
    """How often two models erred by how much (actual minus predicted), the rarest 1 % at either end left out."""
    residuals = {name: label - output for name, output in outputs.items()}
    low, high = np.quantile(np.concatenate(list(residuals.values())), [0.01, 0.99])
    edges = np.linspace(low, high if high > low else low + 1, 41)

    def paint(axes: Axes) -> None:
        for (name, values), colour in zip(residuals.items(), _COLOURS, strict=False):
            axes.stairs(np.histogram(values, edges)[0], edges, label=_label(name), color=colour, linewidth=1.5)
        axes.axvline(0, color=_GREY, linewidth=0.8, linestyle="dotted")
        axes.set(xlabel="actual minus predicted", ylabel="rows")
        axes.legend()

    return _svg("residuals", f"histogram of the residuals of {' and '.join(outputs)}", paint)


def differences_svg(
    differences: NDArray[np.float64], *, metric: str, interval: tuple[float, float], threshold: float | None
) -> str:
    """The bootstrap's differences, their interval shaded, and the threshold that the interval must lie above."""
    counts, edges = np.histogram(differences, bins=40)

    def paint(axes: Axes) -> None:
        axes.stairs(counts, edges, fill=True, color=_COLOURS[0], alpha=0.75)
        axes.axvspan(*interval, color=_COLOURS[0], alpha=0.15, linewidth=0, label="interval")
        if threshold is not None:
            axes.axvline(threshold, color=_LIMIT, linestyle="dashed", label=f"threshold {threshold:g}")
        axes.set(xlabel=f"{metric}: challenger minus reference", ylabel="resamples")
        axes.locator_params(axis="x", nbins=6)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)

    title = f"{len(differences)} bootstrap differences, interval {interval[0]:+.4f} to {interval[1]:+.4f}"
    return _svg("differences", title, paint, height=2.6)


def slices_svg(slices: Sequence[SliceResult], *, loss: float) -> str:
    """A dot and an interval for each slice that was judged: the 40 with the lowest upper bound, and minus `loss`."""
    judged = [item for item in slices if item.difference is not None and item.low is not None and item.high is not None]
    worst = sorted(judged, key=lambda item: (item.high, item.column, item.value))[:_DRAWN_SLICES]
    drawn = [item for item in reversed(judged) if item in worst]

    def paint(axes: Axes) -> None:
        for place, item in enumerate(drawn):
            colour = _LIMIT if item.status == "failed" else _COLOURS[0]
            low, middle, high = np.array([item.low, item.difference, item.high], dtype=np.float64)
            axes.plot([low, high], [place, place], color=colour)
            axes.plot([middle], [place], "o", color=colour, markersize=5)
        axes.axvline(-loss, color=_LIMIT, linestyle="dashed", linewidth=1)
        axes.set(xlabel="challenger minus reference", ylim=(-0.7, len(drawn) - 0.3))
        axes.set_yticks(range(len(drawn)), [_label(f"{item.column}: {item.value}") for item in drawn])
        axes.locator_params(axis="x", nbins=5)

    title = f"difference and interval of {len(drawn)} slices"
    return _svg("slices", title, paint, height=0.8 + 0.24 * len(drawn), left=1.5)


def importance_svg(importances: Sequence[Importance], *, metric: str) -> str:
    """A bar for each of the 25 most important columns, with the least and the most of its shuffles."""
    drawn = list(reversed(importances[:_DRAWN_COLUMNS]))

    def paint(axes: Axes) -> None:
        axes.barh(range(len(drawn)), [item.mean for item in drawn], color=_COLOURS[0], height=0.65)
        for place, item in enumerate(drawn):
            axes.plot([item.low, item.high], [place, place], color=_TEXT, linewidth=1)
        axes.axvline(0, color=_GREY, linewidth=0.8)
        axes.set(xlabel=f"fall of {metric} when shuffled", ylim=(-0.7, len(drawn) - 0.3))
        axes.set_yticks(range(len(drawn)), [_label(item.column) for item in drawn])
        axes.locator_params(axis="x", nbins=5)

    return _svg("importance", f"importance of {len(drawn)} columns", paint, height=0.8 + 0.24 * len(drawn), left=1.6)


def _svg(name: str, title: str, paint: Callable[[Axes], None], *, height: float = 3.2, left: float = 0.6) -> str:
    """What `paint` draws, as an `<svg>` called `name`; `height` and the room on the `left` in inches."""
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(_WIDTH, height))
        FigureCanvasSVG(figure)
        figure.subplots_adjust(left=left / _WIDTH, right=0.97, bottom=0.5 / height, top=1 - 0.3 / height)
        paint(figure.add_subplot())
        text = io.StringIO()
        figure.savefig(
            text, format="svg", transparent=True, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type"))
        )
    return _for_a_page(text.getvalue(), name, title)


def _for_a_page(svg: str, name: str, title: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<style\b.*?</style>", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\1{name}-", svg)
    svg = svg.replace(_TEXT, "currentColor").replace("font-family: 'DejaVu Sans'", "font-family: inherit")
    named = html.escape(_clean(title))
    return svg.replace("<svg ", f'<svg role="img" aria-label="{named}" ', 1).replace(
        ">", f">\n <title>{named}</title>", 1
    )


def _label(value: str) -> str:
    """`value` as it fits beside an axis."""
    text = _clean(value)
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"


def _clean(value: str) -> str:
    """Without what XML does not allow, in one line."""
    return " ".join("".join(character if character.isprintable() else " " for character in value).split())
