"""Curves of a record: what the pictures of one evaluation are drawn from, counted and not row by row.

==================  ================================================================================================
confusion           counts [label][decision]; null without labels
roc                 points: false_positive_rate, true_positive_rate, threshold
precision_recall    points: recall, precision, threshold
calibration         bins of equal mass: mean_score, share, lower, upper, n
scores              counts of rows in steps of equal width over [0, 1], and the median score
by_group            attribute → group → scores, calibration, thresholds (rates at thresholds over [0, 1])
==================  ================================================================================================

All of it comes from the joint counts, so that it can be drawn for decisions whose rows nobody keeps. Rows count once
each, whatever their weight. What is undefined is an empty list or null. Shares and scores have six significant digits:
enough for a picture of any size, while every measurement is made of the counts and not of these.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from apps.ml.evaluation.statistics.counting.joint_counts import JointCounts
from apps.ml.evaluation.statistics.counting.score_table import ScoreTable
from apps.ml.evaluation.statistics.scores.calibration import calibration_curves
from apps.ml.evaluation.statistics.scores.score_curves import (
    precision_recall_points,
    roc_curve_points,
    score_histogram,
    threshold_curve,
)
from apps.ml.parameters import ModelEvaluation

POINTS = 120
"""Points of an overall curve at most."""

GROUP_POINTS = 21
"""Thresholds at which each group's rates are stored: every twentieth."""

HISTOGRAM_STEPS = 50

DIGITS = 6
"""Significant digits."""

ALL = "all"


def curves_of(
    joint: JointCounts, attributes: Mapping[str, Sequence[str]], parameters: ModelEvaluation
) -> dict[str, Any]:
    """Return the record's section `curves`.

    Parameters
    ----------
    joint : JointCounts
        With scores and labels, or without either; what they allow is returned and the rest is empty.
    attributes : mapping
        Name shown → names of the attributes that are crossed.
    parameters : ModelEvaluation
        `calibration_bins` and `confidence`.

    Returns
    -------
    dict
        JSON-ready; without scores all curves of scores are empty, without labels those that compare with labels.
    """
    counts = joint.table(joint.attributes[0]).together(ALL).counts[0]
    content: dict[str, Any] = {"confusion": counts.tolist() if joint.labelled else None}
    if not joint.score_bins:
        return content | {"roc": [], "precision_recall": [], "calibration": [], "scores": None, "by_group": {}}
    overall = joint.scores(joint.attributes[0]).together(ALL)
    return {
        **content,
        "roc": _defined(roc_curve_points(overall, POINTS)[ALL]) if joint.labelled else [],
        "precision_recall": _defined(precision_recall_points(overall, POINTS)[ALL]) if joint.labelled else [],
        "calibration": _calibration(overall, joint, parameters)[ALL],
        "scores": _scores(overall)[ALL],
        "by_group": {name: _by_group(joint, crossed, parameters) for name, crossed in attributes.items()},
    }


def _by_group(joint: JointCounts, crossed: Sequence[str], parameters: ModelEvaluation) -> dict[str, Any]:
    table = joint.scores(*crossed)
    scores, calibration = _scores(table), _calibration(table, joint, parameters)
    thresholds = threshold_curve(table, GROUP_POINTS) if joint.labelled else {}
    return {
        group: {
            "scores": scores[group],
            "calibration": calibration[group],
            "thresholds": [_rounded(point) for point in thresholds.get(group, [])],
        }
        for group in table.groups
    }


def _calibration(table: ScoreTable, joint: JointCounts, parameters: ModelEvaluation) -> dict[str, list[Any]]:
    if not joint.labelled:
        return {group: [] for group in table.groups}
    curves = calibration_curves(table, parameters.calibration_bins, parameters.confidence)
    return {group: [_rounded(one) for one in bins] for group, bins in curves.items()}


def _defined(points: Sequence[Mapping[str, float | None]]) -> list[dict[str, float | None]]:
    """Return the rounded points, or none at all where a rate is a share of no rows."""
    if any(value is None for point in points for value in point.values()):
        return []
    return [_rounded(point) for point in points]


def _rounded(point: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value for name, value in point.items()}


def _scores(table: ScoreTable) -> dict[str, dict[str, Any]]:
    counted = score_histogram(table, HISTOGRAM_STEPS)
    medians = _medians(table)
    return {group: {"counts": counted[group], "median": medians[group]} for group in table.groups}


def _medians(table: ScoreTable) -> dict[str, float | None]:
    """Return the middle of the step that holds the median, by group; None for a group without rows."""
    cumulated = table.rows.sum(axis=1).cumsum(axis=1)
    found: dict[str, float | None] = {}
    for group, reached in zip(table.groups, cumulated, strict=True):
        rows = int(reached[-1])
        step = int(np.searchsorted(reached, (rows + 1) // 2))
        found[group] = float(f"{(step + 0.5) / table.bins:.{DIGITS}g}") if rows else None
    return found
