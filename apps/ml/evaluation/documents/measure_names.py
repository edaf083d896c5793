"""Names and meanings of everything that is measured, the same in every document."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Words:
    """A measurement in words: its name, what it means, and which direction is good (None where neither is)."""

    name: str
    meaning: str
    better: str | None = None


HIGHER, LOWER, NEAR_ZERO, NEAR_ONE = "higher is better", "lower is better", "0 is parity", "1 is parity"


def _both(key: str, name: str, rate: str) -> dict[str, Words]:
    """Words for the difference and the ratio of one rate over the groups."""
    return {
        f"{key}_difference": Words(f"{name} difference", f"highest minus lowest {rate}", NEAR_ZERO),
        f"{key}_ratio": Words(f"{name} ratio", f"lowest {rate} divided by the highest", NEAR_ONE),
    }


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

COMPARISONS_OF_DECISIONS = {
    "demographic_parity_ratio": Words(
        "demographic parity ratio",
        "lowest favourable rate divided by the highest (four-fifths: at least 0.8)",
        NEAR_ONE,
    ),
    "demographic_parity_difference": Words(
        "demographic parity difference", "highest minus lowest favourable rate", NEAR_ZERO
    ),
}

COMPARISONS_OF_ERRORS = {
    **_both("equal_opportunity", "equal opportunity", "true positive rate"),
    **_both("predictive_equality", "predictive equality", "false positive rate"),
    "equalized_odds_difference": Words(
        "equalized odds difference", "worse of the differences in true and false positive rate", NEAR_ZERO
    ),
    "equalized_odds_ratio": Words(
        "equalized odds ratio", "worse of the ratios of true and false positive rates", NEAR_ONE
    ),
    "equalized_odds_mean_difference": Words(
        "mean equalized odds difference", "mean of the differences in true and false positive rate", NEAR_ZERO
    ),
    "equalized_odds_mean_ratio": Words(
        "mean equalized odds ratio", "mean of the ratios of true and false positive rates", NEAR_ONE
    ),
    "equalized_odds_sum_difference": Words(
        "summed equalized odds difference", "sum of the differences in true and false positive rate", NEAR_ZERO
    ),
    "equalized_odds_root_mean_square_difference": Words(
        "root mean square equalized odds difference",
        "root mean square of the differences in true and false positive rate",
        NEAR_ZERO,
    ),
    **_both("false_negative_rate", "false negative rate", "false negative rate"),
    **_both("treatment_equality", "treatment equality", "ratio of false negatives to false positives"),
    **_both("balanced_accuracy", "balanced accuracy", "mean of true positive and true negative rate"),
    **_both("accuracy", "accuracy", "share of right decisions"),
}

COMPARISONS_OF_PREDICTIONS = {
    **_both("predictive_parity", "predictive parity", "positive predictive value"),
    **_both("negative_predictive_parity", "negative predictive parity", "negative predictive value"),
    **_both("false_discovery_rate", "false discovery rate", "share of wrong among the selected"),
    **_both("false_omission_rate", "false omission rate", "share of wrong among those not selected"),
}

COMPARISONS_OF_SCORES = {
    "roc_auc_difference": Words("ROC AUC difference", "highest minus lowest ROC AUC within a group", NEAR_ZERO),
    "abroca": Words("ABROCA", "largest area between the ROC curves of two groups", NEAR_ZERO),
    "calibration_error_difference": Words(
        "calibration error difference", "highest minus lowest calibration error within a group", NEAR_ZERO
    ),
}

COMPARISONS_OF_ROWS = {
    "base_rate_difference": Words(
        "base rate difference", "highest minus lowest base rate: a property of the rows, not of the model"
    ),
}

COMPARISON_KINDS: Mapping[str, Mapping[str, Words]] = MappingProxyType(
    {
        "Decisions": COMPARISONS_OF_DECISIONS,
        "Errors": COMPARISONS_OF_ERRORS,
        "Predictions that come true": COMPARISONS_OF_PREDICTIONS,
        "Scores": COMPARISONS_OF_SCORES,
        "Rows": COMPARISONS_OF_ROWS,
    }
)
"""What is compared between groups → comparisons by name, in display order."""

COMPARISONS = {name: word for kind in COMPARISON_KINDS.values() for name, word in kind.items()}

MAIN_COMPARISONS = {
    name: COMPARISONS[name]
    for name in (
        *COMPARISONS_OF_DECISIONS,
        "equal_opportunity_difference",
        "predictive_equality_difference",
        "equalized_odds_difference",
        "accuracy_difference",
        "predictive_parity_difference",
        "negative_predictive_parity_difference",
        *COMPARISONS_OF_SCORES,
        *COMPARISONS_OF_ROWS,
    )
}
"""Comparisons that every document lists; the others are variants of them and are in the record."""

REFERENCE_COMPARISONS = {
    "statistical_parity_difference": Words(
        "statistical parity difference", "favourable rate minus that of the reference group", NEAR_ZERO
    ),
    "disparate_impact": Words(
        "disparate impact", "favourable rate divided by that of the reference group; may exceed 1", NEAR_ONE
    ),
    "average_odds_difference": Words(
        "average odds difference",
        "mean of the signed differences in true and false positive rate; opposite ones cancel",
        NEAR_ZERO,
    ),
    "equal_opportunity_difference": Words(
        "equal opportunity difference", "true positive rate minus that of the reference group", NEAR_ZERO
    ),
}
"""Signed comparisons of a group with the reference group."""

INDIVIDUAL = {
    "generalized_entropy": Words("generalized entropy", "inequality of benefits between persons", NEAR_ZERO),
    "generalized_entropy_between": Words("… between groups", "part of it that lies between the groups", NEAR_ZERO),
    "generalized_entropy_within": Words("… within groups", "part of it that lies within the groups", NEAR_ZERO),
    "theil_index": Words("Theil index", "inequality of benefits between persons, entropy of order 1", NEAR_ZERO),
    "consistency": Words("consistency", "agreement of a person's decision with those of the most alike", NEAR_ONE),
    "counterfactual_flip_rate": Words(
        "counterfactual flip rate", "share of decisions that change with the sensitive value alone", NEAR_ZERO
    ),
}
"""Measures of inequality between persons."""

CONDITIONAL = {
    "difference": Words(
        "conditional difference", "difference in favourable rates among persons with the same value", NEAR_ZERO
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
"""Rates that documents show by group."""

FURTHER_RATES = {
    "true_negative_rate": Words("true negative rate", "share of negative rows that are not selected"),
    "false_negative_rate": Words("false negative rate", "share of positive rows that are not selected"),
    "negative_predictive_value": Words("negative predictive value", "share of rows not selected that are negative"),
    "false_discovery_rate": Words("false discovery rate", "share of selected rows that are negative"),
    "false_omission_rate": Words("false omission rate", "share of rows not selected that are positive"),
}
"""Rates that are complements of others, kept in the record."""

GROUP_MEASURES = {
    "impact_ratio": Words("impact ratio", "favourable rate divided by the highest of the judged groups", NEAR_ONE),
    "balanced_accuracy": Words("balanced accuracy", "mean of the true positive and true negative rates", HIGHER),
    "treatment_ratio": Words("treatment ratio", "false negatives divided by false positives"),
    "roc_auc": Words("ROC AUC", "chance that a positive row scores above a negative one of the same group", HIGHER),
    "calibration_error": Words("calibration error", "mean distance between score and observed share", LOWER),
    "scoring_rate": Words("scoring rate", "share of rows with a score above the median of all rows"),
    "scoring_impact_ratio": Words("impact ratio of scoring rates", "scoring rate divided by the highest", NEAR_ONE),
}
"""Further measures of one group."""

TRUTH = {
    "correlation": Words("correlation", "between score and true probability", HIGHER),
    "mean_absolute_error": Words("mean absolute error", "mean distance between score and true probability", LOWER),
    "mean_error": Words("mean error", "score minus true probability; above 0 the score flatters"),
}

WORDS: Mapping[str, Words] = MappingProxyType(
    {**GROUP_MEASURES, **PERFORMANCE, **INDIVIDUAL, **COMPARISONS, **FURTHER_RATES, **RATES}
)
"""Every measure of performance and fairness by its name in the record."""


def rates(favourable: str) -> dict[str, Words]:
    """Return the rates that documents show by group; the favourable rate only where it is not the selection rate."""
    return {name: word for name, word in RATES.items() if name != "favourable_rate" or favourable == "negative"}
