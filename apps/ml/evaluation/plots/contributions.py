"""SHAP summaries: how much each source column matters, and in which direction for which rows."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.plots.style import BLUE, INK, MUTED, Plot, draw, say_undefined, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Values = npt.NDArray[np.float64]

STACK_BINS = 120
"""Dots within one of this many slices of the axis are stacked."""

COLOURS = "cividis"
"""Reads the same with any colour vision and in grey."""


def importance_plot(importance: Mapping[str, Mapping[str, Any]], output: str, top: int) -> Plot:
    """Draw the mean absolute contribution of the `top` source columns as bars with intervals.

    Parameters
    ----------
    importance : mapping
        Column → measurement as in explainability.json, most important first.
    output : str
        Unit of the contributions: log-odds or probability.
    top : int, >= 1
    """
    shown = [(column, measured) for column, measured in importance.items() if measured["value"] is not None][:top]

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot(xlabel=f"mean absolute contribution ({output})")
        if not shown:
            say_undefined(axes, _reason(importance))
            return
        values = np.array([measured["value"] for _, measured in shown])
        low = np.array([measured.get("lower", measured["value"]) for _, measured in shown])
        high = np.array([measured.get("upper", measured["value"]) for _, measured in shown])
        axes.barh(range(len(shown)), values, color=BLUE, height=0.62)
        axes.errorbar(values, range(len(shown)), xerr=[values - low, high - values], fmt="none", ecolor=INK, capsize=3)
        axes.set_xlim(left=0)
        _name_rows(axes, [column for column, _ in shown])

    described = ", ".join(f"{column} {measured['value']:.3g}" for column, measured in shown) or _reason(importance)
    title = "Importance of source columns (SHAP)"
    return draw("shap_importance", title, f"Mean absolute contribution: {described}.", _height(len(shown)), paint)


def beeswarm_plot(explainability: Mapping[str, Any]) -> Plot:
    """Draw one dot per explained row and column: its contribution, coloured by the rank of the row's value.

    Parameters
    ----------
    explainability : mapping
        The record's section: its `beeswarm` and `output`, and `undefined` where it has one.
    """
    found, reason = explainability["beeswarm"], explainability.get("undefined")

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot(xlabel=f"contribution to the score of one row ({explainability['output']})")
        if reason is not None or not found["rows"]:
            say_undefined(axes, reason or "no row was explained")
            return
        axes.axvline(0, color=MUTED, linewidth=1)
        for position, (x, ranks) in enumerate(zip(found["contributions"], found["ranks"], strict=True)):
            _swarm(axes, position, np.array(x, dtype=np.float64), np.array(ranks, dtype=np.float64))
        _name_rows(axes, found["columns"])
        _colour_bar(figure, axes)

    title = "Contributions of source columns, row by row (SHAP)"
    description = f"{found['rows']} sampled test rows; contributions of {len(found['columns'])} source columns."
    return draw("shap_beeswarm", title, description, _height(len(found["columns"])) + 0.6, paint)


def _height(rows: int) -> float:
    return 1.5 + 0.4 * max(2, rows)


def _reason(importance: Mapping[str, Mapping[str, Any]]) -> str:
    return next((str(m["undefined"]) for m in importance.values() if "undefined" in m), "there are no columns")


def _name_rows(axes: "Axes", names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [wrapped(name, 28, 2) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")


def _swarm(axes: "Axes", position: int, x: Values, ranks: Values) -> None:
    """Draw dots [n] with ranks [n] from 0 to 100, NaN where there is none."""
    y = position - _stacked(x)
    style: dict[str, Any] = {"s": 7, "linewidths": 0, "rasterized": True}
    known = np.isfinite(ranks)
    axes.scatter(x[~known], y[~known], color=MUTED, alpha=0.75, **style)
    axes.scatter(x[known], y[known], c=ranks[known], cmap=COLOURS, vmin=0, vmax=100, **style)


def _stacked(x: Values) -> Values:
    """Return offsets between -0.4 and 0.4 that stack dots of the same slice around the line, in order of the rows."""
    span = float(np.ptp(x)) or 1.0
    slices = np.floor((x - x.min()) / span * STACK_BINS).astype(int)
    order = np.argsort(slices, kind="stable")
    starts = np.searchsorted(slices[order], slices[order], side="left")
    place = np.empty(len(x))
    place[order] = np.arange(len(x)) - starts
    offset = np.ceil(place / 2) * np.where(place % 2 == 1, 1.0, -1.0)
    return offset * min(0.05, 0.4 / max(1.0, float(np.abs(offset).max())))


def _colour_bar(figure: "Figure", axes: "Axes") -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    bar = figure.colorbar(ScalarMappable(Normalize(0, 1), COLOURS), ax=axes, aspect=32, pad=0.02, shrink=0.9)
    bar.set_ticks([0.02, 0.98], labels=["lowest", "highest"])
    bar.set_label("rank of the row's value (grey: not a number)")
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)
