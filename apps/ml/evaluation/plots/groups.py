"""The same decisions seen by group: rates with intervals, and how scores are distributed."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from apps.ml.evaluation.documents.words import spoken
from apps.ml.evaluation.plots.style import (
    BLUE,
    FAINT,
    MUTED,
    ORANGE,
    VERMILION,
    WIDE,
    Plot,
    dots,
    draw,
    intervals,
    largest,
    left_out,
    notes,
    shares_on_axis,
    wrapped,
)
from apps.ml.evaluation.statistics.counting.counts import CountTable
from apps.ml.evaluation.statistics.shares.rates import rate_named, shares_of

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

MOST_RATES, MOST_SCORES = 20, 16
"""Groups in one picture, so that it fits on a printed page; the tables hold all of them."""


def rates_plot(attribute: str, assessed: Mapping[str, Any], counts: Mapping[str, Any]) -> Plot:
    """Draw selection rate, TPR, FPR and PPV of each group with intervals; groups that are not judged are hollow.

    Parameters
    ----------
    attribute : str
    assessed : mapping
        The attribute's part of fairness.json.
    counts : mapping
        The attribute's count table as in the record; without labels only the selection rate is drawn.
    """
    groups = assessed["groups"]
    names = largest({name: group["n"] for name, group in groups.items()}, MOST_RATES)
    labels = [group_label(name, groups[name]["n"]) for name in names]
    overall = overall_rates(counts)

    def paint(figure: "Figure") -> None:
        panels = figure.subplots(1, len(overall), sharey=True, squeeze=False)[0]
        for axes, (metric, of_all) in zip(panels, overall.items(), strict=True):
            heading, unit = RATES[metric]
            _rate_panel(axes, [groups[name] for name in names], metric, of_all)
            axes.set_title(heading, fontsize=9)
            axes.set_xlabel(unit, fontsize=9)
        panels[0].set_yticks(range(len(names)), labels)
        panels[0].set_ylim(len(names) - 0.4, -0.6)
        figure.legend(handles=group_legend(), loc="outside lower center", ncols=3)

    described = "; ".join(f"{name}: {_spoken(groups[name].get('selection_rate'))}" for name in names)
    title = f"Rates by group: {wrapped(spoken(attribute), 60, 1)}{left_out(len(names), len(groups))}"
    height = 1.9 + label_height(labels, 0.42) * max(2, len(names))
    return draw(f"rates_{attribute}", title, f"Selection rate by group. {described}.", height, paint, WIDE)


def scores_plot(attribute: str, record: Mapping[str, Any]) -> Plot:
    """Draw one histogram of scores per group, each scaled to its own number of rows."""
    parts, decision = record["curves"]["by_group"][attribute], record["decision"]
    rows = {name: sum(part["scores"]["counts"]) for name, part in parts.items()}
    names = largest(rows, MOST_SCORES)
    labels = [group_label(name, rows[name]) for name in names]

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot(xlim=(0, 1), xlabel=f"score: predicted probability of “{decision['positive_name']}”")
        shares_on_axis(axes.xaxis)
        for position, name in enumerate(names):
            _ridge(axes, position, parts[name]["scores"])
        if decision["threshold"] is not None:
            axes.axvline(decision["threshold"], color=VERMILION, linestyle="--", linewidth=1.2, label="threshold")
        medians = [(parts[name]["scores"]["median"], at) for at, name in enumerate(names) if rows[name]]
        dots(axes, medians, marker="^", color=ORANGE, markeredgecolor=MUTED, markersize=7, label="median of the group")
        notes(axes, [at - 0.35 for at, name in enumerate(names) if not rows[name]], "no rows")
        axes.set_yticks([position - 0.35 for position in range(len(names))], labels)
        axes.grid(visible=False, axis="y")
        axes.set_ylim(len(names) - 0.8, -1.0)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        figure.legend(loc="outside lower center", ncols=3)

    described = "; ".join(f"{name}: {_median(parts[name]['scores'])}" for name in names)
    title = f"Scores by group: {wrapped(spoken(attribute), 60, 1)}{left_out(len(names), len(parts))}"
    height = 1.7 + label_height(labels, 0.6) * max(2, len(names))
    return draw(f"scores_{attribute}", title, f"Distribution of scores by group. {described}.", height, paint)


def overall_rates(counts: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the rates over all rows of a count table, weighted where it is; None where no row is below the line.

    Rates that need labels are left out where there are none.
    """
    table = CountTable.from_dict(counts)
    rates = {name: rate_named(name) for name in RATES}
    found = {
        name: float(shares_of(table.together(), rate).rates[0])
        for name, rate in rates.items()
        if table.labelled or not rate.needs_labels
    }
    return {name: None if np.isnan(value) else value for name, value in found.items()}


