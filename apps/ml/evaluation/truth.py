"""Checks against the truth, where a data set knows it: held-out columns of true probabilities or true numbers.

A generator can tell the probability with which the positive event was going to happen, or the number that was to be
expected, or that would be fair. It is kept out of the features and compared with the score here, so that the evidence
itself can be checked. A held-out column counts as the truth if its name starts with `true_` (a number also with
`fair_`) and all its values are numbers, between 0 and 1 where they are compared with probabilities.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.numbers.errors import mean_error
from apps.ml.evaluation.statistics.scores.losses import mean_loss

PREFIX = "true_"
FAIR = "fair_"

Numbers = npt.NDArray[np.float64]


def true_probabilities(held_out: pd.DataFrame) -> dict[str, Numbers]:
    """Return the held-out columns that are true probabilities of the positive event, as float64 [n]."""
    named = [str(column) for column in held_out.columns if str(column).startswith(PREFIX)]
    values = {name: pd.to_numeric(held_out[name], errors="coerce").to_numpy(dtype=np.float64) for name in named}
    return {name: numbers for name, numbers in values.items() if ((numbers >= 0) & (numbers <= 1)).all()}


def true_numbers(held_out: pd.DataFrame) -> dict[str, Numbers]:
    """Return the held-out columns that are true numbers, finite in every row, as float64 [n]."""
    named = [str(column) for column in held_out.columns if str(column).startswith((PREFIX, FAIR))]
    values = {name: pd.to_numeric(held_out[name], errors="coerce").to_numpy(dtype=np.float64) for name in named}
    return {name: numbers for name, numbers in values.items() if np.isfinite(numbers).all()}


def check_against_truth(
    held_out: pd.DataFrame, scores: Numbers, groups: pd.DataFrame, confidence: float
) -> dict[str, dict[str, Any]]:
    """Compare scores with each true probability, over all rows and by group.

    Parameters
    ----------
    held_out : data frame [n, …]
    scores : float64 [n], probability of the positive event
    groups : data frame [n, attributes] of group names
    confidence : float in (0, 1)

    Returns
    -------
    dict
        Column → `correlation`, `mean_absolute_error` and `mean_error` (score minus truth: above 0, the score flatters)
        over all rows, then `groups`: attribute → group → the two errors. Empty where no truth is known.
    """
    return {
        name: _checked(truth, np.asarray(scores, dtype=np.float64), groups, confidence)
        for name, truth in true_probabilities(held_out).items()
    }


def check_numbers_against_truth(
    held_out: pd.DataFrame, predictions: Numbers, groups: pd.DataFrame, confidence: float
) -> dict[str, dict[str, Any]]:
    """Compare predicted numbers with each true one; parameters and result as for :func:`check_against_truth`."""
    return {
        name: _checked(truth, np.asarray(predictions, dtype=np.float64), groups, confidence, highest=math.inf)
        for name, truth in true_numbers(held_out).items()
    }


def correlation(one: Numbers, other: Numbers, confidence: float) -> Measurement:
    """Measure Pearson's correlation with Fisher's z interval; undefined for constants and fewer than four rows.

    References
    ----------
    Fisher (1921), On the "probable error" of a coefficient of correlation deduced from a small sample, Metron 1.
    """
    n = len(one)
    if n < 4:
        return undefined("a correlation with an interval needs at least four rows", n=n)
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return undefined("the correlation with a constant does not exist", n=n)
    from scipy.special import ndtri

    value = float(np.corrcoef(one, other)[0, 1])
    z = math.atanh(min(max(value, -1 + 1e-12), 1 - 1e-12))
    half = float(ndtri(0.5 + confidence / 2)) / math.sqrt(n - 3)
    return Measurement(value, n, math.tanh(z - half), math.tanh(z + half), confidence, "Fisher's z")


def _checked(
    truth: Numbers, scores: Numbers, groups: pd.DataFrame, confidence: float, highest: float = 1.0
) -> dict[str, Any]:
    errors = scores - truth
    by_attribute = {
        str(attribute): _by_group(errors, groups[attribute].to_numpy(), confidence, highest)
        for attribute in groups.columns
    }
    overall = {"correlation": correlation(scores, truth, confidence).to_dict(), **_errors(errors, confidence, highest)}
    return {**overall, "groups": by_attribute}


def _by_group(errors: Numbers, members: Any, confidence: float, highest: float) -> dict[str, Any]:
    names = sorted({str(name) for name in members})
    return {name: _errors(errors[members == name], confidence, highest) for name in names}


def _errors(errors: Numbers, confidence: float, highest: float) -> dict[str, Any]:
    return {
        "mean_absolute_error": mean_loss(np.abs(errors), confidence, highest=highest).to_dict(),
        "mean_error": mean_error(errors, confidence).to_dict(),
    }
