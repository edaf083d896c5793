"""The comparisons between groups of one attribute, each with its own interval and that of all at once."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from apps.ml.evaluation.documents.comparison_lines import ComparisonLine
from apps.ml.evaluation.documents.words import spoken
from apps.ml.evaluation.plots.style import (
    BLUE,
    MUTED,
    ORANGE,
    WIDE,
    Plot,
    dots,
    draw,
    intervals,
    notes,
    say_undefined,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Measured = Mapping[str, Any]

BOUNDS = (("simultaneous_lower", "simultaneous_upper"), ("lower", "upper"))
"""Of all comparisons at once, and of each by itself."""


def comparisons_plot(attribute: str, lines: Sequence[ComparisonLine]) -> Plot:
    """Draw one line per comparison: its difference on the left, its ratio on the right, as dots with intervals.

    Parameters
    ----------
    attribute : str
    lines : sequence of ComparisonLine
        In display order; those without any value are left out.
    """
    shown = [line for line in lines if line.undefined is None]
    reason = next((line.undefined for line in lines if line.undefined), "nothing was compared")

    def paint(figure: "Figure") -> None:
        if not shown:
            say_undefined(figure.add_subplot(xlabel="difference (0 is parity)"), reason)
            return
        left, right = figure.subplots(1, 2, sharey=True)
        _panel(left, [line.difference for line in shown], parity=0.0)
        _panel(right, [line.ratio for line in shown], parity=1.0)
        left.set_xlabel("difference: highest − lowest (0 is parity)", fontsize=9)
        right.set_xlabel("ratio: lowest / highest (1 is parity)", fontsize=9)
        left.set_yticks(range(len(shown)), [wrapped(line.name, 34, 2) for line in shown])
        left.set_ylim(len(shown) - 0.4, -0.6)
        figure.legend(handles=_legend(), loc="outside lower center", ncols=3)

    described = "; ".join(f"{line.name}: {_spoken(line)}" for line in shown) or f"undefined: {reason}"
    title = f"Comparisons between groups: {wrapped(spoken(attribute), 60, 1)}"
    height = 1.7 + 0.31 * max(3, len(shown))
    return draw(f"comparisons_{attribute}", title, f"{described}.", height, paint, WIDE)


def _panel(axes: "Axes", part: Sequence[Measured | None], parity: float) -> None:
    axes.tick_params(axis="y", length=0)
    axes.axvline(parity, color=ORANGE, linestyle="--", linewidth=1.3)
    known = [(at, found) for at, found in enumerate(part) if found is not None and found["value"] is not None]
    for (lower, upper), style in zip(
        BOUNDS, ({"color": MUTED, "linewidth": 1.0}, {"color": BLUE, "linewidth": 2.6}), strict=True
    ):
        bounded = [(at, found[lower], found[upper]) for at, found in known if found.get(lower) is not None]
        intervals(axes, bounded, **style)
    dots(axes, [(found["value"], at) for at, found in known], marker="o", color=BLUE, markeredgecolor="white",
         markersize=7)  # fmt: skip
    notes(axes, [at for at, found in enumerate(part) if found is not None and found["value"] is None])
    axes.set_xlim(*_limits([found for _, found in known], parity))


def _limits(part: Sequence[Measured], parity: float) -> tuple[float, float]:
    keys = ("value", *(key for pair in BOUNDS for key in pair))
    ends = [found[key] for found in part for key in keys if found.get(key) is not None]
    low, high = min([parity, *ends]), max([parity, *ends])
    room = 0.04 * max(high - low, 0.1)
    return low - room, high + room


def _legend() -> list[Any]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=BLUE, marker="o", linewidth=2.6, label="estimate, its interval"),
        Line2D([], [], color=MUTED, linewidth=1.0, label="interval that holds for all comparisons at once"),
        Line2D([], [], color=ORANGE, linestyle="--", label="parity"),
    ]


def _spoken(line: ComparisonLine) -> str:
    forms = {"difference": line.difference, "ratio": line.ratio}
    return ", ".join(
        f"{form} {'undefined' if found['value'] is None else format(found['value'], '.3f')}"
        for form, found in forms.items()
        if found is not None
    )
