"""What a reviewer of fairness looks for, and where the evidence record holds it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from apps.ml.evaluation.documents.measure_names import (
    COMPARISONS_OF_DECISIONS,
    COMPARISONS_OF_ERRORS,
    COMPARISONS_OF_SCORES,
)
from apps.ml.evaluation.documents.number_names import COMPARISONS_OF_NUMBER_ERRORS, COMPARISONS_OF_NUMBERS

Found = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True)
class Rule:
    """One piece of evidence that is looked for.

    `pointer`: JSON pointer (RFC 6901) to its place. `found` returns what a record holds for it, or None; `lacks` says
    what None means. `needs_model`: it cannot apply to decisions without a model. `needs_decisions`: nor to a model
    that predicts numbers. `needs_attributes`: nor to fewer sensitive attributes.
    """

    name: str
    component: str
    claim: str
    framework: str
    reference: str
    pointer: str
    found: Found
    lacks: str
    needs_model: bool = False
    needs_decisions: bool = False
    needs_attributes: int = 1


def _comparisons(names: Mapping[str, Any], labelled: bool = False) -> Found:
    """Find the comparisons of every attribute; nothing where labels are needed and none were counted."""

    def found(record: Mapping[str, Any]) -> Any:
        if labelled and record["counts"] and not any(counts["labelled"] for counts in record["counts"].values()):
            return None
        every = [{name: part[name] for name in names if name in part} for part in record["fairness"].values()]
        return every if any(every) else None

    return found


def _of_attributes(key: str) -> Found:
    return lambda record: [part[key] for part in record["fairness"].values() if part.get(key)] or None


def _of_explanation(key: str) -> Found:
    return lambda record: record["explainability"].get(key) or None


def _intersections(record: Mapping[str, Any]) -> Any:
    crossed = [one["name"] for one in record["data"]["attributes"] if len(one["columns"]) > 1]
    return [record["fairness"][name] for name in crossed if name in record["fairness"]] or None


def _nothing(_record: Mapping[str, Any]) -> Any:
    return None


RULES = (
    Rule(
        "data provenance",
        "data",
        "The rows are named by a digest of their source.",
        "EU AI Act",
        "Article 10(2)(b)",
        "/data/source_digest",
        lambda record: record["data"]["source_digest"] or None,
        "the source has no digest",
    ),
    Rule(
        "outcomes by group",
        "evaluation",
        "Favourable outcomes are compared between groups.",
        "NIST AI RMF",
        "MEASURE 2.11",
        "/fairness",
        _comparisons({**COMPARISONS_OF_DECISIONS, **COMPARISONS_OF_NUMBERS}),
        "no favourable rates were compared",
    ),
    Rule(
        "errors by group",
        "evaluation",
        "Errors are compared between groups.",
        "EU AI Act",
        "Annex IV, 3",
        "/fairness",
        _comparisons({**COMPARISONS_OF_ERRORS, **COMPARISONS_OF_NUMBER_ERRORS}, labelled=True),
        "there are no labels, so errors are not known",
    ),
    Rule(
        "scores by group",
        "evaluation",
        "Ranking and calibration are compared between groups.",
        "NIST AI RMF",
        "MEASURE 2.5",
        "/fairness",
        _comparisons(COMPARISONS_OF_SCORES),
        "no scores were compared",
        needs_decisions=True,
    ),
    Rule(
        "intersections",
        "evaluation",
        "Groups that are crossed are compared too.",
        "NYC Local Law 144",
        "6 RCNY 5-301",
        "/fairness",
        _intersections,
        "no intersection was measured",
        needs_attributes=2,
    ),
    Rule(
        "alike in a further column",
        "evaluation",
        "Outcomes are compared among persons who are otherwise alike.",
        "NIST AI RMF",
        "MEASURE 2.11",
        "/fairness",
        _of_attributes("conditional"),
        "no column was named within whose values to compare",
        needs_decisions=True,
    ),
    Rule(
        "inequality between persons",
        "evaluation",
        "Inequality is measured between persons, not only groups.",
        "NIST AI RMF",
        "MEASURE 2.11",
        "/fairness",
        _of_attributes("individual"),
        "it was not measured",
    ),
    Rule(
        "behaviour",
        "model",
        "It is known which columns move the decisions, and for whom.",
        "EU AI Act",
        "Article 13(3)(b)",
        "/explainability/behaviour",
        _of_explanation("behaviour"),
        "it was not explained",
        needs_model=True,
    ),
    Rule(
        "reasons",
        "model",
        "Persons can be told the principal reasons of an unfavourable decision.",
        "ECOA, Regulation B",
        "12 CFR 1002.9(b)(2)",
        "/explainability/reasons",
        _of_explanation("reasons"),
        "no reasons were given",
        needs_model=True,
        needs_decisions=True,
    ),
    Rule(
        "recourse",
        "model",
        "It is known what persons could change to get the favourable outcome.",
        "EU AI Act",
        "Article 86",
        "/explainability/counterfactuals",
        _of_explanation("counterfactuals"),
        "it was not looked for",
        needs_model=True,
        needs_decisions=True,
    ),
    Rule(
        "gates",
        "report",
        "Declared limits were judged and recorded with the evidence.",
        "ISO/IEC 42001",
        "9.1",
        "/gates",
        lambda record: record["gates"],
        "gates are judged after the record is signed",
    ),
    Rule(
        "monitoring",
        "monitor",
        "Fairness is watched after deployment.",
        "EU AI Act",
        "Article 72",
        "/monitoring",
        _nothing,
        "the record ends where deployment begins",
    ),
)
"""Every control, in display order."""
