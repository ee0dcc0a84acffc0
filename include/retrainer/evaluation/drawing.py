"""Curves as pictures."""

import io
from collections.abc import Mapping

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from retrainer.evaluation.curves import Curve

_AXES = {
    "roc": ("false positive rate", "true positive rate"),
    "precision_recall": ("recall", "precision"),
    "reliability": ("predicted probability", "share that was 1"),
}


def draw_curves(models: Mapping[str, Mapping[str, Curve]]) -> dict[str, bytes]:
    """One PNG for each kind of curve, with a line for each model: `models` is {model name: {kind: curve}}."""
    pictures = {}
    for kind, (x_label, y_label) in _AXES.items():
        figure = Figure(figsize=(5, 4), dpi=110, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        for name, curves in models.items():
            axes.plot(*curves[kind], label=name, marker="o" if kind == "reliability" else None, linewidth=1.5)
        if kind != "precision_recall":
            axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle="dotted")
        axes.set(xlabel=x_label, ylabel=y_label, xlim=(0, 1), ylim=(0, 1))
        axes.legend()
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
        pictures[f"curves/{kind}.png"] = buffer.getvalue()
    return pictures
