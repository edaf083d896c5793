"""Decisions from scores: the bundle's threshold, and what an adjustment puts between them."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from apps.ml.deployment.scorers.blind_decisions import bound_moved_score
from apps.ml.deployment.scorers.part_formulas import TreeFormulas, score_formula
from apps.ml.models.bundle import Answers, ModelBundle
from apps.ml.models.parts.blind_adjustment import BlindAdjustment
from apps.ml.models.parts.group_thresholds import GroupThresholds

Matrix = npt.NDArray[np.float64]
Decide = Callable[[float], int | None]
BindDecision = Callable[[Matrix], Decide]
"""Takes float64 [k], the encoded features with the group's code behind them where decisions need one; returns the
function from the score of the row that then lies there to its decision, None where nothing is decided."""


def decision_rule(bundle: ModelBundle, engine: TreeFormulas) -> BindDecision:
    """Return what decides for single rows; trees inside of an adjustment are computed by `engine`.

    Raises
    ------
    NotCompiledError
        The engine cannot compute these trees.
    """
    adjustment, threshold = bundle.adjustment, bundle.info.threshold
    if threshold is None:
        return lambda _: lambda _: None
    if adjustment is None:
        return lambda _: lambda score: 1 if score >= threshold else 0
    if isinstance(adjustment, GroupThresholds):
        return lambda x: _by_group(adjustment, threshold, x)
    if isinstance(adjustment, BlindAdjustment):
        members = [score_formula(member, engine) for member in adjustment.members]
        return lambda x: _above(threshold, bound_moved_score(adjustment, members, x))
    return lambda x: _above(threshold, _moved_as_matrix(bundle, x))


def answers_of(bundle: ModelBundle, scores: Matrix, X: Matrix) -> Answers:
    """Return scores [n] of encoded rows [n, k] with their decisions."""
    if bundle.info.threshold is None:
        return Answers(scores, None)
    moved = scores if bundle.adjustment is None else bundle.adjustment.decision_scores(scores, X)
    return Answers(scores, bundle.decide(moved))


def _by_group(adjustment: GroupThresholds, common: float, x: Matrix) -> Decide:
    """A moved score reaches the common threshold exactly where the score reaches the group's own."""
    own = {float(code): float(threshold) for code, threshold in enumerate(adjustment.thresholds)}
    place = len(x) - 1
    return lambda score: 1 if score >= own.get(float(x[place]), common) else 0


def _above(threshold: float, moved: Callable[[float], float]) -> Decide:
    return lambda score: 1 if moved(score) >= threshold else 0


def _moved_as_matrix(bundle: ModelBundle, x: Matrix) -> Callable[[float], float]:
    """Return the adjustment itself: the row is a matrix of one."""
    adjustment, row = bundle.adjustment, x[None, :]
    if adjustment is None:
        return lambda score: score
    return lambda score: float(adjustment.decision_scores(np.array([score]), row)[0])
