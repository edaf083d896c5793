"""What permuting each column costs: loss of ranking, decisions that flip, loss of accuracy; of numbers, errors."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from apps.ml.evaluation.plots.style import BLUE, MUTED, WIDE, Plot, draw, say_undefined, shares_on_axis, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = {
    "roc_auc_loss": ("loss of ranking", "ROC AUC before − after"),
    "flipped": ("decisions that flip", "share of rows"),
    "accuracy_loss": ("loss of accuracy", "accuracy before − after"),
}
"""Measurement → heading of its panel and unit; the first is put into words."""

Panels = Mapping[str, tuple[str, str]]


def number_panels(unit: str) -> Panels:
    """Return the panels of predicted numbers, whose unit is named."""
    return {
        "squared_error_increase": ("rise of the squared error", f"{unit} squared"),
        "absolute_error_increase": ("rise of the absolute error", unit),
        "mean_change": ("change of the prediction", unit),
    }


def permutation_plot(permutation: Mapping[str, Any], top: int, panels: Panels = PANELS) -> Plot:
    """Draw the `top` columns as dots with intervals, one panel per measurement.

    Parameters
    ----------
    permutation : mapping
        The section `behaviour.permutation` of explainability.json, most important first.
    top : int, >= 1
    panels : measurement → heading of its panel and unit
    """
    first, (heading_of_first, _) = next(iter(panels.items()))
    shown = dict(list(permutation["columns"].items())[:top])

    def paint(figure: "Figure") -> None:
        if not shown:
            say_undefined(figure.add_subplot(), "the model has no columns")
            return
        drawn = figure.subplots(1, len(panels), sharey=True)
        for axes, (key, (heading, unit)) in zip(drawn, panels.items(), strict=True):
            _panel(axes, [measured[key] for measured in shown.values()])
            axes.set_title(heading, fontsize=9)
            axes.set_xlabel(unit, fontsize=9)
            axes.locator_params(axis="x", nbins=4)
            if key == "flipped":
                shares_on_axis(axes.xaxis)
        drawn[0].set_yticks(range(len(shown)), [wrapped(name, 28, 2) for name in shown])
        drawn[0].set_ylim(len(shown) - 0.4, -0.6)

    described = "; ".join(f"{name}: {_spoken(measured[first])}" for name, measured in shown.items())
    lost = "Loss of ROC AUC" if first == "roc_auc_loss" else heading_of_first.capitalize()
    title = f"Permutation importance, {permutation['rows']:,} rows, mean of {permutation['repeats']} permutations"
    return draw("permutation", title, f"{lost}. {described}.", 1.6 + 0.36 * max(2, len(shown)), paint, WIDE)


def _panel(axes: "Axes", measured: Sequence[Mapping[str, Any]]) -> None:
    axes.axvline(0, color=MUTED, linewidth=1)
    axes.tick_params(axis="y", length=0)
    for position, one in enumerate(measured):
        if one["value"] is None:
            axes.text(0.5, position, "undefined", transform=axes.get_yaxis_transform(), ha="center", va="center",
                      fontsize=8.5, color=MUTED, style="italic")  # fmt: skip
            continue
        if one.get("lower") is not None:
            axes.plot([one["lower"], one["upper"]], [position, position], color=BLUE, linewidth=2.2)
        axes.plot([one["value"]], [position], marker="o", color=BLUE, markeredgecolor="white", markersize=7, zorder=4)


def _spoken(measured: Mapping[str, Any]) -> str:
    return "undefined" if measured["value"] is None else f"{measured['value']:.4f}"
