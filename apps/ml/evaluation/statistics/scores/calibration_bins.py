"""Rows divided into bins of equal mass by their score, from rows or from a score table."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.counting.score_table import SCORE_UNIT, ScoreTable

Numbers = npt.NDArray[np.float64]


class CalibrationBins(NamedTuple):
    """Rows divided by score, lowest first: arrays [b] of rows, positives and mean score."""

    rows: npt.NDArray[np.int64]
    positives: npt.NDArray[np.int64]
    mean_score: Numbers

    @property
    def positive_share(self) -> Numbers:
        """Share of positives per bin, float64 [b]."""
        return self.positives / self.rows

    @property
    def weights(self) -> Numbers:
        """Share of the rows per bin, float64 [b]."""
        return self.rows / self.rows.sum()

    @property
    def deviations(self) -> Numbers:
        """Mean score minus share of positives per bin, float64 [b]."""
        return self.mean_score - self.positive_share


def calibration_bins(labels: npt.NDArray[np.int8], scores: Numbers, bins: int) -> CalibrationBins:
    """Divide rows into at most `bins` bins of equal mass; rows with equal scores stay together.

    Parameters
    ----------
    labels : int8 [n] of 0 and 1, n > 0
    scores : float64 [n]
    bins : int, at least 1

    Returns
    -------
    CalibrationBins
        Fewer than `bins` where many scores are equal; none is empty.
    """
    edges = np.unique(np.quantile(scores, np.arange(1, bins) / bins, method="inverted_cdf"))
    position = np.searchsorted(edges, scores, side="left")
    rows = np.bincount(position, minlength=len(edges) + 1)
    kept = rows > 0
    positives = np.bincount(position, weights=labels, minlength=len(edges) + 1)[kept]
    total = np.bincount(position, weights=scores, minlength=len(edges) + 1)[kept]
    return CalibrationBins(rows[kept], positives.astype(np.int64), total / rows[kept])


def bins_of_steps(table: ScoreTable, bins: int) -> dict[str, CalibrationBins]:
    """Divide the rows of every group into at most `bins` bins of equal mass; rows of one step stay together.

    Parameters
    ----------
    table : ScoreTable
    bins : int, at least 1

    Returns
    -------
    dict[str, CalibrationBins]
        Groups without rows are left out; no bin is empty.
    """
    return {
        name: _bins_of(rows, sums, bins)
        for name, rows, sums in zip(table.groups, table.rows, table.score_sums, strict=True)
        if rows.any()
    }


def _bins_of(rows: npt.NDArray[np.int64], sums: npt.NDArray[np.int64], bins: int) -> CalibrationBins:
    """Divide steps [2, b] as :func:`calibration_bins` divides rows."""
    of_step = rows.sum(axis=0)
    reached = np.cumsum(of_step)
    # The last step of each bin: the first at which a share k / bins of the rows is reached.
    edges = np.unique(np.searchsorted(reached * bins, reached[-1] * np.arange(1, bins), side="left"))
    starts = np.concatenate([[0], edges + 1])
    starts = starts[starts < len(of_step)]
    together, positives, total = (
        np.add.reduceat(part, starts) for part in (of_step, rows[1], sums.sum(axis=0) / SCORE_UNIT)
    )
    kept = together > 0
    return CalibrationBins(together[kept], positives[kept], total[kept] / together[kept])
