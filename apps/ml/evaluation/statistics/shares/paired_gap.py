"""How much the largest gap between groups changed from one model to another on the same rows, new − old.

A largest gap has a kink wherever several pairs of groups are nearly largest, and no bootstrap of it covers there. Two
bounds that always hold are used instead, and the nearer one counts:

- *pair by pair*: the new gap is that of some pair, whose old gap was at most the old largest gap; so the largest gap
  grew by no more than this pair's own gap did. The pair is one fixed pair among those that may be largest, hence no
  widening (intersection-union). Changes of a group's rate are paired, so for similar models this bound is narrow.
- *model by model*: the interval of the new gap and that of the old one, by square-and-add. For models that differ much
  this is the narrower one.

The permitted error is divided between the two. Bounds from below are those from above with the models exchanged.

References
----------
Berger (1982), Technometrics 24 (intersection-union). Zou and Donner (2008), Construction of confidence limits about
effect measures: a general approach, Statistics in Medicine 27 (square-and-add). Tango (1998), same journal 17.
"""

import math

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.shares.contrasts import differences
from apps.ml.evaluation.statistics.shares.exceedance import upper_quantile
from apps.ml.evaluation.statistics.shares.extremes import largest_gap
from apps.ml.evaluation.statistics.shares.intervals import Interval, difference_bounds
from apps.ml.evaluation.statistics.shares.paired_share import tango
from apps.ml.evaluation.statistics.shares.rates import Favourable, GroupShares, Rate, rate_named

Numbers = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

SHARE_OF_PAIRS = 0.7
"""Part of the permitted error that the bound pair by pair may use."""

SHARE_OF_SELECTION = 0.1
"""Part of the permitted error that leaving out pairs which cannot be largest may use."""

PSEUDO_COUNT = 0.5
"""Added to every cell that rows are drawn from, so that what was not seen in these rows is not taken for impossible."""

METHOD = "the nearer of paired changes of pairs of groups and of both models' intervals of the gap"


def paired_gap_change(
    counts: Whole, rate: Rate | str, favourable: Favourable, confidence: float, replicates: int, seed: int
) -> Measurement:
    """Measure the change of the largest gap of one rate, new − old.

    Parameters
    ----------
    counts : int64 [g, 2, 2, 2]
        Rows by group, label, decision of the new and decision of the old model; at least two groups.
    rate : Rate, or its name
        A name is looked up together with `favourable`.
    confidence : float in (0, 1)
    replicates, seed : int
        Tables drawn, each group with its own number of rows; used for rates that are shares of other rows under either
        model, such as predictive values. The others have closed forms.

    Returns
    -------
    Measurement
        In [−1, 1]; undefined where a group lacks the rows the rate is a share of, under either model.
    """
    chosen = rate_named(rate, favourable) if isinstance(rate, str) else rate
    cells = np.asarray(counts, dtype=np.int64)
    rows = int(cells.sum())
    new, old = (_shares(cells, chosen, other) for other in (-1, -2))
    if not (new.n.all() and old.n.all()):
        return undefined(chosen.nobody, n=rows)
    permitted = 1 - confidence
    changes = _rate_changes(cells, chosen, 1 - SHARE_OF_PAIRS * permitted, replicates, seed)
    value = float(np.ptp(new.rates) - np.ptp(old.rates))
    upper = min(_pair_by_pair(new, old, changes, permitted), _model_by_model(new, old, permitted))
    mirrored = Interval(-changes.upper, -changes.lower)
    lower = -min(_pair_by_pair(old, new, mirrored, permitted), _model_by_model(old, new, permitted))
    return Measurement(value, rows, max(min(lower, value), -1.0), min(max(upper, value), 1.0), confidence, METHOD)


