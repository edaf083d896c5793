"""The scorers that may be quicker than a bundle, built one by one and not trusted yet."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from apps.ml.deployment.scorers.compiled_scorer import Compiled, CompiledScorer
from apps.ml.deployment.scorers.decisions import decision_rule
from apps.ml.deployment.scorers.formula import generic
from apps.ml.deployment.scorers.part_formulas import score_formula
from apps.ml.deployment.scorers.row_encoder import RowEncoder
from apps.ml.deployment.scorers.tree_engines import GrownTrees, TreeEngine
from apps.ml.deployment.scorers.trees import Trees
from apps.ml.models.bundle import ModelBundle
from apps.ml.models.scoring import scores_of

TABLES, ONNX, LIGHTGBM = "lightgbm+tables", "lightgbm+onnxruntime", "lightgbm"
ENGINES: Mapping[str, str] = MappingProxyType({TABLES: "tables", ONNX: "onnxruntime", LIGHTGBM: "lightgbm"})
"""Candidate for estimators that hold trees → its engine for many rows."""

ARRAYS = "numpy"
"""The candidate for estimators without trees: array operations."""

ESTIMATOR = "estimator"
"""The compiled encoder before the bundle's estimator as it is."""


class Candidates:
    """Builds the candidates of a bundle.

    Raises
    ------
    NotCompiledError
        The bundle's encoding cannot be compiled, so there are none.
    """

    def __init__(self, bundle: ModelBundle) -> None:
        self._bundle, self._encoder, self._grown = bundle, RowEncoder(bundle), GrownTrees()
        score_formula(bundle.estimator, _TreeFinder(self._grown))
        self._estimator_holds_trees = bool(self._grown.all)
        decision_rule(bundle, _TreeFinder(self._grown))

    @property
    def trees(self) -> list[Trees]:
        """Every sum of trees that the estimator and the adjustment hold."""
        return self._grown.all

    @property
    def names(self) -> tuple[str, ...]:
        """The candidates, the most promising first."""
        return (TABLES, LIGHTGBM, ONNX, ESTIMATOR) if self._estimator_holds_trees else (ARRAYS, ESTIMATOR)

    def build(self, name: str) -> CompiledScorer:
        """Build the candidate of a name.

        Raises
        ------
        NotCompiledError
            It cannot be built for this bundle or on this machine.
        """
        engine, estimator = TreeEngine(ENGINES.get(name, LIGHTGBM), self._grown), self._bundle.estimator
        formula = generic(lambda X: scores_of(estimator, X)) if name == ESTIMATOR else score_formula(estimator, engine)
        rule = decision_rule(self._bundle, TreeEngine(LIGHTGBM, self._grown))
        return CompiledScorer(name, Compiled(self._bundle, self._encoder, formula, rule))


class _TreeFinder:
    """An engine that computes nothing and remembers the trees that it was asked for."""

    def __init__(self, grown: GrownTrees) -> None:
        self._grown = grown

    def sums(self, estimator: Any) -> None:
        """Remember the trees."""
        self._grown.of(estimator)
