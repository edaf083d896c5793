"""Many verdicts at once: p-values by Holm's step-down, and the confidence each of several intervals needs.

Neither asks how the members of the family depend on one another: rates of one group, of crossed attributes and of
several metrics share rows in ways that nobody has to know.

References
----------
Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6.
Dunn (1961), Multiple comparisons among means, JASA 56 (Bonferroni for intervals).
"""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float], level: float) -> list[bool]:
    """Say which hypotheses are rejected, such that any true one is rejected with probability at most `level`.

    Parameters
    ----------
    p_values : sequence of float in [0, 1]
    level : float in (0, 1), of the whole family

    Returns
    -------
    list[bool]
        In the order of `p_values`. For two p-values .02 and .04 at level .05 both are rejected; Bonferroni would keep
        the second.

    Raises
    ------
    ValueError
        A p-value is not a number in [0, 1]; what is undefined takes no part in a family.
    """
    return [adjusted <= level for adjusted in holm_adjusted(p_values)]


def holm_adjusted(p_values: Sequence[float]) -> list[float]:
    """Return the smallest family-wise level at which Holm's procedure rejects each hypothesis; in [0, 1].

    Parameters, order and errors as for :func:`holm`.
    """
    values = np.asarray(p_values, dtype=np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("p-values are numbers from 0 to 1; leave out what is undefined")
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in adjusted]


def simultaneous_confidence(confidence: float, family: int) -> float:
    """Return the confidence each of `family` intervals needs so that all hold together at `confidence`.

    Parameters
    ----------
    confidence : float in (0, 1)
    family : int, at least 1

    Raises
    ------
    ValueError
        The family is empty.
    """
    if family < 1:
        raise ValueError("a family has at least one member")
    return 1 - (1 - confidence) / family
