"""Directions in which a score may move, from input columns to encoded features."""

from collections.abc import Mapping, Sequence

from apps.ml.errors import ParameterError
from apps.ml.features.specification import TIMES
from apps.ml.parameters import Direction
from apps.ml.validation_errors import nearest_name

STEPS: Mapping[Direction, int] = {"increasing": 1, "decreasing": -1}


def monotone_directions(
    monotone: Mapping[str, Direction], feature_sources: Sequence[str], feature_names: Sequence[str] = ()
) -> tuple[int, ...]:
    """Return per encoded feature 1, 0 or -1; empty where no column has a direction.

    The value of an ordinal encoding is the number of the category, that of a target encoding the mean label of the
    category among training rows.

    Parameters
    ----------
    monotone
        Input column → direction of the score when the column's value rises.
    feature_sources : k names
        Input column of each encoded feature, `a × b` for a product of two.
    feature_names : k names
        Names of the encoded features, that of the column where one stands for its value; empty: each does.

    Raises
    ------
    ParameterError
        A column gives no encoded feature, several, one that is not its value, or is also multiplied with another one.
    """
    for column in monotone:
        _require_one_feature(column, feature_sources, feature_names or feature_sources)
    if not monotone:
        return ()
    return tuple(STEPS[monotone[source]] if source in monotone else 0 for source in feature_sources)


def _require_one_feature(column: str, sources: Sequence[str], names: Sequence[str]) -> None:
    found = [name for source, name in zip(sources, names, strict=True) if source == column]
    if not found:
        raise ParameterError(
            f"model_training.monotone names '{column}', which is no input column of the model"
            f"{nearest_name(column, list(sources))}. Name a column that enters the model."
        )
    if len(found) > 1:
        raise ParameterError(
            f"model_training.monotone: '{column}' is encoded as {len(found)} features, so no single one carries its "
            "value. Encode it as one (`ordinal`, no bins, no missing_indicator), or leave it out."
        )
    if found[0] != column:
        raise ParameterError(
            f"model_training.monotone: '{column}' is encoded as '{found[0]}', which is not its value. Encode it as one "
            "number (`ordinal`, no bins), or leave it out."
        )
    products = [source for source in sources if source != column and column in source.split(TIMES)]
    if products:
        raise ParameterError(
            f"model_training.monotone: '{column}' is also multiplied with another column in '{products[0]}', and the "
            "product may turn the direction. Remove the pair from feature_engineering.interactions, or leave the "
            "column out."
        )
