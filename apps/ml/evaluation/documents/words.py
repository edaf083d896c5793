"""Names and meanings of measurements, and how numbers are written, the same in every document."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NONE = "–"


@dataclass(frozen=True)
class Words:
    """A measurement in words: its name, what it means, and which direction is good (None where neither is)."""

    name: str
    meaning: str
    better: str | None = None


HIGHER, LOWER, NEAR_ZERO, NEAR_ONE = "higher is better", "lower is better", "0 is parity", "1 is parity"

PERFORMANCE = {
    "roc_auc": Words("ROC AUC", "chance that a positive row scores above a negative one; 0.5 is guessing", HIGHER),
    "pr_auc": Words("PR AUC", "average precision over all thresholds; the share of positive rows is guessing", HIGHER),
    "accuracy": Words("accuracy", "share of decisions that are right", HIGHER),
    "balanced_accuracy": Words("balanced accuracy", "mean of the true positive and true negative rates", HIGHER),
    "precision": Words("precision", "share of selected rows that are positive", HIGHER),
    "recall": Words("recall", "share of positive rows that are selected", HIGHER),
    "f1": Words("F1", "harmonic mean of precision and recall", HIGHER),
    "log_loss": Words("log loss", "mean surprise at what happened, in nats", LOWER),
    "brier_score": Words("Brier score", "mean squared distance between score and label", LOWER),
    "calibration_error": Words("calibration error", "mean distance between score and observed share", LOWER),
}

COMPARISONS = {
    "demographic_parity_ratio": Words(
        "demographic parity ratio",
        "lowest favourable rate divided by the highest (four-fifths: at least 0.8)",
        NEAR_ONE,
    ),
    "demographic_parity_difference": Words(
        "demographic parity difference", "highest minus lowest favourable rate", NEAR_ZERO
    ),
    "equal_opportunity_difference": Words(
        "equal opportunity difference", "highest minus lowest true positive rate", NEAR_ZERO
    ),
    "equal_opportunity_ratio": Words(
        "equal opportunity ratio", "lowest true positive rate divided by the highest", NEAR_ONE
    ),
    "equalized_odds_difference": Words(
        "equalized odds difference", "worse of the differences in true and false positive rate", NEAR_ZERO
    ),
    "equalized_odds_ratio": Words(
        "equalized odds ratio", "worse of the ratios of true and false positive rates", NEAR_ONE
    ),
    "predictive_parity_difference": Words(
        "predictive parity difference", "highest minus lowest positive predictive value", NEAR_ZERO
    ),
    "predictive_parity_ratio": Words(
        "predictive parity ratio", "lowest positive predictive value divided by the highest", NEAR_ONE
    ),
    "base_rate_difference": Words(
        "base rate difference", "highest minus lowest base rate: a property of the rows, not of the model"
    ),
}

RATES = {
    "base_rate": Words("base rate", "share of rows with the positive event"),
    "selection_rate": Words("selection rate", "share of rows that are selected"),
    "favourable_rate": Words("favourable rate", "share of rows with the favourable decision"),
    "true_positive_rate": Words("true positive rate", "share of positive rows that are selected"),
    "false_positive_rate": Words("false positive rate", "share of negative rows that are selected"),
    "positive_predictive_value": Words("positive predictive value", "share of selected rows that are positive"),
    "accuracy": Words("accuracy", "share of decisions that are right"),
}

TRUTH = {
    "correlation": Words("correlation", "between score and true probability", HIGHER),
    "mean_absolute_error": Words("mean absolute error", "mean distance between score and true probability", LOWER),
    "mean_error": Words("mean error", "score minus true probability; above 0 the score flatters"),
}

ESTIMATORS = {
    "logistic_regression": "logistic regression",
    "random_forest": "random forest",
    "hist_gradient_boosting": "histogram gradient boosting",
    "lightgbm": "LightGBM gradient boosting",
}


def rates(favourable: str) -> dict[str, Words]:
    """Return the rates that documents show by group; the favourable rate only where it is not the selection rate."""
    return {name: word for name, word in RATES.items() if name != "favourable_rate" or favourable == "negative"}


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
