"""Curves of a record about numbers: what the pictures of one evaluation are drawn from, counted and not row by row.

========================  ===========================================================================================
predicted_and_observed    `edges` of both axes alike, and `counts` [predicted][observed]
errors_by_prediction      bins of equally many rows: mean prediction, label and error with bounds, quantiles of errors
errors                    `edges` and `counts` of prediction − label
predictions               `edges`, and `counts` of all rows
by_group                  attribute → group → `counts` of predictions in the same bins, their `median`, and the group's
                          own `errors_by_prediction`
========================  ===========================================================================================

Edges are readable numbers and no person's; what lies beyond them is counted at the ends. A group whose rows are too few
for means has no counts and no median. Numbers have six significant digits.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.evaluation.curves import DIGITS
from apps.ml.evaluation.fairness.regression import LEAST_SHOWN
from apps.ml.evaluation.statistics.counting.counts import group_codes
from apps.ml.evaluation.statistics.numbers.bins import counted, errors_by_prediction, round_edges
from apps.ml.files import rounded
from apps.ml.parameters import ModelEvaluation

Numbers = npt.NDArray[np.float64]

STEPS = 40
"""Bins of a histogram, and of each axis of predictions against labels."""


def number_curves(
    labels: Numbers, predictions: Numbers, groups: pd.DataFrame, parameters: ModelEvaluation
) -> dict[str, Any]:
    """Return the record's section `curves`.

    Parameters
    ----------
    labels, predictions : float64 [n]
    groups : data frame [n, attributes] of group names
    parameters : ModelEvaluation
        `calibration_bins`, `confidence`, `minimum_group_size`.

    Returns
    -------
    dict
        JSON-ready; empty lists without rows.
    """
    if not len(labels):
        empty: dict[str, Any] = {"edges": [], "counts": []}
        return {
            "predicted_and_observed": empty,
            "errors_by_prediction": [],
            "errors": empty,
            "predictions": empty,
            "by_group": {str(name): {} for name in groups.columns},
        }
    edges = round_edges(predictions, STEPS)
    bins, confidence = parameters.calibration_bins, parameters.confidence
    content = {
        "predicted_and_observed": _both(labels, predictions),
        "errors_by_prediction": errors_by_prediction(labels, predictions, bins, confidence),
        "errors": _histogram(predictions - labels, round_edges(predictions - labels, STEPS)),
        "predictions": _histogram(predictions, edges),
        "by_group": {
            str(name): _by_group(groups[name], labels, predictions, edges, parameters) for name in groups.columns
        },
    }
    return dict(rounded(content, DIGITS))


def _both(labels: Numbers, predictions: Numbers) -> dict[str, Any]:
    edges = round_edges(np.concatenate([labels, predictions]), STEPS)
    steps = len(edges) - 1
    cells = counted(predictions, edges) * steps + counted(labels, edges)
    counts = np.bincount(cells, minlength=steps * steps).reshape(steps, steps)
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def _histogram(values: Numbers, edges: Numbers) -> dict[str, Any]:
    counts = np.bincount(counted(values, edges), minlength=len(edges) - 1)
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def _by_group(
    names: "pd.Series[Any]", labels: Numbers, predictions: Numbers, edges: Numbers, parameters: ModelEvaluation
) -> dict[str, Any]:
    groups, codes = group_codes(names)
    least = min(LEAST_SHOWN, parameters.minimum_group_size)
    found: dict[str, Any] = {}
    for at, group in enumerate(groups):
        inside = codes == at
        if np.count_nonzero(inside) < least:
            found[group] = {"counts": [], "median": None, "errors_by_prediction": []}
            continue
        own, bins = predictions[inside], max(1, parameters.calibration_bins // 2)
        found[group] = {
            "counts": _histogram(own, edges)["counts"],
            "median": float(np.median(own)),
            "errors_by_prediction": errors_by_prediction(labels[inside], own, bins, parameters.confidence),
        }
    return found
