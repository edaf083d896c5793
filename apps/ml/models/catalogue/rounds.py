"""Boosting that grows round by round: watched on validation rows, kept up to its best round, continued at will.

Fitting at once and growing in steps run through the same object, so that the same rounds give the same model.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from apps.ml.errors import ParameterError
from apps.ml.models.fitting import Fit, Fitted
from apps.ml.models.scoring import scores_of

Matrix = npt.NDArray[np.float64]


class GrowingRounds(ABC):
    """A boosted model in training; one unit is one round.

    With early stopping, only the rounds up to the lowest validation loss count (the first of several), and growing ends
    when it has not fallen for `early_stopping.rounds` rounds: `spent` then stays below what was asked for.

    Parameters
    ----------
    fit
        Rows, seed and early stopping.
    rounds
        How many the options name; shown as the total in reports of progress, no limit.
    rate
        The learning rate, for errors.
    """

    name: ClassVar[str]
    unit: ClassVar[str] = "rounds"

    def __init__(self, fit: Fit, rounds: int, rate: float) -> None:
        self._fit = fit
        self._rounds = rounds
        self._rate = rate
        self._spent = 0
        self._best = 0
        self._lowest = float("inf")

    @property
    def spent(self) -> int:
        """Rounds so far, those after the best one among them."""
        return self._spent

    @property
    def kept(self) -> int:
        """Rounds that scores and the fitted model are made of."""
        return self._best if self._watches else self._spent

    @property
    def has_stopped(self) -> bool:
        """Whether early stopping has ended the growth."""
        return self._watches and self._spent > 0 and self._spent - self._best >= self._fit.early_stopping.rounds

    def grow_to(self, units: int) -> None:
        """Grow until `units` rounds were spent in all or early stopping ends the growth.

        Raises
        ------
        ParameterError
            No round so far has a validation loss that is a number.
        """
        while self._spent < units and not self.has_stopped:
            losses = self._grow(units - self._spent)
            for loss in losses:
                self._count(loss)
        if self._watches and self._spent and not self._best:
            raise self.diverged(self._spent)

    def score(self, X: Matrix) -> Matrix:
        """Return float64 [n]: probabilities of label 1, or predicted values, of the rounds that are kept."""
        return scores_of(self.fitted(), X)

    def diverged(self, spent: int) -> ParameterError:
        """Return the error of a fit whose numbers outgrew all numbers after so many rounds."""
        return ParameterError(
            f"model_training.estimators.{self.name}.learning_rate {self._rate:g}: what was learned is no number any "
            f"more after {spent} {self.unit}. Choose a smaller rate."
        )

    @abstractmethod
    def fitted(self) -> Any:
        """Return the fitted estimator of the rounds that are kept."""

    @abstractmethod
    def _grow(self, most: int) -> Sequence[float | None]:
        """Grow by one to `most` rounds; return the validation loss after each, None where it is not watched."""

    @property
    def _watches(self) -> bool:
        return self._fit.early_stopping.enabled

    def _count(self, loss: float | None) -> None:
        """Count one more round, unless early stopping has ended the growth within a step of several rounds."""
        if self.has_stopped:
            return
        self._spent += 1
        if loss is not None and loss < self._lowest:
            self._best, self._lowest = self._spent, loss
        self._fit.report(self._spent, self._rounds, loss)


def fit_rounds(growing: GrowingRounds, rounds: int) -> Fitted:
    """Grow `rounds` rounds at most and return what is kept of them."""
    growing.grow_to(rounds)
    return Fitted(growing.fitted(), rounds=growing.kept)
