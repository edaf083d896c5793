"""Tables that `dvc plots` draws and compares, made from a record."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

DIGITS = 6
"""Significant digits of the numbers in a table."""

ROC, PRECISION_RECALL, CALIBRATION, CONFUSION = "roc.csv", "precision_recall.csv", "calibration.csv", "confusion.csv"
ERRORS = "errors.csv"


def tables_of(record: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Return the tables by file name; a curve that is undefined has no rows."""
    curves = record["curves"]
    decision = record["decision"]
    bins = pd.DataFrame(curves["calibration"], columns=["mean_score", "share", "lower", "upper", "n"])
    return {
        ROC: pd.DataFrame(curves["roc"], columns=["false_positive_rate", "true_positive_rate", "threshold"]),
        PRECISION_RECALL: pd.DataFrame(curves["precision_recall"], columns=["recall", "precision", "threshold"]),
        CALIBRATION: bins.rename(columns={"share": "observed_share", "n": "rows"}),
        CONFUSION: confusion_table(curves["confusion"], decision["positive_name"], decision["negative_name"]),
    }


def number_tables_of(record: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Return the tables of predicted numbers by file name; without rows where bins are too small."""
    columns = ["mean_prediction", "mean_label", "mean_error", "lower", "upper", "n"]
    bins = pd.DataFrame(record["curves"]["errors_by_prediction"], columns=columns)
    return {ERRORS: bins.rename(columns={"n": "rows"})}


def confusion_table(counts: Any, positive_name: str, negative_name: str) -> pd.DataFrame:
    """Return the confusion matrix as four rows: `outcome`, `actual`, `predicted`, `rows`, `share_of_actual`.

    Parameters
    ----------
    counts : counts [label][decision], both 0 then 1
    positive_name, negative_name : words for the two outcomes

    Returns
    -------
    data frame
        The share of an actual class without rows is empty.
    """
    names = (negative_name, positive_name)
    outcomes = (("true negative", "false positive"), ("false negative", "true positive"))
    totals = [sum(line) for line in counts]
    return pd.DataFrame(
        [
            (outcomes[y][d], names[y], names[d], int(counts[y][d]), counts[y][d] / totals[y] if totals[y] else np.nan)
            for y in (1, 0)
            for d in (1, 0)
        ],
        columns=["outcome", "actual", "predicted", "rows", "share_of_actual"],
    )


def to_csv(table: pd.DataFrame) -> str:
    """Return the table as CSV with rounded numbers; missing numbers are empty."""
    return table.to_csv(index=False, float_format=f"%.{DIGITS}g", lineterminator="\n")
