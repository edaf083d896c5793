"""Performance of numeric predictions: nine measurements, most with intervals.

========================  ===============================================================================
mean_absolute_error       mean size of the errors; Student's t
root_mean_squared_error   root of the mean squared error; delta method on the logarithmic scale
mean_squared_error        the same, squared
median_absolute_error     half of the errors are smaller; order statistics
r_squared                 share of the labels' variance that is explained; 0 is what their mean reaches
mean_error                mean of prediction − label; Student's t
calibration_slope         slope of labels on predictions; 1 is best
prediction_deviation      standard deviation of the predictions; 0: the model says the same to everybody
label_deviation           standard deviation of the labels, beside which errors are large or small
========================  ===============================================================================

Definitions, intervals and sources: :mod:`apps.ml.evaluation.statistics.numbers.errors`.
"""

from typing import Any

import numpy.typing as npt

from apps.ml.data.processed import ProcessedSchema
from apps.ml.evaluation.statistics.counting.checked_columns import finite_values, require_equal_lengths
from apps.ml.evaluation.statistics.measurement import Measurement
from apps.ml.evaluation.statistics.numbers import errors as measures


def measure_numbers(labels: npt.ArrayLike, predictions: npt.ArrayLike, confidence: float) -> dict[str, Measurement]:
    """Measure predictions against labels.

    Parameters
    ----------
    labels, predictions : array-like [n], finite numbers in one unit
    confidence : float in (0, 1), of every interval

    Returns
    -------
    dict[str, Measurement]
        The metrics in the order of the table above; undefined with a reason where nothing can be said.

    Raises
    ------
    DataError
        Lengths differ, or a number is missing or infinite.
    """
    y, p = (finite_values(values, name) for values, name in ((labels, "labels"), (predictions, "predictions")))
    require_equal_lengths({"labels": len(y), "predictions": len(p)})
    errors = p - y
    return {
        "mean_absolute_error": measures.mean_absolute_error(errors, confidence),
        "root_mean_squared_error": measures.root_mean_squared_error(errors, confidence),
        "mean_squared_error": measures.mean_squared_error(errors, confidence),
        "median_absolute_error": measures.median_absolute_error(errors, confidence),
        "r_squared": measures.r_squared(y, p, confidence),
        "mean_error": measures.mean_error(errors, confidence),
        "calibration_slope": measures.calibration_slope(y, p, confidence),
        "prediction_deviation": measures.deviation(p, confidence),
        "label_deviation": measures.deviation(y, confidence),
    }


def number_performance_report(metrics: dict[str, Measurement], schema: ProcessedSchema, rows: int) -> dict[str, Any]:
    """Return the content of performance.json: facts about the rows and the number, then each metric by name."""
    facts = {"rows": rows, "positive_name": schema.positive_name, "unit": schema.unit, "favourable": schema.favourable}
    return facts | {name: measurement.to_dict() for name, measurement in metrics.items()}
