"""Names and meanings of everything that is measured of predicted numbers, the same in every document."""

from collections.abc import Mapping
from types import MappingProxyType

from apps.ml.evaluation.documents.measure_names import HIGHER, LOWER, NEAR_ZERO, Words

ZERO_IS_BEST = "0 is best"

NUMBER_PERFORMANCE = {
    "mean_absolute_error": Words("mean absolute error", "mean distance between prediction and label", LOWER),
    "root_mean_squared_error": Words(
        "root mean squared error", "the same, large distances counting more; in the same unit", LOWER
    ),
    "mean_squared_error": Words("mean squared error", "mean squared distance, in the unit squared", LOWER),
    "median_absolute_error": Words("median absolute error", "half of the predictions are nearer to the label", LOWER),
    "r_squared": Words(
        "R²", "share of the labels' variance that is explained; 0 is what one number for everybody reaches", HIGHER
    ),
    "mean_error": Words("mean error", "prediction minus label; above 0 predictions are too high", ZERO_IS_BEST),
    "calibration_slope": Words(
        "calibration slope", "rise of the label with the prediction; below 1 predictions differ too much", "1 is best"
    ),
    "prediction_deviation": Words("spread of predictions", "standard deviation of the predictions"),
    "label_deviation": Words("spread of labels", "standard deviation of the labels"),
}

WITHOUT_UNIT = frozenset({"r_squared", "calibration_slope", "kolmogorov_smirnov_distance", "fidelity", "correlation"})
"""Measures that are plain numbers; the others are in the label's unit, or its square."""

COMPARISONS_OF_NUMBERS = {
    "mean_prediction_difference": Words(
        "difference of mean predictions", "highest minus lowest mean prediction of a group", NEAR_ZERO
    ),
    "kolmogorov_smirnov_distance": Words(
        "distance of distributions",
        "largest difference of the shares of two groups that are predicted at most some number (Kolmogorov-Smirnov)",
        NEAR_ZERO,
    ),
    "wasserstein_distance": Words(
        "transport distance",
        "how far predictions would have to move so that both groups had the same ones (Wasserstein)",
        NEAR_ZERO,
    ),
}

COMPARISONS_OF_NUMBER_ERRORS = {
    "mean_error_difference": Words(
        "difference of mean errors", "highest minus lowest mean error: who is predicted too high or too low", NEAR_ZERO
    ),
    "mean_absolute_error_difference": Words(
        "difference of mean absolute errors", "highest minus lowest mean absolute error", NEAR_ZERO
    ),
    "mean_squared_error_difference": Words(
        "difference of mean squared errors", "highest minus lowest mean squared error", NEAR_ZERO
    ),
    "largest_group_loss": Words(
        "largest group loss", "mean absolute error of the group that is served worst (bounded group loss)", LOWER
    ),
}

COMPARISONS_OF_NUMBER_ROWS = {
    "mean_label_difference": Words(
        "difference of mean labels", "highest minus lowest mean label: a property of the rows, not of the model"
    ),
}

NUMBER_COMPARISON_KINDS: Mapping[str, Mapping[str, Words]] = MappingProxyType(
    {
        "Predictions": COMPARISONS_OF_NUMBERS,
        "Errors": COMPARISONS_OF_NUMBER_ERRORS,
        "Rows": COMPARISONS_OF_NUMBER_ROWS,
    }
)
"""What is compared between groups → comparisons by name, in display order."""

NUMBER_COMPARISONS = {name: word for kind in NUMBER_COMPARISON_KINDS.values() for name, word in kind.items()}

NUMBER_GROUPS = {
    "mean_label": Words("mean label", "mean of what was observed"),
    "mean_prediction": Words("mean prediction", "mean of what was predicted"),
    "mean_error": Words("mean error", "prediction minus label; above 0 predictions are too high", ZERO_IS_BEST),
    "mean_absolute_error": Words("mean absolute error", "mean distance between prediction and label", LOWER),
    "mean_squared_error": Words("mean squared error", "mean squared distance, in the unit squared", LOWER),
    "r_squared": Words("R²", "share of the variance within the group that is explained", HIGHER),
}
"""Measures of one group."""

NUMBER_REFERENCE = {
    "mean_prediction_difference": Words("mean prediction", "minus that of the reference group", NEAR_ZERO),
    "mean_error_difference": Words("mean error", "minus that of the reference group", NEAR_ZERO),
    "mean_absolute_error_difference": Words("mean absolute error", "minus that of the reference group", NEAR_ZERO),
}
"""Signed comparisons of a group with the reference group."""

NUMBER_INDIVIDUAL = {
    "counterfactual_change": Words(
        "counterfactual change", "mean change of the prediction with the sensitive value alone", NEAR_ZERO
    ),
}

NUMBER_TRUTH = {
    "correlation": Words("correlation", "between prediction and true number", HIGHER),
    "mean_absolute_error": Words("mean absolute error", "mean distance between prediction and true number", LOWER),
    "mean_error": Words("mean error", "prediction minus true number; above 0 predictions are too high", ZERO_IS_BEST),
}

NUMBER_WORDS: Mapping[str, Words] = MappingProxyType(
    {**NUMBER_GROUPS, **NUMBER_PERFORMANCE, **NUMBER_INDIVIDUAL, **NUMBER_COMPARISONS}
)
"""Every measure of predicted numbers by its name in the record."""


def favourable_words(favourable: str) -> str:
    """Say which numbers are good for a person, and so which errors are not."""
    if favourable == "positive":
        return "A high number is good for the person, so a mean error below 0 is to the disadvantage of a group"
    return "A low number is good for the person, so a mean error above 0 is to the disadvantage of a group"
