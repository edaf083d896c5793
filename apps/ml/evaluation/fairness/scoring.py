"""Scoring rates: the share of a group whose score is strictly above the median score of everybody.

A score table knows steps and not scores, so the rows above the median are counted apart, by the same groups.

References
----------
6 RCNY 5-300 (scoring rate; persons of unknown category enter the median).
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.evaluation.statistics.counting.joint_counts import JointCounts, count_jointly


def median_score(scores: npt.NDArray[np.float64]) -> float:
    """Return the lower median: the smallest score that at least half of the rows do not exceed.

    The rows above it are exactly the rows above the ordinary median, which for an even number of rows lies between two
    scores.

    Parameters
    ----------
    scores : float64 [n], n > 0
    """
    middle = (len(scores) - 1) // 2
    return float(np.partition(scores, middle)[middle])


def count_above_median(
    scores: npt.NDArray[np.float64], groups: pd.DataFrame, weights: npt.ArrayLike | None = None
) -> JointCounts:
    """Count rows by group and by whether their score is strictly above the median score of all rows.

    Parameters
    ----------
    scores : float64 [n]
    groups : DataFrame [n, attributes]
    weights : array-like [n] or None
        Weigh the shares; the median is that of rows counted alike.

    Returns
    -------
    JointCounts
        Decision 1 is a score above the median; without labels.
    """
    above = scores > median_score(scores) if len(scores) else np.zeros(0, dtype=np.bool_)
    return count_jointly(above, groups, weights=weights)
