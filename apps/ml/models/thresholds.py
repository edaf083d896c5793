"""The rules that turn scores into decisions; a threshold is chosen on validation rows, once.

A decision is 1 exactly when `score >= threshold`. Two thresholds between the same neighbouring scores decide the same
way, so the candidates are: one below the lowest score, one between each two neighbouring distinct scores, one above
the highest. A candidate lies half-way between its neighbours (0 and 1 at the ends) and not on a score, so that last
digits of a score do not turn a decision. All candidates are tried, in O(n log n).

Equal quality is settled in favour of the candidate nearest to 0.5, then of the higher one.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.ml.errors import DataError
from apps.ml.parameters import Threshold

Scores = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Candidates:
    """Every distinct way to decide over some rows.

    `thresholds`: float64 [m], descending. `true_positives`, `false_positives`: int64 [m], rows decided 1 by label.
    `positives`, `negatives`: rows by label.
    """

    thresholds: Scores
    true_positives: Counts
    false_positives: Counts
    positives: int
    negatives: int


def choose_threshold(rule: Threshold, labels: npt.NDArray[np.int8], scores: Scores) -> float:
    """Return the threshold that `rule` picks on these rows.

    Parameters
    ----------
    rule
        `fixed`: `rule.value`, the rows are not looked at. `best_balanced_accuracy`: the highest mean of true positive
        and true negative rate. `best_accuracy`: the fewest wrong decisions. `selection_rate`: the share of decisions 1
        nearest to `rule.rate`. `cost_matrix`: the lowest total cost of wrong decisions.
    labels : int8 [n]
        1 = the positive event.
    scores : float64 [n] in [0, 1]

    Returns
    -------
    float
        In [0, 1], or the next number above 1 where deciding 0 for a score of 1 is best.

    Raises
    ------
    DataError
        No rows, a score that is not in [0, 1], or one class only where the rule needs both.
    """
    if rule.rule == "fixed":
        return rule.value
    candidates = threshold_candidates(labels, scores)
    losses = _losses(rule, candidates)
    return _nearest_to_half(candidates.thresholds[losses == losses.min()])


def threshold_candidates(labels: npt.NDArray[np.int8], scores: Scores) -> Candidates:
    """Return one threshold per distinct way to decide, with the counts that follow from it."""
    _check_scores(scores)
    order = np.argsort(-scores, kind="stable")
    ordered, hits = scores[order], labels[order].astype(np.int64)
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    selected = np.concatenate([[0], last + 1])
    true_positives = np.concatenate([[0], np.cumsum(hits)[last]])
    return Candidates(
        thresholds=_half_way(ordered[last]),
        true_positives=true_positives,
        false_positives=selected - true_positives,
        positives=int(hits.sum()),
        negatives=int(len(hits) - hits.sum()),
    )


def _half_way(distinct: Scores) -> Scores:
    """Return the thresholds [m + 1] around descending distinct scores [m]."""
    above = np.concatenate([[1.0], distinct])
    below = np.concatenate([distinct, [0.0]])
    middle = below + (above - below) / 2
    middle = np.where(middle > below, middle, above)
    middle[-1] = distinct[-1] / 2
    if distinct[0] == 1.0:
        middle[0] = np.nextafter(1.0, 2.0)
    return middle


def _losses(rule: Threshold, candidates: Candidates) -> Counts | Scores:
    """Return what `rule` wants to be small, for every candidate."""
    if rule.rule == "best_balanced_accuracy":
        return _balanced_losses(candidates)
    if rule.rule == "selection_rate":
        return _distance_to_rate(candidates, rule.rate)
    if rule.rule == "best_accuracy":
        return _costs(candidates, 1.0, 1.0)
    return _costs(candidates, rule.cost_false_positive, rule.cost_false_negative)


def _balanced_losses(candidates: Candidates) -> Counts:
    """Missed balanced accuracy times 2 · positives · negatives: whole numbers, so that ties are exact."""
    if not candidates.positives or not candidates.negatives:
        raise DataError(
            f"best_balanced_accuracy needs both classes among the validation rows; {candidates.positives} are positive "
            f"and {candidates.negatives} negative. Choose the rule `fixed` or another split."
        )
    missed = candidates.positives - candidates.true_positives
    return missed * candidates.negatives + candidates.false_positives * candidates.positives


def _distance_to_rate(candidates: Candidates, rate: float) -> Scores:
    selected = candidates.true_positives + candidates.false_positives
    return np.abs(selected - rate * (candidates.positives + candidates.negatives))


def _costs(candidates: Candidates, false_positive: float, false_negative: float) -> Scores:
    missed = candidates.positives - candidates.true_positives
    return candidates.false_positives * false_positive + missed * false_negative


def _nearest_to_half(thresholds: Scores) -> float:
    return float(min(thresholds, key=lambda threshold: (abs(threshold - 0.5), -threshold)))


def _check_scores(scores: Scores) -> None:
    outside = int(np.sum(~((scores >= 0.0) & (scores <= 1.0))))
    if not len(scores) or outside:
        raise DataError(
            f"a threshold is chosen over scores in [0, 1]; {outside} of {len(scores)} rows have none. "
            "Check the estimator and that the validation split holds rows."
        )