def _rate_panel(axes: "Axes", groups: Sequence[Mapping[str, Any]], metric: str, overall: float | None) -> None:
    axes.set(xlim=(-0.03, 1.03))
    axes.set_xticks([0, 0.5, 1])
    shares_on_axis(axes.xaxis)
    measured_panel(axes, groups, metric, overall)


def measured_panel(axes: "Axes", groups: Sequence[Mapping[str, Any]], metric: str, overall: float | None) -> None:
    """Draw one measure of each group with its interval, one below the other, and that of all rows as a line."""
    axes.tick_params(axis="y", length=0)
    if overall is not None:
        axes.axvline(overall, color=ORANGE, linestyle="--", linewidth=1.3)
    measured = [(at, group.get(metric) or {}, bool(group["judged"])) for at, group in enumerate(groups)]
    notes(axes, [at for at, found, _ in measured if found.get("value") is None])
    for judged, (color, marker, face) in {True: (BLUE, "o", BLUE), False: (MUTED, "s", "white")}.items():
        known = [(at, found) for at, found, its in measured if its == judged and found.get("value") is not None]
        bounded = [(at, found["lower"], found["upper"]) for at, found in known if found.get("lower") is not None]
        intervals(axes, bounded, color=color, linewidth=1.8)
        dots(axes, [(found["value"], at) for at, found in known], marker=marker, color=color, markerfacecolor=face,
             markersize=6.5)  # fmt: skip


def group_legend() -> list[Any]:
    """Return what dots, hollow dots and the dashed line mean."""
    from matplotlib.lines import Line2D

    hollow: dict[str, Any] = {"color": MUTED, "marker": "s", "markerfacecolor": "white", "linewidth": 1.8}
    return [
        Line2D([], [], color=BLUE, marker="o", linewidth=1.8, label="group, with interval"),
        Line2D([], [], label="shown, not judged", **hollow),
        Line2D([], [], color=ORANGE, linestyle="--", label="all rows"),
    ]


def _ridge(axes: "Axes", position: int, scores: Mapping[str, Any]) -> None:
    axes.axhline(position, color=FAINT, linewidth=0.8)
    counts = np.asarray(scores["counts"], dtype=np.float64)
    if not counts.any():
        return
    edges = np.linspace(0, 1, len(counts) + 1)
    heights = position - 0.82 * counts / counts.max()
    axes.stairs(heights, edges, baseline=position, fill=True, color=BLUE, alpha=0.35, linewidth=0)
    axes.stairs(heights, edges, baseline=position, color=BLUE, linewidth=1.1)


def group_label(name: str, rows: int) -> str:
    """Return a group's name, broken over lines, with its rows below."""
    return f"{wrapped(name, 26, 2)}\nn = {rows:,}"


def label_height(labels: Sequence[str], least: float) -> float:
    """Return inches per group so that labels of several lines do not touch."""
    lines = max((label.count("\n") + 1 for label in labels), default=1)
    return max(least, 0.12 + 0.165 * lines)


def _spoken(measured: Mapping[str, Any] | None) -> str:
    if not measured or measured.get("value") is None:
        return "undefined"
    return f"{measured['value']:.1%}"


def _median(scores: Mapping[str, Any]) -> str:
    return "no rows" if scores["median"] is None else f"median {scores['median']:.3f}"
