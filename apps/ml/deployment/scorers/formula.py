"""A fitted part compiled into two functions: for the one row that lies in a buffer, and for a matrix of rows."""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from apps.ml.models.scoring import logistic

Matrix = npt.NDArray[np.float64]
Score = Callable[[], float]

LARGEST_EXPONENT = 709.0
"""Beyond it the exponential function leaves float64."""


@dataclass(frozen=True)
class Formula:
    """What a part computes; safe to share between threads, as long as each binds a buffer of its own.

    `bind`: takes a contiguous float64 [features], and returns the function that computes the number of the row that
    then lies in it. `rows`: float64 [n] for rows [n, features].
    """

    bind: Callable[[Matrix], Score]
    rows: Callable[[Matrix], Matrix]


def generic(rows: Callable[[Matrix], Matrix]) -> Formula:
    """Return the formula of something that scores matrices: a single row is a matrix of one."""

    def bind(x: Matrix) -> Score:
        row = x[None, :]
        return lambda: float(rows(row)[0])

    return Formula(bind, rows)


def mapped(inner: Formula, number: Callable[[float], float], numbers: Callable[[Matrix], Matrix]) -> Formula:
    """Return the formula that applies a function to what another computes: to one number, and to many."""

    def bind(x: Matrix) -> Score:
        found = inner.bind(x)
        return lambda: number(found())

    return Formula(bind, lambda X: numbers(inner.rows(X)))


def probability(inner: Formula) -> Formula:
    """Return the formula of the probabilities of log-odds, as `models.scoring.logistic` computes them."""
    return mapped(inner, lambda number: float(expit(number)), logistic)


def lightgbm_probability(log_odds: float) -> float:
    """Return the probability of log-odds as LightGBM's objective computes it, by the C library's own exponential."""
    return 1.0 / (1.0 + exp(-log_odds)) if log_odds > -LARGEST_EXPONENT else 0.0


def lightgbm_probabilities(log_odds: Matrix) -> Matrix:
    """Return float64 [n]: :func:`lightgbm_probability` of each."""
    return np.array([lightgbm_probability(number) for number in log_odds.tolist()])


def weighted_sum(start: float, inner: list[Formula], weights: npt.NDArray[Any]) -> Formula:
    """Return the formula start + Σ weight × formula, added in their order."""
    factors = [float(weight) for weight in weights]

    def bind(x: Matrix) -> Score:
        pairs = [(weight, one.bind(x)) for weight, one in zip(factors, inner, strict=True)]

        def score() -> float:
            total = start
            for weight, one in pairs:
                total += weight * one()
            return total

        return score

    def rows(X: Matrix) -> Matrix:
        total = np.full(len(X), start)
        for weight, one in zip(factors, inner, strict=True):
            total += weight * one.rows(X)
        return total

    return Formula(bind, rows)
