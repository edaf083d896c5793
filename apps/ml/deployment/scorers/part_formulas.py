"""Formulas of fitted parts: what `scores_of` and `outputs_of` compute, step by step, over an engine for trees."""

from collections.abc import Callable, Mapping
from math import log, log1p
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from apps.ml.deployment.scorers.array_formulas import array_formula
from apps.ml.deployment.scorers.formula import (
    Formula,
    Score,
    generic,
    lightgbm_probabilities,
    lightgbm_probability,
    mapped,
    probability,
    weighted_sum,
)
from apps.ml.models.outputs import log_odds, outputs_of, scale_of
from apps.ml.models.parts.additive_model import AdditiveModel
from apps.ml.models.parts.boosted_trees import BoostedTrees
from apps.ml.models.parts.calibrated import Calibrated, Isotonic, Sigmoid
from apps.ml.models.parts.constant import Constant
from apps.ml.models.parts.correlation_removed import CorrelationRemoved, removed
from apps.ml.models.parts.members import SURE, WeightedMembers
from apps.ml.models.parts.mixture import Mixture
from apps.ml.models.parts.part import Part
from apps.ml.models.parts.rescaled import Rescaled
from apps.ml.models.parts.stacking import Stacking
from apps.ml.models.parts.voting import Voting
from apps.ml.models.parts.xgboost_trees import XGBoostTrees
from apps.ml.models.scoring import LARGEST, scores_of, within_single_precision

Matrix = npt.NDArray[np.float64]


class TreeFormulas(Protocol):
    """Gives the formula of an estimator that is a sum of trees."""

    def sums(self, estimator: Any) -> Formula | None:
        """Return the formula of `outputs_of(estimator, X)`; None where the estimator is no sum of trees.

        Raises
        ------
        NotCompiledError
            The engine cannot compute these trees.
        """


def score_formula(estimator: Any, engine: TreeFormulas) -> Formula:
    """Return the formula of `scores_of(estimator, X)` for features within single precision."""
    of_kind = _SCORES.get(type(estimator))
    if of_kind is not None:
        return of_kind(estimator, engine)
    if isinstance(estimator, Part):
        return generic(lambda X: scores_of(estimator, X))
    output = output_formula(estimator, engine)
    return probability(output) if scale_of(estimator) == "log-odds" else output


def output_formula(estimator: Any, engine: TreeFormulas) -> Formula:
    """Return the formula of `outputs_of(estimator, X)` for features within single precision."""
    of_kind = _OUTPUTS.get(type(estimator))
    if of_kind is not None:
        return of_kind(estimator, engine)
    if not isinstance(estimator, Part):
        found = engine.sums(estimator) or array_formula(estimator)
        return found or generic(lambda X: outputs_of(estimator, X))
    return generic(lambda X: outputs_of(estimator, X))


def _trees(estimator: Any, engine: TreeFormulas) -> Formula:
    return engine.sums(estimator) or generic(lambda X: outputs_of(estimator, X))


def _lightgbm_score(estimator: BoostedTrees, engine: TreeFormulas) -> Formula:
    sums = _trees(estimator, engine)
    if estimator.contributions_output == "value":
        return sums
    return mapped(sums, lightgbm_probability, lightgbm_probabilities)


def _sum_score(estimator: Any, engine: TreeFormulas) -> Formula:
    """Of parts whose output is log-odds of label 1, or else the score itself."""
    output = output_formula(estimator, engine)
    return probability(output) if estimator.contributions_output == "log-odds" else output


def _calibrated_score(estimator: Calibrated, engine: TreeFormulas) -> Formula:
    output = _calibrated_output(estimator, engine)
    return probability(output) if isinstance(estimator.curve, Sigmoid) else output


def _calibrated_output(estimator: Calibrated, engine: TreeFormulas) -> Formula:
    curve, inner = estimator.curve, output_formula(estimator.inner, engine)
    if isinstance(curve, Sigmoid):
        return mapped(inner, curve.log_odds, curve.log_odds)  # type: ignore[arg-type]
    # An isotonic curve has no log-odds of its own; an ensemble takes its probabilities.
    return mapped(inner, _interpolation(curve), curve.probabilities)


