"""Predicted numbers seen by group: errors with intervals, and how predictions are distributed."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from apps.ml.evaluation.documents.words import figure as in_figures
from apps.ml.evaluation.documents.words import spoken
from apps.ml.evaluation.plots.groups import group_label, group_legend, label_height, measured_panel
from apps.ml.evaluation.plots.numbers import named_number, thousands
from apps.ml.evaluation.plots.style import (
    BLUE,
    FAINT,
    MUTED,
    ORANGE,
    WIDE,
    Plot,
    dots,
    draw,
    largest,
    left_out,
    notes,
    say_undefined,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = {
    "mean_error": "mean error: predicted − observed",
    "mean_absolute_error": "mean absolute error",
}
"""Metric of a group → heading of its panel."""

MOST_ERRORS, MOST_DISTRIBUTIONS = 20, 16
"""Groups in one picture, so that it fits on a printed page; the tables hold all of them."""


def group_errors_plot(attribute: str, record: Mapping[str, Any]) -> Plot:
    """Draw mean error and mean absolute error of each group with intervals; groups that are not judged are hollow."""
    groups = record["fairness"][attribute]["groups"]
    names = largest({name: group["n"] for name, group in groups.items()}, MOST_ERRORS)
    labels = [group_label(name, groups[name]["n"]) for name in names]
    unit = record["decision"]["unit"] or "unit of the label"

    def paint(figure: "Figure") -> None:
        drawn = figure.subplots(1, len(PANELS), sharey=True)
        for axes, (metric, heading) in zip(drawn, PANELS.items(), strict=True):
            measured_panel(axes, [groups[name] for name in names], metric, record["performance"][metric]["value"])
            axes.set_title(heading, fontsize=9)
            axes.set_xlabel(unit, fontsize=9)
            thousands(axes.xaxis)
        drawn[0].axvline(0, color=MUTED, linewidth=1)
        drawn[1].set_xlim(left=0)
        drawn[0].set_yticks(range(len(names)), labels)
        drawn[0].set_ylim(len(names) - 0.4, -0.6)
        figure.legend(handles=group_legend(), loc="outside lower center", ncols=3)

    described = "; ".join(f"{name}: {_spoken(groups[name].get('mean_error'))}" for name in names)
    title = f"Errors by group: {wrapped(spoken(attribute), 60, 1)}{left_out(len(names), len(groups))}"
    height = 1.9 + label_height(labels, 0.42) * max(2, len(names))
    return draw(f"errors_{attribute}", title, f"Mean error by group. {described}.", height, paint, WIDE)


def group_predictions_plot(attribute: str, record: Mapping[str, Any]) -> Plot:
    """Draw one histogram of predictions per group, each scaled to its own number of rows."""
    parts, edges = record["curves"]["by_group"][attribute], record["curves"]["predictions"]["edges"]
    rows = {name: group["n"] for name, group in record["fairness"][attribute]["groups"].items()}
    names = largest(rows, MOST_DISTRIBUTIONS)
    labels = [group_label(name, rows[name]) for name in names]

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot(xlabel=f"predicted {named_number(record)}")
        if not edges:
            say_undefined(axes, "there are no test rows")
            return
        for position, name in enumerate(names):
            _ridge(axes, position, parts[name]["counts"], edges)
        medians = [(parts[name]["median"], at) for at, name in enumerate(names) if parts[name]["median"] is not None]
        dots(axes, medians, marker="^", color=ORANGE, markeredgecolor=MUTED, markersize=7, label="median of the group")
        too_few = [at - 0.35 for at, name in enumerate(names) if parts[name]["median"] is None]
        notes(axes, too_few, "too few rows to be shown")
        axes.set_yticks([position - 0.35 for position in range(len(names))], labels)
        axes.grid(visible=False, axis="y")
        axes.set_xlim(edges[0], edges[-1])
        axes.set_ylim(len(names) - 0.8, -1.0)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        thousands(axes.xaxis)
        figure.legend(loc="outside lower center", ncols=3)

    described = "; ".join(f"{name}: median {in_figures(parts[name]['median'])}" for name in names)
    title = f"Predictions by group: {wrapped(spoken(attribute), 60, 1)}{left_out(len(names), len(parts))}"
    height = 1.7 + label_height(labels, 0.6) * max(2, len(names))
    return draw(f"predictions_{attribute}", title, f"Distribution of predictions by group. {described}.", height, paint)


def _ridge(axes: "Axes", position: int, counts: Sequence[int], edges: Sequence[float]) -> None:
    axes.axhline(position, color=FAINT, linewidth=0.8)
    if not any(counts):
        return
    heights = position - 0.82 * np.asarray(counts, dtype=np.float64) / max(counts)
    axes.stairs(heights, edges, baseline=position, fill=True, color=BLUE, alpha=0.35, linewidth=0)
    axes.stairs(heights, edges, baseline=position, color=BLUE, linewidth=1.1)


def _spoken(measured: Mapping[str, Any] | None) -> str:
    return "undefined" if not measured or measured.get("value") is None else in_figures(measured["value"])
