"""Do scores mean what they say: predicted probability against the observed share."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from apps.ml.evaluation.plots.style import BLUE, MUTED, NARROW, SKY, Plot, draw, say_undefined, shares_on_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def calibration_plot(record: Mapping[str, Any]) -> Plot:
    """Draw observed shares with intervals in bins of equally many rows, above a histogram of all scores."""
    bins, decision = record["curves"]["calibration"], record["decision"]
    positive = decision["positive_name"]

    def paint(figure: "Figure") -> None:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
        upper.set(xlim=(-0.015, 1.015), ylim=(-0.02, 1.02), ylabel=f"observed share of\n“{positive}”")
        lower.set(xlabel=f"score: predicted probability of “{positive}”", ylabel="rows")
        shares_on_axis(upper.yaxis)
        shares_on_axis(upper.xaxis)
        if not bins:
            say_undefined(upper, "there are no test rows")
            return
        upper.plot([0, 1], [0, 1], color=MUTED, linestyle=":", label="perfectly calibrated")
        y = [one["share"] for one in bins]
        whiskers = [
            [max(0.0, one["share"] - one["lower"]) for one in bins],
            [max(0.0, one["upper"] - one["share"]) for one in bins],
        ]
        label = f"bins of equally many rows, {record['parameters']['confidence']:.0%} intervals"
        x = [one["mean_score"] for one in bins]
        upper.errorbar(x, y, yerr=whiskers, color=BLUE, marker="o", capsize=3, linewidth=1.5, label=label)
        upper.legend(loc="upper left")
        _histogram(lower, record["curves"]["scores"]["counts"], decision["threshold"])

    description = (
        f"Observed share of {positive} against the mean score in {len(bins)} bins of equally many rows, "
        "with intervals, and a histogram of all scores."
    )
    return draw("calibration", "Calibration", description, 5.4, paint, NARROW)


def _histogram(axes: "Axes", counts: list[int], threshold: float | None) -> None:
    edges = [step / len(counts) for step in range(len(counts) + 1)]
    axes.stairs(counts, edges, fill=True, color=SKY)
    if threshold is None:
        return
    axes.axvline(threshold, color=MUTED, linestyle="--", linewidth=1)
    axes.annotate(
        f"threshold {threshold:.4g}",
        (threshold, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0 if threshold > 0.5 else 2, 2),
        textcoords="offset points",
        ha="right" if threshold > 0.5 else "left",
        va="bottom",
        color=MUTED,
        fontsize=9,
    )
