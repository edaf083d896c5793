"""Contributions of any model at all: Shapley values estimated from random orders of the columns.

A background row is turned into the explained row column by column, in a random order; what a step changes in the score
is credited to its column. The mean over many background rows and orders estimates the interventional Shapley value.
Each order is walked in both directions, which cancels much of the scatter. Whatever was drawn, the contributions of a
row add up exactly to its score minus the mean score of the background rows.

References
----------
Castro, Gómez, Tejada (2009), Polynomial calculation of the Shapley value based on sampling, Computers & Operations
Research 36; Štrumbelj and Kononenko (2014), Explaining prediction models and individual predictions with feature
contributions, Knowledge and Information Systems 41; Mitchell, Cooper, Frank, Holmes (2022), Sampling permutations for
Shapley value estimation, JMLR 23, section 4 (antithetic orders).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.explanations.scored_model import FloatArray

PAIRS = 25
"""Background rows, each with one order that is walked forwards and backwards."""

STATES = 50_000
"""Rows that are scored in one call."""

DRAWN_ORDERS = 61
"""Stream of randomness: which background rows, and which orders."""

Score = Callable[[FloatArray], FloatArray]
Features = Sequence[npt.NDArray[np.intp]]


@dataclass(frozen=True)
class Sampled:
    """Estimated contributions `values` [n, columns], `base` [n], and what the drawing leaves open.

    `pairs`: how many background rows were walked from. `error`: standard error of a contribution, root mean square over
    rows and columns, on the scale of the score; None with fewer than two pairs.
    """

    values: FloatArray
    base: FloatArray
    pairs: int
    error: float | None


def sampled_contributions(score: Score, X: FloatArray, background: FloatArray, columns: Features, seed: int) -> Sampled:
    """Estimate the contributions of columns to scores.

    Parameters
    ----------
    score : float64 [m, k] → float64 [m]
    X : float64 [n, k]
        Encoded rows to explain.
    background : float64 [b, k], b >= 1
        Encoded training rows; :data:`PAIRS` of them are used, or all where there are fewer.
    columns : positions among the k features of each column's own; together they are all features
    seed : int, >= 0
        All rows are explained with the same background rows and orders.
    """
    generator = np.random.default_rng([seed, DRAWN_ORDERS])
    pairs = min(PAIRS, len(background))
    chosen = np.sort(generator.choice(len(background), pairs, replace=False))
    total, squares, base = np.zeros((len(X), len(columns))), np.zeros((len(X), len(columns))), 0.0
    for start in background[chosen]:
        order = generator.permutation(len(columns))
        changes, before = _changes(score, X, start, columns, order)
        total += changes
        squares += changes**2
        base += before
    values = total / pairs
    return Sampled(values, np.full(len(X), base / pairs), pairs, _error(values, squares, pairs))


def states_per_row(columns: int) -> int:
    """Return how many rows are scored to explain one."""
    return 2 * PAIRS * (columns + 1)


def _changes(
    score: Score, X: FloatArray, start: FloatArray, columns: Features, order: npt.NDArray[np.intp]
) -> tuple[FloatArray, float]:
    """Return what each column changes, [n, columns], as the mean of both directions, and the score of the start."""
    taken = np.vstack([_taken(order, columns, len(start)), _taken(order[::-1], columns, len(start))])
    rows = max(1, STATES // len(taken))
    scores = [_scores(score, X[first : first + rows], start, taken) for first in range(0, len(X), rows)]
    found = np.concatenate(scores, axis=1) if scores else np.empty((len(taken), 0))
    steps = len(order) + 1
    changes = np.zeros((len(X), len(columns)))
    changes[:, order] += np.diff(found[:steps], axis=0).T / 2.0
    changes[:, order[::-1]] += np.diff(found[steps:], axis=0).T / 2.0
    return changes, float(score(start[None, :])[0])


def _taken(order: npt.NDArray[np.intp], columns: Features, features: int) -> npt.NDArray[np.bool_]:
    """Return bool [columns + 1, k]: which features already come from the explained row, step by step."""
    taken = np.zeros((len(order) + 1, features), dtype=np.bool_)
    for step, column in enumerate(order):
        taken[step + 1 :, columns[column]] = True
    return taken


def _scores(score: Score, X: FloatArray, start: FloatArray, taken: npt.NDArray[np.bool_]) -> FloatArray:
    states = np.where(taken[:, None, :], X[None, :, :], start)
    return np.asarray(score(states.reshape(-1, X.shape[1])), dtype=np.float64).reshape(len(taken), len(X))


def _error(values: FloatArray, squares: FloatArray, pairs: int) -> float | None:
    if pairs < 2 or not values.size:
        return None
    variances = np.maximum(squares / pairs - values**2, 0.0) / (pairs - 1)
    return float(np.sqrt(variances.mean()))
