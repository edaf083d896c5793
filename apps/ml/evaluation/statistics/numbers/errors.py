"""How far numeric predictions lie from numeric labels, with intervals. An *error* is prediction − label.

Definitions
-----------
Means of errors, of absolute and of squared errors; the root of the mean squared error; the median absolute error.
R² is 1 − mean squared error / variance of the labels around their own mean: 0 is what that mean reaches, below 0 is
worse than it. The *calibration slope* is that of labels on predictions by least squares: 1 where a prediction that is
higher by one unit goes with labels that are higher by one unit.

Intervals
---------
Means of errors and absolute errors: Student's t. Mean squared errors are skewed, so theirs (and that of the root) is
the delta method on the logarithmic scale, where it is nearer to symmetric; that of R² is the same on the logarithm of
1 − R², with each row's influence on both parts of the quotient. The median has the exact interval between order
statistics. The slope's is by White's variance in the form HC3: errors may vary more for some predictions than for
others. Squared errors with heavy tails need many rows: docs/ml/regression.md says what the intervals cover.

References
----------
Efron and Tibshirani (1993), An introduction to the bootstrap, chapter 21 (influence and the delta method). David and
Nagaraja (2003), Order statistics, section 7.1. Mincer and Zarnowitz (1969), The evaluation of economic forecasts, NBER
(regression of outcomes on forecasts). MacKinnon and White (1985), Some heteroskedasticity-consistent covariance matrix
estimators with improved finite sample properties, Journal of Econometrics 29.
"""

import math

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.scores.losses import mean_loss

Numbers = npt.NDArray[np.float64]

STUDENT = "Student's t interval of the mean"
LOGARITHMIC = "delta method on the logarithmic scale, Student's t"
TOO_FEW = "an interval needs at least two rows to tell a spread"


def mean_error(errors: Numbers, confidence: float) -> Measurement:
    """Measure the mean of signed errors with Student's t interval; undefined for fewer than two rows."""
    n = len(errors)
    if n < 2:
        return undefined("a mean error needs at least two rows to tell its spread", n=n)
    value = float(errors.mean())
    half = _t(confidence, n - 1) * float(errors.std(ddof=1)) / math.sqrt(n)
    return Measurement(value, n, value - half, value + half, confidence, STUDENT)


def mean_absolute_error(errors: Numbers, confidence: float) -> Measurement:
    """Measure the mean size of errors [n] in the label's unit; undefined for fewer than two rows."""
    return mean_loss(np.abs(errors), confidence, highest=math.inf)


def mean_squared_error(errors: Numbers, confidence: float) -> Measurement:
    """Measure the mean of squared errors [n] in the label's unit squared; undefined for fewer than two rows.

    Examples
    --------
    Errors 1 and 3: 5.
    """
    n = len(errors)
    if n < 2:
        return undefined(f"mean squared error: {TOO_FEW}", n=n)
    squares = errors**2
    value = float(squares.mean())
    if value == 0:
        return Measurement(0.0, n, 0.0, 0.0, confidence, LOGARITHMIC)
    spread = float(squares.std(ddof=1)) / math.sqrt(n) / value
    factor = _factor(_t(confidence, n - 1) * spread)
    return Measurement(value, n, value / factor, value * factor, confidence, LOGARITHMIC)


def root_mean_squared_error(errors: Numbers, confidence: float) -> Measurement:
    """Measure the root of the mean squared error in the label's unit; bounds are the roots of its bounds."""
    found = mean_squared_error(errors, confidence)
    if found.value is None or found.lower is None or found.upper is None:
        return found
    value, lower, upper = (math.sqrt(bound) for bound in (found.value, found.lower, found.upper))
    return Measurement(value, found.n, lower, upper, confidence, f"root of the interval of its square: {LOGARITHMIC}")


