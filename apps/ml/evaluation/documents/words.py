"""The words that every rendered document shares: names of measures, and how numbers are written."""

import math
from collections.abc import Mapping
from typing import Any

from apps.ml.evaluation.documents.measure_names import (
    COMPARISON_KINDS,
    COMPARISONS,
    CONDITIONAL,
    FURTHER_RATES,
    GROUP_MEASURES,
    INDIVIDUAL,
    MAIN_COMPARISONS,
    PERFORMANCE,
    RATES,
    REFERENCE_COMPARISONS,
    TRUTH,
    WORDS,
    Words,
    rates,
)
from apps.ml.evaluation.documents.number_names import (
    NUMBER_COMPARISON_KINDS,
    NUMBER_COMPARISONS,
    NUMBER_GROUPS,
    NUMBER_INDIVIDUAL,
    NUMBER_PERFORMANCE,
    NUMBER_REFERENCE,
    NUMBER_TRUTH,
    NUMBER_WORDS,
    favourable_words,
)

__all__ = [
    "COMPARISONS",
    "COMPARISON_KINDS",
    "CONDITIONAL",
    "ESTIMATORS",
    "FURTHER_RATES",
    "GROUP_MEASURES",
    "INDIVIDUAL",
    "MAIN_COMPARISONS",
    "NONE",
    "NUMBER_COMPARISONS",
    "NUMBER_COMPARISON_KINDS",
    "NUMBER_GROUPS",
    "NUMBER_INDIVIDUAL",
    "NUMBER_PERFORMANCE",
    "NUMBER_REFERENCE",
    "NUMBER_TRUTH",
    "NUMBER_WORDS",
    "PERFORMANCE",
    "RATES",
    "REFERENCE_COMPARISONS",
    "TRUTH",
    "WORDS",
    "Words",
    "count",
    "estimator",
    "favourable_words",
    "figure",
    "figure_interval",
    "interval",
    "number",
    "percent",
    "rates",
    "spoken",
    "threshold",
]

NONE = "–"

ESTIMATORS = {
    "logistic_regression": "logistic regression",
    "linear_regression": "linear regression",
    "linear_svm": "linear support vector machine",
    "svm": "support vector machine",
    "naive_bayes": "naive Bayes",
    "random_forest": "random forest",
    "extra_trees": "extremely randomised trees",
    "hist_gradient_boosting": "histogram gradient boosting",
    "lightgbm": "LightGBM gradient boosting",
    "xgboost": "XGBoost gradient boosting",
    "explainable_boosting": "explainable boosting machine",
    "mlp": "multi-layer perceptron",
    "voting": "weighted vote of several estimators",
    "stacking": "linear model over several estimators",
}


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with a fixed count of decimals and a true minus sign; a dash for None."""
    if value is None:
        return NONE
    text = f"{value:,.{digits}f}"
    return text.lstrip("-") if not float(text.replace(",", "")) else text.replace("-", "−")


def figure(value: float | None, digits: int = 4) -> str:
    """Return a number of any size with `digits` significant digits, never as a power of ten; a dash for None."""
    if value is None:
        return NONE
    size = math.floor(math.log10(abs(value))) if value else 0
    return number(value, min(12, max(0, digits - 1 - size)))


def figure_interval(measured: Mapping[str, Any]) -> str:
    """Return `[lower, upper]` of a measurement of any size, or nothing where it has no interval."""
    lower, upper = measured.get("lower"), measured.get("upper")
    return "" if lower is None or upper is None else f"[{figure(lower)}, {figure(upper)}]"


def threshold(value: float) -> str:
    """Return a threshold with four significant digits and no needless zeros."""
    return f"{value:.4g}"


def percent(value: float | None, digits: int = 1) -> str:
    """Return a share as a percentage; a dash for None."""
    return NONE if value is None else f"{number(100 * value, digits)} %"


def count(value: int) -> str:
    """Return a whole number with separators of thousands."""
    return f"{value:,}"


def interval(measured: Mapping[str, Any], as_percent: bool = False) -> str:
    """Return `[lower, upper]` of a measurement, or nothing where it has no interval."""
    lower, upper = measured.get("lower"), measured.get("upper")
    if lower is None or upper is None:
        return ""
    return (
        f"[{number(100 * lower, 1)}, {number(100 * upper, 1)}]" if as_percent else f"[{number(lower)}, {number(upper)}]"
    )


def estimator(name: str) -> str:
    """Return the estimator's name in words."""
    return ESTIMATORS.get(name, name.replace("_", " "))


def spoken(name: str) -> str:
    """Return an identifier in words."""
    return name.replace("_", " ")
