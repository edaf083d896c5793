"""Tables behind the pictures, thinned and rounded so that `dvc plots` draws and compares them."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.evaluation.statistics.calibration import calibration_bins
from apps.ml.evaluation.statistics.intervals import wilson

POINTS = 500
"""Rows of a table at most."""

DIGITS = 6
"""Significant digits of the numbers in a table."""

Labels = npt.NDArray[np.int8]
Scores = npt.NDArray[np.float64]


def roc_points(labels: Labels, scores: Scores) -> pd.DataFrame:
    """Return the ROC curve: `false_positive_rate`, `true_positive_rate`, `threshold`, from (0, 0) to (1, 1).

    Parameters
    ----------
    labels : int8 [n] of 0 and 1
    scores : float64 [n]

    Returns
    -------
    data frame
        One row per distinct score, thinned to :data:`POINTS`; the first row has no threshold (nobody is selected).
        Empty if one class has no rows.
    """
    true, false, thresholds = _cumulative(labels, scores)
    columns = ["false_positive_rate", "true_positive_rate", "threshold"]
    if not len(true) or true[-1] == 0 or false[-1] == 0:
        return pd.DataFrame(columns=columns, dtype=np.float64)
    values = np.column_stack([false / false[-1], true / true[-1], thresholds])
    return thinned(pd.DataFrame(np.vstack([[0.0, 0.0, np.nan], values]), columns=columns))


def precision_recall_points(labels: Labels, scores: Scores) -> pd.DataFrame:
    """Return the precision–recall curve: `recall`, `precision`, `threshold`, from the highest threshold down.

    Returns
    -------
    data frame
        One row per distinct score, thinned to :data:`POINTS`. Empty if no row is positive.
    """
    true, false, thresholds = _cumulative(labels, scores)
    columns = ["recall", "precision", "threshold"]
    if not len(true) or true[-1] == 0:
        return pd.DataFrame(columns=columns, dtype=np.float64)
    values = np.column_stack([true / true[-1], true / (true + false), thresholds])
    return thinned(pd.DataFrame(values, columns=columns))


def calibration_points(labels: Labels, scores: Scores, bins: int, confidence: float) -> pd.DataFrame:
    """Return calibration in the bins of the calibration error: (nearly) equally many rows, equal scores together.

    Returns
    -------
    data frame [up to `bins`]
        `mean_score`, `observed_share` (positive rows), `lower` and `upper` (Wilson), `rows`.
    """
    columns = ["mean_score", "observed_share", "lower", "upper", "rows"]
    if not len(scores):
        return pd.DataFrame(columns=columns, dtype=np.float64)
    found = calibration_bins(labels, scores, bins)
    lower, upper = wilson(found.positives, found.rows, confidence)
    values = (found.mean_score, found.positive_share, lower, upper, found.rows)
    return pd.DataFrame(dict(zip(columns, values, strict=True)))


def confusion_counts(labels: Labels, decisions: Labels) -> npt.NDArray[np.int64]:
    """Return counts [label, decision], both 0 then 1."""
    return np.bincount(labels.astype(np.int64) * 2 + decisions, minlength=4).reshape(2, 2).astype(np.int64)


def confusion_table(counts: npt.NDArray[np.int64], positive_name: str, negative_name: str) -> pd.DataFrame:
    """Return the confusion matrix as four rows: `outcome`, `actual`, `predicted`, `rows`, `share_of_actual`.

    The share of an actual class without rows is empty.
    """
    names = (negative_name, positive_name)
    outcomes = (("true negative", "false positive"), ("false negative", "true positive"))
    totals = counts.sum(axis=1)
    return pd.DataFrame(
        [
            (outcomes[y][d], names[y], names[d], int(counts[y, d]), counts[y, d] / totals[y] if totals[y] else np.nan)
            for y in (1, 0)
            for d in (1, 0)
        ],
        columns=["outcome", "actual", "predicted", "rows", "share_of_actual"],
    )


def thinned(table: pd.DataFrame, points: int = POINTS) -> pd.DataFrame:
    """Keep at most `points` rows, evenly spaced, first and last included."""
    if len(table) <= points:
        return table
    return table.iloc[np.linspace(0, len(table) - 1, points).round().astype(int)].reset_index(drop=True)


def to_csv(table: pd.DataFrame) -> str:
    """Return the table as CSV with rounded numbers; missing numbers are empty."""
    return table.to_csv(index=False, float_format=f"%.{DIGITS}g", lineterminator="\n")


def _cumulative(labels: Labels, scores: Scores) -> tuple[Scores, Scores, Scores]:
    """Return true and false positives when selecting from each distinct score upwards, highest score first."""
    order = np.argsort(-scores, kind="stable")
    ranked, positive = scores[order], labels[order].astype(np.float64)
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1) if len(ranked) else np.zeros(0, dtype=np.intp)
    true = np.cumsum(positive)[last]
    return true, last + 1.0 - true, ranked[last]