def median_absolute_error(errors: Numbers, confidence: float) -> Measurement:
    """Measure the median size of errors [n]; the interval lies between two of them, as chance alone would place them.

    Undefined without rows; without bounds for so few rows that not even the smallest and the largest cover it.
    """
    from scipy.stats import binom

    n = len(errors)
    if not n:
        return undefined("there are no rows")
    sizes = np.sort(np.abs(errors))
    value = float(np.median(sizes))
    below = int(binom.ppf((1 - confidence) / 2, n, 0.5))
    if below < 1:
        return Measurement(value, n, method=f"no interval: {n} rows are too few for order statistics")
    method = "exact interval between order statistics"
    return Measurement(value, n, float(sizes[below - 1]), float(sizes[n - below]), confidence, method)


def r_squared(labels: Numbers, predictions: Numbers, confidence: float) -> Measurement:
    """Measure the share of the labels' variance that the predictions explain; at most 1, below 0 worse than the mean.

    Parameters
    ----------
    labels, predictions : float64 [n], finite
    confidence : float in (0, 1)

    Returns
    -------
    Measurement
        Undefined for fewer than three rows and for labels that do not vary.
    """
    n = len(labels)
    if n < 3:
        return undefined("R² needs at least three rows to tell a spread", n=n)
    if np.ptp(labels) == 0:
        return undefined("all labels are equal, so there is nothing to explain", n=n)
    squares, spread = (labels - predictions) ** 2, (labels - labels.mean()) ** 2
    unexplained = float(squares.mean() / spread.mean())
    method = "delta method on the logarithm of 1 − R², Student's t"
    if unexplained == 0:
        return Measurement(1.0, n, 1.0, 1.0, confidence, method)
    influence = squares / squares.mean() - spread / spread.mean()
    factor = _factor(_t(confidence, n - 1) * float(influence.std(ddof=1)) / math.sqrt(n))
    lower, upper = 1 - unexplained * factor, 1 - unexplained / factor
    return Measurement(1 - unexplained, n, lower, upper, confidence, method)


def calibration_slope(labels: Numbers, predictions: Numbers, confidence: float) -> Measurement:
    """Measure the slope of labels on predictions; 1 is best, below 1 predictions are spread too widely.

    Undefined for fewer than three rows and for predictions that do not vary.
    """
    n = len(labels)
    if n < 3:
        return undefined("a slope needs at least three rows to tell its spread", n=n)
    if np.ptp(predictions) == 0:
        return undefined("all predictions are equal, so there is no slope", n=n)
    apart = predictions - predictions.mean()
    total = float(apart @ apart)
    slope = float(apart @ labels) / total
    rest = labels - labels.mean() - slope * apart
    leverage = np.minimum(1 / n + apart**2 / total, 1 - 1e-12)
    deviation = math.sqrt(float(np.sum((apart * rest / (1 - leverage)) ** 2))) / total
    half = _t(confidence, n - 2) * deviation
    method = "Student's t interval of the least squares slope, variance HC3"
    return Measurement(slope, n, slope - half, slope + half, confidence, method)


def deviation(values: Numbers, confidence: float) -> Measurement:
    """Measure the standard deviation of values [n] in their unit; 0 exactly where all are equal.

    Undefined for fewer than two rows.
    """
    n = len(values)
    if n < 2:
        return undefined("a deviation needs at least two rows", n=n)
    if np.ptp(values) == 0:
        return Measurement(0.0, n, method="all values are equal")
    squares = (values - values.mean()) ** 2
    value = float(values.std(ddof=1))
    spread = float(squares.std(ddof=1)) / math.sqrt(n) / float(squares.mean())
    factor = _factor(_t(confidence, n - 1) * spread / 2)
    return Measurement(value, n, value / factor, value * factor, confidence, LOGARITHMIC)


def _t(confidence: float, freedom: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.5 + confidence / 2, freedom))


def _factor(half: float) -> float:
    """Return e to the half width, kept finite: a bound may be astronomic and must be a number."""
    return math.exp(min(half, 300.0))
