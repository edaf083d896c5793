"""What permuting each column costs: loss of ranking, decisions that flip, loss of accuracy."""

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
"""Measurement → heading of its panel and unit."""


def permutation_plot(permutation: Mapping[str, Any], top: int) -> Plot:
    """Draw the `top` columns as dots with intervals, one panel per measurement.

    Parameters
    ----------
    permutation : mapping
        The section `behaviour.permutation` of explainability.json, most important first.
    top : int, >= 1
    """
    shown = dict(list(permutation["columns"].items())[:top])

    def paint(figure: "Figure") -> None:
        if not shown:
            say_undefined(figure.add_subplot(), "the model has no columns")
            return
        panels = figure.subplots(1, len(PANELS), sharey=True)
        for axes, (key, (heading, unit)) in zip(panels, PANELS.items(), strict=True):
            _panel(axes, [measured[key] for measured in shown.values()])
            axes.set_title(heading, fontsize=9)
            axes.set_xlabel(unit, fontsize=9)
            axes.locator_params(axis="x", nbins=4)
        shares_on_axis(panels[1].xaxis)
        panels[0].set_yticks(range(len(shown)), [wrapped(name, 28, 2) for name in shown])
        panels[0].set_ylim(len(shown) - 0.4, -0.6)

    described = "; ".join(f"{name}: {_spoken(measured['roc_auc_loss'])}" for name, measured in shown.items())
    title = f"Permutation importance, {permutation['rows']:,} rows, mean of {permutation['repeats']} permutations"
    return draw("permutation", title, f"Loss of ROC AUC. {described}.", 1.6 + 0.36 * max(2, len(shown)), paint, WIDE)


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
