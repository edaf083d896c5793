"""Correlation removal: features freed of what they tell linearly of the group, then the configured estimator.

fairlearn's CorrelationRemover on encoded features with the group as one-hot columns, the unknown group one of them.
The least-squares fit of features on one-hot columns is the mean of each group, so what is taken from a row's features
is how far its group's means lie from those of all rows; a test holds it against fairlearn's.

References
----------
fairlearn 0.15, `fairlearn.preprocessing.CorrelationRemover`. Weerts et al. (2023), "Fairlearn: Assessing and Improving
Fairness of AI Systems", JMLR 24.
"""

from dataclasses import replace

import numpy as np

from apps.ml.models.mitigation.facts import facts_of
from apps.ml.models.mitigation.request import Codes, Mitigated, MitigationRequest, Numbers
from apps.ml.models.parts.correlation_removed import CorrelationRemoved, removed
from apps.ml.parameters.mitigation import CorrelationRemoverOptions


def correlation_removed(request: MitigationRequest) -> Mitigated:
    """Fit the estimator on features less their group's shift; its decisions need the group."""
    options: CorrelationRemoverOptions = request.options
    shifts = group_shifts(request.train.X, request.train_codes, len(request.group.groups), options.alpha)
    train = replace(request.train, X=removed(request.train.X, request.train_codes, shifts))
    watched = replace(request.validation, X=removed(request.validation.X, request.validation_codes, shifts))
    fitted = request.fit(train, watched)
    part = CorrelationRemoved(fitted.estimator, shifts)
    largest = {
        name: float(np.max(np.abs(row))) for name, row in zip((*request.group.groups, "unknown"), shifts, strict=True)
    }
    found = {"fits": 1, "alpha": options.alpha, "largest_shift_by_group": largest, **facts_of(request, part)}
    return Mitigated(part, fitted.rounds, fitted.converged, found=found)


def group_shifts(X: Numbers, codes: Codes, groups: int, alpha: float = 1.0) -> Numbers:
    """Return float64 [groups + 1, k]: alpha times the mean of each group less that of all rows; the last: unknown.

    A group without rows is not shifted.

    Parameters
    ----------
    X : float64 [n, k]
    codes : int64 [n], -1: unknown
    alpha
        1 removes the whole linear part, 0 nothing.

    Examples
    --------
    One feature, 1 and 3 in group 0, 5 and 7 in group 1: the mean is 4, the shifts are -2 and 2, and 3 and 5 remain in
    both groups.
    """
    overall, shifts = X.mean(axis=0), np.zeros((groups + 1, X.shape[1]))
    for place, code in enumerate((*range(groups), -1)):
        if (codes == code).any():
            shifts[place] = alpha * (X[codes == code].mean(axis=0) - overall)
    return shifts
