"""Boosted trees of XGBoost without their training wrapper: score, explain, store as XGBoost's own JSON.

XGBoost compares features in single precision and adds leaves up in single precision too, where the order of additions
shows in the seventh digit. Here it only says which leaf each tree leads to; the leaves are added in double precision,
so that scores and contributions agree and scores are the same elsewhere.
"""

import json
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from apps.ml.errors import BundleError
from apps.ml.models.parts.stored_trees import StoredTrees
from apps.ml.models.parts.xgboost_text import check_text
from apps.ml.models.scoring import logistic

Matrix = npt.NDArray[np.float64]
XGBOOST_FILE = "xgboost.json"

EXPLAINED_AT_ONCE = 25
"""Trees whose contributions XGBoost adds up in single precision before they are added in double precision."""


class XGBoostTrees(StoredTrees):
    """A fitted XGBoost booster for a binary or numeric label; immutable and safe to share between threads.

    Parameters
    ----------
    text
        XGBoost's JSON, as `Booster.save_raw("json")` gives it.

    Raises
    ------
    BundleError
        The text is no such model, or its trees are unsound.
    """

    kind: ClassVar[str] = "xgboost"
    file: ClassVar[str] = XGBOOST_FILE

    def __init__(self, text: str) -> None:
        self._checked = check_text(text)
        super().__init__(text, self._checked)
        self._booster = _booster(text)

    @classmethod
    def of_text(cls, text: str) -> Self:
        """As :meth:`StoredTrees.of_text`."""
        return cls(text)

    @property
    def rounds(self) -> int:
        """Number of trees."""
        return len(self._checked.starts)

    def log_odds(self, X: npt.ArrayLike) -> Matrix:
        """Return float64 [n]: the sum over the trees, log-odds of label 1 or the predicted value."""
        if not len(np.asarray(X)):
            return np.empty(0)
        reached = self._booster.predict(_rows(X), pred_leaf=True, strict_shape=True)
        nodes = np.ascontiguousarray(reached.reshape(len(reached), -1), dtype=np.int64)
        return self._checked.base + np.sum(self._checked.leaves[nodes + self._checked.starts], axis=1)

    def score(self, X: npt.ArrayLike) -> Matrix:
        """Return [n] probabilities of label 1, or predicted values."""
        total = self.log_odds(X)
        return logistic(total) if self.contributions_output == "log-odds" else total

    def contributions(self, X: npt.ArrayLike) -> Matrix:
        """Return [n, k + 1] exact Shapley contributions in log-odds or values; the last column is the base value.

        Each row sums to its log-odds or value.

        References
        ----------
        Lundberg, Erion, Lee (2018), "Consistent individualized feature attribution for tree ensembles", section 3.
        """
        rows = np.asarray(X)
        total = np.zeros((len(rows), self.n_features_in_ + 1))
        if len(rows):
            data = _rows(rows)
            for trees in self._trees_from_zero:
                total += trees.predict(data, pred_contribs=True)
        total[:, -1] += self._checked.base
        return total

    @cached_property
    def _trees_from_zero(self) -> list[Any]:
        """The trees in slices, added to nothing: the base in single precision would count once per slice."""
        content = json.loads(self._text)
        start = "[5E-1]" if self.contributions_output == "log-odds" else "[0E0]"
        content["learner"]["learner_model_param"]["base_score"] = start
        whole = _booster(json.dumps(content))
        firsts = range(0, self.rounds, EXPLAINED_AT_ONCE)
        slices = [whole[first : min(first + EXPLAINED_AT_ONCE, self.rounds)] for first in firsts]
        for one in slices:
            one.set_param({"nthread": 1})
        return slices


def _booster(text: str) -> Any:
    import xgboost

    booster = xgboost.Booster({"nthread": 1, "verbosity": 0})
    try:
        booster.load_model(bytearray(text, encoding="utf-8"))
    except xgboost.core.XGBoostError as error:
        raise BundleError("the text is not an XGBoost model. Train the model again.") from error
    return booster


def _rows(X: npt.ArrayLike) -> Any:
    import xgboost

    return xgboost.DMatrix(np.ascontiguousarray(X, dtype=np.float64), nthread=1)
