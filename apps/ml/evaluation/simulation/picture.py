"""The study at a glance: coverage of every setting, false alarms at parity and power, by method."""

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Literal

import numpy as np

from apps.ml.evaluation.plots.style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    VERMILION,
    WIDE,
    Plot,
    draw,
    shares_on_axis,
)
from apps.ml.evaluation.simulation.methods import METHODS
from apps.ml.evaluation.simulation.settings import ONE_APART, PARITY
from apps.ml.evaluation.simulation.study import Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT = 7.6

LOOKS = {
    "test inversion": (BLUE, "o"),
    "Bonferroni": (GREEN, "s"),
    "percentile bootstrap": (ORANGE, "^"),
    "plug-in": (VERMILION, "D"),
}
"""Colour and marker of each method."""

DASHES: dict[int, Literal[":", "-", "--"]] = {2: ":", 5: "-", 20: "--"}
"""Line of each number of groups."""

NOMINAL = 0.95
LEAST_SHOWN = 0.88
"""Coverage below this is counted and not drawn to scale."""

SHOWN_RATE = 0.3


def study_plot(outcomes: Sequence[Outcome]) -> Plot:
    """Draw the study; settings with a base rate of .3 stand for the curves where others were run as well."""

    def paint(figure: "Figure") -> None:
        axes = figure.subplots(2, 2)
        _coverage(axes[0, 0], outcomes, "gap")
        _coverage(axes[0, 1], outcomes, "ratio")
        _curves(axes[1, 0], outcomes, PARITY, list(METHODS))
        _curves(axes[1, 1], outcomes, ONE_APART, list(METHODS)[:2])
        _legend(figure, sorted({outcome.setting.groups for outcome in outcomes}))

    replicates = outcomes[0].replicates
    title = f"Largest gap and worst ratio between groups: {replicates:,} draws per setting"
    description = (
        "Coverage of the intervals of the largest gap and of the worst ratio in every setting, false alarms of the "
        "four-fifths rule at parity, and power for a true gap of .15, by method."
    )
    return draw("simulation", title, description, HEIGHT, paint, WIDE)


def _coverage(axes: "Axes", outcomes: Sequence[Outcome], kind: str) -> None:
    """One point per setting and method with an interval, spread over the row in the order of the settings."""
    methods = [name for name in METHODS if name != "plug-in"]
    for row, method in enumerate(methods):
        found = [getattr(outcome, f"{kind}_coverage") for outcome in outcomes if outcome.method == method]
        points = [(share, row - 0.25 + 0.55 * at / len(found)) for at, share in enumerate(found) if share is not None]
        colour, marker = LOOKS[method]
        drawn = np.array([point for point in points if point[0] >= LEAST_SHOWN]).reshape(-1, 2)
        axes.scatter(drawn[:, 0], drawn[:, 1], s=16, color=colour, marker=marker, alpha=0.8, linewidths=0)
        axes.annotate(_worst(points), (LEAST_SHOWN, row - 0.34), fontsize=8.5, color=MUTED, va="bottom")
    axes.axvline(NOMINAL, color=MUTED, linewidth=1.2)
    axes.set_yticks(range(len(methods)), [name.replace(" ", "\n") for name in methods])
    axes.set_ylim(len(methods) - 0.5, -0.65)
    axes.set_xlim(LEAST_SHOWN - 0.003, 1.003)
    axes.grid(axis="y", visible=False)
    shares_on_axis(axes.xaxis)
    axes.set_title(f"Coverage of the {kind}'s interval")
    axes.set_xlabel("draws whose interval holds the truth; 95 % is promised")


def _worst(points: Sequence[tuple[float, float]]) -> str:
    shares = [share for share, _ in points]
    below = sum(share < LEAST_SHOWN for share in shares)
    missing = f"; {below} of {len(shares)} settings below {LEAST_SHOWN:.0%}" if below else ""
    return f"lowest {min(shares):.1%}{missing}"


def _curves(axes: "Axes", outcomes: Sequence[Outcome], shape: str, methods: Sequence[str]) -> None:
    """FAIL verdicts against rows per group: of the ratio gate at parity, of the gap gate away from it."""
    from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

    kind = "ratio_fail" if shape == PARITY else "gap_fail"
    shown = [
        outcome
        for outcome in outcomes
        if outcome.setting.shape == shape and abs(outcome.setting.base_rate - SHOWN_RATE) < 1e-9
    ]
    for method, groups in product(reversed(methods), DASHES):
        colour, marker = LOOKS[method]
        mine = [outcome for outcome in shown if (outcome.method, outcome.setting.groups) == (method, groups)]
        points = sorted((outcome.setting.rows[0], getattr(outcome, kind)) for outcome in mine)
        axes.plot(*np.array(points).reshape(-1, 2).T, color=colour, linestyle=DASHES[groups], marker=marker, ms=4.5)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(sorted({outcome.setting.rows[0] for outcome in shown})))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_ylim(-0.03, 1.03)
    shares_on_axis(axes.yaxis)
    axes.set_xlabel("rows per group")
    axes.set_ylabel("verdicts FAIL")
    if shape == PARITY:
        axes.axhline(1 - NOMINAL, color=MUTED, linewidth=1.2)
    axes.set_title(
        "False alarms: four-fifths, all groups at 30 %"
        if shape == PARITY
        else "Power: gap at most .10, one group at 45 %"
    )


def _legend(figure: "Figure", sizes: Sequence[int]) -> None:
    from matplotlib.lines import Line2D

    lines = [
        Line2D([], [], color=colour, marker=marker, linestyle="", label=name)
        for name, (colour, marker) in LOOKS.items()
    ]
    lines += [Line2D([], [], color=INK, linestyle=DASHES[groups], label=f"{groups} groups") for groups in sizes]
    figure.legend(handles=lines, loc="outside lower center", ncols=len(lines), columnspacing=1.6, handlelength=2.4)
