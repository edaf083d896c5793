"""ROC and precision–recall curves with the point where the model decides."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from apps.ml.evaluation.plots.evaluated_rows import EvaluatedRows
from apps.ml.evaluation.plots.style import (
    BLUE,
    MUTED,
    NARROW,
    VERMILION,
    Plot,
    draw,
    say_undefined,
    shares_on_axis,
)
from apps.ml.evaluation.plots.tables import confusion_counts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT = 4.6


def roc_plot(rows: EvaluatedRows, points: pd.DataFrame, performance: Mapping[str, Any]) -> Plot:
    """Draw the ROC curve.

    Parameters
    ----------
    rows : EvaluatedRows
    points : data frame
        As :func:`~apps.ml.evaluation.plots.tables.roc_points` returns it.
    performance : mapping
        Content of performance.json; `roc_auc` labels the curve.
    """
    counts = confusion_counts(rows.labels, rows.decisions)

    def paint(figure: "Figure") -> None:
        axes = _square(figure, "false positive rate", "true positive rate")
        if points.empty:
            say_undefined(axes, "the test rows hold one class only")
            return
        axes.plot([0, 1], [0, 1], color=MUTED, linestyle=":", label="chance")
        x, y = points["false_positive_rate"], points["true_positive_rate"]
        axes.plot(x, y, color=BLUE, linewidth=2, label=f"model, area {_measured(performance.get('roc_auc'))}")
        _operating_point(axes, counts[0, 1] / counts[0].sum(), counts[1, 1] / counts[1].sum(), rows.threshold)
        axes.legend(loc="lower right")

    description = (
        f"True positive rate against false positive rate over all thresholds; area under the curve "
        f"{_measured(performance.get('roc_auc'))}."
    )
    return draw("roc", "ROC curve", description, HEIGHT, paint, NARROW)


def precision_recall_plot(rows: EvaluatedRows, points: pd.DataFrame, performance: Mapping[str, Any]) -> Plot:
    """Draw the precision–recall curve with the share of positive rows, which a model without skill reaches.

    Parameters are those of :func:`roc_plot`; `points` come from
    :func:`~apps.ml.evaluation.plots.tables.precision_recall_points`.
    """
    counts = confusion_counts(rows.labels, rows.decisions)
    base = float(rows.labels.mean()) if len(rows.labels) else 0.0

    def paint(figure: "Figure") -> None:
        axes = _square(figure, "recall (true positive rate)", "precision (positive predictive value)")
        if points.empty:
            say_undefined(axes, "no test row is a positive event")
            return
        axes.axhline(base, color=MUTED, linestyle=":", label=f"no skill, {base:.1%} of rows are positive")
        area = _measured(performance.get("pr_auc"))
        axes.plot(points["recall"], points["precision"], color=BLUE, linewidth=2, label=f"model, area {area}")
        if counts[:, 1].sum():
            precision = counts[1, 1] / counts[:, 1].sum()
            _operating_point(axes, counts[1, 1] / counts[1].sum(), precision, rows.threshold)
        axes.legend(loc="lower left")

    description = (
        f"Precision against recall over all thresholds; area under the curve {_measured(performance.get('pr_auc'))}; "
        f"{base:.1%} of the rows are positive."
    )
    return draw("precision_recall", "Precision–recall curve", description, HEIGHT, paint, NARROW)


def _square(figure: "Figure", x_label: str, y_label: str) -> "Axes":
    axes = figure.add_subplot(xlim=(-0.015, 1.015), ylim=(-0.015, 1.025), xlabel=x_label, ylabel=y_label)
    shares_on_axis(axes.xaxis)
    shares_on_axis(axes.yaxis)
    return axes


def _operating_point(axes: "Axes", x: float, y: float, threshold: float) -> None:
    label = f"decisions at threshold {threshold:.4g}"
    axes.plot([x], [y], marker="D", markersize=8, color=VERMILION, markeredgecolor="white", linestyle="", label=label)


def _measured(measurement: Mapping[str, Any] | None) -> str:
    if not measurement or measurement.get("value") is None:
        return "undefined"
    text = f"{measurement['value']:.3f}"
    if measurement.get("lower") is None or measurement.get("upper") is None:
        return text
    return f"{text} [{measurement['lower']:.3f}, {measurement['upper']:.3f}]"
