"""Bins of predictions and the errors in each: whether predictions are right on average wherever they lie."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Of the errors within a bin."""

LEAST_ROWS = 20
"""Rows of a bin at least: a quantile at .1 then has two rows below it and is nobody's own error."""


def errors_by_prediction(labels: Numbers, predictions: Numbers, bins: int, confidence: float) -> list[dict[str, Any]]:
    """Return mean errors in bins of equally many rows by prediction, lowest predictions first.

    Parameters
    ----------
    labels, predictions : float64 [n]
    bins : int, at least 1
        Fewer where rows or distinct predictions are too few; equal predictions share a bin.
    confidence : float in (0, 1)

    Returns
    -------
    list of dict
        `mean_prediction`, `mean_label`, `mean_error` with `lower` and `upper` (Student's t, each for itself),
        `quantiles` of the errors at :data:`QUANTILES`, `n`. Empty for fewer than :data:`LEAST_ROWS` rows.
    """
    order = np.argsort(predictions, kind="stable")
    wanted = min(bins, len(predictions) // LEAST_ROWS)
    if wanted < 1:
        return []
    ends = np.searchsorted(predictions[order], _upper_ends(predictions[order], wanted), side="right")
    starts = np.concatenate([[0], ends[:-1]])
    parts = [order[start:end] for start, end in zip(starts, ends, strict=True) if end - start >= LEAST_ROWS]
    return [_bin(labels[rows], predictions[rows], confidence) for rows in parts]


def _upper_ends(ascending: Numbers, bins: int) -> Numbers:
    places = (np.arange(1, bins + 1) * len(ascending)) // bins - 1
    return np.unique(ascending[places])


def _bin(labels: Numbers, predictions: Numbers, confidence: float) -> dict[str, Any]:
    from scipy.stats import t

    errors, n = predictions - labels, len(labels)
    mean = float(errors.mean())
    half = float(t.ppf(0.5 + confidence / 2, n - 1)) * float(errors.std(ddof=1)) / math.sqrt(n)
    return {
        "mean_prediction": float(predictions.mean()),
        "mean_label": float(labels.mean()),
        "mean_error": mean,
        "lower": mean - half,
        "upper": mean + half,
        "quantiles": [float(value) for value in np.quantile(errors, QUANTILES)],
        "n": n,
    }


def round_edges(values: Numbers, steps: int, tail: float = 0.005) -> Numbers:
    """Return evenly spaced, readable edges around all values but those in the tails, at most about `steps` bins.

    The width is 1, 2, 2.5 or 5 times a power of ten and edges are multiples of it: none is taken from a row.

    Parameters
    ----------
    values : float64 [n], n > 0
    steps : int, at least 1
    tail : share left out at each end
    """
    low, high = (float(value) for value in np.quantile(values, [tail, 1 - tail]))
    width = _readable((high - low) / steps if high > low else max(abs(low), 1.0) / steps)
    first, last = math.floor(low / width), max(math.ceil(high / width), math.floor(low / width) + 1)
    return np.arange(first, last + 1, dtype=np.float64) * width


def counted(values: Numbers, edges: Numbers) -> npt.NDArray[np.int64]:
    """Return int64 [n], the bin of each value; what lies beyond the edges is in the first or last bin."""
    place = np.searchsorted(edges, values, side="right") - 1
    return np.clip(place, 0, len(edges) - 2).astype(np.int64)


def _readable(width: float) -> float:
    power = 10.0 ** math.floor(math.log10(width))
    return next((step * power for step in (1.0, 2.0, 2.5, 5.0) if step * power >= width * (1 - 1e-9)), 10 * power)