def _interpolation(curve: Isotonic) -> Callable[[float], float]:
    outputs, values = np.array(curve.outputs), np.array(curve.values)
    return lambda number: float(np.interp(number, outputs, values))


def _members_output(estimator: WeightedMembers, engine: TreeFormulas) -> Formula:
    members = [_output_on(estimator.scale, member, engine) for member in estimator.members]
    return weighted_sum(float(estimator.intercept), members, estimator.weights)


def _output_on(scale: str, member: Any, engine: TreeFormulas) -> Formula:
    """As `parts.members.output_on`."""
    own, found = scale_of(member), output_formula(member, engine)
    if own == scale:
        return found
    if scale == "log-odds":
        return mapped(found, _log_odds, lambda P: log_odds(np.clip(P, SURE, 1.0 - SURE)))
    return probability(found)


def _log_odds(probability_of_one: float) -> float:
    kept = min(max(probability_of_one, SURE), 1.0 - SURE)
    return log(kept) - log1p(-kept)


def _rescaled(estimator: Rescaled, engine: TreeFormulas) -> Formula:
    def numbers(outputs: Any) -> Any:
        return estimator.shift + estimator.factor * outputs

    return mapped(output_formula(estimator.inner, engine), numbers, numbers)


def _mixture_score(estimator: Mixture, engine: TreeFormulas) -> Formula:
    members = [score_formula(member, engine) for member in estimator.members]
    total = weighted_sum(0.0, members, estimator.weights)
    return mapped(total, lambda number: min(number, 1.0), lambda numbers: np.minimum(numbers, 1.0))


def _constant(estimator: Constant, engine: TreeFormulas) -> Formula:  # noqa: ARG001 (holds no trees)
    value = float(estimator.value)
    return Formula(lambda _: lambda: value, estimator.score)


def _correlation_removed_score(estimator: CorrelationRemoved, engine: TreeFormulas) -> Formula:
    inner, shifts = score_formula(estimator.inner, engine), estimator.shifts
    unknown = len(shifts) - 1

    def bind(x: Matrix) -> Score:
        features, shifted = x[:-1], np.empty(len(x) - 1)
        score = inner.bind(shifted)

        def of_row() -> float:
            code = round(float(x[-1]))
            np.subtract(features, shifts[code if 0 <= code < unknown else unknown], out=shifted)
            np.maximum(shifted, -LARGEST, out=shifted)
            np.minimum(shifted, LARGEST, out=shifted)
            return score()

        return of_row

    def rows(X: Matrix) -> Matrix:
        codes = np.rint(X[:, -1]).astype(np.int64)
        return inner.rows(within_single_precision(removed(X[:, :-1], codes, shifts)))

    return Formula(bind, rows)


_OUTPUTS: Mapping[type, Callable[[Any, TreeFormulas], Formula]] = MappingProxyType(
    {
        AdditiveModel: _trees,
        BoostedTrees: _trees,
        Calibrated: _calibrated_output,
        Rescaled: _rescaled,
        Stacking: _members_output,
        Voting: _members_output,
        XGBoostTrees: _trees,
    }
)
"""Part → the formula of what `outputs_of` gives for it; other parts are asked themselves."""

_SCORES: Mapping[type, Callable[[Any, TreeFormulas], Formula]] = MappingProxyType(
    {
        AdditiveModel: _sum_score,
        BoostedTrees: _lightgbm_score,
        Calibrated: _calibrated_score,
        Constant: _constant,
        CorrelationRemoved: _correlation_removed_score,
        Mixture: _mixture_score,
        Rescaled: _rescaled,
        Stacking: _sum_score,
        Voting: _sum_score,
        XGBoostTrees: _sum_score,
    }
)
"""Part → the formula of what `scores_of` gives for it; other parts are asked themselves."""
