"""Directions in which a score may move, from input columns to encoded features."""

from collections.abc import Mapping, Sequence

from apps.ml.errors import ParameterError
from apps.ml.parameters import Direction
from apps.ml.validation_errors import nearest_name

STEPS: Mapping[Direction, int] = {"increasing": 1, "decreasing": -1}


def monotone_directions(monotone: Mapping[str, Direction], feature_sources: Sequence[str]) -> tuple[int, ...]:
    """Return per encoded feature 1, 0 or -1; empty where no column has a direction.

    Parameters
    ----------
    monotone
        Input column → direction of the score when the column's value rises.
    feature_sources : k names
        Input column of each encoded feature.

    Raises
    ------
    ParameterError
        A column gives no encoded feature, or several of which none stands for the value itself.
    """
    if not monotone:
        return ()
    for column in monotone:
        count = sum(source == column for source in feature_sources)
        if not count:
            hint = nearest_name(column, list(feature_sources))
            raise ParameterError(
                f"model_training.monotone names '{column}', which is no input column of the model{hint} "
                "Name a column that enters the model."
            )
        if count > 1:
            raise ParameterError(
                f"model_training.monotone: '{column}' is encoded as {count} features, so no single one carries its "
                "value. Encode it as one (`ordinal`, no bins, no missing_indicator), or leave it out."
            )
    return tuple(STEPS[monotone[source]] if source in monotone else 0 for source in feature_sources)
