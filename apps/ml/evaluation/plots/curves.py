"""ROC and precision–recall curves with the point where the model decides."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT = 4.6


def roc_plot(record: Mapping[str, Any]) -> Plot:
    """Draw the ROC curve of a record."""
    points, decision = record["curves"]["roc"], record["decision"]
    area = _area(record["performance"].get("roc_auc"))

    def paint(figure: "Figure") -> None:
        axes = _square(figure, "false positive rate", "true positive rate")
        if not points:
            say_undefined(axes, "all rows have the same label")
            return
        axes.plot([0, 1], [0, 1], color=MUTED, linestyle=":", label="chance")
        x, y = ([point[name] for point in points] for name in ("false_positive_rate", "true_positive_rate"))
        axes.plot(x, y, color=BLUE, linewidth=2, label=f"model{area}")
        (tn, fp), (fn, tp) = record["curves"]["confusion"]
        _decisions(axes, fp / (tn + fp), tp / (fn + tp), decision["threshold"])
        axes.legend(loc="lower right")

    description = f"True positive rate against false positive rate over all thresholds{area}."
    return draw("roc", "ROC curve", description, HEIGHT, paint, NARROW)


def precision_recall_plot(record: Mapping[str, Any]) -> Plot:
    """Draw the precision–recall curve with the share of positive rows, which a model without skill reaches."""
    points, decision = record["curves"]["precision_recall"], record["decision"]
    area = _area(record["performance"].get("pr_auc"))
    (tn, fp), (fn, tp) = record["curves"]["confusion"]
    base = (fn + tp) / max(1, tn + fp + fn + tp)

    def paint(figure: "Figure") -> None:
        axes = _square(figure, "recall (true positive rate)", "precision (positive predictive value)")
        if not points:
            say_undefined(axes, "no row is a positive event")
            return
        axes.axhline(base, color=MUTED, linestyle=":", label=f"no skill, {base:.1%} of rows are positive")
        x, y = ([point[name] for point in points] for name in ("recall", "precision"))
        axes.plot(x, y, color=BLUE, linewidth=2, label=f"model{area}")
        if fp + tp:
            _decisions(axes, tp / (fn + tp), tp / (fp + tp), decision["threshold"])
        axes.legend(loc="lower left")

    description = f"Precision against recall over all thresholds{area}; {base:.1%} of the rows are positive."
    return draw("precision_recall", "Precision–recall curve", description, HEIGHT, paint, NARROW)


def _square(figure: "Figure", x_label: str, y_label: str) -> "Axes":
    axes = figure.add_subplot(xlim=(-0.015, 1.015), ylim=(-0.015, 1.025), xlabel=x_label, ylabel=y_label)
    shares_on_axis(axes.xaxis)
    shares_on_axis(axes.yaxis)
    return axes


def _decisions(axes: "Axes", x: float, y: float, threshold: float | None) -> None:
    label = "decisions" if threshold is None else f"decisions at threshold {threshold:.4g}"
    axes.plot([x], [y], marker="D", markersize=8, color=VERMILION, markeredgecolor="white", linestyle="", label=label)


def _area(measurement: Mapping[str, Any] | None) -> str:
    """Return what to add to a sentence about the curve; nothing where its area was not measured."""
    if measurement is None:
        return ""
    if measurement["value"] is None:
        return ", area undefined"
    text = f", area {measurement['value']:.3f}"
    if measurement.get("lower") is None or measurement.get("upper") is None:
        return text
    return f"{text} [{measurement['lower']:.3f}, {measurement['upper']:.3f}]"
