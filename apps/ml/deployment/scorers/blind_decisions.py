"""The moved score of one row under a blind adjustment: the steps of `parts.blind_adjustment`, on plain numbers.

Written once more because arrays of one row and two groups cost thirty times what their arithmetic does.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from apps.ml.deployment.scorers.formula import Formula, Score
from apps.ml.models.parts.blind_adjustment import BlindAdjustment

Matrix = npt.NDArray[np.float64]


def bound_moved_score(adjustment: BlindAdjustment, members: Sequence[Formula], x: Matrix) -> Callable[[float], float]:
    """Return the function from the score of the row that lies in `x` to what is compared with the threshold.

    Parameters
    ----------
    members
        Formulas of the adjustment's models of groups; they take the features and, last, the label.
    """
    labelled = np.empty(len(x) + 1)
    features, label = labelled[:-1], labelled[-1:]
    scores = [member.bind(labelled) for member in members]
    shares: list[list[float]] = adjustment.shares.tolist()
    terms = _terms(adjustment)

    def moved(score: float) -> float:
        np.copyto(features, x)
        label[0] = 0.0
        if_negative = _capped(_membership(scores), shares[0], adjustment.doubt)
        label[0] = 1.0
        if_positive = _capped(_membership(scores), shares[1], adjustment.doubt)
        return min(max(score - terms(score, if_negative, if_positive), 0.0), 1.0)

    return moved


def _membership(scores: Sequence[Score]) -> list[float]:
    """As `membership_of`, for one label."""
    found = [score() for score in scores]
    columns = [1.0 - found[0], found[0]] if len(found) == 1 else found
    total = sum(columns)
    return [column / total for column in columns] if total > 0.0 else columns


def _capped(membership: Sequence[float], shares: Sequence[float], doubt: float) -> list[float]:
    """As `capped`, for one label."""
    most = 1.0 - doubt
    lost = sum(max(one - most, 0.0) for one in membership)
    if not lost > 0.0:
        return list(membership)
    total = sum(share for one, share in zip(membership, shares, strict=True) if not one > most)
    return [
        most if one > most else one + lost * share / (total if total > 0.0 else 1.0)
        for one, share in zip(membership, shares, strict=True)
    ]


def _terms(adjustment: BlindAdjustment) -> Callable[[float, list[float], list[float]], float]:
    """Return the function that sums what `rate_terms` gives, by multiplier."""
    shares, multipliers = adjustment.shares, adjustment.multipliers.tolist()
    negatives, positives, both = shares[0].tolist(), shares[1].tolist(), shares.sum(axis=0).tolist()

    def parity(score: float, if_negative: list[float], if_positive: list[float]) -> float:
        rest = 1.0 - score
        rates = zip(if_negative, if_positive, both, multipliers[0], strict=True)
        return sum((score * one + rest * other) / share * multiplier for other, one, share, multiplier in rates)

    def rates(score: float, if_negative: list[float], if_positive: list[float]) -> float:
        rest = 1.0 - score
        total = sum(
            score * one / share * multiplier
            for one, share, multiplier in zip(if_positive, positives, multipliers[0], strict=True)
        )
        for one, share, multiplier in zip(if_negative, negatives, multipliers[-1], strict=True) if two else ():
            total += rest * one / share * multiplier
        return total

    two = len(multipliers) == 2
    return parity if adjustment.constraint == "demographic_parity" else rates
