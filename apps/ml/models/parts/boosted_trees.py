"""Boosted trees of LightGBM without their training wrapper: score, explain, store as text."""

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from apps.ml.errors import BundleError
from apps.ml.files import write_text
from apps.ml.models.parts.lightgbm_text import check_text
from apps.ml.models.parts.numbers import read_text
from apps.ml.models.parts.part import ReadPart, WritePart

Matrix = npt.NDArray[np.float64]
BOOSTER_FILE = "booster.txt"


class BoostedTrees:
    """A fitted LightGBM booster for a binary or numeric label; immutable and safe to share between threads.

    Its scores are probabilities of the positive event or predicted values, as the booster's own objective says.
    """

    kind: ClassVar[str] = "lightgbm"
    contributions_method = "native tree contributions, path-dependent"

    def __init__(self, text: str) -> None:
        import lightgbm

        self._head = check_text(text)
        try:
            self._booster: Any = lightgbm.Booster(model_str=text)
        except lightgbm.basic.LightGBMError as error:
            raise BundleError("the text is not a LightGBM model. Train the model again.") from error
        self._text = text

    def __reduce__(self) -> tuple[type["BoostedTrees"], tuple[str]]:
        return BoostedTrees, (self._text,)

    @property
    def n_features_in_(self) -> int:
        """Number of encoded features that the trees expect."""
        return self._head.features

    @property
    def classes_(self) -> npt.NDArray[np.int64]:
        """The two labels in the order of `predict_proba`'s columns."""
        return np.array([0, 1])

    @property
    def text(self) -> str:
        """LightGBM's native text."""
        return self._text

    @property
    def rounds(self) -> int:
        """Number of trees."""
        return self._head.trees

    @property
    def contributions_output(self) -> str:
        """`log-odds` for a binary label, `value` for a numeric one."""
        return self._head.output

    def log_odds(self, X: npt.ArrayLike) -> Matrix:
        """Return float64 [n]: the sum over the trees, log-odds of label 1 or the predicted value."""
        return np.asarray(self._booster.predict(_matrix(X), raw_score=True, num_threads=1), dtype=np.float64)

    def score(self, X: npt.ArrayLike) -> Matrix:
        """Return [n] probabilities of label 1, or predicted values."""
        return np.asarray(self._booster.predict(_matrix(X), num_threads=1), dtype=np.float64)

    def predict_proba(self, X: npt.ArrayLike) -> Matrix:
        """Return [n, 2] probabilities of label 0 and label 1."""
        positive = self.score(X)
        return np.column_stack([1.0 - positive, positive])

    def contributions(self, X: npt.ArrayLike) -> Matrix:
        """Return [n, k + 1] exact Shapley contributions in log-odds or values; the last column is the base value.

        Each row sums to its log-odds or value.

        References
        ----------
        Lundberg, Erion, Lee (2018), "Consistent individualized feature attribution for tree ensembles", section 3.
        """
        return np.asarray(self._booster.predict(_matrix(X), pred_contrib=True, num_threads=1), dtype=np.float64)

    def write(self, folder: Path, write_part: WritePart) -> None:  # noqa: ARG002 (holds no part)
        """Write LightGBM's native text, which LightGBM's own tools read, as `booster.txt`."""
        write_text(folder / BOOSTER_FILE, self._text)

    @classmethod
    def read(cls, folder: Path, read_part: ReadPart) -> Self:  # noqa: ARG003 (holds no part)
        """Read LightGBM's native text."""
        return cls(read_text(folder / BOOSTER_FILE))


def _matrix(X: npt.ArrayLike) -> Matrix:
    return np.ascontiguousarray(X, dtype=np.float64)
