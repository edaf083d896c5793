"""A sum of curves over single features and of tables over pairs, as plain numbers: score, explain, store.

This is what an explainable boosting machine has learned; answering needs no library that fits one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from apps.ml.models.parts.numbers import CheckedContent, read_checked, write_numbers
from apps.ml.models.parts.part import ReadPart, WritePart
from apps.ml.models.scoring import logistic

Matrix = npt.NDArray[np.float64]
ADDITIVE_FILE = "additive.json"
OUTPUTS = ("log-odds", "value")
MOST_FEATURES = 1_000_000


@dataclass(frozen=True)
class Term:
    """What one feature, or two together, add.

    Parameters
    ----------
    features
        Positions of one or two different encoded features.
    edges
        Per feature float64 [b], ascending: bin i holds `edges[i - 1] <= value < edges[i]`, the outer bins are open.
    scores
        float64 [b + 1] or [b₁ + 1, b₂ + 1]: what each bin adds.
    """

    features: tuple[int, ...]
    edges: tuple[Matrix, ...]
    scores: Matrix

    def added(self, X: Matrix) -> Matrix:
        """Return float64 [n]: what the term adds for each row."""
        pairs = zip(self.features, self.edges, strict=True)
        found: Matrix = self.scores[tuple(np.searchsorted(edges, X[:, one], side="right") for one, edges in pairs)]
        return found


class AdditiveModel:
    """Intercept and terms; immutable and safe to share between threads.

    `output`: `log-odds` where the sum is the log-odds of label 1, `value` where it is the predicted value.
    """

    kind: ClassVar[str] = "additive"
    contributions_method = "terms of the additive model; what a pair adds is split half and half between its features"

    def __init__(self, features: int, output: str, intercept: float, terms: Sequence[Term]) -> None:
        self._features, self._output = features, output
        self.intercept, self.terms = intercept, tuple(terms)

    @property
    def n_features_in_(self) -> int:
        """Number of encoded features."""
        return self._features

    @property
    def contributions_output(self) -> str:
        """`log-odds` for a binary label, `value` for a numeric one."""
        return self._output

    def log_odds(self, X: npt.ArrayLike) -> Matrix:
        """Return float64 [n]: the sum of intercept and terms, log-odds of label 1 or the predicted value."""
        rows = np.asarray(X, dtype=np.float64)
        total = np.full(len(rows), self.intercept)
        for term in self.terms:
            total += term.added(rows)
        return total

    def score(self, X: npt.ArrayLike) -> Matrix:
        """Return [n] probabilities of label 1, or predicted values."""
        total = self.log_odds(X)
        return logistic(total) if self._output == "log-odds" else total

    def contributions(self, X: npt.ArrayLike) -> Matrix:
        """Return [n, k + 1]: what each feature adds, in log-odds or values; the last column is the intercept.

        A term's average over the rows that it was made of is 0, so what a single feature adds is its exact Shapley
        value against them; of a pair, each feature gets half.

        References
        ----------
        Lou, Caruana, Gehrke, Hooker (2013), "Accurate intelligible models with pairwise interactions", KDD.
        """
        rows = np.asarray(X, dtype=np.float64)
        found = np.zeros((len(rows), self._features + 1))
        for term in self.terms:
            share = term.added(rows) / len(term.features)
            for one in term.features:
                found[:, one] += share
        found[:, -1] = self.intercept
        return found

    def write(self, folder: Path, write_part: WritePart) -> None:  # noqa: ARG002 (holds no part)
        """Write all numbers as `additive.json`."""
        terms = [
            {
                "features": list(term.features),
                "edges": [edges.tolist() for edges in term.edges],
                "scores": term.scores.tolist(),
            }
            for term in self.terms
        ]
        content = {"features": self._features, "output": self._output, "intercept": self.intercept, "terms": terms}
        write_numbers(folder / ADDITIVE_FILE, content)

    @classmethod
    def read(cls, folder: Path, read_part: ReadPart) -> Self:  # noqa: ARG003 (holds no part)
        """Read what :meth:`write` wrote."""
        content = read_checked(folder / ADDITIVE_FILE, ("features", "output", "intercept", "terms"))
        features = content.whole("features", 1, MOST_FEATURES)
        terms = [_term(term, features) for term in content.objects("terms", ("features", "edges", "scores"))]
        return cls(features, content.text("output", OUTPUTS), content.number("intercept"), terms)


def _term(content: CheckedContent, features: int) -> Term:
    positions = content.integers("features", (None,), 0, features - 1)
    different = len(positions) in (1, 2) and len(set(positions.tolist())) == len(positions)
    content.require(different, "features", "one feature or two different ones")
    lists = content.items("edges")
    content.require(len(lists) == len(positions), "edges", "one list per feature")
    edges = tuple(_edges(content.origin, one) for one in lists)
    return Term(tuple(positions.tolist()), edges, content.floats("scores", [len(one) + 1 for one in edges]))


def _edges(origin: str, numbers: Any) -> Matrix:
    content = CheckedContent(origin, {"edges": numbers})
    edges = content.floats("edges", (None,))
    content.require(bool(np.all(np.diff(edges) > 0)), "edges", "ascending")
    return edges
