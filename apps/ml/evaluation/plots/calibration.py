"""Do scores mean what they say: predicted probability against the observed share."""

from typing import TYPE_CHECKING

import pandas as pd

from apps.ml.evaluation.plots.evaluated_rows import EvaluatedRows
from apps.ml.evaluation.plots.style import BLUE, MUTED, NARROW, SKY, Plot, draw, say_undefined, shares_on_axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HISTOGRAM_BINS = 50


def calibration_plot(rows: EvaluatedRows, points: pd.DataFrame, confidence: float) -> Plot:
    """Draw observed shares with intervals in bins of equally many rows, above a histogram of all scores.

    Parameters
    ----------
    rows : EvaluatedRows
    points : data frame
        As :func:`~apps.ml.evaluation.plots.tables.calibration_points` returns it.
    confidence : float
        Of the intervals in `points`, for the legend.
    """

    def paint(figure: "Figure") -> None:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
        upper.set(xlim=(-0.015, 1.015), ylim=(-0.02, 1.02), ylabel=f"observed share of\n“{rows.positive_name}”")
        lower.set(xlabel=f"score: predicted probability of “{rows.positive_name}”", ylabel="rows")
        shares_on_axis(upper.yaxis)
        shares_on_axis(upper.xaxis)
        if points.empty:
            say_undefined(upper, "there are no test rows")
            return
        upper.plot([0, 1], [0, 1], color=MUTED, linestyle=":", label="perfectly calibrated")
        y = points["observed_share"]
        whiskers = [(y - points["lower"]).clip(lower=0), (points["upper"] - y).clip(lower=0)]
        label = f"bins of equally many rows, {confidence:.0%} intervals"
        upper.errorbar(
            points["mean_score"], y, yerr=whiskers, color=BLUE, marker="o", capsize=3, linewidth=1.5, label=label
        )
        upper.legend(loc="upper left")
        lower.hist(rows.scores, bins=HISTOGRAM_BINS, range=(0, 1), color=SKY)
        lower.axvline(rows.threshold, color=MUTED, linestyle="--", linewidth=1)
        where = ("right", 0) if rows.threshold > 0.5 else ("left", 0)
        lower.annotate(
            f"threshold {rows.threshold:.4g}",
            (rows.threshold, 1),
            xycoords=("data", "axes fraction"),
            xytext=(where[1], 2),
            textcoords="offset points",
            ha=where[0],
            va="bottom",
            color=MUTED,
            fontsize=9,
        )

    description = (
        f"Observed share of {rows.positive_name} against the mean score in {len(points)} bins of equally many rows, "
        "with intervals, and a histogram of all scores."
    )
    return draw("calibration", "Calibration", description, 5.4, paint, NARROW)
