"""A fit whose result is looked at: an estimator that answers with no numbers is an error and no model."""

from collections.abc import Callable
from typing import Any

import numpy as np

from apps.ml.data.processed import CLASSIFICATION
from apps.ml.errors import ParameterError
from apps.ml.models.fitting import Fit, Fitted
from apps.ml.models.outputs import outputs_of
from apps.ml.models.scoring import within_single_precision


def checked(name: str, fit: Callable[[Any, Fit], Fitted]) -> Callable[[Any, Fit], Fitted]:
    """Return the fit of the estimator `name` followed by a look at what it says of the validation rows.

    The fit raises a :class:`ParameterError` where an output, or for a numeric label the square of an error, is no
    finite number.
    """

    def fit_and_look(options: Any, request: Fit) -> Fitted:
        fitted = fit(options, request)
        wrong = _without_number(fitted.estimator, request)
        if wrong:
            rate = getattr(options, "learning_rate", None)
            key, repair = f"model_training.estimators.{name}", "Scale the numeric features and keep columns that vary"
            if rate is not None:
                key, repair = f"{key}.learning_rate {rate:g}", "Choose a smaller rate"
            raise ParameterError(
                f"{key}: {wrong} of {len(request.validation)} scores of validation rows are no numbers. {repair}, or "
                "choose another estimator."
            )
        return fitted

    return fit_and_look


def _without_number(estimator: Any, request: Fit) -> int:
    rows = request.validation
    if not len(rows):
        return 0
    with np.errstate(all="ignore"):
        found = outputs_of(estimator, within_single_precision(rows.X))
        if request.task != CLASSIFICATION:
            found = (found - rows.labels) ** 2
    return int(np.sum(~np.isfinite(found)))
