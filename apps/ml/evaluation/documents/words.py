"""The words that every rendered document shares: names of measures, and how numbers are written."""

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
    "PERFORMANCE",
    "RATES",
    "REFERENCE_COMPARISONS",
    "TRUTH",
    "WORDS",
    "Words",
    "count",
    "estimator",
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
    "random_forest": "random forest",
    "hist_gradient_boosting": "histogram gradient boosting",
    "lightgbm": "LightGBM gradient boosting",
}


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with a fixed count of decimals and a true minus sign; a dash for None."""
    if value is None:
        return NONE
    text = f"{value:,.{digits}f}"
    return text.lstrip("-") if not float(text.replace(",", "")) else text.replace("-", "−")


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
