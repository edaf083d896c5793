"""Gap against accuracy of several models in one picture."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from apps.ml.evaluation.plots.style import (
    BLACK,
    BLUE,
    FAINT,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    WIDE,
    YELLOW,
    Plot,
    draw,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOOKS = {
    "none": (BLACK, "X"),
    "reweighing": (YELLOW, "P"),
    "fair_boosting": (GREEN, "o"),
    "blind_post_processing": (BLUE, "s"),
    "group_thresholds": (SKY, "^"),
    "fairlearn ThresholdOptimizer, training rows": (ORANGE, "D"),
    "fairlearn ThresholdOptimizer, validation rows": (ORANGE, "d"),
    "fairlearn ExponentiatedGradient": (VERMILION, "v"),
    "fairlearn GridSearch": (PURPLE, "<"),
}
"""Colour and marker: each tells the method apart without the other."""

HEIGHT = 6.4
"""Inches."""


@dataclass(frozen=True)
class Point:
    """One model on test rows; intervals are (lower, upper). `refused`: why there is none."""

    method: str
    tolerance: float | None
    needs_sex: bool
    by_chance: bool
    seconds: float
    accuracy: float | None = None
    accuracy_interval: tuple[float, float] = (0.0, 0.0)
    gap: float | None = None
    gap_interval: tuple[float, float] = (0.0, 0.0)
    family_interval: tuple[float, float] = (0.0, 0.0)
    balanced_accuracy: float | None = None
    true_positive_rates: dict[str, float] = field(default_factory=dict)
    false_positive_rates: dict[str, float] = field(default_factory=dict)
    refused: str = ""


def fronts_plot(points: list[Point]) -> Plot:
    """Draw gap against accuracy with both intervals: filled markers need no group and draw no lots."""
    drawn = [point for point in points if point.accuracy is not None and point.gap is not None]

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        for method, (colour, marker) in LOOKS.items():
            own = [point for point in drawn if point.method == method]
            if own:
                _front(axes, own, colour, marker)
        axes.set_xlabel("equalized odds difference by sex (smaller is fairer)")
        axes.set_ylabel("accuracy")
        axes.set_xlim(left=-0.002)
        handles, names = axes.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower left", ncols=3)
        note = "filled: decisions need neither the sex nor chance\nlines: 95 % intervals of each point"
        axes.annotate(note, (0.98, 0.03), xycoords="axes fraction", ha="right", fontsize=8.5)

    title = "Accuracy and equalized odds on Adult, official test rows"
    description = "Equalized odds difference by sex and accuracy of every method and tolerance, with 95 % intervals."
    return draw("mitigation_fronts", title, description, HEIGHT, paint, WIDE)


def _front(axes: "Axes", points: list[Point], colour: str, marker: str) -> None:
    """Draw one method's points: crosses of intervals behind, a line from one to the next, markers in front."""
    x = [float(point.gap or 0.0) for point in points]
    y = [float(point.accuracy or 0.0) for point in points]
    for point, across, up in zip(points, x, y, strict=True):
        axes.plot(point.gap_interval, (up, up), color=colour, linewidth=0.7, alpha=0.35, zorder=1)
        axes.plot((across, across), point.accuracy_interval, color=colour, linewidth=0.7, alpha=0.35, zorder=1)
    axes.plot(x, y, color=colour, linewidth=1.0, alpha=0.8, zorder=2)
    free = not (points[0].needs_sex or points[0].by_chance)
    face = colour if free else "white"
    edge = FAINT if colour == YELLOW else colour
    axes.scatter(x, y, s=52, marker=marker, facecolors=face, edgecolors=edge, zorder=3, label=points[0].method)
