"""Boosted trees of LightGBM without their training wrapper: score, explain, store as text."""

from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from apps.ml.errors import BundleError
from apps.ml.models.parts.lightgbm_text import check_text
from apps.ml.models.parts.stored_trees import StoredTrees

Matrix = npt.NDArray[np.float64]
BOOSTER_FILE = "booster.txt"


class BoostedTrees(StoredTrees):
    """A fitted LightGBM booster for a binary or numeric label; immutable and safe to share between threads.

    Its scores are probabilities of the positive event or predicted values, as the booster's own objective says.
    """

    kind: ClassVar[str] = "lightgbm"
    file: ClassVar[str] = BOOSTER_FILE

    def __init__(self, text: str) -> None:
        import lightgbm

        self._head = check_text(text)
        super().__init__(text, self._head)
        try:
            self._booster: Any = lightgbm.Booster(model_str=self._head.model)
        except lightgbm.basic.LightGBMError as error:
            raise BundleError("the text is not a LightGBM model. Train the model again.") from error

    @property
    def rounds(self) -> int:
        """Number of trees."""
        return self._head.trees

    def log_odds(self, X: npt.ArrayLike) -> Matrix:
        """Return float64 [n]: the sum over the trees, log-odds of label 1 or the predicted value."""
        return np.asarray(self._booster.predict(_matrix(X), raw_score=True, num_threads=1), dtype=np.float64)

    def score(self, X: npt.ArrayLike) -> Matrix:
        """Return [n] probabilities of label 1, or predicted values."""
        return np.asarray(self._booster.predict(_matrix(X), num_threads=1), dtype=np.float64)

    def contributions(self, X: npt.ArrayLike) -> Matrix:
        """Return [n, k + 1] exact Shapley contributions in log-odds or values; the last column is the base value.

        Each row sums to its log-odds or value.

        References
        ----------
        Lundberg, Erion, Lee (2018), "Consistent individualized feature attribution for tree ensembles", section 3.
        """
        return np.asarray(self._booster.predict(_matrix(X), pred_contrib=True, num_threads=1), dtype=np.float64)

    @classmethod
    def of_text(cls, text: str) -> Self:
        """As :meth:`StoredTrees.of_text`."""
        return cls(text)


def _matrix(X: npt.ArrayLike) -> Matrix:
    return np.ascontiguousarray(X, dtype=np.float64)
