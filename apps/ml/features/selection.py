"""Which encoded features are kept, decided on the training rows alone."""

import numpy as np
import numpy.typing as npt

from apps.ml.errors import DataError

Numbers = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int8] | npt.NDArray[np.float64]
NOISE_SEED = 0
"""Seed of the tiny noise by which scikit-learn's estimate of mutual information separates equal values."""


def selected_features(method: str, keep: int, matrix: Numbers, labels: Labels | None) -> tuple[int, ...]:
    """Return the positions of the features to keep, ascending.

    Parameters
    ----------
    method
        `none` keeps all; `variance` drops features that are constant on the training rows; `mutual_information` keeps
        the `keep` features that tell most about the labels, earlier ones first where they tell equally much.
    matrix : float64 [n, k]
        Encoded training rows.
    labels : int8 [n] of 0 and 1, float64 [n] of numbers, or None
        Needed by `mutual_information`.

    Raises
    ------
    DataError
        No feature varies, or labels are needed and missing.
    """
    if method == "none":
        return tuple(range(matrix.shape[1]))
    if method == "variance":
        return _varying(matrix)
    if labels is None:
        raise DataError("selection by mutual information looks at the labels, and none were given. Pass them to fit.")
    told = mutual_information(matrix, labels)
    best = sorted(range(matrix.shape[1]), key=lambda position: (-told[position], position))[:keep]
    return tuple(sorted(best))


def mutual_information(matrix: Numbers, labels: Labels) -> Numbers:
    """Return [k] estimates, in nats, of what each feature tells about the labels.

    Features of at most two values are counted, others are estimated from nearest neighbours.

    References
    ----------
    Ross (2014), Mutual information between discrete and continuous data sets, PLoS ONE 9(2).
    """
    from sklearn.feature_selection import mutual_info_classif, mutual_info_regression

    counted = np.array([len(np.unique(column)) <= 2 for column in matrix.T], dtype=bool)
    as_counts = np.where(counted, matrix == matrix[:1], matrix)
    estimate = mutual_info_classif if labels.dtype.kind == "i" else mutual_info_regression
    told: Numbers = estimate(as_counts, labels, discrete_features=counted, random_state=NOISE_SEED)
    return told


def _varying(matrix: Numbers) -> tuple[int, ...]:
    varying = np.flatnonzero((matrix != matrix[:1]).any(axis=0))
    if len(varying) == 0:
        raise DataError(
            "every encoded feature is constant on the training rows. Choose selection 'none' or other columns."
        )
    return tuple(int(position) for position in varying)
