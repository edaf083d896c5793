"""Contributions seen by group: which columns matter for whom, and which carry the gap between two groups."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from apps.ml.evaluation.documents.words import spoken
from apps.ml.evaluation.plots.style import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    WIDE,
    WIDTH,
    Plot,
    draw,
    largest,
    left_out,
    say_undefined,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_GROUPS = 10
"""Columns of the heat map at most."""

LARGE = 100
"""Numbers from here on are no log-odds and no probabilities."""

LIGHT = 0.55
"""Share of the colour scale above which numbers are written in dark ink."""


def importance_by_group_plot(attribute: str, section: Mapping[str, Any]) -> Plot:
    """Draw mean absolute contributions as a heat map of columns by judged groups, with half widths of intervals.

    Parameters
    ----------
    attribute : str
    section : mapping
        The section `behaviour.importance_by_group` of explainability.json.
    """
    groups = section["attributes"][attribute].get("groups", {})
    existing = {name: group for name, group in groups.items() if group["judged"]}
    sizes = {name: group["n"] for name, group in existing.items()}
    judged = {name: existing[name] for name in largest(sizes, MOST_GROUPS)}
    columns = list(next(iter(judged.values()))["columns"]) if judged else []
    reason = section["attributes"][attribute].get("undefined", "no group has enough explained rows")

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot()
        if not columns:
            say_undefined(axes, reason)
            return
        _heat_map(figure, axes, columns, judged, section["output"])

    described = "; ".join(f"{name}: {', '.join(_leading(group))}" for name, group in judged.items()) or reason
    shown = left_out(len(judged), len(existing))
    title = f"Importance of source columns by group: {wrapped(spoken(attribute), 48, 1)}{shown}"
    width = min(14.0, max(WIDTH, 3.4 + 1.05 * len(judged)))
    height = 1.8 + 0.42 * max(4, len(columns))
    return draw(f"importance_by_group_{attribute}", title, f"Leading columns. {described}.", height, paint, width)


def gap_shares_plot(attribute: str, section: Mapping[str, Any]) -> Plot:
    """Draw what each column adds to the widest gap in mean output, as bars to both sides, the sum below.

    Parameters
    ----------
    attribute : str
    section : mapping
        The section `behaviour.gap_shares` of explainability.json.
    """
    found = section["attributes"][attribute].get("widest")
    reason = section["attributes"][attribute].get("undefined", "there is no gap")
    bars = _bars(found) if found else []

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot(xlabel=f"difference of mean contributions ({section['output']})")
        if not found:
            say_undefined(axes, reason)
            return
        for position, (_, measured, share) in enumerate(bars):
            _bar(axes, position, measured, share, total=position == len(bars) - 1)
        axes.axvline(0, color=INK, linewidth=1)
        axes.axhline(len(bars) - 1.5, color=MUTED, linewidth=0.8)
        axes.set_yticks(range(len(bars)), [wrapped(name, 30, 2) for name, _, _ in bars])
        axes.set_ylim(len(bars) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set_xlim(*_limits([measured for _, measured, _ in bars]))
        figure.legend(handles=_legend(), loc="outside lower center", ncols=3)

    title = f"What carries the gap in mean output: {wrapped(spoken(attribute), 40, 1)}"
    pair = f"{found['high']} − {found['low']}" if found else "undefined"
    described = "; ".join(f"{name} {_written(measured['value'], '+')}" for name, measured, _ in bars) or reason
    height = 2.0 + 0.36 * max(2, len(bars))
    return draw(f"gap_shares_{attribute}", title, f"{pair}. {described}.", height, paint, WIDE)


def _heat_map(
    figure: "Figure", axes: "Axes", columns: Sequence[str], judged: Mapping[str, Mapping[str, Any]], output: str
) -> None:
    cells = [[group["columns"][column] for group in judged.values()] for column in columns]
    values = np.array([[cell["value"] or 0.0 for cell in line] for line in cells])
    highest = float(values.max()) or 1.0
    image = axes.imshow(values, cmap="cividis", vmin=0, vmax=highest, aspect="auto")
    for y, line in enumerate(cells):
        for x, cell in enumerate(line):
            colour = INK if values[y, x] > LIGHT * highest else "white"
            axes.text(x, y, _with_half_width(cell), ha="center", va="center", color=colour, fontsize=8.5)
    labels = [f"{wrapped(name, 16, 3)}\nn = {group['n']:,}" for name, group in judged.items()]
    axes.set_xticks(range(len(labels)), labels, fontsize=8.5)
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(columns)), [wrapped(name, 28, 2) for name in columns])
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, aspect=30, pad=0.02)
    bar.set_label(f"mean absolute contribution ({output})")
    bar.outline.set_visible(False)


def _with_half_width(cell: Mapping[str, Any]) -> str:
    if cell["value"] is None:
        return "undefined"
    if cell.get("upper") is None:
        return _written(cell["value"])
    return f"{_written(cell['value'])} ± {_written(cell['upper'] - cell['value'])}"


def _leading(group: Mapping[str, Any], top: int = 3) -> list[str]:
    columns = group["columns"]
    return sorted(columns, key=lambda name: -(columns[name]["value"] or 0.0))[:top]


def _bars(found: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any], Mapping[str, Any] | None]]:
    columns = [(name, one["difference"], one["share"]) for name, one in found["columns"].items()]
    other = [("other columns together", {"value": found["other_columns"]}, None)] if found["other_columns"] else []
    return [*columns, *other, (f"gap: {found['high']} − {found['low']}", found["gap"], None)]


def _bar(
    axes: "Axes", position: int, measured: Mapping[str, Any], share: Mapping[str, Any] | None, total: bool
) -> None:
    value = measured["value"]
    colour = MUTED if total else BLUE if value >= 0 else ORANGE
    axes.barh(position, value, color=colour, height=0.62, hatch="//" if value < 0 else None, edgecolor="white")
    ends = [value, *(measured[key] for key in ("lower", "upper") if measured.get(key) is not None)]
    if measured.get("lower") is not None:
        axes.plot([measured["lower"], measured["upper"]], [position, position], color=INK, linewidth=1.2)
    text = _written(value, "+")
    if share is not None and share["value"] is not None:
        text += f" ({share['value']:.0%})"
    right = value >= 0
    axes.annotate(
        text.replace("-", "−"),
        (max(0.0, *ends) if right else min(0.0, *ends), position),
        (5 if right else -5, 0),
        textcoords="offset points",
        ha="left" if right else "right",
        va="center",
        fontsize=8.5,
    )


def _limits(measured: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    ends = [one[key] for one in measured for key in ("value", "lower", "upper") if one.get(key) is not None]
    low, high = min(0.0, *ends), max(0.0, *ends)
    room = 0.2 * ((high - low) or 1.0)
    return low - room, high + room


def _legend() -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    return [
        Patch(facecolor=BLUE, label="widens the gap"),
        Patch(facecolor=ORANGE, hatch="//", edgecolor="white", label="narrows it"),
        Line2D([], [], color=INK, linewidth=1.2, label="interval; in brackets the share of the gap"),
    ]


def _written(value: float, sign: str = "") -> str:
    """Three decimals, as log-odds and probabilities have them; none of large numbers."""
    return f"{value:{sign},.3f}" if abs(value) < LARGE else f"{value:{sign},.0f}"
