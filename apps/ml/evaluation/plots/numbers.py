"""Predicted numbers against what was observed, and where they err."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from apps.ml.evaluation.documents.words import figure as in_figures
from apps.ml.evaluation.plots.style import BLUE, MUTED, NARROW, ORANGE, SKY, Plot, draw, say_undefined

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NO_ROWS = "there are no test rows"


def named_number(record: Mapping[str, Any]) -> str:
    """Return what is predicted with its unit, as an axis says it: `hourly wage (euros)`."""
    decision = record["decision"]
    return f"{decision['positive_name']} ({decision['unit']})" if decision["unit"] else str(decision["positive_name"])


def predicted_and_observed_plot(record: Mapping[str, Any]) -> Plot:
    """Draw rows by predicted and observed number as squares whose shade is their count, and the line of no error."""
    found, name = record["curves"]["predicted_and_observed"], named_number(record)
    r_squared = record["performance"]["r_squared"]

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot(xlabel=f"predicted {name}", ylabel=f"observed {name}")
        if not found["edges"]:
            say_undefined(axes, NO_ROWS)
            return
        _shaded(figure, axes, found)
        thousands(axes.xaxis)
        thousands(axes.yaxis)

    value = r_squared["value"]
    told = f"R² {value:.3f}" if value is not None else f"R² undefined: {r_squared['undefined']}"
    description = f"Test rows by predicted and observed number; on the line both are the same. {told}."
    return draw("predicted_and_observed", "Predicted and observed", description, 5.4, paint, NARROW)


def errors_plot(record: Mapping[str, Any]) -> Plot:
    """Draw mean errors by prediction with intervals over bands of most errors, above a histogram of predictions."""
    bins, name = record["curves"]["errors_by_prediction"], named_number(record)
    unit = record["decision"]["unit"] or "unit of the label"

    def paint(figure: "Figure") -> None:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
        upper.set(ylabel=f"error: predicted − observed\n({unit})")
        lower.set(xlabel=f"predicted {name}", ylabel="rows")
        thousands(upper.yaxis)
        thousands(lower.xaxis)
        if not bins:
            say_undefined(upper, "there are too few test rows for a bin")
            return
        _bands(upper, bins, f"{record['parameters']['confidence']:.0%}")
        histogram = record["curves"]["predictions"]
        lower.stairs(histogram["counts"], histogram["edges"], fill=True, color=SKY)

    described = "; ".join(f"{in_figures(one['mean_prediction'])}: {in_figures(one['mean_error'])}" for one in bins)
    description = f"Mean error by mean prediction in {len(bins)} bins of equally many rows. {described or 'undefined'}."
    return draw("errors", "Errors by prediction", description, 5.4, paint, NARROW)


def thousands(axis: Any) -> None:
    """Show numbers with separators of thousands and never as powers of ten."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(5))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def _shaded(figure: "Figure", axes: "Axes", found: Mapping[str, Any]) -> None:
    from matplotlib.colors import LogNorm

    edges, counts = np.asarray(found["edges"]), np.asarray(found["counts"], dtype=np.float64).T
    shown = np.ma.masked_equal(counts, 0)
    mesh = axes.pcolormesh(edges, edges, shown, cmap="cividis_r", norm=LogNorm(1, max(2.0, float(counts.max()))))
    axes.plot(edges[[0, -1]], edges[[0, -1]], color=ORANGE, linestyle="--", linewidth=1.3, label="no error")
    axes.set_aspect("equal")
    axes.grid(visible=False)
    axes.legend(loc="upper left")
    bar = figure.colorbar(mesh, ax=axes, shrink=0.7, pad=0.02)
    bar.set_label("rows")
    bar.ax.yaxis.set_major_formatter("{x:,.0f}")
    bar.ax.minorticks_off()


def _bands(axes: "Axes", bins: Sequence[Mapping[str, Any]], confidence: str) -> None:
    x = [one["mean_prediction"] for one in bins]
    low, quarter, _, upper_quarter, high = zip(*(one["quantiles"] for one in bins), strict=True)
    axes.fill_between(x, low, high, color=SKY, alpha=0.3, linewidth=0, label="8 of 10 errors")
    axes.fill_between(x, quarter, upper_quarter, color=SKY, alpha=0.6, linewidth=0, label="5 of 10 errors")
    axes.axhline(0, color=MUTED, linestyle=":", linewidth=1.2)
    y = [one["mean_error"] for one in bins]
    whiskers = [
        [max(0.0, one["mean_error"] - one["lower"]) for one in bins],
        [max(0.0, one["upper"] - one["mean_error"]) for one in bins],
    ]
    label = f"mean error, {confidence} intervals"
    axes.errorbar(x, y, yerr=whiskers, color=BLUE, marker="o", capsize=3, linewidth=1.5, label=label)
    axes.figure.legend(loc="outside lower center", ncols=3)
