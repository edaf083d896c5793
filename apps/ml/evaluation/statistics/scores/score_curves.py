"""Curves over all thresholds, by group, from a score table: JSON-ready points for plots and for people.

A row is decided positive where its score is at least the threshold; thresholds are borders of steps, so the rates at
them are exact. Rates that are shares of no rows are None. Every curve has at most `points` points, its two ends among
them; the same table gives the same points.

References
----------
Fawcett (2006), An introduction to ROC analysis, Pattern Recognition Letters 27. Davis and Goadrich (2006), The
relationship between precision-recall and ROC curves, ICML.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.counting.score_table import ScoreTable

Numbers = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


def threshold_curve(table: ScoreTable, points: int) -> dict[str, list[dict[str, float | None]]]:
    """Return selection, true positive and false positive rate over thresholds evenly spaced from 0 to 1.

    Parameters
    ----------
    table : ScoreTable
    points : int, at least 2

    Returns
    -------
    dict[str, list[dict]]
        By group `threshold`, `selection_rate`, `true_positive_rate`, `false_positive_rate`, by ascending threshold.
        At the threshold 1 nobody is selected: a score of exactly 1 lies in the last step, below it.
    """
    borders = _spread(table.bins + 1, points)
    selected = _selected(table)
    return {
        name: _records(
            threshold=borders / table.bins,
            selection_rate=_rates(one.sum(axis=0))[borders],
            true_positive_rate=_rates(one[1])[borders],
            false_positive_rate=_rates(one[0])[borders],
        )
        for name, one in zip(table.groups, selected, strict=True)
    }


def roc_curve_points(table: ScoreTable, points: int) -> dict[str, list[dict[str, float | None]]]:
    """Return the ROC curve of every group, from (0, 0) to (1, 1), its points spread evenly along the curve.

    Returns
    -------
    dict[str, list[dict]]
        By group `false_positive_rate`, `true_positive_rate`, `threshold`, by falling threshold. One of the rates is
        None at every point where a group lacks a class.
    """
    curves = {}
    for name, one in zip(table.groups, _selected(table), strict=True):
        hits, alarms = _rates(one[1]), _rates(one[0])
        length = np.nan_to_num(hits) + np.nan_to_num(alarms)
        borders = _corners(length, points)
        curves[name] = _records(
            false_positive_rate=alarms[borders], true_positive_rate=hits[borders], threshold=borders / table.bins
        )
    return curves


def precision_recall_points(table: ScoreTable, points: int) -> dict[str, list[dict[str, float | None]]]:
    """Return precision and recall of every group at thresholds that select somebody, spread evenly over selected rows.

    Returns
    -------
    dict[str, list[dict]]
        By group `recall`, `precision`, `threshold`, by falling threshold; empty for a group without rows, recall None
        for a group without positives.
    """
    curves = {}
    for name, one in zip(table.groups, _selected(table), strict=True):
        chosen = one.sum(axis=0)
        somebody = np.flatnonzero(chosen > 0)
        borders = _corners(chosen[somebody].astype(np.float64), points) if len(somebody) else somebody
        recall = _rates(one[1]) if one[1, 0] else np.full(len(chosen), np.nan)
        curves[name] = _records(
            recall=recall[borders], precision=one[1, borders] / chosen[borders], threshold=borders / table.bins
        )
    return curves


def score_histogram(table: ScoreTable, bins: int) -> dict[str, list[int]]:
    """Return the numbers of rows of every group in `bins` parts of [0, 1] of equal width, as far as steps allow.

    Steps are not divided: part i holds the steps that begin within it, so parts are of equal width exactly where
    `bins` divides the number of steps.
    """
    part = np.arange(table.bins) * bins // table.bins
    rows = table.rows.sum(axis=1)
    return {
        name: np.bincount(part, weights=one, minlength=bins).astype(np.int64).tolist()
        for name, one in zip(table.groups, rows, strict=True)
    }


def _selected(table: ScoreTable) -> Whole:
    """Rows at or above every border of steps, int64 [g, 2, b + 1]."""
    above = np.cumsum(table.rows[:, :, ::-1], axis=2)[:, :, ::-1]
    nobody = np.zeros((*above.shape[:2], 1), dtype=np.int64)
    return np.concatenate([above, nobody], axis=2)


def _rates(selected: Whole) -> Numbers:
    """Shares of the rows at the lowest border, float64 [b + 1]; NaN without rows."""
    empty = np.full(len(selected), np.nan)
    return np.divide(selected, selected[0], out=empty, where=selected[0] > 0)


def _spread(available: int, points: int) -> Whole:
    """Return at most `points` whole numbers from 0 to available − 1, evenly spaced, both ends among them."""
    return np.unique(np.rint(np.linspace(0, available - 1, min(points, available))).astype(np.int64))


def _corners(length: Numbers, points: int) -> Whole:
    """Choose positions, last to first, at which the falling `length` is nearest to evenly spaced values."""
    rising = length[::-1]
    distinct = np.flatnonzero(np.diff(rising, prepend=-1.0) > 0)
    if len(distinct) > points:
        wanted = np.linspace(rising[0], rising[-1], points)
        distinct = distinct[np.unique(_nearest(rising[distinct], wanted))]
    corners: Whole = len(length) - 1 - distinct
    return corners


def _nearest(ascending: Numbers, wanted: Numbers) -> Whole:
    right = np.clip(np.searchsorted(ascending, wanted), 1, len(ascending) - 1)
    left = right - 1
    return np.where(wanted - ascending[left] <= ascending[right] - wanted, left, right).astype(np.int64)


def _records(**columns: npt.NDArray[Any]) -> list[dict[str, float | None]]:
    lists = [[None if np.isnan(value) else float(value) for value in column] for column in columns.values()]
    return [dict(zip(columns, values, strict=True)) for values in zip(*lists, strict=True)]
