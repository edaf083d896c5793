"""What a reader should see first: headline numbers and everything that limits them, found in the record."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.ml.data.processed import REGRESSION
from apps.ml.evaluation.documents.number_names import WITHOUT_UNIT
from apps.ml.evaluation.documents.words import (
    COMPARISONS,
    NUMBER_COMPARISONS,
    NUMBER_PERFORMANCE,
    PERFORMANCE,
    count,
    spoken,
)
from apps.ml.evaluation.record.layout import task_of

HEADLINE_PERFORMANCE = ("roc_auc", "accuracy", "calibration_error")
HEADLINE_FAIRNESS = {"demographic_parity_ratio": min, "equal_opportunity_difference": max}
"""Comparison → which of the attributes' values is the worst."""

NUMBER_HEADLINES = ("mean_absolute_error", "root_mean_squared_error", "r_squared")
NUMBER_FAIRNESS = ("mean_error_difference", "largest_group_loss")

LITTLE_FIT = 0.5
"""R² under which a local linear surrogate explains less than half of the score's variation around a row."""


MOST_NAMED = 8
"""Groups or comparisons that one sentence names at most."""


@dataclass(frozen=True)
class Headline:
    """One number of the overview: its name, the measurement and where it was found."""

    name: str
    meaning: str
    measured: Mapping[str, Any]
    where: str


def headlines(record: Mapping[str, Any]) -> list[Headline]:
    """Return the main performance, then the worst attribute of two comparisons."""
    if task_of(record) == REGRESSION:
        return _number_headlines(record)
    rows = "all rows with a label" if record["subject"] == "decisions" else "all test rows"
    found = [
        Headline(PERFORMANCE[name].name, PERFORMANCE[name].meaning, record["performance"][name], rows)
        for name in HEADLINE_PERFORMANCE
        if name in record["performance"]
    ]
    return found + [line for name in HEADLINE_FAIRNESS if (line := _worst(name, record["fairness"])) is not None]


def _number_headlines(record: Mapping[str, Any]) -> list[Headline]:
    found = [
        Headline(NUMBER_PERFORMANCE[name].name, NUMBER_PERFORMANCE[name].meaning, record["performance"][name], where)
        for name, where in zip(NUMBER_HEADLINES, _places(record), strict=True)
    ]
    fairness = record["fairness"]
    return found + [line for name in NUMBER_FAIRNESS if (line := _worst(name, fairness, max)) is not None]


def _places(record: Mapping[str, Any]) -> list[str]:
    unit = record["decision"]["unit"]
    in_unit = f", in {unit}" if unit else ""
    return ["all test rows" + ("" if name in WITHOUT_UNIT else in_unit) for name in NUMBER_HEADLINES]


def limits(record: Mapping[str, Any]) -> list[str]:
    """Return sentences about what the numbers of this record cannot carry: undefined, not judged, poorly fitted."""
    return [
        *_source_limits(record["data"]),
        *_undefined_performance(record),
        *_fairness_limits(record["fairness"]),
        *_explanation_limits(record),
    ]


def _source_limits(data: Mapping[str, Any]) -> Iterator[str]:
    if data["source_kind"] == "generator":
        yield "The rows were made up by a generator; they are no evidence about people."


def _worst(name: str, fairness: Mapping[str, Any], worse: Callable[..., str] | None = None) -> Headline | None:
    words = {**COMPARISONS, **NUMBER_COMPARISONS}[name]
    values = {a: part[name] for a, part in fairness.items() if name in part}
    if not values:
        return None
    missing = [attribute for attribute, measured in values.items() if measured["value"] is None]
    defined = {attribute: measured for attribute, measured in values.items() if measured["value"] is not None}
    if not defined:
        return Headline(words.name, words.meaning, values[missing[0]], spoken(missing[0]))
    worst = (worse or HEADLINE_FAIRNESS[name])(defined, key=lambda attribute: defined[attribute]["value"])
    where = f"worst attribute: {spoken(worst)}"
    if missing:
        where += f"; undefined for {', '.join(map(spoken, missing))}"
    return Headline(words.name, words.meaning, defined[worst], where)


def _undefined_performance(record: Mapping[str, Any]) -> Iterator[str]:
    for name, words in {**PERFORMANCE, **NUMBER_PERFORMANCE}.items():
        reason = record["performance"].get(name, {}).get("undefined")
        if reason:
            yield f"{words.name} is undefined: {reason}."


def _fairness_limits(fairness: Mapping[str, Any]) -> Iterator[str]:
    for attribute, part in fairness.items():
        shown = [f"{name} ({count(group['n'])})" for name, group in part["groups"].items() if not group["judged"]]
        if shown:
            yield f"{spoken(attribute)}: shown, not judged, with their rows: {_listed(shown)}."
        for reason, names in _undefined_comparisons(part).items():
            yield f"{spoken(attribute)}: {_listed(names)} {'is' if len(names) == 1 else 'are'} undefined: {reason}."


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _undefined_comparisons(part: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the comparisons without a value, by the reason why."""
    found: dict[str, list[str]] = {}
    for metric, words in {**COMPARISONS, **NUMBER_COMPARISONS}.items():
        reason = part.get(metric, {}).get("undefined")
        if reason:
            found.setdefault(reason, []).append(words.name)
    return found


def _explanation_limits(record: Mapping[str, Any]) -> Iterator[str]:
    explained = record["explainability"]
    if record["model"] is None:
        yield "Only decisions were handed in and no model; nothing is known about how they came about."
        return
    if explained.get("undefined"):
        yield f"Contributions are undefined: {explained['undefined']}."
    fit = explained["lime"]["mean_r2"]["value"]
    if fit is not None and fit < LITTLE_FIT:
        yield (
            f"The local linear surrogates (LIME) explain only {fit:.0%} of the score's variation around the sampled "
            "rows; read their effects with care."
        )
    if not record["model"]["converged"]:
        yield "The fit stopped at its limit of iterations before it converged."
