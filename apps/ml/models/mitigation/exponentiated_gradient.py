"""fairlearn's ExponentiatedGradient: several models and the shares with which they decide, so that groups are alike.

Decisions are drawn among the models. The draw is made from the row itself (:mod:`apps.ml.models.parts.draws`).

References
----------
Agarwal, Beygelzimer, Dudík, Langford, Wallach (2018), "A Reductions Approach to Fair Classification", ICML,
algorithm 1.
"""

from typing import Any

import numpy as np

from apps.ml.models.fitting import Fitted
from apps.ml.models.mitigation.facts import bits, facts_of
from apps.ml.models.mitigation.gaps import require_defined
from apps.ml.models.mitigation.reductions import (
    Relabelled,
    exported,
    fairlearn_warnings,
    group_numbers,
    parity_moment,
    row_numbers,
)
from apps.ml.models.mitigation.request import Mitigated, MitigationRequest
from apps.ml.models.parts.mixture import DrawnMember, Mixture
from apps.ml.parameters.mitigation import ExponentiatedGradientOptions

SMALLEST_WEIGHT = 1e-9
"""Members that are drawn more rarely are what linear programming leaves of a zero."""


def exponentiated_gradient(request: MitigationRequest) -> Mitigated:
    """Fit models until their mixture is as accurate as groups within `eps` of the rate of all rows allow.

    Two groups can be apart by twice that, so `eps` 0 stands for half the tolerance. The models decide at one half when
    they are weighed against each other; the configured threshold rule is then applied to the drawn members' scores.

    Raises
    ------
    DataError
        The constraint is undefined among the training rows.
    """
    options: ExponentiatedGradientOptions = request.options
    parameters, groups = request.parameters, len(request.group.groups)
    require_defined(parameters.constraint, bits(request.train.labels), request.train_codes, groups, "training rows")
    eps = options.eps or parameters.tolerance / 2
    reduction, estimator = _reduced(request, eps, options.max_iter)
    members = _members(reduction, request)
    mixture = Mixture([fitted.estimator for fitted, _ in members], np.array([weight for _, weight in members]))
    adjustment = DrawnMember(request.seed, mixture)
    found: dict[str, Any] = {
        "fits": estimator.fits,
        "eps": eps,
        "iterations": int(reduction.last_iter_) + 1,
        "duality_gap": float(reduction.best_gap_),
        "members": [{"weight": weight, "rounds": fitted.rounds} for fitted, weight in members],
        "chosen_on": "train",
        **facts_of(request, mixture, adjustment),
    }
    converged = all(fitted.converged for fitted, _ in members)
    return Mitigated(mixture, None, converged, adjustment, found=found)


def _reduced(request: MitigationRequest, eps: float, max_iter: int) -> tuple[Any, Relabelled]:
    from fairlearn.reductions import ExponentiatedGradient

    estimator, moment = Relabelled(request), parity_moment(request, eps)
    reduction = ExponentiatedGradient(
        estimator, moment, objective=moment.default_objective(), eps=eps, max_iter=max_iter
    )
    with fairlearn_warnings():
        labels = bits(request.train.labels).astype(np.int64)
        reduction.fit(row_numbers(request), labels, sensitive_features=group_numbers(request))
    return reduction, estimator


def _members(reduction: Any, request: MitigationRequest) -> list[tuple[Fitted, float]]:
    """Models that are drawn at all, with their shares."""
    drawn = [(int(place), float(weight)) for place, weight in reduction.weights_.items() if weight > SMALLEST_WEIGHT]
    total = sum(weight for _, weight in drawn)
    return [(exported(reduction.predictors_[place], request), weight / total) for place, weight in drawn]
