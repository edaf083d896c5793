"""How the same run looks in every picture of a comparison, and how its metrics are named and written."""

from collections.abc import Mapping, Sequence
from itertools import cycle, islice, product
from typing import Any, NamedTuple

from apps.ml.evaluation.documents.words import COMPARISONS, NONE, PERFORMANCE, count, number, spoken
from apps.ml.evaluation.plots.style import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION

BASELINE_COLOUR = BLACK
COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY)
DASHES = ("-", "--", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
COSTS = {
    "cost.bundle_bytes": ("size of the bundle", "bytes"),
    "cost.fit_seconds": ("time to fit", "s"),
    "cost.fit_cpu_count": ("processors while fitting", ""),
    "cost.score_1000_rows_seconds": ("time to answer 1,000 rows", "s"),
}
"""Metric → its name in words and its unit."""


LARGE = 100.0
"""From here on the fourth decimal of a metric says nothing."""


class Look(NamedTuple):
    """Colour, dashes and marker of a run."""

    colour: str
    dashes: Any
    marker: str


def looks(runs: int, baseline: int) -> list[Look]:
    """Return one look per run; the baseline is black, and the others differ by more than their colour."""
    others = cycle(Look(colour, dashes, "") for dashes, colour in product(DASHES, COLOURS))
    chosen = list(islice(others, runs - 1))
    chosen.insert(baseline, Look(BASELINE_COLOUR, "-", ""))
    return [look._replace(marker=MARKERS[at % len(MARKERS)]) for at, look in enumerate(chosen)]


def metric_words(path: str) -> str:
    """Return a metric's name in words: `performance.roc_auc` is ROC AUC; one of an attribute names it."""
    if path in COSTS:
        return COSTS[path][0]
    section, _, rest = path.partition(".")
    if section == "performance":
        return PERFORMANCE[rest].name if rest in PERFORMANCE else spoken(rest)
    if section == "fairness":
        attribute, _, measure = rest.rpartition(".")
        name = COMPARISONS[measure].name if measure in COMPARISONS else spoken(measure)
        return f"{name}, {spoken(attribute)}"
    return spoken(path)


def unit_of(path: str) -> str:
    """Return the unit of a metric, as an axis names it; empty for shares and other bare numbers."""
    if path in COSTS:
        return COSTS[path][1]
    return {"performance.log_loss": "nats"}.get(path, "")


def with_unit(path: str) -> str:
    """Return a metric's name in words with its unit in brackets."""
    unit = unit_of(path)
    return f"{metric_words(path)} ({unit})" if unit else metric_words(path)


def written(path: str, value: float | None) -> str:
    """Return a metric as text: whole numbers for bytes, three digits for times, fewer decimals where it is large."""
    if value is None:
        return NONE
    if path in ("cost.bundle_bytes", "cost.fit_cpu_count"):
        return count(round(value))
    return f"{value:.3g}" if path in COSTS else number(value, 4 if abs(value) < LARGE else 1)


def values_of(runs: Sequence[Mapping[str, Any]], path: str) -> list[Mapping[str, Any] | None]:
    """Return each run's measurement of a metric, None where it has none or it is undefined."""
    found = [run["metrics"].get(path) for run in runs]
    return [one if one is not None and one["value"] is not None else None for one in found]
