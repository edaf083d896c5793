"""The same model seen by group: rates with intervals, and how scores are distributed."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.plots.evaluated_rows import EvaluatedRows
from apps.ml.evaluation.plots.style import (
    BLUE,
    FAINT,
    MUTED,
    ORANGE,
    VERMILION,
    WIDE,
    Plot,
    draw,
    shares_on_axis,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RATES = {
    "selection_rate": ("selection rate", "share of rows"),
    "true_positive_rate": ("true positive rate", "share of positive rows"),
    "false_positive_rate": ("false positive rate", "share of negative rows"),
    "positive_predictive_value": ("positive predictive value", "share of selected rows"),
}
"""Metric of a group → heading of its panel, and what the rate is a share of."""

DISTRIBUTION_BINS = 50


def rates_plot(attribute: str, assessed: Mapping[str, Any], overall: Mapping[str, float | None]) -> Plot:
    """Draw selection rate, TPR, FPR and PPV of each group with intervals; groups that are not judged are hollow.

    Parameters
    ----------
    attribute : str
    assessed : mapping
        The attribute's part of fairness.json.
    overall : mapping
        The same rates over all rows; None where undefined.
    """
    groups = assessed["groups"]
    names = list(groups)
    labels = [_labelled(name, groups[name]["n"]) for name in names]

    def paint(figure: "Figure") -> None:
        panels = figure.subplots(1, len(RATES), sharey=True)
        for axes, (metric, (heading, unit)) in zip(panels, RATES.items(), strict=True):
            _rate_panel(axes, [groups[name] for name in names], metric, overall.get(metric))
            axes.set_title(heading, fontsize=9)
            axes.set_xlabel(unit, fontsize=9)
        panels[0].set_yticks(range(len(names)), labels)
        panels[0].set_ylim(len(names) - 0.4, -0.6)
        figure.legend(handles=_legend(), loc="outside lower center", ncols=3)

    described = "; ".join(f"{name}: {_spoken(groups[name].get('selection_rate'))}" for name in names)
    title = f"Rates by group: {wrapped(attribute, 60, 1)}"
    height = 1.9 + _line_height(labels, 0.42) * max(2, len(names))
    return draw(f"rates_{attribute}", title, f"Selection rate by group. {described}.", height, paint, WIDE)


def scores_plot(attribute: str, rows: EvaluatedRows, names: Sequence[str]) -> Plot:
    """Draw one histogram of scores per group, each scaled to its own number of rows.

    Parameters
    ----------
    attribute : str
    rows : EvaluatedRows
    names : sequence of str
        The attribute's groups in display order; groups without test rows are left empty.
    """
    members = rows.groups[attribute].to_numpy()
    parts = [rows.scores[members == name] for name in names]
    labels = [_labelled(name, len(part)) for name, part in zip(names, parts, strict=True)]

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot(xlim=(0, 1), xlabel=f"score: predicted probability of “{rows.positive_name}”")
        shares_on_axis(axes.xaxis)
        for position, scores in enumerate(parts):
            _ridge(axes, position, scores)
        axes.axvline(rows.threshold, color=VERMILION, linestyle="--", linewidth=1.2, label="threshold")
        axes.set_yticks([position - 0.35 for position in range(len(names))], labels)
        axes.grid(visible=False, axis="y")
        axes.set_ylim(len(names) - 0.8, -1.0)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        figure.legend(loc="outside lower center", ncols=3)

    described = "; ".join(f"{name}: {_median(part)}" for name, part in zip(names, parts, strict=True))
    title = f"Scores by group: {wrapped(attribute, 60, 1)}"
    height = 1.7 + _line_height(labels, 0.6) * max(2, len(names))
    return draw(f"scores_{attribute}", title, f"Distribution of scores by group. {described}.", height, paint)


def overall_rates(rows: EvaluatedRows) -> dict[str, float | None]:
    """Return selection rate, TPR, FPR and PPV over all rows; None where no row is in the denominator."""
    y, d = rows.labels == 1, rows.decisions == 1
    parts = {
        "selection_rate": d,
        "true_positive_rate": d[y],
        "false_positive_rate": d[~y],
        "positive_predictive_value": y[d],
    }
    return {name: float(part.mean()) if len(part) else None for name, part in parts.items()}


def _rate_panel(axes: "Axes", groups: Sequence[Mapping[str, Any]], metric: str, overall: float | None) -> None:
    axes.set(xlim=(-0.03, 1.03))
    axes.set_xticks([0, 0.5, 1])
    shares_on_axis(axes.xaxis)
    axes.tick_params(axis="y", length=0)
    if overall is not None:
        axes.axvline(overall, color=ORANGE, linestyle="--", linewidth=1.3)
    for position, group in enumerate(groups):
        _rate(axes, position, group.get(metric) or {}, bool(group["judged"]))


def _rate(axes: "Axes", position: int, measured: Mapping[str, Any], judged: bool) -> None:
    value = measured.get("value")
    if value is None:
        _note(axes, 0.5, position, "undefined")
        return
    color = BLUE if judged else MUTED
    if measured.get("lower") is not None:
        axes.plot([measured["lower"], measured["upper"]], [position, position], color=color, linewidth=1.8)
    face = color if judged else "white"
    axes.plot([value], [position], marker="o" if judged else "s", color=color, markerfacecolor=face, markersize=6.5,
              clip_on=False, zorder=4)  # fmt: skip


def _legend() -> list[Any]:
    from matplotlib.lines import Line2D

    hollow: dict[str, Any] = {"color": MUTED, "marker": "s", "markerfacecolor": "white", "linewidth": 1.8}
    return [
        Line2D([], [], color=BLUE, marker="o", linewidth=1.8, label="group, with interval"),
        Line2D([], [], label="shown, not judged", **hollow),
        Line2D([], [], color=ORANGE, linestyle="--", label="all rows"),
    ]


def _ridge(axes: "Axes", position: int, scores: npt.NDArray[np.float64]) -> None:
    axes.axhline(position, color=FAINT, linewidth=0.8)
    if not len(scores):
        _note(axes, 0.5, position - 0.35, "no test rows")
        return
    counts, edges = np.histogram(scores, bins=DISTRIBUTION_BINS, range=(0, 1))
    heights = position - 0.82 * counts / counts.max()
    axes.stairs(heights, edges, baseline=position, fill=True, color=BLUE, alpha=0.35, linewidth=0)
    axes.stairs(heights, edges, baseline=position, color=BLUE, linewidth=1.1)
    label = "median of the group" if position == 0 else None
    middle = float(np.median(scores))
    axes.plot([middle], [position], marker="^", color=ORANGE, markeredgecolor=MUTED, markersize=7, linestyle="",
              clip_on=False, zorder=5, label=label)  # fmt: skip


def _note(axes: "Axes", x: float, y: float, text: str) -> None:
    behind = {"facecolor": "white", "edgecolor": "none", "pad": 2.0}
    axes.text(x, y, text, ha="center", va="center", fontsize=8.5, color=MUTED, style="italic", bbox=behind)


def _labelled(name: str, rows: int) -> str:
    return f"{wrapped(name, 26, 2)}\nn = {rows:,}"


def _line_height(labels: Sequence[str], least: float) -> float:
    """Return inches per group so that labels of several lines do not touch."""
    lines = max((label.count("\n") + 1 for label in labels), default=1)
    return max(least, 0.12 + 0.165 * lines)


def _spoken(measured: Mapping[str, Any] | None) -> str:
    if not measured or measured.get("value") is None:
        return "undefined"
    return f"{measured['value']:.1%}"


def _median(scores: npt.NDArray[np.float64]) -> str:
    return f"median {float(np.median(scores)):.3f}" if len(scores) else "no test rows"
