"""The confusion matrix: what happened against what was predicted."""

from typing import TYPE_CHECKING, Any

from apps.ml.evaluation.plots.evaluated_rows import EvaluatedRows
from apps.ml.evaluation.plots.style import INK, NARROW, Plot, draw, wrapped
from apps.ml.evaluation.plots.tables import confusion_counts

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def confusion_plot(rows: EvaluatedRows) -> Plot:
    """Draw counts and their share of each actual class; the shade is that share."""
    counts = confusion_counts(rows.labels, rows.decisions)[::-1, ::-1]
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / totals.clip(min=1)
    names = [wrapped(rows.positive_name, 14), wrapped(rows.negative_name, 14)]

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot(xlabel="predicted", ylabel="actual")
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.25, aspect="auto")
        axes.set_xticks([0, 1], names)
        axes.set_yticks([0, 1], names)
        axes.grid(visible=False)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        for (y, x), count in _cells(counts.tolist()):
            dark = shares[y, x] > 0.8
            share = f"{shares[y, x]:.1%} of actual" if totals[y, 0] else "no rows"
            style: dict[str, Any] = {"ha": "center", "va": "center"}
            axes.annotate(f"{count:,}", (x, y), (0, 6), textcoords="offset points", fontsize=17,
                          color="white" if dark else INK, **style)  # fmt: skip
            axes.annotate(share, (x, y), (0, -14), textcoords="offset points", fontsize=9,
                          color="white" if dark else INK, **style)  # fmt: skip

    (tp, fn), (fp, tn) = counts.tolist()
    description = f"{tp} true positives, {fn} false negatives, {fp} false positives, {tn} true negatives."
    return draw("confusion", f"Decisions at threshold {rows.threshold:.4g}", description, 5.4, paint, NARROW)


def _cells(counts: list[list[int]]) -> list[tuple[tuple[int, int], int]]:
    return [((y, x), count) for y, line in enumerate(counts) for x, count in enumerate(line)]
