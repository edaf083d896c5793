"""Fair boosting: LightGBM whose rounds pay for gaps between groups (:mod:`apps.ml.models.mitigation.fair_objective`).

What comes out are boosted trees like any others: they need no group, draw no lots, and explain their scores exactly.

Gaps on the rows that trees were fitted to are narrower than on other people. So the tolerance of the objective is
lowered, and then its multipliers quickened, until the gap on rows that their model had not seen is within the
configured tolerance. Of the models within it, the best one is kept.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.errors import DataError, ParameterError
from apps.ml.models.fitting import Fitted, Report, Rows
from apps.ml.models.folds import rows_at
from apps.ml.models.mitigation.cross_fitting import CrossFit, cross_fit
from apps.ml.models.mitigation.facts import facts_of
from apps.ml.models.mitigation.fair_objective import FairObjective, Pressure
from apps.ml.models.mitigation.gaps import gap, require_defined
from apps.ml.models.mitigation.held_out_facts import held_out_facts
from apps.ml.models.mitigation.request import Mitigated, MitigationRequest, Numbers
from apps.ml.models.mitigation.worth import worth_at
from apps.ml.models.outputs import log_odds
from apps.ml.models.parts.boosted_trees import BoostedTrees
from apps.ml.parameters.mitigation import FairBoostingOptions

SCHEDULE = ((1.0, 1.0), (0.5, 1.0), (0.25, 1.0), (0.0, 1.0), (0.0, 2.0), (0.0, 4.0))
"""(part of the tolerance, part of the step) of the objective, in the order in which they are tried."""

KEPT_PARAMETERS = (
    *("learning_rate", "num_leaves", "max_depth", "min_data_in_leaf", "min_sum_hessian_in_leaf", "bagging_fraction"),
    *("bagging_freq", "feature_fraction", "lambda_l1", "lambda_l2", "seed", "monotone_constraints", "max_bin"),
)
OBJECTIVE = "objective=binary sigmoid:1"
HEAD_BEFORE_OBJECTIVE = "\nfeature_names="


def fair_boosted(request: MitigationRequest) -> Mitigated:
    """Fit LightGBM as it is for its number of rounds, then with multipliers, until held-out rows are within tolerance.

    Raises
    ------
    DataError
        Groups cannot be compared, or no model of the schedule is within the tolerance on held-out rows.
    ParameterError
        The configured calibration stands between trees and scores.
    """
    options: FairBoostingOptions = request.options
    plain = request.fit(request.train, request.validation)
    _require_trees(plain)
    before = cross_fit(request, plain, options.folds)
    labels, codes = before.rows.labels, before.rows.codes
    require_defined(request.parameters.constraint, labels, codes, len(request.group.groups), "held-out rows")
    tried = _search(request, plain, before)
    chosen = _best_within_tolerance(request, before, tried)
    found: dict[str, Any] = {
        "fits": (1 + options.folds) * (1 + len(tried)),
        "chosen_on": "held_out",
        "tried": [one.facts for one in tried],
        "multipliers": chosen.multipliers.tolist(),
        "held_out": held_out_facts(request, before.rows, _decisions(request, before), chosen.decisions),
        **facts_of(request, chosen.fitted.estimator),
    }
    return Mitigated(chosen.fitted.estimator, chosen.fitted.rounds, found=found)


@dataclass(frozen=True)
class _Tried:
    fitted: Fitted
    pressure: Pressure
    multipliers: Numbers
    decisions: npt.NDArray[np.bool_]
    gap: float

    @property
    def facts(self) -> dict[str, float]:
        return {"tolerance": self.pressure.tolerance, "multiplier_step": self.pressure.step, "gap": self.gap}


def _search(request: MitigationRequest, plain: Fitted, before: CrossFit) -> list[_Tried]:
    """Walk down the schedule to the first that is within the tolerance, then try half-way back to the one before."""
    tried: list[_Tried] = []
    for place, (part, quickness) in enumerate(SCHEDULE):
        tried.append(_tried(request, plain, _pressure(request, before, part, quickness)))
        if tried[-1].gap <= request.parameters.tolerance:
            if place:
                between = np.mean(SCHEDULE[place - 1 : place + 1], axis=0)
                tried.append(_tried(request, plain, _pressure(request, before, *map(float, between))))
            break
    return tried


def _best_within_tolerance(request: MitigationRequest, before: CrossFit, tried: list[_Tried]) -> _Tried:
    rows, tolerance = before.rows, request.parameters.tolerance
    within = [one for one in tried if one.gap <= tolerance]
    if not within:
        raise DataError(
            f"model_training.mitigation.method fair_boosting: of {len(tried)} models none has a gap within "
            f"{tolerance:g} on {len(rows)} held-out rows; the least is {min(one.gap for one in tried):.4f}. Raise "
            "model_training.mitigation.tolerance or options.fair_boosting.multiplier_step."
        )
    threshold = request.threshold(before.validation.labels, before.validation.scores)
    worth = worth_at(threshold, rows.weights)
    return max(within, key=lambda one: worth.of(rows.labels, one.decisions))


def _require_trees(plain: Fitted) -> None:
    if not isinstance(plain.estimator, BoostedTrees):
        raise ParameterError(
            "model_training.calibration.method: fair_boosting fits trees that give probabilities of their own, and the "
            "gaps it closes are those of their scores. Choose `as_needed` or `none`."
        )


def _pressure(request: MitigationRequest, before: CrossFit, part: float, quickness: float) -> Pressure:
    options: FairBoostingOptions = request.options
    threshold = request.threshold(before.validation.labels, before.validation.scores)
    return Pressure(
        tolerance=request.parameters.tolerance * part,
        step=options.multiplier_step * quickness,
        smoothness=options.smoothness,
        cut=float(log_odds(np.array([threshold]))[0]),
    )


def _tried(request: MitigationRequest, plain: Fitted, pressure: Pressure) -> _Tried:
    """Fit under a pressure to all training rows and to those of each fold, and decide about held-out rows."""
    multipliers = []

    def fit_at(positions: npt.NDArray[np.intp]) -> Fitted:
        rows, codes = rows_at(request.train, positions), request.train_codes[positions]
        constraint = request.parameters.constraint
        objective = FairObjective(rows, codes, len(request.group.groups), constraint, pressure)
        trees = boosted(plain.estimator, rows, objective, request.report)
        multipliers.append(objective.multipliers)
        return Fitted(trees, trees.rounds)

    fitted = fit_at(np.arange(len(request.train)))
    crossed = cross_fit(request, fitted, request.options.folds, fit_at)
    decisions, rows = _decisions(request, crossed), crossed.rows
    reached = gap(
        request.parameters.constraint, rows.labels, decisions.astype(np.int8), rows.codes, len(request.group.groups)
    )
    return _Tried(fitted, pressure, multipliers[0], decisions, float("inf") if reached is None else reached)


def _decisions(request: MitigationRequest, crossed: CrossFit) -> npt.NDArray[np.bool_]:
    """Decide at the threshold that the configured rule picks over validation rows."""
    threshold = request.threshold(crossed.validation.labels, crossed.validation.scores)
    return np.asarray(crossed.rows.scores >= threshold)


def boosted(like: BoostedTrees, rows: Rows, objective: FairObjective, report: Report) -> BoostedTrees:
    """Grow trees with the parameters and as many rounds as `like` has.

    The log-odds that boosting starts from are added to the first tree's leaves, and the text names LightGBM's own
    binary objective: what is stored gives probabilities and explains them without anything of ours. LightGBM copies an
    objective that is an object, but not a function.
    """
    import lightgbm

    own = lightgbm.Booster(model_str=like.text).params
    parameters = {
        **{name: own[name] for name in KEPT_PARAMETERS if own.get(name) not in (None, "", [])},
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
        "objective": lambda log_odds, data: objective(log_odds, data),
    }
    base = objective.base
    data = lightgbm.Dataset(rows.X, rows.labels, init_score=np.full(len(rows), base), params={"verbosity": -1})

    def tell(environment: Any) -> None:
        report(environment.iteration + 1, environment.end_iteration, None)

    booster = lightgbm.train(parameters, data, like.rounds, callbacks=[tell])
    for leaf in range(booster.dump_model(num_iteration=1)["tree_info"][0]["num_leaves"]):
        booster.set_leaf_output(0, leaf, booster.get_leaf_output(0, leaf) + base)
    text = booster.model_to_string(num_iteration=like.rounds)
    return BoostedTrees(text.replace(HEAD_BEFORE_OBJECTIVE, f"\n{OBJECTIVE}{HEAD_BEFORE_OBJECTIVE}", 1))
