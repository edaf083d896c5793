"""Fairness assessments as flat tables, for plots and for people who want to calculate further."""

import pandas as pd

from apps.ml.evaluation.fairness.results import AttributeAssessment
from apps.ml.evaluation.statistics.shares.rates import GROUP_RATES

COLUMNS = ("group", "group_rows", "judged", "metric", "value", "lower", "upper", "n", "undefined")


def group_table(attribute: AttributeAssessment, metrics: tuple[str, ...] = GROUP_RATES) -> pd.DataFrame:
    """List the rates of every group of one attribute with their intervals, one row per group and rate.

    Parameters
    ----------
    attribute : AttributeAssessment
    metrics : names of rates, by default all of them

    Returns
    -------
    DataFrame
        Columns :data:`COLUMNS`; `value`, `lower` and `upper` are NaN where `undefined` holds a reason. `group_rows`
        counts the group's rows, `n` those that the rate is a share of.
    """
    records = [
        (name, group.n, group.judged, metric, found.value, found.lower, found.upper, found.n, found.undefined)
        for name, group in attribute.groups.items()
        for metric, found in ((metric, group.metrics[metric]) for metric in metrics)
    ]
    table = pd.DataFrame.from_records(records, columns=list(COLUMNS))
    return table.astype({"value": float, "lower": float, "upper": float})
