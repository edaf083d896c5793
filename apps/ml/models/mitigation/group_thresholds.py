"""Group thresholds: one threshold per group, the best ones whose rates differ by no more than the tolerance.

Nothing is left to chance, so groups are made equal by choosing where to cut and not by drawing lots; the search is
exact (:mod:`apps.ml.models.mitigation.threshold_search`). Decisions need the person's group.

References
----------
Hardt, Price, Srebro (2016), "Equality of Opportunity in Supervised Learning", NeurIPS, section 3, which mixes
thresholds by chance where this does not.
"""

from typing import Any

import numpy as np

from apps.ml.models.mitigation.aims import aims_of
from apps.ml.models.mitigation.cross_fitting import HeldOut, cross_fit
from apps.ml.models.mitigation.facts import facts_of
from apps.ml.models.mitigation.held_out_facts import held_out_facts
from apps.ml.models.mitigation.request import Mitigated, MitigationRequest, Numbers
from apps.ml.models.mitigation.threshold_search import best_cuts, cuts_of
from apps.ml.models.mitigation.worth import Worth, worth_at
from apps.ml.models.parts.group_thresholds import GroupThresholds
from apps.ml.parameters.mitigation import GroupThresholdsOptions


def group_thresholded(request: MitigationRequest) -> Mitigated:
    """Fit the estimator as it is, then choose a threshold per group on rows that their model had not seen.

    People of unknown group, and of groups without such rows, are decided at the threshold that the configured rule
    picks over validation rows; it also says what a decision is worth (:mod:`apps.ml.models.mitigation.worth`).

    Raises
    ------
    DataError
        A group has too few rows of a label for the tolerance.
    """
    options: GroupThresholdsOptions = request.options
    fitted = request.fit(request.train, request.validation)
    crossed = cross_fit(request, fitted, options.folds)
    rows = crossed.rows
    known = rows.only(rows.codes >= 0)
    aims = aims_of(request, known.labels, known.codes)
    common = common_threshold(request, crossed.validation)
    adjustment = GroupThresholds(
        chosen_thresholds(request, known, worth_at(common, rows.weights), aims, common), common
    )
    decisions = adjustment.decision_scores(rows.scores, rows.codes[:, None].astype(np.float64)) >= common
    names = request.group.groups
    found: dict[str, Any] = {
        "fits": 1 + options.folds,
        "thresholds_by_group": {names[code]: float(adjustment.thresholds[code]) for code in np.unique(known.codes)},
        "common_threshold": common,
        "chosen_on": "held_out",
        "aims": list(aims),
        "held_out": held_out_facts(request, rows, rows.scores >= common, decisions),
        **facts_of(request, fitted.estimator, adjustment, common),
    }
    return Mitigated(fitted.estimator, fitted.rounds, fitted.converged, adjustment, common, found)


def common_threshold(request: MitigationRequest, validation: HeldOut) -> float:
    """Return the threshold that the configured rule picks over validation rows, above 0 so that there is a below."""
    return max(request.threshold(validation.labels, validation.scores), float(np.finfo(np.float64).tiny))


def chosen_thresholds(
    request: MitigationRequest, known: HeldOut, worth: Worth, aims: tuple[float, ...], common: float
) -> Numbers:
    """Return float64 [groups]: the best thresholds within the aims, the common one for a group without rows."""
    thresholds = np.full(len(request.group.groups), common)
    present = np.unique(known.codes)
    cuts = []
    for code in present:
        own = known.only(known.codes == code)
        cuts.append(cuts_of(request.parameters.constraint, own.labels, own.scores, worth))
    for code, cut, place in zip(present, cuts, best_cuts(cuts, aims), strict=True):
        thresholds[code] = cut.thresholds[place]
    return thresholds
