"""Engines for sums of trees: LightGBM's library for single rows, and for many rows whichever of three is asked for."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from apps.ml.deployment.scorers.formula import Formula, Score
from apps.ml.deployment.scorers.grown_trees import trees_of
from apps.ml.deployment.scorers.leaf_tables import LeafTables
from apps.ml.deployment.scorers.lightgbm_engine import LightGBMTrees, text_of
from apps.ml.deployment.scorers.onnx_engine import OnnxTrees
from apps.ml.deployment.scorers.trees import Trees, thresholds_by_feature
from apps.ml.models.outputs import outputs_of
from apps.ml.models.parts.boosted_trees import BoostedTrees

Matrix = npt.NDArray[np.float64]

NEARLY_ZERO = float(np.float32(1e-35))
"""LightGBM's library takes features within this of 0 for 0 (`kZeroThreshold` in its include/LightGBM/meta.h); its own
trees have no threshold in between."""


class ManyRows(Protocol):
    """Sums of trees for many rows."""

    def rows(self, X: Matrix) -> Matrix:
        """Return float64 [n] for rows [n, features]."""


class SingleRows:
    """Sums of trees by LightGBM's library, divided as the trees say."""

    def __init__(self, trees: Trees) -> None:
        self._held, self._divisor = LightGBMTrees(text_of(trees), trees.features, raw=True), trees.divisor

    def bind(self, x: Matrix) -> Score:
        """As :attr:`Formula.bind`."""
        score, divisor = self._held.bind(x), self._divisor
        return score if divisor == 1.0 else lambda: score() / divisor

    def rows(self, X: Matrix) -> Matrix:
        """Return float64 [n] for rows [n, features]."""
        return self._held.rows(X) / self._divisor


MANY_ROWS: Mapping[str, Callable[[Trees], ManyRows] | None] = MappingProxyType(
    {"tables": LeafTables, "onnxruntime": OnnxTrees, "lightgbm": None}
)
"""Engine → what it makes of trees for many rows; None: the one for single rows takes many as well."""


class GrownTrees:
    """The trees of a bundle's estimators, read once and handed to LightGBM's library once."""

    def __init__(self) -> None:
        self._trees: dict[int, Trees | None] = {}
        self._single: dict[int, SingleRows] = {}

    @property
    def all(self) -> list[Trees]:
        """Every sum of trees that was asked for."""
        return [trees for trees in self._trees.values() if trees is not None]

    def of(self, estimator: Any) -> Trees | None:
        """Return the trees of an estimator; None where it is no sum of trees."""
        if id(estimator) not in self._trees:
            self._trees[id(estimator)] = trees_of(estimator)
        return self._trees[id(estimator)]

    def single_rows(self, estimator: Any, trees: Trees) -> SingleRows:
        """Return the trees of an estimator as LightGBM's library holds them."""
        if id(estimator) not in self._single:
            self._single[id(estimator)] = SingleRows(trees)
        return self._single[id(estimator)]


class TreeEngine:
    """Formulas of sums of trees: single rows by LightGBM's library, many rows by the engine of this name."""

    def __init__(self, name: str, grown: GrownTrees) -> None:
        self._many, self._grown = MANY_ROWS[name], grown

    def sums(self, estimator: Any) -> Formula | None:
        """As :meth:`~apps.ml.deployment.scorers.part_formulas.TreeFormulas.sums`."""
        trees = self._grown.of(estimator)
        if trees is None:
            return None
        single = self._grown.single_rows(estimator, trees)
        many = single if self._many is None else self._many(trees)
        places = [] if isinstance(estimator, BoostedTrees) else split_at_zero(trees)
        formula = Formula(single.bind, many.rows)
        return _exact_near_zero(formula, estimator, places) if places else formula


def split_at_zero(trees: Trees) -> list[int]:
    """Return the features with a threshold so near to 0 that LightGBM's rounding of features shows."""
    return [
        feature
        for feature, limits in thresholds_by_feature([trees]).items()
        if np.any((limits >= -NEARLY_ZERO) & (limits < NEARLY_ZERO))
    ]


def _exact_near_zero(formula: Formula, estimator: Any, places: list[int]) -> Formula:
    """Return the formula that leaves rows with a feature all but 0 to the estimator itself."""

    def bind(x: Matrix) -> Score:
        score, row = formula.bind(x), x[None, :]

        def exact() -> float:
            for place in places:
                if 0.0 < abs(x[place]) <= NEARLY_ZERO:
                    return float(outputs_of(estimator, row)[0])
            return score()

        return exact

    def rows(X: Matrix) -> Matrix:
        found, sizes = formula.rows(X), np.abs(X[:, places])
        rounded = np.any((sizes > 0.0) & (sizes <= NEARLY_ZERO), axis=1)
        if rounded.any():
            found[rounded] = outputs_of(estimator, X[rounded])
        return found

    return Formula(bind, rows)
