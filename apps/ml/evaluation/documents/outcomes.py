"""Who got the favourable outcome, by group: numbers, rates and impact ratios from the counts of the record alone.

*Selected* means here: decided favourably for the person. *Impact ratio*: a rate divided by the highest one.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from apps.ml.data.processed import is_unknown_group
from apps.ml.evaluation.fairness.group_metrics import impact_ratios
from apps.ml.evaluation.fairness.levels import Levels
from apps.ml.evaluation.statistics.counts import CountTable
from apps.ml.evaluation.statistics.intervals import WILSON, wilson
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.rates import Rate, rate_named, shares_of


@dataclass(frozen=True)
class Outcome:
    """One group: persons, how many of them were decided favourably, the share of these, and whether it is unknown who
    belongs to it."""

    name: str
    persons: int
    selected: int
    rate: Measurement
    unknown: bool


def counted(record: Mapping[str, Any], attribute: str) -> CountTable:
    """Return the count table of one attribute; without groups where the record holds none."""
    content = record["counts"].get(attribute)
    return CountTable.from_dict(content or {"groups": [], "counts": []})


def is_weighted(record: Mapping[str, Any]) -> bool:
    """Tell whether persons carry weights."""
    return any(counts.get("weights") is not None for counts in record["counts"].values())


def favourable_rate(record: Mapping[str, Any]) -> Rate:
    """Return the rate that speaks of the favourable decision."""
    return rate_named("favourable_rate", record["decision"]["favourable"])


def outcomes(record: Mapping[str, Any], attribute: str) -> list[Outcome]:
    """Return the groups of one attribute in display order; rates of weighted persons are weighted."""
    table, rate = counted(record, attribute), favourable_rate(record)
    selected, persons = rate.counts(table.counts)
    shares, confidence = shares_of(table, rate), record["inference"]["confidence"]
    return [
        Outcome(name, int(rows), int(chosen), _share(float(x), float(n), int(rows), confidence), is_unknown_group(name))
        for name, rows, chosen, x, n in zip(table.groups, persons, selected, *shares, strict=True)
    ]


def ratios_to_highest(
    record: Mapping[str, Any], attribute: str, compared: Collection[str], confidence: float
) -> dict[str, Measurement]:
    """Measure the rate of each of the `compared` groups divided by the highest of them."""
    table = counted(record, attribute).select(compared)
    levels = Levels(confidence, confidence)
    found = impact_ratios(table, favourable_rate(record), [True] * len(table.groups), levels)
    return dict(zip(table.groups, found, strict=True))


def _share(successes: float, rows: float, persons: int, confidence: float) -> Measurement:
    if not rows:
        return undefined("there are no persons")
    bounds = wilson(successes, rows, confidence)
    return Measurement(successes / rows, persons, float(bounds.lower), float(bounds.upper), confidence, WILSON)