def _pair_by_pair(new: GroupShares, old: GroupShares, changes: Interval, permitted: float) -> float:
    """Bound the growth of the gap by the largest upper bound of a pair's own growth, over pairs that may be largest."""
    contrasts = differences(new)
    each = SHARE_OF_SELECTION * permitted / 2 / len(contrasts.tops)
    bounds = contrasts.intervals(np.array([upper_quantile(each)]))
    possible = bounds.upper[0] >= bounds.lower[0].max()
    tops, bottoms = contrasts.tops[possible], contrasts.bottoms[possible]
    growth = new.rates - old.rates
    of_top = Interval(changes.lower[tops], changes.upper[tops])
    of_bottom = Interval(changes.lower[bottoms], changes.upper[bottoms])
    return float(difference_bounds(growth[tops], growth[bottoms], of_top, of_bottom).upper.max())


def _model_by_model(new: GroupShares, old: GroupShares, permitted: float) -> float:
    confidence = 1 - (1 - SHARE_OF_PAIRS - SHARE_OF_SELECTION) * permitted
    ours, theirs = largest_gap([new], confidence), largest_gap([old], confidence)
    return ours.value - theirs.value + math.hypot(ours.upper - ours.value, theirs.value - theirs.lower)


def _shares(cells: Whole, rate: Rate, other: int) -> GroupShares:
    above, below = rate.counts(cells.sum(axis=other))
    return GroupShares(above.astype(np.float64), below.astype(np.float64))


def _rate_changes(cells: Whole, rate: Rate, confidence: float, replicates: int, seed: int) -> Interval:
    """Bound the change of each group's rate, [g]."""
    if (rate.denominator == rate.denominator[:, :1]).all():
        return _tango_changes(cells, rate, confidence)
    smoothed: Numbers = cells.astype(np.float64) + PSEUDO_COUNT
    drawn = _rates(_drawn(smoothed, cells.sum(axis=(1, 2, 3)), replicates, seed), rate)
    expected, observed = _rates(smoothed, rate), _rates(cells.astype(np.float64), rate)
    errors = np.nan_to_num(drawn[0] - drawn[1] - (expected[0] - expected[1]), nan=0.0)
    below, above = np.quantile(errors, [0.5 + confidence / 2, 0.5 - confidence / 2], axis=0)
    change = observed[0] - observed[1]
    return Interval(change - np.maximum(below, 0.0), change - np.minimum(above, 0.0))


def _tango_changes(cells: Whole, rate: Rate, confidence: float) -> Interval:
    among = cells * rate.denominator[:, :, None]
    new, old = rate.numerator[:, :, None], rate.numerator[:, None, :]
    gained, lost = ((among * hit).sum(axis=(1, 2, 3)) for hit in (new * (1 - old), (1 - new) * old))
    rows = among.sum(axis=(1, 2, 3))
    bounds = [tango(int(g), int(b), int(n), confidence) for g, b, n in zip(gained, lost, rows, strict=True)]
    lower, upper = np.array(bounds, dtype=np.float64).T
    return Interval(lower, upper)


def _drawn(smoothed: Numbers, rows: npt.NDArray[np.int64], replicates: int, seed: int) -> Numbers:
    """Draw tables [replicates, g, 2, 2, 2], each group with its own number of rows."""
    generator = np.random.default_rng(seed)
    shares = smoothed.reshape(len(smoothed), 8)
    shares = shares / shares.sum(axis=1, keepdims=True)
    drawn = generator.multinomial(rows, shares, size=(replicates, len(rows)))
    return drawn.reshape(replicates, len(rows), 2, 2, 2).astype(np.float64)


def _rates(cells: Numbers, rate: Rate) -> Numbers:
    """Rate of the new and of the old model, [2, …, g], for tables [..., g, 2, 2, 2]; NaN where nobody is counted."""
    found = []
    for other in (-1, -2):
        above, below = rate.counts(cells.sum(axis=other))
        found.append(np.divide(above, below, out=np.full(np.shape(below), np.nan), where=below > 0))
    return np.stack(found)
