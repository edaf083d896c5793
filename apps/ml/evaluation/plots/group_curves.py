"""Curves of each judged group: calibration within the group, and rates at every threshold."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from apps.ml.evaluation.documents.words import spoken
from apps.ml.evaluation.plots.style import (
    BLACK,
    BLUE,
    GREEN,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    WIDE,
    Plot,
    draw,
    largest,
    left_out,
    say_undefined,
    shares_on_axis,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOOKS = tuple(
    zip(
        (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, BLACK, MUTED),
        ("-", "--", "-.", ":", (0, (9, 2)), (0, (3, 1, 1, 1, 1, 1)), (0, (5, 4)), (0, (1, 3))),
        ("o", "s", "^", "D", "v", "P", "X", "*"),
        strict=True,
    )
)
"""Colour, dash and marker: a line is told apart by three signs, so that none depends on colour alone."""

LEGEND_WIDTH = 30
"""Characters of a name before it is broken."""

RATES = {
    "selection_rate": ("selection rate", "share of rows"),
    "true_positive_rate": ("true positive rate", "share of positive rows"),
    "false_positive_rate": ("false positive rate", "share of negative rows"),
}


def group_calibration_plot(attribute: str, record: Mapping[str, Any]) -> Plot:
    """Draw the calibration curve of each judged group, the largest eight of them."""
    shown, others = _shown(attribute, record, "calibration")
    positive = record["decision"]["positive_name"]

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot(xlim=(-0.015, 1.015), ylim=(-0.02, 1.02))
        axes.set(xlabel=f"score: predicted probability of “{positive}”", ylabel=f"observed share of\n“{positive}”")
        shares_on_axis(axes.xaxis)
        shares_on_axis(axes.yaxis)
        if not shown:
            say_undefined(axes, "no judged group has scores and labels")
            return
        axes.plot([0, 1], [0, 1], color=MUTED, linestyle=":", label="perfectly calibrated")
        for (name, bins), (colour, dash, marker) in zip(shown, LOOKS, strict=False):
            x, y = [one["mean_score"] for one in bins], [one["share"] for one in bins]
            whiskers = [
                [max(0.0, one["share"] - one["lower"]) for one in bins],
                [max(0.0, one["upper"] - one["share"]) for one in bins],
            ]
            axes.errorbar(x, y, yerr=whiskers, color=colour, linestyle=dash, marker=marker, markersize=5,
                          linewidth=1.5, elinewidth=0.8, capsize=2, label=wrapped(name, LEGEND_WIDTH, 2))  # fmt: skip
        _legend(figure, axes, shown, 3)

    title = f"Calibration within groups: {wrapped(spoken(attribute), 50, 1)}{others}"
    description = f"Observed share against mean score for {', '.join(name for name, _ in shown) or 'no group'}."
    return draw(f"calibration_{attribute}", title, description, 4.4 + _legend_height(shown, 3), paint)


def threshold_plot(attribute: str, record: Mapping[str, Any]) -> Plot:
    """Draw selection, true and false positive rate of each judged group at every threshold."""
    shown, others = _shown(attribute, record, "thresholds")

    def paint(figure: "Figure") -> None:
        panels = figure.subplots(1, len(RATES), sharey=True)
        for axes, (rate, (heading, unit)) in zip(panels, RATES.items(), strict=True):
            _thresholds(axes, shown, rate, record["decision"]["threshold"])
            axes.set_title(heading, fontsize=9)
            axes.set_ylabel(unit, fontsize=9)
        if shown:
            _legend(figure, panels[0], shown, 4)

    title = f"Rates at other thresholds: {wrapped(spoken(attribute), 50, 1)}{others}"
    description = f"Rates against the threshold for {', '.join(name for name, _ in shown) or 'no group'}."
    return draw(f"thresholds_{attribute}", title, description, 3.6 + _legend_height(shown, 4), paint, WIDE)


def _thresholds(axes: "Axes", shown: Sequence[tuple[str, Any]], rate: str, threshold: float | None) -> None:
    axes.set(xlim=(-0.015, 1.015), ylim=(-0.02, 1.02))
    axes.set_xlabel("threshold", fontsize=9)
    shares_on_axis(axes.xaxis)
    shares_on_axis(axes.yaxis)
    if not shown:
        say_undefined(axes, "no judged group has scores and labels")
        return
    for (name, points), (colour, dash, _) in zip(shown, LOOKS, strict=False):
        known = [(point["threshold"], point[rate]) for point in points if point[rate] is not None]
        axes.plot(*zip(*known, strict=True) if known else ([], []), color=colour, linestyle=dash, linewidth=1.7,
                  label=wrapped(name, LEGEND_WIDTH, 2))  # fmt: skip
    if threshold is not None:
        axes.axvline(threshold, color=MUTED, linewidth=1, label="threshold in use")


def _shown(attribute: str, record: Mapping[str, Any], curve: str) -> tuple[list[tuple[str, Any]], str]:
    """Return the curve of the largest judged groups, in display order, and what the title says of the others."""
    groups = record["fairness"][attribute]["groups"]
    curves = record["curves"]["by_group"].get(attribute, {})
    judged = [name for name, group in groups.items() if group["judged"] and curves.get(name, {}).get(curve)]
    names = largest({name: groups[name]["n"] for name in judged}, len(LOOKS))
    return [(name, curves[name][curve]) for name in names], left_out(len(names), len(judged))


def _legend(figure: "Figure", axes: "Axes", shown: Sequence[tuple[str, Any]], columns: int) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=_columns(shown, columns))


def _legend_height(shown: Sequence[tuple[str, Any]], columns: int) -> float:
    """Return the inches of a legend of the groups and one line more; long names take two lines."""
    lines = -(-(len(shown) + 1) // _columns(shown, columns))
    return lines * (0.36 if _long(shown) else 0.19)


def _columns(shown: Sequence[tuple[str, Any]], columns: int) -> int:
    return min(columns, 3) if _long(shown) else columns


def _long(shown: Sequence[tuple[str, Any]]) -> bool:
    return any(len(name) > LEGEND_WIDTH for name, _ in shown)
