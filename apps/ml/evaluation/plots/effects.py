"""How the score moves with single columns: partial dependence, single rows behind it, accumulated local effects."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from apps.ml.evaluation.plots.style import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    WIDE,
    Plot,
    draw,
    say_undefined,
    shares_on_axis,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

IN_A_LINE = 3
"""Panels beside each other."""

PANEL_HEIGHT = 2.75
"""Inches of one line of panels."""

UPRIGHT_HEIGHT = 0.9
"""Inches that names standing upright add to a line."""

LEVEL_NAMES = 3
"""Up to this many categories have their names written level, more of them upright."""

SINGLE_ROW = "#bcc5cf"
"""Between the grid and the curves."""


def effects_plot(effects: Mapping[str, Any], unit: str = "") -> Plot:
    """Draw one panel per column with a common axis of scores, or of predicted numbers.

    Parameters
    ----------
    effects : mapping
        The section `behaviour.effects` of explainability.json.
    unit : str
        Of predicted numbers; probabilities need none.
    """
    numbers = effects.get("output") == "value"
    what = "prediction" if numbers else "score"
    columns: Mapping[str, Any] = effects["columns"]
    lines = max(1, -(-len(columns) // IN_A_LINE))

    def paint(figure: "Figure") -> None:
        if not columns:
            say_undefined(figure.add_subplot(), "no column was looked at")
            return
        panels = figure.subplots(lines, IN_A_LINE, sharey=True, squeeze=False)
        for axes in panels.ravel()[len(columns) :]:
            axes.set_visible(False)
        for axes, (name, effect) in zip(panels.ravel(), columns.items(), strict=False):
            _panel(axes, effect, effects["mean_score"])
            axes.set_title(wrapped(name, 30, 1))
        for line in panels:
            line[0].set_ylabel(f"mean prediction ({unit})" if numbers else "mean score")
            if not numbers:
                shares_on_axis(line[0].yaxis)
        figure.legend(handles=_legend(columns.values(), what), loc="outside lower center", ncols=3)

    written = ".4g" if numbers else ".3f"
    described = "; ".join(f"{name}: {_spoken(effect, written)}" for name, effect in columns.items()) or "no column"
    height = 1.0 + _height(list(columns.values()))
    title = f"Effect of single columns on the {what}"
    return draw("effects", title, f"Mean {what} by value. {described}.", height, paint, WIDE)


def _panel(axes: "Axes", effect: Mapping[str, Any], mean: float) -> None:
    if "undefined" in effect:
        say_undefined(axes, effect["undefined"])
        return
    if effect["kind"] == "categorical":
        _categories(axes, effect)
    else:
        _numbers(axes, effect, mean)
    if "missing" in effect:
        axes.plot([1.0], [effect["missing"]], transform=axes.get_yaxis_transform(), marker="D", color="white",
                  markeredgecolor=INK, markersize=6, clip_on=False, zorder=6)  # fmt: skip


def _numbers(axes: "Axes", effect: Mapping[str, Any], mean: float) -> None:
    points = effect["points"]
    for curve in effect["ice"]:
        axes.plot(points, curve, color=SINGLE_ROW, linewidth=0.9)
    axes.plot(points, effect["partial_dependence"], color=BLUE, linewidth=2.2, zorder=4)
    local = [mean + value for value in effect["accumulated"]]
    axes.plot(points, local, color=ORANGE, linewidth=1.8, linestyle="--", zorder=5)
    axes.plot(points, [0.0] * len(points), transform=axes.get_xaxis_transform(), marker="|", linestyle="", color=MUTED,
              markersize=9)  # fmt: skip
    if effect["kind"] == "boolean":
        axes.set_xticks([0, 1], ["false", "true"])
        axes.set_xlim(-0.3, 1.3)
    else:
        _number_ticks(axes, whole=all(float(point).is_integer() for point in points))


def _categories(axes: "Axes", effect: Mapping[str, Any]) -> None:
    places = list(range(len(effect["points"])))
    for curve in effect["ice"]:
        axes.plot(places, curve, color=SINGLE_ROW, linewidth=0.9)
    axes.plot(places, effect["partial_dependence"], color=BLUE, marker="o", linestyle="", markersize=7, zorder=4)
    level = not _upright(effect)
    labels = [
        f"{wrapped(name, 14, 2) if level else wrapped(name, 20, 1)} ({share:.0%})"
        for name, share in zip(effect["points"], effect["shares"], strict=True)
    ]
    axes.set_xticks(places, labels, rotation=0 if level else 90, fontsize=8)
    axes.set_xlim(-0.4, len(places) - 0.6)


def _upright(effect: Mapping[str, Any]) -> bool:
    """Whether the names of categories stand upright, which takes room below the panel."""
    return effect["kind"] == "categorical" and len(effect.get("points", ())) > LEVEL_NAMES


def _height(effects: Sequence[Mapping[str, Any]]) -> float:
    lines = [effects[first : first + IN_A_LINE] for first in range(0, len(effects), IN_A_LINE)] or [[]]
    return sum(PANEL_HEIGHT + (UPRIGHT_HEIGHT if any(map(_upright, line)) else 0.0) for line in lines)


def _number_ticks(axes: "Axes", whole: bool) -> None:
    """Few ticks, thousands apart (40,000), whole numbers where all points are."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(4, integer=whole))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))


def _legend(effects: Any, what: str) -> list[Any]:
    from matplotlib.lines import Line2D

    handles: list[Any] = [
        Line2D([], [], color=BLUE, linewidth=2.2, marker="o", markersize=5, label="partial dependence"),
        Line2D([], [], color=SINGLE_ROW, linewidth=1.2, label="single rows (ICE)"),
        Line2D([], [], color=ORANGE, linewidth=1.8, linestyle="--", label=f"accumulated local effect + mean {what}"),
        Line2D([], [], color=MUTED, marker="|", linestyle="", markersize=9, label="values asked (ends of bins)"),
    ]
    if any("missing" in effect for effect in effects):
        handles.append(
            Line2D([], [], color="white", marker="D", markeredgecolor=INK, linestyle="", label="value is missing")
        )
    return handles


def _spoken(effect: Mapping[str, Any], written: str) -> str:
    if "undefined" in effect:
        return "undefined"
    means: Sequence[float] = effect["partial_dependence"]
    return f"from {min(means):{written}} to {max(means):{written}}"
