"""The four-fifths rule of the Uniform Guidelines, with significance: who falls under it, and whether that is chance.

References
----------
29 CFR 1607.4(D); 44 FR 11996 (1979), questions 10 to 27.
"""

from collections.abc import Mapping
from typing import Any

from apps.ml.data.processed import is_unknown_group
from apps.ml.evaluation.documents.markdown import Markdown, measured, rate, render_markdown, table
from apps.ml.evaluation.documents.outcomes import Outcome, counted, is_weighted, outcomes, ratios_to_highest
from apps.ml.evaluation.documents.words import NONE, count, interval, number, spoken
from apps.ml.evaluation.fairness.four_fifths import FOUR_FIFTHS, four_fifths_by_group
from apps.ml.evaluation.statistics.measurement import Measurement

HEAD = ("Group", "Persons", "Favourable", "Rate", "Ratio to the highest", "p-value", "One person decides", "Finding")

MOST_DIGITS = 10
"""Decimals that a number is written with at most."""

HIGHEST = "highest rate"
NO_IMPACT = "no adverse impact shown"
SIGNIFICANT_ONLY = "at or above four-fifths, but the difference is significant"
CHANCE = "under four-fifths, but not significant: undecided"
ONE_PERSON = "under four-fifths, but one person decides it: undecided"
IMPACT = "adverse impact indicated"


def render_four_fifths(record: Mapping[str, Any]) -> str:
    """Return rates, ratios, tests and findings as Markdown; it needs counts alone and no labels."""
    return render_markdown(
        "four_fifths.md.j2",
        record,
        tables=[(spoken(one["name"]), _table(record, one["name"])) for one in record["data"]["attributes"]],
        weighted=is_weighted(record),
        level=_level(record),
    )


def finding(held: Mapping[str, Any], level: float) -> str:
    """Return in words what ratio, significance and the single person say about one group.

    Parameters
    ----------
    held : mapping
        `below`, `p_value` and, where persons are not weighted, `one_person_decides`.
    level : float in (0, 1)
        A p-value of at most this is significant.
    """
    significant = held["p_value"] <= level
    if not held["below"]:
        return SIGNIFICANT_ONLY if significant else NO_IMPACT
    if not significant:
        return CHANCE
    return ONE_PERSON if held.get("one_person_decides") else IMPACT


def _table(record: Mapping[str, Any], attribute: str) -> Markdown:
    everybody = outcomes(record, attribute)
    smallest = record["parameters"]["minimum_group_size"]
    judged = [not is_unknown_group(one.name) and one.persons >= smallest for one in everybody]
    names = [one.name for one, is_judged in zip(everybody, judged, strict=True) if is_judged]
    held = four_fifths_by_group(counted(record, attribute), judged, record["decision"]["favourable"])
    ratios = ratios_to_highest(record, attribute, names, record["inference"]["confidence"])
    level = _level(record)
    return table(
        HEAD,
        ([*_numbers(one), *_judgement(one, ratios.get(one.name), held, smallest, level)] for one in everybody),
        numbers=(1, 2),
    )


def _numbers(one: Outcome) -> list[Any]:
    return [one.name, count(one.persons), count(one.selected), rate(one.rate.to_dict())]


def _judgement(
    one: Outcome, ratio: Measurement | None, held: Mapping[str, Mapping[str, Any]], smallest: int, level: float
) -> list[Any]:
    if ratio is None:
        return [NONE, NONE, NONE, "not judged: " + ("group unknown" if one.unknown else f"under {smallest} persons")]
    if one.name not in held:
        return [measured(ratio.to_dict()), NONE, NONE, "not comparable" if ratio.value is None else HIGHEST]
    own = held[one.name]
    decides = {None: "not for weighted persons", True: "yes", False: "no"}[own.get("one_person_decides")]
    return [
        _on_its_side(ratio, own["below"]),
        f"{_p_value(own['p_value'], level)} ({own['test']})",
        decides,
        f"{finding(own, level)} (against {own['compared_with']})",
    ]


def _level(record: Mapping[str, Any]) -> float:
    """Return the p-value up to which a difference is significant, without the error of the subtraction."""
    return round(1 - float(record["inference"]["confidence"]), 10)


def _on_its_side(ratio: Measurement, below: bool) -> Markdown:
    """Return the ratio with as many digits as it takes to tell on which side of four-fifths it lies."""
    digits = _telling_digits(ratio.value, float(FOUR_FIFTHS), below)
    return Markdown(f"{number(ratio.value, digits)} {interval(ratio.to_dict())}".strip())


def _p_value(value: float, level: float) -> str:
    digits = _telling_digits(value, level, value < level)
    return "under 0.001" if value < 0.001 < level else number(value, digits)


def _telling_digits(value: float | None, limit: float, below: bool) -> int:
    """Return how many decimals, three at least, a number needs so that it reads as below the limit if it is."""
    known = value if value is not None else limit
    return next((digits for digits in range(3, MOST_DIGITS) if (round(known, digits) < limit) == below), MOST_DIGITS)
