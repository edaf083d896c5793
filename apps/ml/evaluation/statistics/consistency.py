"""Consistency: whether rows that are alike are decided alike.

Definition
----------
1 − mean over rows of |decision − mean decision of its k nearest neighbours|; 1 where everybody is decided like their
neighbours. A row is not its own neighbour, other rows with the same features are. Features are scaled to standard
deviation 1, and distance is Euclidean. Of rows at the same distance at the edge of a neighbourhood each counts in part,
so that the result does not depend on the order of rows.

References
----------
Zemel, Wu, Swersky, Pitassi and Dwork (2013), Learning fair representations, ICML, section 4.3 (yNN).
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from apps.ml.errors import DataError
from apps.ml.evaluation.statistics.counting.checked_columns import binary_values, require_equal_lengths
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.shares.intervals import wilson

Numbers = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]

SAME_DISTANCE = 1e-7
"""Distances that differ by less than this part of them are the same distance."""

BEYOND = 8
"""Points fetched beyond the neighbourhood, to find those at the distance of its edge."""


class _Points(NamedTuple):
    """Distinct rows of features: float64 [p, k], rows and positive decisions at each, and the point of every row."""

    X: Numbers
    rows: Numbers
    chosen: Numbers
    of_row: Positions


def consistency(
    X: Numbers, decisions: npt.ArrayLike, neighbours: int, rows: int, seed: int, confidence: float
) -> Measurement:
    """Measure how alike rows with near features are decided; 1 is best.

    Parameters
    ----------
    X : float64 [n, k], numeric features without the sensitive ones; scaled here
    decisions : array-like [n] of 0 and 1
    neighbours : int, at least 1
    rows : int
        Rows for which neighbours are looked up, drawn without replacement; neighbours are looked for among all rows.
        0 means that consistency is not wanted.
    seed : int, of the drawn rows
    confidence : float in (0, 1)

    Returns
    -------
    Measurement
        `n` is the number of rows drawn; the interval is that of their mean. Undefined where there are no more rows than
        neighbours, no features, or no rows to be drawn.

    Raises
    ------
    DataError
        Lengths differ, decisions other than 0 and 1, or features that are missing or infinite.
    """
    d = binary_values(decisions, "decisions")
    features = _checked_features(X)
    require_equal_lengths({"features": len(features), "decisions": len(d)})
    reason = _why_undefined(features, neighbours, rows)
    if reason:
        return undefined(reason, n=len(d))
    drawn = np.sort(np.random.default_rng(seed).permutation(len(d))[:rows])
    points = _distinct_points(_scaled(features), d)
    means = _neighbour_means(points, drawn, d, neighbours)
    agreement = 1 - np.abs(d[drawn] - means)
    return _mean_share(agreement, confidence)


def _why_undefined(features: Numbers, neighbours: int, rows: int) -> str | None:
    if rows == 0:
        return "no rows were to be drawn"
    if not features.shape[1]:
        return "there are no features in which rows could be alike"
    if len(features) <= neighbours:
        return f"{len(features)} rows do not have {neighbours} neighbours each"
    return None


def _checked_features(X: npt.NDArray[Any]) -> Numbers:
    features = np.asarray(X, dtype=np.float64)
    if features.ndim != 2:
        raise DataError(f"features: expected rows and columns, got {features.ndim} dimensions. Hand in a table.")
    broken = int(np.count_nonzero(~np.isfinite(features).all(axis=1)))
    if broken:
        raise DataError(
            f"features: {broken} of {len(features)} rows hold missing or infinite numbers. Impute them first."
        )
    return features


def _scaled(features: Numbers) -> Numbers:
    """Centre and divide by the standard deviation; constant columns become 0."""
    deviation = features.std(axis=0)
    centred = features - features.mean(axis=0)
    varied = deviation > 1e-12 * np.abs(features).max(axis=0)
    # Rounded, so that sums in another order of rows give the same points.
    scaled: Numbers = np.round(np.divide(centred, deviation, out=np.zeros_like(centred), where=varied), 9) + 0.0
    return scaled


def _distinct_points(features: Numbers, decisions: npt.NDArray[np.int8]) -> _Points:
    X, of_row = np.unique(features, axis=0, return_inverse=True)
    of_row = of_row.reshape(-1).astype(np.int64)
    rows = np.bincount(of_row, minlength=len(X)).astype(np.float64)
    chosen = np.bincount(of_row, weights=decisions, minlength=len(X)).astype(np.float64)
    return _Points(X, rows, chosen, of_row)


def _neighbour_means(points: _Points, drawn: Positions, decisions: npt.NDArray[np.int8], neighbours: int) -> Numbers:
    """Mean decision of the neighbours of each drawn row, float64 [m]."""
    from sklearn.neighbors import NearestNeighbors

    asked, place = np.unique(points.of_row[drawn], return_inverse=True)
    fetched = min(len(points.X), neighbours + 1 + BEYOND)
    search = NearestNeighbors(n_neighbors=fetched).fit(points.X)
    near = search.kneighbors(points.X[asked], return_distance=False)
    distances, near = _sorted_by_distance(points.X, asked, near)
    distances, near = distances[place.reshape(-1)], near[place.reshape(-1)]
    itself = near == points.of_row[drawn][:, None]
    rows = points.rows[near] - itself.astype(np.float64)
    chosen = points.chosen[near] - itself * decisions[drawn][:, None]
    return _mean_of_nearest(distances, rows, chosen, neighbours)


def _sorted_by_distance(X: Numbers, asked: Positions, near: Positions) -> tuple[Numbers, Positions]:
    """Measure distances anew, difference by difference, because the search may use products that cancel."""
    distances = np.stack([np.sqrt(((X[one] - X[row]) ** 2).sum(axis=1)) for row, one in zip(asked, near, strict=True)])
    order = np.argsort(distances, axis=1, kind="stable")
    return np.take_along_axis(distances, order, axis=1), np.take_along_axis(near, order, axis=1)


def _mean_of_nearest(distances: Numbers, rows: Numbers, chosen: Numbers, neighbours: int) -> Numbers:
    """Mean decision of the nearest `neighbours` rows among points [m, f] in ascending order of distance.

    All points at the distance of the edge of the neighbourhood share the places that are left.
    """
    reached = np.argmax(np.cumsum(rows, axis=1) >= neighbours, axis=1)
    edge = np.take_along_axis(distances, reached[:, None], axis=1)
    inside = distances < edge * (1 - SAME_DISTANCE)
    at_edge = ~inside & (distances <= edge * (1 + SAME_DISTANCE))
    taken, sum_inside = (rows * inside).sum(axis=1), (chosen * inside).sum(axis=1)
    share_at_edge = (chosen * at_edge).sum(axis=1) / (rows * at_edge).sum(axis=1)
    means: Numbers = (sum_inside + (neighbours - taken) * share_at_edge) / neighbours
    return means


def _mean_share(values: Numbers, confidence: float) -> Measurement:
    """Bound the mean of values within [0, 1] by Wilson's interval for as many 0s and 1s as would vary as much."""
    n, value = len(values), float(values.mean())
    spread = float(values.var(ddof=1)) if n > 1 else 0.0
    rows = n * max(1.0, value * (1 - value) / spread) if spread > 0 and 0 < value < 1 else float(n)
    bounds = wilson(value * rows, rows, confidence)
    return Measurement(
        value,
        n,
        min(float(bounds.lower), value),
        max(float(bounds.upper), value),
        confidence,
        "Wilson score interval over the drawn rows, effective number of rows from their variance",
    )
