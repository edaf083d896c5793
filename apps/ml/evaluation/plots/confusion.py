"""The confusion matrix: what happened against what was predicted."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from apps.ml.evaluation.plots.style import INK, NARROW, Plot, draw, wrapped

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def confusion_plot(record: Mapping[str, Any]) -> Plot:
    """Draw counts and their share of each actual class; the shade is that share."""
    decision = record["decision"]
    counts = np.asarray(record["curves"]["confusion"], dtype=np.int64)[::-1, ::-1]
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / totals.clip(min=1)
    names = [wrapped(decision[name], 14) for name in ("positive_name", "negative_name")]

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
    at = "" if decision["threshold"] is None else f" at threshold {decision['threshold']:.4g}"
    return draw("confusion", f"Decisions{at}", description, 5.4, paint, NARROW)


def _cells(counts: list[list[int]]) -> list[tuple[tuple[int, int], int]]:
    return [((y, x), count) for y, line in enumerate(counts) for x, count in enumerate(line)]
