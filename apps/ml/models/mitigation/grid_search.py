"""fairlearn's GridSearch: one model for each point of a grid of multipliers; validation rows pick one of them.

For a label of two classes the multipliers price differences of rates between groups; for a numeric label (the
constraint bounded_group_loss) they weigh the groups' errors. The chosen model decides alone: no draw, no group at
decision time.

References
----------
Agarwal, Beygelzimer, Dudík, Langford, Wallach (2018), "A Reductions Approach to Fair Classification", ICML,
section 3.4.
Agarwal, Dudík, Wu (2019), "Fair Regression: Quantitative Definitions and Reduction-Based Algorithms", ICML, section 4
(bounded group loss).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from apps.ml.data.processed import CLASSIFICATION
from apps.ml.errors import DataError
from apps.ml.models.fitting import Fitted
from apps.ml.models.mitigation.facts import bits, facts_of
from apps.ml.models.mitigation.gaps import gap, largest_error, require_defined
from apps.ml.models.mitigation.multiplier_grid import signed_grid, simplex_grid
from apps.ml.models.mitigation.reductions import (
    Relabelled,
    exported,
    fairlearn_warnings,
    group_numbers,
    parity_moment,
    row_numbers,
)
from apps.ml.models.mitigation.request import Codes, Mitigated, MitigationRequest
from apps.ml.parameters.mitigation import GridSearchOptions


@dataclass(frozen=True)
class Candidate:
    """A model of the grid: its multipliers by name, and its loss and gap on validation rows.

    For two classes `loss` is the share of wrong decisions and `gap` the constraint's; for a numeric label the mean
    absolute error of all rows and the largest one of a group. `threshold`: None for a numeric label.
    """

    fitted: Fitted
    multipliers: dict[str, float]
    loss: float
    gap: float
    threshold: float | None = None


def grid_searched(request: MitigationRequest) -> Mitigated:
    """Fit a model at each point of the grid; of those within the tolerance on validation rows, keep the best.

    The configured threshold rule is applied to each model. Where no model is within the tolerance, the one with the
    smallest gap is kept and `within_tolerance` is false.

    Raises
    ------
    DataError
        The constraint is undefined among the training or the validation rows, or no validation row has a known group.
    ParameterError
        The grid is too small for the number of groups.
    """
    classifies = request.task == CLASSIFICATION
    candidates, fits = _classifiers(request) if classifies else _regressors(request)
    tolerance = request.parameters.tolerance
    chosen = best_candidate(candidates, tolerance)
    best = candidates[chosen]
    found: dict[str, Any] = {
        "fits": fits,
        "models": [
            {"multipliers": one.multipliers, "validation_loss": one.loss, "validation_gap": one.gap}
            for one in candidates
        ],
        "chosen": chosen,
        "chosen_on": "validation",
        "within_tolerance": bool(best.gap <= tolerance),
        **facts_of(request, best.fitted.estimator, threshold=best.threshold),
    }
    fitted = best.fitted
    return Mitigated(fitted.estimator, fitted.rounds, fitted.converged, threshold=best.threshold, found=found)


def best_candidate(candidates: Sequence[Candidate], tolerance: float) -> int:
    """Return the position of the smallest loss among gaps within the tolerance, else of the smallest gap.

    Equals are settled by the other number, then by the order of the grid.
    """
    positions = range(len(candidates))
    within = [place for place in positions if candidates[place].gap <= tolerance]
    if within:
        return min(within, key=lambda place: (candidates[place].loss, candidates[place].gap))
    return min(positions, key=lambda place: (candidates[place].gap, candidates[place].loss))


def _classifiers(request: MitigationRequest) -> tuple[list[Candidate], int]:
    import pandas as pd
    from fairlearn.reductions import GridSearch

    options: GridSearchOptions = request.options
    constraint, groups = request.parameters.constraint, len(request.group.groups)
    labels, watched = bits(request.train.labels), bits(request.validation.labels)
    require_defined(constraint, labels, request.train_codes, groups, "training rows")
    require_defined(constraint, watched, request.validation_codes, groups, "validation rows")
    moment, estimator = parity_moment(request, request.parameters.tolerance / 2), Relabelled(request)
    y = labels.astype(np.int64)
    with fairlearn_warnings():
        basis = parity_moment(request, request.parameters.tolerance / 2)
        basis.load_data(row_numbers(request), y, sensitive_features=group_numbers(request))
        points = signed_grid(basis.pos_basis.shape[1], options.grid_size, options.grid_limit).T
        above, below = pd.DataFrame(np.maximum(points, 0.0)), pd.DataFrame(np.maximum(-points, 0.0))
        grid = basis.pos_basis.dot(above) + basis.neg_basis.dot(below)
        search = GridSearch(estimator, moment, grid=grid)
        search.fit(row_numbers(request), y, sensitive_features=group_numbers(request))
    found = []
    for place, predictor in enumerate(search.predictors_):
        fitted = exported(predictor, request)
        scores = request.score(fitted.estimator, request.validation.X)
        threshold = request.threshold(watched, scores)
        decisions = (scores >= threshold).astype(np.int8)
        apart = gap(constraint, watched, decisions, request.validation_codes, groups)
        multipliers = _named(grid[place], request)
        loss = float(np.mean(decisions != watched))
        found.append(Candidate(fitted, multipliers, loss, float("inf") if apart is None else apart, threshold))
    return found, estimator.fits


def _named(multipliers: Any, request: MitigationRequest) -> dict[str, float]:
    """Signed multipliers that are not 0, by event and group name."""
    found: dict[str, float] = {}
    for (sign, event, code), value in multipliers.items():
        if value:
            found[f"{event}, {request.group.groups[code]}"] = float(value if sign == "+" else -value)
    return found


def _regressors(request: MitigationRequest) -> tuple[list[Candidate], int]:
    import pandas as pd
    from fairlearn.reductions import AbsoluteLoss, BoundedGroupLoss, GridSearch

    options: GridSearchOptions = request.options
    y = np.asarray(request.train.labels, dtype=np.float64)
    _require_known(request.validation_codes)
    codes, groups = request.train_codes, len(request.group.groups)
    present = np.unique(codes)
    known = present[present >= 0]
    unknown = float(np.mean(codes < 0))
    shares = simplex_grid(len(known), options.grid_size) * (1.0 - unknown)
    plain = np.array([np.mean(codes == code) for code in known])
    points = np.vstack([plain, shares[~np.isclose(shares, plain).all(axis=1)]])
    weights = points if len(known) == len(present) else np.column_stack([np.full(len(points), unknown), points])
    grid = pd.DataFrame(weights.T, index=pd.Index(present))
    estimator = Relabelled(request)
    with fairlearn_warnings():
        search = GridSearch(estimator, BoundedGroupLoss(AbsoluteLoss(float(y.min()), float(y.max()))), grid=grid)
        search.fit(row_numbers(request), y, sensitive_features=codes)
    watched = np.asarray(request.validation.labels, dtype=np.float64)
    found = []
    for predictor, point in zip(search.predictors_, points, strict=True):
        fitted = exported(predictor, request)
        predicted = request.score(fitted.estimator, request.validation.X)
        largest = largest_error(watched, predicted, request.validation_codes, groups)
        names = {request.group.groups[code]: float(share) for code, share in zip(known, point, strict=True)}
        loss = float(np.mean(np.abs(predicted - watched)))
        found.append(Candidate(fitted, names, loss, float("inf") if largest is None else largest))
    return found, estimator.fits


def _require_known(codes: Codes) -> None:
    if not (codes >= 0).any():
        raise DataError(
            f"0 of the {len(codes)} validation rows have a known group, so no error of a group can be measured. Choose "
            "another attribute under model_training.mitigation, or give `validation` a larger share."
        )
