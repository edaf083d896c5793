"""How far reasons can be trusted: do they move the score, and would another sample give the same ones?"""

import math
from typing import Any

import numpy as np

from apps.ml.evaluation.explanations.coded_rows import BoolArray, changed_rows
from apps.ml.evaluation.explanations.reasons_given.reasons import Positions, RankedReasons, ReasonFinder
from apps.ml.evaluation.explanations.reasons_given.score_gains import is_numeric, typical_values
from apps.ml.evaluation.explanations.scored_model import FloatArray
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.shares.rates import share

OTHER_COLUMNS = 23
"""Stream of randomness that draws the column with which a first reason is compared."""

_NO_REASON = "no examined row has a reason"


def faithfulness(
    finder: ReasonFinder, codes: FloatArray, ranked: RankedReasons, confidence: float, seed: int
) -> dict[str, Any]:
    """Measure what happens to scores when the factors that were given as reasons get a typical value of the reference.

    The typical value is the median of the whole pool (the most frequent category), not the sample by which reasons were
    found, and it is one value and no mean over many: the check can fail. It is made for the first reason, for a column
    drawn at random from the others that may be given, and for all reasons together.

    Parameters
    ----------
    finder : ReasonFinder
    codes : float64 [n, columns]
        Coded rows that were decided unfavourably.
    ranked : RankedReasons
        Their reasons. Rows without one do not enter.
    confidence : float in (0, 1)
    seed : int

    Returns
    -------
    dict
        `first_reason`, `random_other` and `difference` (paired by row): `mean_move`, the mean move of the score in the
        favourable direction in units of the score, between −1 and 1; `share_moved`, the share of rows whose score
        moves that way. `all_reasons`: `share_decided_favourably`, once all given factors have typical values.
        Undefined where no row has a reason, or no other column.
    """
    some = np.flatnonzero(ranked.order[:, 0] >= 0)
    rows, order = codes[some], ranked.order[some]
    typical = typical_values(finder.pool, is_numeric(finder.coded))
    other = _other_columns(order[:, 0], finder.may_be_given, seed)
    before = finder.coded.scores(rows)
    first = _moves(finder, rows, before, order[:, 0], typical)
    random = _moves(finder, rows, before, other, typical)
    everything = finder.coded.scores(_with_typical(rows, order, typical))
    decided = int(finder.coded.favourable(everything).sum())
    return {
        "first_reason": _moved(first, confidence),
        "random_other": _moved(random, confidence),
        "difference": {"mean_move": mean_of(first - random, confidence, "no other column may be given").to_dict()},
        "all_reasons": {"share_decided_favourably": share(decided, len(rows), confidence, _NO_REASON).to_dict()},
    }


def stability(finder: ReasonFinder, codes: FloatArray, ranked: RankedReasons, confidence: float, seed: int) -> Any:
    """Measure how much the reasons of the same rows agree with those found by another sample of reference rows.

    Parameters as for :func:`faithfulness`; all rows enter. Two rows without reasons agree.

    Returns
    -------
    dict
        `mean_jaccard`: mean overlap of the two sets of reasons, 0 to 1. `first_agrees`: share of rows with the same
        first reason.
    """
    again = finder.with_another_sample(seed).rank(codes).order
    overlaps = np.array([_jaccard(one, other) for one, other in zip(ranked.order, again, strict=True)])
    same = int(np.sum(ranked.order[:, 0] == again[:, 0]))
    return {
        "mean_jaccard": mean_of(overlaps, confidence, "no row was examined").to_dict(),
        "first_agrees": share(same, len(codes), confidence, "no row was examined").to_dict(),
    }


def mean_of(values: FloatArray, confidence: float, nobody: str) -> Measurement:
    """Measure the mean of values between −1 and 1 of independent rows, with Student's t interval.

    Undefined with the reason `nobody` where no value is left (NaN is left out), and for one row.
    """
    from scipy.stats import t

    kept = values[~np.isnan(values)]
    if len(kept) < 2:
        return undefined(nobody if not len(kept) else "a mean of one row has no spread", n=len(kept))
    mean = float(kept.mean())
    half = float(t.ppf(0.5 + confidence / 2, len(kept) - 1)) * float(kept.std(ddof=1)) / math.sqrt(len(kept))
    lower, upper = max(mean - half, min(-1.0, mean)), min(mean + half, max(1.0, mean))
    return Measurement(mean, len(kept), lower, upper, confidence, "Student's t interval of the mean")


def _other_columns(first: Positions, may_be_given: BoolArray, seed: int) -> Positions:
    """Draw for each row a column that may be given and is not its first reason; −1 where there is none."""
    candidates = np.flatnonzero(may_be_given)
    if len(candidates) < 2:
        return np.full(len(first), -1, dtype=np.intp)
    drawn = np.random.default_rng([seed, OTHER_COLUMNS]).integers(0, len(candidates) - 1, size=len(first))
    skipped = drawn + (drawn >= np.searchsorted(candidates, first))
    return candidates[skipped].astype(np.intp)


def _moves(
    finder: ReasonFinder, rows: FloatArray, before: FloatArray, column: Positions, typical: FloatArray
) -> FloatArray:
    """Move of the score in the favourable direction per row, float64 [n]; NaN where there is no column."""
    if not len(rows) or (column < 0).any():
        return np.full(len(rows), np.nan)
    after = finder.coded.scores(changed_rows(rows, np.arange(len(rows)), column.astype(np.int64), typical[column]))
    return finder.coded.toward_favourable(before, after)


def _with_typical(rows: FloatArray, order: Positions, typical: FloatArray) -> FloatArray:
    changed = rows.copy()
    for columns in order.T:
        given = np.flatnonzero(columns >= 0)
        changed[given, columns[given]] = typical[columns[given]]
    return changed


def _moved(moves: FloatArray, confidence: float) -> dict[str, Any]:
    known = moves[~np.isnan(moves)]
    return {
        "mean_move": mean_of(moves, confidence, _NO_REASON).to_dict(),
        "share_moved": share(int(np.sum(known > 0)), len(known), confidence, _NO_REASON).to_dict(),
    }


def _jaccard(one: Positions, other: Positions) -> float:
    first, second = set(one[one >= 0].tolist()), set(other[other >= 0].tolist())
    union = first | second
    return len(first & second) / len(union) if union else 1.0
