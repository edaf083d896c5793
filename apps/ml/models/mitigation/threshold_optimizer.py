"""fairlearn's ThresholdOptimizer: thresholds by group, mixed by chance, that make rates equal on validation rows.

fairlearn finds the thresholds from the scores of an ordinary fit; what is stored and served are their numbers
(:mod:`apps.ml.models.parts.threshold_mixture`).

References
----------
Hardt, Price, Srebro (2016), "Equality of Opportunity in Supervised Learning", NeurIPS, section 3.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.models.mitigation.facts import bits, facts_of
from apps.ml.models.mitigation.gaps import require_defined
from apps.ml.models.mitigation.reductions import fairlearn_warnings
from apps.ml.models.mitigation.request import Mitigated, MitigationRequest, Numbers
from apps.ml.models.parts.threshold_mixture import EVERYBODY, NOBODY, NUMBERS, ThresholdMixture
from apps.ml.parameters.mitigation import ThresholdOptimizerOptions

CONSTRAINTS = {
    "equalized_odds": "equalized_odds",
    "equal_opportunity": "true_positive_rate_parity",
    "demographic_parity": "demographic_parity",
}
"""Ours → fairlearn's name."""


def threshold_optimized(request: MitigationRequest) -> Mitigated:
    """Fit the estimator as it is, then thresholds by group on validation rows, the most accurate ones.

    People of unknown group, and of groups without validation rows, are decided at the threshold that the configured
    rule picks. The tolerance holds for one rate; fairlearn makes both rates of equalized odds as equal as its grid is
    fine.

    Raises
    ------
    DataError
        A group with validation rows has only one label among them.
    """
    options: ThresholdOptimizerOptions = request.options
    parameters, codes = request.parameters, request.validation_codes
    labels = bits(request.validation.labels)
    require_defined("equalized_odds", labels, codes, len(request.group.groups), "validation rows")
    fitted = request.fit(request.train, request.validation)
    scores = request.score(fitted.estimator, request.validation.X)
    common = max(request.threshold(labels, scores), float(np.finfo(np.float64).tiny))
    known = codes >= 0
    tolerance = None if parameters.constraint == "equalized_odds" else parameters.tolerance
    optimizer = optimized(
        parameters.constraint, scores[known], labels[known], codes[known], options.grid_size, tolerance
    )
    numbers, judged = exported_numbers(optimizer, len(request.group.groups))
    adjustment = ThresholdMixture(numbers, judged, common, request.seed)
    names = request.group.groups
    found: dict[str, Any] = {
        "fits": 1,
        "thresholds_by_group": {
            names[code]: dict(zip(NUMBERS, (float(number) for number in numbers[code]), strict=True))
            for code in np.flatnonzero(judged)
        },
        "common_threshold": common,
        "chosen_on": "validation",
        **facts_of(request, fitted.estimator, adjustment, common),
    }
    return Mitigated(fitted.estimator, fitted.rounds, fitted.converged, adjustment, common, found)


def optimized(
    constraint: str,
    scores: Numbers,
    labels: npt.NDArray[np.int8],
    codes: npt.NDArray[np.int64],
    grid_size: int,
    tolerance: float | None = None,
) -> Any:
    """Return fairlearn's ThresholdOptimizer, fitted on scores [n], labels [n] and the codes [n] of known groups."""
    from fairlearn.postprocessing import ThresholdOptimizer
    from sklearn.base import BaseEstimator

    class Scores(BaseEstimator):
        """A model that is fitted already, as fairlearn wants one: its only feature is its score."""

        def fit(self, X: Numbers, y: Any) -> "Scores":  # noqa: ARG002 (there is nothing to fit)
            return self

        def __sklearn_is_fitted__(self) -> bool:
            return True

        def predict(self, X: Numbers) -> Numbers:
            return np.asarray(X, dtype=np.float64)[:, 0]

    optimizer = ThresholdOptimizer(
        estimator=Scores(),
        constraints=CONSTRAINTS[constraint],
        objective="accuracy_score",
        grid_size=grid_size,
        prefit=True,
        predict_method="predict",
        tol=tolerance,
    )
    with fairlearn_warnings():
        return optimizer.fit(scores[:, None], labels.astype(np.int64), sensitive_features=codes)


def exported_numbers(optimizer: Any, groups: int) -> tuple[Numbers, npt.NDArray[np.bool_]]:
    """Return float64 [groups, 6] as :class:`ThresholdMixture` takes them, and bool [groups]: which groups have some."""
    numbers, judged = np.zeros((groups, len(NUMBERS))), np.zeros(groups, dtype=np.bool_)
    for code, found in optimizer.interpolated_thresholder_.interpolation_dict.items():
        limits = np.clip([found.operation0.threshold, found.operation1.threshold], EVERYBODY, NOBODY)
        ignored = (found.get("p_ignore", 0.0), found.get("prediction_constant", 0.0))
        numbers[int(code)] = (*ignored, found.p0, limits[0], found.p1, limits[1])
        judged[int(code)] = True
    return numbers, judged
