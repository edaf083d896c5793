"""The deployed rule, seen from its explanations: from a person's columns to a score and a decision, or to a number.

Explanations that look at behaviour, and not at the inside of an estimator, ask the rule that is served: encoding,
threshold and, where there is one, mitigation included.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import ColumnSchema
from apps.ml.evaluation.statistics.shares.rates import Favourable

Score = Callable[[pd.DataFrame], npt.NDArray[np.float64]]


class ScoringRule(Protocol):
    """What gives every row a number: a decision rule, or a rule that predicts numbers."""

    @property
    def columns(self) -> tuple[ColumnSchema, ...]:
        """The input columns, in order."""

    @property
    def score(self) -> Score:
        """Typed frame [n, columns] → float64 [n]."""


@dataclass(frozen=True)
class NumberRule:
    """What is served by a model that predicts numbers.

    `columns`: the input columns, in order. `score`: typed frame [n, columns] → float64 [n], predictions in the label's
    unit. `favourable`: whether a high (`positive`) or a low number is good for the person.
    """

    columns: tuple[ColumnSchema, ...]
    score: Score
    favourable: Favourable


@dataclass(frozen=True)
class DecisionRule:
    """What is served.

    `columns`: the input columns, in order. `score`: typed frame [n, columns] → float64 [n], probability of the positive
    event. `decide`: scores float64 [n] → int8 [n], 1 where the positive event is predicted. `favourable`: which of the
    two is good for the person. `threshold`: the score at and above which the decision is 1.
    """

    columns: tuple[ColumnSchema, ...]
    score: Score
    decide: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.int8]]
    favourable: Favourable
    threshold: float

    def decisions(self, frame: pd.DataFrame) -> npt.NDArray[np.int8]:
        """Return [n] decisions for a typed frame."""
        return self.decide(self.score(frame))

    def is_favourable(self, frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Return [n], whether the decision is good for the person."""
        return self.decisions(frame) == (1 if self.favourable == "positive" else 0)
