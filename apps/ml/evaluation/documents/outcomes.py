"""Who got the favourable outcome, by group: numbers, rates and impact ratios from the counts of the record alone.

*Selected* means here: decided favourably for the person. *Impact ratio*: a rate divided by the highest one.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from apps.ml.data.processed import is_unknown_group
from apps.ml.evaluation.fairness.group_metrics import impact_ratios
from apps.ml.evaluation.fairness.levels import Levels
from apps.ml.evaluation.statistics.counting.counts import CountTable
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.shares.intervals import WILSON, wilson
from apps.ml.evaluation.statistics.shares.rates import RATES, Rate, rate_named, shares_of


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


def scoring_ratios(
    record: Mapping[str, Any], attribute: str, compared: Collection[str], confidence: float
) -> dict[str, Measurement]:
    """Measure the scoring rate of each of the `compared` groups divided by the highest of them.

    Of weighted persons the record holds sums of weights and not of their squares, so these ratios have no interval.
    """
    groups = record["fairness"][attribute]["groups"]
    rates = {name: groups[name]["scoring_rate"] for name in compared}
    above, everybody = ([found.get(part) or 0 for found in rates.values()] for part in ("numerator", "denominator"))
    blocks = [[[n - x, x], [0, 0]] for x, n in zip(above, everybody, strict=True)]
    persons = np.array([[[found["n"], 0], [0, 0]] for found in rates.values()], dtype=np.int64).reshape(-1, 2, 2)
    if not is_weighted(record):
        table = CountTable(tuple(rates), np.array(blocks, dtype=np.int64).reshape(-1, 2, 2), labelled=False)
        return _scoring_ratios(table, confidence)
    weights = np.array(blocks, dtype=np.float64).reshape(-1, 2, 2)
    found = _scoring_ratios(CountTable(tuple(rates), persons, weights, weights, labelled=False), confidence)
    return {name: replace(one, lower=None, upper=None, method=None) for name, one in found.items()}


def _scoring_ratios(table: CountTable, confidence: float) -> dict[str, Measurement]:
    levels = Levels(confidence, confidence)
    found = impact_ratios(table, RATES["selection_rate"], [True] * len(table.groups), levels, "scoring rate")
    return dict(zip(table.groups, found, strict=True))


def _share(successes: float, rows: float, persons: int, confidence: float) -> Measurement:
    if not rows:
        return undefined("there are no persons")
    bounds = wilson(successes, rows, confidence)
    return Measurement(successes / rows, persons, float(bounds.lower), float(bounds.upper), confidence, WILSON)
